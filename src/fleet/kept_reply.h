/* Replies kept for a day under the key that the caller chose, so that a request which is sent twice
 * is carried out once. */
#pragma once

#include "store/store.h"

#define KEPT_KEY_MAX 64 /* bytes of a key */
#define KEPT_REPLY_MAX 65536
#define KEPT_REPLIES_MAX 1000 /* of one caller; with one more the oldest goes */
#define KEPT_REPLY_S (24 * 3600)

struct kept_key {
    const char *org, *key;
    const uint8_t *caller_sha256; /* 32 bytes */
};

struct kept_reply {
    uint8_t request_sha256[32];
    int64_t created_s;
    int status; /* 0: none is kept */
    size_t size;
    uint8_t *bytes; /* malloc'ed, NULL without one */
};

/* MISSING: no such key, or an older one than a day. */
GODWIT_MUST_USE godwit_err kept_reply_find(struct db *db, const struct kept_key *key, int64_t now_s,
                                           struct kept_reply *out);
/* In the transaction of the change. */
GODWIT_MUST_USE godwit_err kept_reply_begin(struct db *db, const struct kept_key *key,
                                            const uint8_t request_sha256[static 32], int64_t now_s);
GODWIT_MUST_USE godwit_err kept_reply_finish(struct db *db, const struct kept_key *key, int status,
                                             const uint8_t *bytes, size_t size);
/* Nothing was changed: the same key may be used again. */
GODWIT_MUST_USE godwit_err kept_reply_drop(struct db *db, const struct kept_key *key);
/* Those of yesterday, at most count. */
GODWIT_MUST_USE godwit_err kept_replies_sweep(struct db *db, int64_t now_s, unsigned count);
