/* Tagging, moving, retiring and reinstating many devices: those that a filter finds, one batch a
 * request, in the order of their rows. Nothing is kept between two batches but the place where the
 * next begins, so a client that goes away leaves nothing behind. Rejected: one job for all, in the
 * service; it would need a place to be watched, cancelled and continued after a restart, and what
 * it does to a hundred thousand devices would be one person's one slip. */
#include <stdio.h>
#include <stdlib.h>

#include "fleet/cache.h"
#include "fleet/device.h"
#include "server/audit_log.h"
#include "server/device_edit.h"
#include "server/device_found.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/waiting.h"

#define BATCH_MAX 100
#define LEFT_MAX 100000 /* counted so far, for a progress line */

struct many {
    struct change change; /* first: a change is a many */
    struct device_edit edit;
    const struct filter_sql *filter;
    char object[96];
    int64_t after;
    uint64_t left;
    uint32_t changed, refused;
    bool is_last;
    size_t tokens_count;
    uint8_t tokens[BATCH_MAX][32]; /* of devices whose held check-ins are to hear of it */
    enum edit_fault fault;
};

static struct found_query query_of(const struct many *many)
{
    const struct http_request *request = many->change.request;
    return (struct found_query){.org = permission_org(request),
                                .product = permission_actor(request)->product,
                                .filter = many->filter,
                                .after = many->after};
}

static godwit_err audit(struct many *many)
{
    const struct device_edit *edit = &many->edit;
    json_t *tags = json_array(), *removed = json_array();
    for (size_t i = 0; i < edit->tags.add_count; i++)
        json_array_append_new(tags, json_string(edit->tags.add[i]));
    for (size_t i = 0; i < edit->tags.remove_count; i++)
        json_array_append_new(removed, json_string(edit->tags.remove[i]));
    json_t *after = json_pack("{s:I, s:I, s:s, s:o, s:o}", "changed", (json_int_t)many->changed,
                              "refused", (json_int_t)many->refused, "product", edit->product,
                              "add_tags", tags, "remove_tags", removed);
    if (edit->has_retired) json_object_set_new(after, "retired", json_boolean(edit->is_retired));
    return change_audit(&many->change, AUDIT_DEVICES_EDITED, many->object, NULL, after);
}

/* May run twice: what it counts begins anew. */
static godwit_err many_run(struct change *change)
{
    struct many *many = (struct many *)change;
    struct app *app = change->app;
    const char *org = permission_org(change->request);
    struct found found[BATCH_MAX];
    size_t count;
    int64_t begin = many->after;
    many->changed = many->refused = 0;
    many->tokens_count = 0;
    many->fault = EDIT_FINE;
    const struct found_query query = query_of(many);
    godwit_err err = found_list(app->db, &query, BATCH_MAX, found, &count);
    for (size_t i = 0; i < count && !err && many->fault != EDIT_NO_PRODUCT; i++) {
        struct device *device;
        err = device_fetch(&app->fleet, app->db, org, found[i].device_id, &device);
        if (err || !device) continue;
        memcpy(many->tokens[many->tokens_count++], device->token_sha256, 32);
        err = device_edit_do(app, org, &many->edit, device, &many->fault);
        many->changed += !err && !many->fault;
        many->refused += !err && many->fault == EDIT_TOO_MANY_TAGS;
    }
    many->is_last = count < BATCH_MAX;
    if (!err && many->fault != EDIT_NO_PRODUCT) err = audit(many);
    many->after = err ? begin : count ? found[count - 1].id : begin;
    return err;
}

static json_t *view(const struct many *many)
{
    char next[24];
    uint64_t done = many->changed + many->refused;
    snprintf(next, sizeof next, "%lld", (long long)many->after);
    return json_pack("{s:I, s:I, s:I, s:o}", "changed", (json_int_t)many->changed, "refused",
                     (json_int_t)many->refused, "left",
                     (json_int_t)(many->left > done ? many->left - done : 0), "next",
                     many->is_last ? json_null() : json_string(next));
}

static void reply_edited(struct many *many)
{
    bool is_told = many->edit.has_retired || *many->edit.product;
    for (size_t i = 0; i < many->tokens_count && is_told; i++)
        (void)waiting_wake_device(many->change.app->waiting, many->tokens[i]);
    reply_json(many->change.request, 200, view(many));
}

static void many_reply(struct change *change, godwit_err err)
{
    struct many *many = (struct many *)change;
    if (err)
        problem_of_error(change->request, err);
    else if (many->fault == EDIT_NO_PRODUCT)
        device_edit_refuse(change->request, &many->edit, many->fault);
    else
        reply_edited(many);
}

/* "after": what `next` said, a number to us alone. False: answered. */
static bool read_after(struct http_request *request, const json_t *body, int64_t *after_out)
{
    const char *text = json_string_value(json_object_get(body, "after"));
    *after_out = 0;
    if (!text) return true;
    char *end;
    long long after = strtoll(text, &end, 10);
    *after_out = after;
    if (*text >= '0' && *text <= '9' && !*end) return true;
    problem(request, 422, "malformed", "\"after\" is not what \"next\" said; leave it out",
            "after");
    return false;
}

/* False: answered. */
static bool read_body(struct http_request *request, const json_t *body, struct many *many)
{
    const char *filter = json_string_value(json_object_get(body, "filter"));
    const char *product = permission_actor(request)->product;
    if (!device_edit_read(request, body, &many->edit)) return false;
    if (!read_after(request, body, &many->after)) return false;
    snprintf(many->object, sizeof many->object, "%.90s", filter);
    many->filter = filter_read_text(request, "filter", filter, FOUND_FIRST);
    if (!many->filter) return false;
    if (device_edit_is_empty(&many->edit)) {
        problem(request, 422, "malformed",
                "the body changes nothing; give \"product\", \"add_tags\", \"remove_tags\" or "
                "\"retired\"",
                NULL);
        return false;
    }
    if (!*product || !*many->edit.product || !strcmp(product, many->edit.product)) return true;
    device_edit_refuse(request, &many->edit, EDIT_NO_PRODUCT);
    return false;
}

static void submit(struct http_request *request, struct many *many, bool is_dry)
{
    struct app *app = request->app;
    struct db *db = app_reader_take(app);
    const struct found_query query = query_of(many);
    godwit_err err = db ? found_count(db, &query, LEFT_MAX, &many->left) : GODWIT_ERR_IO;
    if (db) app_reader_give(app, db);
    if (err) {
        problem_of_error(request, err);
    } else if (is_dry) {
        many->is_last = true;
        reply_json(request, 200, view(many));
    } else {
        change_submit(&many->change, NULL);
    }
}

void handle_devices_edit(struct http_request *request)
{
    struct many *many = arena_zalloc(request->arena, sizeof *many);
    json_t *body = many ? body_object(request) : NULL;
    if (!many) problem_busy(request);
    if (!body) return;
    many->change.app = request->app;
    many->change.request = request;
    many->change.run = many_run;
    many->change.reply = many_reply;
    bool is_read = read_body(request, body, many);
    bool is_dry = json_is_true(json_object_get(body, "dry_run"));
    json_decref(body);
    if (is_read) submit(request, many, is_dry);
}
