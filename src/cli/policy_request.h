/* What a command line asks of a policy, for all files that make one. */
#pragma once

#include "cli/inspect.h"
#include "options/options.h"

/* What was asked for. Numbers that were not given are UINT32_MAX, texts NULL. */
struct policy_request {
    const char *path;                   /* of the image, for the words */
    const char *initial_policy, *image; /* what it begins with, or both NULL */
    const char *product, *hardware;
    const char *org; /* whose the product is; NULL: the first organisation of a server */
    struct option_list keys, deploy_keys, drops;
    uint32_t counter, rollback_floor, threshold;
    bool require_instruction, allow_plain_hawkbit, require_secure_boot, allow_lan_push, trust_reset;
    bool no_deploy_key;
};

/* One line on stderr; false. */
bool policy_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
