/* Strata of rollouts in SQL, and what is told of those that are halted. */
#pragma once

#include "fleet/finish.h"
#include "fleet/model.h"
#include "store/store.h"

#define STRATA_LOAD_SQL \
    "select rollout, kind, value, offered, confirmed, halted from strata order by rollout"
#define STRATUM_TEXT_MAX 96 /* NUL included */

void strata_load_row(struct catalogue *catalogue, const struct db_rows *rows);
/* Those that have moved. Writer, who alone moves them. */
GODWIT_MUST_USE godwit_err strata_write(struct db *db, struct rollout *rollout);
/* Those of a rollout that goes. Writer. */
GODWIT_MUST_USE godwit_err strata_delete(struct db *db, uint32_t rollout);
/* The next stratum that its failures have halted, and of which nobody was told; the caller tells in
 * the same transaction. devices: which, in words; offered and failed of finish are the stratum's.
 * MISSING: there is none. Writer. */
GODWIT_MUST_USE godwit_err strata_take_halt(struct db *db, const struct catalogue *catalogue,
                                            struct finish *out,
                                            char devices[static STRATUM_TEXT_MAX]);
/* "chip esp32c3", "hardware revision 2", "updates from 1.2.0". Lock held. */
void stratum_text(const struct catalogue *catalogue, const struct stratum *stratum,
                  char out[static STRATUM_TEXT_MAX]);
/* The value alone: "esp32c3", "3.1", "2", "1.2.0". Lock held. */
void stratum_value_text(const struct catalogue *catalogue, const struct stratum *stratum,
                        char out[static STRATUM_TEXT_MAX]);
