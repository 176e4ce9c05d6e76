/* The device of device.h in a test of cmocka: its end, which asserts, and what tests wait for. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "device.h"

static inline void device_end(struct device *device)
{
    assert_int_equal(device->ram.violations, 0);
    device_deinit(device);
}

static inline bool done_confirmed(const struct device *device)
{
    return device->peer.is_confirmed;
}

static inline bool done_outcome(const struct device *device)
{
    return device->peer.outcomes > 0;
}

static inline bool done_checked_in(const struct device *device)
{
    return device->peer.checkins > 0 && device_status(device).state == GODWIT_STATE_IDLE;
}

static inline bool done_verifying(const struct device *device)
{
    return device_status(device).state == GODWIT_STATE_VERIFY;
}

static inline bool done_on_trial(const struct device *device)
{
    return device_status(device).state == GODWIT_STATE_TRIAL;
}
