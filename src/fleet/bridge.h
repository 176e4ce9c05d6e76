/* Bridges: the way of a device from what it obeys now to a release whose signers it does not know
 * yet. A device trusts what the image that it runs says; so a late one is sent over releases that
 * hand the list of keys on, each verifiable by the one before. Pure: facts in, the way out. */
#pragma once

#include "fleet/model.h"

#define BRIDGE_STOPS_MAX 64 /* that differ in what a device obeys on them */

/* What a device obeys and has written down at one point of its way. */
struct bridge_place {
    const struct godwit_policy *policy; /* of the running image, else the seed; NULL: not known */
    bool has_policy;                    /* it is an image's own, and not the seed */
    uint32_t counter, floor, secure_version;
};

/* Why a device there would refuse the image, as the device itself would say it; or NONE. */
enum godwit_reason bridge_judge(const struct bridge_place *place, const struct image *image,
                                uint32_t counter, bool allow_downgrade);
/* Whether it obeys the policy of what it runs and the image has none: nothing leads there. */
bool bridge_lacks_policy(const struct bridge_place *place, const struct image *image);
/* Where it is once it has confirmed that image. */
struct bridge_place bridge_after(const struct bridge_place *place, const struct image *image);
/* Where the device is now. */
struct bridge_place bridge_here(const struct device *device, const struct catalogue *catalogue);
/* The image that it runs, where its product has it; else NULL. */
const struct image *bridge_running(const struct device *device, const struct catalogue *catalogue);

/* Which of the server's deploy keys the device obeys there, newest first; -1: none; -2: any answer,
 * for the policy lists no deploy key and wants none to sign. */
#define BRIDGE_KEY_NONE (-1)
#define BRIDGE_KEY_UNSIGNED (-2)
int bridge_deploy_key(const struct device *device, const struct catalogue *catalogue);
/* The same for what the policy lists, of a device that would run it. */
int bridge_policy_key(const struct catalogue *catalogue, const struct godwit_policy *policy);

struct bridge_trip {
    const struct device *device;
    const struct image *target;
    const struct release *without; /* as if this release were not there; NULL: none */
    bool allow_downgrade;
};

/* How many installs it takes, the target's included; 0: no chain leads there. first_out: the image
 * to install now, the target itself where 1. */
unsigned bridge_plan(const struct catalogue *catalogue, const struct bridge_trip *trip,
                     const struct image **first_out);

/* The image for the same chip that went out before it: of the next lower release counter, or of the
 * same and an older release; NULL: none. */
const struct image *bridge_before(const struct catalogue *catalogue, const struct image *image);
/* Whether trust changed at this release: what its images ask of the next one is not what the
 * release before it asked, or the seed where none went out before. */
bool bridge_changes_trust(const struct catalogue *catalogue, const struct release *release);
