/* The journal: what survives a reset, written as it stands (journal.c) into the two sectors of the
 * partition "godwit". Little-endian, no padding; numbers are kept in the field, so never renumber.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include "formats/policy.h"

#define GODWIT_TOKEN_SIZE 32
#define GODWIT_JOURNAL_SIZE 512u
#define GODWIT_JOURNAL_DETAIL_MAX 44
#define GODWIT_FAILED_MAX 3       /* files that are remembered for having failed */
#define GODWIT_ATTEMPTS_MAX 3     /* a file that failed so often is quarantined */
#define GODWIT_POWER_RESETS_MAX 8 /* of one install; the next one quarantines it */
#define GODWIT_CRASHES_MAX 3      /* of a confirmed image before its first calm hour */

/* How far an install came; kept in the journal, so never renumber. */
enum godwit_step {
    GODWIT_STEP_NONE,      /* the inactive slot holds nothing that we know of */
    GODWIT_STEP_FETCHING,  /* `install_sectors` are in flash */
    GODWIT_STEP_FETCHED,   /* the last byte is in flash */
    GODWIT_STEP_SELECTED,  /* otadata is about to name it, or does; it has not run yet */
    GODWIT_STEP_TRIAL,     /* it has run, unconfirmed */
    GODWIT_STEP_CONFIRMED, /* proven; otadata may not say so yet */
};

/* A file that lies in a slot. */
struct godwit_slot_file {
    uint8_t file_sha256[32];  /* zero: unknown, came by cable */
    uint8_t image_sha256[32]; /* zero: not known yet */
    uint32_t size, counter;   /* bytes; release counter */
};

/* The last sequence number taken from one deploy key; kept per key, so that a stolen key that was
 * driven to the end of the numbers is healed by a new key. */
struct godwit_sequence {
    uint8_t key[8]; /* its first bytes; zero: none */
    uint64_t last;
};

/* A file that failed here; "the same again" is refused once count is GODWIT_ATTEMPTS_MAX. */
struct godwit_failed {
    uint8_t file[14]; /* its first bytes of the SHA-256; zero: none */
    uint8_t count, reason;
};

enum godwit_journal_flag {
    GODWIT_JOURNAL_HAS_POLICY = 1,   /* an image with P1 was confirmed: one without is refused */
    GODWIT_JOURNAL_IS_CALM = 2,      /* crashes count no more: the running image has had its hour
                                       without one, or there is no proven image to go back to */
    GODWIT_JOURNAL_IS_UNWATCHED = 4, /* the bootloader leaves NEW as it is: no rollback in it */
    GODWIT_JOURNAL_HAS_NOTE = 8,     /* ota_seq and ota_state are set */
    GODWIT_JOURNAL_HAS_FORMER = 16,  /* the other token is the one before; it may be in use still */
    GODWIT_JOURNAL_IS_SECOND = 32,   /* tokens[1] is the newest */
};

/* What survives a reset: written as it stands (little-endian, no padding), see journal.c. */
struct godwit_journal {
    uint32_t magic, crc, number, boots;
    struct godwit_sequence sequences[GODWIT_POLICY_DEPLOY_KEYS_MAX];
    uint8_t tokens[2]
                  [GODWIT_TOKEN_SIZE]; /* that it made for itself: the newest, and the one before */
    uint8_t ca_sha256[2][32];          /* present and next CA; zero: the port's own, none */
    struct godwit_slot_file running, install;
    uint32_t running_slot, install_slot;       /* offsets of their partitions in flash */
    uint32_t install_rollout, install_sectors; /* whole ones in flash */
    uint32_t checkins, outcome_count;
    uint32_t rollback_floor; /* highest of all confirmed images: no release counter below it */
    uint32_t ota_seq[2];     /* what otadata should say while nothing is on trial */
    uint8_t ota_state[2];
    uint8_t install_step; /* enum godwit_step */
    uint8_t is_enrolled;
    uint8_t power_resets; /* of this install */
    uint8_t crashes;      /* of the running image since it was confirmed */
    uint8_t flags;        /* enum godwit_journal_flag */
    uint8_t retries;      /* tries of this install that failed for no fault of the release */
    struct godwit_failed failed[GODWIT_FAILED_MAX]; /* newest first */
    /* as in struct godwit_outcome; id 0: nothing to report */
    uint32_t outcome_id, outcome_rollout, outcome_stage, outcome_reason;
    uint8_t outcome_file[32];
    char outcome_detail[GODWIT_JOURNAL_DETAIL_MAX];
    uint32_t retry_boot; /* `boots` at the last of those tries */
};
_Static_assert(sizeof(struct godwit_journal) == GODWIT_JOURNAL_SIZE, "written as it stands");
