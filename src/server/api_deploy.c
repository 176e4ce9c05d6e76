/* Deploying: what is asked for is checked whole, and refused with the reason, before anything
 * starts. */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/cache.h"
#include "fleet/override.h"
#include "fleet/rollout.h"
#include "fleet/upgrade_path.h"
#include "server/audit_log.h"
#include "server/deploy_guards.h"
#include "server/deploy_plan.h"
#include "server/device_found.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"
#include "server/waiting.h"

#define TARGETS_MAX 10000

enum deploy_fault {
    DEPLOY_FINE,
    DEPLOY_NO_RELEASE,
    DEPLOY_NO_DEVICE,
    DEPLOY_RETIRED,
    DEPLOY_NONE_FOUND,
    DEPLOY_TOO_MANY_FOUND,
    DEPLOY_OTHER_PRODUCT,
    DEPLOY_OUT_OF_REACH, /* devices that run it would obey this server no more */
    DEPLOY_GATES,        /* they do not rise for so many devices */
    DEPLOY_UNMEANT       /* its policy does what nobody has said is meant */
};

struct deploy {
    struct change change; /* first: a change is a deploy */
    char product[33], version[33];
    bool targets, allow_downgrade, again, overrides[OVERRIDE_COUNT];
    size_t targets_count;
    struct found *found;
    struct device **devices;
    const struct filter_sql *filter; /* instead of a list; NULL: none */
    struct deploy_plan plan;
    struct rollout_guards guards;
    enum deploy_fault fault;
    uint8_t fault_id[16];
    enum override unmeant;
    char key[9], dropped_by[33]; /* RETRUSTED_KEY: which, and by which version */
    uint32_t rollout_id;
};

static enum deploy_fault find_devices(struct deploy *deploy, const struct release *release)
{
    struct app *app = deploy->change.app;
    for (size_t i = 0; i < deploy->targets_count; i++) {
        const uint8_t *device_id = deploy->found[i].device_id;
        if (device_fetch(&app->fleet, app->db, permission_org(deploy->change.request), device_id,
                         &deploy->devices[i]))
            return DEPLOY_NO_DEVICE;
        memcpy(deploy->fault_id, device_id, 16);
        if (!deploy->devices[i]) return DEPLOY_NO_DEVICE;
        if (deploy->devices[i]->is_retired) return DEPLOY_RETIRED;
        if (deploy->devices[i]->product != release->product) return DEPLOY_OTHER_PRODUCT;
    }
    return DEPLOY_FINE;
}

/* Those of the product that the filter finds now; who fits it later is not selected. */
static godwit_err find_by_filter(struct deploy *deploy)
{
    const struct found_query query = {permission_org(deploy->change.request), deploy->product,
                                      deploy->filter, 0};
    if (!deploy->filter) return GODWIT_OK;
    godwit_err err = found_list(deploy->change.app->db, &query, TARGETS_MAX + 1, deploy->found,
                                &deploy->targets_count);
    if (deploy->targets_count == 0) deploy->fault = DEPLOY_NONE_FOUND;
    if (deploy->targets_count > TARGETS_MAX) deploy->fault = DEPLOY_TOO_MANY_FOUND;
    return err;
}

/* The first thing that its policy does and nobody has said is meant. */
static enum deploy_fault check_overrides(struct deploy *deploy, const struct image *image)
{
    const struct overrides overrides =
        overrides_of(&deploy->change.app->fleet, deploy->change.app->db, image);
    for (size_t i = 0; i < OVERRIDE_COUNT; i++) {
        if (!overrides.needs[i] || deploy->overrides[i]) continue;
        deploy->unmeant = (enum override)i;
        if (i != OVERRIDE_RETRUSTED_KEY) return DEPLOY_UNMEANT;
        godwit_hex_encode(overrides.retrusted_key, 4, deploy->key);
        memcpy(deploy->dropped_by, overrides.dropped_by->version, sizeof deploy->dropped_by);
        return DEPLOY_UNMEANT;
    }
    return DEPLOY_FINE;
}

/* What its policy would do to devices, before the first has it. */
static enum deploy_fault check_policies(struct deploy *deploy, const struct release *release)
{
    const struct fleet *fleet = &deploy->change.app->fleet;
    enum deploy_fault fault = DEPLOY_FINE;
    for (size_t i = 0; i < release->images_count && !fault; i++) {
        const struct image_trust *trust = &release->images[i].trust;
        if (!trust->has_policy) continue;
        if (upgrade_policy_key(&fleet->catalogue, &trust->policy) == UPGRADE_KEY_NONE)
            return DEPLOY_OUT_OF_REACH;
        fault = check_overrides(deploy, &release->images[i]);
    }
    return fault;
}

static enum deploy_fault check_plan(struct deploy *deploy, const struct release *release)
{
    size_t selected = deploy->targets ? deploy->targets_count : release->product->devices_count;
    return deploy_plan_fit(&deploy->plan, (uint32_t)selected) ? DEPLOY_FINE : DEPLOY_GATES;
}

/* Which devices, in whole: their ids are few, or their digest says which they were. */
static godwit_err record_deploy(struct deploy *deploy)
{
    char object[80], id[13];
    json_t *devices = deploy->targets ? json_array() : json_string("all");
    json_t *overrides = json_array();
    for (size_t i = 0; i < deploy->targets_count; i++) {
        device_id_text(deploy->found[i].device_id, id);
        json_array_append_new(devices, json_string(id));
    }
    for (enum override i = 0; i < OVERRIDE_COUNT; i++)
        if (deploy->overrides[i]) json_array_append_new(overrides, json_string(override_id(i)));
    snprintf(object, sizeof object, "%s %s", deploy->product, deploy->version);
    json_t *state = json_pack(
        "{s:s, s:s, s:I, s:I, s:o, s:b, s:b, s:o}", "product", deploy->product, "version",
        deploy->version, "rollout_id", (json_int_t)deploy->rollout_id, "targets",
        (json_int_t)deploy->targets_count, "devices", devices, "allow_downgrade",
        (int)deploy->allow_downgrade, "again", (int)deploy->again, "overrides", overrides);
    guards_add(state, &deploy->guards);
    return change_audit(&deploy->change, AUDIT_ROLLOUT_CREATED, object, NULL, state);
}

static godwit_err deploy_run(struct change *change)
{
    struct deploy *deploy = (struct deploy *)change;
    struct app *app = change->app;
    struct release *release = release_find(&app->fleet.catalogue, permission_org(change->request),
                                           deploy->product, deploy->version);
    if (release && !permission_sees(change->request, NULL, release->product->name)) release = NULL;
    deploy->fault = release ? DEPLOY_FINE : DEPLOY_NO_RELEASE;
    godwit_err err = deploy->fault ? GODWIT_OK : find_by_filter(deploy);
    if (!err && !deploy->fault) deploy->fault = find_devices(deploy, release);
    if (!err && !deploy->fault) deploy->fault = check_policies(deploy, release);
    if (!err && !deploy->fault) deploy->fault = check_plan(deploy, release);
    if (err || deploy->fault) return err;
    const struct rollout_request wanted = {.release = release,
                                           .devices = deploy->targets ? deploy->devices : NULL,
                                           .devices_count = deploy->targets_count,
                                           .allow_downgrade = deploy->allow_downgrade,
                                           .again = deploy->again,
                                           .plan = deploy->plan.plan,
                                           .guards = deploy->guards};
    err = rollout_create(&app->fleet, app->db, &wanted, clock_unix_s(app->clock),
                         &deploy->rollout_id);
    return err ? err : record_deploy(deploy);
}

static void reply_unmeant(const struct deploy *deploy)
{
    struct http_request *request = deploy->change.request;
    const char *field = override_id(deploy->unmeant);
    char detail[400];
    if (deploy->unmeant == OVERRIDE_TRUST_RESET) {
        snprintf(detail, sizeof detail,
                 "the policy of %s %s makes a trust reset with the keys before it; if that is "
                 "meant, deploy it with --trust-reset",
                 deploy->product, deploy->version);
        problem(request, 409, "trust-reset", detail, field);
    } else if (deploy->unmeant == OVERRIDE_NO_DEPLOY_KEY) {
        snprintf(
            detail, sizeof detail,
            "the policy of %s %s lists no deploy key: devices that run it take instructions "
            "unsigned from then on; list one with `godwit policy --from-initial` or --deploy-key "
            "and upload it again, or if that is meant, deploy it with "
            "--no-deploy-key",
            deploy->product, deploy->version);
        problem(request, 409, "no-deploy-key", detail, field);
    } else {
        snprintf(detail, sizeof detail,
                 "the policy of %s %s lists the key %s… again, which %s had dropped: if it was "
                 "stolen, the thief is trusted again; leave it out and upload it again, or "
                 "if it is meant, deploy it with --retrusted-key",
                 deploy->product, deploy->version, deploy->key, deploy->dropped_by);
        problem(request, 409, "retrusted-key", detail, field);
    }
}

static void reply_fault(const struct deploy *deploy)
{
    struct http_request *request = deploy->change.request;
    char detail[256], id[13];
    device_id_text(deploy->fault_id, id);
    if (deploy->fault == DEPLOY_NO_RELEASE) {
        snprintf(detail, sizeof detail, "there is no release %s %s; upload its file first",
                 deploy->product, deploy->version);
        problem(request, 404, "no-release", detail, "version");
    } else if (deploy->fault == DEPLOY_NO_DEVICE) {
        snprintf(detail, sizeof detail, "there is no device %s; `godwit devices` lists them", id);
        problem(request, 404, "no-device", detail, "devices");
    } else if (deploy->fault == DEPLOY_RETIRED) {
        snprintf(detail, sizeof detail,
                 "device %s is retired; take that back with `godwit retire %s --undo`, or leave it "
                 "out",
                 id, id);
        problem(request, 409, "retired", detail, "devices");
    } else if (deploy->fault == DEPLOY_NONE_FOUND) {
        snprintf(detail, sizeof detail,
                 "the filter finds no device of %s; `godwit devices FILTER` shows what it finds",
                 deploy->product);
        problem(request, 404, "no-device", detail, "filter");
    } else if (deploy->fault == DEPLOY_TOO_MANY_FOUND) {
        snprintf(detail, sizeof detail,
                 "the filter finds more than %d devices of %s; narrow it, or deploy to all",
                 TARGETS_MAX, deploy->product);
        problem(request, 422, "too-many-devices", detail, "filter");
    } else if (deploy->fault == DEPLOY_GATES) {
        problem(request, 422, "gates-order",
                "with so few devices a gate stops no later than the one before it; leave it out, "
                "or raise it",
                "gates");
    } else if (deploy->fault == DEPLOY_UNMEANT) {
        reply_unmeant(deploy);
    } else if (deploy->fault == DEPLOY_OUT_OF_REACH) {
        snprintf(detail, sizeof detail,
                 "the policy of %s %s lists no deploy key of this server: a device that runs it "
                 "would obey this server no more; build it with the initial policy of `godwit "
                 "claim policy`",
                 deploy->product, deploy->version);
        problem(request, 409, "deploy-key", detail, "version");
    } else {
        snprintf(detail, sizeof detail, "device %s does not belong to product %s", id,
                 deploy->product);
        problem(request, 422, "wrong-product", detail, "devices");
    }
}

/* Those that wait are told now. */
static void wake_product(struct app *app, uint32_t rollout_id)
{
    fleet_lock(&app->fleet);
    const struct rollout *rollout = rollout_find(&app->fleet.catalogue, rollout_id);
    int64_t product = rollout ? rollout->release->product->id : 0;
    fleet_unlock(&app->fleet);
    waiting_wake(app->waiting, product);
}

static void deploy_reply(struct change *change, godwit_err err)
{
    struct deploy *deploy = (struct deploy *)change;
    struct app *app = change->app;
    if (err) {
        problem_of_error(change->request, err);
    } else if (deploy->fault) {
        reply_fault(deploy);
    } else {
        GODWIT_LOG(INFO, "rollout_created", "rollout=%u product=\"%s\" version=\"%s\" targets=%zu",
                   deploy->rollout_id, deploy->product, deploy->version, deploy->targets_count);
        wake_product(app, deploy->rollout_id);
        app_tick(app); /* who can not take it is noted now */
        reply_rollout(change->request, 201, deploy->rollout_id); /* as it begins: all are queued */
    }
}

/* False: answered. */
static bool make_room(struct deploy *deploy, size_t count)
{
    struct arena *arena = deploy->change.request->arena;
    deploy->targets = true;
    deploy->found = arena_alloc(arena, count * sizeof *deploy->found);
    deploy->devices = arena_alloc(arena, count * sizeof *deploy->devices);
    if (deploy->found && deploy->devices) return true;
    problem_busy(deploy->change.request);
    return false;
}

/* "devices": absent, null, or a list of ids. False: answered. */
static bool read_list(struct deploy *deploy, const json_t *list)
{
    struct http_request *request = deploy->change.request;
    size_t count = json_array_size(list);
    bool good = json_is_array(list) && count > 0 && count <= TARGETS_MAX;
    if (good && !make_room(deploy, count)) return false;
    deploy->targets_count = count;
    for (size_t i = 0; i < count && good; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        good = text && !device_id_parse(text, deploy->found[i].device_id);
    }
    if (!good)
        problem(request, 422, "malformed",
                "\"devices\" must be a list of 1 to 10000 device ids, each 12 hex digits",
                "devices");
    return good;
}

/* "devices" or "filter", or neither. False: answered. */
static bool read_targets(struct deploy *deploy, const json_t *body)
{
    struct http_request *request = deploy->change.request;
    const json_t *list = json_object_get(body, "devices");
    const char *filter = json_string_value(json_object_get(body, "filter"));
    bool has_list = list && !json_is_null(list);
    if (has_list && filter) {
        problem(request, 422, "malformed", "give \"devices\" or \"filter\", not both", "filter");
        return false;
    }
    if (has_list) return read_list(deploy, list);
    if (!filter) return true;
    deploy->filter = filter_read_text(request, filter, FOUND_FIRST);
    return deploy->filter && make_room(deploy, TARGETS_MAX + 1);
}

/* Absent, null, false or true. False: answered. */
static bool read_flag(struct http_request *request, const json_t *body, const char *name, bool *out)
{
    const json_t *member = json_object_get(body, name);
    *out = json_is_true(member);
    if (!member || json_is_null(member) || json_is_boolean(member)) return true;
    char detail[64];
    snprintf(detail, sizeof detail, "\"%s\" must be true or false", name);
    problem(request, 422, "malformed", detail, name);
    return false;
}

static bool read_overrides(struct http_request *request, const json_t *body,
                           bool out[static OVERRIDE_COUNT])
{
    for (enum override i = 0; i < OVERRIDE_COUNT; i++)
        if (!read_flag(request, body, override_id(i), &out[i])) return false;
    return true;
}

void handle_deploy(struct http_request *request)
{
    json_t *body = body_object(request);
    if (!body) return;
    struct deploy *deploy = arena_zalloc(request->arena, sizeof *deploy);
    const char *product = deploy ? body_text(request, body, "product", 32) : NULL;
    const char *version = product ? body_text(request, body, "version", 32) : NULL;
    if (version) {
        snprintf(deploy->product, sizeof deploy->product, "%s", product);
        snprintf(deploy->version, sizeof deploy->version, "%s", version);
        deploy->change.app = request->app;
        deploy->change.request = request;
        deploy->change.run = deploy_run;
        deploy->change.reply = deploy_reply;
    }
    bool good = version && read_targets(deploy, body) &&
                read_flag(request, body, "allow_downgrade", &deploy->allow_downgrade) &&
                read_flag(request, body, "again", &deploy->again) &&
                deploy_plan_read(request, body, &deploy->plan) &&
                guards_take(request, body, &deploy->guards) &&
                read_overrides(request, body, deploy->overrides);
    json_decref(body);
    if (good && deploy->allow_downgrade) good = permission_is_proved(request);
    if (good) change_submit(&deploy->change, NULL);
}
