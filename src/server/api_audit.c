/* The audit log as an organisation's admins read it: its own records, and the checkpoints. */
#include <stdio.h>
#include <stdlib.h>

#include "audit/text.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"

#define LIMIT 100

struct page {
    json_t *items;
    int64_t last;
};

/* A sequence or a limit from the query; absent: preset. False: answered. */
static bool read_number(struct http_request *request, const char *name, int64_t preset, int64_t max,
                        int64_t *out)
{
    const char *text = http_query(request, name);
    char detail[80], *end = NULL;
    *out = preset;
    if (!text) return true;
    long long number = strtoll(text, &end, 10);
    *out = number;
    if (*text >= '0' && *text <= '9' && !*end && number >= 0 && number <= max) return true;
    snprintf(detail, sizeof detail, "`%s` must be a number from 0 to %lld", name, (long long)max);
    problem(request, 422, "malformed", detail, name);
    return false;
}

static void take_record(void *ctx, const struct audit_record *record)
{
    struct page *page = ctx;
    json_array_append_new(page->items, audit_record_json(record));
    page->last = record->sequence;
}

static void take_checkpoint(void *ctx, const struct audit_checkpoint *checkpoint)
{
    struct page *page = ctx;
    json_array_append_new(page->items, audit_checkpoint_json(checkpoint));
    page->last = checkpoint->sequence;
}

/* next: where the following page goes on, for `after` or `before`. */
static void reply_page(struct http_request *request, struct page *page, int64_t limit,
                       godwit_err err)
{
    char next[24];
    if (err) {
        json_decref(page->items);
        problem_of_error(request, err);
        return;
    }
    snprintf(next, sizeof next, "%lld", (long long)page->last);
    bool has_more = limit > 0 && (int64_t)json_array_size(page->items) == limit;
    reply_json(request, 200,
               json_pack("{s:o, s:o}", "items", page->items, "next",
                         has_more ? json_string(next) : json_null()));
}

void handle_audit(struct http_request *request)
{
    struct app *app = request->app;
    int64_t limit, after, before;
    if (!read_number(request, "limit", LIMIT, AUDIT_PAGE_MAX, &limit) ||
        !read_number(request, "after", -1, INT64_MAX, &after) ||
        !read_number(request, "before", INT64_MAX, INT64_MAX, &before))
        return;
    const struct audit_query query = {.org = permission_org(request),
                                      .actor = http_query(request, "actor"),
                                      .action = http_query(request, "action"),
                                      .object = http_query(request, "object"),
                                      .after = after,
                                      .before = after < 0 ? before : 0};
    struct db *db = app_reader_take(app);
    if (!db) {
        problem_busy(request);
        return;
    }
    struct page page = {.items = json_array()};
    godwit_err err = audit_list(db, &query, (size_t)limit, take_record, &page);
    app_reader_give(app, db);
    reply_page(request, &page, limit, err);
}

void handle_audit_checkpoints(struct http_request *request)
{
    struct app *app = request->app;
    int64_t limit, after;
    if (!read_number(request, "limit", LIMIT, AUDIT_PAGE_MAX, &limit) ||
        !read_number(request, "after", 0, INT64_MAX, &after))
        return;
    struct db *db = app_reader_take(app);
    if (!db) {
        problem_busy(request);
        return;
    }
    struct page page = {.items = json_array()};
    godwit_err err = audit_checkpoint_list(db, after, (size_t)limit, take_checkpoint, &page);
    app_reader_give(app, db);
    reply_page(request, &page, limit, err);
}
