/* The one language in which devices are found: in `?filter=`, on the command line, in a rollout's
 * selection and in pages.
 *
 *     product:thermostat state:failed version:<1.4 tag:site=berlin seen:>7d name:"kitchen *"
 *
 * Terms joined by spaces must all hold; `,` between values is *or*; `-` before a term is *not*;
 * `:<` `:>` `:<=` `:>=` compare; `*` stands for any text, none included; "quotes" hold spaces and
 * commas, `\` takes the next character as it is. A term without a field looks into name, id and
 * version, anywhere in them. Letters of ASCII count as equal in either case.
 *
 * Parsed once into a value without pointers, without heap; then compiled to SQL (filter/sql.h) and
 * held against one device (filter_matches): both answer the same. A device that is retired is found
 * only where a term asks for `state:retired`. Rejected: brackets and nested `or`. Nobody can read
 * them in a chip of a page, and two filters do what they would. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "filter/version_key.h"

#define FILTER_TEXT_MAX 1024 /* bytes of a whole filter, NUL not included */
#define FILTER_TERMS_MAX 32
#define FILTER_VALUES_MAX 64 /* of all terms together */
#define FILTER_ANY_TEXT '\1' /* `*` in a pattern; no filter can hold this byte itself */
#define FILTER_DAY_S 86400

/* symbol, name, kind, column of `devices` or, for a tag, of `tags`; sentence */
#define FILTER_FIELDS(X)                                                                           \
    X(ID, "id", ID, "id_text", "the device's id, 12 hex digits")                                   \
    X(NAME, "name", KEY, "name_key", "what people call it; \"\" is no name")                       \
    X(PRODUCT, "product", WORD, "product_name", "the product it belongs to")                       \
    X(VERSION, "version", VERSION, "shown_version",                                                \
      "what it runs; it also compares: version:<1.4, version:>=2")                                 \
    X(STATE, "state", WORD, "state", "how it stands to what is rolled out")                        \
    X(REASON, "reason", WORD, "reason",                                                            \
      "why it stands so, by the reason's id; also why:slot-size")                                  \
    X(CAUSE, "cause", WORD, "cause", "what went wrong on it, by the reason's id; \"\" is nothing") \
    X(CHIP, "chip", WORD, "chip", "its chip, as esptool writes it")                                \
    X(TAG, "tag", TAG, "tag_key",                                                                  \
      "a tag: tag:site=berlin or tag:beta; tag:site is any with that key")                         \
    X(SLOT, "slot", TEXT, "slot", "the partition that it runs from")                               \
    X(IDF, "idf", TEXT, "idf_version", "the ESP-IDF that its image was built with")                \
    X(AGENT, "agent", TEXT, "agent_version", "the version of its update agent")                    \
    X(SEEN, "seen", TIME, "last_seen",                                                             \
      "its last check-in: seen:<1h in the last hour, seen:>7d longer ago, or a date")              \
    X(JOINED, "joined", TIME, "created", "when it joined, written like seen")

#define FILTER_FIELD_ENUM(symbol, name, kind, column, sentence) FILTER_##symbol,
enum filter_field { FILTER_FIELDS(FILTER_FIELD_ENUM) FILTER_FIELDS_COUNT };
#undef FILTER_FIELD_ENUM
#define FILTER_ANYWHERE FILTER_FIELDS_COUNT /* a term without a field */

enum filter_kind {
    FILTER_KIND_ID,
    FILTER_KIND_KEY,  /* text, folded in its column */
    FILTER_KIND_TEXT, /* text as it came */
    FILTER_KIND_WORD, /* one of a list, in its spelling; another is refused */
    FILTER_KIND_VERSION,
    FILTER_KIND_TAG,
    FILTER_KIND_TIME
};

enum filter_op { FILTER_IS, FILTER_LESS, FILTER_GREATER, FILTER_AT_MOST, FILTER_AT_LEAST };

/* With IS a pattern, or the day that begins at number; else what to compare with. Text is folded,
 * but for words without FILTER_ANY_TEXT. */
struct filter_value {
    uint8_t op;        /* filter_op, of the time itself and not of its age */
    uint16_t at, size; /* in filter.text */
    int64_t number;
};

struct filter_term {
    bool is_not;
    uint8_t field; /* filter_field, or FILTER_ANYWHERE */
    uint8_t values_at, values_count;
};

/* A parsed filter; zeroed it is the empty one, which finds all that are not retired. */
struct filter {
    size_t terms_count, values_count, text_size;
    bool finds_retired;
    struct filter_term terms[FILTER_TERMS_MAX];
    struct filter_value values[FILTER_VALUES_MAX];
    char text[2 * FILTER_TEXT_MAX + 2 * FILTER_VALUES_MAX + 1]; /* a tag's may stand twice */
};

/* The i-th text that the field can have, NULL behind the last or where anything goes. */
typedef const char *filter_known(void *ctx, enum filter_field field, size_t index);

/* What a filter is read against. known: products and reasons of decisions, which the service knows;
 * NULL: not checked. States, causes and chips are known here. */
struct filter_world {
    int64_t now_s; /* ages count from here */
    filter_known *known;
    void *ctx;
};

struct filter_fault {
    size_t at, size;    /* where in the text */
    char sentence[256]; /* for a person, one line; names the nearest right word */
};

/* FORMAT with the fault; filter_out is then not to be used. */
GODWIT_MUST_USE godwit_err filter_parse(const char *text, const struct filter_world *world,
                                        struct filter *filter_out, struct filter_fault *fault_out);

/* What a filter asks of one device. Texts as they are shown, never NULL. */
struct filter_facts {
    const char *id, *name, *product, *version, *state, *reason, *cause, *chip, *slot, *idf, *agent;
    int64_t last_seen_s, joined_s;
    const char *const *tags; /* those under `dev.` included */
    size_t tags_count;
};

bool filter_matches(const struct filter *filter, const struct filter_facts *facts);

/* ---- the table of fields ---- */

const char *filter_field_name(enum filter_field field);
const char *filter_field_sentence(enum filter_field field);
enum filter_kind filter_field_kind(enum filter_field field);
#define FILTER_STATE_RETIRED "retired" /* the state of a retired device */
#define FILTER_CHIP_UNKNOWN "unknown"  /* a chip that this program does not know */

/* ---- completion ---- */

#define FILTER_CANDIDATES_MAX 32

struct filter_candidate {
    char text[72];        /* replaces the bytes from `from` to the cursor */
    const char *sentence; /* of a field; "" of a value */
};

struct filter_completion {
    size_t from, count;
    struct filter_candidate candidates[FILTER_CANDIDATES_MAX];
};

/* What is typed at the cursor, for who looks values up: those of the field that begin with part. */
struct filter_cursor {
    enum filter_field field; /* FILTER_ANYWHERE: there is none yet, or no value can fit */
    char part[72];           /* folded, without its quote and operator */
};
void filter_cursor(const char *text, size_t cursor, struct filter_cursor *out);

/* What can stand at the cursor (a byte of text, at most its length): fields, or the values that are
 * known. A filter that is wrong elsewhere is no obstacle. */
void filter_complete(const char *text, size_t cursor, const struct filter_world *world,
                     struct filter_completion *out);

/* ---- for the parts of this folder, and whoever stores what a filter compares ---- */

/* ASCII letters in lower case; `out` may be `text`. Columns that are compared as text hold this. */
void filter_fold(char *out, const char *text, size_t size_max);
