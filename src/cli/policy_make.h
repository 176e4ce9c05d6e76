/* A policy made from the words of a command line: keys, numbers and what they may not be together.
 * Each refusal is one line on stderr that says what to do. */
#pragma once

#include "cli/policy_request.h"

/* "0,2,5" to one bit each; "any" to 0. False where it is something else. */
bool hardware_parse(const char *text, uint32_t *mask_out);
/* The policy for an image of this project; false after a printed line. */
bool policy_make(const struct policy_request *wanted, const char *project,
                 struct godwit_policy *out);
