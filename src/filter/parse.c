/* From the text to terms, in one pass from left to right; the first fault ends it. Values are
 * judged by the kind of their field, so a typing error is a sentence and not an empty list. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "filter/fields.h"
#include "filter/time_value.h"
#include "formats/name.h"
#include "options/nearest.h"

#define SHOWN_MAX 40 /* bytes of a foreign word in a sentence */

struct parse {
    const char *text;
    size_t at;
    const struct filter_world *world;
    struct filter *filter;
    struct filter_fault *fault;
};

static godwit_err __attribute__((format(printf, 4, 5)))
wrong(struct parse *parse, size_t at, size_t end, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    parse->fault->at = at;
    parse->fault->size = end - at;
    vsnprintf(parse->fault->sentence, sizeof parse->fault->sentence, format, args);
    va_end(args);
    return GODWIT_ERR_FORMAT;
}

/* The word as it may stand in a sentence: `*` again where it was one, whole characters only. */
static const char *shown(const struct parse *parse, const struct filter_value *value,
                         char out[static SHOWN_MAX + 4])
{
    size_t size = value->size < SHOWN_MAX ? value->size : SHOWN_MAX;
    const char *text = parse->filter->text + value->at;
    while (size < value->size && size && ((uint8_t)text[size] & 0xC0) == 0x80)
        size--;
    for (size_t i = 0; i < size; i++)
        out[i] = text[i];
    for (size_t i = 0; i < size; i++)
        if (out[i] == FILTER_ANY_TEXT) out[i] = '*';
    snprintf(out + size, 4, "%s", size < value->size ? "…" : "");
    return out;
}

/* ---- fields ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static godwit_err no_field(struct parse *parse, size_t at, size_t end)
{
    char word[SHOWN_MAX], list[128] = "";
    snprintf(word, sizeof word, "%.*s", (int)(end - at), parse->text + at);
    const char *nearest = NULL;
    size_t distance, used = 0;
    for (enum filter_field i = 0; i < FILTER_FIELDS_COUNT; i++) {
        nearest_take(word, FILTER_ROWS[i].name, &nearest, &distance);
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                 FILTER_ROWS[i].name);
    }
    if (nearest)
        return wrong(parse, at, end, "there is no field '%s'; did you mean '%s:'?", word, nearest);
    return wrong(parse, at, end,
                 "there is no field '%s'; there are %s (a word that holds ':' needs quotes)", word,
                 list);
}

/* `name:` in front of the values; without it the term looks anywhere. */
static godwit_err read_field(struct parse *parse, uint8_t *field_out)
{
    size_t at = parse->at, end = at;
    while (is_word(parse->text[end]))
        end++;
    *field_out = FILTER_ANYWHERE;
    if (end == at || parse->text[end] != ':') return GODWIT_OK;
    *field_out = (uint8_t)filter_field_named(parse->text + at, end - at);
    if (*field_out == FILTER_ANYWHERE) return no_field(parse, at, end);
    parse->at = end + 1;
    return GODWIT_OK;
}

/* ---- values ---- */

static uint8_t read_op(struct parse *parse)
{
    char first = parse->text[parse->at];
    if (first != '<' && first != '>') return FILTER_IS;
    parse->at++;
    bool is_also_equal = parse->text[parse->at] == '=';
    parse->at += is_also_equal;
    if (first == '<') return is_also_equal ? FILTER_AT_MOST : FILTER_LESS;
    return is_also_equal ? FILTER_AT_LEAST : FILTER_GREATER;
}

static void put(struct parse *parse, char c)
{
    struct filter *filter = parse->filter;
    filter->text[filter->text_size++] = c;
}

/* The characters of one value, unquoted, into filter.text. */
static godwit_err read_text(struct parse *parse, struct filter_value *value)
{
    const char *text = parse->text;
    size_t first = parse->at;
    bool is_quoted = false, was_quoted = false;
    value->at = (uint16_t)parse->filter->text_size;
    for (; text[parse->at]; parse->at++) {
        char c = text[parse->at];
        if (!is_quoted && (c == ' ' || c == ',')) break;
        if (c == '"') {
            is_quoted = !is_quoted;
            was_quoted = true;
        } else if (c == '\\' && text[parse->at + 1]) {
            put(parse, text[++parse->at]);
        } else {
            put(parse, c == '*' ? FILTER_ANY_TEXT : c);
        }
    }
    value->size = (uint16_t)(parse->filter->text_size - value->at);
    if (is_quoted)
        return wrong(parse, first, parse->at, "a quote is opened and not closed; close it with \"");
    if (!value->size && !was_quoted)
        return wrong(parse, first, parse->at, "a value is missing; \"\" is the empty one");
    return GODWIT_OK;
}

static godwit_err no_value(struct parse *parse, enum filter_field field,
                           const struct filter_value *value, size_t first)
{
    char word[SHOWN_MAX + 4], list[160] = "";
    const char *known, *nearest = NULL, *name = FILTER_ROWS[field].name;
    size_t distance, used = 0, i = 0;
    shown(parse, value, word);
    for (; (known = filter_known_at(parse->world, field, i)); i++)
        nearest_take(word, known, &nearest, &distance);
    if (nearest)
        return wrong(parse, first, parse->at, "there is no %s '%s'; did you mean '%s'?", name, word,
                     nearest);
    for (i = 0; (known = filter_known_at(parse->world, field, i)); i++) {
        if (used + strlen(known) + 8 >= sizeof list) break;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known);
    }
    return wrong(parse, first, parse->at, "there is no %s '%s'; there are %s%s", name, word, list,
                 known ? ", …" : "");
}

/* The value is on the list of its field and gets the spelling that it has there, or is a pattern,
 * or empty; or there is no list. Where two differ in case alone, the one that was typed. */
static godwit_err take_word(struct parse *parse, enum filter_field field,
                            const struct filter_value *value, size_t first)
{
    char *text = parse->filter->text + value->at;
    const char *known, *found = NULL;
    if (!value->size || memchr(text, FILTER_ANY_TEXT, value->size)) return GODWIT_OK;
    if (!filter_known_at(parse->world, field, 0)) return GODWIT_OK;
    for (size_t i = 0; (known = filter_known_at(parse->world, field, i)); i++) {
        if (strlen(known) != value->size || strncasecmp(known, text, value->size) != 0) continue;
        if (!found || !memcmp(known, text, value->size)) found = known;
    }
    if (!found) return no_value(parse, field, value, first);
    memcpy(text, found, value->size);
    return GODWIT_OK;
}

static struct filter_value *value_add(struct parse *parse, struct filter_term *term)
{
    struct filter *filter = parse->filter;
    if (filter->values_count == FILTER_VALUES_MAX) return NULL;
    term->values_count++;
    return &filter->values[filter->values_count++];
}

static godwit_err too_many(struct parse *parse, size_t first)
{
    return wrong(parse, first, parse->at, "a filter has at most %d values; leave some out",
                 FILTER_VALUES_MAX);
}

/* `site` is that tag, or any with the key `site`. */
static godwit_err take_tag(struct parse *parse, struct filter_term *term,
                           const struct filter_value *value, size_t first)
{
    struct filter *filter = parse->filter;
    if (memchr(filter->text + value->at, '=', value->size)) return GODWIT_OK;
    struct filter_value *with_value = value_add(parse, term);
    if (!with_value) return too_many(parse, first);
    *with_value = *value;
    with_value->at = (uint16_t)filter->text_size;
    with_value->size = (uint16_t)(value->size + 2);
    for (size_t i = 0; i < value->size; i++)
        put(parse, filter->text[value->at + i]);
    put(parse, '=');
    put(parse, FILTER_ANY_TEXT);
    return GODWIT_OK;
}

static godwit_err take_time(struct parse *parse, struct filter_value *value, size_t first,
                            const char *name)
{
    switch (time_value_read(parse->filter->text + value->at, parse->world->now_s, value)) {
    case TIME_VALUE_FINE:
        return GODWIT_OK;
    case TIME_VALUE_AGE_ALONE:
        return wrong(parse, first, parse->at,
                     "%s:<7d finds what is younger than 7 days and %s:>7d what is older; an age "
                     "needs < or >",
                     name, name);
    default:
        return wrong(parse, first, parse->at,
                     "%s takes an age (90s, 5m, 3h, 7d, 2w) behind < or >, or a date like "
                     "2026-01-31",
                     name);
    }
}

static godwit_err check_op(struct parse *parse, const struct filter_term *term,
                           const struct filter_value *value, size_t first)
{
    if (value->op == FILTER_IS || term->field == FILTER_ANYWHERE) return GODWIT_OK;
    const char *name = FILTER_ROWS[term->field].name;
    enum filter_kind kind = FILTER_ROWS[term->field].kind;
    const char *text = parse->filter->text + value->at;
    if (kind == FILTER_KIND_TIME) return GODWIT_OK;
    if (kind != FILTER_KIND_VERSION)
        return wrong(parse, first, parse->at,
                     "%s does not compare; < and > are for version, seen and joined", name);
    bool is_version = value->size && value->size <= VERSION_KEY_SIZE_MAX;
    if (is_version && !memchr(text, FILTER_ANY_TEXT, value->size)) return GODWIT_OK;
    return wrong(parse, first, parse->at, "version:< and version:> take a version like 1.4.0");
}

/* Words without `*` keep their case until take_word. */
static void fold_value(struct parse *parse, const struct filter_term *term,
                       const struct filter_value *value)
{
    char *text = parse->filter->text + value->at;
    bool is_word =
        term->field != FILTER_ANYWHERE && FILTER_ROWS[term->field].kind == FILTER_KIND_WORD;
    parse->filter->text[parse->filter->text_size] = '\0';
    if (!is_word || memchr(text, FILTER_ANY_TEXT, value->size))
        filter_fold(text, text, value->size + 1U);
}

static godwit_err read_value(struct parse *parse, struct filter_term *term)
{
    size_t first = parse->at;
    struct filter_value *value = value_add(parse, term);
    if (!value) return too_many(parse, first);
    value->op = term->field == FILTER_ANYWHERE ? FILTER_IS : read_op(parse);
    godwit_err err = read_text(parse, value);
    if (!err) err = check_op(parse, term, value, first);
    if (err) return err;
    fold_value(parse, term, value);
    if (term->field == FILTER_ANYWHERE) return GODWIT_OK;
    switch (FILTER_ROWS[term->field].kind) {
    case FILTER_KIND_TIME:
        return take_time(parse, value, first, FILTER_ROWS[term->field].name);
    case FILTER_KIND_TAG:
        return take_tag(parse, term, value, first);
    case FILTER_KIND_WORD:
        return take_word(parse, (enum filter_field)term->field, value, first);
    default:
        return GODWIT_OK;
    }
}

static bool names_retired(const struct filter *filter, const struct filter_term *term)
{
    if (term->is_not || term->field != FILTER_STATE) return false;
    for (size_t i = 0; i < term->values_count; i++) {
        const struct filter_value *value = &filter->values[term->values_at + i];
        if (filter_pattern_is(filter->text + value->at, value->size, FILTER_STATE_RETIRED))
            return true;
    }
    return false;
}

static godwit_err read_term(struct parse *parse)
{
    struct filter *filter = parse->filter;
    if (filter->terms_count == FILTER_TERMS_MAX)
        return wrong(parse, parse->at, strlen(parse->text),
                     "a filter has at most %d words; leave some out", FILTER_TERMS_MAX);
    struct filter_term *term = &filter->terms[filter->terms_count++];
    *term = (struct filter_term){.values_at = (uint8_t)filter->values_count};
    term->is_not = parse->text[parse->at] == '-';
    parse->at += term->is_not;
    godwit_err err = read_field(parse, &term->field);
    if (!err) err = read_value(parse, term);
    while (!err && parse->text[parse->at] == ',') {
        parse->at++;
        err = read_value(parse, term);
    }
    if (!err && names_retired(filter, term)) filter->finds_retired = true;
    return err;
}

static godwit_err check_text(struct parse *parse)
{
    char clean[FILTER_TEXT_MAX + 1];
    size_t size = strnlen(parse->text, FILTER_TEXT_MAX + 1);
    if (size > FILTER_TEXT_MAX)
        return wrong(parse, FILTER_TEXT_MAX, size, "a filter is at most %d bytes long",
                     FILTER_TEXT_MAX);
    godwit_text_clean(parse->text, clean);
    size_t at = 0;
    while (at < size && clean[at] == parse->text[at])
        at++;
    if (at == size) return GODWIT_OK;
    return wrong(parse, at, at + 1,
                 "the filter holds a character that can not be printed, or is not UTF-8");
}

godwit_err filter_parse(const char *text, const struct filter_world *world,
                        struct filter *filter_out, struct filter_fault *fault_out)
{
    struct parse parse = {text, 0, world, filter_out, fault_out};
    memset(filter_out, 0, sizeof *filter_out);
    memset(fault_out, 0, sizeof *fault_out);
    godwit_err err = check_text(&parse);
    while (!err) {
        parse.at += strspn(text + parse.at, " ");
        if (!text[parse.at]) return GODWIT_OK;
        err = read_term(&parse);
    }
    return err;
}
