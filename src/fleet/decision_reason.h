/* Why a device is offered what it is, or nothing: the list of reasons, each with its sentence. */
#pragma once

/* name, text id (JSON, CLI), state of the device it makes, sentence for a person */
#define DECISION_REASONS(X)                                                                       \
    X(ON_TRIAL, "on-trial", "on-trial",                                                           \
      "it is on trial with a new image, and confirms it or rolls back by itself")                 \
    X(NO_ROLLOUT, "no-rollout", "up-to-date", "no rollout selects it; it keeps what it runs")     \
    X(UP_TO_DATE, "up-to-date", "up-to-date", "it runs what was rolled out to it")                \
    X(OFFERED, "offered", "in-progress", "it is offered the release")                             \
    X(DEPLOY_KEY, "deploy-key", "incompatible",                                                   \
      "it obeys no deploy key of this server; put the older key back into the data directory")    \
    X(NO_IMAGE_FOR_CHIP, "no-image-for-chip", "incompatible",                                     \
      "the release has no image for this chip; upload one under a new version")                   \
    X(CHIP_REVISION, "chip-revision", "incompatible",                                             \
      "no image of the release allows this chip's revision")                                      \
    X(HARDWARE, "hardware", "incompatible",                                                       \
      "no image of the release allows this hardware revision")                                    \
    X(SLOT_SIZE, "slot-size", "incompatible", "the image is larger than the device's slot")       \
    X(SECURE_VERSION, "secure-version", "incompatible",                                           \
      "the image's secure version is below the one programmed into the chip")                     \
    X(POLICY_MISSING, "policy-missing", "incompatible",                                           \
      "it obeys the policy that it runs and the release has none; put one in with "               \
      "`godwit policy`")                                                                          \
    X(DOWNGRADE, "downgrade", "incompatible",                                                     \
      "the release counter is below the one the device runs; deploy with --allow-downgrade")      \
    X(BELOW_ROLLBACK_FLOOR, "below-rollback-floor", "incompatible",                               \
      "the release counter is below the rollback floor that signed firmware has set on the "      \
      "device")                                                                                   \
    X(UNSIGNED, "unsigned", "incompatible",                                                       \
      "the release carries no signature; sign it and upload it under a new version")              \
    X(SIGNATURE_THRESHOLD, "signature-threshold", "incompatible",                                 \
      "fewer keys that it trusts signed the release than its policy needs; "                      \
      "sign it with another one and upload it again")                                             \
    X(POLICY_ROLLBACK_FLOOR, "policy-rollback-floor", "incompatible",                             \
      "the release's policy would lower the rollback floor; give it one that is not "             \
      "lower, under a new version")                                                               \
    X(POLICY_KEYS, "policy-keys", "incompatible",                                                 \
      "the release's policy lists no image key that it trusts; list one, or deploy "              \
      "a bridge release first")                                                                   \
    X(NO_UPGRADE_PATH, "no-upgrade-path", "incompatible",                                         \
      "no key that it trusts signed the release, and no other release hands one on; "             \
      "sign with one, or deploy a bridge release first")                                          \
    X(FAILED_BEFORE, "failed-before", "failed",                                                   \
      "this image failed on this device and is not offered to it again; roll out a better one, "  \
      "or deploy with --again")                                                                   \
    X(QUEUED, "queued", "queued",                                                                 \
      "its offer comes with a check-in, once enough devices before it have succeeded, and its "   \
      "rollout's window and site rule let it")                                                    \
    X(BRIDGE, "bridge", "in-progress",                                                            \
      "it is offered a bridge release first, which hands on the keys that it needs")              \
    X(BLOCK_REVISION, "block-revision", "incompatible",                                           \
      "no image of the release allows this chip's eFuse block revision")                          \
    X(FLASH_SIZE, "flash-size", "incompatible",                                                   \
      "the image was built for a larger flash than the device has; build it for the smallest")    \
    X(FLASH_MODE, "flash-mode", "incompatible",                                                   \
      "the image was built for another flash mode (QIO, DIO …) than what the device runs")        \
    X(MMU_PAGE, "mmu-page", "incompatible",                                                       \
      "the image was built for another MMU page size than what the device runs")                  \
    X(RETIRED, "retired", "retired", "an operator retired it; its token is void")                 \
    X(FORKED, "forked", "failed",                                                                 \
      "two devices seem to use its identity, so it is offered nothing; find the copy, clear it "  \
      "with `godwit accept DEVICE`, and change its token with `godwit rotate DEVICE`")            \
    X(PAUSED, "paused", "queued",                                                                 \
      "its rollout is paused; the release is offered once `godwit rollout resume` lets it go on") \
    X(HALTED, "halted", "halted",                                                                 \
      "its rollout was halted, and it keeps what it runs; deploy a better release")               \
    X(GATE, "gate", "queued",                                                                     \
      "its rollout waits at a gate until the devices before it have proven the release; "         \
      "`godwit rollout skip` does not wait")                                                      \
    X(OVERDUE, "overdue", "queued",                                                               \
      "too many devices before it may have switched and are not heard of since; its rollout "     \
      "continues when they are, and halts if they stay silent")                                   \
    X(UNDO, "undo", "undoing", "it is sent back to the release that it came from")                \
    X(UNDONE, "undone", "up-to-date", "it runs the release again that it came from")              \
    X(NO_RETURN, "no-return", "failed",                                                           \
      "its rollout was undone, but it can not go back by itself: what it came from is unknown, "  \
      "or its rollback floor or secure version is higher now; deploy another release to it")      \
    X(SITE, "site", "queued",                                                                     \
      "as many devices of its site as may be are in progress; its offer comes once one of them "  \
      "has finished")                                                                             \
    X(WINDOW, "window", "queued",                                                                 \
      "its rollout's window is closed in its local time; it goes on when that opens")             \
    X(CONSENT, "consent", "queued",                                                               \
      "its rollout asks for consent; `godwit consent DEVICE` gives it, or its application says "  \
      "the attribute consent=yes")                                                                \
    X(BUSY, "busy", "queued",                                                                     \
      "it says that it is busy; it goes on once it says the attribute busy=1 no more")            \
    X(BATTERY, "battery", "queued",                                                               \
      "its battery is below what its rollout asks for; it goes on once it says more")             \
    X(STRATUM, "stratum", "halted",                                                               \
      "its rollout was halted for devices like it, on which the release fails; it keeps what "    \
      "it runs; deploy a better release")                                                         \
    X(HELD, "held", "halted",                                                                     \
      "a person holds it as it is; `godwit hold DEVICE --remove` lets it go")                     \
    X(PINNED, "pinned", "up-to-date",                                                             \
      "it runs the release that it is pinned to; `godwit pin DEVICE --remove` lets it go")        \
    X(APPROVAL, "approval", "queued",                                                             \
      "its rollout waits for a second person; `godwit rollout approve` lets it begin")

#define DECISION_REASON_ENUM(name, id, state, sentence) DECISION_##name,
enum decision_reason { DECISION_REASONS(DECISION_REASON_ENUM) DECISION_REASON_COUNT };
#undef DECISION_REASON_ENUM

const char *decision_reason_id(enum decision_reason reason);
const char *decision_reason_state(enum decision_reason reason);
const char *decision_reason_sentence(enum decision_reason reason);
/* The sentence of a reason by its text id; "" for an unknown one. */
const char *decision_sentence_by_id(const char *id);
