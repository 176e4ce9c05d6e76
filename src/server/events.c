/* Two locks, neither of which is held while anything is written or sent to more than a few: that of
 * the queue, which the writer takes at its commit, and that of the listeners. */
#include "server/events.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "fleet/account.h"
#include "server/app.h"
#include "server/events_queue.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"

#define LOOK_MS 100   /* notes wait so long for others */
#define RESET_MS 1000 /* the same after a reset: each listener reads its lists again */
#define CHECK_MS 1000 /* whether listeners may still listen */
#define AT_ONCE 64    /* listeners that are sent to under one hold of the lock */
#define VIEWS_MAX 8   /* texts that are kept for the next listener of the same kind */
#define LISTENERS_MAX 10000
#define KEEP_ALIVE_MS 15000

struct listener {
    struct http_request *request;
    uint8_t token_sha256[32];
    struct actor actor;
    uint64_t sent; /* number of the last note it has, or does not get */
};

/* What listeners of one kind are sent, made once. */
struct view {
    struct actor actor;
    uint64_t from, to;
    struct http_piece *piece; /* NULL: nothing for them */
};

struct events {
    struct app *app;
    struct event_notes noted; /* the open transaction's; the writer's alone */
    pthread_mutex_t queue_lock;
    pthread_cond_t came;
    bool is_ending;
    struct event_notes queue;
    pthread_t thread;
    bool is_running;
    /* the thread's */
    struct event_notes taken;
    struct view views[VIEWS_MAX];
    size_t views_next;
    /* under listeners_lock */
    pthread_mutex_t listeners_lock;
    struct event_ring ring;
    struct listener **listeners;
    size_t count, room;
};

/* ---- the writer's side ---- */

static void note(struct events *events, const struct event_note *one)
{
    event_notes_add(&events->noted, one);
}

/* "rollout.created" → kind "rollout", change "created". */
void events_note(struct events *events, const char *org, const char *action, const char *object,
                 const json_t *after)
{
    struct event_note one;
    char kind[24];
    const char *product = json_string_value(json_object_get(after, "product"));
    size_t size = strcspn(action, ".");
    snprintf(kind, sizeof kind, "%.*s", (int)size, action);
    json_t *facts =
        json_pack("{s:s, s:s, s:s*, s:s*}", "kind", kind, "change",
                  action[size] ? action + size + 1 : "", "object", object, "product", product);
    if (event_note_make(&one, org, kind, object ? object : "", facts)) note(events, &one);
}

void events_note_device(void *events, const struct listing *listing)
{
    struct event_note one;
    char id[13];
    device_id_text(listing->device_id, id);
    json_t *facts = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:s}", "kind", "device", "change", "state",
        "object", id, "product", listing->product, "state", listing->standing.state, "reason",
        decision_reason_id(listing->standing.reason), "version", listing->version, "on_trial",
        listing->on_trial, "rollout_id", (json_int_t)listing->standing.rollout, "rollout_state",
        listing->standing.rollout_state);
    if (event_note_make(&one, listing->org, "device", id, facts)) note(events, &one);
}

void events_committed(struct events *events)
{
    struct event_notes *noted = &events->noted;
    if (!noted->count) return;
    pthread_mutex_lock(&events->queue_lock);
    for (size_t i = 0; i < noted->count; i++)
        event_notes_add(&events->queue, &noted->notes[i]);
    events->queue.is_over |= noted->is_over;
    pthread_cond_signal(&events->came);
    pthread_mutex_unlock(&events->queue_lock);
    events_aborted(events);
}

void events_aborted(struct events *events)
{
    events->noted.count = 0;
    events->noted.is_over = false;
}

/* ---- texts ---- */

static void add_event(struct godwit_text *text, int64_t start, const struct event_note *one)
{
    char head[96];
    snprintf(head, sizeof head, "id: %lld-%llu\nevent: %s\ndata: ", (long long)start,
             (unsigned long long)one->number, one->kind);
    godwit_text_add(text, head);
    godwit_text_add(text, one->text);
    godwit_text_add(text, "\n\n");
}

/* All after `from` that the actor may hear of; NULL: nothing. */
static struct http_piece *piece_of(const struct events *events, const struct actor *actor,
                                   uint64_t from)
{
    size_t size_max = (size_t)(events->ring.last - from) * (EVENT_TEXT_MAX + 96) + 1;
    char *data = malloc(size_max);
    struct godwit_text text;
    if (!data) abort();
    godwit_text_init(&text, data, size_max);
    for (uint64_t number = from + 1; number <= events->ring.last; number++) {
        const struct event_note *one = event_ring_at(&events->ring, number);
        if (one && event_is_for(one, actor)) add_event(&text, events->app->started_s, one);
    }
    struct http_piece *piece = text.size ? http_piece_new(data, text.size) : NULL;
    free(data);
    return piece;
}

static bool is_view_of(const struct view *view, const struct listener *listener, uint64_t last)
{
    return view->to == last && view->from == listener->sent &&
           view->actor.role == listener->actor.role &&
           view->actor.scopes == listener->actor.scopes &&
           !strcmp(view->actor.org, listener->actor.org) &&
           !strcmp(view->actor.product, listener->actor.product);
}

static struct http_piece *view_piece(struct events *events, const struct listener *listener)
{
    for (size_t i = 0; i < VIEWS_MAX; i++)
        if (is_view_of(&events->views[i], listener, events->ring.last))
            return events->views[i].piece;
    struct view *view = &events->views[events->views_next++ % VIEWS_MAX];
    http_piece_drop(view->piece);
    *view = (struct view){listener->actor, listener->sent, events->ring.last,
                          piece_of(events, &listener->actor, listener->sent)};
    return view->piece;
}

/* ---- listeners; the lock is held ---- */

static struct http_request *remove_at(struct events *events, size_t place)
{
    struct listener *listener = events->listeners[place];
    struct http_request *request = listener->request;
    events->listeners[place] = events->listeners[--events->count];
    free(listener);
    return request;
}

static bool may_listen(struct events *events, struct listener *listener)
{
    struct app *app = events->app;
    fleet_lock(&app->fleet);
    bool is_good = token_actor(&app->fleet, listener->token_sha256, clock_unix_s(app->clock),
                               &listener->actor);
    fleet_unlock(&app->fleet);
    return is_good;
}

/* From the last to the first: one that goes meanwhile puts another, which has been sent to, in its
 * place, and one that comes has all that there is. */
static void send_few(struct events *events, size_t *place)
{
    for (size_t i = 0; i<AT_ONCE && * place> 0; i++) {
        --*place;
        if (*place >= events->count) continue;
        struct listener *listener = events->listeners[*place];
        if (!may_listen(events, listener)) {
            http_stream_end(remove_at(events, *place));
            continue;
        }
        if (listener->sent == events->ring.last) continue;
        struct http_piece *piece = view_piece(events, listener);
        if (piece) http_stream_send(listener->request, piece);
        listener->sent = events->ring.last;
    }
}

/* ---- the thread ---- */

static struct timespec in_ms(unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return until;
}

/* The first note is waited for, then others that come close behind. False: it is over. */
static bool take_notes(struct events *events)
{
    struct timespec until = in_ms(CHECK_MS);
    int status = 0;
    pthread_mutex_lock(&events->queue_lock);
    while (!events->is_ending && !events->queue.count && !status)
        status = pthread_cond_timedwait(&events->came, &events->queue_lock, &until);
    until = in_ms(events->taken.is_over ? RESET_MS : LOOK_MS);
    status = 0;
    while (!events->is_ending && events->queue.count && !status)
        status = pthread_cond_timedwait(&events->came, &events->queue_lock, &until);
    events->taken = events->queue;
    events->queue.count = 0;
    events->queue.is_over = false;
    bool goes_on = !events->is_ending;
    pthread_mutex_unlock(&events->queue_lock);
    return goes_on;
}

static void number_notes(struct events *events)
{
    struct event_notes *taken = &events->taken;
    struct event_note reset;
    pthread_mutex_lock(&events->listeners_lock);
    if (taken->is_over &&
        event_note_make(&reset, "", "reset", "", json_pack("{s:s}", "kind", "reset")))
        event_ring_add(&events->ring, &reset);
    for (size_t i = 0; i < taken->count && !taken->is_over; i++)
        event_ring_add(&events->ring, &taken->notes[i]);
    pthread_mutex_unlock(&events->listeners_lock);
}

static void *run(void *ctx)
{
    struct events *events = ctx;
    while (take_notes(events)) {
        number_notes(events);
        size_t place = SIZE_MAX;
        while (place > 0) {
            pthread_mutex_lock(&events->listeners_lock);
            if (place > events->count) place = events->count;
            send_few(events, &place);
            pthread_mutex_unlock(&events->listeners_lock);
        }
    }
    return NULL;
}

godwit_err events_open(struct app *app)
{
    struct events *events = calloc(1, sizeof *events);
    pthread_condattr_t attributes;
    if (!events) abort();
    events->app = app;
    pthread_mutex_init(&events->queue_lock, NULL);
    pthread_mutex_init(&events->listeners_lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&events->came, &attributes);
    pthread_condattr_destroy(&attributes);
    app->events = events;
    app->fleet.on_listed = events_note_device;
    app->fleet.on_listed_ctx = events;
    events->is_running = !pthread_create(&events->thread, NULL, run, events);
    return events->is_running ? GODWIT_OK : GODWIT_ERR_IO;
}

void events_close(struct events *events)
{
    if (!events) return;
    pthread_mutex_lock(&events->queue_lock);
    events->is_ending = true;
    pthread_cond_signal(&events->came);
    pthread_mutex_unlock(&events->queue_lock);
    if (events->is_running) pthread_join(events->thread, NULL);
    for (size_t i = 0; i < VIEWS_MAX; i++)
        http_piece_drop(events->views[i].piece);
    pthread_cond_destroy(&events->came);
    pthread_mutex_destroy(&events->queue_lock);
    pthread_mutex_destroy(&events->listeners_lock);
    free(events->listeners);
    free(events);
}

/* ---- the route ---- */

static void stream_ended(struct http_request *request)
{
    struct events *events = ((struct app *)request->app)->events;
    bool was_there = false;
    pthread_mutex_lock(&events->listeners_lock);
    for (size_t i = 0; i < events->count && !was_there; i++)
        if ((was_there = events->listeners[i]->request == request)) remove_at(events, i);
    pthread_mutex_unlock(&events->listeners_lock);
    if (was_there) http_stream_end(request);
}

static bool make_room(struct events *events)
{
    if (events->count < events->room) return true;
    size_t room = events->room ? 2 * events->room : 16;
    struct listener **more = realloc(events->listeners, room * sizeof *more);
    if (!more) return false;
    events->listeners = more;
    events->room = room;
    return true;
}

/* "1764500000-17", as an event gave it: the number, where it is of this start and all since is
 * there. */
static bool parse_last(const struct events *events, const char *text, uint64_t *number_out)
{
    char *end = NULL;
    if (!text || strspn(text, "0123456789-") != strlen(text)) return false;
    long long start = strtoll(text, &end, 10);
    if (start != events->app->started_s || *end != '-') return false;
    *number_out = strtoull(end + 1, NULL, 10);
    return event_ring_reaches(&events->ring, *number_out);
}

/* `ready` tells where the stream begins; `reset` besides that what was missed is not there. */
static void greet(struct events *events, struct listener *listener, const char *last)
{
    char text[160];
    bool is_resumed = parse_last(events, last, &listener->sent);
    if (!is_resumed) listener->sent = events->ring.last;
    snprintf(text, sizeof text,
             "retry: 2000\nid: %lld-%llu\nevent: %s\ndata: {\"kind\":\"%s\"}\n\n",
             (long long)events->app->started_s, (unsigned long long)listener->sent,
             last && !is_resumed ? "reset" : "ready", last && !is_resumed ? "reset" : "ready");
    struct http_piece *first = http_piece_new(text, strlen(text));
    http_stream_send(listener->request, first);
    http_piece_drop(first);
    struct http_piece *missed = piece_of(events, &listener->actor, listener->sent);
    if (missed) http_stream_send(listener->request, missed);
    http_piece_drop(missed);
    listener->sent = events->ring.last;
}

/* Under the lock from before the stream begins, so that it can not end before it is in the list. */
void handle_event_stream(struct http_request *request)
{
    static const struct http_stream_options OPTIONS = {"text/event-stream", ":\n\n", KEEP_ALIVE_MS};
    struct events *events = ((struct app *)request->app)->events;
    struct listener *listener = calloc(1, sizeof *listener);
    const char *last = http_header(request, "Last-Event-ID");
    char last_text[48] = "";
    if (!listener) {
        problem_busy(request);
        return;
    }
    if (last) snprintf(last_text, sizeof last_text, "%s", last);
    memcpy(listener->token_sha256, permission_digest(request), sizeof listener->token_sha256);
    listener->actor = *permission_actor(request);
    listener->request = request;
    http_reply_header(request, "X-Accel-Buffering", "no");
    pthread_mutex_lock(&events->listeners_lock);
    bool has_room = events->count < LISTENERS_MAX && make_room(events);
    if (has_room && http_stream_begin(request, &OPTIONS, stream_ended)) {
        events->listeners[events->count++] = listener;
        greet(events, listener, last ? last_text : NULL);
        listener = NULL;
    }
    pthread_mutex_unlock(&events->listeners_lock);
    if (!has_room) problem_busy(request);
    free(listener);
}
