/* Shared by the files of fleet/ only: memory, and how devices are read. */
#pragma once

#include "fleet/fleet.h"

/* Zeroed; out of memory aborts (what can grow is bounded by enrolled devices and uploads). */
void *fleet_alloc(size_t size);

/* In constant time. */
bool fleet_same_secret(const uint8_t a[static 32], const uint8_t b[static 32]);

/* Room for one more device, made without the lock where it takes long. Writer. */
void fleet_reserve_device(struct fleet *fleet);
/* Puts it at the end of the dirty queue, once; lock held. */
void fleet_mark_dirty(struct fleet *fleet, struct device *device);
/* A new organisation, with the next number; lock held. */
void org_link(struct fleet *fleet, struct org *org);
/* A rollout's guards, from these columns of its row. */
#define GUARDS_COLUMNS "windows, zone, per_site, battery_min, needs_consent"
void guards_read(const struct db_rows *rows, int first, struct rollout_guards *out);
/* A new rollout, the newest; lock held. */
void rollout_link(struct fleet *fleet, struct rollout *rollout);
/* Takes it away; no device is in it any more. Lock held. */
void rollout_unlink(struct fleet *fleet, struct rollout *rollout);
void rollout_free(struct rollout *rollout);

/* The initial policy of a product whose name, kind and image keys are known. */
void product_initial_policy(struct product *product);

/* All zero: facts, outcome and known image are still to be set. Not yet in the fleet, which has it
 * from device_link. Lock held, where the fleet is shared. */
struct device *device_make(struct fleet *fleet);
/* The same with facts that say nothing. */
struct device *device_make_new(struct fleet *fleet);
/* Puts it there; there is room. Lock held. */
void device_link(struct fleet *fleet, struct device *device);
void device_free(struct fleet *fleet, struct device *device);

/* What a device says, by itself: for where its facts are used without the lock. */
struct facts_copy {
    struct device_facts facts; /* points into this copy, which therefore stays where it is */
    struct running_image running;
    uint8_t staged_file_sha256[32];
};

void facts_copy(struct facts_copy *out, const struct device_facts *facts);
/* Takes facts over, which may be a copy or another fleet's. Lock held. */
void device_set_facts(struct fleet *fleet, struct device *device, const struct device_facts *facts);
/* A digest in its place, shared. Lock held. */
void device_set_digest(struct fleet *fleet, const uint8_t **place, const uint8_t digest[static 32]);
void device_set_outcome(struct fleet *fleet, struct device *device,
                        const struct godwit_outcome *outcome);

/* Keeps what the device says of itself, texts as they may be shown. Lock held. */
void device_take_facts(struct fleet *fleet, struct device *device,
                       const struct godwit_checkin *checkin, int64_t now_s);

/* A text of a device as it may be shown: what is not plain becomes "?", so that no device can spoil
 * a page. */
void device_plain_text(char *out, const char *text, size_t size);
/* But slot and on_trial, which listing_write writes: they are seldom new, and lists are sorted by
 * them. */
GODWIT_MUST_USE godwit_err device_write_facts(struct db *db, int64_t id,
                                              const struct device_facts *facts);

/* The loop guard remembers an image that failed on the device, or forgets all; lock held. */
void device_guard(struct fleet *fleet, struct device *device, const uint8_t digest[static 32]);
void device_unguard(struct fleet *fleet, struct device *device);
/* It is no longer retired, and counts in its product again; lock held. */
void device_is_reinstated(struct device *device);
/* Whether it has a place in its rollout's pace; lock held. */
void member_set_away(struct member *member, bool is_away);
/* Moves the device's member between states and keeps the rollout's counts; lock held. */
void member_set(const struct device *device, struct member *member, enum member_state state,
                uint32_t reason);
/* Its brake counts a failure at that place, of a device of these strata; lock held. */
void rollout_count_failure(struct rollout *rollout, const struct strata_key *key,
                           uint32_t offer_number);
/* So many more members in that state, with numbers of offers up to that; lock held. */
void rollout_count(struct rollout *rollout, enum member_state state, uint32_t count,
                   uint32_t offer_number_max);
/* A copy of the member at its place in the device's list, counted already; lock held. */
struct member *member_link(struct fleet *fleet, struct device *device, const struct member *wanted);
/* So of a new one, counted; lock held. */
struct member *member_add(struct fleet *fleet, struct device *device, const struct member *member);
/* Takes the member out of its device's list, counted; lock held. */
void member_remove(struct fleet *fleet, struct member **at);
