/* Keys sort as godwit_version_compare does, where versions do not mean the same. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "filter/version_key.h"

/* In order; those of one line mean the same. */
static const char *const ORDER[][4] = {
    {"", "v"},
    {"0.0.1-alpha"},
    {"0.0.1", "v0.0.1+b", "00.0.01"},
    {"0.9"},
    {"1-rc.1"},
    {"1-rc.2", "1.0-RC.2"},
    {"1-rc.10"},
    {"1-rc.10.1"},
    {"1", "1.0", "v1.0.0", "1.00.000"},
    {"1.0.1"},
    {"1.2.9"},
    {"1.2.10"},
    {"1.2.10a"},
    {"1.10"},
    {"9.99"},
    {"10"},
    {"99999999999999999999999999999998"},
    {"99999999999999999999999999999999"},
    {"abc"},
    {"abd"},
    {"\xC3\xA4"},
};
#define ORDER_COUNT (sizeof ORDER / sizeof *ORDER)

static void keys_sort_by_component(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4 * ORDER_COUNT; i++)
        for (size_t k = 0; k < 4 * ORDER_COUNT; k++) {
            const char *a = ORDER[i / 4][i % 4], *b = ORDER[k / 4][k % 4];
            char keys[2][VERSION_KEY_MAX];
            if (!a || !b) continue;
            version_key(a, keys[0]);
            version_key(b, keys[1]);
            int order = strcmp(keys[0], keys[1]), expected = (i / 4 > k / 4) - (i / 4 < k / 4);
            if ((order > 0) - (order < 0) != expected) fail_msg("'%s' and '%s': %d", a, b, order);
        }
}

static void keys_agree_with_the_order_of_versions(void **state)
{
    (void)state;
    static const char ALPHABET[] = "0019.-abz";
    unsigned seed = 1;
    for (size_t i = 0; i < 200000; i++) {
        char texts[2][10] = {""}, keys[2][VERSION_KEY_MAX];
        for (size_t k = 0; k < 18; k++) {
            seed = seed * 1103515245 + 12345;
            if (k % 9 < 3 + seed / 65536 % 6)
                texts[k / 9][strlen(texts[k / 9])] = ALPHABET[seed / 4096 % 9];
        }
        version_key(texts[0], keys[0]);
        version_key(texts[1], keys[1]);
        int order = strcmp(keys[0], keys[1]);
        /* A missing component is 0 here and less than 0 there; nothing else may differ. */
        if (!order || strstr(texts[0], ".0") || strstr(texts[1], ".0")) continue;
        assert_true((order > 0) == (godwit_version_compare(texts[0], texts[1]) > 0));
    }
}

static void the_longest_fit(void **state)
{
    (void)state;
    static const char *const LONG[] = {
        "1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.", "1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a",
        "1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-", "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"};
    for (size_t i = 0; i < sizeof LONG / sizeof *LONG; i++) {
        char key[VERSION_KEY_MAX + 8], twice[80];
        memset(key, 0x55, sizeof key);
        version_key(LONG[i], key);
        assert_true(strlen(key) < VERSION_KEY_MAX);
        assert_int_equal(key[VERSION_KEY_MAX], 0x55);
        char longer[VERSION_KEY_MAX];
        snprintf(twice, sizeof twice, "%s%s", LONG[i], LONG[i]);
        version_key(twice, longer);
        assert_string_equal(longer, key); /* what is too long does not count */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_sort_by_component),
        cmocka_unit_test(keys_agree_with_the_order_of_versions),
        cmocka_unit_test(the_longest_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
