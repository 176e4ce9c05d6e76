/* What a new policy begins with: nothing, an initial policy, or the policy of the release that is
 * out now; and the keys and flags that are left out of it. */
#pragma once

#include "cli/policy_request.h"

/* Product and, where a file was named, all that its policy says but the counter and a trust reset.
 * former_out: the policy in the image named by --from-image, else all zero. False after a printed
 * line. */
bool policy_base(const struct policy_request *wanted, const char *project,
                 struct godwit_policy *out, struct godwit_policy *former_out);
/* Leaves out what one --drop names; false after a printed line where it is not listed. */
bool policy_drop(const char *argument, struct godwit_policy *policy);
/* Whether the policy lists what the word names: a key's file, the first digits of a listed key, or
 * a flag. Prints nothing. */
bool policy_lists(const struct godwit_policy *policy, const char *argument);
