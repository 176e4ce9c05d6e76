/* The picture is drawn over the one before: the cursor goes up by as many lines as that had, and
 * each line is cleared as it is written, so that nothing flickers and what stood above stays. A
 * terminal that changes its size breaks lines in its own way; then all of it is cleared.
 *
 * Rejected: the alternate screen, which leaves nothing behind when the watch ends, and a hidden
 * cursor, which stays hidden where the program is killed. */
#include "cli/rollout_watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/event_lines.h"
#include "cli/pages.h"
#include "cli/rollout_next.h"
#include "cli/rollout_text.h"
#include "cli/rollout_view.h"
#include "cli/watch.h"

#define NOT_SEEN_AFTER_S 5 /* as rollout_text.c: before, it is a matter of the moment */

struct live {
    const struct remote *remote;
    char path[64], etag[ETAG_SIZE];
    json_t *rollout, *devices, *names; /* NULL: not read yet, or many */
    struct rollout_news news;
    time_t begun;
    bool is_over, has_failed;
    /* on a terminal */
    bool in_place;
    struct canvas canvas;
    struct winsize size;
    /* elsewhere: what was printed last */
    char line[ROLLOUT_LINE_SIZE], brake[ROLLOUT_NEXT_SIZE], wait[ROLLOUT_NEXT_SIZE];
};

/* ---- Ctrl-C ---- */

/* Ready before the signal comes, for a handler can make nothing. */
static char last_words[120];

static void interrupted(int number)
{
    (void)!write(STDOUT_FILENO, last_words, strlen(last_words));
    signal(number, SIG_DFL);
    raise(number);
}

static void heed_interrupts(unsigned long long rollout_id)
{
    snprintf(last_words, sizeof last_words,
             "\nthe rollout continues; stop it with: godwit rollout halt %llu\n", rollout_id);
    struct sigaction action = {.sa_handler = interrupted};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

/* ---- on a terminal ---- */

static bool has_utf8(void)
{
    static const char *const NAMES[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const char *value = getenv(NAMES[i]);
        if (value && *value) return strstr(value, "UTF-8") || strstr(value, "utf8");
    }
    return false;
}

static bool has_colours(void)
{
    const char *no_colour = getenv("NO_COLOR");
    return !no_colour || !*no_colour;
}

static bool is_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDOUT_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

/* Whether it is another than before. */
static bool take_size(struct live *live)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80}, now;
    if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) && now.ws_row && now.ws_col) size = now;
    bool is_other =
        live->size.ws_col && (live->size.ws_row != size.ws_row || live->size.ws_col != size.ws_col);
    live->size = size;
    return is_other;
}

static void write_lines(const char *text)
{
    while (*text) {
        int size = (int)strcspn(text, "\n");
        printf("\033[K%.*s\n", size, text);
        text += size + (text[size] == '\n');
    }
    fputs("\033[J", stdout);
}

static void draw(struct live *live)
{
    const struct rollout_view view = {.rollout = live->rollout,
                                      .devices = live->devices,
                                      .names = live->names,
                                      .news = &live->news,
                                      .is_live = !live->is_over,
                                      .has_blocks = has_utf8()};
    size_t lines = canvas_lines(&live->canvas);
    if (take_size(live))
        fputs("\033[H\033[2J", stdout);
    else if (lines)
        printf("\033[%zuA\r", lines);
    canvas_clear(&live->canvas);
    live->canvas.columns = live->size.ws_col - 1;
    live->canvas.lines_max = live->size.ws_row - 1;
    live->canvas.has_colours = has_colours();
    rollout_view_draw(&view, &live->canvas);
    write_lines(canvas_text(&live->canvas));
    fflush(stdout);
}

/* ---- elsewhere ---- */

/* A sentence when it is another one, under the line of the rollout. */
static void say(void (*make)(const json_t *rollout, char *out), const json_t *rollout, char *before)
{
    char text[ROLLOUT_NEXT_SIZE];
    make(rollout, text);
    if (*text && strcmp(text, before) != 0) printf("  %s\n", text);
    memcpy(before, text, sizeof text);
}

static void print_lines(struct live *live)
{
    char line[ROLLOUT_LINE_SIZE];
    bool names_not_seen = live->is_over || time(NULL) - live->begun >= NOT_SEEN_AFTER_S;
    rollout_line(live->rollout, names_not_seen, line, sizeof line);
    if (strcmp(line, live->line) != 0) puts(line);
    memcpy(live->line, line, sizeof line);
    say(rollout_brake_text, live->rollout, live->brake);
    say(rollout_wait_text, live->rollout, live->wait);
    fflush(stdout);
}

/* Of many devices only what went wrong: each of them has some news. */
static void print_news(const struct live *live)
{
    const struct news_item *item = rollout_news_at(&live->news, 0);
    if (!live->devices && strcmp(item->state, "failed") != 0) return;
    printf("  %s %s\n", rollout_view_name(live->names, item->device_id), item->words);
    fflush(stdout);
}

/* ---- what the server says ---- */

/* The names of few devices, by id. */
static void read_names(struct live *live)
{
    char path[200] = "/api/v1/devices?fields=device_id,name&filter=id:";
    size_t index, used = strlen(path);
    json_t *device, *reply;
    json_array_foreach(live->devices, index, device) used +=
        (size_t)snprintf(path + used, sizeof path - used, "%s%.12s", index ? "," : "",
                         json_text(device, "device_id"));
    json_decref(live->names);
    live->names = json_object();
    if (!page_get(live->remote, path, ROLLOUT_FEW, "", &reply)) return;
    json_array_foreach(json_object_get(reply, "items"), index, device) json_object_set(
        live->names, json_text(device, "device_id"), json_object_get(device, "name"));
    json_decref(reply);
}

/* The devices of a small rollout; those of others are not kept. */
static void read_devices(struct live *live)
{
    char path[96];
    json_t *reply = NULL;
    size_t before = json_array_size(live->devices);
    bool is_few = json_number(live->rollout, "selected") <= ROLLOUT_FEW;
    snprintf(path, sizeof path, "%s/devices", live->path);
    if (is_few && !page_get(live->remote, path, ROLLOUT_FEW, "", &reply)) return;
    json_decref(live->devices);
    live->devices = json_incref(json_object_get(reply, "items"));
    json_decref(reply);
    if (json_array_size(live->devices) != before) read_names(live);
}

static enum remote_read show(void *ctx)
{
    struct live *live = ctx;
    json_t *rollout = NULL;
    enum remote_read read = remote_read(live->remote, live->path, live->etag, &rollout);
    live->has_failed = read == REMOTE_FAILED;
    if (read == REMOTE_FAILED || read == REMOTE_LATER) return read;
    if (read == REMOTE_NEW) {
        json_decref(live->rollout);
        live->rollout = rollout;
    }
    read_devices(live);
    live->is_over = !rollout_is_expecting(live->rollout);
    if (live->in_place)
        draw(live);
    else
        print_lines(live);
    return live->is_over || ferror(stdout) ? REMOTE_FAILED : REMOTE_NEW;
}

static void hear(void *ctx, const struct event_lines *event)
{
    struct live *live = ctx;
    if (strcmp(event->kind, "device") != 0) return;
    if (rollout_news_take(&live->news, event->data, (int64_t)time(NULL)) && !live->in_place)
        print_news(live);
}

/* So that times are right, and the picture fits when the terminal's size changes. */
static void tick(void *ctx)
{
    struct live *live = ctx;
    if (live->in_place && live->rollout) draw(live);
}

json_t *rollout_watch(const struct remote *remote, unsigned long long rollout_id)
{
    struct live live = {.remote = remote,
                        .begun = time(NULL),
                        .news = {.rollout = (uint32_t)rollout_id},
                        .in_place = is_terminal()};
    const struct watcher watcher = {
        .kinds = "device rollout", .show = show, .hear = hear, .tick = tick, .ctx = &live};
    snprintf(live.path, sizeof live.path, "/api/v1/rollouts/%llu", rollout_id);
    heed_interrupts(rollout_id);
    watch(remote, &watcher);
    signal(SIGINT, SIG_DFL);
    canvas_free(&live.canvas);
    json_decref(live.devices);
    json_decref(live.names);
    if (!live.has_failed && live.is_over) return live.rollout;
    json_decref(live.rollout);
    return NULL;
}
