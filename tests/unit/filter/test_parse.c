/* What a filter means, and the sentence for each that means nothing. */
#include "fixture.h"

#include <string.h>

static struct filter filter;
static struct filter_fault fault;

static const struct filter_facts DEVICE = {
    .id = "026777000001",
    .name = "Kitchen, \"left\" *",
    .product = "thermostat",
    .version = "1.10.0-RC1",
    .state = "failed",
    .reason = "failed-before",
    .cause = "trial-panic",
    .chip = "esp32c3",
    .slot = "ota_1",
    .idf = "v5.5",
    .agent = "0.2.0",
    .last_seen_s = NOW_S - 3600,
    .joined_s = 1769860799, /* the last second of 2026-01-31 */
    .tags = (const char *const[]){"site=berlin", "beta", "dev.room=a 1"},
    .tags_count = 3,
};

static void check(const char *const *texts, size_t count, bool is_found)
{
    for (size_t i = 0; i < count; i++) {
        if (filter_parse(texts[i], &WORLD, &filter, &fault))
            fail_msg("%s: %s", texts[i], fault.sentence);
        if (filter_matches(&filter, &DEVICE) != is_found)
            fail_msg("%s: %s", texts[i], is_found ? "not found" : "found");
    }
}
#define FOUND(...)                            \
    check((const char *const[]){__VA_ARGS__}, \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), true)
#define NOT_FOUND(...)                        \
    check((const char *const[]){__VA_ARGS__}, \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), false)

static void terms_mean_what_the_page_says(void **state)
{
    (void)state;
    FOUND("", "   ", "kitchen", "KITCHEN", "7700", "1.10.0-rc", "kit*left", "\"kitchen, \"",
          "nothing,kitchen", "name:\"kitchen, *\"", "name:\"kitchen, \\\"left\\\" \\*\"",
          "name:kitchen\\,*", "-garage", "id:026777000001", "id:0267*", "id:*001",
          "product:thermostat", "PRODUCT:Thermostat", "product:therm*", "state:failed",
          "state:queued,failed", "-state:queued", "state:f*", "reason:failed-before",
          "cause:trial-panic", "-cause:\"\"", "chip:esp32c3", "chip:esp32*", "-chip:esp32s2",
          "slot:ota_1", "idf:V5.*", "agent:0.2.0", "kitchen state:failed -chip:esp32s2  tag:beta");
    NOT_FOUND("garage", "-kitchen", "name:kitchen", "name:\"kitchen\\*\"", "name:\"\"",
              "id:026777000002", "id:026777", "product:Thermo_1", "state:queued", "state:up*",
              "cause:\"\"", "chip:esp32", "kitchen state:queued", "kitchen -tag:beta", "slot:ota_",
              "agent:0.2.?");
}

static void versions_and_times_compare(void **state)
{
    (void)state;
    FOUND("version:1.10.0-rc1", "version:1.10.*", "version:<1.10", "version:>1.9.9",
          "version:>=1.10.0-rc.0", "version:<=1.10-rc1", "version:>=v1.10-RC1", "version:<1,>1.9",
          "seen:<2h", "seen:>30m", "seen:<=3600s", "seen:>=1h", "-seen:>7d", "seen:2026-05-28",
          "seen:>2026-05-27", "seen:<2026-05-29", "seen:<=2026-05-28", "seen:>=2026-05-28",
          "joined:2026-01-31", "joined:<2026-02-01", "joined:>1w", "seen:>1d,<2h");
    NOT_FOUND("version:1.10.0", "version:<1.9", "version:>1.10", "version:>1.10.0", "seen:>1h",
              "seen:<1h", "seen:>7d", "seen:2026-05-27", "seen:2026-05-29", "seen:>2026-05-28",
              "seen:<2026-05-28", "joined:2026-02-01", "joined:>2026-01-31");
}

static void tags_are_found_whole_or_by_their_key(void **state)
{
    (void)state;
    FOUND("tag:beta", "tag:site", "tag:site=berlin", "tag:SITE=Berlin", "tag:site=*", "tag:s*",
          "tag:\"dev.room=a 1\"", "tag:site=paris,beta", "tag:dev.room");
    NOT_FOUND("tag:bet", "tag:site=ber", "tag:berlin", "tag:site=", "tag:beta=*", "tag:\"\"",
              "-tag:*");
}

static void the_retired_are_found_where_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_found;
    } ROWS[] = {{"", false},
                {"-state:failed", false},
                {"name:*", false},
                {"state:retired", true},
                {"state:failed,retired", true},
                {"state:*", true},
                {"-state:retired", false},
                {"-state:failed -state:retired", false},
                {"state:re*", true}};
    struct filter_facts device = DEVICE;
    device.state = FILTER_STATE_RETIRED;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        assert_int_equal(filter_parse(ROWS[i].text, &WORLD, &filter, &fault), GODWIT_OK);
        if (filter_matches(&filter, &device) != ROWS[i].is_found) fail_msg("%s", ROWS[i].text);
    }
}

static void a_fault_is_a_sentence_with_the_nearest_word(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
        size_t at;
    } ROWS[] = {
        {"kitchen sate:failed", "no field 'sate'; did you mean 'state:'?", 8},
        {"xyzzy:1", "there are id, name, product, version, state,", 0},
        {"state:failled", "no state 'failled'; did you mean 'failed'?", 6},
        {"state:zzz", "no state 'zzz'; there are up-to-date, in-progress", 6},
        {"product:termostat", "did you mean 'thermostat'?", 8},
        {"chip:esp32c33", "no chip 'esp32c33'; did you mean 'esp32c3'?", 5},
        {"-reason:queud", "did you mean 'queued'?", 8},
        {"cause:trial-pnaic", "did you mean 'trial-panic'?", 6},
        {"state:", "a value is missing", 6},
        {"state:failed,", "a value is missing", 13},
        {"-", "a value is missing", 1},
        {"name:\"kitchen", "a quote is opened and not closed", 5},
        {"seen:7d", "an age needs < or >", 5},
        {"seen:>7", "seen takes an age", 5},
        {"seen:>7y", "seen takes an age", 5},
        {"seen:>2026-02-29", "or a date like", 5},
        {"seen:>99999999999999999999d", "seen takes an age", 5},
        {"name:<k", "name does not compare", 5},
        {"version:<1.*", "take a version like", 8},
        {"version:<", "a value is missing", 9},
        {"a\x1b[31m", "can not be printed", 1},
        {"a\xff", "not UTF-8", 1},
        {"\xe2\x80\xae", "can not be printed", 0},
        {"\x01", "can not be printed", 0},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (!filter_parse(ROWS[i].text, &WORLD, &filter, &fault))
            fail_msg("%s is taken", ROWS[i].text);
        if (!strstr(fault.sentence, ROWS[i].part)) fail_msg("%s: %s", ROWS[i].text, fault.sentence);
        if (fault.at != ROWS[i].at) fail_msg("%s: at %zu", ROWS[i].text, fault.at);
    }
}

static char *repeat(const char *text, size_t count, char *out)
{
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * strlen(text), text, strlen(text) + 1);
    return out;
}

static void all_is_bounded(void **state)
{
    (void)state;
    static char text[8192];
    assert_int_equal(filter_parse(repeat("x", FILTER_TEXT_MAX, text), &WORLD, &filter, &fault),
                     GODWIT_OK);
    assert_int_equal(filter_parse(repeat("x", FILTER_TEXT_MAX + 1, text), &WORLD, &filter, &fault),
                     GODWIT_ERR_FORMAT);
    assert_non_null(strstr(fault.sentence, "at most 1024 bytes"));
    assert_int_equal(filter_parse(repeat("x ", FILTER_TERMS_MAX, text), &WORLD, &filter, &fault),
                     GODWIT_OK);
    assert_int_equal(
        filter_parse(repeat("x ", FILTER_TERMS_MAX + 1, text), &WORLD, &filter, &fault),
        GODWIT_ERR_FORMAT);
    assert_non_null(strstr(fault.sentence, "at most 32 words"));
    assert_int_equal(filter_parse(repeat("x,", FILTER_VALUES_MAX, text), &WORLD, &filter, &fault),
                     GODWIT_ERR_FORMAT);
    assert_non_null(strstr(fault.sentence, "at most 64 values"));
    text[2 * FILTER_VALUES_MAX - 1] = '\0';
    assert_int_equal(filter_parse(text, &WORLD, &filter, &fault), GODWIT_OK);
    char *end = repeat("tag:aaaaaaaaaaaa ", FILTER_TERMS_MAX, text); /* each has two */
    assert_int_equal(filter_parse(end, &WORLD, &filter, &fault), GODWIT_OK);
    memcpy(text + strlen(text) - 1, ",b", 3);
    assert_int_equal(filter_parse(text, &WORLD, &filter, &fault), GODWIT_ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_mean_what_the_page_says),
        cmocka_unit_test(versions_and_times_compare),
        cmocka_unit_test(tags_are_found_whole_or_by_their_key),
        cmocka_unit_test(the_retired_are_found_where_asked_for),
        cmocka_unit_test(a_fault_is_a_sentence_with_the_nearest_word),
        cmocka_unit_test(all_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
