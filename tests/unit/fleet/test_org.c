/* Two organisations with the same names, the same files and the same device ids: each has its own.
 */
#include "fixture.h"

#include "fleet/org.h"
#include "fleet/remove.h"

#define IMAGE 1

static const char *const ORGS[] = {FLEET_ORG, "acme"};

static void make_org(struct fixture *fixture, const char *name)
{
    fixture_begin(fixture);
    assert_int_equal(org_create(&fixture->fleet, fixture->db, name, NOW_S), GODWIT_OK);
    fixture_commit(fixture);
}

static const struct product *thermostat(struct fixture *fixture, int n)
{
    return product_find(&fixture->fleet.catalogue, ORGS[n], "thermostat");
}

/* Version 1.0.0 of the thermostat, and device 1 by a claim; all alike but the device's token. */
static void fill(struct fixture *fixture, int n, struct device **device_out)
{
    struct upload upload = upload_of("1.0.0", IMAGE);
    const struct godwit_checkin checkin = checkin_of(1, IMAGE);
    uint8_t claim[32] = {(uint8_t)(n + 1)};
    upload.org = ORGS[n];
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    fixture_begin(fixture);
    const struct claim_terms terms = {.product = thermostat(fixture, n), .count_max = 1};
    bool is_full;
    assert_int_equal(claim_create(&fixture->fleet, fixture->db, &terms, claim, NOW_S, &is_full),
                     GODWIT_OK);
    uint8_t token[32] = {(uint8_t)(n + 10)};
    enum claim_result result;
    const struct claim_request wanted = {claim, token, &checkin};
    assert_int_equal(
        device_claim(&fixture->fleet, fixture->db, &wanted, NOW_S, &result, device_out), GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(result, CLAIM_ACCEPTED);
}

static void expect_two(struct fixture *fixture)
{
    const struct catalogue *catalogue = &fixture->fleet.catalogue;
    const struct godwit_checkin checkin = checkin_of(1, IMAGE);
    uint8_t file[32];
    memset(file, IMAGE + 100, 32);
    for (int n = 0; n < 2; n++) {
        const struct device *device = device_find(&fixture->fleet, ORGS[n], checkin.device_id);
        assert_non_null(device);
        assert_ptr_equal(device->product, thermostat(fixture, n));
        assert_int_equal(device->token_sha256[0], n + 10);
        assert_ptr_equal(device->product->org, org_find(catalogue, ORGS[n]));
        assert_ptr_equal(file_find(catalogue, ORGS[n], file)->release->product, device->product);
        assert_ptr_equal(release_find(catalogue, ORGS[n], "thermostat", "1.0.0")->product,
                         device->product);
        assert_ptr_equal(product_find_by_id(catalogue, ORGS[n], thermostat(fixture, n)->product_id),
                         thermostat(fixture, n));
        assert_null(product_find_by_id(catalogue, ORGS[n], thermostat(fixture, !n)->product_id));
    }
    assert_null(device_find(&fixture->fleet, "nobody", checkin.device_id));
    assert_null(product_find(catalogue, "nobody", "thermostat"));
    assert_null(release_find(catalogue, "nobody", "thermostat", "1.0.0"));
    assert_null(file_find(catalogue, "nobody", file));
    assert_memory_not_equal(thermostat(fixture, 0)->product_id, thermostat(fixture, 1)->product_id,
                            16);
}

static void the_same_names_and_ids_are_each_their_own(void **state)
{
    struct fixture *fixture = *state;
    struct device *devices[2];
    make_org(fixture, "acme");
    fill(fixture, 0, &devices[0]);
    fill(fixture, 1, &devices[1]);
    assert_ptr_not_equal(devices[0], devices[1]);
    for (int round = 0; round < 2; round++) {
        expect_two(fixture);
        fixture_restart(fixture);
    }
    static const char *const TABLES[] = {"products", "releases", "images", "files",
                                         "devices",  "claims",   "events", "image_keys"};
    for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES; i++) {
        char sql[96];
        snprintf(sql, sizeof sql, "select count(*) from %s where org = 'acme'", TABLES[i]);
        int64_t count = fixture_count(fixture, sql);
        snprintf(sql, sizeof sql, "select count(*) from %s where org = 'default'", TABLES[i]);
        if (count < 1) print_message("%s has no row of acme\n", TABLES[i]);
        assert_true(count >= 1);
        assert_int_equal(count, fixture_count(fixture, sql));
    }
}

static void what_one_rolls_out_the_other_is_not_offered(void **state)
{
    struct fixture *fixture = *state;
    struct device *devices[2];
    make_org(fixture, "acme");
    fill(fixture, 0, &devices[0]);
    fill(fixture, 1, &devices[1]);
    struct upload next = upload_of("1.1.0", 2);
    next.org = "acme";
    assert_int_equal(fixture_upload(fixture, &next), UPLOAD_ADDED);
    fixture_begin(fixture);
    uint32_t id;
    const struct rollout_request wanted = {
        .release = release_find(&fixture->fleet.catalogue, "acme", "thermostat", "1.1.0")};
    assert_int_equal(rollout_create(&fixture->fleet, fixture->db, &wanted, NOW_S, &id), GODWIT_OK);
    fixture_commit(fixture);
    const struct godwit_checkin checkin = checkin_of(1, IMAGE);
    for (int n = 0; n < 2; n++) {
        fixture_begin(fixture);
        (void)device_take(&fixture->fleet, devices[n], &checkin, NOW_S);
        assert_int_equal(device_record(&fixture->fleet, fixture->db, devices[n], &checkin, NOW_S),
                         GODWIT_OK);
        fixture_commit(fixture);
        assert_int_equal(decide(devices[n], &fixture->fleet.catalogue).kind == DECIDE_INSTALL, n);
    }
    assert_int_equal(fixture_count(fixture, "select count(*) from members where org = 'acme'"), 1);
    assert_int_equal(fixture_count(fixture, "select count(*) from members"), 1);
}

/* The bytes of a file stay while one organisation names them. */
static void one_deletes_and_the_other_keeps(void **state)
{
    struct fixture *fixture = *state;
    uint8_t file[32];
    memset(file, IMAGE + 100, 32);
    make_org(fixture, "acme");
    for (int n = 0; n < 2; n++) {
        struct upload upload = upload_of("1.0.0", IMAGE);
        upload.org = ORGS[n];
        assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    }
    for (int n = 0; n < 2; n++) {
        struct remove_verdict verdict;
        assert_true(file_is_named(&fixture->fleet.catalogue, file));
        fixture_begin(fixture);
        assert_int_equal(
            release_remove(&fixture->fleet, fixture->db,
                           release_find(&fixture->fleet.catalogue, ORGS[n], "thermostat", "1.0.0"),
                           &verdict),
            GODWIT_OK);
        fixture_commit(fixture);
        assert_int_equal(verdict.result, REMOVE_DONE);
        free(verdict.files);
        assert_null(file_find(&fixture->fleet.catalogue, ORGS[n], file));
        assert_int_equal(file_find(&fixture->fleet.catalogue, ORGS[1], file) != NULL, !n);
    }
    assert_false(file_is_named(&fixture->fleet.catalogue, file));
}

/* As in a draft that gets another image. */
static void a_replaced_draft_takes_nothing_from_the_other(void **state)
{
    struct fixture *fixture = *state;
    uint8_t file[32];
    memset(file, IMAGE + 100, 32);
    make_org(fixture, "acme");
    for (int n = 0; n < 2; n++) {
        struct upload upload = upload_of("1.0.0", IMAGE);
        upload.org = ORGS[n];
        assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    }
    struct upload other = upload_of("1.0.0", 7);
    other.org = "acme";
    assert_int_equal(fixture_upload(fixture, &other), UPLOAD_ADDED);
    assert_non_null(file_find(&fixture->fleet.catalogue, FLEET_ORG, file));
    assert_null(file_find(&fixture->fleet.catalogue, "acme", file));
    fixture_restart(fixture);
    assert_non_null(file_find(&fixture->fleet.catalogue, FLEET_ORG, file));
}

static void names_are_plain_and_once(void **state)
{
    struct fixture *fixture = *state;
    static const char *const BAD[] = {
        "",     "-a",  "Acme", "a b",     "a/b",
        "../x", "a\n", "ä",    "default", "a23456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_int_equal(org_create(&fixture->fleet, fixture->db, BAD[i], NOW_S),
                         GODWIT_ERR_POLICY);
    assert_int_equal(org_create(&fixture->fleet, fixture->db, "a-1", NOW_S), GODWIT_OK);
    assert_int_equal(org_require_totp(&fixture->fleet, fixture->db, "b", true), GODWIT_ERR_MISSING);
    assert_int_equal(org_require_totp(&fixture->fleet, fixture->db, "a-1", true), GODWIT_OK);
    fixture_restart(fixture);
    assert_true(org_find(&fixture->fleet.catalogue, "a-1")->totp_required);
    assert_false(org_find(&fixture->fleet.catalogue, FLEET_ORG)->totp_required);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_same_names_and_ids_are_each_their_own),
        TEST(what_one_rolls_out_the_other_is_not_offered),
        TEST(one_deletes_and_the_other_keeps),
        TEST(a_replaced_draft_takes_nothing_from_the_other),
        TEST(names_are_plain_and_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
