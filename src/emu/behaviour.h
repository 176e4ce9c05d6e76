/* What a test image does once it boots, inside the image, so that a bad release is a bad file
 * as in real life: 16 bytes at file offset 0x268, after the policy block.
 *   0 magic "GWB1"   4 kind u8   5 zero 3   8 delay u32 (seconds)   12 zero 4; absent: healthy */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define BEHAVIOUR_OFFSET 0x268u
#define BEHAVIOUR_SIZE 16u

enum behaviour_kind {
    BEHAVIOUR_HEALTHY,
    BEHAVIOUR_CRASH_AT_BOOT,       /* panic, delay seconds after start */
    BEHAVIOUR_HANG,                /* watchdog reset, delay seconds (at least 1) after start */
    BEHAVIOUR_NO_NETWORK,          /* every request fails */
    BEHAVIOUR_CRASH_AFTER_CONFIRM, /* panic, delay seconds after it was confirmed */
    BEHAVIOUR_CRASH_AFTER_STEP,    /* panic, delay seconds after the agent's first step */
    BEHAVIOUR_HANG_AFTER_CONTACT,  /* the agent stops at its first reply; watchdog
                                      reset, delay seconds (at least 1) later */
    BEHAVIOUR_DEADLOCK,            /* the agent stops, delay seconds after start; watchdog reset,
                                      5 s later */
    BEHAVIOUR_STACK_OVERFLOW,      /* panic, delay seconds after its first request */
    BEHAVIOUR_LEAK,         /* the free heap falls; panic, delay seconds (at least 1) after start */
    BEHAVIOUR_WRONG_CONFIG, /* the self-test fails, delay seconds after start */
    BEHAVIOUR_NEVER_CONFIRM, /* the self-test never ends */
    BEHAVIOUR_SELF_RESET,    /* restarts itself, delay seconds after start, until confirmed */
    BEHAVIOUR_NO_REPLY,      /* every request begins and no reply comes */
    BEHAVIOUR_COUNT
};

struct behaviour {
    enum behaviour_kind kind;
    uint32_t delay_s;
};

/* "healthy", "crash-at-boot", "no-network" …; static. */
const char *behaviour_name(enum behaviour_kind kind);
/* MISSING for a name that is not in the list. */
GODWIT_MUST_USE godwit_err behaviour_by_name(const char *name, enum behaviour_kind *out);
/* Never fails: anything that is not a well-formed block is healthy. */
struct behaviour behaviour_decode(const uint8_t data[static BEHAVIOUR_SIZE]);
void behaviour_encode(const struct behaviour *behaviour, uint8_t data_out[static BEHAVIOUR_SIZE]);
