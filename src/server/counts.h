/* What no kept number says: counted by one walk over the devices, which takes the fleet's lock for
 * a few of them at a time. */
#pragma once

#include "server/app.h"

#define TRUSTED_KEYS_MAX 32 /* of one product, that some device obeys at present */

/* Of one rollout. */
struct rollout_counts {
    uint32_t id;
    bool is_awaited;             /* by some device */
    uint32_t incompatible_count; /* a gate is closed */
    uint32_t not_seen_count; /* queued or in progress, and not seen since it began or for long */
    uint32_t expected_count; /* queued or in progress, and may be heard of any time */
    uint32_t refused_count;  /* failed on it before, so not offered */
};

/* Of one product: how many devices obey each image key; who drops the old one looks here before. */
struct product_counts {
    int64_t id;
    size_t keys_count;
    uint8_t keys[TRUSTED_KEYS_MAX][32];
    uint32_t key_devices[TRUSTED_KEYS_MAX];
};

struct counts {
    struct rollout_counts *rollouts; /* newest first, so by falling id */
    size_t rollouts_count;
    struct product_counts *products;
    size_t products_count;
    uint32_t devices, on_trial, pending;
    uint32_t turned_away;     /* under their ids more asked to join than are kept */
    uint32_t unknown_release; /* they run an image that was never uploaded here */
    uint32_t deploy_keys[FLEET_DEPLOY_KEYS_MAX]; /* devices that are answered by each */
};

/* Takes the lock itself; free with counts_free. */
struct counts counts_make(struct app *app);
void counts_free(struct counts *counts);
/* NULL: the rollout began after the count. */
const struct rollout_counts *counts_rollout(const struct counts *counts, uint32_t id);

/* Still to be offered; `decision` is the device's present one. */
struct decision;
bool counts_awaits(const struct decision *decision);
