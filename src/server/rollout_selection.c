/* One rollout and SELECTION_LOOK devices a tick, in the order in which devices joined; from the
 * start again once a row of the lists has changed since the last look began. A device that joins
 * comes after the place where a look has ended, so newcomers are found at once.
 *
 * Rejected: to judge each device where it changes (a filter may ask for a tag, a name, an age, so
 * that would be in many places, and what is found there must be what a list shows). */
#include "server/rollout_selection.h"

#include <stdlib.h>

#include "base/log.h"
#include "fleet/cache.h"
#include "fleet/rollout.h"
#include "server/device_found.h"
#include "server/waiting.h"

#define SELECTION_LOOK 4096 /* ids of devices in one look */
#define TAKEN_AT_ONCE 256

struct look {
    struct filter filter;
    struct filter_sql sql;
    struct filter_fault fault;
    struct found found[TAKEN_AT_ONCE];
};

static bool is_open(const struct rollout *rollout)
{
    bool may_offer = rollout->state == ROLLOUT_RUNNING || rollout->state == ROLLOUT_PAUSED;
    return rollout->is_continuous && may_offer;
}

/* The next one after the last that was looked at; NULL: there is none. */
static struct rollout *next_open(struct app *app)
{
    struct rollout *first = NULL, *next = NULL;
    struct rollout *rollout = app->fleet.catalogue.rollouts;
    for (; rollout; rollout = rollout->next) { /* by falling id */
        if (!is_open(rollout)) continue;
        first = rollout;
        if (rollout->id > app->selection_last) next = rollout;
    }
    return next ? next : first;
}

static godwit_err read_selection(struct db *db, const struct rollout *rollout,
                                 char text[static FILTER_TEXT_MAX + 1])
{
    struct db_rows rows;
    *text = '\0';
    godwit_err err = db_query(db, &rows, "select selection from rollouts where id = $1",
                              DB_ARGS(db_int(rollout->id)));
    if (!err) err = db_next(&rows);
    if (!err) db_column_text(&rows, 0, text, FILTER_TEXT_MAX + 1);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

static godwit_err take_in(struct app *app, struct rollout *rollout, const struct look *look,
                          size_t count, bool *any_out)
{
    godwit_err err = GODWIT_OK;
    for (size_t i = 0; i < count && !err; i++) {
        struct device *device;
        bool is_new = false;
        err = device_fetch_row(&app->fleet, app->db, look->found[i].id, &device);
        if (!err && device) err = rollout_take_in(&app->fleet, app->db, rollout, device, &is_new);
        *any_out |= is_new;
    }
    return err;
}

static godwit_err look_on(struct app *app, struct rollout *rollout, struct look *look,
                          bool *any_out)
{
    char text[FILTER_TEXT_MAX + 1];
    const struct product *product = rollout->release->product;
    const struct filter_world world = {.now_s = clock_unix_s(app->clock)};
    size_t count = 0;
    godwit_err err = read_selection(app->db, rollout, text);
    if (err) return err;
    if (filter_parse(text, &world, &look->filter, &look->fault)) {
        GODWIT_LOG(ERROR, "selection_unreadable", "rollout=%u filter=\"%s\"", rollout->id, text);
        rollout->is_continuous = false;
        return GODWIT_OK;
    }
    filter_sql(&look->filter, FOUND_FIRST, &look->sql);
    const struct found_query query = {.org = product->org->name,
                                      .product = product->name,
                                      .filter = &look->sql,
                                      .after = rollout->selected_to,
                                      .up_to = rollout->selected_to + SELECTION_LOOK,
                                      .outside_rollout = rollout->id};
    err = found_list(app->db, &query, TAKEN_AT_ONCE, look->found, &count);
    if (!err) err = take_in(app, rollout, look, count, any_out);
    if (!err && count < TAKEN_AT_ONCE) rollout->selected_to += SELECTION_LOOK;
    return err;
}

/* Behind the last device: there new ones come. */
static godwit_err find_end(struct db *db, int64_t *end_out)
{
    return db_run_returning(db, "select coalesce(max(id), 0) from devices", NULL, 0, end_out);
}

godwit_err selection_tick(struct app *app, bool *any_out)
{
    int64_t end = 0;
    struct rollout *rollout = next_open(app);
    if (!rollout) return GODWIT_OK;
    godwit_err err = find_end(app->db, &end);
    if (err) return err;
    app->selection_last = rollout->id;
    if (rollout->selected_to >= end) {
        rollout->selected_to = end;
        if (rollout->selected_at == app->fleet.listed_count) return GODWIT_OK;
        rollout->selected_at = app->fleet.listed_count;
        rollout->selected_to = 0;
    }
    struct look *look = calloc(1, sizeof *look);
    if (!look) abort();
    err = look_on(app, rollout, look, any_out);
    free(look);
    if (*any_out) waiting_wake(app->waiting, rollout->release->product->id);
    return err;
}
