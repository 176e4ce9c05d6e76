/* The factory list: who may join without a claim. A body holds at most a thousand lines of a file,
 * and is taken as a whole or not at all; who has more sends them one after the other. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/claim.h"
#include "fleet/factory.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/pages.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"

/* ---- importing ---- */

struct import {
    struct change change; /* first: a change is an import */
    char product[33], tags[CLAIM_TAGS_SIZE];
    bool is_known;
    struct factory_batch batch;
    struct factory_line lines[FACTORY_BATCH_MAX];
};

static godwit_err import_run(struct change *change)
{
    struct import *import = (struct import *)change;
    struct app *app = change->app;
    import->batch.product =
        product_find(&app->fleet.catalogue, permission_org(change->request), import->product);
    import->is_known =
        import->batch.product &&
        permission_sees(change->request, permission_org(change->request), import->product);
    if (!import->is_known) return GODWIT_OK;
    godwit_err err = factory_import(&app->fleet, app->db, &import->batch, clock_unix_s(app->clock));
    if (err || !import->batch.added) return err;
    return change_audit(change, AUDIT_FACTORY_IMPORTED, import->product, NULL,
                        json_pack("{s:s, s:I, s:s}", "product", import->product, "added",
                                  (json_int_t)import->batch.added, "tags", import->tags));
}

static void reply_fault(struct http_request *request, const struct factory_batch *batch)
{
    static const char *const SENTENCES[] = {
        [FACTORY_OTHER_TOKEN] =
            "line %u: this device has joined or is listed with another token; take the line out, "
            "or the device off the list first",
        [FACTORY_TOKEN_TAKEN] =
            "line %u: another device has joined or is listed with this token; each device needs "
            "its own",
    };
    char detail[FACTORY_NOTE_SIZE];
    if (batch->fault == FACTORY_FULL) {
        problem(request, 409, "list-full",
                "the list holds 1000000 devices that have not joined; take some off first", NULL);
        return;
    }
    snprintf(detail, sizeof detail, SENTENCES[batch->fault], batch->at_fault->number);
    problem(request, 409, batch->fault == FACTORY_TOKEN_TAKEN ? "token-taken" : "other-token",
            detail, "csv");
}

static void import_reply(struct change *change, godwit_err err)
{
    const struct import *import = (const struct import *)change;
    const struct factory_batch *batch = &import->batch;
    if (err) {
        problem_of_error(change->request, err);
    } else if (!import->is_known) {
        reply_no_product(change->request, import->product);
    } else if (batch->fault) {
        reply_fault(change->request, batch);
    } else {
        GODWIT_LOG(INFO, "factory_import", "product=\"%s\" lines=%zu added=%zu peer=%s",
                   import->product, batch->count, batch->added, change->request->peer);
        reply_json(change->request, 200,
                   json_pack("{s:I, s:I}", "lines", (json_int_t)batch->count, "added",
                             (json_int_t)batch->added));
    }
}

/* "csv" and "first_line". False: answered. */
static bool read_lines(struct http_request *request, const json_t *body, struct import *import)
{
    char note[FACTORY_NOTE_SIZE];
    const char *csv = json_string_value(json_object_get(body, "csv"));
    const json_t *member = json_object_get(body, "first_line");
    json_int_t first_line = member ? json_integer_value(member) : 1;
    godwit_err err =
        factory_read(csv, (uint32_t)first_line, import->lines, &import->batch.count, note);
    if (err == GODWIT_ERR_SPACE)
        problem(request, 422, "too-many-lines",
                "at most 1000 lines at a time; send the rest after these", "csv");
    else if (err)
        problem(request, 422, "bad-line", note, "csv");
    return !err;
}

void handle_factory_import(struct http_request *request)
{
    json_t *body = body_object(request);
    if (!body) return;
    struct import *import = arena_zalloc(request->arena, sizeof *import);
    const char *product = NULL;
    if (!import)
        problem_busy(request);
    else
        product = body_text(request, body, "product", 32);
    if (product && read_tags(request, body, import->tags, sizeof import->tags) &&
        read_lines(request, body, import)) {
        snprintf(import->product, sizeof import->product, "%s", product);
        import->batch.lines = import->lines;
        import->batch.tags = import->tags;
        import->change.app = request->app;
        import->change.request = request;
        import->change.run = import_run;
        import->change.reply = import_reply;
        change_submit(&import->change, NULL);
    }
    json_decref(body);
}

/* ---- taking one off ---- */

struct removal {
    struct change change; /* first: a change is a removal */
    uint8_t device_id[16];
    bool is_done;
};

static godwit_err removal_run(struct change *change)
{
    struct removal *removal = (struct removal *)change;
    struct app *app = change->app;
    const struct actor *actor = permission_actor(change->request);
    godwit_err err = factory_remove(&app->fleet, app->db, actor->org, actor->product,
                                    removal->device_id, &removal->is_done);
    if (err || !removal->is_done) return err;
    char id[13];
    device_id_text(removal->device_id, id);
    return change_audit(change, AUDIT_FACTORY_REMOVED, id,
                        json_pack("{s:b, s:s*}", "listed", true, "product",
                                  *actor->product ? actor->product : NULL),
                        NULL);
}

static void reply_not_listed(struct http_request *request)
{
    problem(request, 404, "not-listed",
            "this device is not on the factory list; `godwit factory list` shows who is", NULL);
}

static void removal_reply(struct change *change, godwit_err err)
{
    const struct removal *removal = (const struct removal *)change;
    char id[13];
    if (err) {
        problem_of_error(change->request, err);
    } else if (!removal->is_done) {
        reply_not_listed(change->request);
    } else {
        device_id_text(removal->device_id, id);
        GODWIT_LOG(INFO, "factory_removed", "device=%s peer=%s", id, change->request->peer);
        reply_json(change->request, 200, json_pack("{s:s}", "device_id", id));
    }
}

void handle_factory_remove(struct http_request *request)
{
    struct removal *removal = arena_zalloc(request->arena, sizeof *removal);
    if (!removal) {
        problem_busy(request);
        return;
    }
    if (device_id_parse(http_param(request, "id"), removal->device_id)) {
        reply_not_listed(request);
        return;
    }
    removal->change.app = request->app;
    removal->change.request = request;
    removal->change.run = removal_run;
    removal->change.reply = removal_reply;
    change_submit(&removal->change, NULL);
}

/* ---- the list ---- */

static json_t *view_line(const struct factory_row *row)
{
    char id[13];
    device_id_text(row->device_id, id);
    return json_pack("{s:s, s:s, s:o, s:I}", "device_id", id, "product", row->product,
                     "token_sha256", view_digest(row->token_sha256), "created",
                     (json_int_t)row->created_s);
}

/* How many the caller may see; there are few products. */
static size_t count_expected(struct app *app, const struct http_request *request)
{
    size_t total = 0;
    fleet_lock(&app->fleet);
    const struct product *product = app->fleet.catalogue.products;
    for (; product; product = product->next)
        if (permission_sees(request, product->org->name, product->name))
            total += product->expected_count;
    fleet_unlock(&app->fleet);
    return total;
}

static json_t *view_next(const struct factory_row *last)
{
    char id[13];
    device_id_text(last->device_id, id);
    return json_string(id);
}

void handle_factory_list(struct http_request *request)
{
    struct app *app = request->app;
    const struct actor *actor = permission_actor(request);
    const char *after_text = http_query(request, "after");
    uint8_t after[16] = {0};
    size_t limit;
    if (!page_limit(request, &limit)) return;
    if (after_text && device_id_parse(after_text, after)) {
        problem(request, 422, "malformed", "\"after\" is the \"next\" of the page before", "after");
        return;
    }
    size_t count = 0;
    struct factory_row *rows = arena_alloc(request->arena, limit * sizeof *rows);
    struct db *db = rows ? app_reader_take(app) : NULL;
    godwit_err err = db ? factory_list(db, actor->org, actor->product, after, rows, limit, &count)
                        : GODWIT_ERR_IO;
    if (db) app_reader_give(app, db);
    if (err) {
        problem_of_error(request, err);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, view_line(&rows[i]));
    size_t total = count_expected(app, request);
    reply_json(request, 200,
               json_pack("{s:o, s:I, s:o}", "devices", list, "total", (json_int_t)total, "next",
                         count == limit ? view_next(&rows[count - 1]) : json_null()));
}
