/* One emulated ESP32 and its server in one process, with virtual time: what the agent's tests
 * share. The device starts on a signed "1.0.0" in ota_0 and has never spoken to the server. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "board/board.h"
#include "emu/pack.h"
#include "peer.h"

#define FLASH_SIZE (2u << 20)
#define SLOT_SIZE 0x40000u
#define IMAGE_SIZE 0x11000u /* more than one block of the download */

struct file {
    uint8_t *data;
    size_t size;
};

struct world {
    struct flash_ram ram;
    struct godwit_flash flash;
    struct peer peer;
    struct link link;
    struct board_options options;
    struct board board;
    struct file first;
    uint64_t now_ms;
};

/* Keys of the run: made once, signing is what takes the time. */
static inline const struct key *world_key(int index)
{
    static struct key *keys[3];
    if (!keys[index]) keys[index] = key_generate(GODWIT_SCHEME_ECDSA256);
    assert_non_null(keys[index]);
    return keys[index];
}

static inline struct pack_options world_pack(const char *version)
{
    return (struct pack_options){.chip = godwit_chip_by_name("esp32c3"),
                                 .project = PEER_PRODUCT,
                                 .version = version,
                                 .size = IMAGE_SIZE - 4096,
                                 .seed = (uint64_t)version[0] << 8 | (uint8_t)version[2]};
}

static inline struct file world_image(const struct pack_options *options)
{
    struct file file;
    assert_int_equal(pack_image(options, &file.data, &file.size), GODWIT_OK);
    return file;
}

/* Adds a signature; the unsigned bytes are freed. */
static inline struct file world_sign(struct file file, int key_index)
{
    struct file out;
    enum godwit_reason reason;
    assert_int_equal(
        image_sign(world_key(key_index), file.data, file.size, &out.data, &out.size, &reason),
        GODWIT_OK);
    free(file.data);
    return out;
}

static inline struct file world_file(const char *version, enum behaviour_kind kind,
                                     uint32_t delay_s)
{
    struct pack_options options = world_pack(version);
    options.behaviour = (struct behaviour){kind, delay_s};
    return world_sign(world_image(&options), 0);
}

static inline void world_init(struct world *world, const struct key *trusted)
{
    memset(world, 0, sizeof *world);
    assert_int_equal(flash_ram_init(&world->ram, FLASH_SIZE, 4, NULL), GODWIT_OK);
    world->flash = flash_ram_port(&world->ram);
    world->first = world_file("1.0.0", BEHAVIOUR_HEALTHY, 0);
    const struct board_layout layout = {.slot_size = SLOT_SIZE};
    assert_int_equal(board_provision(&world->flash, godwit_chip_by_name("esp32c3"), &layout,
                                     world->first.data, world->first.size),
                     GODWIT_OK);
    peer_init(&world->peer, trusted);
    struct godwit_net net = peer_port(&world->peer);
    link_init(&world->link, &net);
    world->options = (struct board_options){
        .flash = &world->flash,
        .net = link_port(&world->link),
        .bootloader = {.chip = godwit_chip_by_name("esp32c3"),
                       .check_revision = true,
                       .revision = 3,
                       .has_rollback = true},
        .mac = {0x7c, 0xdf, 0xa1, 0, 0, 1},
        .seed_policy = peer_seed(&world->peer),
        .claim_token = peer_claim_token(),
        .random_seed = 7,
    };
}

/* The same, whatever the bytes are: our signer refuses what no chip would boot. */
static inline struct file world_sign_any(struct file file, int key_index)
{
    size_t body_size = (file.size + 4095) / 4096 * 4096, size;
    struct file out = {malloc(body_size + GODWIT_SIGSECTOR_SIZE), body_size + 4096};
    struct godwit_public_key public;
    struct godwit_hash hash;
    uint8_t digest[32], signature[64];
    assert_non_null(out.data);
    memset(out.data, 0xFF, out.size);
    memcpy(out.data, file.data, file.size);
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, out.data, body_size);
    assert_int_equal(godwit_hash_peek(&hash, digest), GODWIT_OK);
    key_public(world_key(key_index), &public);
    struct godwit_body_digests digests = {digest, NULL};
    assert_int_equal(godwit_sigblock_begin(out.data + body_size, &public, &digests), GODWIT_OK);
    assert_int_equal(key_sign(world_key(key_index), digest, 32, signature, &size), GODWIT_OK);
    assert_int_equal(godwit_sigblock_commit(out.data + body_size, signature, size), GODWIT_OK);
    free(file.data);
    return out;
}

/* A signed image that carries the policy. */
static inline struct file world_file_with(const char *version, const struct godwit_policy *policy)
{
    uint8_t bytes[GODWIT_POLICY_BYTES];
    struct pack_options options = world_pack(version);
    godwit_policy_encode(policy, bytes);
    options.policy = bytes;
    return world_sign(world_image(&options), 0);
}

/* The seed policy as a P1 of a release. */
static inline struct godwit_policy world_policy(const struct world *world, uint32_t counter)
{
    struct godwit_policy policy = peer_policy(&world->peer);
    policy.counter = counter;
    return policy;
}

/* Before world_start: the device comes with this file, which the world frees, instead of 1.0.0. */
static inline void world_comes_with(struct world *world, struct file file)
{
    free(world->first.data);
    world->first = file;
    assert_int_equal(flash_put(&world->flash, 0x20000, file.data, file.size), GODWIT_OK);
}

static inline void world_start(struct world *world)
{
    board_init(&world->board, &world->options);
    board_power_on(&world->board, GODWIT_RESET_POWER_ON);
}

/* A trusted, claimed device that has checked in once. */
static inline void world_begin(struct world *world)
{
    world_init(world, world_key(0));
    world_start(world);
}

static inline void world_end(struct world *world)
{
    assert_int_equal(world->ram.violations, 0);
    peer_deinit(&world->peer);
    flash_ram_deinit(&world->ram);
    free(world->first.data);
}

/* Steps until done says so; false: it did not within the time. */
typedef bool world_done(const struct world *world);
static inline bool world_run(struct world *world, world_done *done, uint32_t seconds)
{
    uint64_t end_ms = world->now_ms + (uint64_t)seconds * 1000;
    while (world->now_ms <= end_ms) {
        if (done && done(world)) return true;
        uint64_t next_ms = board_step(&world->board, world->now_ms);
        if (next_ms > end_ms) break;
        if (next_ms > world->now_ms) world->now_ms = next_ms;
    }
    world->now_ms = end_ms;
    return done && done(world);
}

static inline bool done_confirmed(const struct world *world)
{
    return world->peer.is_confirmed;
}

static inline bool done_outcome(const struct world *world)
{
    return world->peer.outcomes > 0;
}

static inline struct godwit_agent_status world_status(const struct world *world)
{
    struct godwit_agent_status status;
    board_status(&world->board, &status);
    return status;
}

static inline bool done_checked_in(const struct world *world)
{
    return world->peer.checkins > 0 && world_status(world).state == GODWIT_IDLE;
}

static inline bool done_fetching(const struct world *world)
{
    return world_status(world).state == GODWIT_FETCH && world_status(world).progress > 0;
}

static inline bool done_verifying(const struct world *world)
{
    return world_status(world).state == GODWIT_VERIFY;
}

static inline bool done_on_trial(const struct world *world)
{
    return world_status(world).state == GODWIT_TRIAL;
}

static inline void world_power_cycle(struct world *world)
{
    board_power_off(&world->board);
    board_power_on(&world->board, GODWIT_RESET_POWER_ON);
}

/* The deploy key's signature anew, after a test has changed the body. */
static inline void world_sign_instruction(struct peer *peer, uint8_t *data)
{
    uint8_t digest[32];
    size_t size;
    assert_int_equal(godwit_instruction_digest(data, digest), GODWIT_OK);
    assert_int_equal(key_sign(peer->deploy_key, digest, 32, data + 192, &size), GODWIT_OK);
}
