/* Values for completion: those of an organisation, or of one product, in order, each once; and that
 * an index leads to each. */
#include "fleet/known_values.h"

#include <stdio.h>

#include "filter/version_key.h"
#include "fixture.h"

static void begin(struct fixture *fixture)
{
    const struct upload upload = upload_of("1.0.0", 1);
    fixture_upload(fixture, &upload);
}

/* One device with its row as a list shows it. */
static void add(struct fixture *fixture, const char *org, const char *product, const char *version,
                const char *name, const char *tag)
{
    static int count;
    char key[VERSION_KEY_MAX], folded[64], id[17];
    snprintf(id, sizeof id, "%016d", ++count);
    version_key(version, key);
    filter_fold(folded, name, sizeof folded);
    int64_t device;
    assert_int_equal(
        db_run_returning(fixture->db,
                         "insert into devices (org, device_id, token_sha256, product, created,"
                         " last_seen, product_name, shown_version, version_key, name, name_key,"
                         " slot) values ($1, $2, $2, 1, 0, 0, $3, $4, $5, $6, $7, 'ota_0')"
                         " returning id",
                         DB_ARGS(db_text(org), db_blob(id, 16), db_text(product), db_text(version),
                                 db_text(key), db_text(name), db_text(folded)),
                         &device),
        GODWIT_OK);
    if (!tag) return;
    filter_fold(folded, tag, sizeof folded);
    assert_int_equal(
        db_run(fixture->db,
               "insert into tags (org, device, tag_name, tag_key, tag) values ($1, $2, $3, $3, $4)",
               DB_ARGS(db_text(org), db_int(device), db_text(folded), db_text(tag))),
        GODWIT_OK);
}

static void check(struct fixture *fixture, const char *product, enum filter_field field,
                  const char *part, const char *expected)
{
    static struct known_values values;
    char found[4096] = "";
    const struct known_query query = {FLEET_ORG, product, field, part};
    assert_int_equal(known_values(fixture->db, &query, &values), GODWIT_OK);
    for (size_t i = 0; i < values.count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", i ? " " : "",
                 values.texts[i]);
    if (strcmp(found, expected)) fail_msg("%s of '%s': %s", part, product, found);
}

static void each_value_is_found_once(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    for (int i = 0; i < 300; i++)
        add(fixture, FLEET_ORG, "thermostat", i % 2 ? "1.4.0" : "1.40.0", "", "site=Berlin");
    add(fixture, FLEET_ORG, "lamp", "1.4.0-rc1", "Kitchen left", "beta");
    add(fixture, FLEET_ORG, "lamp", "2.0.0", "kitchen", "dev.site=paris");
    add(fixture, FLEET_ORG, "lamp", "0.9", "Attic", "site=");
    add(fixture, "other", "secret", "1.4.1", "kitchen secret", "site=hidden");
    check(fixture, "", FILTER_NAME, "", "Attic kitchen Kitchen left");
    check(fixture, "", FILTER_NAME, "kit", "kitchen Kitchen left");
    check(fixture, "", FILTER_NAME, "kitchen ", "Kitchen left");
    check(fixture, "", FILTER_NAME, "x", "");
    check(fixture, "", FILTER_TAG, "", "beta dev.site=paris site= site=Berlin");
    check(fixture, "", FILTER_TAG, "site=b", "site=Berlin");
    check(fixture, "", FILTER_VERSION, "", "0.9 1.4.0-rc1 1.4.0 1.40.0 2.0.0");
    check(fixture, "", FILTER_SLOT, "o", "ota_0");
    check(fixture, "", FILTER_PRODUCT, "t", "thermostat");
    check(fixture, "", FILTER_IDF, "", "");
    check(fixture, "", FILTER_ANYWHERE, "", "");
}

/* Whoever is good for one product hears nothing of others. */
static void one_product_alone(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    add(fixture, FLEET_ORG, "thermostat", "1.0.0", "hall", "site=berlin");
    add(fixture, FLEET_ORG, "lamp", "1.1.0", "attic", "site=paris");
    check(fixture, "lamp", FILTER_NAME, "", "attic");
    check(fixture, "lamp", FILTER_TAG, "", "site=paris");
    check(fixture, "lamp", FILTER_VERSION, "", "1.1.0");
    check(fixture, "lamp", FILTER_SLOT, "", "ota_0");
    check(fixture, "lamp", FILTER_PRODUCT, "", "");
    check(fixture, "thermostat", FILTER_PRODUCT, "", "thermostat");
    check(fixture, "door", FILTER_SLOT, "", "");
}

/* What can be a version that begins like this is not passed over. */
static void versions_that_begin_alike(void **state)
{
    struct fixture *fixture = *state;
    static const char *const VERSIONS[] = {"1",    "1.0",  "1.0.0-rc.1", "v1.0",
                                           "10.2", "1.4a", "100.0",      "1.40.1",
                                           "01.4", "0.0",  "2026.11.30"};
    enum { COUNT = sizeof VERSIONS / sizeof *VERSIONS };
    static struct known_values values;
    begin(fixture);
    for (size_t i = 0; i < COUNT; i++) {
        char part[16] = "";
        add(fixture, "alone", "p", VERSIONS[i], "", NULL);
        for (size_t size = 0; size <= strlen(VERSIONS[i]); size++) {
            memcpy(part, VERSIONS[i], size);
            bool is_found = false;
            const struct known_query query = {"alone", "", FILTER_VERSION, part};
            assert_int_equal(known_values(fixture->db, &query, &values), GODWIT_OK);
            for (size_t k = 0; k < values.count; k++)
                is_found |= !strcmp(values.texts[k], VERSIONS[i]);
            if (!is_found) fail_msg("'%s' does not find %s", part, VERSIONS[i]);
        }
        assert_int_equal(db_run(fixture->db, "delete from devices where org = 'alone'", NULL, 0),
                         GODWIT_OK);
    }
}

static void many_values_have_a_bound(void **state)
{
    struct fixture *fixture = *state;
    static struct known_values values;
    char name[32];
    begin(fixture);
    for (int i = 0; i < 2 * KNOWN_VALUES_MAX; i++) {
        snprintf(name, sizeof name, "n%04d", i);
        add(fixture, FLEET_ORG, i ? "many" : "one", "1", name, NULL);
    }
    struct known_query query = {FLEET_ORG, "", FILTER_NAME, "n"};
    assert_int_equal(known_values(fixture->db, &query, &values), GODWIT_OK);
    assert_int_equal(values.count, KNOWN_VALUES_MAX);
    query.product = "one"; /* those of others are steps too */
    assert_int_equal(known_values(fixture->db, &query, &values), GODWIT_OK);
    assert_int_equal(values.count, 1);
}

/* ---- by an index ---- */

static const char *asked[8];
static size_t asked_count;

godwit_err __real_db_query(struct db *db, struct db_rows *rows, const char *sql,
                           const struct db_value *values, size_t count);
godwit_err __wrap_db_query(struct db *db, struct db_rows *rows, const char *sql,
                           const struct db_value *values, size_t count);

godwit_err __wrap_db_query(struct db *db, struct db_rows *rows, const char *sql,
                           const struct db_value *values, size_t count)
{
    if (asked_count < sizeof asked / sizeof *asked) asked[asked_count++] = sql;
    return __real_db_query(db, rows, sql, values, count);
}

/* No statement of the field reads a table from its start, or sorts. */
static void check_plan(struct fixture *fixture, enum filter_field field)
{
    static struct known_values values;
    char sql[512], line[256];
    const struct known_query query = {FLEET_ORG, "lamp", field, ""};
    asked_count = 0;
    assert_int_equal(known_values(fixture->db, &query, &values), GODWIT_OK);
    size_t count = asked_count;
    assert_true(count >= 3); /* the first, whether it is of the product, the next */
    for (size_t i = 0; i < count; i++) {
        struct db_rows rows;
        snprintf(sql, sizeof sql, "explain query plan %s", asked[i]);
        const struct db_value texts[] = {db_text("x"), db_text("x"), db_text("x")};
        assert_int_equal(db_query_text(fixture->db, &rows, sql, texts, strstr(sql, "$3") ? 3 : 2),
                         GODWIT_OK);
        while (!db_next(&rows)) {
            db_column_text(&rows, 3, line, sizeof line);
            bool is_rows = strstr(line, "SCAN some_") != NULL; /* at most a hundred */
            if (strstr(line, "TEMP B-TREE") || (strstr(line, "SCAN") && !is_rows))
                fail_msg("%s: %s", asked[i], line);
        }
        db_rows_close(&rows);
    }
}

static void an_index_leads_to_each(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    add(fixture, FLEET_ORG, "lamp", "1.0", "attic", "beta");
    add(fixture, FLEET_ORG, "lamp", "1.1", "kitchen", "site=paris");
    static const enum filter_field FIELDS[] = {FILTER_NAME, FILTER_VERSION, FILTER_TAG, FILTER_SLOT,
                                               FILTER_PRODUCT};
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++)
        check_plan(fixture, FIELDS[i]);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(each_value_is_found_once), WITH(one_product_alone), WITH(versions_that_begin_alike),
        WITH(many_values_have_a_bound), WITH(an_index_leads_to_each)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
