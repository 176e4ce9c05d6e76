/* Shared by the files of filter/ only: the table of fields, known values, patterns. */
#pragma once

#include "filter/filter.h"

struct filter_row {
    const char *name, *column, *sentence;
    enum filter_kind kind;
};

extern const struct filter_row FILTER_ROWS[FILTER_FIELDS_COUNT];

/* The field of this name, whatever its letters' case; FILTER_ANYWHERE: there is none. */
enum filter_field filter_field_named(const char *name, size_t size);

#define FILTER_WORD_MAX 72 /* bytes of a word that is looked up or offered, NUL included */

/* The i-th text that the field can have, NULL behind the last. */
const char *filter_known_at(const struct filter_world *world, enum filter_field field,
                            size_t index);
/* Whether the folded pattern is all of the text, whose case does not count. */
bool filter_pattern_is(const char *pattern, size_t size, const char *text);
