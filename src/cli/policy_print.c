/* A policy for people: whom a device obeys once it runs the image. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/inspect.h"
#include "formats/name.h"

void fact_print(const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("  %-18s ", name);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

static const char *hex(const uint8_t *data, size_t size, char out[static 129])
{
    godwit_hex_encode(data, size, out);
    return out;
}

static void print_product(const struct inspection *inspection)
{
    char clean[64], text[129];
    const uint8_t *id = inspection->check.policy.product_id;
    const char *project = godwit_text_clean(inspection->check.image.info.project, clean);
    if (policy_is_of_project(inspection))
        fact_print("policy", "product %s (%s)", project, hex(id, 16, text));
    else
        fact_print("policy", "product %s, which is not project %s", hex(id, 16, text), project);
}

static void print_threshold(const struct godwit_policy *policy)
{
    unsigned threshold = policy->threshold, keys = policy->image_keys_count;
    if (keys == 1)
        fact_print("", "the next image must be signed by this key");
    else if (threshold == keys)
        fact_print("", "the next image must be signed by all %u of these keys", keys);
    else
        fact_print("", "the next image must be signed by any %u of these %u keys", threshold, keys);
}

/* Listed keys, then signers that the list does not hold: they count for nothing later. */
static void print_keys(const struct inspection *inspection)
{
    const struct godwit_policy *policy = &inspection->check.policy;
    char text[129];
    for (size_t i = 0; i < policy->image_keys_count; i++) {
        bool is_signer = inspection_is_signed_by(inspection, policy->image_keys[i]);
        fact_print("", "image key %s%s", hex(policy->image_keys[i], 32, text),
                   is_signer ? ", signed this file" : "");
    }
    for (size_t i = 0; i < inspection->check.signatures_count; i++) {
        const struct godwit_sigblock *block = &inspection->check.signatures[i];
        if (!block->reason && !godwit_policy_trusts(policy, block->key_digest))
            fact_print("", "not listed: %s, signed this file", hex(block->key_digest, 32, text));
    }
    for (size_t i = 0; i < policy->deploy_keys_count; i++)
        fact_print("", "deploy key %s…", hex(policy->deploy_keys[i], 8, text));
    if (policy->deploy_keys_count == 0)
        fact_print("", "no deploy key: instructions are taken unsigned, over TLS");
}

static void print_boards(uint32_t mask)
{
    char list[3 * 32 + 1] = "";
    size_t at = 0;
    for (unsigned board = 0; board < 32; board++)
        if (mask >> board & 1)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%u", at ? "," : "", board);
    fact_print("", "board revisions: %s", mask ? list : "any");
}

void policy_print(const struct inspection *inspection)
{
    const struct godwit_policy *policy = &inspection->check.policy;
    if (!inspection->check.has_policy) {
        fact_print("policy", "no policy%s",
                   inspection->place == POLICY_PLACE_EMPTY ? "; placeholder at 0x120" : "");
        return;
    }
    print_product(inspection);
    fact_print("",
               "release counter %" PRIu32 ", rollback floor %" PRIu32
               ": nothing below that may follow",
               policy->counter, policy->rollback_floor);
    print_threshold(policy);
    print_keys(inspection);
    print_boards(policy->hardware_mask);
    for (size_t bit = 0; policy_flag_name(bit); bit++)
        if (policy->flags >> bit & 1)
            fact_print("", "%s (%s)", policy_flag_sentence(bit), policy_flag_name(bit));
}
