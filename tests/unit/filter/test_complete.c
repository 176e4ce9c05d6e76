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
    check("state:|", 6, "up-to-date in-progress on-trial queued failed incompatible retired");
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fields_and_values_are_offered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
