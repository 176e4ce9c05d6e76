/* A person agrees to the update of one device (fleet/consent.h). */
#include <stdio.h>

#include "base/log.h"
#include "fleet/cache.h"
#include "fleet/consent.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"
#include "server/waiting.h"

struct consenting {
    struct change change; /* first: a change is a consenting */
    uint8_t device_id[16], token_sha256[32];
    bool is_known;
    enum consent_result result;
    uint32_t rollout_id;
};

static godwit_err record(struct consenting *consenting, const struct device *device)
{
    char id[13];
    device_id_text(consenting->device_id, id);
    return change_audit(&consenting->change, AUDIT_DEVICE_CONSENTED, id, NULL,
                        json_pack("{s:s, s:I}", "product", device->product->name, "rollout_id",
                                  (json_int_t)consenting->rollout_id));
}

static godwit_err consenting_run(struct change *change)
{
    struct consenting *consenting = (struct consenting *)change;
    struct app *app = change->app;
    struct device *device = NULL;
    const char *org = permission_org(change->request);
    godwit_err err = device_fetch(&app->fleet, app->db, org, consenting->device_id, &device);
    if (device && !permission_sees(change->request, org, device->product->name)) device = NULL;
    consenting->is_known = device != NULL;
    if (err || !device) return err;
    memcpy(consenting->token_sha256, device->token_sha256, sizeof consenting->token_sha256);
    err = consent_give(&app->fleet, app->db, device, &consenting->result, &consenting->rollout_id);
    return err || consenting->result != CONSENT_GIVEN ? err : record(consenting, device);
}

static void consenting_reply(struct change *change, godwit_err err)
{
    const struct consenting *consenting = (const struct consenting *)change;
    char id[13];
    device_id_text(consenting->device_id, id);
    if (err) {
        problem_of_error(change->request, err);
    } else if (!consenting->is_known) {
        reply_no_device(change->request);
    } else if (consenting->result == CONSENT_NO_ROLLOUT) {
        problem(change->request, 409, "no-rollout",
                "no rollout has anything for this device; consent is given to one that runs", NULL);
    } else if (consenting->result == CONSENT_NOT_ASKED) {
        problem(change->request, 409, "consent-not-asked",
                "its rollout asks for no consent; `godwit deploy --consent` makes one that does",
                NULL);
    } else {
        GODWIT_LOG(INFO, "consent_given", "device=%s rollout=%u peer=%s", id,
                   consenting->rollout_id, change->request->peer);
        waiting_wake_device(change->app->waiting, consenting->token_sha256);
        reply_json(change->request, 200, json_pack("{s:b}", "done", 1));
    }
}

void handle_consent(struct http_request *request)
{
    struct consenting *consenting = arena_zalloc(request->arena, sizeof *consenting);
    if (!consenting) {
        problem_busy(request);
        return;
    }
    if (device_id_parse(http_param(request, "id"), consenting->device_id)) {
        reply_no_device(request);
        return;
    }
    consenting->change.app = request->app;
    consenting->change.request = request;
    consenting->change.run = consenting_run;
    consenting->change.reply = consenting_reply;
    change_submit(&consenting->change, NULL);
}
