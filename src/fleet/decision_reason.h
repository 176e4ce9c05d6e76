/* Why a device is told what it is told: the list of reasons, each with its words. */
#pragma once

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

const char *decision_reason_id(enum decision_reason reason);
const char *decision_reason_state(enum decision_reason reason);
const char *decision_reason_sentence(enum decision_reason reason);
/* The sentence of a reason by its text id; "" for an unknown one. */
const char *decision_sentence_by_id(const char *id);
