/* Types shared by the agent's own files; outside, only sizeof(struct godwit_agent) matters.
 * Memory: one sector buffer that every state uses for its own end, one union of what no two states
 * need at once, and the record, kept in RAM exactly as it lies in flash. */
#pragma once

#include "agent/agent.h"
#include "formats/image.h"
#include "formats/otadata.h"
#include "formats/policy.h"
#include "formats/ptable.h"

#define GODWIT_AGENT_VERSION "0.1.0"
#define GODWIT_BLOCK_SIZE 65536u /* what a download erases ahead, with one mark in the record */
#define GODWIT_RECORD_SIZE 320u
#define GODWIT_RECORD_DETAIL_MAX 32

/* How far an install came; kept in the record, so never renumber. */
enum godwit_step {
    GODWIT_STEP_NONE,      /* the idle slot holds nothing that we know of */
    GODWIT_STEP_FETCHING,  /* `blocks` blocks were erased and are being written */
    GODWIT_STEP_FETCHED,   /* the last byte is in flash */
    GODWIT_STEP_SELECTED,  /* otadata is about to name it, or does; unconfirmed */
    GODWIT_STEP_CONFIRMED, /* proven; otadata may not say so yet */
};

/* A file that lies in a slot. */
struct godwit_held {
    uint8_t file_sha256[32];  /* zero: unknown, came by cable */
    uint8_t image_sha256[32]; /* zero: not known yet */
    uint32_t size, counter;   /* bytes; release counter */
};

/* What survives a reset: written as it stands (little-endian, no padding), see record.c. */
struct godwit_record {
    uint32_t magic, crc, number, boots;
    uint64_t deploy_sequence[GODWIT_POLICY_DEPLOY_KEYS_MAX];
    uint8_t token[32];
    uint32_t checkins, outcome_count;
    struct godwit_held running, install;
    uint32_t install_slot; /* offset of its partition in flash */
    uint32_t install_rollout, install_blocks;
    uint8_t install_step; /* enum godwit_step */
    uint8_t is_enrolled;
    uint8_t outcome_stage, zero;
    uint32_t outcome_id, outcome_rollout, outcome_reason; /* id 0: nothing to report */
    uint8_t outcome_file[32];
    char outcome_detail[GODWIT_RECORD_DETAIL_MAX];
    uint8_t spare[8];
};
_Static_assert(sizeof(struct godwit_record) == GODWIT_RECORD_SIZE, "written as it stands");

struct godwit_region {
    uint32_t offset, size; /* bytes in flash; size 0: there is none */
};

/* What the partition table says, as far as we need it. */
struct godwit_slots {
    struct godwit_region running, idle, otadata, record;
    uint32_t count;       /* OTA slots */
    int8_t running_index; /* −1: factory, test or unknown */
    int8_t idle_index;    /* −1: none */
    char label[17];       /* of the running partition */
};

/* Strings of an open request; they must live until close. */
struct godwit_agent_strings {
    char bearer[65], path[76], tag[67];
};

struct godwit_agent {
    struct godwit_agent_config config;
    _Alignas(8) uint8_t sector[GODWIT_SECTOR_SIZE];
    struct godwit_record record;
    union {
        struct godwit_image image;         /* FETCH (the head), VERIFY, RETURN */
        struct godwit_checkin checkin;     /* ASK, TRIAL: while the question is written */
        struct godwit_checkin_reply reply; /* ASK: while the answer is judged */
    } work;
    struct godwit_slots slots;
    struct godwit_agent_strings strings;
    uint8_t nonce[16];
    uint64_t now_ms, wake_ms;
    uint64_t start_ms;       /* of this boot: the trial's clock */
    uint64_t fresh_ms;       /* of the last fresh answer, or of the boot */
    uint64_t valid_until_ms; /* of the instruction that is being followed */
    uint64_t request_ms;     /* when the open request began */
    uint32_t interval_s;
    uint32_t last_reason;
    uint32_t marks;       /* small marks in the record's present sector */
    uint32_t offset;      /* FETCH: bytes received; VERIFY, RETURN: bytes read back */
    uint32_t best_offset; /* FETCH: furthest whole sector of this download */
    uint32_t size;        /* RETURN: bytes of the slot that is looked at */
    uint16_t reply_size;
    uint8_t state, phase; /* enum godwit_state; a state's own step, 0 when it is entered */
    uint8_t failures;     /* requests in a row without an answer */
    uint8_t refusals;     /* answers in a row that were refused */
    uint8_t tries;        /* downloads in a row without a new sector */
    uint8_t trial_reason; /* RETURN: why */
    bool nonce_is_open, is_nudged, is_vouched, on_trial, link_is_up;
    bool is_ready;       /* the slots and the record are known */
    bool is_verified;    /* the idle slot, since this boot */
    bool is_underway;    /* an accepted install has not ended yet */
    bool must_repair;    /* FETCH: the sector at offset may be half written */
    bool outcome_is_new; /* not in flash yet */
};

/* Each state's work: one bounded piece; the next state is the answer. */
typedef enum godwit_state godwit_state_fn(struct godwit_agent *agent);
