/* Check values: the common "123456789" of CRC catalogues, and otadata entries as otatool writes. */
#include "base/crc.h"
#include "case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_known_replies(void **state)
{
    (void)state;
    const uint8_t *digits = (const uint8_t *)"123456789";
    assert_int_equal(godwit_crc32(0, digits, 9), 0xCBF43926);
    assert_int_equal(godwit_crc32(0, digits, 0), 0);
    for (size_t cut = 0; cut <= 9; cut++) {
        CASE(cut);
        assert_int_equal(godwit_crc32(godwit_crc32(0, digits, cut), digits + cut, 9 - cut),
                         0xCBF43926);
    }
}

static void test_otadata_entries(void **state)
{
    (void)state;
    static const uint32_t ROWS[][2] = {
        {1, 0x4743989A}, {2, 0x55F63774}, {256, 0xFE3D95C8}, {0xFFFFFFFE, 0x99F8B879}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        uint8_t seq[4];
        godwit_store32(seq, ROWS[i][0]);
        assert_int_equal(godwit_crc32(0xFFFFFFFF, seq, 4), ROWS[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_replies),
        cmocka_unit_test(test_otadata_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
