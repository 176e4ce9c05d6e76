/* What makes a device itself: the token, which it changes when it is asked to, and the counters of
 * its check-ins, which tell when two devices have one identity.
 *
 * A device makes its next token itself, keeps it beside the present one, and tells it in check-ins
 * by the present one. From then on both are good; the first check-in by the next one makes it the
 * present one and voids the other.
 *
 * Of one device boots and check-ins only rise: a boot is counted in flash before it checks in, a
 * check-in before it is sent. A flash that is put back from a copy steps back once. Two devices
 * with one flash step back again and again: at the second time within two days the device is
 * forked, and is offered nothing until an operator says that it is one device again. A server that
 * was put back from a backup knows older counters and sees steps forward only. */
#pragma once

#include "fleet/fleet.h"

#define IDENTITY_FORK_STEPS 2         /* back, within … */
#define IDENTITY_FORK_WINDOW_S 172800 /* … so many seconds */

/* A token on its way; few devices have one. */
struct rotation {
    uint8_t next_sha256[32]; /* zero: not told yet */
    struct device *device;
    bool is_asked; /* by an operator */
};

/* The device that has told this token as its next; NULL: none. Lock held. */
struct device *identity_find_next(const struct fleet *fleet, const uint8_t token_sha256[static 32]);

/* The tokens of one check-in: the one that it came by, and the one that it told (NULL: none). */
struct token_use {
    const uint8_t *shown_sha256, *told_sha256;
};

/* Whether its tokens change by this check-in, which identity_record must commit first. Lock held.
 */
bool identity_is_changed(const struct device *device, const struct token_use *use);
/* Writer. */
GODWIT_MUST_USE godwit_err identity_record(struct fleet *fleet, struct db *db,
                                           struct device *device, const struct token_use *use,
                                           int64_t now_s);
/* Asks the device for another token with its next check-in. Writer. */
GODWIT_MUST_USE godwit_err identity_ask(struct fleet *fleet, struct db *db, struct device *device,
                                        int64_t now_s);
/* The same for those whose token was made before then, the oldest first and only so many of them.
 * Writer. */
#define IDENTITY_AGED_MAX 100
GODWIT_MUST_USE godwit_err identity_ask_aged(struct fleet *fleet, struct db *db,
                                             int64_t made_before_s, int64_t now_s,
                                             size_t *asked_out);
/* Whether the reply asks it. Lock held. */
bool identity_is_asked(const struct device *device);
/* Another token was put in its place: what was on its way is void. Writer; the rows, then memory.
 */
GODWIT_MUST_USE godwit_err identity_reset_rows(struct db *db, int64_t device);
void identity_reset(struct fleet *fleet, struct device *device); /* lock held */

/* Whether the device has checked in since: what waited on a connection that is dead. Lock held. */
bool identity_is_stale(const struct device *device, const struct godwit_checkin *checkin);
/* Looks at the counters before they are taken over; true: it is forked by now and that is to be
 * recorded. Lock held. */
bool identity_watch(struct device *device, const struct godwit_checkin *checkin, int64_t now_s);
/* Writer. */
GODWIT_MUST_USE godwit_err identity_record_fork(struct fleet *fleet, struct db *db,
                                                struct device *device, int64_t now_s);
/* An operator says that it is one device again. is_done_out false: it was not forked. Writer. */
GODWIT_MUST_USE godwit_err identity_clear(struct fleet *fleet, struct db *db, struct device *device,
                                          int64_t now_s, bool *is_done_out);

/* Whether memory must keep the device: a look-up by its next token finds it there alone. */
static inline bool identity_stays(const struct device *device)
{
    return device->rotation || device->is_forked || device->fork_steps;
}

/* For fleet_load, when the devices are there. */
GODWIT_MUST_USE godwit_err identity_load(struct fleet *fleet, struct db *db);
