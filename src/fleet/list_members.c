/* Which rows, depends on what is asked: a rollout to all of a product walks along the devices of
 * the product, one with a list along its members, and one state along the devices to which the
 * rollout speaks. Each is a walk along one index. */
#include "fleet/list_members.h"

#include <stdio.h>

#include "fleet/standing.h"

#define COLUMNS                                                                         \
    "select d.id, d.device_id, coalesce(m.state, 0), coalesce(m.reason, 0), d.rollout," \
    " d.rollout_state, d.reason, d.cause, d.is_retried, d.outcome_detail from "

/* $1 org, $2 rollout, $3 product, $4 after, $5 limit, $6 and $7 states */
#define NAMED " and $1 = $1 and $2 = $2 and $3 = $3 and $6 = $6 and $7 = $7"
static const char ALL[] =
    COLUMNS "devices d left join members m on m.rollout = $2 and m.device = d.id where d.org = $1"
            " and d.product_name = $3 and d.id > $4 and d.state <> 'retired'" NAMED
            " order by d.id limit $5";
static const char LISTED[] =
    COLUMNS "members m join devices d on d.id = m.device where m.rollout = $2 and m.device > $4"
            " and d.org = $1 and d.product_name = $3" NAMED " order by m.device limit $5";
static const char BY_STATE[] =
    COLUMNS "devices d left join members m on m.rollout = $2 and m.device = d.id where d.org = $1"
            " and d.rollout = $2 and d.rollout_state in ($6, $7) and d.id > $4" NAMED
            " order by d.id limit $5";

/* What rows call it, and people. */
static const struct {
    const char *row, *shown;
} STATES[] = {{"queued", "queued"},         {"in-progress", "in-progress"},
              {"succeeded", "succeeded"},   {"failed", "failed"},
              {"up-to-date", "up-to-date"}, {"incompatible", "incompatible"},
              {"halted", "halted"},         {ROLLOUT_STATE_REFUSED, "failed"},
              {"soaking", "soaking"},       {"undoing", "undoing"},
              {"undone", "undone"}};

static const char *shown_state(const char *row)
{
    for (size_t i = 0; i < sizeof STATES / sizeof *STATES; i++)
        if (!strcmp(STATES[i].row, row)) return STATES[i].shown;
    return "queued";
}

bool list_members_has_state(const char *state)
{
    for (size_t i = 0; i < sizeof STATES / sizeof *STATES; i++)
        if (!strcmp(STATES[i].shown, state)) return true;
    return false;
}

static void say(struct list_member *row, const char *state, const char *reason,
                const char *sentence)
{
    row->state = state;
    snprintf(row->reason, sizeof row->reason, "%s", reason);
    snprintf(row->sentence, sizeof row->sentence, "%s", sentence);
}

/* By what the device's own row says, for the rollout speaks to it. */
static void say_standing(struct list_member *row, const char *state, const struct db_rows *rows)
{
    char reason[40], cause[40], detail[GODWIT_DETAIL_MAX];
    bool is_retried = db_column_int(rows, 8);
    db_column_text(rows, 6, reason, sizeof reason);
    db_column_text(rows, 7, cause, sizeof cause);
    db_column_text(rows, 9, detail, sizeof detail);
    say(row, state, is_retried ? cause : reason, "");
    standing_sentence(reason, is_retried ? cause : "", detail, row->sentence, sizeof row->sentence);
}

static void take_row(const struct members_query *query, const struct db_rows *rows,
                     struct list_member *row)
{
    char rollout_state[16];
    int64_t speaks = db_column_int(rows, 4);
    uint32_t reason = (uint32_t)db_column_int(rows, 3);
    enum member_state state = (enum member_state)db_column_int(rows, 2);
    *row = (struct list_member){.id = db_column_int(rows, 0)};
    db_column_blob(rows, 1, row->device_id, sizeof row->device_id);
    db_column_text(rows, 5, rollout_state, sizeof rollout_state);
    bool is_behind = !query->is_swept && speaks < query->rollout->id;
    if (state == MEMBER_FAILED)
        say(row, "failed", godwit_reason_id(reason), godwit_reason_sentence(reason));
    else if (state == MEMBER_SUCCEEDED)
        say(row, "succeeded", decision_reason_id(DECISION_UP_TO_DATE),
            "it runs the release and has confirmed it");
    else if (speaks == query->rollout->id)
        say_standing(row, shown_state(rollout_state), rows);
    else if (state == MEMBER_IN_PROGRESS)
        say(row, "in-progress", decision_reason_id(DECISION_OFFERED),
            decision_reason_sentence(DECISION_OFFERED));
    else if (is_behind)
        say(row, "queued", decision_reason_id(DECISION_QUEUED),
            decision_reason_sentence(DECISION_QUEUED));
    else
        say(row, "superseded", "superseded", "a newer rollout took it over");
}

godwit_err list_members(struct db *db, const struct members_query *query,
                        struct list_member *rows_out, size_t *count_out, bool *more_out)
{
    struct db_rows rows;
    const char *state = query->state ? query->state : "";
    const char *sql = query->state ? BY_STATE : query->rollout->is_targeted ? LISTED : ALL;
    *count_out = 0;
    *more_out = false;
    godwit_err err = db_query(
        db, &rows, sql,
        DB_ARGS(db_text(query->org), db_int(query->rollout->id), db_text(query->rollout->product),
                db_int(query->after), db_int((int64_t)query->limit + 1), db_text(state),
                db_text(strcmp(state, "failed") != 0 ? state : ROLLOUT_STATE_REFUSED)));
    while (!err && !*more_out && !(err = db_next(&rows)))
        if (*count_out == query->limit)
            *more_out = true;
        else
            take_row(query, &rows, &rows_out[(*count_out)++]);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}
