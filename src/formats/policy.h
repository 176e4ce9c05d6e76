/* P1, the trust policy: 328 bytes inside an image at 0x120 under the image's own signature, or the
 * same bytes as the initial policy of an agent's build. Fixed size, little-endian, no options.
 *
 *   0 magic "GWP1"   4 version u8 = 1   5 threshold u8   6 image keys u8 ≤ 5   7 deploy keys u8 ≤ 2
 *   8 product id 16  24 hardware mask u32  28 release counter u32  32 rollback floor u32  36 flags
 * u32 40 image-key digests 5 × 32            200 deploy public keys 2 × 64 (P-256, X‖Y big-endian)
 */
#pragma once

#include "base/crypto.h"
#include "formats/reason.h"

#define GODWIT_ORG "default" /* the organisation that is there from the start */
#define GODWIT_POLICY_BYTES 328
#define GODWIT_POLICY_IMAGE_KEYS_MAX 5
#define GODWIT_POLICY_DEPLOY_KEYS_MAX 2

enum godwit_policy_flag {
    GODWIT_POLICY_REQUIRE_INSTRUCTION = 1,
    GODWIT_POLICY_ALLOW_PLAIN_HAWKBIT = 2,
    GODWIT_POLICY_REQUIRE_SECURE_BOOT = 4,
    GODWIT_POLICY_ALLOW_LAN_PUSH = 8,
    GODWIT_POLICY_TRUST_RESET = 16,
    GODWIT_POLICY_OPEN = 32, /* initial policies only: no image signature asked */
};

/* From product_id to deploy_keys the members lie as bytes 8 to 327 do, see instruction.h. */
struct godwit_policy {
    uint8_t product_id[16];
    uint32_t hardware_mask, counter, rollback_floor, flags;
    uint8_t image_keys[GODWIT_POLICY_IMAGE_KEYS_MAX][32];
    uint8_t deploy_keys[GODWIT_POLICY_DEPLOY_KEYS_MAX][64];
    uint8_t threshold, image_keys_count, deploy_keys_count;
    bool is_initial; /* as it was decoded; stands in no byte */
};

/* FORMAT: magic, version, counts over their maximum, unknown flags, threshold over the key count,
 * unused key space not zero, rollback floor over counter; 0 keys or threshold 0 unless is_initial
 * and OPEN. */
GODWIT_MUST_USE godwit_err godwit_policy_decode(const uint8_t data[static GODWIT_POLICY_BYTES],
                                                bool is_initial, struct godwit_policy *out);
void godwit_policy_encode(const struct godwit_policy *policy,
                          uint8_t data_out[static GODWIT_POLICY_BYTES]);
/* Whether the bytes start with P1's magic. */
bool godwit_policy_is_present(const uint8_t data[static 4]);
bool godwit_policy_trusts(const struct godwit_policy *policy, const uint8_t key_digest[static 32]);
/* First 16 bytes of SHA-256("godwit-product:" + org + "/" + name). */
GODWIT_MUST_USE godwit_err godwit_product_id(const char *org, const char *name,
                                             uint8_t id_out[static 16]);
