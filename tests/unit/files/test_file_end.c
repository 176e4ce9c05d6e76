/* What stands behind an image, by what it is; cut into pieces of every size it is the same. */
#include "files/file_end.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "emu/pack.h"
#include "keys/keys.h"

static uint8_t *plain, *with_signature;
static size_t plain_size, signed_size;

static int setup(void **state)
{
    (void)state;
    struct pack_options options = {
        .chip = godwit_chip_by_name("esp32c3"), .project = "p", .version = "1", .size = 5000};
    enum godwit_reason reason;
    struct key *key = key_generate(GODWIT_SCHEME_ECDSA256);
    if (!key || pack_image(&options, &plain, &plain_size)) return 1;
    if (image_sign(key, plain, plain_size, &with_signature, &signed_size, &reason)) return 1;
    key_close(key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(plain), free(with_signature);
    return 0;
}

static char words[320];

/* The file followed by `more`, in pieces of `step` bytes. */
static enum godwit_reason explain(const uint8_t *file, size_t size, const void *more,
                                  size_t more_size, size_t step)
{
    static const struct godwit_image_expect EXPECT = {.all_faults = true};
    static uint8_t sector[GODWIT_SECTOR_SIZE];
    struct godwit_image image;
    struct file_end end = {0};
    uint8_t *all = malloc(size + more_size);
    assert_non_null(all);
    memcpy(all, file, size);
    if (more_size) memcpy(all + size, more, more_size);
    godwit_image_init_any(&image, &EXPECT, sector);
    for (size_t at = 0; at < size + more_size; at += step) {
        size_t part = size + more_size - at < step ? size + more_size - at : step;
        file_end_write(&end, all + at, part);
        (void)!godwit_sink_write(&image.sink, all + at, part);
    }
    (void)!godwit_sink_finish(&image.sink);
    free(all);
    words[0] = '\0';
    return file_end_explain(&end, &image, words, sizeof words);
}

static void each_end_is_named(void **state)
{
    (void)state;
    static uint8_t blank[70000], v1[68],
        dfu[16] = "01234567UFD\x10"
                  "crc";
    memset(blank, 0xFF, sizeof blank);
    memset(v1 + 4, 0x5A, 64);
    const struct {
        const uint8_t *more;
        size_t size;
        bool is_signed;
        enum godwit_reason reason;
        const char *words;
    } rows[] = {
        {blank, 0, false, GODWIT_REASON_NONE, ""},
        {blank, 0, true, GODWIT_REASON_NONE, ""},
        {blank, 1, false, GODWIT_REASON_TRAILING_DATA, "1 byte of 0xFF stands behind the image"},
        {blank, 100, false, GODWIT_REASON_TRAILING_DATA, "100 bytes of 0xFF stand behind"},
        {blank, 60000, false, GODWIT_REASON_TRAILING_DATA, "60000 bytes of 0xFF"},
        {blank, 1, true, GODWIT_REASON_TRAILING_DATA, "1 byte of 0xFF stands"},
        {blank, 60000, true, GODWIT_REASON_TRAILING_DATA, "head -c "},
        {v1, sizeof v1, false, GODWIT_REASON_TRAILING_DATA, "Secure Boot v1 signature"},
        {dfu, sizeof dfu, false, GODWIT_REASON_TRAILING_DATA, "DFU suffix"},
        {dfu, sizeof dfu, true, GODWIT_REASON_TRAILING_DATA, "DFU suffix"},
        {(const uint8_t *)"\n", 1, false, GODWIT_REASON_TRAILING_DATA, "handled as text"},
        {(const uint8_t *)"\r\n", 2, true, GODWIT_REASON_TRAILING_DATA, "handled as text"},
        {(const uint8_t *)"more", 4, false, GODWIT_REASON_TRAILING_DATA, "4 bytes stand behind"},
        {(const uint8_t *)"x", 1, true, GODWIT_REASON_TRAILING_DATA, "1 byte stands behind"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t step = 1; step < 80000; step = step * 3 + 1) {
            const uint8_t *file = rows[i].is_signed ? with_signature : plain;
            size_t size = rows[i].is_signed ? signed_size : plain_size;
            enum godwit_reason reason = explain(file, size, rows[i].more, rows[i].size, step);
            if (reason != rows[i].reason || !strstr(words, rows[i].words))
                print_error("row %zu, pieces of %zu: %u '%s'\n", i, step, reason, words);
            assert_int_equal(reason, rows[i].reason);
            assert_non_null(strstr(words, rows[i].words));
        }
}

static void a_cut_is_told_from_padding(void **state)
{
    (void)state;
    assert_int_equal(explain(with_signature, signed_size - 1, NULL, 0, 4096),
                     GODWIT_REASON_TRUNCATED);
    assert_non_null(strstr(words, "4095 of its 4,096 bytes"));
    assert_int_equal(explain(with_signature, signed_size - 4095, NULL, 0, 4096),
                     GODWIT_REASON_TRUNCATED);
    assert_non_null(strstr(words, "the signature sector is cut: 1 of"));
    assert_int_equal(explain(plain, plain_size - 1, NULL, 0, 4096), GODWIT_REASON_NONE);
    uint8_t damaged[64];
    memcpy(damaged, plain, sizeof damaged);
    damaged[0] = 0;
    assert_int_equal(explain(damaged, sizeof damaged, NULL, 0, 64), GODWIT_REASON_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_end_is_named),
        cmocka_unit_test(a_cut_is_told_from_padding),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
