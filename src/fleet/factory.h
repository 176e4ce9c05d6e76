/* The factory list: devices whose maker told their id and the digest of the token in their flash
 * before they ever checked in. A device on it joins with that token, without a claim or beside one,
 * and leaves the list by it. */
#pragma once

#include "fleet/fleet.h"

#define FACTORY_MAX                                                              \
    1000000 /* devices that are listed and have not joined, of all organisations \
             */
#define FACTORY_BATCH_MAX 1000 /* lines of one request */
#define FACTORY_NOTE_SIZE 200

struct factory_line {
    uint8_t device_id[16], token_sha256[32];
    uint32_t number; /* of its line in the file, 1 … */
};

/* One that is listed and has not joined. */
struct factory_entry {
    uint8_t token_sha256[32], device_id[16];
    struct product *product;
};

/* "device_id,token_sha256" a line: 12 hex digits (or six pairs with colons) and 64. A first line of
 * words, a mark of its encoding, blank lines, quotes and CR before LF do no harm. first_line:
 * number of the text's first line in its file. FORMAT: the note says which line is wrong and how;
 * SPACE: more than FACTORY_BATCH_MAX lines. No id and no token comes twice. */
GODWIT_MUST_USE godwit_err factory_read(const char *text, uint32_t first_line,
                                        struct factory_line *out, size_t *count_out,
                                        char note_out[static FACTORY_NOTE_SIZE]);

/* NULL: nobody with this token under this id is expected. Lock held. */
struct factory_entry *factory_find(const struct fleet *fleet, const uint8_t token_sha256[static 32],
                                   const uint8_t device_id[static 16]);
/* Whether a device with this token may still join. Lock held. */
bool factory_expects(const struct fleet *fleet, const uint8_t token_sha256[static 32]);

enum factory_fault {
    FACTORY_GOOD,
    FACTORY_OTHER_TOKEN, /* the device has joined or is listed with another token */
    FACTORY_TOKEN_TAKEN, /* another device has joined or is listed with this token */
    FACTORY_FULL
};

struct factory_batch {
    const struct product *product;
    const char *tags; /* joined by a space */
    const struct factory_line *lines;
    size_t count;
    /* out: how many were new; else the line at fault, and why */
    size_t added;
    enum factory_fault fault;
    const struct factory_line *at_fault;
};

/* Lists all of them, or none where one is at fault. What is listed as it is or has joined so counts
 * as done. Writer. */
GODWIT_MUST_USE godwit_err factory_import(struct fleet *fleet, struct db *db,
                                          struct factory_batch *batch, int64_t now_s);
/* Takes one off the list; product "": of any. is_done_out false: it is not on it. Writer. */
GODWIT_MUST_USE godwit_err factory_remove(struct fleet *fleet, struct db *db, const char *org,
                                          const char *product, const uint8_t device_id[static 16],
                                          bool *is_done_out);
/* It has joined: takes it off in the database; then in memory. Writer. */
GODWIT_MUST_USE godwit_err factory_forget_row(struct db *db, const char *org,
                                              const uint8_t device_id[static 16]);
void factory_forget(struct fleet *fleet, struct factory_entry *entry);

struct factory_row {
    uint8_t device_id[16], token_sha256[32];
    char product[33];
    int64_t created_s;
};

/* Those of an organisation, and of its product unless that is "", behind the id `after` (zero: from
 * the first), by id, at most count_max. Any connection. */
GODWIT_MUST_USE godwit_err factory_list(struct db *db, const char *org, const char *product,
                                        const uint8_t after[static 16], struct factory_row *out,
                                        size_t count_max, size_t *count_out);

/* ---- for load.c ---- */

#define FACTORY_LOAD_SQL "select token_sha256, device_id, product from factory"
void factory_load(struct fleet *fleet, const struct db_rows *rows);
