/* Windows and zones as text: what is understood, what is refused, when a window is open. */
#include "case.h"
#include "fixture.h"

#define HOUR_S 3600
#define MONDAY_S (NOW_S - 3 * 24 * HOUR_S) /* NOW_S is a Thursday, 00:00 UTC */

static void windows_read_back_as_they_were(void **state)
{
    (void)state;
    static const struct {
        const char *text, *back;
    } CASES[] = {
        {"", ""},
        {"02:00-05:00", "02:00-05:00"},
        {"mon-fri 02:00-05:00", "mon-fri 02:00-05:00"},
        {"Sat 00:00-24:00", "sat 00:00-24:00"},
        {"fri-mon 22:30-04:15", "fri-mon 22:30-04:15"},
        {"mon-fri 02:00-05:00, sat-sun 00:00-24:00", "mon-fri 02:00-05:00,sat-sun 00:00-24:00"},
        {"mon-sun 01:00-02:00", "01:00-02:00"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CASE(i);
        struct rollout_guards guards = {0};
        char note[200], back[WINDOW_TEXT_MAX];
        assert_int_equal(window_parse(CASES[i].text, &guards, note, sizeof note), GODWIT_OK);
        window_format(&guards, back);
        assert_string_equal(back, CASES[i].back);
    }
}

static void what_is_no_window_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } CASES[] = {{"02:00-02:00", "never opens"},
                 {"mon 00:00-00:00", "never opens"},
                 {"24:00-02:00", "is no window"},
                 {"2:00-5:00", "is no window"},
                 {"02:00", "is no window"},
                 {"02:60-05:00", "is no window"},
                 {"02:00-25:00", "is no window"},
                 {"mon-fri", "is no window"},
                 {"mon-xyz 02:00-05:00", "is no window"},
                 {"monday 02:00-05:00", "is no window"},
                 {"02:00-05:00 mon", "is no window"},
                 {"02:00-05:00,", "is no window"},
                 {"1,2", "is no window"},
                 {"01:00-02:00,03:00-04:00,05:00-06:00,07:00-08:00,09:00-10:00", "too many"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CASE(i);
        struct rollout_guards guards = {0};
        char note[200] = "";
        assert_int_equal(window_parse(CASES[i].text, &guards, note, sizeof note),
                         GODWIT_ERR_FORMAT);
        assert_non_null(strstr(note, CASES[i].says));
    }
}

static void zones_are_quarters_of_an_hour(void **state)
{
    (void)state;
    static const struct {
        const char *text, *back;
    } CASES[] = {{"+02:00", "+02:00"}, {"-03:30", "-03:30"}, {"utc", "+00:00"},
                 {"UTC", "+00:00"},    {"+14:00", "+14:00"}, {"-12:00", "-12:00"},
                 {"+05:45", "+05:45"}, {"-00:15", "-00:15"}};
    static const char *const WRONG[] = {"",       "02:00",   "+2:00", "+02:10",        "-12:15",
                                        "+14:15", "+02:00x", "+0200", "Europe/Berlin", "+"};
    char back[ZONE_TEXT_MAX];
    uint8_t zone;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CASE(i);
        assert_int_equal(zone_parse(CASES[i].text, &zone), GODWIT_OK);
        assert_int_not_equal(zone, ZONE_NONE);
        zone_format(zone, back);
        assert_string_equal(back, CASES[i].back);
    }
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        CASE(i);
        assert_int_equal(zone_parse(WRONG[i], &zone), GODWIT_ERR_FORMAT);
    }
    zone_format(ZONE_NONE, back);
    assert_string_equal(back, "");
}

static void a_window_opens_in_local_time(void **state)
{
    (void)state;
    static const struct {
        const char *window, *rollout_zone, *zone;
        int day, hour, minute; /* UTC; day 0: Monday */
        bool is_open;
    } CASES[] = {
        {"mon-fri 02:00-05:00", "", "", 0, 2, 0, true},
        {"mon-fri 02:00-05:00", "", "", 0, 1, 59, false},
        {"mon-fri 02:00-05:00", "", "", 0, 4, 59, true},
        {"mon-fri 02:00-05:00", "", "", 0, 5, 0, false},
        {"mon-fri 02:00-05:00", "", "", 5, 3, 0, false},
        {"mon-fri 02:00-05:00", "", "+02:00", 0, 0, 0, true},   /* 02:00 there */
        {"mon-fri 02:00-05:00", "", "+02:00", 0, 3, 0, false},  /* 05:00 there */
        {"mon-fri 02:00-05:00", "", "+05:45", 6, 20, 15, true}, /* Monday 02:00 there */
        {"mon-fri 02:00-05:00", "", "-03:30", 5, 5, 30, false}, /* Saturday 02:00 there */
        {"mon-fri 02:00-05:00", "", "-03:30", 5, 0, 0, false},  /* Friday 20:30 there */
        {"mon-fri 02:00-05:00", "+02:00", "", 0, 0, 0, true},
        {"mon-fri 02:00-05:00", "+02:00", "utc", 0, 0, 0, false},
        {"sun 22:00-04:00", "", "", 6, 23, 0, true}, /* over midnight, and over the week's end */
        {"sun 22:00-04:00", "", "", 0, 3, 59, true},
        {"sun 22:00-04:00", "", "", 0, 4, 0, false},
        {"sun 22:00-04:00", "", "", 0, 22, 0, false},
        {"sat-sun 00:00-24:00", "", "", 6, 23, 59, true},
        {"sat-sun 00:00-24:00", "", "", 0, 0, 0, false},
        {"mon 01:00-02:00,wed 01:00-02:00", "", "", 2, 1, 30, true},
        {"", "", "", 3, 12, 0, true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CASE(i);
        struct rollout_guards guards = {0};
        char note[200];
        uint8_t zone = ZONE_NONE;
        int64_t now_s =
            MONDAY_S + CASES[i].day * 24 * HOUR_S + CASES[i].hour * HOUR_S + CASES[i].minute * 60;
        assert_int_equal(window_parse(CASES[i].window, &guards, note, sizeof note), GODWIT_OK);
        if (*CASES[i].zone) assert_int_equal(zone_parse(CASES[i].zone, &zone), GODWIT_OK);
        if (*CASES[i].rollout_zone)
            assert_int_equal(zone_parse(CASES[i].rollout_zone, &guards.zone), GODWIT_OK);
        assert_int_equal(window_is_open(&guards, zone, now_s), CASES[i].is_open);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows_read_back_as_they_were),
                                       cmocka_unit_test(what_is_no_window_is_refused),
                                       cmocka_unit_test(zones_are_quarters_of_an_hour),
                                       cmocka_unit_test(a_window_opens_in_local_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
