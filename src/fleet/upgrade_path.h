/* Bridges: the way of a device from what it obeys now to a release whose signers it does not know
 * yet. A device trusts what the image that it runs says; so a late one is sent over releases that
 * hand the list of keys on, each verifiable by the one before. Pure: facts in, the way out. */
#pragma once

#include "fleet/model.h"

#define UPGRADE_HOPS_MAX 64 /* that differ in what a device obeys on them */

/* What a device obeys and has written down at one point of its way. */
struct upgrade_point {
    const struct godwit_policy
        *policy;     /* of the running image, else the initial policy; NULL: not known */
    bool has_policy; /* it is an image's own, and not the initial policy */
    uint32_t counter, rollback_floor, secure_version;
};

/* Why a device there would refuse the image, as the device itself would say it; or NONE. */
enum godwit_reason upgrade_check(const struct upgrade_point *point, const struct image *image,
                                 uint32_t counter, bool allow_downgrade);
/* Whether it obeys the policy of what it runs and the image has none: nothing leads there. */
bool upgrade_lacks_policy(const struct upgrade_point *point, const struct image *image);
/* Where it is once it has confirmed that image. */
struct upgrade_point upgrade_after(const struct upgrade_point *point, const struct image *image);
/* Where the device is now. */
struct upgrade_point upgrade_here(const struct device *device, const struct catalogue *catalogue);
/* The image that it runs, where its product has it; else NULL. */
const struct image *upgrade_running(const struct device *device, const struct catalogue *catalogue);
/* The number of the release of that, as struct member has it in came_from. */
uint32_t upgrade_running_release(const struct device *device, const struct catalogue *catalogue);

/* Which of the server's deploy keys the device obeys there, newest first; -1: none; -2: any answer,
 * for the policy lists no deploy key and wants none to sign. */
#define UPGRADE_KEY_NONE (-1)
#define UPGRADE_KEY_UNSIGNED (-2)
int upgrade_deploy_key(const struct device *device, const struct catalogue *catalogue);
/* The same for what the policy lists, of a device that would run it. */
int upgrade_policy_key(const struct catalogue *catalogue, const struct godwit_policy *policy);

struct upgrade_query {
    const struct device *device;
    const struct image *target;
    const struct release *without; /* as if this release were not there; NULL: none */
    bool allow_downgrade;
};

/* How many installs it takes, the target's included; 0: no chain leads there. first_out: the image
 * to install now, the target itself where 1. */
unsigned upgrade_plan(const struct catalogue *catalogue, const struct upgrade_query *query,
                      const struct image **first_out);

/* The image for the same chip that went out before it: of the next lower release counter, or of the
 * same and an older release; NULL: none. */
const struct image *upgrade_before(const struct catalogue *catalogue, const struct image *image);
/* Whether trust changed at this release: what its images ask of the next one is not what the
 * release before it asked, or the initial policy where none went out before. */
bool upgrade_changes_trust(const struct catalogue *catalogue, const struct release *release);
