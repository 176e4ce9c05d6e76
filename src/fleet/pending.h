/* Tokens that ask to join under the id of a device that joined with another token: its own after a
 * lost flash, or somebody else's. None changes anything until an operator accepts it. */
#pragma once

#include "fleet/fleet.h"

#define PENDING_MAX 8        /* tokens kept for one device, rejected ones too */
#define PENDING_CLAIM_MAX 4  /* of them that wait with the same claim, so that another gets in */
#define PENDING_KEEP_S 86400 /* a full list takes a new one in the place of one that is older */
#define PENDING_MARK_SIZE 8  /* first bytes of its SHA-256: how people and the API name a token */

struct pending_token {
    int64_t id;
    uint8_t token_sha256[32], claim_sha256[32]; /* the claim that it came with; zero: not known */
    struct product *product;                    /* of that claim */
    int64_t requested_s;                        /* for the first time */
    char version[33];                           /* what it said it runs */
    bool is_rejected;
    struct pending_token *next; /* who asked last comes first */
};

/* The token that asked last and waits, or one that asked before it; NULL: none. Lock held. */
const struct pending_token *pending_newest(const struct device *device);
const struct pending_token *pending_next(const struct pending_token *token);

/* How a token that asks stands. */
enum pending_place {
    PENDING_KNOWN,    /* it waits already */
    PENDING_REJECTED, /* an operator has sent it away */
    PENDING_ROOM,     /* it is new, and there is a place: a free one, a rejected token's, or an old
                       * one's
                       */
    PENDING_FULL      /* it is new, and there is none */
};

/* Lock held. */
enum pending_place pending_place(const struct device *device,
                                 const struct pending_token *candidate);
/* Keeps a token that is new and finds room, with a line in the device's history; else changes
 * nothing. place_out: how it stood. Writer. */
GODWIT_MUST_USE godwit_err pending_note(struct fleet *fleet, struct db *db, struct device *device,
                                        const struct pending_token *candidate,
                                        enum pending_place *place_out);

enum pending_result {
    PENDING_DONE,
    PENDING_NONE,  /* no such token waits */
    PENDING_OLDER, /* another one has asked since */
    PENDING_TAKEN  /* it is another device's by now */
};

/* The device is from now on the one with the token of this mark. What its predecessor reported and
 * was offered is void: rollouts start anew from what it reports. Writer. */
GODWIT_MUST_USE godwit_err pending_accept(struct fleet *fleet, struct db *db, struct device *device,
                                          const uint8_t mark[static PENDING_MARK_SIZE],
                                          int64_t now_s, enum pending_result *result_out);
/* Sends it away; it is remembered, so that it is not shown again. Writer. */
GODWIT_MUST_USE godwit_err pending_reject(struct fleet *fleet, struct db *db, struct device *device,
                                          const uint8_t mark[static PENDING_MARK_SIZE],
                                          int64_t now_s, enum pending_result *result_out);

/* Reading at start, and the end. */
#define PENDING_COLUMNS                                                          \
    "select device, id, product, token_sha256, requested, version, is_rejected," \
    " claim_sha256 from pending_tokens"
void pending_load(struct fleet *fleet, struct device *device, const struct db_rows *rows);
void pending_free(struct device *device);
