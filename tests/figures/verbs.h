/* The parts of figure verbs: what a device shall do after a verb, and one device that does it. */
#pragma once

#include "sim/herd.h"

/* Where a device stands when a verb is said. */
enum standing {
    UNAWARE,     /* it has not asked since the deploy */
    OFFERED,     /* it is told to install, and has fetched nothing */
    DOWNLOADING, /* a sector is in flash */
    VERIFIED,    /* all is in flash and checked; it has not switched */
    ON_TRIAL,
    CONFIRMED,
    DARK, /* it has lost power in the middle of the download */
    STANDINGS,
    /* where it comes to; no verb moves it from there */
    BARRED = STANDINGS, /* it is not offered the release any more */
    BACK                /* it runs what it came from again */
};
enum verb { PAUSE, RESUME, HALT, UNDO, VERBS };
enum fetched { NOTHING, THE_REST, THE_WHOLE };
#define NO_PLACE MEMBER_STATE_COUNT

/* What a verb leads to. */
struct expected {
    bool runs_new;
    uint8_t place;        /* enum member_state in the rollout; NO_PLACE: none */
    enum fetched fetched; /* image bytes since the verb was said */
    enum standing then;
    const char *words;
};

/* How a device was made, where that changes what an undo can do. */
enum make {
    OVER_THE_AIR, /* what it came from came over the air as well */
    BY_CABLE,     /* … came by cable, so that its journal does not know the file */
    FLOOR,        /* the new release raises the rollback floor */
    SECURE,       /* … the secure version, which the eFuses have from the next restart on */
    RESTARTED,    /* … and it has restarted since */
    MAKES
};

/* One device, its server and the rollout of a new release. */
struct scene {
    char folder[64];
    struct key *maker;
    uint8_t deploy_key[64];
    struct herd_server server;
    struct herd herd;
    const struct herd_file *old, *new;
    uint32_t rollout;
    bool is_told;          /* it has been told to install the new release */
    uint32_t served, from; /* image requests that were served, and where the last began */
};

extern const char *const STANDING_NAMES[STANDINGS];
extern const char *const VERB_NAMES[VERBS];

/* Up to the moment at which a verb is to be said. */
void scene_open(struct scene *scene, enum make make, enum standing standing);
void scene_close(struct scene *scene);
/* False: refused, for the rollout has ended. */
bool scene_say(struct scene *scene, enum verb verb);
/* Until the device is at rest; one without power gets it back. */
void scene_rest(struct scene *scene);
/* "": all is as expected. Else what is not. */
void scene_check(struct scene *scene, const struct expected *expected, char *out, size_t size);
/* The same release is deployed once more. */
void scene_deploy_again(struct scene *scene);
/* Whether a release that is deployed now reaches the device, whatever happened before. */
bool scene_is_free(struct scene *scene);
