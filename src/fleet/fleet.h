/* The domain: products, releases, rollouts, devices, events, accounts. All of it but the events is
 * held in memory, so that an idle check-in touches no SQL; SQL is the truth and is read at start.
 *
 * Who may do what:
 *   - one lock guards the memory; it is held for microseconds, never over SQL, disk or signatures;
 *   - only the writer thread calls what changes a `struct db`, inside its transaction;
 *   - what a transaction changed is `uncommitted` until fleet_committed; a device touched by it is
 *     answered through the writer too, so no answer leaves ahead of the commit it stands on;
 *   - a failed statement or commit is followed by fleet_load: memory is the database's again. */
#pragma once

#include <pthread.h>

#include "fleet/event.h"
#include "fleet/index.h"
#include "formats/policy.h"
#include "formats/sigblock.h"

#define FLEET_ORG GODWIT_ORG
#define FLEET_UNDECIDED_MAX 10     /* devices of one rollout told and not decided */
#define FLEET_IMAGES_MAX 64        /* of one release */
#define FLEET_FAILED_IMAGES_MAX 32 /* remembered per device; the oldest is forgotten */
#define FLEET_CLAIM_COUNT_MAX 1000000
#define FLEET_SEQUENCE_AHEAD_MS 60000
#define FLEET_DEPLOY_KEYS_MAX 8

struct product {
    int64_t id;
    char name[33];
    uint8_t product_id[16];
    bool open;
    size_t devices_count;
    struct godwit_policy seed; /* what a device obeys whose image has no P1; no deploy keys in it */
    struct product *next;
};

/* What a device judges a file by (bridge.h). */
struct image_trust {
    bool is_known; /* false: taken by a server that did not look yet; the device alone judges */
    bool has_policy;
    uint8_t keys_count;
    uint8_t keys[GODWIT_SIGBLOCKS_MAX][32]; /* distinct keys that signed the newest file */
    struct godwit_policy policy;            /* P1 inside the image */
};

struct image {
    int64_t id;
    struct release *release;
    uint16_t chip_id, revision_min, revision_max; /* max 0 or 65535: no limit */
    uint32_t hardware_mask, secure_version;
    uint8_t image_sha256[32];
    uint8_t file_sha256[32]; /* newest file of this image */
    uint32_t file_size;
    struct image_trust trust;
};

struct release {
    int64_t id;
    struct product *product;
    char version[33];
    uint32_t counter;
    bool frozen;
    size_t images_count;
    struct image images[FLEET_IMAGES_MAX];
    struct release *next; /* newest first */
};

struct rollout {
    uint32_t id;
    struct release *release;
    int64_t created_s;
    bool picks; /* only the devices on its list; else all of the product */
    bool allow_downgrade;
    uint32_t members_count, told_count, good_count, failed_count, undecided_count;
    bool is_awaited;        /* by some device; this and the next three: the views' own, made anew */
    uint32_t unfit_count;   /* a gate is closed */
    uint32_t silent_count;  /* to be told, and not asked since it began */
    uint32_t refused_count; /* failed on it before, so not told */
    struct rollout *next;   /* newest first */
};

enum member_state {
    MEMBER_SELECTED, /* on the list, not told */
    MEMBER_UNDECIDED,
    MEMBER_GOOD,
    MEMBER_FAILED,
    MEMBER_SUPERSEDED,
    MEMBER_STATE_COUNT
};

/* One device in one rollout. */
struct member {
    struct rollout *rollout;
    uint32_t told_number; /* 1 …; 0: not told */
    enum member_state state;
    uint32_t reason;     /* godwit_reason of a failure */
    struct member *next; /* newest rollout first */
};

/* What the device said last; soft: flushed every few seconds. */
struct device_facts {
    char agent_version[17], project[33], version[33], idf_version[33], slot[17];
    uint8_t image_sha256[32], file_sha256[32], idle_file_sha256[32];
    uint32_t counter, progress;
    uint16_t chip_id, chip_revision;
    uint32_t flash_size, slot_size, free_heap, secure_version, hardware_revision;
    uint32_t checkins, boots, fresh_age_s, floor;
    uint8_t deploy_keys[16]; /* first 8 bytes of each that it obeys; zero: not said */
    enum godwit_reset reset;
    bool on_trial, unwatched;
    int64_t last_seen_s;
};

struct device {
    int64_t id;
    uint8_t device_id[16];
    uint8_t token_sha256[32];
    struct pending_token *pending; /* others that claimed this id, see pending.h; newest first */
    struct product *product;
    struct device_facts facts;
    uint8_t known_image[32];            /* running image as it was last recorded */
    struct godwit_outcome last_outcome; /* the newest that was recorded; detail unused */
    size_t failed_images_count;
    uint8_t failed_images[FLEET_FAILED_IMAGES_MAX][32]; /* loop guard: image digests */
    struct member *members;
    uint32_t not_told_rollout; /* its history says why it is unfit for this one; 0: none */
    uint64_t changed_in;       /* transaction that last touched it */
    /* what it was answered last, since the start; for the log alone */
    bool is_answered;
    uint32_t answered_reason, answered_rollout;
    bool dirty; /* facts newer than the database's; then on the fleet's dirty list */
    struct device *next, *dirty_next;
};

/* A file that was uploaded; several may hold the same image. */
struct file {
    uint8_t file_sha256[32];
    struct release *release;
    int64_t image_id;
    uint32_t size;
};

struct claim {
    uint8_t claim_sha256[32];
    struct product *product;
    uint32_t count_max, used_count;
};

struct account_token {
    uint8_t token_sha256[32];
    int64_t expires_s; /* 0: never */
};

struct fleet {
    pthread_mutex_t lock;
    struct product *products;
    struct release *releases;
    struct rollout *rollouts;
    struct device *devices, *dirty_devices;
    size_t devices_count;
    struct index devices_by_id, devices_by_token, files_by_digest, images_by_digest,
        claims_by_digest, tokens_by_digest;
    uint8_t deploy_keys[FLEET_DEPLOY_KEYS_MAX][64]; /* newest first; set once, by the owner */
    size_t deploy_keys_count;
    uint64_t transaction, committed;  /* numbers; transaction > committed while one is open */
    uint64_t sequence, sequence_mark; /* last given; the highest that is committed */
    uint64_t sequence_next_mark;      /* becomes the mark with the commit */
};

/* Reads everything from the database; also after a failed commit. Not while a transaction is open.
 */
GODWIT_MUST_USE godwit_err fleet_load(struct fleet *fleet, struct db *db);
void fleet_init(struct fleet *fleet);
void fleet_deinit(struct fleet *fleet);
void fleet_lock(struct fleet *fleet);
void fleet_unlock(struct fleet *fleet);
/* The writer's frame round each transaction. */
void fleet_transaction_begun(struct fleet *fleet);
void fleet_committed(struct fleet *fleet);
/* The next sequence for an instruction, or 0 when the mark must be raised first. Lock held. */
uint64_t fleet_sequence(struct fleet *fleet, uint64_t now_ms);
/* Whether half of what the mark allows is used up. */
bool fleet_sequence_is_low(struct fleet *fleet, uint64_t now_ms);
/* Commits a mark one minute ahead of now. Writer. */
GODWIT_MUST_USE godwit_err fleet_raise_sequence(struct fleet *fleet, struct db *db,
                                                uint64_t now_ms);

/* ---- release.c ---- */

/* What the intake found out about one file. */
struct upload {
    const char *product; /* name */
    bool open;           /* make the product an open one where it is new */
    char version[33];
    uint32_t counter;
    struct image image; /* id and release unused */
};

enum upload_result {
    UPLOAD_ADDED,
    UPLOAD_ALREADY,
    UPLOAD_REFUSED,    /* as every device of the product would; the reason says why */
    UPLOAD_FEWER_KEYS, /* of a frozen release's image; devices may stand on the key that is gone */
    UPLOAD_FROZEN,
    UPLOAD_OTHER_COUNTER, /* that version is there under another counter */
    UPLOAD_FULL /* FLEET_IMAGES_MAX */
};

struct upload_verdict {
    enum upload_result result;
    enum godwit_reason reason; /* REFUSED: why; ADDED: why devices of the newest release need a
                                  bridge to it, or NONE */
    bool created;              /* the product is new */
    uint32_t counter;          /* OTHER_COUNTER: which; is_frozen: and it was rolled out */
    bool is_frozen;
};

/* Judges against the product and records. Writer. */
GODWIT_MUST_USE godwit_err release_add(struct fleet *fleet, struct db *db,
                                       const struct upload *upload, int64_t now_s,
                                       struct upload_verdict *verdict_out);
struct product *product_find(const struct fleet *fleet, const char *name);
/* The highest counter of that version; NULL when there is none. Lock held. */
struct release *release_find(const struct fleet *fleet, const char *product, const char *version);
const struct image *release_image(const struct release *release, int64_t image_id);
const struct file *file_find(const struct fleet *fleet, const uint8_t digest[static 32]);

/* ---- rollout.c ---- */

struct rollout_wish {
    struct release *release;
    struct device *const *devices; /* NULL: all of the product */
    size_t devices_count;
    bool allow_downgrade;
};

/* Freezes the release. Writer. */
GODWIT_MUST_USE godwit_err rollout_create(struct fleet *fleet, struct db *db,
                                          const struct rollout_wish *wish, int64_t now_s,
                                          struct rollout **rollout_out);
struct rollout *rollout_find(const struct fleet *fleet, uint32_t id);
struct member *device_member(const struct device *device, const struct rollout *rollout);
const char *member_state_name(enum member_state state);

/* ---- device.c, enrol.c ---- */

struct device *device_find(const struct fleet *fleet, const uint8_t device_id[static 16]);
/* NULL for an unknown token; the comparison takes constant time. Lock held. */
struct device *device_find_by_token(const struct fleet *fleet,
                                    const uint8_t token_sha256[static 32]);
/* Keeps what the device says of itself, and answers whether the check-in changes anything that must
 * be committed before it is answered (an outcome, a proof, another image, an offer to be told), or
 * stands on something uncommitted. Lock held. */
bool device_take(struct fleet *fleet, struct device *device, const struct godwit_checkin *checkin,
                 int64_t now_s);
/* Records what the check-in changes and tells the offer, if one is due. Writer. */
GODWIT_MUST_USE godwit_err device_record(struct fleet *fleet, struct db *db, struct device *device,
                                         const struct godwit_checkin *checkin, int64_t now_s);
/* Whether the bytes are what the device's present, committed decision tells it to install. */
bool device_may_download(const struct fleet *fleet, const struct device *device,
                         const uint8_t file_sha256[static 32]);

enum claim_result {
    CLAIM_ACCEPTED,    /* new, or known with this token */
    CLAIM_PENDING,     /* known with another token; an operator decides */
    CLAIM_REJECTED,    /* so, and an operator has sent it away */
    CLAIM_TOKEN_TAKEN, /* the token is another device's, as on a cloned flash */
    CLAIM_UNKNOWN,
    CLAIM_USED_UP
};

/* Enrols; *device_out is set where ACCEPTED. Writer. */
GODWIT_MUST_USE godwit_err device_claim(struct fleet *fleet, struct db *db,
                                        const uint8_t claim_sha256[static 32],
                                        const uint8_t token_sha256[static 32],
                                        const struct godwit_checkin *checkin, int64_t now_s,
                                        enum claim_result *result_out, struct device **device_out);
/* Writes the facts of dirty devices, at most count_max; more_out: some are left. Writer. */
GODWIT_MUST_USE godwit_err device_flush(struct fleet *fleet, struct db *db, size_t count_max,
                                        bool *more_out);

/* ---- account.c ---- */

GODWIT_MUST_USE godwit_err claim_create(struct fleet *fleet, struct db *db,
                                        const struct product *product, uint32_t count,
                                        const uint8_t claim_sha256[static 32], int64_t now_s);
/* Encoded password hash of a user; MISSING when there is no such user. Any connection. */
GODWIT_MUST_USE godwit_err account_password(struct db *db, const char *user, char *out,
                                            size_t size_max);
GODWIT_MUST_USE godwit_err account_create(struct db *db, const char *user,
                                          const char *password_hash, int64_t now_s);
/* A new API token; expires_s 0: never. Drops those that have expired. Writer. */
GODWIT_MUST_USE godwit_err account_add_token(struct fleet *fleet, struct db *db, const char *user,
                                             const uint8_t token_sha256[static 32], int64_t now_s,
                                             int64_t expires_s);
/* Lock held. */
bool account_token_is_good(const struct fleet *fleet, const uint8_t token_sha256[static 32],
                           int64_t now_s);
