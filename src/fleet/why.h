/* Why a device is offered what it is, or nothing, and when it hears of it: the answer to a person
 * who asks about one device. The gates are those of decide, and nothing else. Pure. */
#pragma once

#include "fleet/decide.h"
#include "fleet/fleet.h"

struct why {
    enum decision_reason reason; /* of the first closed gate, or why it is offered something */
    bool installs;               /* its next check-in tells it to install … */
    char version[33];            /* … this, perhaps a bridge release; "": nothing */
    uint32_t rollout;            /* that speaks to it; 0: none, or a release was asked about */
    enum rollout_state rollout_state;
    bool is_waiting;    /* a check-in of it is held: it hears at once */
    int64_t expected_s; /* of its next check-in, by its own habit; 0: not known, or overdue */
};

/* interval_s: what devices are told. Lock held. */
struct why why_of(const struct fleet *fleet, const struct device *device, uint32_t interval_s,
                  int64_t now_s);
/* The same if that release were rolled out to the device alone. Lock held. */
struct why why_of_release(const struct fleet *fleet, const struct device *device,
                          struct release *release, uint32_t interval_s, int64_t now_s);
