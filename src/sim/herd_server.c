/* What device_native.c, content.c and app.c do around the fleet, less HTTP and threads: each call
 * is done when it returns, so the lock of the fleet is never contended. */
#include "sim/herd_server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "fleet/claim.h"
#include "fleet/identity.h"
#include "fleet/listing.h"
#include "fleet/prune.h"
#include "fleet/schema.h"
#include "fleet/silence.h"
#include "server/device_token.h"

#define CLAIM "ZHJpbGxkcmlsbGRyaWxsZHJpbGxkcmlsbGRyaWxsZHI"
#define CLAIM_PREFIX "gw1."
enum { PIECE = 1000 }; /* rows of one pass of the writer */

void herd_must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "herd: %s failed\n", what);
    abort();
}

int64_t herd_now_s(const struct herd_server *server)
{
    return HERD_START_S + (int64_t)(server->now_ms / 1000);
}

static uint64_t unix_ms(const struct herd_server *server)
{
    return HERD_START_S * UINT64_C(1000) + server->now_ms;
}

/* ---- transactions ---- */

void herd_server_begin(struct herd_server *server)
{
    herd_must(!db_begin(server->db), "begin");
    fleet_transaction_begun(&server->fleet);
}

void herd_server_commit(struct herd_server *server)
{
    if (fleet_sequence_is_low(&server->fleet, unix_ms(server)))
        herd_must(!fleet_raise_sequence(&server->fleet, server->db, unix_ms(server)), "sequence");
    herd_must(!listing_commit(&server->fleet, server->db), "counts");
    herd_must(!db_commit(server->db), "commit");
    fleet_committed(&server->fleet);
}

/* ---- open, close, restart ---- */

static void load(struct herd_server *server, bool may_make)
{
    char note[600] = "";
    fleet_init(&server->fleet);
    herd_must(!fleet_load(&server->fleet, server->db), "loading");
    herd_must(!deploy_keys_open(server->folder, may_make, &server->keys, note, sizeof note), note);
    struct catalogue *catalogue = &server->fleet.catalogue;
    catalogue->deploy_keys_count = server->keys.count;
    memcpy(catalogue->deploy_keys, server->keys.points, sizeof server->keys.points);
    catalogue->now_s = herd_now_s(server);
}

void herd_server_open(struct herd_server *server, const char *folder, uint32_t interval_s)
{
    char note[600] = "";
    *server = (struct herd_server){.folder = folder, .interval_s = interval_s};
    herd_must(!db_open(":memory:", false, &server->db, note, sizeof note), note);
    herd_must(!db_migrate(server->db, SCHEMA, SCHEMA_COUNT), "schema");
    load(server, true);
}

void herd_server_close(struct herd_server *server)
{
    for (size_t i = 0; i < server->files_count; i++)
        free(server->files[i].data);
    fleet_deinit(&server->fleet);
    deploy_keys_close(&server->keys);
    db_close(server->db);
}

static void flush(struct herd_server *server)
{
    bool more = true;
    herd_server_begin(server);
    while (more)
        herd_must(!device_flush(&server->fleet, server->db, PIECE, &more), "flush");
    herd_server_commit(server);
}

void herd_server_restart(struct herd_server *server, bool is_killed)
{
    if (!is_killed) flush(server);
    fleet_deinit(&server->fleet);
    deploy_keys_close(&server->keys);
    load(server, false);
}

/* ---- the tick ---- */

static void step_rollouts(struct herd_server *server)
{
    bool is_open;
    struct rollout *rollout = server->fleet.catalogue.rollouts;
    for (; rollout; rollout = rollout->next)
        herd_must(!rollout_step(&server->fleet, server->db, rollout, herd_now_s(server), &is_open),
                  "a gate");
}

void herd_server_tick(struct herd_server *server)
{
    struct fleet *fleet = &server->fleet;
    int64_t now_s = herd_now_s(server);
    bool has_any, more;
    fleet->catalogue.now_s = now_s;
    silence_find(fleet, server->interval_s, now_s);
    herd_server_begin(server);
    herd_must(!silence_record(fleet, server->db, server->interval_s, now_s, &has_any), "silence");
    herd_must(!device_flush(fleet, server->db, PIECE, &more), "flush");
    herd_must(!rollout_note_incompatible(fleet, server->db, PIECE, now_s, &more), "notes");
    if (rollouts_are_unpruned(fleet))
        herd_must(!rollouts_prune(fleet, server->db, PIECE, &more), "pruning");
    step_rollouts(server);
    herd_server_commit(server);
}

/* ---- joining ---- */

void herd_server_claims(struct herd_server *server, uint32_t count)
{
    uint8_t digest[32];
    secret_sha256(CLAIM, strlen(CLAIM), digest);
    herd_server_begin(server);
    const struct claim_terms terms = {
        .product = product_find(&server->fleet.catalogue, FLEET_ORG, HERD_PRODUCT),
        .count_max = count};
    bool is_full;
    herd_must(
        !claim_create(&server->fleet, server->db, &terms, digest, herd_now_s(server), &is_full),
        "a claim");
    herd_server_commit(server);
}

const char *herd_claim_token(void)
{
    return CLAIM_PREFIX CLAIM ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
}

static struct device *enrol(struct herd_server *server, const struct godwit_checkin *checkin)
{
    uint8_t claim[32], token[32];
    enum claim_result result;
    struct device *device = NULL;
    if (!checkin->has_token) return NULL;
    secret_sha256(CLAIM, strlen(CLAIM), claim);
    secret_sha256(checkin->token, sizeof checkin->token, token);
    herd_server_begin(server);
    const struct claim_request wanted = {claim, token, checkin};
    herd_must(
        !device_claim(&server->fleet, server->db, &wanted, herd_now_s(server), &result, &device),
        "enrolling");
    if (device)
        herd_must(!device_record(&server->fleet, server->db, device, checkin, herd_now_s(server)),
                  "a journal");
    herd_server_commit(server);
    return device;
}

/* ---- requests ---- */

static struct device *device_of(struct herd_server *server, const char *bearer)
{
    uint8_t digest[32];
    if (!bearer || device_token_digest(bearer, digest)) return NULL;
    return device_find_by_token(&server->fleet, digest);
}

static void play_attack(const struct herd_server *server, struct godwit_instruction *out)
{
    const struct image *image = &server->attack->upload.image;
    out->flags = GODWIT_INSTRUCTION_INSTALL;
    out->file_size = image->file_size;
    memcpy(out->file_sha256, image->file_sha256, 32);
    out->counter = server->attack->upload.counter;
    out->secure_version = image->secure_version;
    out->chip_id = image->chip_id;
    out->rollout_id = UINT32_MAX;
}

static void compose(struct herd_server *server, struct device *device,
                    const struct godwit_checkin *checkin, struct device_reply *out)
{
    if (fleet_sequence_is_low(&server->fleet, unix_ms(server))) {
        herd_server_begin(server);
        herd_server_commit(server);
    }
    herd_must(device_reply_compose(&server->fleet, device, checkin, unix_ms(server), out),
              "a reply");
    bool is_done = checkin->outcome.rollout_id == UINT32_MAX;
    if (server->attack && !is_done && !checkin->on_trial) play_attack(server, &out->instruction);
}

static struct herd_answer answer(struct herd_server *server, struct device *device,
                                 const struct godwit_checkin *checkin, char *reply_out)
{
    struct device_reply device_reply;
    struct herd_answer answer = {.status = 200};
    struct godwit_checkin_reply reply = {.interval_s = server->interval_s,
                                         .outcome_id = checkin->outcome.id,
                                         .has_instruction = true};
    uint32_t due_s = proof_due_s(device, herd_now_s(server));
    if (due_s && due_s < reply.interval_s) reply.interval_s = due_s;
    compose(server, device, checkin, &device_reply);
    bool installs = device_reply.instruction.flags & GODWIT_INSTRUCTION_INSTALL;
    if (installs) answer.file = herd_file_find(server, device_reply.instruction.file_sha256);
    answer.reason = device_reply.reason;
    answer.rollout_id = device_reply.rollout_id;
    server->installs += installs;
    server->bridges += device_reply.reason == DECISION_BRIDGE;
    herd_must(!deploy_keys_sign(&server->keys, &device_reply, reply.instruction),
              "signing a reply");
    herd_must(
        !godwit_checkin_reply_encode(&reply, reply_out, GODWIT_CHECKIN_REPLY_MAX, &answer.size),
        "writing a reply");
    return answer;
}

/* What is new is recorded before it is answered. False: it reports too much. */
static bool take(struct herd_server *server, struct device *device,
                 const struct godwit_checkin *checkin)
{
    int64_t now_s = herd_now_s(server);
    bool is_fork = identity_watch(device, checkin, now_s);
    enum take_result taken = device_take(&server->fleet, device, checkin, now_s);
    if (taken == TAKE_TOO_MANY) return false;
    if (taken == TAKE_DONE && !is_fork) return true;
    herd_server_begin(server);
    herd_must(!device_record(&server->fleet, server->db, device, checkin, now_s), "a journal");
    herd_server_commit(server);
    return true;
}

struct herd_answer herd_server_checkin(struct herd_server *server, const char *bearer,
                                       const struct godwit_checkin *checkin, char *reply_out)
{
    bool is_claim = bearer && !strncmp(bearer, CLAIM_PREFIX, strlen(CLAIM_PREFIX));
    struct device *device = is_claim ? enrol(server, checkin) : device_of(server, bearer);
    if (!device || memcmp(device->device_id, checkin->device_id, 16))
        return (struct herd_answer){.status = 401};
    server->checkins++;
    if (!take(server, device, checkin)) return (struct herd_answer){.status = 429};
    return answer(server, device, checkin, reply_out);
}

int herd_server_image(struct herd_server *server, const char *bearer, const char *hex,
                      const struct herd_file **file_out)
{
    uint8_t digest[32];
    struct device *device = device_of(server, bearer);
    if (!device) return 401;
    device_is_seen(&server->fleet, device, herd_now_s(server));
    if (godwit_hex_decode(hex, strlen(hex), digest, sizeof digest)) return 404;
    const struct herd_file *file = herd_file_find(server, digest);
    if (!file) return 404;
    *file_out = file;
    if (file == server->attack) return 200;
    return device_may_download(&server->fleet, device, digest) ? 200 : 409;
}
