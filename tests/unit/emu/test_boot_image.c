/* Secure Boot v2 in the bootloader: which keys, which blocks, and what must fit in the slot. The
 * plain image rules are shown by the golden rows in test_bootloader.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "case.h"
#include "emu/emu.h"
#include "emu/pack.h"
#include "keys/keys.h"

#define BODY_SIZE 0x10000u /* as esptool pads for Secure Boot: whole 64 KiB … */
#define FILE_SIZE 0x11000u /* … and the signature sector */

static struct key *p256[3], *rsa[2];
static struct flash_ram ram;
static struct godwit_flash flash;
static struct godwit_partition slot = {0, 0x10, 0x20000, FILE_SIZE, "ota_0", 0};

static int setup_keys(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        p256[i] = key_generate(GODWIT_SCHEME_ECDSA256);
    for (int i = 0; i < 2; i++)
        rsa[i] = key_generate(GODWIT_SCHEME_RSA3072);
    return !(p256[0] && p256[1] && p256[2] && rsa[0] && rsa[1]);
}

static int teardown_keys(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        key_close(p256[i]);
    for (int i = 0; i < 2; i++)
        key_close(rsa[i]);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(flash_ram_init(&ram, 0x100000, 4, NULL), GODWIT_OK);
    flash = flash_ram_port(&ram);
    slot.offset = 0x20000;
    slot.size = FILE_SIZE;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    flash_ram_deinit(&ram);
    return 0;
}

/* An image for the chip with a block by each key, in this order, at the slot. */
static void flash_signed(const char *chip, struct key *const keys[], size_t count)
{
    const struct pack_options options = {
        .chip = godwit_chip_by_name(chip), .project = "boot", .version = "1", .size = BODY_SIZE};
    uint8_t *file, *signed_file;
    size_t size;
    enum godwit_reason reason;
    assert_int_equal(pack_image(&options, &file, &size), GODWIT_OK);
    for (size_t i = 0; i < count; i++) {
        CASE(i);
        assert_int_equal(image_sign(keys[i], file, size, &signed_file, &size, &reason), GODWIT_OK);
        free(file);
        file = signed_file;
    }
    assert_int_equal(flash.erase(flash.ctx, 0, flash.size), GODWIT_OK);
    assert_int_equal(flash_put(&flash, slot.offset, file, size), GODWIT_OK);
    free(file);
}

static void burn(struct efuses *efuses, size_t index, const struct key *key)
{
    efuses->has_secure_boot = true;
    assert_int_equal(key_digest(key, efuses->key_digests[index]), GODWIT_OK);
}

static enum godwit_reason check(const char *chip, const struct efuses *efuses)
{
    const struct bootloader bootloader = {.chip = godwit_chip_by_name(chip)};
    enum godwit_reason reason;
    assert_int_equal(bootloader_verify(&bootloader, &flash, efuses, &slot, NULL, &reason),
                     GODWIT_OK);
    return reason;
}

static void only_programmed_keys_count(void **state)
{
    struct efuses efuses = {0};
    (void)state;
    flash_signed("esp32c6", p256, 1);
    assert_int_equal(check("esp32c6", &efuses), GODWIT_REASON_NONE); /* Secure Boot is off */
    burn(&efuses, 0, p256[1]);
    assert_int_equal(check("esp32c6", &efuses), GODWIT_REASON_SIGNATURE_KEY);
    burn(&efuses, 2, p256[0]);
    assert_int_equal(check("esp32c6", &efuses), GODWIT_REASON_NONE);
    efuses.is_revoked[2] = true;
    assert_int_equal(check("esp32c6", &efuses), GODWIT_REASON_SIGNATURE_KEY);
}

static void any_block_will_do(void **state)
{
    struct efuses efuses = {0};
    (void)state;
    flash_signed("esp32c6", p256, 3);
    burn(&efuses, 0, p256[2]);
    assert_int_equal(check("esp32c6", &efuses), GODWIT_REASON_NONE);
}

static void esp32_looks_at_the_first_block_only(void **state)
{
    struct efuses efuses = {0};
    (void)state;
    burn(&efuses, 0, rsa[1]);
    flash_signed("esp32", (struct key *[]){rsa[0], rsa[1]}, 2);
    assert_int_equal(check("esp32", &efuses), GODWIT_REASON_SIGNATURE_KEY);
    flash_signed("esp32", (struct key *[]){rsa[1], rsa[0]}, 2);
    assert_int_equal(check("esp32", &efuses), GODWIT_REASON_NONE);
    /* an S3 takes either */
    flash_signed("esp32s3", (struct key *[]){rsa[0], rsa[1]}, 2);
    assert_int_equal(check("esp32s3", &efuses), GODWIT_REASON_NONE);
}

static void the_chip_must_know_the_scheme(void **state)
{
    struct efuses efuses = {0};
    (void)state;
    burn(&efuses, 0, p256[0]);
    flash_signed("esp32c3", p256, 1); /* a C3 checks RSA alone */
    assert_int_equal(check("esp32c3", &efuses), GODWIT_REASON_SIGNATURE_KEY);
}

static void unsigned_and_changed_images_are_refused(void **state)
{
    struct efuses efuses = {0};
    uint8_t sector[FLASH_ERASE_SIZE];
    (void)state;
    burn(&efuses, 0, p256[0]);
    flash_signed("esp32c6", p256, 0);
    assert_int_equal(check("esp32c6", &efuses), GODWIT_REASON_UNSIGNED);
    flash_signed("esp32c6", p256, 1);
    uint32_t at = slot.offset + BODY_SIZE;
    assert_int_equal(flash.read(flash.ctx, at, sector, sizeof sector), GODWIT_OK);
    sector[4] ^= 1; /* the digest that the block says it signs */
    assert_int_equal(flash_put(&flash, at, sector, sizeof sector), GODWIT_OK);
    assert_int_not_equal(check("esp32c6", &efuses), GODWIT_REASON_NONE);
}

static void image_and_sector_must_fit(void **state)
{
    struct efuses efuses = {0};
    (void)state;
    burn(&efuses, 0, p256[0]);
    flash_signed("esp32c6", p256, 1);
    assert_int_equal(check("esp32c6", &efuses), GODWIT_REASON_NONE); /* 64 KiB + 4 KiB exactly */
    slot.size = BODY_SIZE;
    assert_int_equal(check("esp32c6", &efuses), GODWIT_REASON_TOO_LARGE);
    efuses.has_secure_boot = false;
    assert_int_equal(check("esp32c6", &efuses), GODWIT_REASON_NONE);
}

static void misaligned_slot_is_refused(void **state)
{
    const struct efuses efuses = {0};
    (void)state;
    slot.offset += 0x1000;
    flash_signed("esp32c6", p256, 1);
    assert_int_equal(check("esp32c6", &efuses), GODWIT_REASON_ALIGNMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_programmed_keys_count, setup, teardown),
        cmocka_unit_test_setup_teardown(any_block_will_do, setup, teardown),
        cmocka_unit_test_setup_teardown(esp32_looks_at_the_first_block_only, setup, teardown),
        cmocka_unit_test_setup_teardown(the_chip_must_know_the_scheme, setup, teardown),
        cmocka_unit_test_setup_teardown(unsigned_and_changed_images_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(image_and_sector_must_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(misaligned_slot_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, setup_keys, teardown_keys);
}
