/* How a rollout grows on proof: the soak of each device, and gates, optional stops on its way.
 *
 * A gate "10:30m" stops the rollout once ten devices were offered the release, until all of them
 * have confirmed it or failed and thirty minutes have passed since the last confirmed it; "1%:2h"
 * counts in shares of those selected. Several are joined by commas, in rising order. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define GATES_MAX 4
#define DURATION_TEXT_MAX 16       /* NUL included */
#define GATES_TEXT_MAX 96          /* NUL included */
#define SOAK_MAX_S (30 * 86400)    /* of a gate, or of each device */
#define SELECTION_TEXT_MAX 1025    /* the filter of a rollout that stays open, NUL included */
#define SMALL_FLEET 72             /* a rollout to fewer devices is careful */
#define CRASH_COUNTS_S (7 * 86400) /* so long after the confirmation a crash is the release's */

struct rollout_gate {
    uint32_t devices;   /* offered; 0: a share is given */
    uint32_t per_mille; /* of those selected */
    uint32_t soak_s;
};

struct proof_plan {
    bool is_careful; /* begins with one device, and pauses at each failure: too few devices for the
                        brake to judge by */
    uint32_t soak_s; /* after the confirmation, until a device has succeeded */
    size_t gates_count;
    struct rollout_gate gates[GATES_MAX];
};

/* "10:30m,1%:2h", "" or "none": none. FORMAT, with a sentence for a person in note. */
GODWIT_MUST_USE godwit_err gates_parse(const char *text, struct proof_plan *out, char *note,
                                       size_t note_size);
/* The same text again; "" for none. */
void gates_format(const struct proof_plan *plan, char out[static GATES_TEXT_MAX]);
/* "90", "90s", "30m", "2h", "7d". False: no such duration, or longer than SOAK_MAX_S. */
bool duration_parse(const char *text, uint32_t *seconds_out);
/* The shortest text that reads back so: "30m". */
void duration_format(uint32_t seconds, char out[static DURATION_TEXT_MAX]);
/* The number of devices after which the gate stops a rollout of so many. */
uint32_t gate_devices(const struct rollout_gate *gate, uint32_t selected);
/* Whether each gate stops later than the one before it, in a rollout of so many. One that does not
 * is a second wait at the same place. */
bool gates_rise(const struct proof_plan *plan, uint32_t selected);
