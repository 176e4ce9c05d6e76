/* Two buffers: callers fill one under a mutex that is held for a copy only, the thread writes the
 * other. Limits are a token bucket for each event's name, in a small open hash. */
#include "rt/log_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rt/log_line.h"

#define BUFFER_SIZE (256U * 1024U)
#define LINE_SIZE 1024U
#define EVENTS 256U /* names at once; more share the last one's limit */
#define PATIENCE_S 2

struct event {
    const char *name; /* NULL: free. Static, as GODWIT_LOG promises */
    uint64_t tokens;  /* thousandths of a line */
    uint64_t filled_ms;
    unsigned left_out;
};

struct buffer {
    char *text;
    size_t size;
};

struct log_writer {
    int fd;
    enum godwit_log_level level;
    struct clock clock;
    pthread_mutex_t mutex;
    pthread_cond_t wake, written;
    struct buffer filling, writing;
    struct event events[EVENTS];
    unsigned dropped;
    uint64_t said_ms;
    bool closing, busy, has_thread;
    pthread_t thread;
};

/* --- what may be said ---------------------------------------------------------------------- */

static struct event *event_find(struct log_writer *writer, const char *name)
{
    uint32_t hash = 2166136261U;
    for (const char *at = name; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619U;
    unsigned at = hash % EVENTS;
    for (unsigned tries = 1; tries < EVENTS; tries++, at = (at + 1) % EVENTS) {
        struct event *event = &writer->events[at];
        if (event->name && strcmp(event->name, name) != 0) continue;
        if (!event->name) event->tokens = (uint64_t)LOG_WRITER_BURST * 1000;
        event->name = name;
        return event;
    }
    return &writer->events[at];
}

static bool event_allowed(struct event *event, uint64_t now_ms)
{
    if (now_ms > event->filled_ms) event->tokens += (now_ms - event->filled_ms) * LOG_WRITER_PER_S;
    event->filled_ms = now_ms;
    if (event->tokens > (uint64_t)LOG_WRITER_BURST * 1000)
        event->tokens = (uint64_t)LOG_WRITER_BURST * 1000;
    if (event->tokens < 1000) {
        event->left_out++;
        return false;
    }
    event->tokens -= 1000;
    return true;
}

/* --- lines --------------------------------------------------------------------------------- */

static size_t line_begin(const struct log_writer *writer, char *line, size_t size,
                         enum godwit_log_level level, const char *event)
{
    static const char *const LEVELS[] = {"error", "warn", "info", "debug"};
    char when[32];
    uint64_t unix_ms = clock_unix_ms(&writer->clock);
    time_t now = (time_t)(unix_ms / 1000);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    int used = snprintf(line, size, "time=%s.%03uZ level=%s event=%s ", when,
                        (unsigned)(unix_ms % 1000), LEVELS[level], event);
    return used > 0 && (size_t)used < size ? (size_t)used : 0;
}

/* Called with the mutex. */
static void buffer_add(struct log_writer *writer, const char *line, size_t size)
{
    struct buffer *filling = &writer->filling;
    if (size > BUFFER_SIZE - filling->size) {
        writer->dropped++;
        return;
    }
    memcpy(filling->text + filling->size, line, size);
    filling->size += size;
    pthread_cond_signal(&writer->wake);
}

void log_writer_add(void *ctx, enum godwit_log_level level, const char *event, const char *format,
                    __builtin_va_list args)
{
    struct log_writer *writer = ctx;
    char line[LINE_SIZE];
    if (level > writer->level) return;
    pthread_mutex_lock(&writer->mutex);
    bool allowed = event_allowed(event_find(writer, event), clock_now_ms(&writer->clock));
    pthread_mutex_unlock(&writer->mutex);
    if (!allowed) return;
    size_t size = line_begin(writer, line, sizeof line, level, event);
    size += log_line_format(line + size, sizeof line - size - 1, format, args);
    line[size++] = '\n';
    pthread_mutex_lock(&writer->mutex);
    buffer_add(writer, line, size);
    pthread_mutex_unlock(&writer->mutex);
}

/* --- what was left out --------------------------------------------------------------------- */

static void say_one(struct log_writer *writer, const char *name, unsigned *lines)
{
    char line[256];
    if (!*lines) return;
    size_t size = line_begin(writer, line, sizeof line, GODWIT_LOG_WARN, "log_lines_left_out");
    int more = snprintf(line + size, sizeof line - size, "name=%s lines=%u\n", name, *lines);
    size += (size_t)more;
    if (more < 0 || size >= sizeof line || size > BUFFER_SIZE - writer->filling.size) return;
    *lines = 0;
    buffer_add(writer, line, size);
}

/* Called with the mutex. */
static void say_left_out(struct log_writer *writer)
{
    uint64_t now_ms = clock_now_ms(&writer->clock);
    if (now_ms - writer->said_ms < LOG_WRITER_SAY_MS && !writer->closing) return;
    writer->said_ms = now_ms;
    for (unsigned i = 0; i < EVENTS; i++)
        if (writer->events[i].name)
            say_one(writer, writer->events[i].name, &writer->events[i].left_out);
    say_one(writer, "buffer", &writer->dropped);
}

/* --- writing ------------------------------------------------------------------------------- */

static void write_all(int fd, const char *text, size_t size)
{
    while (size) {
        ssize_t done = write(fd, text, size);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0 && errno == EAGAIN) { /* this thread may wait */
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
            continue;
        }
        if (done <= 0) return; /* nobody can be told */
        text += done;
        size -= (size_t)done;
    }
}

/* Called with the mutex, which is let go for the writing itself. */
static bool write_next(struct log_writer *writer)
{
    if (!writer->filling.size) say_left_out(writer);
    if (!writer->filling.size) return false;
    struct buffer full = writer->filling;
    writer->filling = writer->writing;
    writer->filling.size = 0;
    writer->writing = full;
    say_left_out(writer); /* there is room in the empty one */
    writer->busy = true;
    pthread_mutex_unlock(&writer->mutex);
    write_all(writer->fd, full.text, full.size);
    pthread_mutex_lock(&writer->mutex);
    writer->busy = false;
    pthread_cond_broadcast(&writer->written);
    return true;
}

bool log_writer_step(struct log_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    bool wrote = write_next(writer);
    pthread_mutex_unlock(&writer->mutex);
    return wrote;
}

static void deadline_in(time_t seconds, struct timespec *deadline_out)
{
    clock_gettime(CLOCK_MONOTONIC, deadline_out);
    deadline_out->tv_sec += seconds;
}

static void *writer_thread(void *ctx)
{
    struct log_writer *writer = ctx;
    pthread_mutex_lock(&writer->mutex);
    for (;;) {
        struct timespec tick;
        if (write_next(writer)) continue;
        if (writer->closing) break;
        deadline_in(LOG_WRITER_SAY_MS / 1000, &tick);
        pthread_cond_clockwait(&writer->wake, &writer->mutex, CLOCK_MONOTONIC, &tick);
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

void log_writer_flush(struct log_writer *writer)
{
    struct timespec deadline;
    deadline_in(PATIENCE_S, &deadline);
    if (pthread_mutex_clocklock(&writer->mutex, CLOCK_MONOTONIC, &deadline))
        return; /* an abort under it */
    while (writer->has_thread && (writer->filling.size || writer->busy))
        if (pthread_cond_clockwait(&writer->written, &writer->mutex, CLOCK_MONOTONIC, &deadline))
            break;
    pthread_mutex_unlock(&writer->mutex);
}

static void writer_free(struct log_writer *writer)
{
    pthread_cond_destroy(&writer->wake);
    pthread_cond_destroy(&writer->written);
    pthread_mutex_destroy(&writer->mutex);
    free(writer->filling.text);
    free(writer->writing.text);
    free(writer);
}

godwit_err log_writer_open(int fd, enum godwit_log_level level, const struct clock *clock,
                           unsigned threads, struct log_writer **writer_out)
{
    struct log_writer *writer = calloc(1, sizeof *writer);
    if (!writer) abort();
    writer->fd = fd;
    writer->level = level;
    writer->clock = *clock;
    writer->said_ms = clock_now_ms(clock);
    writer->filling.text = malloc(BUFFER_SIZE);
    writer->writing.text = malloc(BUFFER_SIZE);
    if (!writer->filling.text || !writer->writing.text) abort();
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->wake, NULL);
    pthread_cond_init(&writer->written, NULL);
    writer->has_thread = threads && !pthread_create(&writer->thread, NULL, writer_thread, writer);
    if (threads && !writer->has_thread) {
        writer_free(writer);
        return GODWIT_ERR_IO;
    }
    *writer_out = writer;
    return GODWIT_OK;
}

void log_writer_close(struct log_writer *writer)
{
    struct timespec deadline;
    if (!writer) return;
    pthread_mutex_lock(&writer->mutex);
    writer->closing = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
    deadline_in(PATIENCE_S, &deadline);
    /* A reader that takes nothing for so long keeps the thread, and its memory; the program ends.
     */
    if (writer->has_thread &&
        pthread_clockjoin_np(writer->thread, NULL, CLOCK_MONOTONIC, &deadline))
        return;
    while (!writer->has_thread && log_writer_step(writer)) {
    }
    writer_free(writer);
}
