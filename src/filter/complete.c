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

static void add(struct filter_completion *out, const char *text, const char *after,
                const char *sentence)
{
    if (out->count == FILTER_CANDIDATES_MAX) return;
    struct filter_candidate *candidate = &out->candidates[out->count];
    bool needs_quotes = strpbrk(text, " ,\"\\") != NULL;
    const char *quote = needs_quotes ? "\"" : "";
    int size =
        snprintf(candidate->text, sizeof candidate->text, "%s%s%s%s", quote, text, quote, after);
    if (size < 0 || (size_t)size >= sizeof candidate->text || strpbrk(text, "\"\\")) return;
    candidate->sentence = sentence;
    out->count++;
}

static void complete_field(const char *part, size_t size, struct filter_completion *out)
{
    for (enum filter_field i = 0; i < FILTER_FIELDS_COUNT; i++)
        if (begins_with(FILTER_ROWS[i].name, part, size))
            add(out, FILTER_ROWS[i].name, ":", FILTER_ROWS[i].sentence);
}

void filter_complete(const char *text, size_t cursor, const struct filter_world *world,
                     struct filter_completion *out)
{
    struct place place = place_of(text, cursor);
    const char *known;
    out->count = 0;
    out->from = place.value;
    if (place.value < cursor && text[place.value] == '-' && !place.field_end) out->from++;
    const char *part = text + out->from;
    size_t size = cursor - out->from;
    if (!place.field_end) {
        if (place.value == place.term) complete_field(part, size, out);
        return;
    }
    size_t from = place.term + (text[place.term] == '-');
    if (*part == '"' && size) {
        part++;
        size--;
    }
    for (enum filter_field i = 0; i < FILTER_FIELDS_COUNT; i++) {
        size_t name_size = strlen(FILTER_ROWS[i].name);
        if (name_size != place.field_end - from ||
            strncasecmp(FILTER_ROWS[i].name, text + from, name_size) != 0)
            continue;
        for (size_t k = 0; (known = filter_known_at(world, i, k)); k++)
            if (begins_with(known, part, size)) add(out, known, "", "");
    }
}
