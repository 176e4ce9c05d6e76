/* The domain as facts: products, releases, rollouts, devices. Structs and look-ups only, without
 * clock, lock or SQL, so that all that decides can include it; who may change what and when is
 * fleet.h. */
#pragma once

#include "fleet/index.h"
#include "fleet/rollout_model.h"
#include "formats/checkin.h"
#include "formats/policy.h"
#include "formats/sigblock.h"

#define FLEET_IMAGES_MAX 64        /* of one release */
#define FLEET_FAILED_IMAGES_MAX 32 /* remembered per device; the oldest is forgotten */
#define FLEET_DEPLOY_KEYS_MAX 8

/* Whose products they are. Its name never changes: the ids of its products are made from it. */
struct org {
    uint32_t number; /* by which memory knows it; another one after a reload */
    char name[33];
    bool totp_required; /* its people log in with a second factor */
    struct org *next;
};

/* How its devices fare that no rollout has offered anything (control.h). Soft. */
struct control {
    uint32_t seen, silent, walk_seen, walk_silent;
    uint32_t crashed, crashed_before; /* in the hour, and in the one before */
    int64_t hour;
    double rate; /* the last that enough devices gave */
};

struct product {
    int64_t id;
    const struct org *org;
    char name[33];
    uint8_t product_id[16];
    bool open;
    size_t devices_count, expected_count; /* expected: on the factory list, not joined yet */
    struct godwit_policy
        initial_policy; /* what a device obeys whose image has no P1; no deploy keys in it */
    bool needs_approval, needs_bench; /* its locks, fleet/locks.h */
    struct rollout *rollout; /* that outranks all others for all of its devices; NULL: none */
    struct control control;
    struct product *next;
};

/* What a device judges a file by (upgrade_path.h). */
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
    uint16_t chip_id, revision_min, revision_max;    /* max 0 or 65535: no limit */
    uint16_t block_revision_min, block_revision_max; /* the same of the eFuse block */
    uint32_t flash_size;                             /* bytes that it was built for; 0: unknown */
    uint8_t flash_mode, mmu_page_log2;               /* 0: its descriptor does not say */
    uint32_t hardware_mask, secure_version;
    uint8_t image_sha256[32];
    uint8_t file_sha256[32]; /* newest file of this image */
    uint32_t file_size;
    char project[33]; /* in its descriptor, where the product is called otherwise; else "" */
    struct image_trust trust;
};

struct release {
    int64_t id;
    struct product *product;
    char version[33];
    uint32_t counter;
    bool frozen;
    bool is_taken; /* a device has confirmed it; told at the latest when its member goes */
    size_t images_count;
    struct image images[FLEET_IMAGES_MAX];
    struct release *next; /* newest first */
};

/* What a device says of the image that runs, in which many agree. Bytes only, so that equal ones
 * are equal to memcmp: zero after each text. */
struct running_image {
    char agent_version[17], project[33], version[33], idf_version[33], slot[17];
    uint8_t image_sha256[32], file_sha256[32];
    uint8_t deploy_keys[16]; /* first 8 bytes of each that it obeys; zero: not said */
};

/* What its tags and attributes say to guards, see fleet/site.h. Read from them; not its facts. */
struct guard_facts {
    uint8_t zone;        /* of fleet/guards.h; ZONE_NONE: not said */
    uint8_t battery : 7; /* per cent and one; 0: not said */
    bool is_busy : 1;
    bool has_consented : 1; /* its application has */
    bool is_at_site : 1;    /* counted there as one in progress */
};

/* What the device said last; soft: flushed every few seconds. */
struct device_facts {
    const struct running_image *running; /* shared.h; never NULL */
    const uint8_t *staged_file_sha256;   /* so; zero: none */
    int64_t last_seen_s;
    uint32_t counter, progress, flash_size, slot_size, free_heap, secure_version, hardware_revision;
    uint32_t checkins, boots, fresh_age_s, rollback_floor;
    uint16_t chip_id, chip_revision, block_revision;
    uint8_t flash_mode, mmu_page_log2;           /* of what it runs; 0: not said */
    bool no_max_revision, no_max_block_revision; /* by eFuse, the highest are not asked */
    uint8_t reset;                               /* enum godwit_reset */
    bool on_trial, unwatched;
    struct guard_facts guard;
    uint32_t nonce_tag; /* of the check-in that said so; not in the database */
};

/* There are very many: the wide fields first, in shared values what many have alike, and rare
 * things apart; `make figure-memory` counts the bytes. */
struct device {
    int64_t id;
    uint32_t org; /* number of its organisation, which makes one key with: */
    uint8_t device_id[16];
    uint8_t token_sha256[32];
    uint32_t site; /* by a hash of its name; 0: none */
    struct product *product;
    struct device_facts facts;
    const struct godwit_outcome *last_outcome; /* the newest that was recorded, without rollout;
                                                  shared.h, never NULL */
    const uint8_t *known_image;    /* running image as it was last recorded; shared.h, never NULL */
    const uint8_t **failed_images; /* loop guard: image digests, shared.h; oldest first */
    struct member *members;
    struct rotation *rotation;     /* of its token, identity.h; NULL: none is on its way */
    struct pending_token *pending; /* others that claimed this id, see pending.h; newest first */
    struct device *dirty_next, *in_flight_next;
    uint64_t changed_in;          /* transaction that last touched it */
    int64_t fork_s;               /* … when the last was */
    int64_t turned_away_s;        /* the last of … */
    uint32_t turned_away_count;   /* that asked to join under its id and found no place; soft */
    uint32_t not_offered_rollout; /* its history says why it is incompatible for this; 0: none */
    uint32_t usual_gap_s;         /* between two check-ins, smoothed; soft, 0: not known */
    uint32_t recorded_minute;     /* Unix, in which it had so many changes recorded; soft */
    /* what it was answered last, since the start; for the log alone */
    uint32_t answered_rollout;
    uint16_t answered_reason;
    bool is_answered;
    bool is_forked;     /* two seem to have its identity, identity.h: it is offered nothing */
    uint8_t fork_steps; /* back of its counters, and … soft */
    bool is_missed;     /* nobody should wait for it, see standing_is_missed; soft */
    bool is_held;       /* a person holds it as it is: it is offered nothing */
    bool is_retired;    /* retire.h: its token is void, it is told nothing and counts nowhere */
    bool is_dirty;      /* facts newer than the database's; then in the fleet's dirty queue */
    bool is_used;       /* asked for since the cache looked at it last (cache.c) */
    uint8_t recorded_count, failed_images_count;
    uint8_t holds;       /* check-ins of it that wait for something to say: it is there; soft */
    bool has_crashed;    /* since what it did was recorded last; soft */
    bool came_late;      /* it was away for longer than a trial boot takes; soft */
    uint16_t wait_habit; /* how long its line keeps a check-in waiting, server/wait_rule.h; soft */
    uint32_t attributes_crc; /* of what it said of itself last, tags.h; 0: nothing */
};

/* A file that was uploaded; several may hold the same image. */
struct file {
    uint32_t org; /* number of its organisation, which makes one key with: */
    uint8_t file_sha256[32];
    struct release *release;
    int64_t image_id;
    uint32_t size;
};

/* What is offered and how: all that a decision about one device reads besides the device. Few
 * entries, however many devices there are. */
struct catalogue {
    struct org *orgs;
    struct product *products;
    struct release *releases; /* newest first */
    struct rollout *rollouts; /* newest first */
    struct index rollouts_by_id, files_by_digest, images_by_digest;
    struct index sites; /* in which devices are in progress, fleet/site.h */
    int64_t now_s;      /* when the owner looked at the clock last, every few seconds: all that a
                           decision knows of the time */
    uint8_t deploy_keys[FLEET_DEPLOY_KEYS_MAX][64]; /* newest first; set once, by the owner */
    size_t deploy_keys_count;
};

/* The id as people and SQL have it: "7cdfa1000001". */
void device_id_text(const uint8_t device_id[static 6], char out[static 13]);
/* FORMAT unless 12 hex digits. */
GODWIT_MUST_USE godwit_err device_id_parse(const char *text, uint8_t out[static 16]);

/* Look-ups; lock held, where the fleet is shared. What has a name is looked up in one organisation:
 * that of whoever asks. */
struct org *org_find(const struct catalogue *catalogue, const char *name);
struct product *product_find(const struct catalogue *catalogue, const char *org, const char *name);
/* The version that the device runs: its release's, where the image is known by its digest, for an
 * upload may have named it otherwise; else what its image says. */
const char *device_version(const struct catalogue *catalogue, const struct device *device);
/* The product that a policy block is made for; NULL: none that is known. */
struct product *product_find_by_id(const struct catalogue *catalogue, const char *org,
                                   const uint8_t product_id[static 16]);
/* The highest counter of that version; NULL when there is none. */
struct release *release_find(const struct catalogue *catalogue, const char *org,
                             const char *product, const char *version);
/* By the number of its row; NULL: none, as for 0. */
const struct release *release_by_id(const struct catalogue *catalogue, int64_t id);
const struct image *release_image(const struct release *release, int64_t image_id);
const struct file *file_find(const struct catalogue *catalogue, const char *org,
                             const uint8_t digest[static 32]);
/* Whether any organisation has it: several may have uploaded the same bytes. */
bool file_is_named(const struct catalogue *catalogue, const uint8_t digest[static 32]);
struct rollout *rollout_find(const struct catalogue *catalogue, uint32_t id);
/* The device in that rollout, or NULL. */
struct member *device_member(const struct device *device, const struct rollout *rollout);
/* The rollout that speaks to the device, by rollout_outranks; NULL: none selects it. */
const struct rollout *device_rollout(const struct device *device);
/* The one that would, were it of that product. */
const struct rollout *device_rollout_in(const struct device *device, const struct product *product);
