/* Gates as text: what is understood, what is refused, and that it reads back the same. */
#include "case.h"
#include "fixture.h"

static void gates_read_back_as_they_were(void **state)
{
    (void)state;
    static const struct {
        const char *text, *back;
    } CASES[] = {{"", ""},
                 {"none", ""},
                 {"10:30m", "10:30m"},
                 {"10:30m,1%:2h", "10:30m,1%:2h"},
                 {"1:0,2:90,0.5%:7d,50%:1h", "1:0s,2:90s,0.5%:7d,50%:1h"},
                 {"10:1800s", "10:30m"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CASE(i);
        struct proof_plan plan = {0};
        char note[160], back[GATES_TEXT_MAX];
        assert_int_equal(gates_parse(CASES[i].text, &plan, note, sizeof note), GODWIT_OK);
        gates_format(&plan, back);
        assert_string_equal(back, CASES[i].back);
    }
}

static void what_is_no_gate_is_refused(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"10",          ":30m",        "0:30m",
                                        "10:",         "10:30x",      "10:31d",
                                        "-1:30m",      "101%:1h",     "0%:1h",
                                        "100%:1h",     "1.%:1h",      "1.25%:1h",
                                        "1.5:1h",      "10:30m,",     "10:30m,10:1h",
                                        "10:30m,9:1h", "2%:1h,1%:2h", "1:1,2:1,3:1,4:1,5:1",
                                        "10:30m 20:1h"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        CASE(i);
        struct proof_plan plan = {0};
        char note[160] = "";
        assert_int_equal(gates_parse(TEXTS[i], &plan, note, sizeof note), GODWIT_ERR_FORMAT);
        assert_true(strlen(note) > 10);
    }
}

static void shares_count_those_selected(void **state)
{
    (void)state;
    struct proof_plan plan = {0};
    char note[160];
    assert_int_equal(gates_parse("10:30m,1%:2h", &plan, note, sizeof note), GODWIT_OK);
    assert_int_equal(gate_devices(&plan.gates[0], 100000), 10);
    assert_int_equal(gate_devices(&plan.gates[1], 100000), 1000);
    assert_int_equal(gate_devices(&plan.gates[1], 50), 1);
    assert_true(gates_rise(&plan, 100000));
    assert_false(gates_rise(&plan, 1000)); /* both stop at ten */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gates_read_back_as_they_were),
                                       cmocka_unit_test(what_is_no_gate_is_refused),
                                       cmocka_unit_test(shares_count_those_selected)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
