/* What a file is and whether it can be released: the one judgement that `inspect`, `sign` and an
 * upload share, so that what one calls sound no other refuses. It needs no server and no key; what
 * only a server knows (the keys and releases of a product) is judged there, afterwards. */
#pragma once

#include "files/file_end.h"
#include "formats/filekind.h"
#include "formats/image.h"
#include "formats/policy.h"
#include "formats/sigblock.h"

#define FILE_PROBLEMS_MAX 24
#define FILE_NOTES_MAX 8
#define FILE_SENTENCE_SIZE 320

struct file_problem {
    enum godwit_reason reason; /* its id is the code */
    char message[FILE_SENTENCE_SIZE];
};

/* The judgement as a sink: write the file's bytes in order, in pieces of any size; finish judges.
 * Both answer OK whatever the bytes are; IO: the cryptography failed. About 70 KiB. */
struct file_check {
    struct godwit_sink sink;
    /* Set after init where they are given from outside; else finish takes the descriptor's. */
    const char *product, *version;
    const char *org; /* whose the product is; NULL: GODWIT_ORG */

    /* readable after finish */
    enum godwit_file_kind kind;
    uint64_t size;
    struct godwit_image image; /* `info` is what the file says; digests where it was whole */
    struct godwit_body384 body384;
    struct godwit_policy policy;
    bool has_policy;       /* decoded */
    bool is_other_product; /* its policy is made for another product than `product` */
    struct godwit_sigblock signatures[GODWIT_SIGBLOCKS_MAX];
    size_t signatures_count;
    struct file_problem problems[FILE_PROBLEMS_MAX];
    size_t problems_count;                          /* 0: it can be released */
    char notes[FILE_NOTES_MAX][FILE_SENTENCE_SIZE]; /* what a person should know besides */
    size_t notes_count;

    /* private */
    struct file_end end;
    size_t head_size;
    uint8_t sector[GODWIT_SECTOR_SIZE];
    uint8_t head[GODWIT_FILE_HEAD_SIZE];
};

void file_check_init(struct file_check *check);
/* False as soon as it is certain that the file can not be released: its bytes need not be kept. */
bool file_check_is_possible(const struct file_check *check);
/* What the file is or what is wrong with it, for a person: all problems as one sentence, cut at
 * size; "a signed application image" where there is none. After finish; gives out. */
const char *file_check_sentence(const struct file_check *check, char *out, size_t size);
/* Whether a project of that name may be anybody's: a prebuilt library writes it, or a template. */
bool file_name_is_common(const char *project);
/* The whole judgement of bytes in memory. */
GODWIT_MUST_USE godwit_err file_check_bytes(struct file_check *check, const uint8_t *data,
                                            size_t size);
