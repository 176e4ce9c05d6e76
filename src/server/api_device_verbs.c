/* What a person decides for one device: consent to its update, a hold, the end of its pin, an undo.
 */
#include <stdio.h>

#include "base/log.h"
#include "fleet/cache.h"
#include "fleet/consent.h"
#include "fleet/hold.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"
#include "server/waiting.h"

struct device_change;
typedef godwit_err verb_run(struct device_change *changing, struct device *device);

struct verb {
    verb_run *run;
    enum audit_action action;
    /* From outcome 1 on; id NULL: it is done already, which is as good. */
    struct refusal refusals[4];
};

struct device_change {
    struct change change; /* first: a change is a device_change */
    const struct verb *verb;
    uint8_t device_id[16], token_sha256[32];
    bool is_known;
    int outcome; /* 0: done; else its refusal */
    uint32_t rollout_id;
};

static godwit_err consent(struct device_change *changing, struct device *device)
{
    struct app *app = changing->change.app;
    enum consent_result result;
    godwit_err err = consent_give(&app->fleet, app->db, device, &result, &changing->rollout_id);
    changing->outcome = (int)result;
    return err;
}

static godwit_err set_hold(struct device_change *changing, struct device *device, bool is_held)
{
    struct app *app = changing->change.app;
    enum device_verb_result result;
    godwit_err err = device_set_held(&app->fleet, app->db, device, is_held, &result);
    changing->outcome = (int)result;
    return err;
}

static godwit_err hold(struct device_change *changing, struct device *device)
{
    return set_hold(changing, device, true);
}

static godwit_err let_go(struct device_change *changing, struct device *device)
{
    return set_hold(changing, device, false);
}

static godwit_err unpin(struct device_change *changing, struct device *device)
{
    struct app *app = changing->change.app;
    enum device_verb_result result;
    godwit_err err = device_unpin(&app->fleet, app->db, device, &result);
    changing->outcome = (int)result;
    return err;
}

static godwit_err send_back(struct device_change *changing, struct device *device)
{
    struct app *app = changing->change.app;
    enum device_verb_result result;
    godwit_err err = device_send_back(&app->fleet, app->db, device, &result, &changing->rollout_id);
    changing->outcome = (int)result;
    return err;
}

enum verb_name { CONSENT, HOLD, LET_GO, UNPIN, SEND_BACK };
static const struct verb VERBS[] = {
    [CONSENT] = {consent,
                 AUDIT_DEVICE_CONSENTED,
                 {[CONSENT_KNOWN] = {NULL, ""},
                  [CONSENT_NO_ROLLOUT] = {"no-rollout",
                                          "no rollout has anything for this device; consent is "
                                          "given to one that runs"},
                  [CONSENT_NOT_ASKED] = {"consent-not-asked",
                                         "its rollout asks for no consent; `godwit deploy "
                                         "--consent` makes one that does"}}},
    [HOLD] = {hold, AUDIT_DEVICE_HELD, {{NULL, ""}}},
    [LET_GO] = {let_go, AUDIT_DEVICE_LET_GO, {{NULL, ""}}},
    [UNPIN] = {unpin,
               AUDIT_DEVICE_UNPINNED,
               {[VERB_NOT_PINNED] = {"not-pinned", "the device is pinned to no release"}}},
    [SEND_BACK] = {send_back,
                   AUDIT_DEVICE_UNDONE,
                   {[VERB_NOT_CONFIRMED] = {"not-confirmed",
                                            "the device has confirmed nothing from its rollout "
                                            "from which it could go back"}}},
};

static godwit_err record(struct device_change *changing, const struct device *device)
{
    char id[13];
    device_id_text(changing->device_id, id);
    json_t *after = json_pack("{s:s}", "product", device->product->name);
    if (changing->rollout_id)
        json_object_set_new(after, "rollout_id", json_integer(changing->rollout_id));
    return change_audit(&changing->change, changing->verb->action, id, NULL, after);
}

static godwit_err verb_write(struct change *change)
{
    struct device_change *changing = (struct device_change *)change;
    struct app *app = change->app;
    struct device *device = NULL;
    const char *org = permission_org(change->request);
    godwit_err err = device_fetch(&app->fleet, app->db, org, changing->device_id, &device);
    if (device && !permission_sees(change->request, org, device->product->name)) device = NULL;
    changing->is_known = device != NULL;
    changing->rollout_id = 0;
    if (err || !device) return err;
    memcpy(changing->token_sha256, device->token_sha256, sizeof changing->token_sha256);
    err = changing->verb->run(changing, device);
    return err || changing->outcome ? err : record(changing, device);
}

static void verb_reply(struct change *change, godwit_err err)
{
    const struct device_change *changing = (const struct device_change *)change;
    const struct refusal *refusal = &changing->verb->refusals[changing->outcome];
    char id[13];
    device_id_text(changing->device_id, id);
    if (err) {
        problem_of_error(change->request, err);
    } else if (!changing->is_known) {
        reply_no_device(change->request);
    } else if (changing->outcome && refusal->id) {
        problem_refusal(change->request, refusal);
    } else {
        GODWIT_LOG(INFO, "device_decided", "device=%s action=%s rollout=%u peer=%s", id,
                   audit_action_id(changing->verb->action), changing->rollout_id,
                   change->request->peer);
        waiting_wake_device(change->app->waiting, changing->token_sha256);
        reply_json(change->request, 200, json_pack("{s:b}", "done", 1));
    }
}

static void decide_for_device(struct http_request *request, enum verb_name name)
{
    struct device_change *changing = arena_zalloc(request->arena, sizeof *changing);
    if (!changing) {
        problem_busy(request);
        return;
    }
    if (device_id_parse(http_param(request, "id"), changing->device_id)) {
        reply_no_device(request);
        return;
    }
    changing->verb = &VERBS[name];
    changing->change.app = request->app;
    changing->change.request = request;
    changing->change.run = verb_write;
    changing->change.reply = verb_reply;
    change_submit(&changing->change, NULL);
}

void handle_consent(struct http_request *request)
{
    decide_for_device(request, CONSENT);
}

void handle_hold(struct http_request *request)
{
    decide_for_device(request, HOLD);
}

void handle_let_go(struct http_request *request)
{
    decide_for_device(request, LET_GO);
}

void handle_unpin(struct http_request *request)
{
    decide_for_device(request, UNPIN);
}

void handle_device_undo(struct http_request *request)
{
    decide_for_device(request, SEND_BACK);
}
