/* Each who asks looks by itself, so that no deletion comes between a jump and the next tick. */
#include "server/clock_guard.h"

#include <stdlib.h>

#include "base/log.h"
#include "fleet/event.h"
#include "fleet/identity.h"
#include "fleet/kept_reply.h"

#define WRITE_EVERY_S 3600
#define ASK_AGED_EVERY_S 60
#define KEPT_COUNT 1000
#define HISTORY_COUNT 1000
#define DAY_S 86400

bool clock_is_doubted(struct app *app)
{
    struct clock_watch *watch = &app->clock_watch;
    fleet_lock(&app->fleet);
    int64_t now_s = clock_unix_s(app->clock);
    int64_t step_s = clock_watch_look(watch, clock_now_ms(app->clock), now_s);
    bool was_doubted = app->fleet.is_clock_doubted, is_doubted = clock_watch_doubts(watch);
    app->fleet.is_clock_doubted = is_doubted;
    if (step_s) app->fleet.clock_jumped_s = now_s;
    fleet_unlock(&app->fleet);
    if (step_s)
        GODWIT_LOG(WARN, "clock_jumped", "by_s=%lld doubted=%d", (long long)step_s, is_doubted);
    else if (was_doubted && !is_doubted)
        GODWIT_LOG(INFO, "clock_believed", "unix_s=%lld", (long long)now_s);
    return is_doubted;
}

godwit_err clock_guard_write(struct app *app)
{
    int64_t now_s = clock_unix_s(app->clock);
    if (clock_is_doubted(app)) return GODWIT_OK;
    if (now_s >= app->clock_written_s && now_s < app->clock_written_s + WRITE_EVERY_S)
        return GODWIT_OK;
    godwit_err err = db_run(app->db,
                            "insert into clock_seen (org, seen) values ($1, $2)"
                            " on conflict (org) do update set seen = excluded.seen",
                            DB_ARGS(db_text(FLEET_ORG), db_int(now_s)));
    if (!err) app->clock_written_s = now_s;
    return err;
}

godwit_err clock_guard_open(struct app *app)
{
    int64_t known_s = 0, now_s = clock_unix_s(app->clock);
    godwit_err err = db_run_returning(app->db, "select coalesce(max(seen), 0) from clock_seen",
                                      NULL, 0, &known_s);
    if (err) return err;
    clock_watch_open(&app->clock_watch, clock_now_ms(app->clock), now_s, known_s);
    app->fleet.is_clock_doubted = clock_watch_doubts(&app->clock_watch);
    if (!app->fleet.is_clock_doubted) return clock_guard_write(app);
    app->fleet.clock_jumped_s = now_s;
    GODWIT_LOG(WARN, "clock_doubted", "ahead_s=%lld", (long long)(now_s - known_s));
    return GODWIT_OK;
}

/* A hundred a minute, so that a fleet that joined in one day does not change its tokens in one. */
static godwit_err ask_aged(struct app *app)
{
    int64_t now_s = clock_unix_s(app->clock), age_s = (int64_t)app->settings->rotate_days * DAY_S;
    size_t count;
    if (!age_s || llabs(now_s - app->aged_s) < ASK_AGED_EVERY_S) return GODWIT_OK;
    app->aged_s = now_s;
    godwit_err err = identity_ask_aged(&app->fleet, app->db, now_s - age_s, now_s, &count);
    if (!err && count)
        GODWIT_LOG(INFO, "rotation_due", "devices=%zu days=%u", count, app->settings->rotate_days);
    return err;
}

static godwit_err prune_history(struct app *app, bool *more_out)
{
    int64_t days = app->settings->history_days;
    if (!days) return GODWIT_OK;
    return events_prune(app->db, clock_unix_s(app->clock) - days * DAY_S, HISTORY_COUNT, more_out);
}

godwit_err clock_guard_sweep(struct app *app, bool *more_out)
{
    int64_t now_s = clock_unix_s(app->clock);
    godwit_err err = clock_guard_write(app);
    *more_out = false;
    if (err || clock_is_doubted(app)) return err;
    err = kept_replies_sweep(app->db, now_s, KEPT_COUNT);
    if (!err) err = prune_history(app, more_out);
    return err ? err : ask_aged(app);
}
