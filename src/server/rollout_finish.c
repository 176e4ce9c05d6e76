/* Tells the audit log, and with it listeners and webhooks, of rollouts that have finished, and of
 * those that their failures have halted. */
#include <stdio.h>

#include "fleet/finish.h"
#include "server/audit_log.h"

#define AT_ONCE 20 /* of one tick */

static godwit_err tell(struct app *app, const struct finish *finish)
{
    char object[80];
    snprintf(object, sizeof object, "%s %s", finish->product, finish->version);
    return app_audit_of(
        app, finish->org, AUDIT_ROLLOUT_FINISHED, object,
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "product", finish->product, "version",
                  finish->version, "rollout_id", (json_int_t)finish->rollout, "selected",
                  (json_int_t)finish->selected, "succeeded", (json_int_t)finish->succeeded,
                  "failed", (json_int_t)finish->failed));
}

static godwit_err tell_halt(struct app *app, const struct finish *halt)
{
    char object[80];
    snprintf(object, sizeof object, "%s %s", halt->product, halt->version);
    return app_audit_of(app, halt->org, AUDIT_ROLLOUT_HALTED, object,
                        json_pack("{s:s, s:s, s:I, s:s, s:I, s:I}", "product", halt->product,
                                  "version", halt->version, "rollout_id", (json_int_t)halt->rollout,
                                  "by", "its failures", "succeeded", (json_int_t)halt->succeeded,
                                  "failed", (json_int_t)halt->failed));
}

static godwit_err tell_halts(struct app *app)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        struct finish halt;
        godwit_err err = halt_take(app->db, &halt);
        if (!err) err = tell_halt(app, &halt);
        if (err) return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
    }
    return GODWIT_OK;
}

godwit_err rollouts_tick(struct app *app)
{
    godwit_err halts = tell_halts(app);
    if (halts) return halts;
    fleet_lock(&app->fleet);
    uint32_t swept = app->fleet.swept_rollout;
    fleet_unlock(&app->fleet);
    for (size_t i = 0; i < AT_ONCE; i++) {
        struct finish finish;
        godwit_err err = finish_take(app->db, swept, clock_unix_s(app->clock), &finish);
        if (!err) err = tell(app, &finish);
        if (err) return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
    }
    return GODWIT_OK;
}
