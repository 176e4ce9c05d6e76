/* Names and tags: what may stand in them, how they change, and that a filter finds what was
 * written. */
#include "case.h"
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "filter/filter.h"
#include "fleet/tags.h"

static struct device *join(struct fixture *fixture, uint8_t n)
{
    const struct upload upload = upload_of("1.0.0", 1);
    struct device *device;
    const struct godwit_checkin checkin = checkin_of(n, 1);
    if (!fixture->fleet.catalogue.products) {
        assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
        fixture_allow(fixture, 10);
    }
    assert_int_equal(fixture_claim(fixture, &checkin, n, &device), CLAIM_ACCEPTED);
    return device;
}

static void hostile_names_and_tags_are_refused(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"",
                                        " a",
                                        "a ",
                                        "=1+1",
                                        "+1",
                                        "-1",
                                        "@a",
                                        "a\x1b[2J",
                                        "a\nb",
                                        "a\xff",
                                        ("\xe2\x80\xae"
                                         "a"),
                                        "a\xe2\x81\xa6",
                                        "a\xc2\x9b"};
    static const char *const TAGS[] = {
        "tz=Europe/Berlin",
        "TZ=2",
        "",
        " a",
        "a b",
        "a,b",
        "a\"",
        "a\\",
        "a*",
        "=a",
        "-a",
        "site=",
        "site=a b",
        "site=a,b",
        "site=\x1b[2J",
        "s\xc3\xa4=1",
        "dev.site=1",
        "DEV.x",
        "dev.",
        "\xe2\x80\xae",
        "site=\xe2\x80\xae",
        "site=a*",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "a=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"};
    static const char *const FINE_NAMES[] = {"a", "Kitchen, left \"2\"",
                                             ("\xc3\x9c"
                                              "ber <b>"),
                                             "3 rooms", "\xf0\x9f\x90\xa6 bird"};
    static const char *const FINE_TAGS[] = {
        "tz=+02:00", "tz",   "beta", "site=berlin", "Site=K\xc3\xb6ln", "a.b_c-d=1",
        "devx=1",    "x==y", "9"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!device_name_fault(NAMES[i])) fail_msg("name %zu is taken", i);
    for (size_t i = 0; i < sizeof TAGS / sizeof *TAGS; i++)
        if (!tag_fault(TAGS[i])) fail_msg("tag %zu is taken", i);
    for (size_t i = 0; i < sizeof FINE_NAMES / sizeof *FINE_NAMES; i++)
        if (device_name_fault(FINE_NAMES[i]))
            fail_msg("%s: %s", FINE_NAMES[i], device_name_fault(FINE_NAMES[i]));
    for (size_t i = 0; i < sizeof FINE_TAGS / sizeof *FINE_TAGS; i++)
        if (tag_fault(FINE_TAGS[i])) fail_msg("%s: %s", FINE_TAGS[i], tag_fault(FINE_TAGS[i]));
    char name[4 * 65 + 1] = "";
    for (size_t i = 0; i < 64; i++)
        memcpy(name + 4 * i, "\xf0\x9f\x90\xa6", 5);
    assert_null(device_name_fault(name));
    memcpy(name + 4 * 64, "\xf0\x9f\x90\xa6", 5);
    assert_non_null(device_name_fault(name));
}

static void check_labels(struct fixture *fixture, const struct device *device, const char *expected)
{
    struct device_labels labels;
    char found[1024];
    assert_int_equal(device_labels(fixture->db, device->id, &labels), GODWIT_OK);
    snprintf(found, sizeof found, "%s:", labels.name);
    for (size_t i = 0; i < labels.tags_count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), " %s", labels.tags[i]);
    assert_string_equal(found, expected);
}

static enum tag_result tag(struct fixture *fixture, struct device *device, const char *add,
                           const char *remove)
{
    enum tag_result result;
    const struct tag_change change = {&add, &remove, add != NULL, remove != NULL};
    fixture_begin(fixture);
    assert_int_equal(device_tag(fixture->db, device, &change, NOW_S, &result), GODWIT_OK);
    fixture_commit(fixture);
    return result;
}

static void tags_are_one_of_each_key(void **state)
{
    struct fixture *fixture = *state;
    struct device *device = join(fixture, 1), *other = join(fixture, 2);
    fixture_begin(fixture);
    assert_int_equal(device_rename(fixture->db, device,
                                   "K\xc3\xbc"
                                   "CHE",
                                   NOW_S),
                     GODWIT_OK);
    fixture_commit(fixture);
    tag(fixture, device, "site=Berlin", NULL);
    tag(fixture, device, "beta", NULL);
    tag(fixture, device, "SITE=paris", NULL); /* takes the place of site=Berlin */
    check_labels(fixture, device,
                 "K\xc3\xbc"
                 "CHE: beta SITE=paris");
    tag(fixture, device, NULL, "site=rome"); /* it has another value */
    check_labels(fixture, device,
                 "K\xc3\xbc"
                 "CHE: beta SITE=paris");
    tag(fixture, device, NULL, "site");
    check_labels(fixture, device,
                 "K\xc3\xbc"
                 "CHE: beta");
    check_labels(fixture, other, ":");
    assert_int_equal(fixture_count(fixture,
                                   "select count(*) from devices where name_key = 'k\xc3\xbc"
                                   "che'"
                                   " and id_text = '7cdfa1000001'"),
                     1);
    assert_int_equal(
        fixture_count(fixture,
                      "select count(*) from events where kind = 14 and detail = '+site=Berlin'"),
        1);
    assert_int_equal(EVENT_TAGGED, 14);
}

static void sixteen_are_the_most(void **state)
{
    struct fixture *fixture = *state;
    struct device *device = join(fixture, 1);
    char text[16];
    for (int i = 0; i < TAGS_MAX; i++) {
        snprintf(text, sizeof text, "t%d", i);
        assert_int_equal(tag(fixture, device, text, NULL), TAG_DONE);
    }
    assert_int_equal(tag(fixture, device, "more", NULL), TAG_TOO_MANY);
    assert_int_equal(tag(fixture, device, "t3=now", NULL), TAG_DONE); /* in the place of t3 */
    assert_int_equal(tag(fixture, device, "more", "t5"), TAG_DONE);
    fixture_begin(fixture);
    assert_int_equal(device_set_attributes(fixture->db, device->id,
                                           "site=Berlin room=1 bad,value=1 model  =x \x1b[31m=1 "
                                           "a=\"b\" q=1*"),
                     GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(fixture_count(fixture, "select count(*) from tags"), TAGS_MAX + 2);
    assert_int_equal(
        fixture_count(fixture, "select count(*) from tags where tag_key = 'dev.site=berlin'"), 1);
    fixture_begin(fixture);
    assert_int_equal(device_set_attributes(fixture->db, device->id, "room=1"), GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(fixture_count(fixture, "select count(*) from tags where tag_key like 'dev.%'"),
                     1);
    assert_int_equal(tag(fixture, device, "other", NULL), TAG_TOO_MANY);
}

static bool has_tag(struct fixture *fixture, const struct device *device, const char *tag)
{
    struct device_labels labels;
    assert_int_equal(device_labels(fixture->db, device->id, &labels), GODWIT_OK);
    for (size_t i = 0; i < labels.tags_count; i++)
        if (!strcmp(labels.tags[i], tag)) return true;
    return false;
}

/* What a device says of itself stands in its tags: written once, renewed, taken away, and nothing
 * of it that a tag may not hold. */
static void what_it_says_of_itself(void **state)
{
    struct fixture *fixture = *state;
    struct device *device = join(fixture, 1);
    struct godwit_checkin checkin = checkin_of(1, 1);
    static const struct {
        const char *says, *has;
        int64_t count;
    } rows[] = {
        {"site=Berlin room=2", "dev.site=Berlin", 2},
        {"site=Paris", "dev.site=Paris", 1},
        {"  a=1   b=2  ", "dev.b=2", 2},
        {"a=\x1b[31m b=\xe2\x80\xae c=\" d=* e=x,y =f g= plain h=1", "dev.h=1", 1},
        {"dev.site=1", "dev.dev.site=1", 1},
        {"a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i=9", "dev.h=8", 8},
        {"a=1 a=2 A=3", "dev.A=3", 1},
        {"x=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa y=1", "dev.y=1", 1},
        {"", "none", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        snprintf(checkin.attributes, sizeof checkin.attributes, "%s", rows[i].says);
        assert_int_equal(device_take(&fixture->fleet, device, &checkin, NOW_S), TAKE_RECORD);
        fixture_checkin(fixture, &checkin);
        assert_int_equal(fixture_count(fixture, "select count(*) from tags"), rows[i].count);
        assert_int_equal(has_tag(fixture, device, rows[i].has), rows[i].count > 0);
        assert_int_equal(device_take(&fixture->fleet, device, &checkin, NOW_S), TAKE_DONE);
        fixture_restart(fixture); /* also after a restart it is known that it is written */
        device = fixture_device(fixture, checkin.device_id);
        assert_int_equal(device_take(&fixture->fleet, device, &checkin, NOW_S), TAKE_DONE);
    }
    for (int i = 0; i < DEVICE_RECORDS_MAX; i++) { /* one that does not know what it is */
        snprintf(checkin.attributes, sizeof checkin.attributes, "n=%d", i);
        (void)device_take(&fixture->fleet, device, &checkin, NOW_S + 60);
    }
    snprintf(checkin.attributes, sizeof checkin.attributes, "n=x");
    assert_int_equal(device_take(&fixture->fleet, device, &checkin, NOW_S + 60), TAKE_TOO_MANY);
}

static void a_claim_gives_tags(void **state)
{
    struct fixture *fixture = *state;
    struct device *device = join(fixture, 1);
    fixture_begin(fixture);
    assert_int_equal(device_give_tags(fixture->db, device->id, "line=3 a,b dev.x=1 beta"),
                     GODWIT_OK);
    fixture_commit(fixture);
    check_labels(fixture, device, ": beta line=3");
}

static void older_rows_get_their_id_as_text(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, 1);
    join(fixture, 2);
    assert_int_equal(db_script(fixture->db, "update devices set id_text = ''"), GODWIT_OK);
    assert_int_equal(device_fill_id_texts(fixture->db), GODWIT_OK);
    assert_int_equal(
        fixture_count(fixture, "select count(*) from devices where id_text like '7cdfa100000_'"),
        2);
}

/* The words of filters and those of decisions are two lists, for a filter knows no fleet. */
static void filters_know_every_state(void **state)
{
    (void)state;
    const struct filter_world world = {NOW_S, NULL, NULL};
    for (int i = 0; i < DECISION_REASON_COUNT; i++) {
        struct filter filter;
        struct filter_fault fault;
        char text[64];
        snprintf(text, sizeof text, "state:%s", decision_reason_state((enum decision_reason)i));
        if (filter_parse(text, &world, &filter, &fault)) fail_msg("%s", fault.sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_names_and_tags_are_refused),
        cmocka_unit_test_setup_teardown(tags_are_one_of_each_key, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(sixteen_are_the_most, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_it_says_of_itself, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_claim_gives_tags, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(older_rows_get_their_id_as_text, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(filters_know_every_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
