/* The factory list: who is on it joins with its own token, once, and nobody else does. */
#include "fleet/factory.h"

#include "case.h"
#include "fixture.h"

enum { IMAGE = 1 };

static void begin(struct fixture *fixture)
{
    struct upload upload = upload_of("1.0.0", IMAGE);
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    fixture_allow(fixture, 1);
}

static struct factory_line line_of(uint8_t n, uint8_t token)
{
    struct factory_line line = {.number = n};
    memcpy(line.device_id, checkin_of(n, IMAGE).device_id, 16);
    memset(line.token_sha256, token, 32);
    return line;
}

static struct factory_batch import(struct fixture *fixture, const struct factory_line *lines,
                                   size_t count)
{
    struct factory_batch batch = {
        .product = product_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat"),
        .tags = "line=2",
        .lines = lines,
        .count = count};
    fixture_begin(fixture);
    assert_int_equal(factory_import(&fixture->fleet, fixture->db, &batch, NOW_S), GODWIT_OK);
    fixture_commit(fixture);
    return batch;
}

static struct device *join(struct fixture *fixture, uint8_t n, uint8_t token)
{
    struct godwit_checkin checkin = checkin_of(n, IMAGE);
    struct device *device;
    uint8_t digest[32];
    memset(digest, token, sizeof digest);
    fixture_begin(fixture);
    assert_int_equal(
        device_join_listed(&fixture->fleet, fixture->db, digest, &checkin, NOW_S, &device),
        GODWIT_OK);
    fixture_commit(fixture);
    return device;
}

static void joins_without_a_claim(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    const struct factory_line lines[] = {line_of(1, 0x11), line_of(2, 0x12)};
    assert_int_equal(import(fixture, lines, 2).added, 2);
    fixture_restart(fixture);
    assert_null(join(fixture, 1, 0x12)); /* another's token */
    assert_null(join(fixture, 3, 0x11)); /* another's id */
    assert_null(join(fixture, 1, 0x13));
    struct device *device = join(fixture, 1, 0x11);
    assert_non_null(device);
    assert_string_equal(device->product->name, "thermostat");
    assert_int_equal(fixture_count(fixture, "select count(*) from tags where tag = 'line=2'"), 1);
    assert_null(join(fixture, 1, 0x11)); /* it is off the list */
    fixture_restart(fixture);
    assert_int_equal(fixture->fleet.factory_by_token.count, 1);
    assert_int_equal(fixture_count(fixture, "select count(*) from factory"), 1);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 0 and"
                                            " detail = 'by the factory list'"),
                     1);
    assert_int_equal(fixture_count(fixture, "select sum(used_count) from claims"), 0);
}

/* An agent that has a claim uses it first; that spends nothing, even where the claim is used up. */
static void spends_no_claim(void **state)
{
    struct fixture *fixture = *state;
    struct device *device;
    begin(fixture);
    const struct factory_line lines[] = {line_of(1, 0x11), line_of(2, 0x12)};
    import(fixture, lines, 2);
    const struct godwit_checkin third = checkin_of(3, IMAGE), first = checkin_of(1, IMAGE),
                                second = checkin_of(2, IMAGE);
    assert_int_equal(fixture_claim(fixture, &first, 0x11, &device), CLAIM_ACCEPTED);
    assert_int_equal(fixture_count(fixture, "select sum(used_count) from claims"), 0);
    assert_int_equal(fixture_claim(fixture, &third, 0x13, &device), CLAIM_ACCEPTED);
    assert_int_equal(fixture_claim(fixture, &second, 0x15, &device), CLAIM_USED_UP);
    assert_int_equal(fixture_claim(fixture, &second, 0x12, &device), CLAIM_ACCEPTED);
    assert_int_equal(fixture_count(fixture, "select count(*) from devices"), 3);
}

static void all_or_none(void **state)
{
    struct fixture *fixture = *state;
    struct device *device;
    begin(fixture);
    const struct godwit_checkin joined = checkin_of(9, IMAGE);
    assert_int_equal(fixture_claim(fixture, &joined, 0x19, &device), CLAIM_ACCEPTED);
    const struct factory_line listed = line_of(8, 0x18);
    assert_int_equal(import(fixture, &listed, 1).added, 1);
    const struct {
        uint8_t n, token;
        enum factory_fault fault;
    } ROWS[] = {{9, 0x20, FACTORY_OTHER_TOKEN}, {8, 0x20, FACTORY_OTHER_TOKEN},
                {5, 0x19, FACTORY_TOKEN_TAKEN}, {5, 0x18, FACTORY_TOKEN_TAKEN},
                {9, 0x18, FACTORY_TOKEN_TAKEN}, {8, 0x19, FACTORY_TOKEN_TAKEN}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const struct factory_line lines[] = {line_of(1, 0x11), line_of(ROWS[i].n, ROWS[i].token),
                                             line_of(2, 0x12)};
        const struct factory_batch batch = import(fixture, lines, 3);
        assert_int_equal(batch.fault, ROWS[i].fault);
        assert_ptr_equal(batch.at_fault, &lines[1]);
        assert_int_equal(fixture_count(fixture, "select count(*) from factory"), 1);
        assert_int_equal(fixture->fleet.factory_by_token.count, 1);
    }
}

/* The list goes by eight bytes: who shares them would push the other out. Devices go by all. */
static void near_tokens(void **state)
{
    struct fixture *fixture = *state;
    struct device *device;
    begin(fixture);
    const struct godwit_checkin joined = checkin_of(9, IMAGE);
    assert_int_equal(fixture_claim(fixture, &joined, 0x19, &device), CLAIM_ACCEPTED);
    const struct factory_line listed = line_of(8, 0x18);
    assert_int_equal(import(fixture, &listed, 1).added, 1);
    struct factory_line near = line_of(5, 0x18);
    near.token_sha256[31]++;
    assert_int_equal(import(fixture, &near, 1).fault, FACTORY_TOKEN_TAKEN);
    near = line_of(5, 0x19);
    assert_int_equal(import(fixture, &near, 1).fault, FACTORY_TOKEN_TAKEN);
    near.token_sha256[31]++;
    assert_int_equal(import(fixture, &near, 1).added, 1);
    assert_int_equal(fixture->fleet.factory_by_token.count, 2);
}

static void the_same_again_is_done(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    const struct factory_line lines[] = {line_of(1, 0x11), line_of(2, 0x12), line_of(3, 0x13)};
    assert_int_equal(import(fixture, lines, 2).added, 2);
    assert_non_null(join(fixture, 1, 0x11));
    const struct factory_batch batch = import(fixture, lines, 3);
    assert_int_equal(batch.fault, FACTORY_GOOD);
    assert_int_equal(batch.added, 1);
    assert_int_equal(fixture_count(fixture, "select count(*) from factory"), 2);
}

static void taken_off(void **state)
{
    struct fixture *fixture = *state;
    bool is_done;
    begin(fixture);
    const struct factory_line line = line_of(1, 0x11);
    import(fixture, &line, 1);
    for (int round = 0; round < 2; round++) {
        fixture_begin(fixture);
        assert_int_equal(
            factory_remove(&fixture->fleet, fixture->db, FLEET_ORG, "", line.device_id, &is_done),
            GODWIT_OK);
        fixture_commit(fixture);
        assert_int_equal(is_done, round == 0);
        assert_null(join(fixture, 1, 0x11));
    }
}

static void listed_by_pages(void **state)
{
    struct fixture *fixture = *state;
    struct factory_row rows[4];
    size_t count;
    begin(fixture);
    const struct factory_line lines[] = {line_of(3, 0x13), line_of(1, 0x11), line_of(2, 0x12)};
    import(fixture, lines, 3);
    static const uint8_t zero[16];
    assert_int_equal(factory_list(fixture->db, FLEET_ORG, "", zero, rows, 2, &count), GODWIT_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].device_id[5], 1);
    assert_string_equal(rows[0].product, "thermostat");
    assert_int_equal(rows[0].token_sha256[0], 0x11);
    assert_int_equal(factory_list(fixture->db, FLEET_ORG, "", rows[1].device_id, rows, 4, &count),
                     GODWIT_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].device_id[5], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(joins_without_a_claim, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(spends_no_claim, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(all_or_none, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(near_tokens, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_same_again_is_done, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(taken_off, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(listed_by_pages, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
