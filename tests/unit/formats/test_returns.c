/* Error returns that no good or bad file reaches by itself: an engine that fails, calls that only a
 * bug of ours would make, bytes beyond what a test can write. make figure-nth lists those that are
 * still missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "case.h"
#include "crypto_wrap.h"
#include "formats/checkin.h"
#include "formats/image.h"
#include "formats/policy.h"
#include "formats/sigblock.h"

static void a_product_id_needs_its_hash(void **state)
{
    (void)state;
    uint8_t id[16] = {0}, zero[16] = {0};
    crypto_fault_at(CRYPTO_HASH, 1);
    assert_int_equal(godwit_product_id("default", "thermostat", id), GODWIT_ERR_IO);
    crypto_fault_at(CRYPTO_HASH, 0);
    assert_memory_equal(id, zero, sizeof id);
    assert_int_equal(godwit_product_id("default", "thermostat", id), GODWIT_OK);
}

static void a_block_is_begun_of_known_schemes_only(void **state)
{
    (void)state;
    static const uint8_t digest[48];
    const struct godwit_body_digests both = {digest, digest}, short_only = {digest, NULL};
    uint8_t block[GODWIT_SIGBLOCK_SIZE];
    struct godwit_public_key key = {.scheme = GODWIT_SCHEME_NONE};
    assert_int_equal(godwit_sigblock_begin(block, &key, &both), GODWIT_ERR_FORMAT);
    key.scheme = GODWIT_SCHEME_ECDSA192; /* named, and never made */
    assert_int_equal(godwit_sigblock_begin(block, &key, &both), GODWIT_ERR_FORMAT);
    key.scheme = GODWIT_SCHEME_ECDSA384;
    assert_int_equal(godwit_sigblock_begin(block, &key, &short_only), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_sigblock_begin(block, &key, &both), GODWIT_OK);

    uint8_t signature[384] = {0};
    assert_int_equal(godwit_sigblock_commit(block, signature, 64), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_sigblock_commit(block, signature, 96), GODWIT_OK);
    block[1] = 9; /* no version that is known */
    assert_int_equal(godwit_sigblock_commit(block, signature, 96), GODWIT_ERR_FORMAT);
}

/* Header and segment header of an image whose first segment is too short for a descriptor. */
static void make_short(uint8_t head[static 32])
{
    memset(head, 0, 32);
    head[0] = 0xE9, head[1] = 2, head[12] = 5, head[23] = 1;
    godwit_store32(head + 24, 0x3C000020);
    godwit_store32(head + 28, 100);
}

static void a_first_segment_must_hold_the_descriptor(void **state)
{
    (void)state;
    uint8_t head[32];
    struct godwit_image image;
    struct godwit_image_expect expect = {0};
    make_short(head);
    godwit_image_init_any(&image, &expect, NULL);
    assert_int_equal(godwit_sink_write(&image.sink, head, sizeof head), GODWIT_ERR_FORMAT);
    assert_int_equal(image.reason, GODWIT_REASON_NO_DESCRIPTION);
    expect.as_bootloader_does = true; /* which does not look for one */
    godwit_image_init_any(&image, &expect, NULL);
    assert_int_equal(godwit_sink_write(&image.sink, head, sizeof head), GODWIT_OK);
}

/* A length of 32 bits ends somewhere; nobody writes so much in a test. */
static void what_stands_behind_an_image_ends_somewhere(void **state)
{
    (void)state;
    struct godwit_image image;
    const struct godwit_image_expect expect = {.as_bootloader_does = true};
    uint8_t file[4096];
    memset(file, 0xFF, sizeof file);
    memset(file, 0, 32);
    file[0] = 0xE9, file[12] = 5, file[31] = 0xEF; /* no segments, no digest */
    godwit_image_init_any(&image, &expect, NULL);
    assert_int_equal(godwit_sink_write(&image.sink, file, 4096), GODWIT_OK);
    file[0] = 0xE7; /* like a signature sector */
    assert_int_equal(godwit_sink_write(&image.sink, file, 4096), GODWIT_OK);
    assert_int_equal(godwit_sink_write(&image.sink, file, 16), GODWIT_OK);
    image.part_size = image.part_done + 16; /* stands for 4 GiB */
    assert_int_equal(godwit_sink_write(&image.sink, file, 16), GODWIT_ERR_FORMAT);
}

static void a_reply_whose_list_is_broken(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "{\"protocol\":1,\"pending\":true,\"interval_s\":60,\"sources\":[\"https://a\" 1]}",
        "{\"protocol\":1,\"pending\":true,\"interval_s\":60,\"sources\":[1,}",
        "{\"protocol\":1,\"pending\":true,\"interval_s\":60,\"sources\":7}",
    };
    struct godwit_checkin_reply reply;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        CASE(i);
        assert_int_not_equal(godwit_checkin_reply_decode(broken[i], strlen(broken[i]), &reply),
                             GODWIT_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_id_needs_its_hash),
        cmocka_unit_test(a_block_is_begun_of_known_schemes_only),
        cmocka_unit_test(a_first_segment_must_hold_the_descriptor),
        cmocka_unit_test(a_reply_whose_list_is_broken),
        cmocka_unit_test(what_stands_behind_an_image_ends_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
