/* How a device stands, as people read it: what decide says of it, and its place in the rollout that
 * speaks to it. The one home of these words for lists, counts and pages. Pure. */
#pragma once

#include "fleet/decide.h"

/* What is known of a device that its rollout waits for. */
#define PRESENCE_SEEN "seen" /* since the rollout began, and within three of its intervals */
#define PRESENCE_UNSEEN                                                                          \
    "unseen"                     /* queued, and not seen since the rollout began; it may be soon \
                                  */
#define PRESENCE_MISSED "missed" /* not seen for three of its intervals */

/* A device for which a rollout is not the last word: it was not offered it, and no gate is open. */
#define ROLLOUT_STATE_REFUSED "failed-before" /* for people: failed */

/* Texts are static. */
struct standing {
    enum decision_reason reason; /* QUEUED also where its offer is due and not made yet */
    const char *state;           /* that the reason makes of the device */
    uint32_t cause;              /* godwit_reason of the failure that `reason` stands on; 0: none */
    bool is_retried;           /* `cause` is what ended the last try, for no fault of the release */
    uint32_t rollout;          /* that speaks to it; 0: none */
    const char *rollout_state; /* a member_state_name, failed-before, incompatible, halted or
                                  up-to-date; "" without a rollout */
    const char *presence;      /* one of PRESENCE_; "": its rollout does not wait for it */
    int64_t image;  /* images.id of what it runs; 0: none that is known; -1: it has not said */
    int deploy_key; /* upgrade_deploy_key() */
};

/* Lock held, where the fleet is shared. */
struct standing standing_of(const struct device *device, const struct catalogue *catalogue);
/* Whether the device was not seen for so long that nobody should wait for it: for three of its
 * intervals, a trial boot apart. Lock held. */
bool standing_is_missed(const struct device *device, uint32_t interval_s, int64_t now_s);
/* What a list says for a person, from the text ids of its row. retried: what ended the last try, or
 * ""; then the detail of the last outcome stands before its sentence. */
void standing_sentence(const char *reason, const char *retried, const char *detail, char *out,
                       size_t size_max);
/* Whether its rollout waits for the device. Lock held. */
bool standing_is_awaited(const struct standing *standing);
