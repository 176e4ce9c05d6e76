/* Tokens and identities of devices, for many at once: ask them for another token, say that a forked
 * one is one device again, and let in or send away tokens that wait. */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/cache.h"
#include "fleet/device.h"
#include "fleet/identity.h"
#include "fleet/pending.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"

#define ROTATED_MAX 1000
#define CHOICES_MAX 500

/* NULL: there is none that the caller may see. Writer. */
static struct device *device_of(const struct change *change, const uint8_t device_id[static 16])
{
    struct device *device = NULL;
    if (device_fetch(&change->app->fleet, change->app->db, permission_org(change->request),
                     device_id, &device))
        return NULL;
    bool is_seen = device && permission_sees(change->request, permission_org(change->request),
                                             device->product->name);
    return is_seen ? device : NULL;
}

static void submit(struct http_request *request, struct change *change,
                   godwit_err (*run)(struct change *), void (*reply)(struct change *, godwit_err))
{
    change->app = request->app;
    change->request = request;
    change->run = run;
    change->reply = reply;
    change_submit(change, NULL);
}

/* ---- another token ---- */

struct asking {
    struct change change; /* first: a change is an asking */
    size_t count;
    char missing[13]; /* "": all are there */
    uint8_t device_ids[ROTATED_MAX][16];
};

static godwit_err asking_run(struct change *change)
{
    struct asking *asking = (struct asking *)change;
    struct app *app = change->app;
    int64_t now_s = clock_unix_s(app->clock);
    godwit_err err = GODWIT_OK;
    asking->missing[0] = '\0';
    for (size_t i = 0; i < asking->count && !asking->missing[0]; i++)
        if (!device_of(change, asking->device_ids[i]))
            device_id_text(asking->device_ids[i], asking->missing);
    if (asking->missing[0]) return GODWIT_OK;
    for (size_t i = 0; i < asking->count && !err; i++)
        err = identity_ask(&app->fleet, app->db, device_of(change, asking->device_ids[i]), now_s);
    if (err) return err;
    char id[13];
    device_id_text(asking->device_ids[0], id);
    return change_audit(change, AUDIT_ROTATION_ASKED, asking->count == 1 ? id : "", NULL,
                        json_pack("{s:I}", "devices", (json_int_t)asking->count));
}

static void asking_reply(struct change *change, godwit_err err)
{
    const struct asking *asking = (const struct asking *)change;
    char detail[100];
    if (err) {
        problem_of_error(change->request, err);
    } else if (asking->missing[0]) {
        snprintf(detail, sizeof detail, "there is no device %s; none of them was asked",
                 asking->missing);
        problem(change->request, 404, "no-device", detail, "devices");
    } else {
        GODWIT_LOG(INFO, "rotation_asked", "devices=%zu peer=%s", asking->count,
                   change->request->peer);
        reply_json(change->request, 200, json_pack("{s:I}", "asked", (json_int_t)asking->count));
    }
}

void handle_rotate(struct http_request *request)
{
    json_t *body = body_object(request);
    if (!body) return;
    const json_t *devices = json_object_get(body, "devices");
    struct asking *asking = arena_zalloc(request->arena, sizeof *asking);
    bool is_good = asking != NULL;
    for (size_t i = 0; is_good && i < json_array_size(devices) && i < ROTATED_MAX; i++)
        is_good = !device_id_parse(json_string_value(json_array_get(devices, i)),
                                   asking->device_ids[asking->count++]);
    json_decref(body);
    if (is_good)
        submit(request, &asking->change, asking_run, asking_reply);
    else
        problem_busy(request);
}

/* ---- one device again ---- */

struct clearing {
    struct change change; /* first: a change is a clearing */
    uint8_t device_id[16];
    bool is_known, is_done;
};

static godwit_err clearing_run(struct change *change)
{
    struct clearing *clearing = (struct clearing *)change;
    struct app *app = change->app;
    struct device *device = device_of(change, clearing->device_id);
    char id[13];
    clearing->is_known = device != NULL;
    if (!device) return GODWIT_OK;
    godwit_err err =
        identity_clear(&app->fleet, app->db, device, clock_unix_s(app->clock), &clearing->is_done);
    if (err || !clearing->is_done) return err;
    device_id_text(clearing->device_id, id);
    return change_audit(change, AUDIT_DEVICE_CLEARED, id,
                        json_pack("{s:s, s:b}", "product", device->product->name, "forked", true),
                        json_pack("{s:s, s:b}", "product", device->product->name, "forked", false));
}

static void clearing_reply(struct change *change, godwit_err err)
{
    const struct clearing *clearing = (const struct clearing *)change;
    char id[13];
    if (err) {
        problem_of_error(change->request, err);
    } else if (!clearing->is_known) {
        reply_no_device(change->request);
    } else if (!clearing->is_done) {
        problem(change->request, 409, "not-forked",
                "nothing says that two devices use this identity; there is nothing to clear", NULL);
    } else {
        device_id_text(clearing->device_id, id);
        GODWIT_LOG(INFO, "fork_cleared", "device=%s peer=%s", id, change->request->peer);
        reply_json(change->request, 200, json_pack("{s:s}", "device_id", id));
    }
}

void handle_clear(struct http_request *request)
{
    struct clearing *clearing = arena_zalloc(request->arena, sizeof *clearing);
    if (!clearing)
        problem_busy(request);
    else if (device_id_parse(http_param(request, "id"), clearing->device_id))
        reply_no_device(request);
    else
        submit(request, &clearing->change, clearing_run, clearing_reply);
}

/* ---- many tokens that wait ---- */

struct choice {
    uint8_t device_id[16], mark[PENDING_MARK_SIZE];
    bool accepts, is_known;
    enum pending_result result;
};

struct choosing {
    struct change change; /* first: a change is a choosing */
    size_t count;
    struct choice choices[CHOICES_MAX];
};

static godwit_err choose(struct change *change, struct choice *choice)
{
    struct app *app = change->app;
    struct device *device = device_of(change, choice->device_id);
    int64_t now_s = clock_unix_s(app->clock);
    char id[13], before[2 * PENDING_MARK_SIZE + 1], mark[2 * PENDING_MARK_SIZE + 1];
    choice->is_known = device != NULL;
    if (!device) return GODWIT_OK;
    godwit_hex_encode(device->token_sha256, PENDING_MARK_SIZE, before);
    godwit_hex_encode(choice->mark, PENDING_MARK_SIZE, mark);
    godwit_err err = (choice->accepts ? pending_accept : pending_reject)(
        &app->fleet, app->db, device, choice->mark, now_s, &choice->result);
    if (err || choice->result != PENDING_DONE) return err;
    device_id_text(choice->device_id, id);
    return change_audit(change, choice->accepts ? AUDIT_DEVICE_ACCEPTED : AUDIT_DEVICE_REJECTED, id,
                        json_pack("{s:s, s:s}", "product", device->product->name, "token", before),
                        json_pack("{s:s}", choice->accepts ? "token" : "rejected", mark));
}

static godwit_err choosing_run(struct change *change)
{
    struct choosing *choosing = (struct choosing *)change;
    godwit_err err = GODWIT_OK;
    for (size_t i = 0; i < choosing->count && !err; i++)
        err = choose(change, &choosing->choices[i]);
    if (err) return err;
    return change_audit(change, AUDIT_TOKENS_CHOSEN, "", NULL,
                        json_pack("{s:I}", "tokens", (json_int_t)choosing->count));
}

static const char *result_of(const struct choice *choice)
{
    static const char *const RESULTS[] = {[PENDING_NONE] = "not-pending",
                                          [PENDING_OLDER] = "other-token",
                                          [PENDING_TAKEN] = "token-taken"};
    if (!choice->is_known) return "no-device";
    if (choice->result == PENDING_DONE) return choice->accepts ? "accepted" : "rejected";
    return RESULTS[choice->result];
}

static void choosing_reply(struct change *change, godwit_err err)
{
    const struct choosing *choosing = (const struct choosing *)change;
    if (err) {
        problem_of_error(change->request, err);
        return;
    }
    json_t *list = json_array();
    char id[13], mark[2 * PENDING_MARK_SIZE + 1];
    for (size_t i = 0; i < choosing->count; i++) {
        const struct choice *choice = &choosing->choices[i];
        device_id_text(choice->device_id, id);
        godwit_hex_encode(choice->mark, sizeof choice->mark, mark);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "device_id", id, "token", mark,
                                              "result", result_of(choice)));
    }
    GODWIT_LOG(INFO, "tokens_chosen", "tokens=%zu peer=%s", choosing->count, change->request->peer);
    reply_json(change->request, 200, json_pack("{s:o}", "tokens", list));
}

/* The schema has looked at each (api_schema.h), but not at how many there are in both lists. */
static bool read_choices(struct choosing *choosing, const json_t *list, bool accepts)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *token = json_string_value(json_object_get(item, "token"));
        if (choosing->count == CHOICES_MAX) return false;
        struct choice *choice = &choosing->choices[choosing->count++];
        choice->accepts = accepts;
        if (device_id_parse(json_string_value(json_object_get(item, "device_id")),
                            choice->device_id) ||
            godwit_hex_decode(token, strlen(token), choice->mark, sizeof choice->mark))
            return false;
    }
    return true;
}

void handle_choose_tokens(struct http_request *request)
{
    json_t *body = body_object(request);
    if (!body) return;
    struct choosing *choosing = arena_zalloc(request->arena, sizeof *choosing);
    bool is_good = choosing && read_choices(choosing, json_object_get(body, "accept"), true) &&
                   read_choices(choosing, json_object_get(body, "reject"), false);
    json_decref(body);
    if (is_good)
        submit(request, &choosing->change, choosing_run, choosing_reply);
    else if (choosing)
        problem(request, 422, "malformed", "at most 500 tokens at a time, in both lists together",
                "accept");
    else
        problem_busy(request);
}
