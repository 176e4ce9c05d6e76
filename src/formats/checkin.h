/* The one message: who I am, what I run, how it went → what to do. Both halves encode and decode
 * here, so they can not drift. JSON; unknown members are ignored, so that a newer device may say
 * more; a known member of a wrong kind is FORMAT. An example of each in docs/FORMATS.md. */
#pragma once

#include "base/json.h"
#include "formats/instruction.h"

#define GODWIT_CHECKIN_VERSION 1
#define GODWIT_CHECKIN_REQUEST_MAX 2304 /* bytes of JSON */
#define GODWIT_ATTRIBUTES_SIZE 255      /* bytes, NUL included */
#define GODWIT_CHECKIN_REPLY_MAX 1024
#define GODWIT_DETAIL_MAX 64 /* bytes of free text, NUL included */
#define GODWIT_INTERVAL_MAX_S 604800
#define GODWIT_WAIT_MAX_S 3300 /* a check-in is held: 55 minutes */
#define GODWIT_SOURCES_MAX 2   /* besides the server itself */
#define GODWIT_SOURCE_SIZE 80  /* bytes, NUL included */

enum godwit_stage { /* how far the install came that an outcome speaks of */
                    GODWIT_STAGE_NONE,
                    GODWIT_STAGE_CHECKIN,
                    GODWIT_STAGE_DOWNLOAD,
                    GODWIT_STAGE_VERIFY,
                    GODWIT_STAGE_SWITCH,
                    GODWIT_STAGE_TRIAL,
                    GODWIT_STAGE_CONFIRMED, /* the one good end */
                    GODWIT_STAGE_ROLLED_BACK,
                    GODWIT_STAGE_COUNT
};

/* How an install ended; carried by every check-in until the reply names its id. */
struct godwit_outcome {
    uint32_t id; /* device counter, 1 …; 0: nothing to report */
    uint32_t rollout_id;
    enum godwit_stage stage;
    uint32_t reason; /* godwit_reason; unknown numbers are kept */
    uint8_t file_sha256[32];
    char detail[GODWIT_DETAIL_MAX];
};

struct godwit_checkin {
    uint8_t device_id[16];
    uint8_t nonce[16];
    bool has_token; /* on a claim, or by the former token: the device's newest, raw 32 bytes */
    uint8_t token[32];
    char agent_version[17];
    /* what runs */
    char project[33], version[33], idf_version[33];
    uint8_t image_sha256[32]; /* appended digest */
    uint8_t file_sha256[32];  /* from the journal; zero: unknown (flashed by cable) */
    uint32_t counter;         /* release counter; 0 without P1 */
    bool on_trial;
    char slot[17]; /* label of the running partition */
    /* the inactive slot */
    uint8_t staged_file_sha256[32]; /* verified file in it; zero: none */
    uint32_t progress;              /* bytes of the current download that are safe in flash */
    /* chip facts */
    uint16_t chip_id, chip_revision;
    uint16_t block_revision; /* of the eFuses, major * 100 + minor */
    uint8_t no_max; /* eFuses say that an image's highest is not asked: 1 chip revision, 2 eFuse
                       block revision, 3 both */
    uint8_t mmu_page_log2; /* of the running image, and … */
    uint8_t flash_mode;    /* … as godwit_image_info.app_flash_mode; 0: its descriptor does not
                              say */
    uint32_t flash_size, slot_size, free_heap, secure_version, hardware_revision;
    /* counters */
    uint32_t checkins, boots;
    enum godwit_reset reset;
    uint32_t fresh_age_s; /* since the last fresh (nonce-bound) answer */
    /* trust */
    uint32_t rollback_floor; /* lowest release counter that it may go back to */
    uint8_t deploy_keys[16]; /* first 8 bytes of each deploy key it obeys; zero: none */
    bool unwatched;          /* its bootloader does not watch trials */
    char attributes[GODWIT_ATTRIBUTES_SIZE]; /* its application's own words, "site=berlin room=2" */
    struct godwit_outcome outcome;
};

struct godwit_checkin_reply {
    bool pending;         /* known, not yet accepted into a product: ask again after interval_s */
    bool rotate;          /* make another token */
    uint32_t interval_s;  /* ask again after; 1 … GODWIT_INTERVAL_MAX_S */
    uint32_t outcome_id;  /* the outcome that is now safe in the database; 0: none */
    bool has_instruction; /* false only where pending */
    /* Where else the file may be had, as base addresses "https://mirror/path": the device adds
     * "/<file_sha256>". Not signed: the digest is what counts. "": none. */
    char sources[GODWIT_SOURCES_MAX][GODWIT_SOURCE_SIZE];
    uint8_t next_ca[32]; /* SHA-256 of the next CA's public key, trusted from now on; zero: none */
    uint8_t instruction[GODWIT_INSTRUCTION_SIZE];
};

/* Reset, stage and file names as JSON shows them ("power-on", "rolled-back"); static. */
const char *godwit_reset_name(enum godwit_reset reset);
const char *godwit_stage_name(enum godwit_stage stage);

/* All four: SPACE when it does not fit, FORMAT when malformed. */
GODWIT_MUST_USE godwit_err godwit_checkin_encode(const struct godwit_checkin *checkin, char *out,
                                                 size_t size_max, size_t *size_out);
GODWIT_MUST_USE godwit_err godwit_checkin_decode(const char *text, size_t size,
                                                 struct godwit_checkin *out);
GODWIT_MUST_USE godwit_err godwit_checkin_reply_encode(const struct godwit_checkin_reply *reply,
                                                       char *out, size_t size_max,
                                                       size_t *size_out);
GODWIT_MUST_USE godwit_err godwit_checkin_reply_decode(const char *text, size_t size,
                                                       struct godwit_checkin_reply *out);
