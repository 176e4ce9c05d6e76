/* Facts in, one reply out, always with a reason. Pure: no clock, no SQL, no allocation; the same
 * facts give the same reply. Gates in order; the first that closes is the device's "why not?". */
#pragma once

#include "fleet/decision_reason.h"
#include "fleet/model.h"

enum decision_kind { DECIDE_NO_UPDATE, DECIDE_INSTALL };

struct decision {
    enum decision_kind kind;
    enum decision_reason reason;
    const struct rollout *rollout; /* the one that speaks to the device; NULL: none */
    const struct image *image;     /* INSTALL: what, perhaps of a bridge release; else NULL */
    bool must_offer;    /* INSTALL: not offered yet; commit its number before the reply leaves */
    bool must_undo;     /* INSTALL: it goes back to what it came from, which is not written yet */
    bool must_withdraw; /* it was offered the release, and the rollout was halted */
    bool must_note; /* STAY: incompatible, and its history does not say so yet of this rollout */
};

/* What one outcome means for the rollout it belongs to. */
enum verdict {
    VERDICT_NOTHING, /* an install that its proof reports, or a notice */
    VERDICT_AGAIN,   /* not the file's fault: it stays in progress and is offered again */
    VERDICT_REFUSED, /* the device did not take it and may under another policy or server */
    VERDICT_FAILED,  /* the file is not offered to it again */
    VERDICT_COUNT
};

/* The device's members say what it was offered. Lock held, where the fleet is shared. */
struct decision decide(const struct device *device, const struct catalogue *catalogue);
/* … if that release were rolled out to it alone, now; rollout is NULL. */
struct decision decide_release(const struct device *device, const struct catalogue *catalogue,
                               struct release *release);
enum verdict decide_outcome(const struct godwit_outcome *outcome);
/* Whether what the decision offers has ended for no fault of its own last time and is tried again:
 * the device's last outcome says what it saw. */
bool decide_is_retried(const struct device *device, const struct decision *decision);
/* Whether the outcome tells something that was noticed, and ends no install. */
bool decide_is_notice(const struct godwit_outcome *outcome);
/* Whether the device has proven the release: runs exactly one of its images, and not on trial. */
bool decide_has_proven(const struct device *device, const struct release *release);
