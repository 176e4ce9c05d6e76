/* Naming, tagging, retiring and moving one device. */
#include "base/log.h"
#include "fleet/cache.h"
#include "fleet/device.h"
#include "server/audit_log.h"
#include "server/device_edit.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/precondition.h"
#include "server/problem.h"
#include "server/views.h"
#include "server/waiting.h"

struct one {
    struct change change; /* first: a change is a one */
    uint8_t device_id[16];
    struct device_edit edit;
    bool is_known, is_stale;
    uint8_t token_sha256[32];
    enum edit_fault fault;
};

/* A caller who may see one product alone moves no device from or to another. */
static bool may_edit(const struct http_request *request, const struct device *device,
                     const struct device_edit *edit)
{
    const char *org = permission_org(request);
    return permission_sees(request, org, device->product->name) &&
           (!*edit->product || permission_sees(request, org, edit->product));
}

static enum audit_action action_of(const struct device_edit *edit)
{
    if (!edit->has_retired) return AUDIT_DEVICE_EDITED;
    return edit->is_retired ? AUDIT_DEVICE_RETIRED : AUDIT_DEVICE_REINSTATED;
}

/* Where If-Match asks for it. */
static godwit_err compare(struct one *one, const struct device *device)
{
    struct change *change = &one->change;
    one->is_stale = false;
    if (!precondition_is_asked(change->request)) return GODWIT_OK;
    json_t *shown = view_one_device(change->app, device);
    if (!shown) return GODWIT_ERR_IO;
    one->is_stale = precondition_fails(change->request, shown);
    return GODWIT_OK;
}

static godwit_err one_run(struct change *change)
{
    struct one *one = (struct one *)change;
    struct app *app = change->app;
    const char *org = permission_org(change->request);
    struct device *device;
    godwit_err fetched = device_fetch(&app->fleet, app->db, org, one->device_id, &device);
    if (fetched) return fetched;
    one->is_known = device && may_edit(change->request, device, &one->edit);
    if (!one->is_known) return GODWIT_OK;
    godwit_err err = compare(one, device);
    if (err || one->is_stale) return err;
    memcpy(one->token_sha256, device->token_sha256, sizeof one->token_sha256);
    json_t *before = device_edit_state(app, device);
    err = device_edit_do(app, org, &one->edit, device, &one->fault);
    if (err || one->fault) {
        json_decref(before);
        return err;
    }
    char id[13];
    device_id_text(one->device_id, id);
    return change_audit(change, action_of(&one->edit), id, before, device_edit_state(app, device));
}

/* A check-in that is held hears of it now. */
static void reply_edited(struct one *one)
{
    if (one->edit.has_retired || *one->edit.product)
        (void)waiting_wake_device(one->change.app->waiting, one->token_sha256);
    handle_device(one->change.request);
}

static void one_reply(struct change *change, godwit_err err)
{
    struct one *one = (struct one *)change;
    if (err)
        problem_of_error(change->request, err);
    else if (!one->is_known)
        reply_no_device(change->request);
    else if (one->is_stale)
        precondition_refuse(change->request);
    else if (one->fault)
        device_edit_refuse(change->request, &one->edit, one->fault);
    else
        reply_edited(one);
}

static void submit(struct http_request *request, struct one *one)
{
    one->change.app = request->app;
    one->change.request = request;
    one->change.run = one_run;
    one->change.reply = one_reply;
    change_submit(&one->change, NULL);
}

static struct one *one_make(struct http_request *request)
{
    struct one *one = arena_zalloc(request->arena, sizeof *one);
    if (!one) {
        problem_busy(request);
        return NULL;
    }
    if (!device_id_parse(http_param(request, "id"), one->device_id)) return one;
    reply_no_device(request);
    return NULL;
}

void handle_device_edit(struct http_request *request)
{
    struct one *one = one_make(request);
    json_t *body = one ? body_object(request) : NULL;
    if (!body) return;
    bool is_read = device_edit_read(request, body, &one->edit);
    json_decref(body);
    if (!is_read) return;
    if (device_edit_is_empty(&one->edit))
        problem(request, 422, "malformed",
                "the body changes nothing; give \"name\", \"product\", \"add_tags\" or "
                "\"remove_tags\"",
                NULL);
    else
        submit(request, one);
}

static void retire(struct http_request *request, bool is_retired)
{
    struct one *one = one_make(request);
    if (!one) return;
    one->edit.has_retired = true;
    one->edit.is_retired = is_retired;
    submit(request, one);
}

void handle_retire(struct http_request *request)
{
    retire(request, true);
}

void handle_reinstate(struct http_request *request)
{
    retire(request, false);
}
