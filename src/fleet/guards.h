/* What a rollout asks of a device besides its turn: a window in the device's local time, few
 * devices of one site at once, consent, and a battery that is not low. Pure.
 *
 * A window is "mon-fri 02:00-05:00": days, or none for every day, and from when until when. One
 * that ends before it begins goes over midnight, and belongs to the day on which it begins. Several
 * are joined by commas.
 *
 * A zone is its distance from UTC, "+02:00", in whole quarters of an hour: one byte for each
 * device. Rejected: names as Europe/Berlin. They would need a table that ages on the server, while
 * a device whose clock is local knows how far it is from UTC and says so again when that changes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define GUARD_WINDOWS_MAX 4
#define WINDOW_TEXT_MAX 96 /* NUL included */
#define ZONE_TEXT_MAX 8    /* NUL included */
#define BATTERY_MIN 20     /* per cent, where a rollout does not say otherwise */

#define ZONE_NONE 0 /* not said; else quarters of an hour after UTC, and ZONE_UTC */
#define ZONE_UTC 49

struct guard_window {
    uint8_t days;             /* bit 0: Monday … */
    uint16_t from_m, until_m; /* minutes of the day */
};

struct rollout_guards {
    uint32_t per_site;   /* so many devices of one site are in progress at most; 0: any number */
    uint8_t battery_min; /* per cent; a device that says less waits. 0: none does */
    uint8_t zone;        /* of devices that do not say theirs; ZONE_NONE: UTC */
    bool needs_consent;
    size_t windows_count; /* 0: always open */
    struct guard_window windows[GUARD_WINDOWS_MAX];
};

/* "" is none: always open. FORMAT, with a sentence for a person in note: also of a window that
 * never opens. */
GODWIT_MUST_USE godwit_err window_parse(const char *text, struct rollout_guards *out, char *note,
                                        size_t note_size);
/* The same text again. */
void window_format(const struct rollout_guards *guards, char out[static WINDOW_TEXT_MAX]);
/* "+02:00", "-03:30", "utc"; FORMAT. */
GODWIT_MUST_USE godwit_err zone_parse(const char *text, uint8_t *out);
/* "" for ZONE_NONE. */
void zone_format(uint8_t zone, char out[static ZONE_TEXT_MAX]);
/* Whether one of its windows is open now for a device of that zone. */
bool window_is_open(const struct rollout_guards *guards, uint8_t zone, int64_t now_s);
