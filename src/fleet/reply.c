/* One device, one request, one reply: the nonce binds it. */
#include "fleet/reply.h"

#include "fleet/device.h"
#include "fleet/fit.h"
#include "fleet/identity.h"
#include "fleet/upgrade_path.h"

#define VALID_S 3600

static void note_decision(struct device_reply *reply, struct device *device,
                          const struct decision *decision)
{
    reply->is_news = device_is_news(device, decision);
    reply->reason = decision->reason;
    reply->rollout_id = decision->rollout ? decision->rollout->id : 0;
}

/* A device that obeys none of ours is answered by the newest; it will say that it does not. */
static int key_for(const struct device *device, const struct fleet *fleet)
{
    int key = upgrade_deploy_key(device, &fleet->catalogue);
    if (key == UPGRADE_KEY_UNSIGNED) return -1;
    return key < 0 ? 0 : key;
}

/* A device keeps an image that failed on it in quarantine too; the person who offers it again says
 * so to the device as well. */
static void order_install(struct godwit_instruction *out, const struct device *device,
                          const struct decision *decision)
{
    const struct image *image = decision->image;
    out->flags = GODWIT_INSTRUCTION_INSTALL;
    bool goes_back = decision->reason == DECISION_UNDO;
    const struct member *member = device_member(device, decision->rollout);
    if (rollout_is_again(decision->rollout, member) && fit_failed_before(device, image))
        out->flags |= GODWIT_INSTRUCTION_FORCE_NOW;
    if (decision->rollout->allow_downgrade || goes_back)
        out->flags |= GODWIT_INSTRUCTION_ALLOW_DOWNGRADE;
    out->file_size = image->file_size;
    memcpy(out->file_sha256, image->file_sha256, 32);
    out->counter = image->release->counter;
    out->secure_version = image->secure_version;
    out->chip_id = image->chip_id;
    out->rollout_id = decision->rollout->id;
}

bool device_reply_compose(struct fleet *fleet, struct device *device,
                          const struct godwit_checkin *checkin, uint64_t now_ms,
                          struct device_reply *out)
{
    struct decision decision = decide(device, &fleet->catalogue);
    struct godwit_instruction *instruction = &out->instruction;
    *out = (struct device_reply){.deploy_key = key_for(device, fleet)};
    *instruction = (struct godwit_instruction){.flags = GODWIT_INSTRUCTION_NO_UPDATE,
                                               .server_time_ms = now_ms,
                                               .sequence = fleet_sequence(fleet, now_ms),
                                               .valid_s = VALID_S};
    memcpy(instruction->device_id, device->device_id, 16);
    memcpy(instruction->nonce, checkin->nonce, 16);
    memcpy(instruction->product_id, device->product->product_id, 16);
    if (instruction->sequence == 0) return false;
    note_decision(out, device, &decision);
    out->rotates = identity_is_asked(device);
    if (decision.kind == DECIDE_INSTALL) order_install(instruction, device, &decision);
    return true;
}
