/* The server a device test talks to: as strict as the real one about tokens, ranges and digests,
 * and nothing of its own where the product has code. Test code: what can not go wrong here aborts.
 */
#include "peer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "formats/image.h"

#define CLAIM_TOKEN "gw1.peer.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define IMAGE_PATH "/v1/image/"
#define INTERVAL_S 60

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "peer: %s failed\n", what);
    abort();
}

/* ---- what is offered ---- */

void peer_init(struct peer *peer, const struct key *image_key)
{
    struct godwit_policy policy = {.flags = GODWIT_POLICY_REQUIRE_INSTRUCTION};
    struct godwit_public_key public;
    *peer = (struct peer){.sequence = 1000};
    peer->deploy_key = key_generate(GODWIT_SCHEME_ECDSA256);
    must(peer->deploy_key, "making a deploy key");
    key_public(peer->deploy_key, &public);
    memcpy(policy.deploy_keys[0], public.point, 64);
    policy.deploy_keys_count = 1;
    must(!godwit_product_id("default", PEER_PRODUCT, policy.product_id), "product id");
    policy.hardware_mask = UINT32_MAX;
    if (image_key) {
        policy.threshold = policy.image_keys_count = 1;
        must(!key_digest(image_key, policy.image_keys[0]), "key digest");
    } else {
        policy.flags |= GODWIT_POLICY_OPEN;
    }
    godwit_policy_encode(&policy, peer->seed);
}

struct godwit_policy peer_policy(const struct peer *peer)
{
    struct godwit_policy policy;
    must(!godwit_policy_decode(peer->seed, true, &policy), "reading the initial policy");
    return policy;
}

void peer_set_seed(struct peer *peer, const struct godwit_policy *policy)
{
    godwit_policy_encode(policy, peer->seed);
}

void peer_deinit(struct peer *peer)
{
    key_close(peer->deploy_key);
    peer->deploy_key = NULL;
}

const uint8_t *peer_seed(const struct peer *peer)
{
    return peer->seed;
}

const char *peer_claim_token(void)
{
    return CLAIM_TOKEN;
}

void peer_offer(struct peer *peer, const uint8_t *file, size_t size, uint32_t rollout_id)
{
    static const struct godwit_image_expect anything = {0};
    struct godwit_image image;
    struct godwit_policy policy;
    struct godwit_hash hash;
    godwit_image_init_any(&image, &anything, NULL);
    (void)!godwit_sink_write(&image.sink, file, size); /* a test may offer a bad file */
    (void)!godwit_sink_finish(&image.sink);
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, file, size);
    must(!godwit_hash_peek(&hash, peer->file_sha256), "hashing the file");
    memcpy(peer->image_sha256, image.info.image_sha256, 32);
    peer->file = file;
    peer->file_size = size;
    peer->chip_id = image.info.chip_id;
    peer->secure_version = image.info.secure_version;
    peer->counter = 0;
    if (image.info.has_policy && !godwit_policy_decode(image.info.policy, false, &policy))
        peer->counter = policy.counter;
    peer->rollout_id = rollout_id;
    peer->is_confirmed = peer->gave_up = false;
}

/* ---- check-in ---- */

static void note_outcome(struct peer *peer, const struct godwit_checkin *checkin)
{
    const struct godwit_outcome *outcome = &checkin->outcome;
    if (outcome->id == 0 || outcome->id == peer->outcome_id) return;
    peer->outcome_id = outcome->id;
    peer->outcome = *outcome;
    peer->outcomes++;
    if (outcome->rollout_id != peer->rollout_id) return;
    if (outcome->stage != GODWIT_STAGE_CONFIRMED) peer->gave_up = true;
}

static bool wants_install(const struct peer *peer, const struct godwit_checkin *checkin)
{
    if (!peer->file || peer->is_confirmed) return false;
    if (peer->gave_up && !peer->offers_always) return false;
    return !peer->withdraws || memcmp(checkin->staged_file_sha256, peer->file_sha256, 32) != 0;
}

void peer_sign(struct peer *peer, uint8_t instruction[static GODWIT_INSTRUCTION_SIZE])
{
    uint8_t digest[32], *signature = instruction + GODWIT_INSTRUCTION_BODY_SIZE;
    size_t size;
    must(!godwit_instruction_digest(instruction, digest), "instruction digest");
    must(!key_sign(peer->deploy_key, digest, 32, signature, &size), "signing an instruction");
}

static void write_instruction(struct peer *peer, const struct godwit_checkin *checkin,
                              uint8_t out[static GODWIT_INSTRUCTION_SIZE])
{
    struct godwit_instruction instruction = {.flags = GODWIT_INSTRUCTION_NO_UPDATE,
                                             .sequence = ++peer->sequence,
                                             .server_time_ms = peer->sequence,
                                             .valid_s = 3600};
    memcpy(instruction.device_id, checkin->device_id, sizeof instruction.device_id);
    memcpy(instruction.nonce, checkin->nonce, sizeof instruction.nonce);
    memcpy(instruction.next_ca, peer->next_ca, sizeof instruction.next_ca);
    must(!godwit_product_id("default", PEER_PRODUCT, instruction.product_id), "product id");
    if (wants_install(peer, checkin)) {
        peer->offers++;
        instruction.flags = GODWIT_INSTRUCTION_INSTALL;
        if (peer->allow_downgrade) instruction.flags |= GODWIT_INSTRUCTION_ALLOW_DOWNGRADE;
        if (peer->force_now) instruction.flags |= GODWIT_INSTRUCTION_FORCE_NOW;
        instruction.file_size = (uint32_t)peer->file_size;
        memcpy(instruction.file_sha256, peer->file_sha256, 32);
        instruction.counter = peer->counter;
        instruction.secure_version = peer->secure_version;
        instruction.chip_id = peer->chip_id;
        instruction.rollout_id = peer->rollout_id;
    }
    godwit_instruction_encode(&instruction, out);
    peer_sign(peer, out);
    if (peer->tamper) peer->tamper(peer, out);
}

/* The first request by the next token voids the one before. */
static bool bearer_is_token(struct peer *peer, const char *bearer)
{
    char hex[65], next[65];
    godwit_hex_encode(peer->token, 32, hex);
    godwit_hex_encode(peer->next_token, 32, next);
    if (!peer->is_enrolled || !bearer) return false;
    if (strcmp(bearer, next) || godwit_all(peer->next_token, 32, 0)) return !strcmp(bearer, hex);
    memcpy(peer->token, peer->next_token, 32);
    memset(peer->next_token, 0, 32);
    peer->rotates = false;
    peer->rotations++;
    return true;
}

/* A claim with another token than the first waits for a person; so does the real server. */
static bool enroll(struct peer *peer, const struct godwit_checkin *checkin)
{
    peer->claims++;
    if (!peer->is_enrolled) memcpy(peer->token, checkin->token, 32);
    peer->is_enrolled = true;
    return !memcmp(peer->token, checkin->token, 32);
}

/* In a check-in by the present token: the one that comes next. */
static void note_token(struct peer *peer, const struct godwit_checkin *checkin)
{
    if (checkin->has_token && memcmp(checkin->token, peer->token, 32))
        memcpy(peer->next_token, checkin->token, 32);
}

static int reply_checkin(struct peer *peer, const struct godwit_request *request)
{
    struct godwit_checkin checkin;
    struct godwit_checkin_reply reply = {.interval_s = INTERVAL_S};
    bool is_claim = request->bearer && !strcmp(request->bearer, CLAIM_TOKEN);
    if (godwit_checkin_decode(request->body, request->body_size, &checkin)) return 400;
    if (is_claim && !checkin.has_token) return 400;
    if (!is_claim && !bearer_is_token(peer, request->bearer)) return 401;
    if (!is_claim) note_token(peer, &checkin);
    reply.rotate = peer->rotates;
    reply.pending = is_claim && !enroll(peer, &checkin);
    if (!reply.pending) {
        peer->checkins++;
        note_outcome(peer, &checkin);
        if (peer->file && !checkin.on_trial &&
            !memcmp(checkin.image_sha256, peer->image_sha256, 32))
            peer->is_confirmed = true;
        if (!peer->is_deaf) reply.outcome_id = checkin.outcome.id;
        reply.has_instruction = true;
        memcpy(reply.sources, peer->sources, sizeof reply.sources);
        memcpy(reply.next_ca, peer->next_ca, sizeof reply.next_ca);
        write_instruction(peer, &checkin, reply.instruction);
        peer->last = checkin;
    }
    must(!godwit_checkin_reply_encode(&reply, peer->reply, sizeof peer->reply, &peer->body_size),
         "writing a reply");
    peer->body = (const uint8_t *)peer->reply;
    peer->body_size -= peer->is_garbled;
    return 200;
}

/* ---- image ---- */

static int reply_image(struct peer *peer, const struct godwit_request *request)
{
    char hex[65];
    peer->image_requests++;
    must(!request->base || !request->bearer, "keeping the token from a mirror");
    if (!request->base && !bearer_is_token(peer, request->bearer)) return 401;
    godwit_hex_encode(peer->file_sha256, 32, hex);
    const char *name = request->path + (request->base ? 1 : strlen(IMAGE_PATH));
    if (!peer->file || strcmp(name, hex) != 0) return 409;
    peer->body = peer->file;
    peer->body_size = peer->file_size;
    if (!request->use_range || (request->if_range && strcmp(request->if_range, hex) != 0))
        return 200;
    if (request->range_from >= peer->file_size) return 416;
    peer->body += request->range_from;
    peer->body_size -= request->range_from;
    peer->response.range_from = request->range_from;
    peer->response.range_total = (uint32_t)peer->file_size;
    return 206;
}

/* ---- the net port ---- */

static int response(struct peer *peer, const struct godwit_request *request)
{
    bool is_image = request->base || !strncmp(request->path, IMAGE_PATH, strlen(IMAGE_PATH));
    if (peer->status) return peer->status;
    if (is_image && peer->image_status) return peer->image_status;
    if (is_image) return reply_image(peer, request);
    if (!strcmp(request->path, "/v1/checkin") && request->body) return reply_checkin(peer, request);
    return 404;
}

static godwit_err peer_start(void *ctx, const struct godwit_request *request)
{
    struct peer *peer = ctx;
    assert(!peer->is_open); /* one request at a time */
    if (peer->is_silent) return GODWIT_ERR_NET;
    peer->is_open = true;
    peer->is_queued_device = true;
    peer->response = (struct godwit_reply){0};
    peer->body = NULL;
    peer->body_size = peer->body_at = 0;
    peer->response.status = response(peer, request);
    if (peer->response.status != 200 && peer->response.status != 206) peer->body_size = 0;
    peer->response.content_length = (uint32_t)peer->body_size;
    peer->response.by_next_ca = peer->by_next_ca;
    return GODWIT_OK;
}

static godwit_err peer_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                            struct godwit_reply *reply_out)
{
    struct peer *peer = ctx;
    *size_out = 0;
    if (!peer->is_open) return GODWIT_ERR_NET;
    if (peer->is_queued_device) { /* as on a real network, nothing is there at first */
        peer->is_queued_device = false;
        return GODWIT_OK;
    }
    *reply_out = peer->response;
    size_t left = peer->body_size - peer->body_at;
    if (!left) return GODWIT_ERR_END;
    *size_out = left < size_max ? left : size_max;
    memcpy(data, peer->body + peer->body_at, *size_out);
    peer->body_at += *size_out;
    return GODWIT_OK;
}

static void peer_close(void *ctx)
{
    struct peer *peer = ctx;
    peer->is_open = false;
}

static void peer_trust(void *ctx, const uint8_t ca_sha256[2][32])
{
    struct peer *peer = ctx;
    memcpy(peer->trusted, ca_sha256, sizeof peer->trusted);
    peer->trusts++;
}

struct godwit_net peer_port(struct peer *peer)
{
    return (struct godwit_net){.ctx = peer,
                               .start = peer_start,
                               .read = peer_read,
                               .close = peer_close,
                               .trust = peer_trust};
}
