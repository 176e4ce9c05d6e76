/* The two answers to one question: what the database finds by a filter's SQL, and what the
 * predicate says of each device, over random fleets and random filters; and that nobody's text
 * becomes SQL. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "filter/sql.h"
#include "store/store.h"
#include "temp_dir.h"

#define DEVICES 60
#define FLEETS 150
#define FILTERS 60 /* in each fleet */
#define TAGS_MAX 3
#define STATEMENTS 300 /* more than a connection keeps, by address */

static char dir[64];
static struct db *db;
static unsigned seed = 1;
static unsigned long found_total, parsed_total;

struct device {
    char id[13], version_key[VERSION_KEY_MAX], name_key[65], tag_keys[TAGS_MAX][65];
    const char *tags[TAGS_MAX];
    struct filter_facts facts;
};
static struct device devices[DEVICES];

static unsigned random_below(unsigned end)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % end;
}
#define ONE_OF(...)         \
    ((const char *const[]){ \
        __VA_ARGS__}[random_below(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))])

static int setup(void **state)
{
    (void)state;
    char path[96], note[256];
    temp_dir_make(dir);
    snprintf(path, sizeof path, "%s/t.db", dir);
    assert_int_equal(db_open(path, false, &db, note, sizeof note), GODWIT_OK);
    return db_script(
        db, "create table devices (id integer primary key, device_id blob, id_text text,"
            " name_key text, product_name text, shown_version text, version_key text, state text,"
            " reason text, cause text, chip text, slot text, idf_version text, agent_version text,"
            " last_seen integer, created integer);"
            "create table tags (device integer, tag_key text)");
}

static int teardown(void **state)
{
    (void)state;
    db_close(db);
    temp_dir_drop(dir);
    return 0;
}

static const char *any_name(void)
{
    return ONE_OF("", "Kitchen", "kitchen 2", "Küche", "KÜCHE", "50% off", "a_b", "a\\b",
                  "x'; drop table devices", "a*b", "aXb", "\"q\"", "1.4", "0267");
}

static const char *any_version(void)
{
    return ONE_OF("", "1.4", "1.4.0", "v1.4.0", "1.4.0-rc1", "1.4.0-RC1", "1.10.0", "1.9", "2",
                  "0.9-beta", "1.4.0+b7", "dev", "ab_c");
}

static const char *any_tag(void)
{
    return ONE_OF("beta", "site=Berlin", "site=berlin", "site=", "site", "dev.room=1", "a_b=%",
                  "Beta2");
}

static struct filter_facts random_facts(void)
{
    return (struct filter_facts){
        .name = any_name(),
        .product = ONE_OF("thermostat", "Thermo_1", "door 50%"),
        .version = any_version(),
        .state = ONE_OF("up-to-date", "failed", "queued", FILTER_STATE_RETIRED),
        .reason = ONE_OF("up-to-date", "failed-before", "queued"),
        .cause = ONE_OF("", "", "trial-panic", "unsigned"),
        .chip = ONE_OF("esp32", "esp32c3", "esp32s3", FILTER_CHIP_UNKNOWN),
        .slot = ONE_OF("ota_0", "ota_1", "factory", ""),
        .idf = ONE_OF("v5.5", "v5.1-DIRTY", ""),
        .agent = ONE_OF("0.1.0", "0.2.0"),
        .last_seen_s = NOW_S - (int64_t)random_below(20) * 43200,
        .joined_s = NOW_S - (int64_t)random_below(400) * 86400 - 7,
    };
}

/* ---- the same for PostgreSQL: tests/tool/test_filter_postgres.py asks for it ---- */

static FILE *script; /* NULL: nobody asks */

static void put_literal(const struct db_value *value)
{
    const uint8_t *bytes = value->data;
    if (value->kind == DB_INT) {
        fprintf(script, "%lld", (long long)value->number);
        return;
    }
    fputs(value->kind == DB_BLOB ? "'\\x" : "'", script);
    for (size_t i = 0; i < value->size; i++) {
        if (value->kind == DB_BLOB)
            fprintf(script, "%02x", bytes[i]);
        else
            fprintf(script, bytes[i] == '\'' ? "''" : "%c", bytes[i]);
    }
    fputs("'", script);
}

/* What PostgreSQL finds, and in the next line what SQLite has found. */
static void write_filter(const struct filter *filter, const bool found[static DEVICES])
{
    static struct filter_sql sql;
    filter_sql(filter, 1, &sql);
    fprintf(script,
            "prepare q as select coalesce(string_agg(id::text, ',' order by id), '')"
            " from devices where %s;\nexecute q",
            sql.text);
    for (size_t i = 0; i < sql.values_count; i++) {
        fputs(i ? ", " : " (", script);
        put_literal(&sql.values[i]);
    }
    fprintf(script, "%s;\ndeallocate q;\n\\echo ", sql.values_count ? ")" : "");
    const char *comma = "";
    for (size_t i = 0; i < DEVICES; i++)
        if (found[i]) fprintf(script, "%s%zu", comma, i), comma = ",";
    fputs("\n", script);
}

static void write_device(const struct device *device, const struct db_value *values, size_t count)
{
    fputs("insert into devices values (", script);
    for (size_t i = 0; i < count; i++) {
        if (i) fputs(", ", script);
        put_literal(&values[i]);
    }
    fputs(");\n", script);
    for (size_t i = 0; i < device->facts.tags_count; i++) {
        const struct db_value tag = db_text(device->tag_keys[i]);
        fprintf(script, "insert into tags values (%lld, ", (long long)values[0].number);
        put_literal(&tag);
        fputs(");\n", script);
    }
}

static void insert(size_t place)
{
    struct device *device = &devices[place];
    const struct filter_facts *facts = &device->facts;
    uint8_t id[16] = {0};
    assert_int_equal(godwit_hex_decode(device->id, 12, id, 6), GODWIT_OK);
    const struct db_value values[] = {
        db_int((int64_t)place),       db_blob(id, 16),         db_text(device->id),
        db_text(device->name_key),    db_text(facts->product), db_text(facts->version),
        db_text(device->version_key), db_text(facts->state),   db_text(facts->reason),
        db_text(facts->cause),        db_text(facts->chip),    db_text(facts->slot),
        db_text(facts->idf),          db_text(facts->agent),   db_int(facts->last_seen_s),
        db_int(facts->joined_s)};
    assert_int_equal(
        db_run(db,
               "insert into devices values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
               " $14, $15, $16)",
               values, sizeof values / sizeof *values),
        GODWIT_OK);
    if (script) write_device(device, values, sizeof values / sizeof *values);
    for (size_t i = 0; i < facts->tags_count; i++)
        assert_int_equal(db_run(db, "insert into tags values ($1, $2)",
                                DB_ARGS(db_int((int64_t)place), db_text(device->tag_keys[i]))),
                         GODWIT_OK);
}

static void make_fleet(void)
{
    assert_int_equal(db_begin(db), GODWIT_OK);
    assert_int_equal(db_script(db, "delete from tags; delete from devices"), GODWIT_OK);
    if (script) fputs("delete from tags; delete from devices;\n", script);
    for (size_t i = 0; i < DEVICES; i++) {
        struct device *device = &devices[i];
        memset(device, 0, sizeof *device);
        device->facts = random_facts();
        snprintf(device->id, sizeof device->id, "026777%06x", random_below(0x10000) * 7);
        device->facts.id = device->id;
        filter_fold(device->name_key, device->facts.name, sizeof device->name_key);
        version_key(device->facts.version, device->version_key);
        device->facts.tags = device->tags;
        device->facts.tags_count = random_below(TAGS_MAX + 1);
        for (size_t k = 0; k < device->facts.tags_count; k++) {
            device->tags[k] = any_tag();
            filter_fold(device->tag_keys[k], device->tags[k], sizeof device->tag_keys[k]);
        }
        insert(i);
    }
    assert_int_equal(db_commit(db), GODWIT_OK);
}

/* ---- random filters ---- */

static void put_text(char *out, const char *text)
{
    memcpy(out + strlen(out), text, strlen(text) + 1);
}

static bool is_inside(char c)
{
    return ((uint8_t)c & 0xC0) == 0x80; /* of a character of several bytes */
}

static void put_quoted(char *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (strchr("\"\\*", text[i]) && random_below(8)) put_text(out, "\\");
        put_text(out, (const char[]){text[i], '\0'});
    }
}

/* The text, or with stars a piece of it between stars. */
static void put_value(char *out, const char *text, bool has_stars)
{
    size_t size = strlen(text), from = has_stars ? random_below((unsigned)size + 1) : 0;
    size_t end = has_stars ? from + random_below((unsigned)(size - from) + 1) : size;
    while (from && is_inside(text[from]))
        from--;
    while (end < size && is_inside(text[end]))
        end++;
    put_text(out, from || (has_stars && random_below(3) == 0) ? "\"*" : "\"");
    put_quoted(out, text + from, end - from);
    put_text(out, end < size || (has_stars && random_below(3) == 0) ? "*\"" : "\"");
}

static const char *any_value(enum filter_field field)
{
    const struct device *device = &devices[random_below(DEVICES)];
    switch (field) {
    case FILTER_ID:
        return device->id;
    case FILTER_NAME:
        return any_name();
    case FILTER_PRODUCT:
        return ONE_OF("thermostat", "Thermostat", "thermo_1", "door 50%");
    case FILTER_VERSION:
        return any_version();
    case FILTER_STATE:
        return ONE_OF("up-to-date", "failed", "queued", "retired", "on-trial");
    case FILTER_TAG:
        return any_tag();
    case FILTER_SEEN:
    case FILTER_JOINED:
        return ONE_OF("1d", "12h", "36h", "2w", "2026-05-28", "2026-05-20", "2026-01-01", "0s");
    default:
        return ONE_OF(device->facts.reason, device->facts.cause, device->facts.chip,
                      device->facts.slot, device->facts.idf, device->facts.agent);
    }
}

static void put_term(char *out)
{
    enum filter_field field = random_below(FILTER_FIELDS_COUNT + 1);
    bool is_field = field < FILTER_FIELDS_COUNT;
    if (random_below(3) == 0) put_text(out, "-");
    if (is_field) {
        put_text(out, filter_field_name(field));
        put_text(out, ":");
    }
    enum filter_kind kind = is_field ? filter_field_kind(field) : FILTER_KIND_TEXT;
    for (unsigned i = random_below(3) + 1; i--;) {
        bool compares =
            (kind == FILTER_KIND_TIME || kind == FILTER_KIND_VERSION) && random_below(4);
        if (compares) put_text(out, ONE_OF("<", ">", "<=", ">="));
        const char *value = is_field ? any_value(field) : any_value(random_below(FILTER_STATE));
        put_value(out, value, !compares && kind != FILTER_KIND_TIME && random_below(2));
        if (i) put_text(out, ",");
    }
    put_text(out, " ");
}

static void find(const struct filter *filter, const char *text, bool found_out[static DEVICES])
{
    static char statements[STATEMENTS][FILTER_SQL_TEXT_MAX + 64];
    static size_t next;
    static struct filter_sql sql;
    struct db_value values[FILTER_SQL_VALUES_MAX + 1] = {db_int(-1)};
    char *statement = statements[next++ % STATEMENTS];
    filter_sql(filter, 2, &sql);
    snprintf(statement, sizeof *statements, "select id from devices where id > $1 and %s",
             sql.text);
    memcpy(values + 1, sql.values, sql.values_count * sizeof *values);
    struct db_rows rows;
    if (db_query(db, &rows, statement, values, sql.values_count + 1))
        fail_msg("%s: %s: %s", text, statement, db_note(db));
    while (!db_next(&rows))
        found_out[db_column_int(&rows, 0)] = true;
    db_rows_close(&rows);
}

static void compare(const char *text)
{
    static struct filter filter;
    struct filter_fault fault;
    bool found[DEVICES] = {false};
    if (filter_parse(text, &WORLD, &filter, &fault)) return;
    parsed_total++;
    find(&filter, text, found);
    if (script) write_filter(&filter, found);
    for (size_t i = 0; i < DEVICES; i++) {
        const struct filter_facts *facts = &devices[i].facts;
        found_total += found[i];
        if (found[i] != filter_matches(&filter, facts))
            fail_msg("%s: SQL %s device %s name '%s' version '%s' state %s", text,
                     found[i] ? "finds" : "does not find", facts->id, facts->name, facts->version,
                     facts->state);
    }
}

static void both_answer_the_same(void **state)
{
    (void)state;
    const char *path = getenv("TESTED_SCRIPT");
    script = path ? fopen(path, "w") : NULL;
    for (size_t fleet = 0; fleet < (script ? 10 : FLEETS); fleet++) {
        make_fleet();
        for (size_t i = 0; i < FILTERS; i++) {
            char text[FILTER_TEXT_MAX] = "";
            for (unsigned terms = random_below(3) + 1; terms--;)
                put_term(text);
            compare(text);
        }
    }
    if (script) {
        assert_int_equal(fclose(script), 0);
        script = NULL;
        return;
    }
    /* The filters were mostly read, and found something now and then: else this shows nothing. */
    printf("%lu filters, %lu devices found\n", parsed_total, found_total);
    assert_true(parsed_total > FLEETS * FILTERS / 2);
    assert_true(found_total > parsed_total);
}

static void nothing_typed_is_part_of_the_sql(void **state)
{
    (void)state;
    static struct filter filter;
    static struct filter_sql sql;
    struct filter_fault fault;
    static const char *const HOSTILE[] = {
        "x'zq",       "name:\"zq') or 1=1 --\"", "tag:zq;drop", "version:>zq", "slot:zq%", "id:zq*",
        "product:zq*"};
    for (size_t i = 0; i < sizeof HOSTILE / sizeof *HOSTILE; i++) {
        assert_int_equal(filter_parse(HOSTILE[i], &WORLD, &filter, &fault), GODWIT_OK);
        filter_sql(&filter, 1, &sql);
        assert_null(strstr(sql.text, "zq"));
        assert_true(sql.values_count > 0);
    }
}

/* The most terms, values and bytes that a filter can have, in each field. */
static void the_largest_fits(void **state)
{
    (void)state;
    static struct filter filter;
    static struct filter_sql sql;
    struct filter_fault fault;
    bool found[DEVICES];
    for (unsigned field = 0; field <= FILTER_FIELDS_COUNT; field++) {
        char text[2 * FILTER_TEXT_MAX] = "", value[32];
        bool is_time = field < FILTER_FIELDS_COUNT && filter_field_kind(field) == FILTER_KIND_TIME;
        bool is_word = field < FILTER_FIELDS_COUNT && filter_field_kind(field) == FILTER_KIND_WORD;
        snprintf(value, sizeof value, "%s",
                 is_time   ? "2026-05-28"
                 : is_word ? "%%%%%*%%"
                           : "%%%%%%%%");
        for (size_t i = 0; i < FILTER_TERMS_MAX; i++) {
            if (field < FILTER_FIELDS_COUNT) put_text(text, filter_field_name(field));
            if (field < FILTER_FIELDS_COUNT) put_text(text, ":");
            put_text(text, value);
            if (field != FILTER_TAG) put_text(text, ",");
            if (field != FILTER_TAG) put_text(text, value);
            put_text(text, " ");
        }
        if (filter_parse(text, &WORLD, &filter, &fault)) fail_msg("%s: %s", text, fault.sentence);
        assert_int_equal(filter.values_count, FILTER_VALUES_MAX);
        filter_sql(&filter, 2, &sql);
        find(&filter, text, found);
    }
    char text[FILTER_TEXT_MAX + 1];
    memset(text, '%', FILTER_TEXT_MAX);
    text[FILTER_TEXT_MAX] = '\0';
    assert_int_equal(filter_parse(text, &WORLD, &filter, &fault), GODWIT_OK);
    find(&filter, text, found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_answer_the_same),
        cmocka_unit_test(nothing_typed_is_part_of_the_sql),
        cmocka_unit_test(the_largest_fits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
