/* A check-in that is expected in the past is not: its device is late, and nobody knows for how
 * long. */
#include "fleet/why.h"

#include <string.h>

static struct why explain(const struct device *device, const struct decision *decision,
                          uint32_t interval_s, int64_t now_s)
{
    uint32_t gap_s = device->usual_gap_s > interval_s ? device->usual_gap_s : interval_s;
    int64_t next_s = device->facts.last_seen_s ? device->facts.last_seen_s + gap_s : 0;
    struct why why = {.reason = decision->reason,
                      .installs = decision->kind == DECIDE_INSTALL,
                      .is_waiting = device->holds > 0,
                      .expected_s = next_s > now_s && !device->is_retired ? next_s : 0};
    if (decision->rollout) {
        why.rollout = decision->rollout->id;
        why.rollout_state = decision->rollout->state;
    }
    if (decision->image) memcpy(why.version, decision->image->release->version, sizeof why.version);
    return why;
}

struct why why_of(const struct fleet *fleet, const struct device *device, uint32_t interval_s,
                  int64_t now_s)
{
    const struct decision decision = decide(device, &fleet->catalogue);
    return explain(device, &decision, interval_s, now_s);
}

struct why why_of_release(const struct fleet *fleet, const struct device *device,
                          struct release *release, uint32_t interval_s, int64_t now_s)
{
    const struct decision decision = decide_release(device, &fleet->catalogue, release);
    return explain(device, &decision, interval_s, now_s);
}
