/* The releases of a herd: made, signed, taken over by the server as an upload is; and what people
 * do with their rollouts. */
#include <stdio.h>
#include <stdlib.h>

#include "emu/pack.h"
#include "formats/image.h"
#include "sim/herd_server.h"

#define FILE_SIZE 8192u /* of the image; a signature sector comes behind */

void herd_server_policy(const struct herd_server *server, const struct key *key,
                        uint8_t out[static GODWIT_POLICY_BYTES])
{
    struct godwit_policy policy = {
        .threshold = 1, .image_keys_count = 1, .deploy_keys_count = 1, .hardware_mask = UINT32_MAX};
    herd_must(!godwit_product_id(FLEET_ORG, HERD_PRODUCT, policy.product_id), "product id");
    herd_must(!key_digest(key, policy.image_keys[0]), "key digest");
    memcpy(policy.deploy_keys[0], server->keys.points[0], 64);
    godwit_policy_encode(&policy, out);
}

static void make_policy(const struct herd_release *release, struct godwit_policy *out)
{
    uint32_t mask = release->hardware_mask;
    *out = (struct godwit_policy){.threshold = 1,
                                  .counter = release->counter,
                                  .rollback_floor = release->rollback_floor,
                                  .hardware_mask = mask ? mask : UINT32_MAX};
    herd_must(!godwit_product_id(FLEET_ORG, HERD_PRODUCT, out->product_id), "product id");
    for (size_t i = 0; i < 2 && release->lists[i]; i++)
        herd_must(!key_digest(release->lists[i], out->image_keys[out->image_keys_count++]),
                  "key digest");
    for (size_t i = 0; i < 2 && release->deploy_keys[i]; i++)
        memcpy(out->deploy_keys[out->deploy_keys_count++], release->deploy_keys[i], 64);
}

static void describe_signers(struct image_trust *trust, const struct herd_release *release)
{
    const struct key *believed[2] = {release->believed};
    const struct key *const *by = release->believed ? believed : release->by;
    for (size_t i = 0; i < 2 && by[i]; i++)
        herd_must(!key_digest(by[i], trust->keys[trust->keys_count++]), "key digest");
}

/* What an upload finds out. */
static void describe(struct herd_file *file, const struct herd_release *release,
                     const struct godwit_policy *policy)
{
    static const struct godwit_image_expect anything = {0};
    static struct godwit_image image;
    struct upload *upload = &file->upload;
    struct image_trust *trust = &upload->image.trust;
    godwit_image_init_any(&image, &anything, NULL);
    herd_must(!godwit_sink_write(&image.sink, file->data, file->size) &&
                  !godwit_sink_finish(&image.sink),
              "reading an image");
    upload->org = FLEET_ORG;
    upload->product = HERD_PRODUCT;
    snprintf(upload->version, sizeof upload->version, "%s", release->version);
    upload->counter = release->counter;
    upload->image.chip_id = image.info.chip_id;
    upload->image.secure_version = image.info.secure_version;
    upload->image.revision_max = image.info.revision_max;
    upload->image.hardware_mask = policy->hardware_mask;
    upload->image.file_size = (uint32_t)file->size;
    memcpy(upload->image.image_sha256, image.info.image_sha256, 32);
    memcpy(upload->image.file_sha256, image.file_sha256, 32);
    trust->is_known = trust->has_policy = true;
    trust->policy = *policy;
    describe_signers(trust, release);
}

static void sign(struct herd_file *file, const struct key *key)
{
    uint8_t *plain = file->data;
    enum godwit_reason reason;
    herd_must(!image_sign(key, plain, file->size, &file->data, &file->size, &reason), "signing");
    free(plain);
}

const struct herd_file *herd_file_make(struct herd_server *server,
                                       const struct herd_release *release)
{
    herd_must(server->files_count < HERD_FILES_MAX, "room for a file");
    struct herd_file *file = &server->files[server->files_count++];
    struct godwit_policy policy;
    uint8_t bytes[GODWIT_POLICY_BYTES];
    const struct pack_options options = {
        .chip = godwit_chip_by_name(release->chip ? release->chip : HERD_CHIP),
        .project = HERD_PRODUCT,
        .version = release->version,
        .size = FILE_SIZE,
        .secure_version = release->secure_version,
        .seed = release->counter,
        .behaviour = release->behaviour,
        .policy = bytes};
    make_policy(release, &policy);
    godwit_policy_encode(&policy, bytes);
    herd_must(!pack_image(&options, &file->data, &file->size), "packing");
    for (size_t i = 0; i < 2 && release->by[i]; i++)
        sign(file, release->by[i]);
    file->is_trusted = release->by[0] && !release->believed;
    describe(file, release, &policy);
    return file;
}

const struct herd_file *herd_file_find(const struct herd_server *server,
                                       const uint8_t sha256[static 32])
{
    for (size_t i = 0; i < server->files_count; i++)
        if (!memcmp(server->files[i].upload.image.file_sha256, sha256, 32))
            return &server->files[i];
    return NULL;
}

void herd_server_upload(struct herd_server *server, const struct herd_file *file)
{
    struct upload_verdict verdict;
    herd_server_begin(server);
    herd_must(!release_add(&server->fleet, server->db, &file->upload, herd_now_s(server), &verdict),
              "adding a release");
    herd_server_commit(server);
    herd_must(verdict.result == UPLOAD_ADDED, godwit_reason_id(verdict.reason));
}

uint32_t herd_server_deploy(struct herd_server *server, const char *version,
                            const struct proof_plan *plan)
{
    uint32_t rollout;
    const struct rollout_request wanted = {
        .release = release_find(&server->fleet.catalogue, FLEET_ORG, HERD_PRODUCT, version),
        .plan = *plan};
    herd_must(wanted.release, "finding a release");
    herd_server_begin(server);
    herd_must(!rollout_create(&server->fleet, server->db, &wanted, herd_now_s(server), &rollout),
              "a rollout");
    herd_server_commit(server);
    return rollout;
}

bool herd_server_set_state(struct herd_server *server, uint32_t rollout_id,
                           enum rollout_state state)
{
    struct rollout *rollout = rollout_find(&server->fleet.catalogue, rollout_id);
    herd_must(rollout, "finding a rollout");
    if (!rollout_may_become(rollout->state, state)) return false;
    herd_server_begin(server);
    herd_must(!rollout_set_state(&server->fleet, server->db, rollout, state, "somebody",
                                 herd_now_s(server)),
              "a rollout's state");
    herd_server_commit(server);
    return true;
}

uint32_t herd_server_retry(struct herd_server *server, uint32_t rollout_id)
{
    struct fleet *fleet = &server->fleet;
    struct rollout *rollout = rollout_find(&fleet->catalogue, rollout_id);
    herd_must(rollout, "finding a rollout");
    uint32_t count = rollout->failed_count;
    herd_server_begin(server);
    for (size_t i = 0; i < fleet->devices_count; i++)
        herd_must(!rollout_retry(fleet, server->db, rollout, fleet->devices[i]), "trying again");
    herd_server_commit(server);
    return count;
}
