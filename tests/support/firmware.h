/* Images of a make-believe product, packed and signed: what devices under test run and are offered.
 * Aborts where a test could only give up. */
#pragma once

#include "emu/pack.h"
#include "formats/policy.h"
#include "keys/keys.h"

#define FIRMWARE_SIZE 0x11000u /* more than one block of the download */

struct firmware {
    uint8_t *data;
    size_t size;
};

/* A file of `size` bytes, signature sector included; the caller frees data. key NULL: unsigned. */
struct firmware firmware_make(const char *version, struct behaviour behaviour, uint32_t size,
                              const struct key *key);
/* The same with a policy block inside; NULL: none. */
struct firmware firmware_make_ruled(const char *version, struct behaviour behaviour, uint32_t size,
                                    const struct key *key, const struct godwit_policy *policy);

/* Keys 0 … 2 of the run: made once, for making them takes the time. */
#define FIRMWARE_KEYS 3
const struct key *firmware_key(int index);
/* FIRMWARE_SIZE bytes that key 0 signs; the second with a policy, and healthy. */
struct firmware firmware_signed(const char *version, enum behaviour_kind kind, uint32_t delay_s);
struct firmware firmware_ruled(const char *version, const struct godwit_policy *policy);

/* The same in steps, for a test that changes something between them. Options of an image that has
 * FIRMWARE_SIZE bytes when it is signed; the image; its signature, for which the image is freed. */
struct pack_options firmware_options(const char *version);
struct firmware firmware_pack(const struct pack_options *options);
struct firmware firmware_sign(struct firmware file, int key_index);
/* Signs whatever the bytes are: our signer refuses what no chip would boot. */
struct firmware firmware_sign_any(struct firmware file, int key_index);
