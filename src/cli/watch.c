/* An event says that something has changed, and not what is shown: filter, order and page are the
 * server's business, so the page is read again, with its ETag. Where there is no stream to be had
 * (a full or an older server), the page is read at each try for one. */
#include "cli/watch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/event_lines.h"

#define STREAM "/api/v1/events/stream"
#define SHOW_MS 500 /* between two reads, however much happens */
#define TICK_MS 1000
#define AGAIN_MS 10000     /* read anyway: when a device was seen is no event */
#define SILENCE_MS 60000   /* the server says something every 15 s */
#define PAUSE_MS 1000      /* before the first try after a cut … */
#define PAUSE_MS_MAX 30000 /* … and before the last of many */

struct watch {
    struct remote_stream stream; /* first: a stream is a watch */
    struct event_lines lines;
    const struct watcher *watcher;
    int64_t shown_ms, heard_ms, ticked_ms;
    bool is_stale, is_heard, is_over;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void show(struct watch *watch)
{
    enum remote_read read = watch->watcher->show(watch->watcher->ctx);
    watch->shown_ms = watch->ticked_ms = now_ms();
    watch->is_stale = read == REMOTE_LATER;
    watch->is_over = read == REMOTE_FAILED;
}

static bool is_asked_for(const struct watch *watch, const char *kind)
{
    size_t size = strlen(kind);
    for (const char *at = watch->watcher->kinds; *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");
        if (word == size && !strncmp(at, kind, size)) return true;
        at += word;
    }
    return false;
}

/* `ready` of a stream that continues says that nothing was missed; where it begins, what was shown
 * may be older than it. */
static void take_event(void *ctx, const struct event_lines *event)
{
    struct watch *watch = ctx;
    const struct watcher *watcher = watch->watcher;
    bool is_first = !strcmp(event->kind, "ready") && !watch->stream.last_id[0];
    bool is_asked = is_asked_for(watch, event->kind);
    if (is_first || !strcmp(event->kind, "reset") || is_asked) watch->is_stale = true;
    if (is_asked && watcher->hear) watcher->hear(watcher->ctx, event);
    if (event->id[0])
        snprintf(watch->stream.last_id, sizeof watch->stream.last_id, "%s", event->id);
}

static void take(struct remote_stream *stream, const char *data, size_t size)
{
    struct watch *watch = (struct watch *)stream;
    watch->heard_ms = now_ms();
    watch->is_heard = true;
    event_lines_feed(&watch->lines, data, size, take_event, watch);
}

static void tick(struct watch *watch, int64_t now)
{
    const struct watcher *watcher = watch->watcher;
    if (!watcher->tick || now - watch->ticked_ms < TICK_MS) return;
    watch->ticked_ms = now;
    watcher->tick(watcher->ctx);
}

static bool look(struct remote_stream *stream)
{
    struct watch *watch = (struct watch *)stream;
    int64_t now = now_ms(), age = now - watch->shown_ms;
    if ((watch->is_stale && age >= SHOW_MS) || age >= AGAIN_MS)
        show(watch);
    else
        tick(watch, now);
    return !watch->is_over && now - watch->heard_ms < SILENCE_MS;
}

static unsigned rest(unsigned pause_ms)
{
    nanosleep(&(struct timespec){pause_ms / 1000, (long)(pause_ms % 1000) * 1000000}, NULL);
    return 2 * pause_ms > PAUSE_MS_MAX ? PAUSE_MS_MAX : 2 * pause_ms;
}

void watch(const struct remote *remote, const struct watcher *watcher)
{
    struct watch watch = {.stream = {"", take, look}, .watcher = watcher, .is_stale = true};
    unsigned pause_ms = PAUSE_MS;
    bool is_there = false;
    show(&watch);
    while (!watch.is_over) {
        watch.lines = (struct event_lines){0};
        watch.heard_ms = now_ms();
        watch.is_heard = false;
        if (!remote_listen(remote, STREAM, &watch.stream, &is_there) || watch.is_over) return;
        if (watch.is_heard) {
            pause_ms = PAUSE_MS;
            fputs("godwit: the server's events were cut; trying to hear them again\n", stderr);
        }
        pause_ms = rest(pause_ms);
        if (is_there) show(&watch);
    }
}
