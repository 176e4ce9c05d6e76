/* A policy made from the words of a command line: keys, numbers and what they may not be together.
 * Each refusal is one line on stderr that says what to do. */
#pragma once

#include "cli/inspect.h"
#include "options/options.h"

/* What was asked for. Numbers that were not given are UINT32_MAX, texts NULL. */
struct policy_request {
    const char *path; /* of the image, for the words */
    const char *product, *initial_policy, *image,
        *hardware; /* seed or image: what it begins with */
    struct option_list keys, deploy_keys, drops;
    uint32_t counter, rollback_floor, threshold;
    bool require_instruction, allow_plain_hawkbit, require_secure_boot, allow_lan_push, trust_reset;
    bool no_deploy_key;
};

/* "0,2,5" to one bit each; "any" to 0. False where it is something else. */
bool hardware_parse(const char *text, uint32_t *mask_out);
/* One line on stderr; false. */
bool policy_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The policy for an image of this project; false after a printed line. */
bool policy_make(const struct policy_request *wanted, const char *project,
                 struct godwit_policy *out);
