/* A table of what is packed and who signs it; policies and forgeries are put in afterwards. */
#include "nth_files.h"

#include <stdlib.h>

#include "base/crc.h"
#include "formats/policy.h"
#include "formats/sigblock.h"

#define SMALL (3u * 4096)
#define BIG (64u * 1024 + 3 * 4096) /* more than one block of the download */

struct key *nth_keys[KEYS_COUNT];
struct firmware nth_files[FILES_COUNT];

static const enum godwit_scheme SCHEMES[KEYS_COUNT] = {
    GODWIT_SCHEME_ECDSA256, GODWIT_SCHEME_RSA3072, GODWIT_SCHEME_ECDSA384, GODWIT_SCHEME_ECDSA256,
    GODWIT_SCHEME_ECDSA256};

struct recipe {
    enum file_id id;
    const char *version;
    uint32_t size;
    struct behaviour behaviour;
    unsigned signers; /* a bit for each key */
    uint32_t counter; /* 0: no policy; else it lists two keys … */
    enum key_id listed[2];
};

#define BY(key) (1u << KEY_##key)
static const struct recipe RECIPES[] = {
    {FILE_FIRST, "1.0.0", SMALL, {BEHAVIOUR_HEALTHY, 0}, BY(P256), 0, {0}},
    {FILE_NEXT, "2.0.0", SMALL, {BEHAVIOUR_HEALTHY, 0}, BY(P256), 0, {0}},
    {FILE_BIG, "2.1.0", BIG, {BEHAVIOUR_HEALTHY, 0}, BY(P256), 0, {0}},
    {FILE_RSA, "2.2.0", SMALL, {BEHAVIOUR_HEALTHY, 0}, BY(RSA), 0, {0}},
    {FILE_P384, "2.3.0", SMALL, {BEHAVIOUR_HEALTHY, 0}, BY(P384), 0, {0}},
    {FILE_TWO, "2.4.0", SMALL, {BEHAVIOUR_HEALTHY, 0}, BY(RSA) | BY(P384), 0, {0}},
    {FILE_P1, "3.0.0", SMALL, {BEHAVIOUR_HEALTHY, 0}, BY(P256), 1, {KEY_P256, KEY_P384}},
    {FILE_P2, "3.1.0", SMALL, {BEHAVIOUR_HEALTHY, 0}, BY(P384), 2, {KEY_P384, KEY_RSA}},
    {FILE_PANIC, "4.0.0", SMALL, {BEHAVIOUR_CRASH_AFTER_STEP, 0}, BY(P256), 0, {0}},
    {FILE_CONFIG, "4.1.0", SMALL, {BEHAVIOUR_WRONG_CONFIG, 1}, BY(P256), 0, {0}},
    {FILE_SILENT, "4.2.0", SMALL, {BEHAVIOUR_NO_NETWORK, 0}, BY(P256), 0, {0}},
    {FILE_CRASHING, "4.3.0", SMALL, {BEHAVIOUR_CRASH_AFTER_CONFIRM, 60}, BY(P256), 0, {0}},
    {FILE_UNSIGNED, "6.6.1", SMALL, {BEHAVIOUR_HEALTHY, 0}, 0, 0, {0}},
    {FILE_UNKNOWN, "6.6.2", SMALL, {BEHAVIOUR_HEALTHY, 0}, BY(UNKNOWN), 0, {0}},
    {FILE_FLIPPED, "6.6.3", SMALL, {BEHAVIOUR_HEALTHY, 0}, BY(P256), 0, {0}},
    {FILE_BENT, "6.6.5", SMALL, {BEHAVIOUR_HEALTHY, 0}, BY(P256), 0, {0}},
    {FILE_OLD_KEY, "6.6.6", SMALL, {BEHAVIOUR_HEALTHY, 0}, BY(P256), 3, {KEY_P256, KEY_P384}},
    {FILE_TWICE, "6.6.4", SMALL, {BEHAVIOUR_HEALTHY, 0}, BY(P256), 0, {0}},
};

static bool sign(struct firmware *file, const struct key *key)
{
    struct firmware out;
    enum godwit_reason reason;
    if (image_sign(key, file->data, file->size, &out.data, &out.size, &reason)) return false;
    free(file->data);
    *file = out;
    return true;
}

static bool put_policy(struct firmware *file, const struct recipe *recipe)
{
    struct godwit_policy policy = {.threshold = 1,
                                   .image_keys_count = 2,
                                   .deploy_keys_count = 1,
                                   .counter = recipe->counter,
                                   .rollback_floor = recipe->counter - 1};
    struct godwit_public_key public;
    uint8_t bytes[GODWIT_POLICY_BYTES];
    enum godwit_reason reason;
    key_public(nth_keys[KEY_DEPLOY], &public);
    memcpy(policy.deploy_keys[0], public.point, 64);
    if (godwit_product_id(GODWIT_ORG, PEER_PRODUCT, policy.product_id)) return false;
    for (size_t i = 0; i < 2; i++)
        if (key_digest(nth_keys[recipe->listed[i]], policy.image_keys[i])) return false;
    godwit_policy_encode(&policy, bytes);
    return !image_put_policy(bytes, file->data, file->size, &reason);
}

static bool make(const struct recipe *recipe)
{
    struct firmware *file = &nth_files[recipe->id];
    *file = firmware_make(recipe->version, recipe->behaviour, recipe->size, NULL);
    if (recipe->counter && !put_policy(file, recipe)) return false;
    for (unsigned key = 0; key < KEYS_COUNT; key++)
        if (recipe->signers >> key & 1 && !sign(file, nth_keys[key])) return false;
    return true;
}

static uint8_t *sector_of(const struct firmware *file)
{
    return file->data + file->size - GODWIT_SECTOR_SIZE;
}

/* Our signer would not make these; an attacker does. */
static bool forge(void)
{
    struct firmware *padded = &nth_files[FILE_UNSIGNED];
    uint8_t *whole = realloc(padded->data, padded->size + GODWIT_SECTOR_SIZE);
    if (!whole) return false;
    memset(whole + padded->size, 0xFF, GODWIT_SECTOR_SIZE);
    *padded = (struct firmware){whole, padded->size + GODWIT_SECTOR_SIZE};
    /* sound in itself, and by a key that is trusted, but of another file */
    memcpy(sector_of(&nth_files[FILE_FLIPPED]), sector_of(&nth_files[FILE_NEXT]),
           GODWIT_SECTOR_SIZE);
    uint8_t *sector = sector_of(&nth_files[FILE_TWICE]);
    memcpy(sector + GODWIT_SIGBLOCK_SIZE, sector, GODWIT_SIGBLOCK_SIZE);
    sector = sector_of(&nth_files[FILE_BENT]);
    sector[110] ^= 1;
    godwit_store32(sector + 1196, godwit_crc32(0, sector, 1196));
    return true;
}

bool nth_files_make(void)
{
    for (size_t i = 0; i < KEYS_COUNT; i++)
        if (!(nth_keys[i] = key_generate(SCHEMES[i]))) return false;
    for (size_t i = 0; i < sizeof RECIPES / sizeof *RECIPES; i++)
        if (!make(&RECIPES[i])) return false;
    return forge();
}

void nth_files_drop(void)
{
    for (size_t i = 0; i < FILES_COUNT; i++)
        free(nth_files[i].data);
    for (size_t i = 0; i < KEYS_COUNT; i++)
        key_close(nth_keys[i]);
}
