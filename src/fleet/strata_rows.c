/* The rows are written with the counts of their rollout, once in a transaction: many devices that
 * are offered it at once cost one write of each stratum. */
#include "fleet/strata_rows.h"

#include <stdio.h>

#include "formats/chip.h"

void strata_load_row(struct catalogue *catalogue, const struct db_rows *rows)
{
    struct rollout *rollout = rollout_find(catalogue, (uint32_t)db_column_int(rows, 0));
    int64_t kind = db_column_int(rows, 1);
    if (!rollout || kind < 0 || kind >= STRATUM_KINDS_COUNT) return;
    const struct stratum row = {.kind = (enum stratum_kind)kind,
                                .value = (uint32_t)db_column_int(rows, 2),
                                .offered = (uint32_t)db_column_int(rows, 3),
                                .confirmed = (uint32_t)db_column_int(rows, 4),
                                .halted_s = db_column_int(rows, 5)};
    strata_load(&rollout->strata, &row);
}

static godwit_err write_row(struct db *db, const struct rollout *rollout,
                            const struct stratum *stratum)
{
    return db_run(
        db,
        "insert into strata (org, rollout, kind, value, offered, confirmed, halted, is_untold)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (rollout, kind, value) do update set"
        " offered = excluded.offered, confirmed = excluded.confirmed, halted = excluded.halted,"
        " is_untold = case when strata.halted = excluded.halted then strata.is_untold else 1 end",
        DB_ARGS(db_text(rollout->release->product->org->name), db_int(rollout->id),
                db_int(stratum->kind), db_int(stratum->value), db_int(stratum->offered),
                db_int(stratum->confirmed), db_int(stratum->halted_s),
                db_int(stratum->halted_s != 0)));
}

godwit_err strata_write(struct db *db, struct rollout *rollout)
{
    godwit_err err = GODWIT_OK;
    for (size_t i = 0; i < rollout->strata.count && !err; i++) {
        struct stratum *stratum = &rollout->strata.rows[i];
        if (!stratum->is_moved) continue;
        err = write_row(db, rollout, stratum);
        if (!err) stratum->is_moved = false;
    }
    return err;
}

godwit_err strata_delete(struct db *db, uint32_t rollout)
{
    return db_run(db, "delete from strata where rollout = $1", DB_ARGS(db_int(rollout)));
}

void stratum_value_text(const struct catalogue *catalogue, const struct stratum *stratum,
                        char out[static STRATUM_TEXT_MAX])
{
    const struct godwit_chip *chip;
    const struct release *release;
    switch (stratum->kind) {
    case STRATUM_CHIP:
        chip = godwit_chip_by_id((uint16_t)stratum->value);
        snprintf(out, STRATUM_TEXT_MAX, "%s", chip ? chip->name : "unknown");
        return;
    case STRATUM_CHIP_REVISION:
        snprintf(out, STRATUM_TEXT_MAX, "v%u.%u", stratum->value / 100, stratum->value % 100);
        return;
    case STRATUM_FROM:
        release = release_by_id(catalogue, stratum->value);
        snprintf(out, STRATUM_TEXT_MAX, "%s",
                 release ? release->version : "a release that is gone");
        return;
    default:
        snprintf(out, STRATUM_TEXT_MAX, "%u", stratum->value);
    }
}

void stratum_text(const struct catalogue *catalogue, const struct stratum *stratum,
                  char out[static STRATUM_TEXT_MAX])
{
    char value[STRATUM_TEXT_MAX];
    stratum_value_text(catalogue, stratum, value);
    snprintf(out, STRATUM_TEXT_MAX, "%s %.60s", stratum_kind_title(stratum->kind), value);
}

/* ---- what is told ---- */

static godwit_err take_row(struct db_rows *rows, godwit_err err, struct finish *out,
                           struct stratum *stratum_out)
{
    if (!err) err = db_next(rows);
    if (!err) {
        out->rollout = db_column_int(rows, 0);
        db_column_text(rows, 1, out->org, sizeof out->org);
        db_column_text(rows, 2, out->product, sizeof out->product);
        db_column_text(rows, 3, out->version, sizeof out->version);
        *stratum_out = (struct stratum){.kind = (enum stratum_kind)db_column_int(rows, 4),
                                        .value = (uint32_t)db_column_int(rows, 5)};
        out->selected = db_column_int(rows, 6);
    }
    db_rows_close(rows);
    return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
}

static uint32_t failed_of(const struct catalogue *catalogue, const struct finish *finish,
                          const struct stratum *stratum)
{
    const struct rollout *rollout = rollout_find(catalogue, (uint32_t)finish->rollout);
    const struct stratum *found =
        rollout ? strata_find(&rollout->strata, stratum->kind, stratum->value) : NULL;
    return found ? (uint32_t)found->failed.count : 0;
}

godwit_err strata_take_halt(struct db *db, const struct catalogue *catalogue, struct finish *out,
                            char devices[static STRATUM_TEXT_MAX])
{
    struct db_rows rows;
    struct stratum stratum;
    *out = (struct finish){0};
    godwit_err err = db_query(db, &rows,
                              "select r.id, r.org, p.name, l.version, s.kind, s.value, s.offered"
                              " from strata s join rollouts r on r.id = s.rollout"
                              " join releases l on l.id = r.release join products p on p.id ="
                              " l.product where s.is_untold = 1 order by s.rollout, s.halted,"
                              " s.kind, s.value limit 1",
                              NULL, 0);
    err = take_row(&rows, err, out, &stratum);
    if (err) return err;
    out->failed = failed_of(catalogue, out, &stratum);
    stratum_text(catalogue, &stratum, devices);
    return db_run(db,
                  "update strata set is_untold = 0 where rollout = $1 and kind = $2 and value = $3",
                  DB_ARGS(db_int(out->rollout), db_int(stratum.kind), db_int(stratum.value)));
}
