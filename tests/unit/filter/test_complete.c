/* What is offered at the cursor. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

/* `|` is the cursor; the candidates, joined by spaces. */
static void check(const char *text, size_t from, const char *expected)
{
    struct filter_completion completion;
    char line[128] = "", found[2048] = "";
    size_t cursor = strcspn(text, "|");
    snprintf(line, sizeof line, "%.*s%s", (int)cursor, text, text + cursor + 1);
    filter_complete(line, cursor, &WORLD, &completion);
    for (size_t i = 0; i < completion.count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", i ? " " : "",
                 completion.candidates[i].text);
    if (strcmp(found, expected)) fail_msg("%s: %s", text, found);
    if (completion.count) assert_int_equal(completion.from, from);
}

static void fields_and_values_are_offered(void **state)
{
    (void)state;
    check("|", 0,
          "id: name: product: version: state: reason: cause: chip: tag: slot: idf: agent: seen: "
          "joined:");
    check("s|", 0, "state: slot: seen:");
    check("-S|", 1, "state: slot: seen:");
    check("kitchen st| x", 8, "state:");
    check("state:|", 6,
          "up-to-date in-progress on-trial queued failed incompatible halted undoing "
          "retired");
    check("state:f|", 6, "failed");
    check("-state:queued,F|", 14, "failed");
    check("state:x|", 0, "");
    check("product:|", 8, "thermostat Thermo_1 \"door 50%\"");
    check("product:\"do|", 8, "\"door 50%\"");
    check("bogus:|", 0, "");
    check("name:\"a st|", 0, "");
    check("name:\"a\" st|", 9, "state:");
    check("seen:|", 0, "");
    check("a,s|", 0, "");
    check(" :|", 0, "");
}

static const char *odd_known(void *ctx, enum filter_field field, size_t index)
{
    static const char *const VALUES[] = {"", "1.4.0", "<b>", "say \"hi\"", "a*b", "x\\y", NULL};
    (void)ctx;
    return field == FILTER_VERSION || field == FILTER_NAME ? VALUES[index] : NULL;
}

/* A candidate is a filter that means the value itself, whatever it holds. */
static void values_are_spelt(void **state)
{
    (void)state;
    static const struct filter_world world = {NOW_S, odd_known, NULL};
    struct filter_completion completion;
    filter_complete("version:<=1", 11, &world, &completion);
    assert_int_equal(completion.count, 1);
    assert_int_equal(completion.from, 10);
    assert_string_equal(completion.candidates[0].text, "1.4.0");
    filter_complete("name:<", 6, &world, &completion); /* names do not compare */
    assert_int_equal(completion.from, 5);
    static const char *const SPELT[] = {"1.4.0", "\"<b>\"", "\"say \\\"hi\\\"\"", "a\\*b",
                                        "x\\\\y"};
    filter_complete("name:", 5, &world, &completion);
    assert_int_equal(completion.count, sizeof SPELT / sizeof *SPELT);
    for (size_t i = 0; i < completion.count; i++) {
        struct filter filter;
        struct filter_fault fault;
        char text[100];
        assert_string_equal(completion.candidates[i].text, SPELT[i]);
        snprintf(text, sizeof text, "name:%s", SPELT[i]);
        assert_int_equal(filter_parse(text, &world, &filter, &fault), GODWIT_OK);
        assert_int_equal(filter.values[0].op, FILTER_IS);
        assert_string_equal(filter.text, odd_known(NULL, FILTER_NAME, i + 1));
    }
}

static const char *many_known(void *ctx, enum filter_field field, size_t index)
{
    static char text[16];
    (void)ctx, (void)field;
    snprintf(text, sizeof text, "v%zu", index);
    return index < 3 * FILTER_CANDIDATES_MAX ? text : NULL;
}

static void no_more_than_there_is_room_for(void **state)
{
    (void)state;
    static const struct filter_world world = {NOW_S, many_known, NULL};
    struct {
        struct filter_completion completion;
        struct filter_candidate behind;
    } room = {.behind.text = "untouched"};
    filter_complete("version:v", 9, &world, &room.completion);
    assert_int_equal(room.completion.count, FILTER_CANDIDATES_MAX);
    assert_string_equal(room.behind.text, "untouched");
}

/* What the caller looks up: a field, and what its values begin with. */
static void the_cursor_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum filter_field field;
        const char *part;
    } ROWS[] = {
        {"", FILTER_ANYWHERE, ""},
        {"sta", FILTER_ANYWHERE, ""},
        {"bogus:x", FILTER_ANYWHERE, ""},
        {"x -Name:KIT", FILTER_NAME, "kit"},
        {"version:>=1.", FILTER_VERSION, "1."},
        {"tag:a,\"B c", FILTER_TAG, "b c"},
        {":", FILTER_ANYWHERE, ""},
        {"name:", FILTER_NAME, ""},
    };
    struct filter_cursor cursor;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        filter_cursor(ROWS[i].text, strlen(ROWS[i].text), &cursor);
        assert_int_equal(cursor.field, ROWS[i].field);
        assert_string_equal(cursor.part, ROWS[i].part);
    }
    char text[80] = "name:"; /* 71 bytes fit, and what is longer is never looked up by its start */
    memset(text + 5, 'a', 72);
    filter_cursor(text, 5 + 71, &cursor);
    assert_int_equal(cursor.field, FILTER_NAME);
    filter_cursor(text, 5 + 72, &cursor);
    assert_int_equal(cursor.field, FILTER_ANYWHERE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_values_are_offered), cmocka_unit_test(values_are_spelt),
        cmocka_unit_test(no_more_than_there_is_room_for), cmocka_unit_test(the_cursor_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
