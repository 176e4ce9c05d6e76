/* Tokens that wait to be let in under the id of a device that is known: accept one, or reject it.
 * The operator names the token, so that none is let in that he has not seen. */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/cache.h"
#include "fleet/device.h"
#include "fleet/pending.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/pages.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"

struct choice {
    struct change change; /* first: a change is a choice */
    bool accepts, is_known;
    uint8_t device_id[16], mark[PENDING_MARK_SIZE];
    enum pending_result result;
};

static godwit_err record_choice(struct choice *choice, const uint8_t before_sha256[static 32])
{
    char id[13], before[2 * PENDING_MARK_SIZE + 1], mark[2 * PENDING_MARK_SIZE + 1];
    device_id_text(choice->device_id, id);
    godwit_hex_encode(before_sha256, PENDING_MARK_SIZE, before);
    godwit_hex_encode(choice->mark, PENDING_MARK_SIZE, mark);
    return change_audit(&choice->change,
                        choice->accepts ? AUDIT_DEVICE_ACCEPTED : AUDIT_DEVICE_REJECTED, id,
                        json_pack("{s:s}", "token", before),
                        json_pack("{s:s}", choice->accepts ? "token" : "rejected", mark));
}

static godwit_err choice_run(struct change *change)
{
    struct choice *choice = (struct choice *)change;
    struct app *app = change->app;
    struct device *device;
    godwit_err err = device_fetch(&app->fleet, app->db, permission_org(change->request),
                                  choice->device_id, &device);
    if (device && !permission_sees(change->request, NULL, device->product->name)) device = NULL;
    choice->is_known = device != NULL;
    if (err || !device) return err;
    int64_t now_s = clock_unix_s(app->clock);
    uint8_t before[32];
    memcpy(before, device->token_sha256, sizeof before);
    err = choice->accepts
              ? pending_accept(&app->fleet, app->db, device, choice->mark, now_s, &choice->result)
              : pending_reject(&app->fleet, app->db, device, choice->mark, now_s, &choice->result);
    return err || choice->result != PENDING_DONE ? err : record_choice(choice, before);
}

static void reply_refused(struct http_request *request, enum pending_result result)
{
    if (result == PENDING_OLDER)
        problem(request, 409, "other-token",
                "another token has come since; look with `godwit devices DEVICE`, and accept that "
                "one or reject it first",
                "token");
    else if (result == PENDING_TAKEN)
        problem(request, 409, "token-taken",
                "another device has this token by now, as when a flash was cloned; reject it here "
                "and erase its flash, so that it makes its own",
                "token");
    else
        problem(request, 409, "not-pending",
                "no such token waits for this device; `godwit devices DEVICE` shows which do",
                "token");
}

static void choice_reply(struct change *change, godwit_err err)
{
    struct choice *choice = (struct choice *)change;
    struct http_request *request = change->request;
    struct app *app = change->app;
    char id[13];
    device_id_text(choice->device_id, id);
    if (err) {
        problem_of_error(request, err);
    } else if (!choice->is_known) {
        reply_no_device(request);
    } else if (choice->result != PENDING_DONE) {
        reply_refused(request, choice->result);
    } else {
        GODWIT_LOG(INFO, choice->accepts ? "token_accepted" : "token_rejected", "device=%s peer=%s",
                   id, request->peer);
        fleet_lock(&app->fleet);
        const struct device *device =
            device_find(&app->fleet, permission_org(change->request), choice->device_id);
        json_t *view = device ? view_device(app, device) : json_object();
        fleet_unlock(&app->fleet);
        reply_json(request, 200, view);
    }
}

/* "token": the first 8 bytes of its SHA-256. False: answered. */
static bool read_entry(struct http_request *request, uint8_t mark[static PENDING_MARK_SIZE])
{
    json_t *body = body_object(request);
    if (!body) return false;
    const char *text = json_string_value(json_object_get(body, "token"));
    bool is_good = text && !godwit_hex_decode(text, strlen(text), mark, PENDING_MARK_SIZE);
    json_decref(body);
    if (!is_good)
        problem(request, 422, "malformed",
                "\"token\" must be 16 hex digits, as `godwit devices DEVICE` shows them", "token");
    return is_good;
}

static void choose(struct http_request *request, bool accepts)
{
    struct choice *choice = arena_zalloc(request->arena, sizeof *choice);
    if (!choice) {
        problem_busy(request);
        return;
    }
    if (device_id_parse(http_param(request, "id"), choice->device_id)) {
        reply_no_device(request);
        return;
    }
    if (!read_entry(request, choice->mark)) return;
    choice->accepts = accepts;
    choice->change.app = request->app;
    choice->change.request = request;
    choice->change.run = choice_run;
    choice->change.reply = choice_reply;
    change_submit(&choice->change, NULL);
}

void handle_accept(struct http_request *request)
{
    choose(request, true);
}

void handle_reject(struct http_request *request)
{
    choose(request, false);
}

/* ---- the list ---- */

#define PENDING_MEMBERS "device_id token product version requested"

json_t *view_waiting(const struct list_pending *row)
{
    char id[13], mark[2 * PENDING_MARK_SIZE + 1];
    device_id_text(row->device_id, id);
    godwit_hex_encode(row->token_sha256, PENDING_MARK_SIZE, mark);
    return json_pack("{s:s, s:s, s:s, s:s, s:I}", "device_id", id, "token", mark, "product",
                     row->product, "version", row->version, "requested",
                     (json_int_t)row->requested_s);
}

void handle_pending(struct http_request *request)
{
    struct page page;
    if (!page_read(request, "pending", PENDING_MEMBERS, &page)) return;
    size_t count = 0, room = page.limit + 1;
    struct list_pending *rows = arena_alloc(request->arena, room * sizeof *rows);
    struct db *db = rows ? app_reader_take(request->app) : NULL;
    int64_t before = page.has_after ? page.after.id : INT64_MAX;
    godwit_err err =
        db ? list_pending(db, permission_org(request), before, rows, room, &count) : GODWIT_ERR_IO;
    if (db) app_reader_give(request->app, db);
    if (err) {
        problem_of_error(request, err);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < page.limit; i++)
        json_array_append_new(list, view_waiting(&rows[i]));
    const struct list_place last = {.id = count > page.limit ? rows[page.limit - 1].id : 0};
    reply_json(request, 200, page_make(&page, list, last.id ? &last : NULL));
}
