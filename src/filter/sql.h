/* A filter as a condition of SQL on the bare columns of `devices`, for SQLite and PostgreSQL: what
 * a person typed is bound and never part of the text. On PostgreSQL the database has the locale C:
 * lower() then changes ASCII alone, and texts compare by bytes, as in SQLite. */
#pragma once

#include "filter/filter.h"
#include "store/store.h"

#define FILTER_SQL_TEXT_MAX 10240
#define FILTER_SQL_BYTES_MAX 16384
#define FILTER_SQL_VALUES_MAX (2 * FILTER_VALUES_MAX) /* a day and a version have two */

/* What one term says of a column, where an index takes it. */
struct filter_sql_bound {
    const char *column; /* NULL: nothing of the kind */
    uint16_t at, size;  /* in text */
    bool is_list;       /* several values, one of which it is */
};

/* How devices are found by one term alone, the dearest last. */
enum filter_sql_way {
    FILTER_BY_INDEX, /* one stretch of an index of devices for each value */
    FILTER_BY_TAG,   /* the same of tags */
    FILTER_BY_SCAN   /* all of one index, which has every column that the term names */
};

struct filter_sql_term {
    enum filter_sql_way way;
    uint16_t at, size;       /* in text: true of all that the term finds, and perhaps of others */
    uint16_t or_at, or_size; /* or this is; 0: there is no other */
};

/* Its values point into itself: it is not copied. 30 KiB, so it lives in an arena. */
struct filter_sql {
    char text[FILTER_SQL_TEXT_MAX]; /* "(… and …)", to follow `from devices where … and` */
    struct db_value values[FILTER_SQL_VALUES_MAX];
    size_t values_count;
    /* private */
    struct filter_sql_bound bounds[FILTER_TERMS_MAX];
    size_t bounds_count;
    struct filter_sql_term terms[FILTER_TERMS_MAX];
    size_t terms_count;
    size_t text_size, bytes_size;
    uint8_t bytes[FILTER_SQL_BYTES_MAX];
};

/* first: the number of its first value in the statement, as 2 for "$2". Any parsed filter fits. */
void filter_sql(const struct filter *filter, size_t first, struct filter_sql *out);

/* What of the condition bounds that column, "(…) and (…)", or "": for a walk along the column's
 * index. from_start: the walk is not bounded by a cursor too, which an index can not take along
 * with a list of values. as: what the column is called there, no longer than itself. */
void filter_sql_narrow(const struct filter_sql *sql, const char *column, const char *as,
                       bool from_start, char out[static FILTER_SQL_TEXT_MAX]);

/* The i-th statement that finds all that the filter does, and others, by one of its terms: "select
 * … as device …", with the organisation as $1; cheap ones first. False: there is none such. */
bool filter_sql_way(const struct filter_sql *sql, size_t index, enum filter_sql_way *way_out,
                    char out[static FILTER_SQL_TEXT_MAX]);
