/* What it begins with comes first (cli/policy_base.h), less what is to be left out; then the keys
 * are added one by one, so that each can be refused by its own name; then the numbers; soundness
 * last, when all is known, by itself and as the successor of the release that is out. */
#include "cli/policy_make.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/key_file.h"
#include "cli/policy_base.h"

#define GIVEN(number) ((number) != UINT32_MAX)

bool hardware_parse(const char *text, uint32_t *mask_out)
{
    *mask_out = 0;
    if (!strcmp(text, "any")) return true;
    for (;;) {
        if (text[0] < '0' || text[0] > '9') return false;
        char *end;
        unsigned long board = strtoul(text, &end, 10);
        if (board > 31 || (*end && *end != ',')) return false;
        *mask_out |= UINT32_C(1) << board;
        if (!*end) return true;
        text = end + 1;
    }
}

/* Part of a digest, as `godwit sign` prints it, where no such file is. */
static bool is_part_of_digest(const char *argument)
{
    size_t size = strspn(argument, "0123456789abcdefABCDEF");
    bool is_whole = !argument[size] || !strcmp(argument + size, "…");
    return size >= 8 && is_whole && access(argument, F_OK) != 0;
}

/* 64 hex digits are a digest, everything else names a PEM file. */
static bool digest_of(const char *argument, uint8_t digest_out[static 32])
{
    bool is_digest =
        strlen(argument) == 64 && godwit_hex_decode(argument, 64, digest_out, 32) == GODWIT_OK;
    if (is_digest) return true;
    if (is_part_of_digest(argument))
        return policy_refuse("--key %s: a digest has 64 hex digits; give all of them, as `godwit "
                             "inspect` prints them for a file with this key, or name the key's "
                             "file",
                             argument);
    struct key *key = key_file_open("policy", argument);
    if (!key) return false;
    godwit_err err = key_digest(key, digest_out);
    key_close(key);
    return err ? policy_refuse("%s: %s", argument, godwit_err_sentence(err)) : true;
}

/* given: the keys of the --key before it. One that the beginning lists is no fault. */
static bool take_key(const char *argument, struct godwit_policy *given,
                     struct godwit_policy *policy)
{
    uint8_t digest[32];
    if (!digest_of(argument, digest)) return false;
    if (godwit_policy_trusts(given, digest))
        return policy_refuse("--key %s: this key is given twice; name each key once", argument);
    if (given->image_keys_count < GODWIT_POLICY_IMAGE_KEYS_MAX)
        memcpy(given->image_keys[given->image_keys_count++], digest, sizeof digest);
    if (godwit_policy_trusts(policy, digest)) return true;
    if (policy->image_keys_count == GODWIT_POLICY_IMAGE_KEYS_MAX)
        return policy_refuse("--key %s: a policy lists at most %d image keys; leave one out",
                             argument, GODWIT_POLICY_IMAGE_KEYS_MAX);
    memcpy(policy->image_keys[policy->image_keys_count++], digest, sizeof digest);
    return true;
}

static bool lists_deploy_key(const struct godwit_policy *policy, const uint8_t point[static 64])
{
    for (size_t i = 0; i < policy->deploy_keys_count; i++)
        if (memcmp(policy->deploy_keys[i], point, 64) == 0) return true;
    return false;
}

static bool take_deploy_key(const char *argument, struct godwit_policy *given,
                            struct godwit_policy *policy)
{
    struct godwit_public_key public;
    struct key *key = key_file_open("policy", argument);
    if (!key) return false;
    key_public(key, &public);
    key_close(key);
    if (public.scheme != GODWIT_SCHEME_ECDSA256)
        return policy_refuse("--deploy-key %s: a deploy key is of ECDSA P-256, this one is %s",
                             argument, godwit_scheme_name(public.scheme));
    if (lists_deploy_key(given, public.point))
        return policy_refuse("--deploy-key %s: this key is given twice; name each key once",
                             argument);
    if (given->deploy_keys_count < GODWIT_POLICY_DEPLOY_KEYS_MAX)
        memcpy(given->deploy_keys[given->deploy_keys_count++], public.point, 64);
    if (lists_deploy_key(policy, public.point)) return true;
    if (policy->deploy_keys_count == GODWIT_POLICY_DEPLOY_KEYS_MAX)
        return policy_refuse("--deploy-key %s: a policy lists at most %d deploy keys; leave one "
                             "out",
                             argument, GODWIT_POLICY_DEPLOY_KEYS_MAX);
    memcpy(policy->deploy_keys[policy->deploy_keys_count++], public.point, 64);
    return true;
}

/* Out first, so that there is room for what comes in. */
static bool take_keys(const struct policy_request *wanted, struct godwit_policy *policy)
{
    struct godwit_policy given = {0};
    for (size_t i = 0; i < wanted->drops.count; i++)
        if (!policy_drop(wanted->drops.items[i], policy)) return false;
    for (size_t i = 0; i < wanted->keys.count; i++)
        if (!take_key(wanted->keys.items[i], &given, policy)) return false;
    for (size_t i = 0; i < wanted->deploy_keys.count; i++)
        if (!take_deploy_key(wanted->deploy_keys.items[i], &given, policy)) return false;
    if (wanted->no_deploy_key) {
        memset(policy->deploy_keys, 0, sizeof policy->deploy_keys);
        policy->deploy_keys_count = 0;
    }
    return true;
}

static void take_numbers(const struct policy_request *wanted, struct godwit_policy *policy)
{
    policy->counter = wanted->counter;
    if (GIVEN(wanted->rollback_floor)) policy->rollback_floor = wanted->rollback_floor;
    if (GIVEN(wanted->threshold))
        policy->threshold = wanted->threshold < UINT8_MAX ? (uint8_t)wanted->threshold : UINT8_MAX;
    else if (policy->threshold == 0)
        policy->threshold = 1;
    if (wanted->require_instruction) policy->flags |= GODWIT_POLICY_REQUIRE_INSTRUCTION;
    if (wanted->allow_plain_hawkbit) policy->flags |= GODWIT_POLICY_ALLOW_PLAIN_HAWKBIT;
    if (wanted->require_secure_boot) policy->flags |= GODWIT_POLICY_REQUIRE_SECURE_BOOT;
    if (wanted->allow_lan_push) policy->flags |= GODWIT_POLICY_ALLOW_LAN_PUSH;
    if (wanted->trust_reset) policy->flags |= GODWIT_POLICY_TRUST_RESET;
}

static bool keys_are_sound(const struct godwit_policy *policy)
{
    unsigned keys = policy->image_keys_count, threshold = policy->threshold;
    if (keys == 0)
        return policy_refuse("no image key: a policy names who may sign the next image; give "
                             "--key");
    if (threshold == 0)
        return policy_refuse("--threshold 0 would trust anybody; at least 1 key must sign");
    if (threshold > keys)
        return policy_refuse("a threshold of %u asks for more signers than the %u key%s listed; "
                             "give more --key, or a lower --threshold",
                             threshold, keys, keys == 1 ? "" : "s");
    if (threshold > GODWIT_SIGBLOCKS_MAX)
        return policy_refuse("--threshold %u could never be met: an image carries at most %d "
                             "signatures; lower it",
                             threshold, GODWIT_SIGBLOCKS_MAX);
    return true;
}

static bool deploy_keys_are_sound(const struct policy_request *wanted,
                                  const struct godwit_policy *policy)
{
    if (policy->deploy_keys_count) return true;
    if (policy->flags & GODWIT_POLICY_REQUIRE_INSTRUCTION)
        return policy_refuse("require-instruction without a deploy key: nobody could sign one; "
                             "give --deploy-key");
    if (!wanted->no_deploy_key)
        return policy_refuse("no deploy key: devices that run this would take instructions "
                             "unsigned from then on; give --deploy-key (`godwit rekey --public` "
                             "prints the server's), or --no-deploy-key if that is meant");
    return true;
}

static bool numbers_are_sound(const struct godwit_policy *policy)
{
    if (policy->counter == 0)
        return policy_refuse("--counter 0 is what images without a policy count as; begin with 1");
    if (policy->rollback_floor > policy->counter)
        return policy_refuse("rollback floor %" PRIu32 " is above --counter %" PRIu32
                             ": the release would forbid itself; lower the rollback floor",
                             policy->rollback_floor, policy->counter);
    return true;
}

static bool has_common_key(const struct godwit_policy *one, const struct godwit_policy *other)
{
    for (size_t i = 0; i < one->image_keys_count; i++)
        if (godwit_policy_trusts(other, one->image_keys[i])) return true;
    return false;
}

/* What devices that run the former release would refuse is better said before it is signed. */
static bool may_follow(const struct policy_request *wanted, const struct godwit_policy *former,
                       const struct godwit_policy *policy)
{
    if (policy->counter <= former->counter)
        return policy_refuse("--counter %" PRIu32 " is not above %" PRIu32
                             ", the counter of %s; each release has a higher one",
                             policy->counter, former->counter, wanted->image);
    if (policy->rollback_floor < former->rollback_floor)
        return policy_refuse("--rollback-floor %" PRIu32 " is below %" PRIu32
                             ", the rollback floor of %s, and a rollback floor never sinks; leave "
                             "--rollback-floor out",
                             policy->rollback_floor, former->rollback_floor, wanted->image);
    if (!(policy->flags & GODWIT_POLICY_TRUST_RESET) && !has_common_key(former, policy))
        return policy_refuse("no image key in common with %s, so devices that run it would refuse "
                             "this one; first release a bridge that lists old and new keys, or "
                             "give --trust-reset",
                             wanted->image);
    return true;
}

/* Each option means what it says, also beside the others. */
static bool is_consistent(const struct policy_request *wanted, const struct godwit_policy *policy)
{
    for (size_t i = 0; i < wanted->drops.count; i++)
        if (policy_lists(policy, wanted->drops.items[i]))
            return policy_refuse("--drop %s: another option lists it; leave one of the two out",
                                 wanted->drops.items[i]);
    if (wanted->no_deploy_key && wanted->deploy_keys.count)
        return policy_refuse("--no-deploy-key and --deploy-key: leave one of the two out");
    return true;
}

bool policy_make(const struct policy_request *wanted, const char *project,
                 struct godwit_policy *out)
{
    struct godwit_policy former;
    if (!policy_base(wanted, project, out, &former)) return false;
    if (!take_keys(wanted, out)) return false;
    take_numbers(wanted, out);
    if (wanted->hardware && !hardware_parse(wanted->hardware, &out->hardware_mask))
        return policy_refuse("--hardware takes board revisions from 0 to 31, such as 0,2,5, or "
                             "any; not '%s'",
                             wanted->hardware);
    return is_consistent(wanted, out) && keys_are_sound(out) && numbers_are_sound(out) &&
           deploy_keys_are_sound(wanted, out) &&
           (!wanted->image || may_follow(wanted, &former, out));
}
