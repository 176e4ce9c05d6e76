/* The table of fields, and what its words have in common: known values and patterns. */
#include "filter/fields.h"
#include <strings.h>

#include <string.h>

#include "formats/chip.h"
#include "formats/reason.h"

const struct filter_row FILTER_ROWS[FILTER_FIELDS_COUNT] = {
#define ROW(symbol, name, kind, column, sentence) {name, column, sentence, FILTER_KIND_##kind},
    FILTER_FIELDS(ROW)
#undef ROW
};

/* The states of fleet/decision_reason.h (its test compares), and that of a retired device. */
static const char *const STATES[] = {"up-to-date", "in-progress", "on-trial",
                                     "queued",     "failed",      "incompatible",
                                     "halted",     "undoing",     FILTER_STATE_RETIRED};

static bool is_named(const char *name, const char *text, size_t size)
{
    return strlen(name) == size && !strncasecmp(name, text, size);
}

/* A reason is also asked for as people ask: why:slot-size. */
enum filter_field filter_field_named(const char *name, size_t size)
{
    for (enum filter_field i = 0; i < FILTER_FIELDS_COUNT; i++)
        if (is_named(FILTER_ROWS[i].name, name, size)) return i;
    return is_named("why", name, size) ? FILTER_REASON : FILTER_ANYWHERE;
}

const char *filter_field_name(enum filter_field field)
{
    return FILTER_ROWS[field].name;
}

const char *filter_field_sentence(enum filter_field field)
{
    return FILTER_ROWS[field].sentence;
}

enum filter_kind filter_field_kind(enum filter_field field)
{
    return FILTER_ROWS[field].kind;
}

/* Row 0 is "no fault", and no cause. */
static const char *const CAUSES[] = {
#define CAUSE(name, number, id, sentence) id,
    GODWIT_REASONS(CAUSE)
#undef CAUSE
};

static const char *chip_at(size_t index)
{
    const struct godwit_chip *chip = godwit_chip_at(index);
    if (chip) return chip->name;
    return index == 0 || godwit_chip_at(index - 1) ? FILTER_CHIP_UNKNOWN : NULL;
}

const char *filter_known_at(const struct filter_world *world, enum filter_field field, size_t index)
{
    switch (field) {
    case FILTER_STATE:
        return index < sizeof STATES / sizeof *STATES ? STATES[index] : NULL;
    case FILTER_CAUSE:
        return index + 1 < sizeof CAUSES / sizeof *CAUSES ? CAUSES[index + 1] : NULL;
    case FILTER_CHIP:
        return chip_at(index);
    default:
        return world->known ? world->known(world->ctx, field, index) : NULL;
    }
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

void filter_fold(char *out, const char *text, size_t size_max)
{
    size_t at = 0;
    for (; text[at] && at + 1 < size_max; at++)
        out[at] = fold(text[at]);
    if (size_max) out[at] = '\0';
}

/* Where a piece does not fit, the last `*` takes one byte more: no recursion, at most size * length
 * steps. */
bool filter_pattern_is(const char *pattern, size_t size, const char *text)
{
    size_t at = 0, star = SIZE_MAX;
    const char *from = NULL;
    while (*text) {
        if (at < size && pattern[at] == FILTER_ANY_TEXT) {
            star = at++;
            from = text;
        } else if (at < size && pattern[at] == fold(*text)) {
            at++;
            text++;
        } else if (star != SIZE_MAX) {
            at = star + 1;
            text = ++from;
        } else {
            return false;
        }
    }
    while (at < size && pattern[at] == FILTER_ANY_TEXT)
        at++;
    return at == size;
}
