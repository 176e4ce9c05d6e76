/* The one list of errors. A code says what to do next, not where it happened:
 *   NET retry · FORMAT, TRUST discard and report · POLICY leave · BUSY come back later.
 * Negative, so that a caller may mix it with counts; GODWIT_OK is 0. */
#pragma once

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

/* "NET" for GODWIT_ERR_NET, "OK" for GODWIT_OK, "?" for anything else; static strings. */
const char *godwit_err_name(godwit_err err);
/* The sentence of the list; "done" for GODWIT_OK. */
const char *godwit_err_sentence(godwit_err err);
