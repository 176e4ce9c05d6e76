/* Facts in, one answer out, always with a reason. Pure: no clock, no SQL, no allocation; the same
 * facts give the same answer. Gates in order; the first that closes is the device's "why not?". */
#pragma once

#include "fleet/fleet.h"

/* name, text id (JSON, CLI), state of the device it makes, sentence for a person */
#define DECISION_REASONS(X)                                                                     \
    X(ON_TRIAL, "on-trial", "on-trial", "it tries a new image and decides by itself")           \
    X(NO_ROLLOUT, "no-rollout", "current", "no rollout selects it; it stays on what it runs")   \
    X(CURRENT, "current", "current", "it runs what was rolled out to it")                       \
    X(OFFERED, "offered", "updating", "it is told to install the release")                      \
    X(DEPLOY_KEY, "deploy-key", "unfit",                                                        \
      "it obeys no deploy key of this server; put the older key back into the data directory")  \
    X(NO_IMAGE_FOR_CHIP, "no-image-for-chip", "unfit",                                          \
      "the release has no image for this chip; upload one under a new version")                 \
    X(CHIP_REVISION, "chip-revision", "unfit",                                                  \
      "no image of the release allows this chip's revision")                                    \
    X(HARDWARE, "hardware", "unfit", "no image of the release allows this hardware revision")   \
    X(SLOT_SIZE, "slot-size", "unfit", "the image is larger than the device's slot")            \
    X(SECURE_VERSION, "secure-version", "unfit",                                                \
      "the image's secure version is below the one burnt into the chip")                        \
    X(POLICY_MISSING, "policy-missing", "unfit",                                                \
      "it obeys the policy that it runs and the release has none; put one in with "             \
      "`godwit policy`")                                                                        \
    X(DOWNGRADE, "downgrade", "unfit",                                                          \
      "the release counter is below the one the device runs; deploy with --allow-downgrade")    \
    X(BELOW_FLOOR, "below-floor", "unfit",                                                      \
      "the release counter is below the floor that signed firmware has set on the device")      \
    X(UNSIGNED, "unsigned", "unfit",                                                            \
      "the release carries no signature; sign it and upload it under a new version")            \
    X(SIGNATURE_THRESHOLD, "signature-threshold", "unfit",                                      \
      "fewer keys that it trusts signed the release than its policy asks for; "                 \
      "sign it with another one and upload it again")                                           \
    X(POLICY_FLOOR, "policy-floor", "unfit",                                                    \
      "the release's policy would lower the floor; give it one that is not "                    \
      "lower, under a new version")                                                             \
    X(POLICY_KEYS, "policy-keys", "unfit",                                                      \
      "the release's policy lists no image key that it trusts; list one, or deploy "            \
      "a bridge release first")                                                                 \
    X(NO_BRIDGE, "no-bridge", "unfit",                                                          \
      "no key that it trusts signed the release, and no other release hands one on; "           \
      "sign with one, or deploy a bridge release first")                                        \
    X(FAILED_BEFORE, "failed-before", "failed",                                                 \
      "this image failed on this device and is not offered to it again; roll out a better one") \
    X(TURN, "turn", "waiting",                                                                  \
      "ten devices of the rollout are undecided; its turn comes when one has decided")          \
    X(BRIDGE, "bridge", "updating",                                                             \
      "it is told to install a bridge release first, which hands on the keys it must know")

#define DECISION_REASON_ENUM(name, id, state, sentence) DECISION_##name,
enum decision_reason { DECISION_REASONS(DECISION_REASON_ENUM) DECISION_REASON_COUNT };
#undef DECISION_REASON_ENUM

enum decision_kind { DECIDE_STAY, DECIDE_INSTALL };

struct decision {
    enum decision_kind kind;
    enum decision_reason reason;
    const struct rollout *rollout; /* the one that speaks to the device; NULL: none */
    const struct image *image;     /* INSTALL: what, perhaps of a bridge release; else NULL */
    bool must_tell; /* INSTALL: not told yet; commit its number before the answer leaves */
    bool must_note; /* STAY: unfit, and its history does not say so yet of this rollout */
};

/* What one outcome means for the rollout it belongs to. */
enum verdict {
    VERDICT_NOTHING, /* an install that is told by its proof, or a notice */
    VERDICT_AGAIN,   /* not the file's fault: the device stays undecided and is offered it again */
    VERDICT_REFUSED, /* the device did not take it and may under another policy or server */
    VERDICT_FAILED,  /* the file is not offered to it again */
    VERDICT_COUNT
};

/* The device's members say where it was told. Lock held, where the fleet is shared. */
struct decision decide(const struct device *device, const struct fleet *fleet);
enum verdict decide_outcome(const struct godwit_outcome *outcome);
/* Whether the outcome tells something that was noticed, and ends no install. */
bool decide_is_notice(const struct godwit_outcome *outcome);
/* Whether the device has proven the release: runs exactly one of its images, and not on trial. */
bool decide_has_proven(const struct device *device, const struct release *release);

/* For the log (device.c): whether the device was answered otherwise last time, or not at all since
 * the start; remembers this answer. Lock held. */
bool device_is_news(struct device *device, const struct decision *decision);
/* A line in its history that says why it is not told to install what the rollout brings. Writer. */
GODWIT_MUST_USE godwit_err device_note_not_told(struct fleet *fleet, struct db *db,
                                                struct device *device,
                                                const struct decision *decision, int64_t now_s);

const char *decision_reason_id(enum decision_reason reason);
const char *decision_reason_state(enum decision_reason reason);
const char *decision_reason_sentence(enum decision_reason reason);
/* The sentence of a reason by its text id; "" for an unknown one. */
const char *decision_sentence_by_id(const char *id);
