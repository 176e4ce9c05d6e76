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

struct fixture {
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
static inline const struct key *fixture_key(int index)
{
    static struct key *keys[3];
    if (!keys[index]) keys[index] = key_generate(GODWIT_SCHEME_ECDSA256);
    assert_non_null(keys[index]);
    return keys[index];
}

static inline struct pack_options fixture_pack(const char *version)
{
    return (struct pack_options){.chip = godwit_chip_by_name("esp32c3"),
                                 .project = PEER_PRODUCT,
                                 .version = version,
                                 .size = IMAGE_SIZE - 4096,
                                 .seed = (uint64_t)version[0] << 8 | (uint8_t)version[2]};
}

static inline struct file fixture_image(const struct pack_options *options)
{
    struct file file;
    assert_int_equal(pack_image(options, &file.data, &file.size), GODWIT_OK);
    return file;
}

/* Adds a signature; the unsigned bytes are freed. */
static inline struct file fixture_sign(struct file file, int key_index)
{
    struct file out;
    enum godwit_reason reason;
    assert_int_equal(
        image_sign(fixture_key(key_index), file.data, file.size, &out.data, &out.size, &reason),
        GODWIT_OK);
    free(file.data);
    return out;
}

static inline struct file fixture_file(const char *version, enum behaviour_kind kind,
                                       uint32_t delay_s)
{
    struct pack_options options = fixture_pack(version);
    options.behaviour = (struct behaviour){kind, delay_s};
    return fixture_sign(fixture_image(&options), 0);
}

static inline void fixture_init(struct fixture *fixture, const struct key *trusted)
{
    memset(fixture, 0, sizeof *fixture);
    assert_int_equal(flash_ram_init(&fixture->ram, FLASH_SIZE, 4, NULL), GODWIT_OK);
    fixture->flash = flash_ram_port(&fixture->ram);
    fixture->first = fixture_file("1.0.0", BEHAVIOUR_HEALTHY, 0);
    const struct board_layout layout = {.slot_size = SLOT_SIZE};
    assert_int_equal(board_provision(&fixture->flash, godwit_chip_by_name("esp32c3"), &layout,
                                     fixture->first.data, fixture->first.size),
                     GODWIT_OK);
    peer_init(&fixture->peer, trusted);
    struct godwit_net net = peer_port(&fixture->peer);
    link_init(&fixture->link, &net);
    fixture->options = (struct board_options){
        .flash = &fixture->flash,
        .net = link_port(&fixture->link),
        .bootloader = {.chip = godwit_chip_by_name("esp32c3"),
                       .check_revision = true,
                       .revision = 3,
                       .has_rollback = true},
        .mac = {0x7c, 0xdf, 0xa1, 0, 0, 1},
        .initial_policy = peer_seed(&fixture->peer),
        .claim_token = peer_claim_token(),
        .random_seed = 7,
    };
}

/* The same, whatever the bytes are: our signer refuses what no chip would boot. */
static inline struct file fixture_sign_any(struct file file, int key_index)
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
    key_public(fixture_key(key_index), &public);
    struct godwit_body_digests digests = {digest, NULL};
    assert_int_equal(godwit_sigblock_begin(out.data + body_size, &public, &digests), GODWIT_OK);
    assert_int_equal(key_sign(fixture_key(key_index), digest, 32, signature, &size), GODWIT_OK);
    assert_int_equal(godwit_sigblock_commit(out.data + body_size, signature, size), GODWIT_OK);
    free(file.data);
    return out;
}

/* A signed image that carries the policy. */
static inline struct file fixture_file_with(const char *version, const struct godwit_policy *policy)
{
    uint8_t bytes[GODWIT_POLICY_BYTES];
    struct pack_options options = fixture_pack(version);
    godwit_policy_encode(policy, bytes);
    options.policy = bytes;
    return fixture_sign(fixture_image(&options), 0);
}

/* The initial policy as a P1 of a release. */
static inline struct godwit_policy fixture_policy(const struct fixture *fixture, uint32_t counter)
{
    struct godwit_policy policy = peer_policy(&fixture->peer);
    policy.counter = counter;
    return policy;
}

/* Before fixture_start: the device comes with this file, which the world frees, instead of 1.0.0.
 */
static inline void fixture_comes_with(struct fixture *fixture, struct file file)
{
    free(fixture->first.data);
    fixture->first = file;
    assert_int_equal(flash_put(&fixture->flash, 0x20000, file.data, file.size), GODWIT_OK);
}

static inline void fixture_start(struct fixture *fixture)
{
    board_init(&fixture->board, &fixture->options);
    board_power_on(&fixture->board, GODWIT_RESET_POWER_ON);
}

/* A trusted, claimed device that has checked in once. */
static inline void fixture_begin(struct fixture *fixture)
{
    fixture_init(fixture, fixture_key(0));
    fixture_start(fixture);
}

static inline void fixture_end(struct fixture *fixture)
{
    assert_int_equal(fixture->ram.violations, 0);
    peer_deinit(&fixture->peer);
    flash_ram_deinit(&fixture->ram);
    free(fixture->first.data);
}

/* Steps until done says so; false: it did not within the time. */
typedef bool fixture_done(const struct fixture *fixture);
static inline bool fixture_run(struct fixture *fixture, fixture_done *done, uint32_t seconds)
{
    uint64_t end_ms = fixture->now_ms + (uint64_t)seconds * 1000;
    while (fixture->now_ms <= end_ms) {
        if (done && done(fixture)) return true;
        uint64_t next_ms = board_step(&fixture->board, fixture->now_ms);
        if (next_ms > end_ms) break;
        if (next_ms > fixture->now_ms) fixture->now_ms = next_ms;
    }
    fixture->now_ms = end_ms;
    return done && done(fixture);
}

static inline bool done_confirmed(const struct fixture *fixture)
{
    return fixture->peer.is_confirmed;
}

static inline bool done_outcome(const struct fixture *fixture)
{
    return fixture->peer.outcomes > 0;
}

static inline struct godwit_agent_status fixture_status(const struct fixture *fixture)
{
    struct godwit_agent_status status;
    board_status(&fixture->board, &status);
    return status;
}

static inline bool done_checked_in(const struct fixture *fixture)
{
    return fixture->peer.checkins > 0 && fixture_status(fixture).state == GODWIT_STATE_IDLE;
}

static inline bool done_fetching(const struct fixture *fixture)
{
    return fixture_status(fixture).state == GODWIT_STATE_FETCH &&
           fixture_status(fixture).progress > 0;
}

static inline bool done_verifying(const struct fixture *fixture)
{
    return fixture_status(fixture).state == GODWIT_STATE_VERIFY;
}

static inline bool done_on_trial(const struct fixture *fixture)
{
    return fixture_status(fixture).state == GODWIT_STATE_TRIAL;
}

static inline void fixture_power_cycle(struct fixture *fixture)
{
    board_power_off(&fixture->board);
    board_power_on(&fixture->board, GODWIT_RESET_POWER_ON);
}

/* The deploy key's signature anew, after a test has changed the body. */
static inline void fixture_sign_instruction(struct peer *peer, uint8_t *data)
{
    uint8_t digest[32];
    size_t size;
    assert_int_equal(godwit_instruction_digest(data, digest), GODWIT_OK);
    assert_int_equal(key_sign(peer->deploy_key, digest, 32, data + 192, &size), GODWIT_OK);
}
