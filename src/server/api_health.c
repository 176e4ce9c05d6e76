/* What machines ask to watch the service by: whether it lives, whether it takes changes, and its
 * numbers in Prometheus' text format (version 0.0.4). Devices are counted for the caller's
 * organisation, from the counts that are kept; nothing here walks the fleet. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/version.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/text_file.h"

#define METRICS_MAX 65536
#define LABEL_MAX 80

void handle_root(struct http_request *request)
{
    static const char text[] =
        "This is Godwit, which updates ESP32 devices. It has no pages yet: use the command line\n"
        "(`godwit login`, `godwit help`) or the API, which /api/v1/openapi.json describes.\n";
    http_reply(request, 200, "text/plain; charset=utf-8", text, sizeof text - 1);
}

void handle_health(struct http_request *request)
{
    http_reply(request, 200, "text/plain", "ok\n", 3);
}

void handle_ready(struct http_request *request)
{
    const struct app *app = request->app;
    if (atomic_load(&app->is_ailing))
        problem(request, 503, "not-ready",
                "the last change could not be written to the disk; is it full? It is tried again "
                "every few seconds",
                NULL);
    else
        http_reply(request, 200, "text/plain", "ready\n", 6);
}

/* ---- metrics ---- */

struct page {
    char *text;
    size_t size;
    bool is_full;
};

__attribute__((format(printf, 2, 3))) static void add(struct page *page, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(page->text + page->size, METRICS_MAX - page->size, format, args);
    va_end(args);
    page->is_full |= size < 0 || (size_t)size >= METRICS_MAX - page->size;
    if (!page->is_full) page->size += (size_t)size;
}

enum metric_kind { COUNTER, GAUGE };

static void add_head(struct page *page, const char *name, enum metric_kind kind, const char *help)
{
    add(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
        kind == COUNTER ? "counter" : "gauge");
}

static void add_server(struct page *page, struct app *app)
{
    struct http_stats stats = {0};
    struct http_server *server = atomic_load(&app->http);
    if (server) http_stats(server, &stats);
    const struct {
        const char *name;
        enum metric_kind kind;
        const char *help;
        uint64_t value;
    } rows[] = {
        {"godwit_uptime_seconds", GAUGE, "Time since the start.",
         (uint64_t)(clock_unix_s(app->clock) - app->started_s)},
        {"godwit_connections_total", COUNTER, "Connections taken.", stats.connections},
        {"godwit_connections", GAUGE, "Connections open now.", stats.connections_open},
        {"godwit_requests_total", COUNTER, "Requests answered.", stats.requests},
        {"godwit_refused_limit_total", COUNTER, "Refused because a limit was reached.",
         stats.refused_limit},
        {"godwit_refused_framing_total", COUNTER, "Refused as malformed HTTP.",
         stats.refused_framing},
        {"godwit_handshakes_total", COUNTER, "TLS handshakes.", stats.handshakes},
        {"godwit_handshakes_resumed_total", COUNTER, "Of them resumed.", stats.resumed},
        {"godwit_deadlines_total", COUNTER, "Connections that passed a deadline.", stats.deadlines},
        {"godwit_displaced_total", COUNTER,
         "Unauthenticated connections closed in favour of a new one.", stats.displaced},
        {"godwit_input_held_bytes", GAUGE, "Input held in memory now.", stats.input_held},
        {"godwit_held_requests", GAUGE, "Check-ins that wait for something to do.", stats.held},
        {"godwit_streams", GAUGE, "Listeners of the event stream.", stats.streams},
        {"godwit_exports", GAUGE, "Exports of devices that run.", app_exports(app)},
        {"godwit_disk_free_bytes", GAUGE, "Left on the disk of the data directory.",
         path_room(app->settings->data)},
        {"godwit_disk_reserve_bytes", GAUGE, "Of it, what uploads leave free.",
         (uint64_t)app->settings->reserve_mib << 20},
        {"godwit_writable", GAUGE, "Whether the last change was written.",
         !atomic_load(&app->is_ailing)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        add_head(page, rows[i].name, rows[i].kind, rows[i].help);
        add(page, "%s %llu\n", rows[i].name, (unsigned long long)rows[i].value);
    }
}

static void add_process(struct page *page)
{
    struct rusage usage;
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    char line[64] = "", *resident;
    if (file && fgets(line, sizeof line, file) && (resident = strchr(line, ' ')))
        pages = strtoul(resident, NULL, 10);
    if (file) fclose(file);
    add_head(page, "process_resident_memory_bytes", GAUGE, "Memory in use.");
    add(page, "process_resident_memory_bytes %llu\n",
        (unsigned long long)pages * (unsigned long long)sysconf(_SC_PAGESIZE));
    if (getrusage(RUSAGE_SELF, &usage)) return;
    add_head(page, "process_cpu_seconds_total", COUNTER, "Processor time used.");
    add(page, "process_cpu_seconds_total %.3f\n",
        (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

/* A label's value in its quotes: a backslash before backslash, quote and line end. */
static void add_label(struct page *page, const char *name, const char *value)
{
    char escaped[2 * LABEL_MAX + 1];
    size_t size = 0;
    for (; *value && size < 2 * LABEL_MAX; value++) {
        if (*value == '\\' || *value == '"' || *value == '\n') escaped[size++] = '\\';
        escaped[size++] = *value == '\n' ? 'n' : *value;
    }
    escaped[size] = '\0';
    add(page, "%s=\"%s\"", name, escaped);
}

static godwit_err add_devices(struct page *page, struct db *db, const char *org)
{
    struct db_rows rows;
    char product[LABEL_MAX], state[LABEL_MAX];
    add_head(page, "godwit_devices", GAUGE, "Devices by product and state.");
    godwit_err err = db_query(db, &rows,
                              "select product_name, state, sum(count) from device_counts"
                              " where org = $1 group by product_name, state order by 1, 2",
                              DB_ARGS(db_text(org)));
    while (!err && !(err = db_next(&rows))) {
        db_column_text(&rows, 0, product, sizeof product);
        db_column_text(&rows, 1, state, sizeof state);
        add(page, "godwit_devices{");
        add_label(page, "product", product);
        add(page, ",");
        add_label(page, "state", state);
        add(page, "} %lld\n", (long long)db_column_int(&rows, 2));
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

void handle_metrics(struct http_request *request)
{
    struct app *app = request->app;
    struct page page = {.text = arena_zalloc(request->arena, METRICS_MAX)};
    struct db *db = page.text ? app_reader_take(app) : NULL;
    if (!db) {
        problem_busy(request);
        return;
    }
    add_head(&page, "godwit_info", GAUGE, "The version that runs.");
    add(&page, "godwit_info{version=\"" GODWIT_VERSION "\"} 1\n");
    add_server(&page, app);
    add_process(&page);
    godwit_err err = add_devices(&page, db, permission_org(request));
    app_reader_give(app, db);
    if (err || page.is_full)
        problem_busy(request);
    else
        http_reply(request, 200, "text/plain; version=0.0.4", page.text, page.size);
}
