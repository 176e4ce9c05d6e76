/* The one list of reasons: why a file was refused, a reply rejected, an image rolled back from.
 * The number travels in check-ins and is kept in databases: never renumber, only append.
 * 1–19 instruction · 20–49 image · 50–69 signature and policy · 70–89 download and flash ·
 * 90–99 trial and rollback · 100–109 what the server saw, and no device says. `check` is the step
 * of the trust chapter (docs/PROTOCOL.md). */
#pragma once

#include <stdint.h>

/*  name, number, text id (JSON, CLI), sentence for a person: what is wrong and what to do */
#define GODWIT_REASONS(X)                                                                          \
    X(NONE, 0, "none", "no fault")                                                                 \
    X(REPLY_MALFORMED, 1, "reply-malformed", "the server's reply is not what the protocol says")   \
    X(INSTRUCTION_SIGNATURE, 2, "instruction-signature",                                           \
      "the deploy instruction is not signed by a deploy key that this device trusts")              \
    X(INSTRUCTION_FORMAT, 3, "instruction-format",                                                 \
      "the deploy instruction has a wrong magic, version or length")                               \
    X(INSTRUCTION_DEVICE, 4, "instruction-device",                                                 \
      "the deploy instruction was made for another device")                                        \
    X(INSTRUCTION_NONCE, 5, "instruction-nonce",                                                   \
      "the deploy instruction does not belong to this device's request (old or replayed)")         \
    X(INSTRUCTION_SEQUENCE, 6, "instruction-sequence",                                             \
      "the deploy instruction is older than one this device has already seen")                     \
    X(NOT_NOW, 7, "not-now", "the device is on trial, or its application said not now")            \
    X(WRONG_PRODUCT, 8, "wrong-product", "the file belongs to another product")                    \
    X(SECURE_VERSION, 9, "secure-version",                                                         \
      "the image's secure version is below the one programmed into the chip")                      \
    X(DOWNGRADE, 10, "downgrade", "the release counter is below what this device may go back to")  \
    X(WITHDRAWN, 11, "withdrawn", "the server withdrew the release before the switch")             \
    X(ON_TRIAL, 12, "on-trial",                                                                    \
      "the device is on trial with another image, which it confirms or rolls back first")          \
    X(BELOW_ROLLBACK_FLOOR, 13, "below-rollback-floor",                                            \
      "the release counter is below the rollback floor that signed firmware has set; nothing "     \
      "goes below")                                                                                \
    X(QUARANTINED, 14, "quarantined",                                                              \
      "this file failed on this device before and is not tried again; deploy a better one")        \
    X(DELTA, 15, "delta", "the instruction offers a delta, which this agent does not support")     \
    X(NOT_AN_IMAGE, 20, "not-an-image",                                                            \
      "this is not an ESP32 application image; send the project's .bin from its build folder")     \
    X(TRUNCATED, 21, "truncated", "the file ends before the image does; send it whole")            \
    X(TRAILING_DATA, 22, "trailing-data",                                                          \
      "bytes follow the image that are not a signature sector")                                    \
    X(SEGMENTS, 23, "segments", "the segment table is not one that the bootloader would load")     \
    X(CHECKSUM, 24, "checksum", "the image's checksum byte is wrong; build it again")              \
    X(IMAGE_DIGEST, 25, "image-digest", "the appended SHA-256 does not match: a damaged file")     \
    X(NO_DIGEST, 26, "no-digest",                                                                  \
      "the image has no appended SHA-256; build it without --dont-append-digest")                  \
    X(NO_DESCRIPTION, 27, "no-description",                                                        \
      "the image has no application descriptor, so its project and version are unknown")           \
    X(UNKNOWN_CHIP, 28, "unknown-chip", "the image names a chip that is not known")                \
    X(WRONG_CHIP, 29, "wrong-chip", "the image was built for another chip")                        \
    X(CHIP_REVISION, 30, "chip-revision", "the image does not allow this chip's revision")         \
    X(TOO_LARGE, 31, "too-large", "the image is larger than the slot it must fit")                 \
    X(ALIGNMENT, 32, "alignment",                                                                  \
      "a flash-mapped segment is not aligned to the MMU page; the chip could not run it")          \
    X(ENTRY, 33, "entry", "the entry address is in no segment")                                    \
    X(BODY_DIFFERS, 34, "body-differs",                                                            \
      "a captive portal or proxy? what came is not the file announced; it is tried again")         \
    X(FILE_DIGEST, 35, "file-digest",                                                              \
      "bytes changed on their way or in this flash: another SHA-256 than announced; tried again")  \
    X(HARDWARE, 36, "hardware", "the image does not allow this board's hardware revision")         \
    X(COUNTER_DIFFERS, 37, "counter-differs",                                                      \
      "the release counter in the image is not the one in the deploy instruction")                 \
    X(FLASH_SEGMENTS, 38, "flash-segments",                                                        \
      "the image has no code or no constants in flash, more than one segment of either, or both "  \
      "in one MMU page: the bootloader loads it and can not start it; build it as an application") \
    X(BLOCK_REVISION, 39, "block-revision",                                                        \
      "the image does not allow this chip's eFuse block revision")                                 \
    X(NO_SUCH_REVISION, 40, "no-such-revision",                                                    \
      "the image asks for a chip or eFuse block revision that no such chip has; correct it in "    \
      "the project's configuration and build again")                                               \
    X(NAME, 49, "name", "the product's name or the version can not be used")                       \
    X(UNSIGNED, 50, "unsigned",                                                                    \
      "the file carries no signature; sign it with `godwit sign` or espsecure")                    \
    X(SIGNATURE_FORMAT, 51, "signature-format", "the signature sector is damaged")                 \
    X(SIGNATURE_DIGEST, 52, "signature-digest",                                                    \
      "a signature block was made for other bytes; sign the file again")                           \
    X(SIGNATURE_BAD, 53, "signature-bad", "a signature does not verify; sign the file again")      \
    X(SIGNATURE_KEY, 54, "signature-key",                                                          \
      "the file is not signed by a key that is trusted here; sign it with the product's key")      \
    X(SIGNATURE_THRESHOLD, 55, "signature-threshold",                                              \
      "fewer distinct trusted keys signed the file than the policy needs; sign with another")      \
    X(POLICY_FORMAT, 56, "policy-format", "the policy block is malformed")                         \
    X(POLICY_MISSING, 57, "policy-missing",                                                        \
      "the running image has a policy, so one without is refused; put one in: `godwit policy`")    \
    X(POLICY_ROLLBACK_FLOOR, 58, "policy-rollback-floor",                                          \
      "the image's policy would lower the rollback floor; a rollback floor only rises")            \
    X(POLICY_KEYS, 59, "policy-keys",                                                              \
      "the image's policy shares no image key with the present one; ship a bridge release first")  \
    X(SECURE_BOOT, 60, "secure-boot",                                                              \
      "the image needs hardware Secure Boot, which is not enabled on this chip")                   \
    X(DOWNLOAD, 70, "download",                                                                    \
      "the download failed ten times in a row without progress; it is tried again")                \
    X(DOWNLOAD_REFUSED, 71, "download-refused",                                                    \
      "a captive portal or proxy? the file was refused on its way; it is tried again")             \
    X(FLASH, 72, "flash", "the flash refused a read, write or erase")                              \
    X(JOURNAL_LOST, 73, "journal-lost",                                                            \
      "the agent's journal was unreadable and has been made again")                                \
    X(NO_SLOT, 74, "no-slot", "the partition table has no inactive slot to write to")              \
    X(SLOW_SOURCE, 75, "slow-source", "every source sends too slowly; what came is kept")          \
    X(OTADATA_REPAIRED, 76, "otadata-repaired",                                                    \
      "the boot choice in flash was damaged and has been repaired")                                \
    X(IMAGE_DAMAGED, 77, "image-damaged",                                                          \
      "the confirmed image no longer boots; the device runs an older one until it is updated")     \
    X(REJECTED_RUNS, 78, "rejected-runs",                                                          \
      "an image that was rejected runs again, for no other one boots; deploy a good release")      \
    X(UNWATCHED, 79, "unwatched",                                                                  \
      "the bootloader does not watch trials; the agent counts crashes itself")                     \
    X(NO_RANDOM, 80, "no-random",                                                                  \
      "no random numbers came for a new token; the device keeps its token and tries again")        \
    X(TRIAL_RESET, 90, "trial-reset", "the new image reset itself before it was confirmed")        \
    X(TRIAL_PANIC, 91, "trial-panic", "the new image crashed before it was confirmed")             \
    X(TRIAL_WATCHDOG, 92, "trial-watchdog", "the new image hung before it was confirmed")          \
    X(TRIAL_POWER, 93, "trial-power",                                                              \
      "power was lost nine times before the new image was confirmed; it is quarantined")           \
    X(TRIAL_NO_CONTACT, 94, "trial-no-contact",                                                    \
      "the new image could not reach the server before the deadline")                              \
    X(TRIAL_SELF_TEST, 95, "trial-self-test", "the new image's own self-test failed")              \
    X(TRIAL_NOT_BOOTED, 96, "trial-not-booted",                                                    \
      "the bootloader did not start the new image; it runs an older one instead")                  \
    X(TRIAL_DEADLINE, 97, "trial-deadline",                                                        \
      "the new image's self-test did not end before the deadline")                                 \
    X(CRASH_LOOP, 98, "crash-loop",                                                                \
      "the image crashed three times in its first hour after it was confirmed")                    \
    X(SILENT, 100, "silent",                                                                       \
      "the device was not heard of again after it could switch; it may have come to harm")         \
    X(CRASHED, 101, "crashed", "the image crashed within seven days after it was confirmed")

#define GODWIT_REASON_ENUM(name, number, id, sentence) GODWIT_REASON_##name = (number),
enum godwit_reason { GODWIT_REASONS(GODWIT_REASON_ENUM) };
#undef GODWIT_REASON_ENUM

/* "wrong-chip"; "unknown" for a number that is not in the list. Static strings. */
const char *godwit_reason_id(uint32_t reason);
const char *godwit_reason_sentence(uint32_t reason);
