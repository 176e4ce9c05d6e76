/* Tells the audit log, and with it listeners and webhooks, of rollouts that have finished, and of
 * those that their failures have halted or paused; and opens the gates of those that have proven
 * enough. */
#include <stdio.h>

#include "fleet/finish.h"
#include "fleet/rollout.h"
#include "fleet/strata_rows.h"
#include "server/audit_log.h"
#include "server/waiting.h"

#define AT_ONCE 20 /* of one tick */

/* selected: of one that has finished alone. */
static godwit_err tell(struct app *app, enum audit_action action, const struct finish *finish)
{
    char object[80];
    snprintf(object, sizeof object, "%s %s", finish->product, finish->version);
    json_t *after =
        json_pack("{s:s, s:s, s:I, s:I, s:I}", "product", finish->product, "version",
                  finish->version, "rollout_id", (json_int_t)finish->rollout, "succeeded",
                  (json_int_t)finish->succeeded, "failed", (json_int_t)finish->failed);
    if (action != AUDIT_ROLLOUT_FINISHED)
        json_object_set_new(after, "by", json_string("its failures"));
    else
        json_object_set_new(after, "selected", json_integer(finish->selected));
    return app_audit_of(app, finish->org, action, object, after);
}

/* MISSING: none was halted. */
static godwit_err tell_stratum(struct app *app)
{
    struct finish finish;
    char devices[STRATUM_TEXT_MAX], object[80];
    godwit_err err = strata_take_halt(app->db, &app->fleet.catalogue, &finish, devices);
    if (err) return err;
    snprintf(object, sizeof object, "%s %s", finish.product, finish.version);
    json_t *after = json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:s}", "product", finish.product,
                              "version", finish.version, "rollout_id", (json_int_t)finish.rollout,
                              "devices", devices, "offered", (json_int_t)finish.selected, "failed",
                              (json_int_t)finish.failed, "by", "its failures");
    return app_audit_of(app, finish.org, AUDIT_ROLLOUT_STRATUM_HALTED, object, after);
}

/* MISSING: there is nothing more to tell. */
static godwit_err tell_next(struct app *app, uint32_t swept)
{
    struct finish finish;
    enum audit_action action = AUDIT_ROLLOUT_HALTED;
    godwit_err err = tell_stratum(app);
    if (err != GODWIT_ERR_MISSING) return err;
    err = halt_take(app->db, &finish);
    if (err == GODWIT_ERR_MISSING) {
        action = AUDIT_ROLLOUT_FINISHED;
        err = finish_take(app->db, swept, clock_unix_s(app->clock), &finish);
    }
    if (!err && action == AUDIT_ROLLOUT_HALTED && finish.state == ROLLOUT_PAUSED)
        action = AUDIT_ROLLOUT_PAUSED;
    return err ? err : tell(app, action, &finish);
}

/* Only the writer makes and ends rollouts, so it walks without the lock. */
static godwit_err open_gates(struct app *app)
{
    godwit_err err = GODWIT_OK;
    struct rollout *rollout = app->fleet.catalogue.rollouts;
    for (; rollout && !err; rollout = rollout->next) {
        bool is_open = false;
        err = rollout_step(&app->fleet, app->db, rollout, clock_unix_s(app->clock), &is_open);
        if (!is_open) continue;
        app->is_changed = true;
        waiting_wake(app->waiting, rollout->release->product->id);
    }
    return err;
}

godwit_err rollouts_tick(struct app *app)
{
    godwit_err err = open_gates(app);
    fleet_lock(&app->fleet);
    uint32_t swept = app->fleet.swept_rollout;
    fleet_unlock(&app->fleet);
    for (size_t i = 0; i < AT_ONCE && !err; i++)
        err = tell_next(app, swept);
    return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
}
