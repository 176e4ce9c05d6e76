/* Deploying: what is asked for is checked whole, and refused with the reason, before anything
 * starts. */
#include <stdio.h>

#include "base/log.h"
#include "fleet/cache.h"
#include "server/audit_log.h"
#include "server/deploy.h"
#include "server/deploy_guards.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"
#include "server/waiting.h"

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
    if (deploy->selection) json_object_set_new(state, "selection", json_string(deploy->selection));
    if (deploy->first_count)
        json_object_set_new(state, "first", json_integer((json_int_t)deploy->first_count));
    json_object_set_new(state, "priority", json_string(rollout_priority_name(deploy->priority)));
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
    godwit_err err = deploy->fault ? GODWIT_OK : deploy_find(deploy, release);
    if (!err && !deploy->fault) err = deploy_check(deploy, release);
    if (err || deploy->fault) return err;
    const struct rollout_request wanted = {.release = release,
                                           .devices = deploy->targets ? deploy->devices : NULL,
                                           .devices_count = deploy->targets_count,
                                           .first = deploy->first,
                                           .first_count = deploy->first_count,
                                           .selection = deploy->selection,
                                           .allow_downgrade = deploy->allow_downgrade,
                                           .again = deploy->again,
                                           .priority = deploy->priority,
                                           .is_unapproved = release->product->needs_approval,
                                           .by = permission_actor(change->request)->user,
                                           .plan = deploy->plan.plan,
                                           .guards = deploy->guards};
    err = rollout_create(&app->fleet, app->db, &wanted, clock_unix_s(app->clock),
                         &deploy->rollout_id);
    return err ? err : record_deploy(deploy);
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
        deploy_reply_fault(deploy);
    } else {
        GODWIT_LOG(INFO, "rollout_created", "rollout=%u product=\"%s\" version=\"%s\" targets=%zu",
                   deploy->rollout_id, deploy->product, deploy->version, deploy->targets_count);
        app_tick(app); /* whose turn is next is known, and who can not take it noted */
        wake_product(app, deploy->rollout_id);
        reply_rollout(change->request, 201, deploy->rollout_id); /* as it begins: all are queued */
    }
}

static bool read_overrides(struct http_request *request, const json_t *body,
                           bool out[static OVERRIDE_COUNT])
{
    for (enum override i = 0; i < OVERRIDE_COUNT; i++)
        if (!deploy_read_flag(request, body, override_id(i), &out[i])) return false;
    return true;
}

/* The schema lets only known words pass. */
static bool read_priority(struct deploy *deploy, const json_t *body)
{
    const char *priority = json_string_value(json_object_get(body, "priority"));
    if (!priority || rollout_priority_parse(priority, &deploy->priority)) return true;
    problem(deploy->change.request, 422, "malformed",
            "\"priority\" must be low, normal, high or pin", "priority");
    return false;
}

static bool read_options(struct deploy *deploy, const json_t *body)
{
    struct http_request *request = deploy->change.request;
    return deploy_read_flag(request, body, "allow_downgrade", &deploy->allow_downgrade) &&
           deploy_read_flag(request, body, "again", &deploy->again) &&
           deploy_read_flag(request, body, "some_chips", &deploy->some_chips) &&
           read_priority(deploy, body) && deploy_plan_read(request, body, &deploy->plan) &&
           guards_take(request, body, &deploy->guards) &&
           read_overrides(request, body, deploy->overrides);
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
    bool good = version && deploy_read_devices(deploy, body) && read_options(deploy, body);
    json_decref(body);
    if (good && deploy->allow_downgrade) good = permission_is_proved(request);
    if (good) change_submit(&deploy->change, NULL);
}
