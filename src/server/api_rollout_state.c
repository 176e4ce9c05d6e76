/* What a person does to a rollout. Whoever presses second is answered with what the first did: the
 * reply says who, and since when. */
#include <stdio.h>

#include "fleet/cache.h"
#include "fleet/rollout.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"
#include "server/waiting.h"

#define RETRY_MAX 10000 /* devices; what the brake lets fail is less */

struct steering {
    struct change change; /* first: a change is a steering */
    const struct verb *verb;
    uint32_t id;
    int64_t product; /* of which devices are told; 0: nothing has changed */
    bool is_known;
    const struct refusal *refusal; /* NULL: there is none */
    enum rollout_priority priority;
    int64_t retried;
};

typedef godwit_err verb_run(struct steering *steering, struct rollout *rollout);

struct verb {
    verb_run *run;
    enum audit_action action;
    enum rollout_state wanted; /* that set_state makes, or that it must be able to be in */
};

static godwit_err record_steering(struct steering *steering, const struct rollout *rollout,
                                  enum rollout_state before)
{
    char object[80];
    const struct release *release = rollout->release;
    snprintf(object, sizeof object, "%s %s", release->product->name, release->version);
    json_t *after = json_pack("{s:s, s:s, s:I, s:s, s:s}", "product", release->product->name,
                              "version", release->version, "rollout_id", (json_int_t)rollout->id,
                              "state", rollout_state_name(rollout->state), "priority",
                              rollout_priority_name(rollout->priority));
    if (steering->retried)
        json_object_set_new(after, "devices", json_integer((json_int_t)steering->retried));
    steering->product = release->product->id;
    return change_audit(&steering->change, steering->verb->action, object,
                        json_pack("{s:s}", "state", rollout_state_name(before)), after);
}

/* ---- what the verbs do ---- */

static godwit_err set_state(struct steering *steering, struct rollout *rollout)
{
    struct app *app = steering->change.app;
    enum rollout_state before = rollout->state;
    if (before == steering->verb->wanted) return GODWIT_OK;
    godwit_err err = rollout_set_state(&app->fleet, app->db, rollout, steering->verb->wanted,
                                       permission_actor(steering->change.request)->user,
                                       clock_unix_s(app->clock));
    return err ? err : record_steering(steering, rollout, before);
}

static godwit_err skip_ahead(struct steering *steering, struct rollout *rollout)
{
    struct app *app = steering->change.app;
    if (rollout->is_skipped) return GODWIT_OK;
    godwit_err err = rollout_skip(&app->fleet, app->db, rollout);
    return err ? err : record_steering(steering, rollout, rollout->state);
}

/* The rows of devices on which it failed. */
static godwit_err find_failed(struct steering *steering, int64_t *ids, size_t *count_out)
{
    struct db_rows rows;
    size_t count = 0;
    godwit_err err =
        db_query(steering->change.app->db, &rows,
                 "select device from members where rollout = $1 and state = $2"
                 " order by offer_number limit $3",
                 DB_ARGS(db_int(steering->id), db_int(MEMBER_FAILED), db_int(RETRY_MAX)));
    while (!err && !(err = db_next(&rows)))
        ids[count++] = db_column_int(&rows, 0);
    db_rows_close(&rows);
    *count_out = count;
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

static godwit_err retry(struct steering *steering, struct rollout *rollout)
{
    struct app *app = steering->change.app;
    int64_t *ids = arena_alloc(steering->change.request->arena, RETRY_MAX * sizeof *ids);
    size_t count = 0;
    if (!ids) return GODWIT_ERR_SPACE;
    godwit_err err = find_failed(steering, ids, &count);
    for (size_t i = 0; i < count && !err; i++) {
        struct device *device;
        err = device_fetch_row(&app->fleet, app->db, ids[i], &device);
        if (!err && device) err = rollout_retry(&app->fleet, app->db, rollout, device);
    }
    steering->retried = (int64_t)count;
    return err || !count ? err : record_steering(steering, rollout, rollout->state);
}

static godwit_err prioritise(struct steering *steering, struct rollout *rollout)
{
    struct app *app = steering->change.app;
    if (rollout->priority == steering->priority) return GODWIT_OK;
    godwit_err err = rollout_set_priority(&app->fleet, app->db, rollout, steering->priority);
    return err ? err : record_steering(steering, rollout, rollout->state);
}

enum verb_name { PAUSE, RESUME, HALT, UNDO, SKIP, RETRY, APPROVE, PRIORITY };
static const struct verb VERBS[] = {
    [PAUSE] = {set_state, AUDIT_ROLLOUT_PAUSED, ROLLOUT_PAUSED},
    [RESUME] = {set_state, AUDIT_ROLLOUT_RESUMED, ROLLOUT_RUNNING},
    [HALT] = {set_state, AUDIT_ROLLOUT_HALTED, ROLLOUT_HALTED},
    [UNDO] = {set_state, AUDIT_ROLLOUT_UNDONE, ROLLOUT_UNDONE},
    [SKIP] = {skip_ahead, AUDIT_ROLLOUT_SKIPPED, ROLLOUT_RUNNING},
    [RETRY] = {retry, AUDIT_ROLLOUT_RETRIED, ROLLOUT_RUNNING},
    [APPROVE] = {set_state, AUDIT_ROLLOUT_APPROVED, ROLLOUT_RUNNING},
    [PRIORITY] = {prioritise, AUDIT_ROLLOUT_PRIORITY, ROLLOUT_RUNNING},
};

/* ---- one of them ---- */

static struct rollout *find_rollout(const struct steering *steering)
{
    const struct change *change = &steering->change;
    struct rollout *rollout = rollout_find(&change->app->fleet.catalogue, steering->id);
    if (!rollout) return NULL;
    const struct product *product = rollout->release->product;
    return permission_sees(change->request, product->org->name, product->name) ? rollout : NULL;
}

/* Who made it, where it waits for another person; "": nobody that is known. */
static godwit_err read_maker(struct db *db, uint32_t rollout, char out[static 33])
{
    struct db_rows rows;
    *out = '\0';
    godwit_err err = db_query(db, &rows, "select state_by from rollouts where id = $1",
                              DB_ARGS(db_int(rollout)));
    if (!err) err = db_next(&rows);
    if (!err) db_column_text(&rows, 0, out, 33);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

static godwit_err refuse_approval(struct steering *steering, const struct rollout *rollout)
{
    static const struct refusal NOT_WAITING = {"not-waiting",
                                               "the rollout waits for nobody's approval"},
                                OWN = {"own-rollout",
                                       "who made a rollout can not approve it; another person "
                                       "has to look"};
    char maker[33];
    godwit_err err = read_maker(steering->change.app->db, rollout->id, maker);
    if (rollout->state != ROLLOUT_UNAPPROVED)
        steering->refusal = &NOT_WAITING;
    else if (!strcmp(maker, permission_actor(steering->change.request)->user))
        steering->refusal = &OWN;
    return err;
}

/* What a rollout in this state has become, or is not yet. */
static void refuse_verb(struct steering *steering, const struct rollout *rollout)
{
    static const struct refusal REFUSALS[ROLLOUT_STATE_COUNT] = {
        [ROLLOUT_HALTED] = {"halted",
                            "the rollout was halted, which is its end; deploy the release "
                            "again, or a better one"},
        [ROLLOUT_UNDONE] = {"undone",
                            "the rollout was undone, which is its end; deploy the release "
                            "again, or a better one"},
        [ROLLOUT_UNAPPROVED] = {"unapproved", "the rollout waits for a second person; `godwit "
                                              "rollout approve` lets it begin"}};
    if (!rollout_may_become(rollout->state, steering->verb->wanted))
        steering->refusal = &REFUSALS[rollout->state];
}

static void refuse_priority(struct steering *steering, const struct rollout *rollout)
{
    static const struct refusal PINNED = {"pinned",
                                          "the rollout pins devices to its release; `godwit"
                                          " pin DEVICE --remove` lets one go"};
    if (rollout->priority == ROLLOUT_PIN) steering->refusal = &PINNED;
}

static godwit_err refuse(struct steering *steering, const struct rollout *rollout)
{
    if (steering->verb == &VERBS[APPROVE]) return refuse_approval(steering, rollout);
    if (steering->verb == &VERBS[PRIORITY])
        refuse_priority(steering, rollout);
    else
        refuse_verb(steering, rollout);
    return GODWIT_OK;
}

static godwit_err steering_run(struct change *change)
{
    struct steering *steering = (struct steering *)change;
    struct rollout *rollout = find_rollout(steering);
    steering->product = steering->retried = 0;
    steering->refusal = NULL;
    steering->is_known = rollout != NULL;
    if (!rollout) return GODWIT_OK;
    godwit_err err = refuse(steering, rollout);
    return err || steering->refusal ? err : steering->verb->run(steering, rollout);
}

static void steering_reply(struct change *change, godwit_err err)
{
    struct steering *steering = (struct steering *)change;
    if (err) {
        problem_of_error(change->request, err);
    } else if (!steering->is_known) {
        reply_no_rollout(change->request);
    } else if (steering->refusal) {
        problem_refusal(change->request, steering->refusal);
    } else {
        if (steering->product) {
            waiting_wake(change->app->waiting, steering->product); /* who waits is told now */
            app_tick(change->app);
        }
        reply_rollout(change->request, 200, steering->id);
    }
}

/* NULL: answered. */
static struct steering *begin(struct http_request *request, enum verb_name name)
{
    struct steering *steering = arena_zalloc(request->arena, sizeof *steering);
    if (!steering) {
        problem_busy(request);
        return NULL;
    }
    steering->verb = &VERBS[name];
    steering->id = rollout_param(request);
    steering->change.app = request->app;
    steering->change.request = request;
    steering->change.run = steering_run;
    steering->change.reply = steering_reply;
    return steering;
}

static void steer(struct http_request *request, enum verb_name name)
{
    struct steering *steering = begin(request, name);
    if (steering) change_submit(&steering->change, NULL);
}

/* The schema lets only known words pass. */
void handle_rollout_priority(struct http_request *request)
{
    json_t *body = body_object(request);
    if (!body) return;
    struct steering *steering = begin(request, PRIORITY);
    const char *priority = json_string_value(json_object_get(body, "priority"));
    bool is_known = priority && steering && rollout_priority_parse(priority, &steering->priority) &&
                    steering->priority != ROLLOUT_PIN;
    if (steering && !is_known)
        problem(request, 422, "malformed", "\"priority\" must be low, normal or high", "priority");
    json_decref(body);
    if (is_known) change_submit(&steering->change, NULL);
}

void handle_rollout_approve(struct http_request *request)
{
    steer(request, APPROVE);
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

void handle_rollout_undo(struct http_request *request)
{
    steer(request, UNDO);
}

void handle_rollout_skip(struct http_request *request)
{
    steer(request, SKIP);
}

void handle_rollout_retry(struct http_request *request)
{
    steer(request, RETRY);
}
