/* A seed policy comes first, if one is given; then the keys are added one by one, so that each can
 * be refused by its own name; then the numbers; soundness last, when all is known. */
#include "cli/policy_make.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/file.h"
#include "cli/key_file.h"

#define GIVEN(number) ((number) != UINT32_MAX)

__attribute__((format(printf, 1, 2))) static bool complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("godwit policy: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

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

static bool take_product(const struct policy_wish *wish, const char *project,
                         struct godwit_policy *policy)
{
    if (wish->product && strcmp(wish->product, project) != 0)
        return complain("--product is %s, but %s names project %s, and a device takes only its own "
                        "product; leave --product out, or build the project under that name",
                        wish->product, wish->path, project);
    godwit_err err = godwit_product_id(GODWIT_ORG, project, policy->product_id);
    return err ? complain("%s", godwit_err_sentence(err)) : true;
}

static bool take_seed(const struct policy_wish *wish, const char *project,
                      struct godwit_policy *policy)
{
    struct godwit_policy seed;
    uint8_t *data;
    size_t size;
    if (!file_read("policy", wish->seed, FILE_SIZE_MAX, &data, &size)) return false;
    bool is_seed =
        size == GODWIT_POLICY_BYTES && godwit_policy_decode(data, true, &seed) == GODWIT_OK;
    free(data);
    if (!is_seed)
        return complain("%s: is no seed policy; `godwit claim --seed %s` writes one", wish->seed,
                        project);
    if (memcmp(seed.product_id, policy->product_id, sizeof seed.product_id) != 0)
        return complain("%s: is the seed of another product than %s; `godwit claim --seed %s` "
                        "writes the right one",
                        wish->seed, project, project);
    memcpy(policy->image_keys, seed.image_keys, sizeof policy->image_keys);
    memcpy(policy->deploy_keys, seed.deploy_keys, sizeof policy->deploy_keys);
    policy->image_keys_count = seed.image_keys_count;
    policy->deploy_keys_count = seed.deploy_keys_count;
    policy->threshold = seed.threshold;
    return true;
}

/* 64 hex digits are a digest, everything else names a PEM file. */
static bool digest_of(const char *word, uint8_t digest_out[static 32])
{
    bool is_digest = strlen(word) == 64 && godwit_hex_decode(word, 64, digest_out, 32) == GODWIT_OK;
    if (is_digest) return true;
    struct key *key = key_file_open("policy", word);
    if (!key) return false;
    godwit_err err = key_digest(key, digest_out);
    key_close(key);
    return err ? complain("%s: %s", word, godwit_err_sentence(err)) : true;
}

static bool take_key(const char *word, struct godwit_policy *policy)
{
    uint8_t digest[32];
    if (!digest_of(word, digest)) return false;
    if (godwit_policy_trusts(policy, digest))
        return complain("--key %s: this key is listed already; name each key once", word);
    if (policy->image_keys_count == GODWIT_POLICY_IMAGE_KEYS_MAX)
        return complain("--key %s: a policy lists at most %d image keys; leave one out", word,
                        GODWIT_POLICY_IMAGE_KEYS_MAX);
    memcpy(policy->image_keys[policy->image_keys_count++], digest, sizeof digest);
    return true;
}

static bool take_deploy_key(const char *word, struct godwit_policy *policy)
{
    struct godwit_public_key public;
    struct key *key = key_file_open("policy", word);
    if (!key) return false;
    key_public(key, &public);
    key_close(key);
    if (public.scheme != GODWIT_SCHEME_ECDSA256)
        return complain("--deploy-key %s: a deploy key is of ECDSA P-256, this one is %s", word,
                        godwit_scheme_name(public.scheme));
    for (size_t i = 0; i < policy->deploy_keys_count; i++)
        if (memcmp(policy->deploy_keys[i], public.point, 64) == 0)
            return complain("--deploy-key %s: this key is listed already; name each key once",
                            word);
    if (policy->deploy_keys_count == GODWIT_POLICY_DEPLOY_KEYS_MAX)
        return complain("--deploy-key %s: a policy lists at most %d deploy keys; leave one out",
                        word, GODWIT_POLICY_DEPLOY_KEYS_MAX);
    memcpy(policy->deploy_keys[policy->deploy_keys_count++], public.point, 64);
    return true;
}

static bool take_keys(const struct policy_wish *wish, struct godwit_policy *policy)
{
    for (size_t i = 0; i < wish->keys.count; i++)
        if (!take_key(wish->keys.items[i], policy)) return false;
    for (size_t i = 0; i < wish->deploy_keys.count; i++)
        if (!take_deploy_key(wish->deploy_keys.items[i], policy)) return false;
    return true;
}

static void take_numbers(const struct policy_wish *wish, struct godwit_policy *policy)
{
    policy->counter = wish->counter;
    if (GIVEN(wish->floor)) policy->floor = wish->floor;
    if (GIVEN(wish->threshold))
        policy->threshold = wish->threshold < UINT8_MAX ? (uint8_t)wish->threshold : UINT8_MAX;
    else if (policy->threshold == 0)
        policy->threshold = 1;
    if (wish->require_instruction) policy->flags |= GODWIT_POLICY_REQUIRE_INSTRUCTION;
    if (wish->allow_plain_hawkbit) policy->flags |= GODWIT_POLICY_ALLOW_PLAIN_HAWKBIT;
    if (wish->require_secure_boot) policy->flags |= GODWIT_POLICY_REQUIRE_SECURE_BOOT;
    if (wish->allow_lan_push) policy->flags |= GODWIT_POLICY_ALLOW_LAN_PUSH;
    if (wish->clean_break) policy->flags |= GODWIT_POLICY_CLEAN_BREAK;
}

static bool is_sound(const struct godwit_policy *policy)
{
    unsigned keys = policy->image_keys_count, threshold = policy->threshold;
    if (keys == 0)
        return complain("no image key: a policy names who may sign the next image; give --key");
    if (threshold == 0)
        return complain("--threshold 0 would trust anybody; at least 1 key must sign");
    if (threshold > keys)
        return complain("--threshold %u asks for more signers than the %u key%s listed; give more "
                        "--key, or lower it",
                        threshold, keys, keys == 1 ? "" : "s");
    if (threshold > GODWIT_SIGBLOCKS_MAX)
        return complain("--threshold %u could never be met: an image carries at most %d "
                        "signatures; lower it",
                        threshold, GODWIT_SIGBLOCKS_MAX);
    if (policy->counter == 0)
        return complain("--counter 0 is what images without a policy count as; begin with 1");
    if (policy->floor > policy->counter)
        return complain("--floor %" PRIu32 " is above --counter %" PRIu32
                        ": the release would forbid itself; lower the floor",
                        policy->floor, policy->counter);
    if ((policy->flags & GODWIT_POLICY_REQUIRE_INSTRUCTION) && policy->deploy_keys_count == 0)
        return complain("--require-instruction without a deploy key: nobody could sign one; give "
                        "--deploy-key");
    return true;
}

bool policy_make(const struct policy_wish *wish, const char *project, struct godwit_policy *out)
{
    memset(out, 0, sizeof *out);
    if (!take_product(wish, project, out)) return false;
    if (wish->seed && !take_seed(wish, project, out)) return false;
    if (!take_keys(wish, out)) return false;
    take_numbers(wish, out);
    if (wish->hardware && !hardware_parse(wish->hardware, &out->hardware_mask))
        return complain("--hardware takes board revisions from 0 to 31, such as 0,2,5, or any; not "
                        "'%s'",
                        wish->hardware);
    return is_sound(out);
}
