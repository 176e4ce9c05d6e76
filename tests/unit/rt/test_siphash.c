/* SipHash-1-3 against the one that Python hashes bytes with: PYTHONHASHSEED=0 python3.11 -c
 * 'print(hex(hash(b"godwit") & (2**64-1)))' is siphash with a seed of zeros. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <string.h>

#include "rt/siphash.h"

static void as_python_hashes(void **state)
{
    (void)state;
    const struct siphash_seed zeros = {0};
    uint8_t bytes[32];
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_true(siphash(&zeros, (const uint8_t *)"a", 1) == 0x407448d2b89b1813U);
    assert_true(siphash(&zeros, (const uint8_t *)"godwit", 6) == 0x128b8b6edb0a33e4U);
    assert_true(siphash(&zeros, (const uint8_t *)"01234567", 8) == 0xda3dcedf84ea6cc6U);
    assert_true(siphash(&zeros, bytes, 32) == 0x31ef8061c910629bU);
}

static void each_seed_is_another(void **state)
{
    (void)state;
    const uint8_t key[16] = {1};
    struct siphash_seed one = siphash_seed_make(), other = siphash_seed_make();
    assert_true(siphash(&one, key, 16) != siphash(&other, key, 16));
    assert_true(siphash(&one, key, 16) == siphash(&one, key, 16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_python_hashes),
        cmocka_unit_test(each_seed_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
