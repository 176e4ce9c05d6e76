/* An initial policy knows the keys that a product began with and no later ones: what begins with it
 * for a second time lists keys that were taken away since. So the policy of the release that is out
 * now is the better beginning, and it counts only in a file that is whole and signed: whatever else
 * lies around on a maker's disk was perhaps never out. */
#include "cli/policy_base.h"

#include <stdlib.h>

#include "base/text.h"
#include "cli/file.h"
#include "files/shell_quote.h"
#include "formats/name.h"

#define DIGITS_MIN 16 /* of a listed key, as `inspect` shows a deploy key */

/* ---- the beginning ---- */

static const char *product_of(const struct policy_request *wanted, const char *project)
{
    return wanted->product ? wanted->product : project;
}

/* A product may be called otherwise than the project where something shows that it is meant: the
 * policy it begins with is the product's, or the project's name says nothing. */
static bool take_product(const struct policy_request *wanted, const char *project,
                         struct godwit_policy *policy)
{
    const char *product = product_of(wanted, project);
    bool is_shown = wanted->initial_policy || wanted->image || file_name_is_common(project);
    enum godwit_name_fault fault = godwit_name_check(product);
    if (fault) return policy_refuse("--product: the name %s", godwit_name_fault_words(fault));
    if (strcmp(product, project) != 0 && !is_shown)
        return policy_refuse("--product is %s, but %s names project %s, and a device takes only "
                             "its own product; leave --product out, or begin with that product's "
                             "--from-initial or --from-image",
                             product, wanted->path, project);
    const char *org = wanted->org ? wanted->org : GODWIT_ORG;
    godwit_err err = godwit_product_id(org, product, policy->product_id);
    return err ? policy_refuse("%s", godwit_err_sentence(err)) : true;
}

static bool take_initial_policy(const struct policy_request *wanted, const char *project,
                                struct godwit_policy *policy)
{
    struct godwit_policy initial_policy;
    char name[SHELL_NAME_SIZE];
    uint8_t *data;
    size_t size;
    shell_quote(product_of(wanted, project), name, sizeof name);
    if (!file_read("policy", wanted->initial_policy, FILE_SIZE_MAX, &data, &size)) return false;
    bool is_initial = size == GODWIT_POLICY_BYTES &&
                      godwit_policy_decode(data, true, &initial_policy) == GODWIT_OK;
    free(data);
    if (!is_initial)
        return policy_refuse("%s: is no initial policy; `godwit claim policy %s` writes one",
                             wanted->initial_policy, name);
    if (memcmp(initial_policy.product_id, policy->product_id, sizeof initial_policy.product_id) !=
        0)
        return policy_refuse(
            "%s: is the initial policy of another product than %s; `godwit claim policy "
            "%s` writes the right one",
            wanted->initial_policy, name, name);
    memcpy(policy->image_keys, initial_policy.image_keys, sizeof policy->image_keys);
    memcpy(policy->deploy_keys, initial_policy.deploy_keys, sizeof policy->deploy_keys);
    policy->image_keys_count = initial_policy.image_keys_count;
    policy->deploy_keys_count = initial_policy.deploy_keys_count;
    policy->threshold = initial_policy.threshold;
    return true;
}

/* What is wrong with it as the release that is out; NULL: nothing. */
static const char *fault_of(const struct inspection *inspection)
{
    if (inspection->check.problems_count) return inspection->check.problems[0].message;
    if (!inspection->check.has_policy)
        return "carries no policy; name the newest release that has one, or begin with "
               "--from-initial";
    if (!inspection->check.signatures_count)
        return "is not signed, so it is not the release that is out; name the signed file that "
               "was uploaded";
    return NULL;
}

static bool take_image(const struct policy_request *wanted, struct godwit_policy *policy,
                       struct godwit_policy *former_out)
{
    struct inspection inspection;
    uint8_t *data;
    size_t size;
    if (!file_read("policy", wanted->image, FILE_SIZE_MAX, &data, &size)) return false;
    godwit_err err = inspect(&inspection, wanted->image, data, size);
    free(data);
    const char *fault = err ? godwit_err_sentence(err) : fault_of(&inspection);
    if (fault) return policy_refuse("--from-image %s: %s", wanted->image, fault);
    *former_out = inspection.check.policy;
    if (memcmp(former_out->product_id, policy->product_id, sizeof policy->product_id) != 0)
        return policy_refuse("--from-image %s: is of another product than %s; name the release of "
                             "this product that is out now",
                             wanted->image, wanted->path);
    *policy = *former_out;
    policy->flags &= ~(uint32_t)GODWIT_POLICY_TRUST_RESET; /* was about the release before it */
    return true;
}

bool policy_base(const struct policy_request *wanted, const char *project,
                 struct godwit_policy *out, struct godwit_policy *former_out)
{
    memset(out, 0, sizeof *out);
    memset(former_out, 0, sizeof *former_out);
    if (!take_product(wanted, project, out)) return false;
    if (wanted->image) return take_image(wanted, out, former_out);
    return !wanted->initial_policy || take_initial_policy(wanted, project, out);
}

/* ---- what is left out ---- */

/* A key by its file, by the digits that it begins with, or nobody's (digits 0, no key). */
struct name {
    struct godwit_public_key public;
    uint8_t digest[32], digits[64];
    size_t digits_size;
    bool is_key;
};

static void name_read(const char *argument, struct name *name)
{
    struct key *key;
    size_t size = strspn(argument, "0123456789abcdefABCDEF");
    memset(name, 0, sizeof *name);
    if (!key_open(argument, &key)) {
        key_public(key, &name->public);
        name->is_key = !key_digest(key, name->digest);
        key_close(key);
    } else if (size >= DIGITS_MIN && size <= 128 && size % 2 == 0 &&
               (!argument[size] || !strcmp(argument + size, "…")) &&
               !godwit_hex_decode(argument, size, name->digits, size / 2)) {
        name->digits_size = size / 2;
    }
}

static bool is_image_key(const struct name *name, const uint8_t digest[static 32])
{
    if (name->is_key) return memcmp(name->digest, digest, 32) == 0;
    size_t size = name->digits_size;
    return size && size <= 32 && memcmp(name->digits, digest, size) == 0;
}

static bool is_deploy_key(const struct name *name, const uint8_t point[static 64])
{
    if (name->is_key)
        return name->public.scheme == GODWIT_SCHEME_ECDSA256 &&
               memcmp(name->public.point, point, 64) == 0;
    return name->digits_size && memcmp(name->digits, point, name->digits_size) == 0;
}

/* The flag's bit; 0: the word is no flag. */
static uint32_t flag_bit(const char *argument)
{
    for (size_t bit = 0; policy_flag_name(bit); bit++)
        if (strcmp(argument, policy_flag_name(bit)) == 0) return UINT32_C(1) << bit;
    return 0;
}

/* The rows that stay move up; behind the last there are zeros, so that a policy has one spelling.
 * How many stay. */
static uint8_t close_up(uint8_t *rows, size_t row_size, uint8_t count, const bool *is_dropped)
{
    uint8_t kept = 0;
    for (uint8_t i = 0; i < count; i++)
        if (!is_dropped[i]) memmove(rows + row_size * kept++, rows + row_size * i, row_size);
    memset(rows + row_size * kept, 0, row_size * (size_t)(count - kept));
    return kept;
}

/* How many keys the name stands for, marked one by one. */
static unsigned find(const struct godwit_policy *policy, const struct name *name,
                     bool image_out[static GODWIT_POLICY_IMAGE_KEYS_MAX],
                     bool deploy_out[static GODWIT_POLICY_DEPLOY_KEYS_MAX])
{
    unsigned found = 0;
    for (size_t i = 0; i < policy->image_keys_count; i++)
        found += image_out[i] = is_image_key(name, policy->image_keys[i]);
    for (size_t i = 0; i < policy->deploy_keys_count; i++)
        found += deploy_out[i] = is_deploy_key(name, policy->deploy_keys[i]);
    return found;
}

bool policy_lists(const struct godwit_policy *policy, const char *argument)
{
    bool image[GODWIT_POLICY_IMAGE_KEYS_MAX], deploy[GODWIT_POLICY_DEPLOY_KEYS_MAX];
    struct name name;
    if (policy->flags & flag_bit(argument)) return true;
    name_read(argument, &name);
    return find(policy, &name, image, deploy) > 0;
}

bool policy_drop(const char *argument, struct godwit_policy *policy)
{
    bool image[GODWIT_POLICY_IMAGE_KEYS_MAX], deploy[GODWIT_POLICY_DEPLOY_KEYS_MAX];
    struct name name;
    uint32_t flag = policy->flags & flag_bit(argument);
    policy->flags &= ~flag;
    if (flag) return true;
    name_read(argument, &name);
    if (!find(policy, &name, image, deploy))
        return policy_refuse("--drop %s: names nothing that is listed; give a key's file, or a key "
                             "or flag as `godwit policy FILE` shows it",
                             argument);
    policy->image_keys_count = close_up(policy->image_keys[0], 32, policy->image_keys_count, image);
    policy->deploy_keys_count =
        close_up(policy->deploy_keys[0], 64, policy->deploy_keys_count, deploy);
    return true;
}
