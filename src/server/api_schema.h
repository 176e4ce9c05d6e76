/* The objects of the operator API, each described once, in one table: a request's body is checked
 * by it before a handler sees it, and the OpenAPI document and docs/API.md are made from it.
 *
 * The table is flat: a row of type SCHEMA begins an object, the rows after it are its members, in
 * the order in which they are shown. Requests stand in api_schema_requests.c, replies in
 * api_schema_replies.c. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum schema_type {
    SCHEMA,        /* name of an object, and what it is */
    SCHEMA_STRING, /* of min … max bytes; max 0: no bound is told */
    SCHEMA_WHOLE,  /* a whole number, min … max; both 0: 0 … 2^53 */
    SCHEMA_REAL,   /* a number, not negative */
    SCHEMA_FLAG,   /* true or false */
    SCHEMA_HEX,    /* min … max hex digits */
    SCHEMA_TIME,   /* seconds since 1970, UTC */
    SCHEMA_CHOICE, /* one of the words of `of` */
    SCHEMA_OBJECT, /* the object named by `of` */
    SCHEMA_TYPES_COUNT
};

/* Flags. A list holds at most `items_max` of what the row says (0: no bound is told); one that is
 * partial has of each object no more than the members that `fields` asks for. */
enum { SCHEMA_OPTIONAL = 1, SCHEMA_NULLABLE = 2, SCHEMA_LIST = 4, SCHEMA_PARTIAL = 8 };

struct schema_row {
    enum schema_type type;
    const char *name;
    int64_t min, max;
    unsigned flags;
    const char *sentence;
    const char *of;
    int64_t items_min, items_max;
};

/* Each ends with a row without a name. PARAMETERS holds those of paths, named "devices/id" by the
 * segment before them, and those of queries, named as they are. */
extern const struct schema_row SCHEMA_REQUESTS[], SCHEMA_REPLIES[], PARAMETERS[];

/* The row that begins the object; NULL: there is none. Its members follow until the next row of
 * type SCHEMA or without a name. */
const struct schema_row *schema_find(const char *name);
/* Whether the row is a member of the object before it. */
bool schema_is_member(const struct schema_row *row);

/* What is wrong with a body: the member at fault, as its path ("devices", "rows.tags"), and a
 * sentence. */
struct schema_fault {
    char field[64], detail[256];
};
/* Whether the value is as the object says, its members and theirs; a member that is not known is a
 * fault. False: fault_out says which is the first. */
bool schema_check(const struct schema_row *object, const json_t *value,
                  struct schema_fault *fault_out);
