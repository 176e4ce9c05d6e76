/* Keys, releases and the bytes of files. Releases are the maker's one build with another policy,
 * version and chip written in and signed anew, so a real board's own image can be the template. */
#include "sim/attack_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/crc.h"
#include "emu/pack.h"

#define PROJECT "thermostat"
#define TEMPLATE_SIZE 20480u
#define VERSION_AT (GODWIT_APP_DESC_OFFSET + 16)
#define SECURE_VERSION_AT (GODWIT_APP_DESC_OFFSET + 4)
#define CHIP_AT 12
#define CRC_AT 1196

void attack_must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "godwit-attack: %s failed\n", what);
    abort();
}

/* ---- files ---- */

void attack_file_free(struct attack_file *file)
{
    free(file->data);
    *file = (struct attack_file){0};
}

/* Where the image's checksum byte stands; 0: nowhere that its segment table leads to. */
static size_t checksum_at(const struct attack_file *file)
{
    size_t at = GODWIT_IMAGE_HEADER_SIZE;
    for (uint8_t i = 0; i < file->data[1]; i++) {
        if (at + 8 > file->size) return 0;
        at += 8 + (size_t)godwit_load32(file->data + at + 4);
    }
    at |= 15;
    return at + 1 + GODWIT_SHA256_SIZE <= file->size ? at : 0;
}

void attack_file_repair(struct attack_file *file)
{
    size_t end = checksum_at(file), at = GODWIT_IMAGE_HEADER_SIZE;
    if (!end) return;
    uint8_t checksum = 0xEF;
    for (uint8_t i = 0; i < file->data[1]; i++) {
        size_t size = godwit_load32(file->data + at + 4);
        at += 8;
        for (size_t k = 0; k < size; k++)
            checksum ^= file->data[at + k];
        at += size;
    }
    file->data[end] = checksum;
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, file->data, end + 1);
    attack_must(!godwit_hash_peek(&hash, file->data + end + 1), "hashing");
}

static void hash_bytes(enum godwit_hash_kind kind, const uint8_t *data, size_t size, uint8_t *out)
{
    struct godwit_hash hash;
    godwit_hash_init(&hash, kind);
    godwit_hash_update(&hash, data, size);
    attack_must(!godwit_hash_peek(&hash, out), "hashing");
}

void attack_file_restate(struct attack_file *file)
{
    hash_bytes(GODWIT_SHA256, file->data, file->size, file->file_sha256);
    size_t end = file->size > GODWIT_IMAGE_HEADER_SIZE ? checksum_at(file) : 0;
    memset(file->image_sha256, 0, 32);
    if (end) memcpy(file->image_sha256, file->data + end + 1, 32);
    if (end) file->body_size = (end + GODWIT_SHA256_SIZE + 4096) / 4096 * 4096;
}

uint8_t *attack_file_block(struct attack_file *file, size_t index)
{
    return file->data + file->body_size + index * GODWIT_SIGBLOCK_SIZE;
}

void attack_block_close(uint8_t *block)
{
    godwit_store32(block + CRC_AT, godwit_crc32(0, block, CRC_AT));
}

void attack_file_sign(const struct attack_fixture *fixture, struct attack_file *file, size_t index,
                      enum attack_key key)
{
    uint8_t sha256[32], sha384[48], signature[384], *block = attack_file_block(file, index);
    struct godwit_body_digests digests = {sha256, sha384};
    struct godwit_public_key public_key;
    size_t size = 0;
    hash_bytes(GODWIT_SHA256, file->data, file->body_size, sha256);
    hash_bytes(GODWIT_SHA384, file->data, file->body_size, sha384);
    key_public(fixture->keys[key], &public_key);
    bool is_384 = public_key.scheme == GODWIT_SCHEME_ECDSA384;
    attack_must(!godwit_sigblock_begin(block, &public_key, &digests) &&
                    !key_sign(fixture->keys[key], is_384 ? sha384 : sha256, is_384 ? 48 : 32,
                              signature, &size) &&
                    !godwit_sigblock_commit(block, signature, size),
                "signing");
}

struct attack_file attack_file_make(const struct attack_fixture *fixture,
                                    const struct attack_recipe *recipe)
{
    size_t body_size = (fixture->template_size + 4095) / 4096 * 4096;
    size_t size = recipe->signers ? body_size + GODWIT_SIGSECTOR_SIZE : fixture->template_size;
    struct attack_file file = {.data = malloc(size), .size = size, .body_size = body_size};
    const struct godwit_chip *chip = recipe->chip ? recipe->chip : fixture->chip;
    attack_must(file.data != NULL, "finding memory");
    memset(file.data, 0xFF, size);
    memcpy(file.data, fixture->template, fixture->template_size);
    memset(file.data + VERSION_AT, 0, 32);
    memcpy(file.data + VERSION_AT, recipe->version, strlen(recipe->version));
    memcpy(file.version, recipe->version, sizeof file.version);
    godwit_store32(file.data + SECURE_VERSION_AT, recipe->secure_version);
    godwit_store16(file.data + CHIP_AT, chip->id);
    if (recipe->has_policy) godwit_policy_encode(&recipe->policy, file.data + GODWIT_POLICY_OFFSET);
    attack_file_repair(&file);
    for (size_t key = 0, index = 0; key < KEYS_COUNT; key++)
        if (recipe->signers & KEY_BIT(key))
            attack_file_sign(fixture, &file, index++, (enum attack_key)key);
    attack_file_restate(&file);
    file.counter = recipe->has_policy ? recipe->policy.counter : 0;
    file.secure_version = recipe->secure_version;
    file.chip_id = chip->id;
    memcpy(file.product_id, fixture->product_id, 16);
    return file;
}

/* ---- policies ---- */

static void add_image_key(const struct attack_fixture *fixture, struct godwit_policy *policy,
                          enum attack_key key)
{
    memcpy(policy->image_keys[policy->image_keys_count++], fixture->digests[key], 32);
}

static void add_deploy_key(const struct attack_fixture *fixture, struct godwit_policy *policy,
                           enum attack_key key)
{
    memcpy(policy->deploy_keys[policy->deploy_keys_count++], fixture->points[key], 64);
}

void attack_base_recipe(const struct attack_fixture *fixture, enum attack_base base,
                        struct attack_recipe *recipe_out)
{
    struct attack_recipe *recipe = recipe_out;
    struct godwit_policy *policy = &recipe->policy;
    *recipe = (struct attack_recipe){
        .version = "1.0.0", .has_policy = base != BASE_BASIC, .signers = KEY_BIT(KEY_FIRST)};
    policy->threshold = base == BASE_TWO ? 2 : 1;
    policy->flags = GODWIT_POLICY_REQUIRE_INSTRUCTION;
    policy->counter = ATTACK_COUNTER;
    policy->rollback_floor = base == BASE_RSA ? 0 : ATTACK_ROLLBACK_FLOOR;
    memcpy(policy->product_id, fixture->product_id, 16);
    if (base == BASE_RSA) {
        add_image_key(fixture, policy, KEY_RSA);
        add_image_key(fixture, policy, KEY_P384);
        recipe->signers = KEY_BIT(KEY_RSA);
    } else {
        add_image_key(fixture, policy, KEY_FIRST);
        add_image_key(fixture, policy, KEY_SECOND);
    }
    if (base == BASE_TWO) {
        add_image_key(fixture, policy, KEY_THIRD);
        recipe->signers |= KEY_BIT(KEY_SECOND);
    }
    add_deploy_key(fixture, policy, KEY_DEPLOY);
    add_deploy_key(fixture, policy, KEY_DEPLOY_NEXT);
}

/* The agent's build is older than the release: it lists keys that the release no longer does. */
static void make_initial_policy(struct attack_fixture *fixture, enum attack_base base)
{
    struct godwit_policy policy = {.threshold = 1, .flags = GODWIT_POLICY_REQUIRE_INSTRUCTION};
    memcpy(policy.product_id, fixture->product_id, 16);
    add_image_key(fixture, &policy, base == BASE_RSA ? KEY_RSA : KEY_FIRST);
    add_image_key(fixture, &policy, KEY_RETIRED);
    add_deploy_key(fixture, &policy, KEY_DEPLOY);
    add_deploy_key(fixture, &policy, KEY_DEPLOY_RETIRED);
    godwit_policy_encode(&policy, fixture->initial_policies[base]);
}

/* ---- the world ---- */

static enum godwit_scheme scheme_of(size_t key)
{
    if (key == KEY_RSA || key == KEY_THIEF_RSA) return GODWIT_SCHEME_RSA3072;
    if (key == KEY_P384 || key == KEY_THIEF_P384) return GODWIT_SCHEME_ECDSA384;
    return GODWIT_SCHEME_ECDSA256;
}

static bool make_keys(struct attack_fixture *fixture)
{
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        struct godwit_public_key public_key;
        fixture->keys[i] = key_generate(scheme_of(i));
        if (!fixture->keys[i] || key_digest(fixture->keys[i], fixture->digests[i])) return false;
        key_public(fixture->keys[i], &public_key);
        memcpy(fixture->points[i], public_key.point, 64);
    }
    return true;
}

/* The maker's build must be one that policy and version can be written into. */
static bool look_at_template(struct attack_fixture *fixture)
{
    const struct godwit_image_expect any = {0};
    struct godwit_image image;
    godwit_image_init_any(&image, &any, NULL);
    bool is_good = !godwit_sink_write(&image.sink, fixture->template, fixture->template_size) &&
                   !godwit_sink_finish(&image.sink) && !image.is_signed_size &&
                   image.info.has_description;
    if (!is_good) {
        snprintf(fixture->note, sizeof fixture->note, "the image is not a sound unsigned one: %s",
                 image.reason ? godwit_reason_sentence(image.reason) : "it is signed already");
        return false;
    }
    const uint8_t *room = fixture->template + GODWIT_POLICY_OFFSET;
    if (!image.info.has_policy && !godwit_all(room, GODWIT_POLICY_SIZE, 0)) {
        snprintf(fixture->note, sizeof fixture->note,
                 "the image has no room for a policy at 0x120; build it with the placeholder");
        return false;
    }
    fixture->chip = godwit_chip_by_id(image.info.chip_id);
    return fixture->chip != NULL;
}

bool attack_fixture_open(struct attack_fixture *fixture, const uint8_t *template,
                         size_t template_size)
{
    *fixture = (struct attack_fixture){
        .claim_token = "gw1.attack.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    if (template) {
        fixture->template = malloc(template_size);
        attack_must(fixture->template != NULL, "finding memory");
        memcpy(fixture->template, template, template_size);
        fixture->template_size = template_size;
    } else {
        const struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                             .project = PROJECT,
                                             .version = "0",
                                             .size = TEMPLATE_SIZE};
        attack_must(!pack_image(&options, &fixture->template, &fixture->template_size), "packing");
    }
    if (!look_at_template(fixture)) return false;
    if (!make_keys(fixture) || godwit_product_id("default", PROJECT, fixture->product_id)) {
        snprintf(fixture->note, sizeof fixture->note, "making keys failed");
        return false;
    }
    for (int base = 0; base < BASES_COUNT; base++)
        make_initial_policy(fixture, (enum attack_base)base);
    return true;
}

void attack_fixture_close(struct attack_fixture *fixture)
{
    for (size_t i = 0; i < KEYS_COUNT; i++)
        if (fixture->keys[i]) key_close(fixture->keys[i]);
    for (size_t i = 0; i < BASES_COUNT; i++)
        if (fixture->bases[i].is_made) flash_ram_deinit(&fixture->bases[i].ram);
    free(fixture->template);
    *fixture = (struct attack_fixture){0};
}
