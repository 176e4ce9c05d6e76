/* Pages of devices, by SQL on a read connection: from any place, in any order, under any filter,
 * and never with the fleet's lock. A page continues after the last row of the one before, whatever
 * has joined or left since. */
#pragma once

#include "store/store.h"

#define LIST_LIMIT 100 /* rows of a page, where nobody says how many */
#define LIST_LIMIT_MAX 500
#define LIST_KEY_MAX 300 /* bytes of what a list is sorted by, NUL included */
#define LIST_CURSOR_MAX 720
#define LIST_WHERE_FIRST 4 /* number of the first value of a condition, "$4" */

enum list_kind { LIST_TEXT, LIST_NUMBER, LIST_BYTES };

/* What devices can be sorted by. */
struct list_order {
    const char *name;   /* of the member in JSON */
    const char *column; /* with an index (org, column, id) */
    enum list_kind kind;
};
/* NULL: there is no such one. */
const struct list_order *list_order_find(const char *name);
/* The i-th, NULL behind the last. */
const struct list_order *list_order_at(size_t index);

/* A place in a list: behind this row. */
struct list_place {
    int64_t id;
    char key[LIST_KEY_MAX]; /* of what it is sorted by: text, decimal digits, or hex digits */
};

/* The place as one word for a client, who hands it back. of: which list, in which order, under
 * which filter; another one does not take it. */
void list_cursor_write(const char *of, const struct list_place *place,
                       char out[static LIST_CURSOR_MAX]);
/* FORMAT: no cursor, or of another list. */
GODWIT_MUST_USE godwit_err list_cursor_read(const char *of, const char *text,
                                            struct list_place *place_out);

struct list_query {
    const char *org;
    const struct list_order *order;
    bool is_descending;
    size_t limit;                   /* 1 … LIST_LIMIT_MAX */
    const struct list_place *after; /* NULL: from the start */
    const char *where;              /* on bare columns of `devices`, "($4 …)"; NULL: all */
    const struct db_value *values;  /* $4 …, no more than LIST_VALUES_MAX */
    size_t values_count;
    const struct filter_sql *filter; /* all or a part of `where`, for quick ways; or NULL */
};
#define LIST_VALUES_MAX 160

struct list_device {
    int64_t id, last_seen_s, rollout;
    uint8_t device_id[16];
    char product[33], chip[16], version[33], slot[17], state[16], reason[32], cause[40];
    char detail[128]; /* of its last outcome */
    bool on_trial, is_retried;
    struct list_place place;
};

/* Fills in up to query->limit rows; more_out: there are others behind them. */
GODWIT_MUST_USE godwit_err list_devices(struct db *db, const struct list_query *query,
                                        struct list_device *rows_out, size_t *count_out,
                                        bool *more_out);
