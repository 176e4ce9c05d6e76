/* A file looked at from all sides, for `inspect` and `verify`: what it is, what it says of itself,
 * who signed it and every problem that can be told. Needs no server and no key. */
#pragma once

#include <jansson.h>

#include "files/file_check.h"
#include "keys/keys.h"

struct inspection {
    const char *path;
    uint8_t file_sha256[32];
    bool has_header;         /* an image of some kind: chip and revisions are set */
    struct file_check check; /* what the file is and all its problems */
    enum policy_place place; /* of an application image */
    bool has_behaviour;      /* a behaviour block of a test image stands at 0x268 */
    uint8_t behaviour[16];   /* its bytes, else zero */
};

/* IO when the cryptography fails; otherwise OK, whatever the bytes. */
GODWIT_MUST_USE godwit_err inspect(struct inspection *inspection, const char *path,
                                   const uint8_t *data, size_t size);

/* For people, on stdout. */
void inspection_print(const struct inspection *inspection);
/* The same of the policy alone, or of the place for one. */
void policy_print(const struct inspection *inspection);
/* A line of either: a name, or none, and a fact. */
__attribute__((format(printf, 2, 3))) void fact_print(const char *name, const char *format, ...);
/* For programs. The caller owns the result. */
json_t *inspection_json(const struct inspection *inspection);
/* Bit n of a policy's flags as a word, NULL behind the last. */
const char *policy_flag_name(size_t bit);
/* The same as words for people. */
const char *policy_flag_sentence(size_t bit);
/* Whether the policy speaks of the project that the descriptor names. */
bool policy_is_of_project(const struct inspection *inspection);
/* Whether a good signature of this file is by the key. */
bool inspection_is_signed_by(const struct inspection *inspection, const uint8_t key[static 32]);
