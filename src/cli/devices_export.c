/* What comes is written as it comes, for there may be a million rows. It is whole only if the
 * server ends it; whatever else ends it is an error, and leaves no file that could be taken for
 * one. */
#include "cli/devices_export.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/exchange.h"
#include "cli/file.h"
#include "cli/filter_help.h"
#include "disk/disk.h"

#define PROGRESS_AFTER_MS 2000
#define PROGRESS_EACH_MS 500
#define SILENCE_MS 60000

static const char *const FORMATS[] = {"csv", "ndjson"};

static volatile sig_atomic_t is_interrupted;

struct export
{
    struct remote_stream stream; /* first: a stream is an export */
    struct file_pieces file;
    unsigned long long lines, bytes;
    int64_t begun_ms, heard_ms, shown_ms;
    bool is_shown, is_failed;
    char cut[400]; /* what is said where it does not come to its end */
};

static void on_signal(int number)
{
    (void)number;
    is_interrupted = 1;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void take(struct remote_stream *stream, const char *data, size_t size)
{
    struct export *export = (struct export *)stream;
    export->heard_ms = now_ms();
    export->bytes += size;
    for (size_t i = 0; i < size; i++)
        export->lines += data[i] == '\n';
    if (export->is_failed || !disk_write_all(export->file.fd, (const uint8_t *)data, size)) return;
    export->is_failed = true;
    snprintf(export->cut, sizeof export->cut, "the export can not be written: %s", strerror(errno));
}

static void show(struct export *export, int64_t now)
{
    if (now - export->begun_ms < PROGRESS_AFTER_MS || now - export->shown_ms < PROGRESS_EACH_MS)
        return;
    fprintf(stderr, "\r  %llu devices, %llu KiB", export->lines, export->bytes / 1024);
    export->is_shown = true;
    export->shown_ms = now;
}

static bool look(struct remote_stream *stream)
{
    struct export *export = (struct export *)stream;
    int64_t now = now_ms();
    if (isatty(STDERR_FILENO) && !isatty(export->file.fd)) show(export, now);
    bool is_silent = now - export->heard_ms > SILENCE_MS;
    if (is_silent && !export->is_failed)
        snprintf(export->cut, sizeof export->cut,
                 "the server sent nothing for a minute, so the export is not whole; try again");
    return !is_interrupted && !export->is_failed && !is_silent;
}

static bool run(const struct remote *remote, struct export *export, const char *path)
{
    struct exchange exchange = {
        .method = "GET", .path = path, .stream = &export->stream, .cut = export->cut};
    snprintf(export->cut, sizeof export->cut,
             "the export was cut before its end, so it is not whole; try again");
    export->begun_ms = export->heard_ms = now_ms();
    bool is_good = exchange_run(remote, &exchange);
    free(exchange.reply.data);
    return is_good && !export->is_failed;
}

bool devices_export_has(const char *format)
{
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++)
        if (!strcmp(format, FORMATS[i])) return true;
    return false;
}

bool devices_export(const struct remote *remote, const struct devices_export *wanted)
{
    static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP};
    char path[4096] = "/api/v1/devices/export";
    struct export export = {.stream = {"", take, look}};
    const char *output = wanted->output ? wanted->output : "-";
    query_add(path, sizeof path, "format", wanted->format);
    if (wanted->sort) query_add(path, sizeof path, "sort", wanted->sort);
    if (wanted->filter) query_add(path, sizeof path, "filter", wanted->filter);
    if (!file_begin(&export.file, "devices", output)) return false;
    /* A file that is not finished is taken away; a pipe may be one that nobody empties. */
    for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS && export.file.fd != STDOUT_FILENO; i++)
        signal(SIGNALS[i], on_signal);
    bool is_good = run(remote, &export, path);
    if (!file_end(&export.file, is_good)) return false;
    bool has_head = !strcmp(wanted->format, FORMATS[0]);
    if (export.file.fd != STDOUT_FILENO)
        printf("%llu devices are in %s\n", export.lines - has_head, output);
    return true;
}
