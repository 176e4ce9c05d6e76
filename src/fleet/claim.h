/* Claim tokens: with one, so many devices of one product may join until its time is over or an
 * operator ends it. It can do nothing else. Of the token only its SHA-256 is kept. */
#pragma once

#include "fleet/fleet.h"

#define CLAIM_COUNT_MAX 1000000 /* devices by one claim */
#define CLAIMS_MAX 10000        /* that are not revoked, of all organisations */
#define CLAIM_TAGS_SIZE 520     /* bytes of all of them, joined by a space, NUL included */
#define CLAIM_LIFETIME_MAX_S (10 * 366 * 86400)
#define CLAIM_MARK_SIZE 8         /* first bytes of the SHA-256: how people and the API name one */
#define CLAIM_KEEP_S (90 * 86400) /* after its end it is listed for so long */

struct claim {
    uint8_t claim_sha256[32];
    struct product *product;
    uint32_t count_max, used_count;
    int64_t expires_s; /* 0: never */
};

/* What a new claim is good for. */
struct claim_terms {
    const struct product *product;
    uint32_t count_max;
    int64_t expires_s; /* 0: never */
    const char *tags;  /* joined by a space; NULL: none */
};

/* A claim as it stands in the database. */
struct claim_row {
    uint8_t claim_sha256[32];
    char product[33], tags[CLAIM_TAGS_SIZE];
    uint32_t count_max, used_count;
    int64_t created_s, expires_s, revoked_s; /* 0: never */
};

/* NULL: unknown or revoked; the comparison takes constant time. Lock held. */
struct claim *claim_find(const struct fleet *fleet, const uint8_t claim_sha256[static 32]);
bool claim_is_over(const struct claim *claim, int64_t now_s);
/* is_full_out: there are CLAIMS_MAX, and none was made. Writer. */
GODWIT_MUST_USE godwit_err claim_create(struct fleet *fleet, struct db *db,
                                        const struct claim_terms *terms,
                                        const uint8_t claim_sha256[static 32], int64_t now_s,
                                        bool *is_full_out);
/* The claim that people name so; NULL: the organisation has none that is not revoked. Lock held, or
 * the writer. */
struct claim *claim_by_mark(const struct fleet *fleet, const char *org,
                            const uint8_t mark[static CLAIM_MARK_SIZE]);
/* Ends it at once; devices that joined with it stay. Writer. */
GODWIT_MUST_USE godwit_err claim_revoke(struct fleet *fleet, struct db *db, struct claim *claim,
                                        int64_t now_s);

/* "open", "used-up", "expired", "revoked": static. */
const char *claim_state(const struct claim_row *row, int64_t now_s);
/* Claims of an organisation (and of one product; "": of all) that are older than `after` (created_s
 * INT64_MAX: from the newest), the newest first, at most count_max. Any connection. */
GODWIT_MUST_USE godwit_err claim_list(struct db *db, const char *org, const char *product,
                                      const struct claim_row *after, struct claim_row *out,
                                      size_t count_max, size_t *count_out);

/* ---- for load.c ---- */

#define CLAIM_LOAD_SQL \
    "select claim_sha256, product, count_max, used_count, expires from claims where revoked = 0"
void claim_load(struct fleet *fleet, const struct db_rows *rows);
