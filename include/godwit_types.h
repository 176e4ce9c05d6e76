/* What Godwit's public headers and its own code share: errors, and why a chip started.
 * C and C++. */
#pragma once

/* A code says what to do next, not where it happened:
 *   NET retry · FORMAT, TRUST discard and report · POLICY leave · BUSY come back later.
 * Negative, so that a caller may mix it with counts; GODWIT_OK is 0. */
#define GODWIT_ERRORS(X)                                       \
    X(IO, -1, "storage refused a read, write or erase")        \
    X(NET, -2, "the network failed; trying again may help")    \
    X(FORMAT, -3, "bytes are not what their format says")      \
    X(TRUST, -4, "signature or digest does not match")         \
    X(POLICY, -5, "valid, but not for this device or not now") \
    X(SPACE, -6, "does not fit")                               \
    X(MISSING, -7, "no such thing")                            \
    X(BUSY, -8, "in use; try again later")                     \
    X(END, -9, "no more bytes")

#define GODWIT_ERR_ENUM(name, code, sentence) GODWIT_ERR_##name = (code),
typedef enum { GODWIT_OK = 0, GODWIT_ERRORS(GODWIT_ERR_ENUM) } godwit_err;
#undef GODWIT_ERR_ENUM

#define GODWIT_MUST_USE __attribute__((warn_unused_result))

/* Why the chip started. The order is fixed: formats/checkin.c has a name for each. */
enum godwit_reset {
    GODWIT_RESET_UNKNOWN,
    GODWIT_RESET_POWER_ON,
    GODWIT_RESET_BROWN_OUT,
    GODWIT_RESET_SOFTWARE,
    GODWIT_RESET_PANIC,
    GODWIT_RESET_WATCHDOG,
    GODWIT_RESET_DEEP_SLEEP,
    GODWIT_RESET_COUNT
};
