/* The power-cut injector: each kind of cut leaves what it says, and nothing happens until power
 * returns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "case.h"
#include "emu/emu.h"

#define SIZE 0x10000u

static struct flash_ram ram;
static struct godwit_flash bare, flash;
static struct power_cut power_cut;
static uint8_t before[SIZE], after[SIZE];

static int setup(void **state)
{
    (void)state;
    assert_int_equal(flash_ram_init(&ram, SIZE, 16, NULL), GODWIT_OK);
    bare = flash_ram_port(&ram);
    power_cut_init(&power_cut, &bare);
    flash = power_cut_port(&power_cut);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    flash_ram_deinit(&ram);
    return 0;
}

static const uint8_t *content(uint8_t bytes[static SIZE])
{
    assert_int_equal(bare.read(bare.ctx, 0, bytes, SIZE), GODWIT_OK);
    return bytes;
}

static void fill(uint32_t offset, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        before[i] = (uint8_t)(i * 7 + (i >> 8));
    assert_int_equal(bare.write(bare.ctx, offset, before, size), GODWIT_OK);
}

static void cuts_before_and_after(void **state)
{
    const uint8_t data[16] = "sixteen letters";
    (void)state;
    power_cut.cut_at = 1;
    power_cut.kind = POWER_CUT_BEFORE;
    assert_int_equal(flash.write(flash.ctx, 0, data, 16), GODWIT_ERR_IO);
    assert_true(godwit_all(content(after), SIZE, 0xFF));
    assert_true(power_cut.is_off);
    power_cut_power_on(&power_cut);
    power_cut.cut_at = 2;
    power_cut.kind = POWER_CUT_AFTER;
    assert_int_equal(flash.write(flash.ctx, 0, data, 16), GODWIT_ERR_IO);
    assert_memory_equal(content(after), data, 16);
}

static void nothing_works_without_power(void **state)
{
    uint8_t data[16] = {0};
    (void)state;
    power_cut.cut_at = 1;
    assert_int_equal(flash.erase(flash.ctx, 0, 4096), GODWIT_ERR_IO);
    assert_int_equal(flash.read(flash.ctx, 0, data, 16), GODWIT_ERR_IO);
    assert_int_equal(flash.write(flash.ctx, 0, data, 16), GODWIT_ERR_IO);
    assert_int_equal(flash.erase(flash.ctx, 0, 4096), GODWIT_ERR_IO);
    assert_int_equal(power_cut.operations, 1); /* what never began does not count */
    assert_true(godwit_all(content(after), SIZE, 0xFF));
    power_cut_power_on(&power_cut);
    assert_int_equal(flash.write(flash.ctx, 0, data, 16), GODWIT_OK);
    assert_int_equal(power_cut.operations, 2);
}

/* A prefix of whole units, then at most one unit with some of its bits, then nothing. */
static void torn_write_leaves_a_prefix(void **state)
{
    uint8_t data[64];
    bool power_cut_none = false, power_cut_some = false, power_cut_partial = false;
    (void)state;
    memset(data, 0x5A, sizeof data);
    for (uint64_t seed = 0; seed < 200; seed++) {
        CASE(seed);
        assert_int_equal(bare.erase(bare.ctx, 0, SIZE), GODWIT_OK);
        power_cut_power_on(&power_cut);
        power_cut.seed = seed;
        power_cut.kind = POWER_CUT_TORN;
        power_cut.cut_at = power_cut.operations + 1;
        assert_int_equal(flash.write(flash.ctx, 32, data, 64), GODWIT_ERR_IO);
        content(after);
        uint32_t whole = 0;
        while (whole < 64 && godwit_all(after + 32 + whole, 16, 0x5A))
            whole += 16;
        assert_true(whole < 64); /* else it were "after" */
        for (uint32_t i = 0; i < 16; i++) {
            CASE(i);
            assert_int_equal(after[32 + whole + i] & 0x5A, 0x5A);
        }
        assert_true(godwit_all(after + 32 + whole + 16, 48 - whole, 0xFF));
        power_cut_none |= whole == 0;
        power_cut_some |= whole > 0;
        power_cut_partial |= !godwit_all(after + 32 + whole, 16, 0xFF);
    }
    assert_true(power_cut_none && power_cut_some && power_cut_partial);
    assert_int_equal(ram.violations, 0);
}

/* Some sectors blank, one that is neither old nor blank, the rest old. */
static void torn_erase_leaves_one_sector_between(void **state)
{
    bool power_cut_raised = false, power_cut_prefix = false;
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        CASE(seed);
        assert_int_equal(bare.erase(bare.ctx, 0, SIZE), GODWIT_OK);
        fill(0, SIZE);
        power_cut_power_on(&power_cut);
        power_cut.seed = seed;
        power_cut.kind = POWER_CUT_TORN;
        power_cut.cut_at = power_cut.operations + 1;
        assert_int_equal(flash.erase(flash.ctx, 4096, 3 * 4096), GODWIT_ERR_IO);
        content(after);
        uint32_t at = 4096;
        while (at < 4 * 4096 && godwit_all(after + at, 4096, 0xFF))
            at += 4096;
        assert_true(at < 4 * 4096);
        assert_memory_not_equal(after + at, before + at, 4096);
        for (uint32_t i = 0; i < 4096; i++) /* an erase only sets bits */
        {
            CASE(i);
            assert_int_equal(after[at + i] & before[at + i], before[at + i]);
        }
        assert_memory_equal(after + at + 4096, before + at + 4096, SIZE - at - 4096);
        assert_memory_equal(after, before, 4096);
        bool is_prefix = !memcmp(after + at + 4000, before + at + 4000, 96);
        power_cut_prefix |= is_prefix;
        power_cut_raised |= !is_prefix;
    }
    assert_true(power_cut_raised && power_cut_prefix);
}

static void a_case_can_be_played_again(void **state)
{
    uint8_t data[256];
    (void)state;
    memset(data, 0x33, sizeof data);
    for (int round = 0; round < 2; round++) {
        power_cut_init(&power_cut, &bare);
        assert_int_equal(bare.erase(bare.ctx, 0, SIZE), GODWIT_OK);
        power_cut.seed = 99;
        power_cut.kind = POWER_CUT_TORN;
        power_cut.cut_at = 1;
        assert_int_equal(flash.write(flash.ctx, 0, data, sizeof data), GODWIT_ERR_IO);
        content(round ? after : before);
    }
    assert_memory_equal(before, after, SIZE);
}

/* Erased flash with `data` (0x00) written over 64 bytes at 32 and cut. */
static void torn_zeroes(enum power_cut_kind kind, uint64_t seed)
{
    static const uint8_t zeroes[64];
    assert_int_equal(bare.erase(bare.ctx, 0, SIZE), GODWIT_OK);
    power_cut_init(&power_cut, &bare);
    power_cut.seed = seed;
    power_cut.kind = kind;
    power_cut.cut_at = 1;
    assert_int_equal(flash.write(flash.ctx, 32, zeroes, 64), GODWIT_ERR_IO);
    content(after);
    assert_true(godwit_all(after, 32, 0xFF) && godwit_all(after + 96, 4000, 0xFF));
}

static unsigned bits_set(const uint8_t *bytes, uint32_t size)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < size; i++)
        count += (unsigned)__builtin_popcount(bytes[i]);
    return count;
}

static void suffix_leaves_the_far_end(void **state)
{
    bool power_cut_some = false;
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        CASE(seed);
        torn_zeroes(POWER_CUT_SUFFIX, seed);
        uint32_t whole = 0;
        while (whole < 64 && godwit_all(after + 96 - whole - 16, 16, 0))
            whole += 16;
        assert_true(whole < 64);
        assert_true(godwit_all(after + 32, 48 - whole, 0xFF));
        power_cut_some |= whole > 0;
    }
    assert_true(power_cut_some);
}

/* From a quarter of the bits to all but three of them, and any part of the words. */
static void bits_and_words_in_any_order(void **state)
{
    bool power_cut_most = false, power_cut_few = false, power_cut_all_but_three = false;
    uint32_t words_seen = 0, words_missed = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        CASE(seed);
        torn_zeroes(POWER_CUT_BITS, seed);
        unsigned left = bits_set(after + 32, 64);
        assert_true(left > 0 && left < 512);
        power_cut_all_but_three |= left <= 3;
        power_cut_most |= left > 3 && left < 160;
        power_cut_few |= left > 350;
        torn_zeroes(POWER_CUT_HOLES, seed);
        for (uint32_t i = 0; i < 16; i++) {
            CASE(i);
            const uint8_t *word = after + 32 + 4 * i;
            assert_true(godwit_all(word, 4, 0) || godwit_all(word, 4, 0xFF));
            words_seen |= (uint32_t)(word[0] == 0) << i;
            words_missed |= (uint32_t)(word[0] == 0xFF) << i;
        }
    }
    assert_true(power_cut_most && power_cut_few && power_cut_all_but_three);
    assert_true(words_seen == 0xFFFF && words_missed == 0xFFFF);
}

/* Whether two reads of the first sector differ, with power back. */
static bool wavers(void)
{
    uint8_t first[4096], second[4096];
    assert_int_equal(flash.read(flash.ctx, 0, first, sizeof first), GODWIT_OK);
    for (int i = 0; i < 20; i++) {
        CASE(i);
        assert_int_equal(flash.read(flash.ctx, 0, second, sizeof second), GODWIT_OK);
        if (memcmp(first, second, sizeof first) != 0) return true;
    }
    return false;
}

static void unstable_bits_stay_until_written_or_erased(void **state)
{
    static const uint8_t zeroes[64];
    unsigned wavering = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        CASE(seed);
        torn_zeroes(POWER_CUT_UNSTABLE, seed);
        power_cut_power_on(&power_cut);
        wavering += wavers();
        assert_int_equal(flash.write(flash.ctx, 96, zeroes, 16), GODWIT_OK);
        wavering += wavers(); /* what stands behind them changes nothing */
        assert_int_equal(flash.write(flash.ctx, 32, zeroes, 64), GODWIT_OK);
        assert_false(wavers());
        torn_zeroes(POWER_CUT_UNSTABLE, seed);
        power_cut_power_on(&power_cut);
        assert_int_equal(flash.erase(flash.ctx, 0, 4096), GODWIT_OK);
        assert_false(wavers());
    }
    assert_int_equal(wavering, 80);
}

/* One sector that wavers between old and blank; those in front of it are blank, the rest old. */
static void unstable_erase_is_unstable(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        CASE(seed);
        power_cut_init(&power_cut, &bare);
        assert_int_equal(bare.erase(bare.ctx, 0, SIZE), GODWIT_OK);
        memset(before, 0, SIZE);
        assert_int_equal(bare.write(bare.ctx, 0, before, SIZE), GODWIT_OK);
        power_cut.seed = seed;
        power_cut.kind = POWER_CUT_UNSTABLE;
        power_cut.cut_at = 1;
        assert_int_equal(flash.erase(flash.ctx, 0, 4096), GODWIT_ERR_IO);
        assert_true(godwit_all(content(after) + 4096, SIZE - 4096, 0));
        power_cut_power_on(&power_cut);
        assert_true(wavers());
    }
}

/* An erase all at once raises bits in each of its sectors and clears none. */
static void bits_of_an_erase(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        CASE(seed);
        power_cut_init(&power_cut, &bare);
        assert_int_equal(bare.erase(bare.ctx, 0, SIZE), GODWIT_OK);
        fill(0, SIZE);
        power_cut.seed = seed;
        power_cut.kind = seed % 2 ? POWER_CUT_BITS : POWER_CUT_HOLES;
        power_cut.cut_at = 1;
        assert_int_equal(flash.erase(flash.ctx, 0, 3 * 4096), GODWIT_ERR_IO);
        content(after);
        for (uint32_t at = 0; at < 3 * 4096; at += 4096) {
            CASE(at);
            assert_memory_not_equal(after + at, before + at, 4096);
            for (uint32_t i = at; i < at + 4096; i++) {
                CASE(i);
                assert_int_equal(after[i] & before[i], before[i]);
            }
        }
        assert_memory_equal(after + 3 * 4096, before + 3 * 4096, SIZE - 3 * 4096);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cuts_before_and_after, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_works_without_power, setup, teardown),
        cmocka_unit_test_setup_teardown(torn_write_leaves_a_prefix, setup, teardown),
        cmocka_unit_test_setup_teardown(torn_erase_leaves_one_sector_between, setup, teardown),
        cmocka_unit_test_setup_teardown(suffix_leaves_the_far_end, setup, teardown),
        cmocka_unit_test_setup_teardown(bits_and_words_in_any_order, setup, teardown),
        cmocka_unit_test_setup_teardown(unstable_bits_stay_until_written_or_erased, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(unstable_erase_is_unstable, setup, teardown),
        cmocka_unit_test_setup_teardown(bits_of_an_erase, setup, teardown),
        cmocka_unit_test_setup_teardown(a_case_can_be_played_again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
