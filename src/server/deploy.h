/* A deploy on its way from request to rollout: what was asked for, what was found of it, and why it
 * is refused. Shared by the files deploy_*.c and api_deploy.c. */
#pragma once

#include "fleet/override.h"
#include "fleet/rollout.h"
#include "server/deploy_plan.h"
#include "server/device_found.h"
#include "server/handlers.h"

#define DEPLOY_TARGETS_MAX 10000
#define DEPLOY_FIRST_MAX 1000

enum deploy_fault {
    DEPLOY_FINE,
    DEPLOY_NO_RELEASE,
    DEPLOY_NO_DEVICE,
    DEPLOY_RETIRED,
    DEPLOY_NONE_FOUND,
    DEPLOY_TOO_MANY_FOUND,
    DEPLOY_NONE_FIRST, /* of the selected, none is found to come first */
    DEPLOY_TOO_MANY_FIRST,
    DEPLOY_OTHER_PRODUCT,
    DEPLOY_OUT_OF_REACH, /* devices that run it would obey this server no more */
    DEPLOY_GATES,        /* they do not rise for so many devices */
    DEPLOY_CHIP,         /* it has no image for one of the devices */
    DEPLOY_OUTRANKED,    /* none would hear of it: another rollout has a higher priority */
    DEPLOY_SAME,         /* another rollout brings them the same release now … */
    DEPLOY_OLDER,        /* … or a newer one */
    DEPLOY_BENCH,        /* no bench device of a chip has proven it */
    DEPLOY_PIN_ALL,      /* a pin is for named devices */
    DEPLOY_UNMEANT       /* its policy does what nobody has said is meant */
};

struct deploy {
    struct change change; /* first: a change is a deploy */
    char product[33], version[33];
    bool targets, allow_downgrade, again, some_chips, overrides[OVERRIDE_COUNT];
    enum rollout_priority priority;
    size_t targets_count;
    struct found *found;
    struct device **devices;
    const struct filter_sql *filter; /* instead of a list; NULL: none */
    const char *selection;           /* its text, where the rollout stays open; NULL: it does not */
    const struct filter_sql *first_filter; /* of those that come first; NULL: none do */
    struct found *first_found;
    struct device **first;
    size_t first_count;
    struct deploy_plan plan;
    struct rollout_guards guards;
    enum deploy_fault fault;
    uint8_t fault_id[16];
    enum override unmeant;
    char key[9], dropped_by[33]; /* RETRUSTED_KEY: which, and by which version */
    const char *fault_chip;      /* CHIP, BENCH */
    uint32_t other_rollout;      /* OUTRANKED, SAME, OLDER */
    uint32_t rollout_id;
};

/* Reads the devices that are asked for, those that come first among them, and whether others follow
 * (deploy_find.c). False: answered. */
bool deploy_read_devices(struct deploy *deploy, const json_t *body);
/* Absent, null, false or true. False: answered. */
bool deploy_read_flag(struct http_request *request, const json_t *body, const char *name,
                      bool *out);
/* Finds them; deploy->fault where they are not as they should be. Writer. */
GODWIT_MUST_USE godwit_err deploy_find(struct deploy *deploy, const struct release *release);
/* Looks for what nobody has said is meant, and would be found out too late (deploy_check.c). Sets
 * deploy->fault. Writer. */
GODWIT_MUST_USE godwit_err deploy_check(struct deploy *deploy, const struct release *release);
/* Replies with the fault in words (deploy_fault.c). */
void deploy_reply_fault(const struct deploy *deploy);
