/* Tells the audit log, and with it listeners and webhooks, of rollouts that have finished, and of
 * those that their failures have halted. */
#include <stdio.h>

#include "fleet/finish.h"
#include "server/audit_log.h"

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
    if (action == AUDIT_ROLLOUT_HALTED)
        json_object_set_new(after, "by", json_string("its failures"));
    else
        json_object_set_new(after, "selected", json_integer(finish->selected));
    return app_audit_of(app, finish->org, action, object, after);
}

/* MISSING: there is nothing more to tell. */
static godwit_err tell_next(struct app *app, uint32_t swept)
{
    struct finish finish;
    enum audit_action action = AUDIT_ROLLOUT_HALTED;
    godwit_err err = halt_take(app->db, &finish);
    if (err == GODWIT_ERR_MISSING) {
        action = AUDIT_ROLLOUT_FINISHED;
        err = finish_take(app->db, swept, clock_unix_s(app->clock), &finish);
    }
    return err ? err : tell(app, action, &finish);
}

godwit_err rollouts_tick(struct app *app)
{
    godwit_err err = GODWIT_OK;
    fleet_lock(&app->fleet);
    uint32_t swept = app->fleet.swept_rollout;
    fleet_unlock(&app->fleet);
    for (size_t i = 0; i < AT_ONCE && !err; i++)
        err = tell_next(app, swept);
    return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
}
