/* All devices that a filter finds, in one answer of any length.
 *
 * A page is read when the client has taken the one before: by the key of the last row, on a read
 * connection that is given back before the page is sent. So neither a snapshot of the database nor
 * a thread waits for a slow client, and what it costs is one page of text. Rejected: one statement
 * that is kept open (SQLite's log could not be cut for as long), and a file that is made first (the
 * disk of a server is not ours to fill for who reads).
 *
 * Whoever is no longer let in gets no further page. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "http/produce.h"
#include "server/api_schema.h"
#include "server/csv.h"
#include "server/device_list.h"
#include "server/handlers.h"
#include "server/pages.h"
#include "server/permission.h"
#include "server/problem.h"

#define PAGE_ROWS 250

struct export
{
    const struct export_format *format;
    struct list_query query;
    struct list_place place; /* of the last row that was made */
    const char *fields;      /* with spaces or commas between */
    struct list_device *rows;
    char *text; /* of the last page */
    size_t text_size;
    godwit_err at;   /* OK: there are more pages */
    bool is_ready;   /* a page is made that was not taken yet */
    bool is_started; /* the head was written */
    char *slot;      /* app_export_begin */
};

/* ---- formats ---- */

struct export_format {
    const char *name;
    struct http_producer producer;
    void (*head)(const struct export *export, FILE *out); /* NULL: none */
    void (*row)(const struct export *export, json_t *device, FILE *out);
};

/* The next field, copied; false: there is none. */
static bool next_field(const char **at, char out[static 32])
{
    *at += strspn(*at, " ,");
    size_t size = strcspn(*at, " ,");
    snprintf(out, 32, "%.*s", (int)size, *at);
    *at += size;
    return size > 0;
}

static void csv_head(const struct export *export, FILE *out)
{
    struct csv csv = {.out = out};
    const char *at = export->fields;
    char name[32];
    while (next_field(&at, name))
        csv_text(&csv, name);
    csv_line_end(&csv);
}

/* "beta site=berlin", each as it stands behind tag: in a filter; none holds a space. */
static void csv_tags(struct csv *csv, const json_t *tags)
{
    char text[4096] = "";
    size_t index, used = 0;
    json_t *tag;
    json_array_foreach(tags, index, tag) if (used < sizeof text) used += (size_t)snprintf(
        text + used, sizeof text - used, "%s%s", index ? " " : "", json_string_value(tag));
    csv_text(csv, text);
}

static void csv_value(struct csv *csv, const struct schema_row *row, const json_t *value)
{
    char number[24];
    switch (json_typeof(value)) {
    case JSON_STRING:
        csv_text(csv, json_string_value(value));
        return;
    case JSON_ARRAY:
        csv_tags(csv, value);
        return;
    case JSON_INTEGER:
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        if (row->type == SCHEMA_TIME)
            csv_time(csv, json_integer_value(value));
        else
            csv_bare(csv, number);
        return;
    default:
        csv_bare(csv, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "");
    }
}

static void csv_row(const struct export *export, json_t *device, FILE *out)
{
    struct csv csv = {.out = out};
    const char *at = export->fields;
    char name[32];
    while (next_field(&at, name)) {
        const struct schema_row *row = schema_find("device") + 1;
        while (strcmp(row->name, name) != 0)
            row++;
        csv_value(&csv, row, json_object_get(device, name));
    }
    csv_line_end(&csv);
}

/* JSON_ENSURE_ASCII leaves one control character as it is. */
static int json_part(const char *data, size_t size, void *ctx)
{
    for (const char *end = data + size; data < end; data++)
        if (*data == 0x7f)
            fputs_unlocked("\\u007f", ctx);
        else
            putc_unlocked(*data, (FILE *)ctx);
    return 0;
}

static void json_row(const struct export *export, json_t *device, FILE *out)
{
    page_keep_fields(device, export->fields);
    (void)json_dump_callback(device, json_part, out, JSON_COMPACT | JSON_ENSURE_ASCII);
    putc_unlocked('\n', out);
}

/* ---- pages ---- */

static godwit_err write_rows(struct export *export, struct db *db, FILE *out)
{
    size_t count = 0;
    bool has_more = false;
    godwit_err err = list_devices(db, &export->query, export->rows, &count, &has_more);
    for (size_t i = 0; i < count && !err; i++) {
        json_t *device = device_list_view(db, &export->rows[i]);
        if (device)
            export->format->row(export, device, out);
        else
            err = GODWIT_ERR_IO;
        json_decref(device);
    }
    if (err) return err;
    if (has_more) export->place = export->rows[count - 1].place;
    return has_more ? GODWIT_OK : GODWIT_ERR_END;
}

static godwit_err read_rows(struct app *app, struct export *export, FILE *out)
{
    struct db *db = app_reader_take(app);
    if (!db) return GODWIT_ERR_IO;
    db_read_through(db, true);
    godwit_err err = write_rows(export, db, out);
    db_read_through(db, false);
    app_reader_give(app, db);
    return err;
}

/* What it comes to is in `at`, so that a page that is there is sent before the client is cut off.
 */
static void make_page(struct http_request *request, struct export *export)
{
    free(export->text);
    export->text = NULL;
    FILE *out = open_memstream(&export->text, &export->text_size);
    if (out && !export->is_started && export->format->head) export->format->head(export, out);
    export->is_started = true;
    export->at = out ? read_rows(request->app, export, out) : GODWIT_ERR_IO;
    bool is_whole = out && !ferror(out);
    if (out && fclose(out)) is_whole = false;
    if (!is_whole) export->at = GODWIT_ERR_IO;
    export->query.after = &export->place;
}

static godwit_err next_page(struct http_request *request, void *ctx, struct godwit_span *piece_out)
{
    struct export *export = ctx;
    if (!permission_lasts(request)) return GODWIT_ERR_POLICY;
    if (!export->is_ready) make_page(request, export);
    export->is_ready = false;
    bool is_sound = !export->at || export->at == GODWIT_ERR_END;
    if (is_sound) *piece_out = (struct godwit_span){(uint8_t *)export->text, export->text_size};
    return export->at;
}

static void end(struct http_request *request, void *ctx)
{
    struct export *export = ctx;
    free(export->text);
    app_export_end(request->app, export->slot);
}

/* ---- the route ---- */

static const struct export_format FORMATS[] = {
    {"csv", {"text/csv; charset=utf-8; header=present", next_page, end}, csv_head, csv_row},
    {"ndjson", {"application/x-ndjson", next_page, end}, NULL, json_row},
};

static bool read_format(struct http_request *request, struct export *export)
{
    const char *name = http_query(request, "format");
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++)
        if (!strcmp(name ? name : FORMATS[0].name, FORMATS[i].name)) export->format = &FORMATS[i];
    if (export->format) return true;
    problem(request, 422, "malformed", "`format` is one of: csv ndjson", "format");
    return false;
}

static bool read_fields(struct http_request *request, struct export *export)
{
    if (!page_fields(request, DEVICE_LIST_MEMBERS, &export->fields)) return false;
    if (!export->fields || !*export->fields) export->fields = DEVICE_LIST_MEMBERS;
    return true;
}

static void name_file(struct http_request *request, const struct export *export)
{
    char text[96], day[16] = "";
    time_t now = (time_t)clock_unix_s(request->clock);
    struct tm parts;
    if (gmtime_r(&now, &parts)) strftime(day, sizeof day, "%Y-%m-%d", &parts);
    snprintf(text, sizeof text, "attachment; filename=\"devices-%s.%s\"", day,
             export->format->name);
    http_reply_header(request, "Content-Disposition", text);
    http_reply_header(request, "Cache-Control", "no-store");
}

/* The first page is made before anything is replied, so that what fails at once has its problem. */
static void reply_export(struct http_request *request, struct export *export)
{
    make_page(request, export);
    godwit_err err = export->at;
    export->is_ready = true;
    if (!err || err == GODWIT_ERR_END) {
        name_file(request, export);
        http_produce(request, &export->format->producer, export);
        return;
    }
    end(request, export);
    problem_of_error(request, err);
}

void handle_devices_export(struct http_request *request)
{
    struct export *export = arena_zalloc(request->arena, sizeof *export);
    if (export) export->rows = arena_alloc(request->arena, PAGE_ROWS * sizeof *export->rows);
    if (!export || !export->rows) {
        problem_busy(request);
        return;
    }
    if (!read_format(request, export) || !read_fields(request, export) ||
        !device_list_read(request, &export->query))
        return;
    export->query.limit = PAGE_ROWS;
    export->slot = app_export_begin(request->app, permission_org(request));
    if (export->slot)
        reply_export(request, export);
    else
        problem(request, 503, "busy",
                "as many exports run as may at a time; try again when one has ended", NULL);
}
