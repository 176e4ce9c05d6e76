/* The condition is put together from the table of fields alone; every value is a parameter. */
#include "filter/sql.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "filter/fields.h"

#define DEVICE_ID_SIZE 16

struct build {
    const struct filter *filter;
    struct filter_sql *out;
    size_t first;
    size_t key_end; /* of the last comparison of a version's key, in out->text; 0: none */
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

/* Whether the hex digits of an id could hold it. */
static bool is_of_id(const struct build *build, const struct filter_value *value)
{
    const char *text = build->filter->text + value->at;
    for (size_t i = 0; i < value->size; i++)
        if (text[i] != FILTER_ANY_TEXT && !memchr("0123456789abcdef", text[i], 16)) return false;
    return true;
}

static void add_anywhere(struct build *build, const struct filter_value *value)
{
    size_t number = bind(build, like_value(build, value, true));
    static const enum filter_field FIELDS[] = {FILTER_NAME, FILTER_VERSION, FILTER_ID};
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        if (FIELDS[i] == FILTER_ID && !is_of_id(build, value)) continue;
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
    build->key_end = out->text_size;
}

/* `text*` of a column that is folded: a stretch of its index. The text behind all that begin so is
 * the same with a last byte that is one greater, which is still a character if it was of ASCII. */
static bool is_stretch(const char *text, size_t size, const struct filter_row *row)
{
    if (row->kind != FILTER_KIND_KEY && row->kind != FILTER_KIND_TAG &&
        row->kind != FILTER_KIND_TEXT)
        return false;
    return size > 1 && memchr(text, FILTER_ANY_TEXT, size) == text + size - 1 &&
           (uint8_t)text[size - 2] < 0x7f;
}

static void add_stretch(struct build *build, const struct filter_row *row, const char *text,
                        size_t size)
{
    struct filter_sql *out = build->out;
    uint8_t *end = out->bytes + out->bytes_size;
    for (size_t i = 0; i < size; i++)
        put(out, text[i]);
    end[size - 1]++;
    size_t from = bind(build, (struct db_value){DB_TEXT, 0, text, size});
    size_t to = bind(build, (struct db_value){DB_TEXT, 0, end, size});
    add(build, "(");
    add_column(build, row);
    add(build, " >= $%zu and ", from);
    add_column(build, row);
    add(build, " < $%zu)", to);
}

static void add_pattern(struct build *build, const struct filter_row *row,
                        const struct filter_value *value)
{
    const char *text = build->filter->text + value->at;
    if (is_stretch(text, value->size, row)) {
        add_stretch(build, row, text, value->size - 1U);
        return;
    }
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
    else if (row->kind == FILTER_KIND_ID)
        add_id(build, row, value);
    else
        add_pattern(build, row, value);
}

static bool is_plain(const struct filter *filter, const struct filter_value *value)
{
    return value->op == FILTER_IS &&
           !memchr(filter->text + value->at, FILTER_ANY_TEXT, value->size);
}

/* The column of which all values of the term say something that an index takes; NULL: none. */
static const char *indexed_column(const struct filter *filter, const struct filter_term *term)
{
    if (term->is_not || term->field == FILTER_ANYWHERE) return NULL;
    const struct filter_row *row = &FILTER_ROWS[term->field];
    bool is_range = false;
    for (size_t k = 0; k < term->values_count; k++) {
        const struct filter_value *value = &filter->values[term->values_at + k];
        const char *text = filter->text + value->at;
        if (row->kind == FILTER_KIND_ID && value->size != 12) return NULL;
        bool is_value = is_plain(filter, value);
        if (row->kind != FILTER_KIND_TIME && value->op == FILTER_IS && !is_value &&
            !is_stretch(text, value->size, row))
            return NULL;
        is_range |= !is_value || row->kind == FILTER_KIND_TIME;
    }
    /* Of "or" SQLite makes a list that an index takes where each says one "column = value". */
    if (term->values_count > 1 && (is_range || row->kind == FILTER_KIND_VERSION)) return NULL;
    switch (row->kind) {
    case FILTER_KIND_ID:
        return "device_id";
    case FILTER_KIND_VERSION:
        return "version_key";
    case FILTER_KIND_TAG:
        return NULL;
    default:
        return row->column;
    }
}

/* The same where the index is of the column itself, and so in its order. */
static const char *bounded_column(const struct filter *filter, const struct filter_term *term)
{
    const char *column = indexed_column(filter, term);
    return column && FILTER_ROWS[term->field].kind == FILTER_KIND_TEXT ? NULL : column;
}

static void note_bound(struct filter_sql *out, const char *column, size_t at, bool is_list)
{
    if (!column) return;
    out->bounds[out->bounds_count++] =
        (struct filter_sql_bound){column, (uint16_t)at, (uint16_t)(out->text_size - at), is_list};
}

/* The bound with another name for its column. */
static void add_bound(struct godwit_text *out, const char *text, size_t size, const char *column,
                      const char *as)
{
    const char *end = text + size;
    while (text < end) {
        const char *at = memmem(text, (size_t)(end - text), column, strlen(column));
        godwit_text_add_bytes(out, text, (size_t)((at ? at : end) - text));
        if (at) godwit_text_add(out, as);
        text = at ? at + strlen(column) : end;
    }
}

void filter_sql_narrow(const struct filter_sql *sql, const char *column, const char *as,
                       bool from_start, char out[static FILTER_SQL_TEXT_MAX])
{
    struct godwit_text text;
    godwit_text_init(&text, out, FILTER_SQL_TEXT_MAX);
    for (size_t i = 0; i < sql->bounds_count; i++) {
        const struct filter_sql_bound *bound = &sql->bounds[i];
        if (strcmp(bound->column, column) != 0 || (bound->is_list && !from_start)) continue;
        if (text.size) godwit_text_add(&text, " and ");
        add_bound(&text, sql->text + bound->at, bound->size, column, as);
    }
}

bool filter_sql_way(const struct filter_sql *sql, size_t index, enum filter_sql_way *way_out,
                    char out[static FILTER_SQL_TEXT_MAX])
{
    static const char *const HEADS[] = {
        [FILTER_BY_INDEX] = "select id as device from devices",
        [FILTER_BY_TAG] = "select distinct device from tags",
        [FILTER_BY_SCAN] = "select id as device from devices",
    };
    for (unsigned way = FILTER_BY_INDEX; way <= FILTER_BY_SCAN; way++)
        for (size_t i = 0; i < sql->terms_count; i++) {
            const struct filter_sql_term *term = &sql->terms[i];
            if (term->way != way || index--) continue;
            *way_out = term->way;
            int size = snprintf(out, FILTER_SQL_TEXT_MAX, "%s where org = $1 and (%.*s)",
                                HEADS[way], (int)term->size, sql->text + term->at);
            if (term->or_size)
                snprintf(out + size, FILTER_SQL_TEXT_MAX - (size_t)size,
                         " union all %s where org = $1 and (%.*s)", HEADS[way], (int)term->or_size,
                         sql->text + term->or_at);
            return true;
        }
    return false;
}

static void note_way(struct filter_sql *out, enum filter_sql_way way, size_t at, size_t end)
{
    out->terms[out->terms_count++] =
        (struct filter_sql_term){way, (uint16_t)at, (uint16_t)(end - at), 0, 0};
}

/* `-state:failed` as what lies on either side of it, for that is two stretches of its index. */
static bool is_other(const struct filter *filter, const struct filter_term *term)
{
    return term->is_not && term->field != FILTER_ANYWHERE && term->values_count == 1 &&
           FILTER_ROWS[term->field].kind == FILTER_KIND_WORD &&
           is_plain(filter, &filter->values[term->values_at]);
}

static void add_other(struct build *build, const struct filter_row *row,
                      const struct filter_value *value)
{
    struct filter_sql *out = build->out;
    const char *text = build->filter->text + value->at;
    size_t number = bind(build, (struct db_value){DB_TEXT, 0, text, value->size});
    size_t at = out->text_size;
    add(build, "%s < $%zu", row->column, number);
    note_way(out, FILTER_BY_INDEX, at, out->text_size);
    struct filter_sql_term *term = &out->terms[out->terms_count - 1];
    add(build, " or ");
    term->or_at = (uint16_t)out->text_size;
    add(build, "%s > $%zu", row->column, number);
    term->or_size = (uint16_t)(out->text_size - term->or_at);
}

static void add_values(struct build *build, const struct filter_term *term)
{
    for (size_t k = 0; k < term->values_count; k++) {
        if (k) add(build, " or ");
        add_value(build, term, &build->filter->values[term->values_at + k]);
    }
}

/* Within its parentheses. A word that is looked for anywhere, or a pattern, has no index to begin
 * in, and devices_by_words to be looked for in. */
static void add_term(struct build *build, const struct filter_term *term)
{
    struct filter_sql *out = build->out;
    size_t at = out->text_size;
    const struct filter_row *row =
        term->field == FILTER_ANYWHERE ? NULL : &FILTER_ROWS[term->field];
    if (row && row->kind == FILTER_KIND_TAG) {
        add(build, "exists (select 1 from tags where device = devices.id and (");
        at = out->text_size;
        add_values(build, term);
        if (!term->is_not) note_way(out, FILTER_BY_TAG, at, out->text_size);
        add(build, "))");
        return;
    }
    if (is_other(build->filter, term)) {
        add_other(build, row, &build->filter->values[term->values_at]);
        return;
    }
    build->key_end = 0;
    add_values(build, term);
    if (term->is_not) return;
    if (!indexed_column(build->filter, term))
        note_way(out, FILTER_BY_SCAN, at, out->text_size);
    else /* its index has the version's key, and not its text */
        note_way(out, FILTER_BY_INDEX, at, build->key_end ? build->key_end : out->text_size);
}

void filter_sql(const struct filter *filter, size_t first, struct filter_sql *out)
{
    struct build build = {filter, out, first, 0};
    out->text_size = out->bytes_size = out->values_count = out->bounds_count = 0;
    out->terms_count = 0;
    add(&build, filter->finds_retired ? "(1 = 1" : "(state <> '" FILTER_STATE_RETIRED "'");
    for (size_t i = 0; i < filter->terms_count; i++) {
        const struct filter_term *term = &filter->terms[i];
        add(&build, " and %s", term->is_not && !is_other(filter, term) ? "not " : "");
        size_t at = out->text_size;
        add(&build, "(");
        add_term(&build, term);
        add(&build, ")");
        note_bound(out, bounded_column(filter, term), at, term->values_count > 1);
    }
    add(&build, ")");
}
