/* A filter against one device. sql.c says the same to a database; tests hold them together. */
#include <string.h>

#include "filter/fields.h"

static bool compares(uint8_t op, int order)
{
    switch (op) {
    case FILTER_LESS:
        return order < 0;
    case FILTER_GREATER:
        return order > 0;
    case FILTER_AT_MOST:
        return order <= 0;
    case FILTER_AT_LEAST:
        return order >= 0;
    default:
        return order == 0;
    }
}

static bool version_is(const struct filter *filter, const struct filter_value *value,
                       const char *version)
{
    char wanted[FILTER_TEXT_MAX + 1] = "", keys[2][VERSION_KEY_MAX];
    memcpy(wanted, filter->text + value->at, value->size);
    version_key(version, keys[0]);
    version_key(wanted, keys[1]);
    return compares(value->op, strcmp(keys[0], keys[1]));
}

static bool time_is(const struct filter_value *value, int64_t time_s)
{
    if (value->op == FILTER_IS)
        return time_s >= value->number && time_s < value->number + FILTER_DAY_S;
    return compares(value->op, (time_s > value->number) - (time_s < value->number));
}

static bool text_is(const struct filter *filter, const struct filter_value *value, const char *text)
{
    return filter_pattern_is(filter->text + value->at, value->size, text);
}

static bool text_holds(const struct filter *filter, const struct filter_value *value,
                       const char *text)
{
    char pattern[FILTER_TEXT_MAX + 3] = {FILTER_ANY_TEXT};
    memcpy(pattern + 1, filter->text + value->at, value->size);
    pattern[value->size + 1] = FILTER_ANY_TEXT;
    return filter_pattern_is(pattern, value->size + 2U, text);
}

static const char *text_of(const struct filter_facts *facts, uint8_t field)
{
    switch (field) {
    case FILTER_ID:
        return facts->id;
    case FILTER_NAME:
        return facts->name;
    case FILTER_PRODUCT:
        return facts->product;
    case FILTER_VERSION:
        return facts->version;
    case FILTER_STATE:
        return facts->state;
    case FILTER_REASON:
        return facts->reason;
    case FILTER_CAUSE:
        return facts->cause;
    case FILTER_CHIP:
        return facts->chip;
    case FILTER_SLOT:
        return facts->slot;
    case FILTER_IDF:
        return facts->idf;
    default:
        return facts->agent;
    }
}

static bool any_tag_is(const struct filter *filter, const struct filter_value *value,
                       const struct filter_facts *facts)
{
    for (size_t i = 0; i < facts->tags_count; i++)
        if (text_is(filter, value, facts->tags[i])) return true;
    return false;
}

static bool value_is(const struct filter *filter, const struct filter_term *term,
                     const struct filter_value *value, const struct filter_facts *facts)
{
    if (term->field == FILTER_ANYWHERE)
        return text_holds(filter, value, facts->name) || text_holds(filter, value, facts->id) ||
               text_holds(filter, value, facts->version);
    const char *pattern = filter->text + value->at, *text = text_of(facts, term->field);
    enum filter_kind kind = FILTER_ROWS[term->field].kind;
    if (kind == FILTER_KIND_TIME)
        return time_is(value, term->field == FILTER_SEEN ? facts->last_seen_s : facts->joined_s);
    if (kind == FILTER_KIND_TAG) return any_tag_is(filter, value, facts);
    if (kind == FILTER_KIND_VERSION && value->op != FILTER_IS)
        return version_is(filter, value, text);
    if (kind == FILTER_KIND_WORD && !memchr(pattern, FILTER_ANY_TEXT, value->size))
        return strlen(text) == value->size && !memcmp(text, pattern, value->size);
    return text_is(filter, value, text);
}

bool filter_matches(const struct filter *filter, const struct filter_facts *facts)
{
    if (!filter->finds_retired && !strcmp(facts->state, FILTER_STATE_RETIRED)) return false;
    for (size_t i = 0; i < filter->terms_count; i++) {
        const struct filter_term *term = &filter->terms[i];
        bool is_any = false;
        for (size_t k = 0; k < term->values_count && !is_any; k++)
            is_any = value_is(filter, term, &filter->values[term->values_at + k], facts);
        if (is_any == term->is_not) return false;
    }
    return true;
}
