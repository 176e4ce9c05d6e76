/* What device_native.c and upload.c do around the fleet, less HTTP. */
#include "rotate_server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "emu/pack.h"
#include "fleet/claim.h"
#include "fleet/schema.h"
#include "formats/image.h"
#include "server/device_token.h"
#include "temp_dir.h"

#define CLAIM "ZHJpbGxkcmlsbGRyaWxsZHJpbGxkcmlsbGRyaWxsZHI"
#define CLAIM_PREFIX "gw1."
#define FILE_SIZE 8192u /* of the image; a signature sector comes behind */

void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "rotate: %s failed\n", what);
    abort();
}

static int64_t now_s(const struct drill_server *server)
{
    return DRILL_START_S + (int64_t)(server->now_ms / 1000);
}

static uint64_t unix_ms(const struct drill_server *server)
{
    return DRILL_START_S * UINT64_C(1000) + server->now_ms;
}

/* ---- transactions ---- */

static void begin(struct drill_server *server)
{
    must(!db_begin(server->db), "begin");
    fleet_transaction_begun(&server->fleet);
}

static void commit(struct drill_server *server)
{
    if (fleet_sequence_is_low(&server->fleet, unix_ms(server)))
        must(!fleet_raise_sequence(&server->fleet, server->db, unix_ms(server)), "sequence");
    must(!db_commit(server->db), "commit");
    fleet_committed(&server->fleet);
}

static void take_keys(struct drill_server *server)
{
    server->fleet.catalogue.deploy_keys_count = server->keys.count;
    memcpy(server->fleet.catalogue.deploy_keys, server->keys.points, sizeof server->keys.points);
}

void drill_server_open(struct drill_server *server)
{
    char note[600] = "";
    *server = (struct drill_server){0};
    temp_dir_make(server->folder);
    must(!db_open(":memory:", false, &server->db, note, sizeof note), note);
    must(!db_migrate(server->db, SCHEMA, SCHEMA_COUNT), "schema");
    fleet_init(&server->fleet);
    must(!fleet_load(&server->fleet, server->db), "loading");
    must(!deploy_keys_open(server->folder, true, &server->keys, note, sizeof note), note);
    take_keys(server);
}

void drill_server_close(struct drill_server *server)
{
    for (size_t i = 0; i < server->files_count; i++)
        free(server->files[i].data);
    fleet_deinit(&server->fleet);
    deploy_keys_close(&server->keys);
    db_close(server->db);
    temp_dir_drop(server->folder);
}

void drill_server_restart(struct drill_server *server)
{
    char note[600] = "";
    bool more = true;
    begin(server);
    while (more)
        must(!device_flush(&server->fleet, server->db, 1000, &more), "flush");
    commit(server);
    fleet_deinit(&server->fleet);
    fleet_init(&server->fleet);
    must(!fleet_load(&server->fleet, server->db), "loading");
    deploy_keys_close(&server->keys);
    must(!deploy_keys_open(server->folder, false, &server->keys, note, sizeof note), note);
    take_keys(server);
}

/* ---- releases ---- */

void drill_server_seed(const struct drill_server *server, const struct key *key,
                       uint8_t out[static GODWIT_POLICY_BYTES])
{
    struct godwit_policy seed = {
        .threshold = 1, .image_keys_count = 1, .deploy_keys_count = 1, .hardware_mask = UINT32_MAX};
    must(!godwit_product_id(FLEET_ORG, DRILL_PRODUCT, seed.product_id), "product id");
    must(!key_digest(key, seed.image_keys[0]), "key digest");
    memcpy(seed.deploy_keys[0], server->keys.points[0], 64);
    godwit_policy_encode(&seed, out);
}

static void make_policy(const struct drill_release *release, struct godwit_policy *out)
{
    *out = (struct godwit_policy){
        .threshold = 1, .counter = release->counter, .hardware_mask = UINT32_MAX};
    must(!godwit_product_id(FLEET_ORG, DRILL_PRODUCT, out->product_id), "product id");
    for (size_t i = 0; i < 2 && release->lists[i]; i++)
        must(!key_digest(release->lists[i], out->image_keys[out->image_keys_count++]),
             "key digest");
    for (size_t i = 0; i < 2 && release->deploy_keys[i]; i++)
        memcpy(out->deploy_keys[out->deploy_keys_count++], release->deploy_keys[i], 64);
}

/* What an upload finds out. */
static void describe(struct drill_file *file, const struct drill_release *release,
                     const struct godwit_policy *policy)
{
    static const struct godwit_image_expect anything = {0};
    static struct godwit_image image;
    struct upload *upload = &file->upload;
    struct image_trust *trust = &upload->image.trust;
    godwit_image_init_any(&image, &anything, NULL);
    must(!godwit_sink_write(&image.sink, file->data, file->size) &&
             !godwit_sink_finish(&image.sink),
         "reading an image");
    upload->org = FLEET_ORG;
    upload->product = DRILL_PRODUCT;
    snprintf(upload->version, sizeof upload->version, "%s", release->version);
    upload->counter = release->counter;
    upload->image.chip_id = image.info.chip_id;
    upload->image.revision_max = image.info.revision_max;
    upload->image.hardware_mask = policy->hardware_mask;
    upload->image.file_size = (uint32_t)file->size;
    memcpy(upload->image.image_sha256, image.info.image_sha256, 32);
    memcpy(upload->image.file_sha256, image.file_sha256, 32);
    trust->is_known = trust->has_policy = true;
    trust->policy = *policy;
    for (size_t i = 0; i < 2 && release->by[i]; i++)
        must(!key_digest(release->by[i], trust->keys[trust->keys_count++]), "key digest");
}

const struct drill_file *drill_file_make(struct drill_server *server,
                                         const struct drill_release *release)
{
    struct drill_file *file = &server->files[server->files_count++];
    struct godwit_policy policy;
    uint8_t bytes[GODWIT_POLICY_BYTES];
    const struct pack_options options = {.chip = godwit_chip_by_name(DRILL_CHIP),
                                         .project = DRILL_PRODUCT,
                                         .version = release->version,
                                         .size = FILE_SIZE,
                                         .seed = release->counter,
                                         .policy = bytes};
    must(server->files_count <= DRILL_FILES_MAX, "room for a file");
    make_policy(release, &policy);
    godwit_policy_encode(&policy, bytes);
    must(!pack_image(&options, &file->data, &file->size), "packing");
    for (size_t i = 0; i < 2 && release->by[i]; i++) {
        uint8_t *plain = file->data;
        enum godwit_reason reason;
        must(!image_sign(release->by[i], plain, file->size, &file->data, &file->size, &reason),
             "signing");
        free(plain);
    }
    describe(file, release, &policy);
    return file;
}

void drill_server_upload(struct drill_server *server, const struct drill_file *file)
{
    struct upload_verdict verdict;
    begin(server);
    must(!release_add(&server->fleet, server->db, &file->upload, now_s(server), &verdict),
         "adding a release");
    commit(server);
    must(verdict.result == UPLOAD_ADDED, godwit_reason_id(verdict.reason));
}

void drill_server_deploy(struct drill_server *server, const char *version)
{
    uint32_t rollout;
    const struct rollout_request wanted = {
        .release = release_find(&server->fleet.catalogue, FLEET_ORG, DRILL_PRODUCT, version)};
    must(wanted.release, "finding a release");
    begin(server);
    must(!rollout_create(&server->fleet, server->db, &wanted, now_s(server), &rollout),
         "a rollout");
    commit(server);
}

void drill_server_claims(struct drill_server *server, uint32_t count)
{
    uint8_t digest[32];
    secret_sha256(CLAIM, strlen(CLAIM), digest);
    begin(server);
    const struct claim_terms terms = {
        .product = product_find(&server->fleet.catalogue, FLEET_ORG, DRILL_PRODUCT),
        .count_max = count};
    bool is_full;
    must(!claim_create(&server->fleet, server->db, &terms, digest, now_s(server), &is_full),
         "a claim");
    commit(server);
}

const char *drill_claim_token(void)
{
    return CLAIM_PREFIX CLAIM ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
}

/* ---- requests ---- */

static struct device *device_of(struct drill_server *server, const char *bearer)
{
    uint8_t digest[32];
    if (!bearer || device_token_digest(bearer, digest)) return NULL;
    return device_find_by_token(&server->fleet, digest);
}

static struct device *enrol(struct drill_server *server, const struct godwit_checkin *checkin)
{
    uint8_t claim[32], token[32];
    enum claim_result result;
    struct device *device = NULL;
    if (!checkin->has_token) return NULL;
    secret_sha256(CLAIM, strlen(CLAIM), claim);
    secret_sha256(checkin->token, sizeof checkin->token, token);
    begin(server);
    const struct claim_request wanted = {claim, token, checkin};
    must(!device_claim(&server->fleet, server->db, &wanted, now_s(server), &result, &device),
         "enrolling");
    if (device)
        must(!device_record(&server->fleet, server->db, device, checkin, now_s(server)),
             "a journal");
    commit(server);
    return device;
}

static void play_attack(const struct drill_server *server, struct godwit_instruction *out)
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

static void compose(struct drill_server *server, struct device *device,
                    const struct godwit_checkin *checkin, struct godwit_checkin_reply *reply)
{
    struct device_reply device_reply;
    if (fleet_sequence_is_low(&server->fleet, unix_ms(server))) {
        begin(server);
        commit(server);
    }
    must(device_reply_compose(&server->fleet, device, checkin, unix_ms(server), &device_reply),
         "a reply");
    bool is_done = checkin->outcome.rollout_id == UINT32_MAX;
    if (server->attack && !is_done && !checkin->on_trial)
        play_attack(server, &device_reply.instruction);
    server->installs += (device_reply.instruction.flags & GODWIT_INSTRUCTION_INSTALL) != 0;
    server->bridges += device_reply.reason == DECISION_BRIDGE;
    must(!deploy_keys_sign(&server->keys, &device_reply, reply->instruction), "signing a reply");
}

int drill_server_checkin(struct drill_server *server, const char *bearer, const char *body,
                         size_t body_size, char *reply_out, size_t *size_out)
{
    static struct godwit_checkin checkin;
    struct godwit_checkin_reply reply = {.interval_s = DRILL_INTERVAL_S, .has_instruction = true};
    if (godwit_checkin_decode(body, body_size, &checkin)) return 400;
    bool is_claim = bearer && !strncmp(bearer, CLAIM_PREFIX, strlen(CLAIM_PREFIX));
    struct device *device = is_claim ? enrol(server, &checkin) : device_of(server, bearer);
    if (!device || memcmp(device->device_id, checkin.device_id, 16)) return 401;
    server->checkins++;
    if (device_take(&server->fleet, device, &checkin, now_s(server))) {
        begin(server);
        must(!device_record(&server->fleet, server->db, device, &checkin, now_s(server)),
             "a journal");
        commit(server);
    }
    compose(server, device, &checkin, &reply);
    reply.outcome_id = checkin.outcome.id;
    must(!godwit_checkin_reply_encode(&reply, reply_out, GODWIT_CHECKIN_REPLY_MAX, size_out),
         "writing a reply");
    return 200;
}

int drill_server_image(struct drill_server *server, const char *bearer, const char *hex,
                       const struct drill_file **file_out)
{
    uint8_t digest[32];
    const struct device *device = device_of(server, bearer);
    if (!device) return 401;
    if (godwit_hex_decode(hex, strlen(hex), digest, sizeof digest)) return 404;
    for (size_t i = 0; i < server->files_count; i++) {
        const struct drill_file *file = &server->files[i];
        if (memcmp(file->upload.image.file_sha256, digest, 32)) continue;
        *file_out = file;
        if (file == server->attack) return 200;
        return device_may_download(&server->fleet, device, digest) ? 200 : 409;
    }
    return 404;
}
