/* The scenario of one boot in words: the facts must be in it, and it never runs over its buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "case.h"
#include "emu/emu.h"

static struct boot example(void)
{
    struct boot boot = {.boots = true, .choice = BOOT_ENTRY, .entry = 1, .slot = 2};
    boot.partition = (struct godwit_partition){.label = "ota_0"};
    boot.tries[0] = (struct boot_try){{.label = "ota_2"}, GODWIT_REASON_IMAGE_DIGEST, false};
    boot.tries[1] = (struct boot_try){{.label = "ota_1"}, GODWIT_REASON_NOT_AN_IMAGE, true};
    boot.tries[2] = (struct boot_try){{.label = "ota_0"}, GODWIT_REASON_NONE, false};
    boot.tries_count = 3;
    return boot;
}

static void tells_choice_refusals_and_result(void **state)
{
    struct boot boot = example();
    char scenario[512];
    (void)state;
    boot_explain(&boot, scenario, sizeof scenario);
    assert_non_null(strstr(scenario, boot_choice_sentence(BOOT_ENTRY)));
    assert_non_null(strstr(scenario, "entry 1 names ota_2"));
    assert_non_null(strstr(scenario, "ota_2 is refused: the appended SHA-256"));
    assert_non_null(strstr(scenario, "ota_1 is erased"));
    assert_null(strstr(scenario, "ota_0 is refused"));
    assert_non_null(strstr(scenario, "boots ota_0"));
    boot.boots = false;
    boot_explain(&boot, scenario, sizeof scenario);
    assert_non_null(strstr(scenario, "resets for ever"));
}

static void is_cut_where_it_must_be(void **state)
{
    const struct boot boot = example();
    char scenario[512];
    (void)state;
    for (size_t size = 1; size < 200; size++) {
        CASE(size);
        memset(scenario, '#', sizeof scenario);
        boot_explain(&boot, scenario, size);
        assert_non_null(memchr(scenario, 0, size));
        assert_int_equal(scenario[size], '#');
    }
}

static void every_choice_has_its_words(void **state)
{
    (void)state;
    for (int i = 0; i < BOOT_CHOICES_COUNT; i++) {
        CASE(i);
        assert_true(strlen(boot_choice_id((enum boot_choice)i)) > 3);
        assert_true(strlen(boot_choice_sentence((enum boot_choice)i)) > 10);
    }
    assert_string_equal(boot_choice_id(BOOT_CHOICES_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_choice_refusals_and_result),
        cmocka_unit_test(is_cut_where_it_must_be),
        cmocka_unit_test(every_choice_has_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
