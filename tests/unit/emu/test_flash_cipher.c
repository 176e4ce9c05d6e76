/* Flash behind encryption: what is whole reads as written, and whatever is not reads as noise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "case.h"
#include "emu/emu.h"

#define SIZE 0x10000u
#define PLAIN_OFFSET 0x4000u
#define PLAIN_SIZE 0x2000u

static struct flash_ram ram;
static struct flash_cipher cipher;
static struct godwit_flash chip, flash;
static uint8_t data[4096], back[SIZE];

static int setup(void **state)
{
    (void)state;
    assert_int_equal(flash_ram_init(&ram, SIZE, 16, NULL), GODWIT_OK);
    chip = flash_ram_port(&ram);
    flash_cipher_init(&cipher, &chip, PLAIN_OFFSET, PLAIN_SIZE);
    flash = flash_cipher_port(&cipher);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i / 16); /* blocks alike but for their number */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    flash_ram_deinit(&ram);
    return 0;
}

/* Bytes of two ranges that are equal by place: of noise, one in 256. */
static size_t same(const uint8_t *a, const uint8_t *b, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += a[i] == b[i];
    return count;
}

static void reads_what_was_written_at_any_offset_and_length(void **state)
{
    (void)state;
    assert_int_equal(flash.write(flash.ctx, 0x1000, data, sizeof data), GODWIT_OK);
    assert_int_equal(ram.violations, 0);
    for (uint32_t from = 0; from < 40; from++) {
        CASE(from);
        for (uint32_t size = 0; size < 600; size += 1 + size / 7) {
            CASE(size);
            memset(back, 0xA5, sizeof back);
            assert_int_equal(flash.read(flash.ctx, 0x1000 + from, back, size), GODWIT_OK);
            assert_memory_equal(back, data + from, size);
            assert_int_equal(back[size], 0xA5);
        }
    }
    assert_int_equal(flash.read(flash.ctx, 0x1000, back, sizeof data), GODWIT_OK);
    assert_memory_equal(back, data, sizeof data);
}

static void the_chip_holds_something_else_at_each_address(void **state)
{
    (void)state;
    assert_int_equal(flash.write(flash.ctx, 0x1000, data, sizeof data), GODWIT_OK);
    assert_int_equal(flash.write(flash.ctx, 0x2000, data, sizeof data), GODWIT_OK);
    assert_int_equal(chip.read(chip.ctx, 0x1000, back, 0x2000), GODWIT_OK);
    assert_true(same(back, data, sizeof data) < 64);
    assert_true(same(back, back + 0x1000, 0x1000) < 64);
}

static void erased_flash_is_noise_and_blank_bytes_can_be_written(void **state)
{
    (void)state;
    assert_int_equal(flash.erase(flash.ctx, 0x1000, 4096), GODWIT_OK);
    assert_int_equal(flash.read(flash.ctx, 0x1000, back, 4096), GODWIT_OK);
    memset(data, 0xFF, sizeof data);
    assert_true(same(back, data, sizeof data) < 64);
    assert_int_equal(flash.write(flash.ctx, 0x1000, data, sizeof data), GODWIT_OK);
    assert_int_equal(flash.read(flash.ctx, 0x1000, back, 4096), GODWIT_OK);
    assert_memory_equal(back, data, sizeof data);
}

/* One bit of the chip: its block is lost, and no other byte. */
static void a_flipped_bit_costs_its_block(void **state)
{
    (void)state;
    uint8_t bytes[16];
    assert_int_equal(flash.write(flash.ctx, 0x1000, data, sizeof data), GODWIT_OK);
    assert_int_equal(chip.read(chip.ctx, 0x1020, bytes, 16), GODWIT_OK);
    for (int bit = 0; bit < 128; bit++) {
        CASE(bit);
        if (!(bytes[bit / 8] >> bit % 8 & 1)) continue; /* a bit can only fall */
        struct flash_ram copy;
        assert_int_equal(flash_ram_clone(&ram, &copy), GODWIT_OK);
        struct godwit_flash inner = flash_ram_port(&copy);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(inner.write(inner.ctx, 0x1020, bytes, 16), GODWIT_OK);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct flash_cipher over;
        flash_cipher_init(&over, &inner, PLAIN_OFFSET, PLAIN_SIZE);
        struct godwit_flash port = flash_cipher_port(&over);
        assert_int_equal(port.read(port.ctx, 0x1000, back, sizeof data), GODWIT_OK);
        assert_memory_equal(back, data, 0x20);
        assert_true(same(back + 0x20, data + 0x20, 16) < 5);
        assert_memory_equal(back + 0x30, data + 0x30, sizeof data - 0x30);
        flash_ram_deinit(&copy);
    }
}

static void the_plain_range_is_plain(void **state)
{
    (void)state;
    assert_int_equal(flash.read(flash.ctx, PLAIN_OFFSET, back, PLAIN_SIZE), GODWIT_OK);
    assert_true(godwit_all(back, PLAIN_SIZE, 0xFF));
    assert_int_equal(flash.write(flash.ctx, PLAIN_OFFSET + 0x1000, data, 4096), GODWIT_OK);
    assert_int_equal(chip.read(chip.ctx, PLAIN_OFFSET + 0x1000, back, 4096), GODWIT_OK);
    assert_memory_equal(back, data, 4096);
    const uint32_t outside[] = {PLAIN_OFFSET - 16, PLAIN_OFFSET + PLAIN_SIZE};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(flash.write(flash.ctx, outside[i], data, 16), GODWIT_OK);
        assert_int_equal(chip.read(chip.ctx, outside[i], back, 16), GODWIT_OK);
        assert_memory_not_equal(back, data, 16);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_what_was_written_at_any_offset_and_length),
        TEST(the_chip_holds_something_else_at_each_address),
        TEST(erased_flash_is_noise_and_blank_bytes_can_be_written),
        TEST(a_flipped_bit_costs_its_block),
        TEST(the_plain_range_is_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
