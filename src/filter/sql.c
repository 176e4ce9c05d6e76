/* The condition is put together from the table of fields alone; every value is a parameter. */
#include "filter/sql.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "filter/fields.h"

#define DEVICE_ID_SIZE 16

struct build {
    const struct filter *filter;
    struct filter_sql *out;
    size_t first;
};

static void __attribute__((format(printf, 2, 3))) add(struct build *build, const char *format, ...)
{
    struct filter_sql *out = build->out;
    va_list args;
    va_start(args, format);
    int size =
        vsnprintf(out->text + out->text_size, sizeof out->text - out->text_size, format, args);
    va_end(args);
    assert(size >= 0 && out->text_size + (size_t)size < sizeof out->text);
    out->text_size += (size_t)size;
}

/* The parameter's number in the statement. */
static size_t bind(struct build *build, struct db_value value)
{
    struct filter_sql *out = build->out;
    assert(out->values_count < FILTER_SQL_VALUES_MAX);
    out->values[out->values_count] = value;
    return build->first + out->values_count++;
}

static void put(struct filter_sql *out, char c)
{
    assert(out->bytes_size < sizeof out->bytes);
    out->bytes[out->bytes_size++] = (uint8_t)c;
}

/* The pattern for `like … escape '\'`. */
static struct db_value like_value(struct build *build, const struct filter_value *value,
                                  bool is_anywhere)
{
    struct filter_sql *out = build->out;
    size_t from = out->bytes_size;
    if (is_anywhere) put(out, '%');
    for (size_t i = 0; i < value->size; i++) {
        char c = build->filter->text[value->at + i];
        if (c == '%' || c == '_' || c == '\\') put(out, '\\');
        put(out, c == FILTER_ANY_TEXT ? '%' : c);
    }
    if (is_anywhere) put(out, '%');
    return (struct db_value){DB_TEXT, 0, out->bytes + from, out->bytes_size - from};
}

/* Columns that are not folded fold here. */
static void add_column(struct build *build, const struct filter_row *row)
{
    bool is_folded =
        row->kind == FILTER_KIND_ID || row->kind == FILTER_KIND_KEY || row->kind == FILTER_KIND_TAG;
    add(build, is_folded ? "%s" : "lower(%s)", row->column);
}

static void add_anywhere(struct build *build, const struct filter_value *value)
{
    size_t number = bind(build, like_value(build, value, true));
    static const enum filter_field FIELDS[] = {FILTER_NAME, FILTER_ID, FILTER_VERSION};
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        if (i) add(build, " or ");
        add_column(build, &FILTER_ROWS[FIELDS[i]]);
        add(build, " like $%zu escape '\\'", number);
    }
}

static const char *const OPS[] = {"=", "<", ">", "<=", ">="};

/* The version's key in an index; it alone is no proof that two are the same. */
static void add_version_key(struct build *build, const struct filter_value *value)
{
    struct filter_sql *out = build->out;
    char version[FILTER_TEXT_MAX + 1] = "", *key = (char *)out->bytes + out->bytes_size;
    assert(out->bytes_size + VERSION_KEY_MAX <= sizeof out->bytes);
    memcpy(version, build->filter->text + value->at, value->size);
    version_key(version, key);
    out->bytes_size += strlen(key);
    add(build, "version_key %s $%zu", OPS[value->op], bind(build, db_text(key)));
}

static void add_pattern(struct build *build, const struct filter_row *row,
                        const struct filter_value *value)
{
    const char *text = build->filter->text + value->at;
    if (memchr(text, FILTER_ANY_TEXT, value->size)) {
        add_column(build, row);
        add(build, " like $%zu escape '\\'", bind(build, like_value(build, value, false)));
        return;
    }
    if (row->kind == FILTER_KIND_VERSION) {
        add_version_key(build, value);
        add(build, " and ");
    }
    if (row->kind == FILTER_KIND_WORD)
        add(build, "%s", row->column);
    else
        add_column(build, row);
    add(build, " = $%zu", bind(build, (struct db_value){DB_TEXT, 0, text, value->size}));
}

/* By the bytes, which have an index. */
static void add_id(struct build *build, const struct filter_row *row,
                   const struct filter_value *value)
{
    struct filter_sql *out = build->out;
    uint8_t *id = out->bytes + out->bytes_size;
    assert(out->bytes_size + DEVICE_ID_SIZE <= sizeof out->bytes);
    memset(id, 0, DEVICE_ID_SIZE);
    if (godwit_hex_decode(build->filter->text + value->at, value->size, id, 6)) {
        add_pattern(build, row, value);
        return;
    }
    out->bytes_size += DEVICE_ID_SIZE;
    add(build, "device_id = $%zu", bind(build, db_blob(id, DEVICE_ID_SIZE)));
}

static void add_tag(struct build *build, const struct filter_row *row,
                    const struct filter_value *value)
{
    add(build, "id in (select device from tags where ");
    add_pattern(build, row, value);
    add(build, ")");
}

static void add_time(struct build *build, const struct filter_row *row,
                     const struct filter_value *value)
{
    size_t number = bind(build, db_int(value->number));
    if (value->op != FILTER_IS) {
        add(build, "%s %s $%zu", row->column, OPS[value->op], number);
        return;
    }
    size_t end = bind(build, db_int(value->number + FILTER_DAY_S));
    add(build, "(%s >= $%zu and %s < $%zu)", row->column, number, row->column, end);
}

static void add_value(struct build *build, const struct filter_term *term,
                      const struct filter_value *value)
{
    if (term->field == FILTER_ANYWHERE) {
        add_anywhere(build, value);
        return;
    }
    const struct filter_row *row = &FILTER_ROWS[term->field];
    if (row->kind == FILTER_KIND_TIME)
        add_time(build, row, value);
    else if (row->kind == FILTER_KIND_VERSION && value->op != FILTER_IS)
        add_version_key(build, value);
    else if (row->kind == FILTER_KIND_TAG)
        add_tag(build, row, value);
    else if (row->kind == FILTER_KIND_ID)
        add_id(build, row, value);
    else
        add_pattern(build, row, value);
}

void filter_sql(const struct filter *filter, size_t first, struct filter_sql *out)
{
    struct build build = {filter, out, first};
    out->text_size = out->bytes_size = out->values_count = 0;
    add(&build, filter->finds_retired ? "(1 = 1" : "(state <> '" FILTER_STATE_RETIRED "'");
    for (size_t i = 0; i < filter->terms_count; i++) {
        const struct filter_term *term = &filter->terms[i];
        add(&build, " and %s(", term->is_not ? "not " : "");
        for (size_t k = 0; k < term->values_count; k++) {
            if (k) add(&build, " or ");
            add_value(&build, term, &filter->values[term->values_at + k]);
        }
        add(&build, ")");
    }
    add(&build, ")");
}
