/* Pausing, resuming and halting a rollout. Whoever presses second is answered with what the first
 * did: the reply says who, and since when. */
#include <stdio.h>

#include "fleet/rollout.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"
#include "server/waiting.h"

static const struct {
    enum rollout_state state;
    enum audit_action action;
} VERBS[] = {
    {ROLLOUT_PAUSED, AUDIT_ROLLOUT_PAUSED},
    {ROLLOUT_RUNNING, AUDIT_ROLLOUT_RESUMED},
    {ROLLOUT_HALTED, AUDIT_ROLLOUT_HALTED},
};
enum verb { PAUSE, RESUME, HALT };

struct steering {
    struct change change; /* first: a change is a steering */
    enum verb verb;
    uint32_t id;
    int64_t product; /* of which devices are told; 0: nothing has changed */
    bool is_known, is_halted;
};

static godwit_err record_steering(struct steering *steering, const struct rollout *rollout,
                                  enum rollout_state before)
{
    char object[80];
    const struct release *release = rollout->release;
    snprintf(object, sizeof object, "%s %s", release->product->name, release->version);
    return change_audit(&steering->change, VERBS[steering->verb].action, object,
                        json_pack("{s:s}", "state", rollout_state_name(before)),
                        json_pack("{s:s, s:s, s:I, s:s}", "product", release->product->name,
                                  "version", release->version, "rollout_id",
                                  (json_int_t)rollout->id, "state",
                                  rollout_state_name(rollout->state)));
}

static struct rollout *find_rollout(const struct steering *steering)
{
    const struct change *change = &steering->change;
    struct rollout *rollout = rollout_find(&change->app->fleet.catalogue, steering->id);
    if (!rollout) return NULL;
    const struct product *product = rollout->release->product;
    return permission_sees(change->request, product->org->name, product->name) ? rollout : NULL;
}

static godwit_err steering_run(struct change *change)
{
    struct steering *steering = (struct steering *)change;
    struct rollout *rollout = find_rollout(steering);
    enum rollout_state wanted = VERBS[steering->verb].state;
    steering->product = 0;
    steering->is_known = rollout != NULL;
    steering->is_halted = rollout && rollout->state == ROLLOUT_HALTED && wanted != ROLLOUT_HALTED;
    if (!rollout || steering->is_halted || rollout->state == wanted) return GODWIT_OK;
    enum rollout_state before = rollout->state;
    godwit_err err = rollout_set_state(&change->app->fleet, change->app->db, rollout, wanted,
                                       permission_actor(change->request)->user,
                                       clock_unix_s(change->app->clock));
    steering->product = rollout->release->product->id;
    return err ? err : record_steering(steering, rollout, before);
}

static void steering_reply(struct change *change, godwit_err err)
{
    struct steering *steering = (struct steering *)change;
    if (err) {
        problem_of_error(change->request, err);
    } else if (!steering->is_known) {
        reply_no_rollout(change->request);
    } else if (steering->is_halted) {
        problem(
            change->request, 409, "halted",
            "the rollout was halted, which is its end; deploy the release again, or a better one",
            NULL);
    } else {
        if (steering->product) {
            waiting_wake(change->app->waiting, steering->product); /* who waits is told now */
            app_tick(change->app);
        }
        reply_rollout(change->request, 200, steering->id);
    }
}

static void steer(struct http_request *request, enum verb verb)
{
    struct steering *steering = arena_zalloc(request->arena, sizeof *steering);
    if (!steering) {
        problem_busy(request);
        return;
    }
    steering->verb = verb;
    steering->id = rollout_param(request);
    steering->change.app = request->app;
    steering->change.request = request;
    steering->change.run = steering_run;
    steering->change.reply = steering_reply;
    change_submit(&steering->change, NULL);
}

void handle_rollout_pause(struct http_request *request)
{
    steer(request, PAUSE);
}

void handle_rollout_resume(struct http_request *request)
{
    steer(request, RESUME);
}

void handle_rollout_halt(struct http_request *request)
{
    steer(request, HALT);
}
