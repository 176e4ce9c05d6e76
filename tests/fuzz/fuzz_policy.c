/* formats/policy: any 328 bytes, as an image's policy and as a seed. What is taken has one spelling
 * (it encodes to the very same bytes) and is never empty of trust unless it says open. */
#include "formats/policy.h"
#include "fuzz.h"

static void take(const uint8_t data[static GODWIT_POLICY_BYTES], bool is_initial)
{
    struct godwit_policy policy;
    uint8_t again[GODWIT_POLICY_BYTES];
    if (godwit_policy_decode(data, is_initial, &policy)) return;
    godwit_policy_encode(&policy, again);
    FUZZ_CHECK(memcmp(again, data, sizeof again) == 0);
    if (policy.flags & GODWIT_POLICY_OPEN) {
        FUZZ_CHECK(is_initial && policy.threshold == 0 && policy.image_keys_count == 0);
        return;
    }
    FUZZ_CHECK(policy.threshold >= 1 && policy.threshold <= policy.image_keys_count);
    FUZZ_CHECK(godwit_policy_trusts(&policy, policy.image_keys[policy.image_keys_count - 1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < GODWIT_POLICY_BYTES) return 0;
    take(data, false);
    take(data, true);
    return 0;
}
