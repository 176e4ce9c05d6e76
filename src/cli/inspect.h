/* A file looked at from all sides, for `inspect` and `verify`: what it is, what it says of itself,
 * who signed it and every problem that can be told. Needs no server and no key. */
#pragma once

#include <jansson.h>

#include "formats/filekind.h"
#include "formats/image.h"
#include "formats/policy.h"
#include "formats/sigblock.h"
#include "keys/keys.h"

#define PROBLEMS_MAX 24

struct problem {
    enum godwit_reason reason; /* its id is the code */
    const char *message;       /* static */
};

struct inspection {
    const char *path;
    enum godwit_file_kind kind;
    size_t size;
    uint8_t file_sha256[32];
    bool has_header;           /* an image of some kind: chip and revisions are set */
    struct godwit_image image; /* `info` is what the file says; digests where it was whole */
    struct godwit_body384 body384;
    enum policy_place place; /* of an application image */
    struct godwit_policy policy;
    bool has_policy;       /* decoded */
    bool has_behaviour;    /* a behaviour block of a test image stands at 0x268 */
    uint8_t behaviour[16]; /* its bytes, else zero */
    struct godwit_sigblock signatures[GODWIT_SIGBLOCKS_MAX];
    size_t signatures_count;
    struct problem problems[PROBLEMS_MAX];
    size_t problems_count; /* 0: a sound application image */
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
/* Text of a file made fit for a terminal and for JSON: control bytes, and whatever is no UTF-8,
 * become '?'. out holds at least strlen(text) + 1 bytes. */
const char *text_clean(const char *text, char *out);
/* Bit n of a policy's flags as a word, NULL behind the last. */
const char *policy_flag_name(size_t bit);
/* The same as words for people. */
const char *policy_flag_sentence(size_t bit);
/* Whether the policy speaks of the project that the descriptor names. */
bool policy_is_of_project(const struct inspection *inspection);
/* Whether a good signature of this file is by the key. */
bool inspection_is_signed_by(const struct inspection *inspection, const uint8_t key[static 32]);
