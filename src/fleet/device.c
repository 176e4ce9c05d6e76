/* Devices: what they say is kept in memory.
 *
 * A check-in runs in two halves. device_take, on the event loop, keeps the soft facts and finds out
 * whether anything durable follows; mostly nothing does. Otherwise device_record, on the writer
 * (record.c), goes through the same check-in again. */
#include "fleet/device.h"

#include <stdlib.h>

#include "base/crc.h"
#include "fleet/control.h"
#include "fleet/identity.h"
#include "fleet/memory.h"
#include "fleet/proof.h"
#include "fleet/silence.h"

#define USUAL_GAP_MAX_S 86400
/* A trial boot without contact, ten minutes, and ten more in which the image before it reaches us:
 * who comes later had no line, and the release is not to blame. */
#define NO_CONTACT_S (2 * 600 + 300)

struct device *device_find(const struct fleet *fleet, const char *org,
                           const uint8_t device_id[static 16])
{
    const struct org *found = org_find(&fleet->catalogue, org);
    struct {
        uint32_t org;
        uint8_t device_id[16];
    } key = {.org = found ? found->number : 0};
    memcpy(key.device_id, device_id, sizeof key.device_id);
    return found ? index_find(&fleet->devices_by_id, (const uint8_t *)&key) : NULL;
}

struct device *device_with_token(const struct fleet *fleet, const uint8_t token_sha256[static 32])
{
    struct device *device = index_find(&fleet->devices_by_token, token_sha256);
    if (device && fleet_same_secret(device->token_sha256, token_sha256)) return device;
    return identity_find_next(fleet, token_sha256);
}

struct device *device_find_by_token(const struct fleet *fleet,
                                    const uint8_t token_sha256[static 32])
{
    struct device *device = device_with_token(fleet, token_sha256);
    return device && !device->is_retired ? device : NULL;
}

void device_is_reinstated(struct device *device)
{
    if (device->is_retired) device->product->devices_count++;
    device->is_retired = false;
}

/* ---- taking ---- */

/* An id alone does not tell outcomes apart: a device that lost its record counts from 1 again. */
bool device_is_new_outcome(const struct device *device, const struct godwit_outcome *outcome)
{
    const struct godwit_outcome *last = device->last_outcome;
    if (outcome->id == 0) return false;
    return outcome->id != last->id || outcome->stage != last->stage ||
           outcome->reason != last->reason || memcmp(outcome->file_sha256, last->file_sha256, 32);
}

bool device_is_new_image(const struct device *device)
{
    return !device->facts.on_trial &&
           memcmp(device->known_image, device->facts.running->image_sha256, 32);
}

uint32_t device_attributes_crc(const struct godwit_checkin *checkin)
{
    const char *text = checkin->attributes;
    return godwit_crc32(0, (const uint8_t *)text, strlen(text));
}

bool device_may_record(struct device *device, int64_t now_s)
{
    uint32_t minute = (uint32_t)(now_s / 60);
    if (device->recorded_minute != minute) {
        device->recorded_minute = minute;
        device->recorded_count = 0;
    }
    if (device->recorded_count >= DEVICE_RECORDS_MAX) return false;
    device->recorded_count++;
    return true;
}

void device_hold(struct device *device)
{
    if (device->holds < UINT8_MAX) device->holds++;
}

void device_let_go(struct device *device)
{
    if (device->holds) device->holds--;
}

/* One long absence does not make a device slow for long. */
static void learn_gap(struct device *device, int64_t now_s)
{
    int64_t gap_s = now_s - device->facts.last_seen_s;
    if (device->facts.last_seen_s == 0 || gap_s < 0) return;
    if (gap_s > USUAL_GAP_MAX_S) gap_s = USUAL_GAP_MAX_S;
    device->usual_gap_s = (3 * device->usual_gap_s + (uint32_t)gap_s) / 4;
}

/* What the facts tell that come now and take the place of those before. */
static void note_absence(struct device *device, const struct godwit_checkin *checkin, int64_t now_s)
{
    const struct device_facts *before = &device->facts;
    bool is_crash = checkin->reset == GODWIT_RESET_PANIC || checkin->reset == GODWIT_RESET_WATCHDOG;
    bool has_booted = before->boots && checkin->boots > before->boots;
    bool was_confirmed = !before->on_trial && !checkin->on_trial &&
                         !memcmp(before->running->image_sha256, checkin->image_sha256, 32);
    bool has_crashed = is_crash && has_booted && was_confirmed;
    if (has_crashed) control_crashed(device, now_s);
    device->has_crashed |= has_crashed;
    device->came_late = now_s - before->last_seen_s > NO_CONTACT_S;
}

enum take_result device_take(struct fleet *fleet, struct device *device,
                             const struct godwit_checkin *checkin, int64_t now_s)
{
    note_absence(device, checkin, now_s);
    learn_gap(device, now_s);
    device->is_missed = false;
    device->is_used = true;
    device_take_facts(fleet, device, checkin, now_s);
    fleet_mark_dirty(fleet, device);
    device_is_back(device, &fleet->catalogue);
    const struct decision decision = decide(device, &fleet->catalogue);
    if (device_is_new_outcome(device, &checkin->outcome) || device_is_new_image(device) ||
        device_attributes_crc(checkin) != device->attributes_crc)
        return device_may_record(device, now_s) ? TAKE_RECORD : TAKE_TOO_MANY;
    bool must_record = decision.must_undo || device->changed_in > fleet->committed ||
                       proof_find(device, &fleet->catalogue, now_s).member || decision.must_offer ||
                       decision.must_note || decision.must_withdraw;
    return must_record ? TAKE_RECORD : TAKE_DONE;
}

bool device_may_download(const struct fleet *fleet, const struct device *device,
                         const uint8_t file_sha256[static 32])
{
    struct decision decision = decide(device, &fleet->catalogue);
    return decision.kind == DECIDE_INSTALL && !decision.must_offer && !decision.must_undo &&
           device->changed_in <= fleet->committed &&
           !memcmp(decision.image->file_sha256, file_sha256, 32);
}

bool device_is_news(struct device *device, const struct decision *decision)
{
    uint32_t rollout = decision->rollout ? decision->rollout->id : 0;
    bool is_same = device->is_answered && device->answered_reason == decision->reason &&
                   device->answered_rollout == rollout;
    device->is_answered = true;
    device->answered_reason = (uint16_t)decision->reason;
    device->answered_rollout = rollout;
    return !is_same;
}
