/* I1, the deploy instruction: 192 bytes and a 64-byte ECDSA P-256 signature over
 * "GODWIT-DEPLOY-v1" ‖ the 192 bytes. Bound to one device and one request by the nonce.
 * Little-endian; offsets in docs/FORMATS.md; bytes without a meaning are zero and checked. */
#pragma once

#include "base/crypto.h"
#include "formats/policy.h"

#define GODWIT_INSTRUCTION_BODY_SIZE 192
#define GODWIT_INSTRUCTION_SIZE 256

enum godwit_instruction_flag {
    GODWIT_INSTRUCTION_NO_UPDATE = 1,
    GODWIT_INSTRUCTION_INSTALL = 2,
    GODWIT_INSTRUCTION_ALLOW_DOWNGRADE = 4,
    GODWIT_INSTRUCTION_DELTA = 8,
    GODWIT_INSTRUCTION_FORCE_NOW = 16,
};

/* From device_id to next_ca the members lie as bytes 8 to 191 do, so that one copy reads or
 * writes them all (every machine that Godwit runs on is little-endian; instruction.c asserts
 * it). */
struct godwit_instruction {
    uint8_t device_id[16]; /* factory MAC in 0–5, zero behind */
    uint8_t nonce[16];
    uint64_t sequence;
    uint64_t server_time_ms;
    uint32_t valid_s;
    uint32_t file_size; /* bytes */
    uint8_t file_sha256[32];
    uint32_t counter; /* release counter */
    uint32_t secure_version;
    uint16_t chip_id;
    uint16_t zero;
    uint8_t product_id[16];
    uint32_t delta_base_counter;
    uint8_t patch_sha256[32];
    uint32_t patch_size; /* bytes */
    uint32_t rollout_id;
    uint8_t checkpoint[16];
    uint8_t next_ca[8]; /* first bytes of the reply's next_ca; zero: none */
    uint8_t flags;
};

/* Body only; bytes 192–255 are left alone (the signature is the server's, keys/). */
void godwit_instruction_encode(const struct godwit_instruction *instruction,
                               uint8_t data_out[static GODWIT_INSTRUCTION_BODY_SIZE]);
/* Magic, version, length, known flags (exactly one of stay and install), zero at 106. */
GODWIT_MUST_USE godwit_err godwit_instruction_decode(
    const uint8_t data[static GODWIT_INSTRUCTION_BODY_SIZE], struct godwit_instruction *out);
/* The digest that is signed: SHA-256("GODWIT-DEPLOY-v1" ‖ body). */
GODWIT_MUST_USE godwit_err godwit_instruction_digest(
    const uint8_t data[static GODWIT_INSTRUCTION_BODY_SIZE], uint8_t digest_out[static 32]);
/* By any of the policy's deploy keys; key_index_out says which (sequences are per key).
 * A policy without deploy keys accepts only 64 zero bytes, with key_index_out 0. TRUST when bad. */
GODWIT_MUST_USE godwit_err
godwit_instruction_verify(const uint8_t data[static GODWIT_INSTRUCTION_SIZE],
                          const struct godwit_policy *policy, uint32_t *key_index_out);
