/* What can stand at the cursor. The word before it is read by the same rules as a filter is, but
 * for its faults: while somebody types, most filters are wrong. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "filter/fields.h"

/* Where the word at the cursor begins: behind a space or comma that no quote holds. */
struct place {
    size_t term, value; /* first byte of the term, and of the value at the cursor */
    size_t field_end;   /* of its `:`; 0: none yet */
};

static struct place place_of(const char *text, size_t cursor)
{
    struct place place = {0, 0, 0};
    bool is_quoted = false;
    for (size_t at = 0; at < cursor; at++) {
        char c = text[at];
        if (c == '\\' && at + 1 < cursor) {
            at++;
        } else if (c == '"') {
            is_quoted = !is_quoted;
        } else if (!is_quoted && c == ' ') {
            place = (struct place){at + 1, at + 1, 0};
        } else if (!is_quoted && c == ',') {
            place.value = at + 1;
        } else if (!is_quoted && c == ':' && !place.field_end) {
            place.field_end = at;
            place.value = at + 1;
        }
    }
    return place;
}

static bool begins_with(const char *text, const char *part, size_t size)
{
    char folded[FILTER_WORD_MAX];
    if (size >= sizeof folded) return false;
    memcpy(folded, part, size);
    folded[size] = '\0';
    filter_fold(folded, folded, sizeof folded);
    folded[size] = FILTER_ANY_TEXT;
    return filter_pattern_is(folded, size + 1, text);
}

/* As a filter spells it: in quotes where it holds what ends a value, or begins like a comparison.
 */
static void add(struct filter_completion *out, const char *text, const char *after,
                const char *sentence)
{
    if (out->count == FILTER_CANDIDATES_MAX) return;
    struct filter_candidate *candidate = &out->candidates[out->count];
    bool needs_quotes = strpbrk(text, " ,") || strchr("<>", *text);
    const char *quote = needs_quotes ? "\"" : "";
    char spelt[sizeof candidate->text];
    size_t used = 0;
    for (; *text && used + 2 < sizeof spelt; text++) {
        if (strchr("\"\\*", *text)) spelt[used++] = '\\';
        spelt[used++] = *text;
    }
    spelt[used] = '\0';
    int size =
        snprintf(candidate->text, sizeof candidate->text, "%s%s%s%s", quote, spelt, quote, after);
    if (*text || size < 0 || (size_t)size >= sizeof candidate->text) return;
    candidate->sentence = sentence;
    out->count++;
}

static void complete_field(const char *part, size_t size, struct filter_completion *out)
{
    for (enum filter_field i = 0; i < FILTER_FIELDS_COUNT; i++)
        if (begins_with(FILTER_ROWS[i].name, part, size))
            add(out, FILTER_ROWS[i].name, ":", FILTER_ROWS[i].sentence);
}

/* The field in front of the `:`; FILTER_ANYWHERE: none of this name. */
static enum filter_field field_of(const char *text, const struct place *place)
{
    size_t from = place->term + (text[place->term] == '-');
    return filter_field_named(text + from, place->field_end - from);
}

/* Where the value at the cursor begins: behind an operator, which stays. */
static size_t value_from(const char *text, size_t cursor, const struct place *place,
                         enum filter_field field)
{
    size_t from = place->value;
    if (FILTER_ROWS[field].kind != FILTER_KIND_VERSION) return from;
    if (from < cursor && (text[from] == '<' || text[from] == '>')) {
        from++;
        if (from < cursor && text[from] == '=') from++;
    }
    return from;
}

void filter_cursor(const char *text, size_t cursor, struct filter_cursor *out)
{
    struct place place = place_of(text, cursor);
    *out = (struct filter_cursor){.field = FILTER_ANYWHERE};
    if (!place.field_end) return;
    out->field = field_of(text, &place);
    if (out->field == FILTER_ANYWHERE) return;
    size_t from = value_from(text, cursor, &place, out->field);
    from += from < cursor && text[from] == '"';
    if (cursor - from >= sizeof out->part) out->field = FILTER_ANYWHERE; /* none is so long */
    snprintf(out->part, sizeof out->part, "%.*s", (int)(cursor - from), text + from);
    filter_fold(out->part, out->part, sizeof out->part);
}

static void complete_value(const char *part, size_t size, const struct filter_world *world,
                           enum filter_field field, struct filter_completion *out)
{
    const char *known;
    if (size && *part == '"') {
        part++;
        size--;
    }
    for (size_t i = 0; (known = filter_known_at(world, field, i)); i++)
        if (*known && begins_with(known, part, size)) add(out, known, "", "");
}

void filter_complete(const char *text, size_t cursor, const struct filter_world *world,
                     struct filter_completion *out)
{
    struct place place = place_of(text, cursor);
    out->count = 0;
    out->from = place.value;
    if (place.field_end) {
        enum filter_field field = field_of(text, &place);
        if (field == FILTER_ANYWHERE) return;
        out->from = value_from(text, cursor, &place, field);
        complete_value(text + out->from, cursor - out->from, world, field, out);
        return;
    }
    if (place.value != place.term) return; /* behind a comma, but for no field */
    out->from += place.value < cursor && text[place.value] == '-';
    complete_field(text + out->from, cursor - out->from, out);
}
