/* The parser against the smallest well-formed image, files of esptool and espsecure, and a table of
 * faults. Each fault is also asked the way ESP-IDF's bootloader would judge it. */
#include "image_file.h"

#include "base/text.h"
#include "support/golden.h"

#define SMALLEST_SIZE 336

/* The vector of the format notes: accepted by esptool, 336 bytes, of known SHA-256. */
static void make_smallest(uint8_t file[SMALLEST_SIZE])
{
    static const uint8_t HEADER[32] = {0xE9, 0x01, 0x02, 0x2F, 0, 0,    0x38, 0x40, 0xEE, 0, 0,
                                       0,    0x05, 0,    0,    0, 0,    0x63, 0,    0,    0, 0,
                                       0,    0x01, 0x20, 0,    0, 0x3C, 0,    0x01, 0,    0};
    memset(file, 0, SMALLEST_SIZE);
    memcpy(file, HEADER, sizeof HEADER);
    uint8_t *desc = file + 32;
    godwit_store32(desc, 0xABCD5432);
    memcpy(desc + 16, "1.2.3", 5);
    memcpy(desc + 48, "demo", 4);
    memcpy(desc + 80, "12:00:00", 8);
    memcpy(desc + 96, "Jan  1 2026", 11);
    memcpy(desc + 112, "v5.5", 4);
    for (uint8_t i = 0; i < 32; i++)
        desc[144 + i] = i;
    desc[178] = 99;
    desc[180] = 16;
    refit(file, SMALLEST_SIZE);
}

static void test_smallest_image(void **state)
{
    (void)state;
    uint8_t file[SMALLEST_SIZE], want[32];
    make_smallest(file);
    /* the bootloader loads it, and can not start it: there is no code in flash */
    assert_int_equal(check(&STRICT, file, sizeof file), GODWIT_REASON_FLASH_SEGMENTS);
    const struct godwit_image_expect lax = {.as_bootloader_does = true};
    struct godwit_image image;
    assert_int_equal(parse(&image, &lax, file, sizeof file, 5, NULL), GODWIT_REASON_NONE);
    assert_false(image.can_start);
    assert_int_equal(image.info.image_size, SMALLEST_SIZE);
    assert_int_equal(file[303], 0xA6); /* the checksum byte */
    assert_string_equal(image.info.version, "1.2.3");
    assert_string_equal(image.info.project, "demo");
    assert_string_equal(image.info.idf_version, "v5.5");
    assert_int_equal(image.info.revision_max, 99);
    assert_int_equal(image.info.block_revision_max, 99);
    assert_int_equal(image.info.mmu_page_log2, 16);
    assert_false(image.info.has_policy);
    assert_int_equal(
        godwit_hex_decode("4e77f4bc4453e3e78ed15ab128381f54eb725c9b8fea7192bd19a3d8f8c52a4a", 64,
                          want, 32),
        GODWIT_OK);
    assert_memory_equal(image.info.image_sha256, want, 32);
    assert_int_equal(
        godwit_hex_decode("7c363c97bd01be3bf152345a843b21da666e984ab91aea86a23888e20db54d98", 64,
                          want, 32),
        GODWIT_OK);
    assert_memory_equal(image.file_sha256, want, 32);
}

static void test_esptool_image_in_any_pieces(void **state)
{
    (void)state;
    size_t size;
    uint8_t *data = golden_read("images/minimal-three.bin", &size);
    uint8_t want_sector[4096];
    memcpy(want_sector, data + size - 4096, 4096);
    struct godwit_image whole;
    assert_int_equal(parse(&whole, &STRICT, data, size, size, NULL), GODWIT_REASON_NONE);
    uint8_t whole_sha384[48];
    memcpy(whole_sha384, body384.digest, 48);
    assert_string_equal(whole.info.project, "minimal");
    assert_string_equal(whole.info.version, "1.0.0");
    assert_int_equal(whole.info.segment_count, 2);
    assert_int_equal(whole.body_size, 4096);
    assert_true(whole.is_signed_size);
    for (size_t piece = 1; piece < size; piece += piece < 40 ? 1 : 397) {
        struct godwit_image image;
        uint8_t sector[4096] = {0};
        assert_int_equal(parse(&image, &STRICT, data, size, piece, sector), GODWIT_REASON_NONE);
        assert_memory_equal(&image.info, &whole.info, sizeof image.info);
        assert_memory_equal(image.file_sha256, whole.file_sha256, 32);
        assert_memory_equal(image.body_sha256, whole.body_sha256, 32);
        assert_memory_equal(body384.digest, whole_sha384, 48);
        assert_memory_equal(sector, want_sector, 4096);
    }
    free(data);
}

static void test_digests_are_of_what_they_say(void **state)
{
    (void)state;
    size_t size;
    uint8_t *data = golden_read("images/minimal-rsa3072.bin", &size), digest[48];
    struct godwit_image image;
    assert_int_equal(parse(&image, &STRICT, data, size, 1000, NULL), GODWIT_REASON_NONE);
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA384);
    godwit_hash_update(&hash, data, size - 4096);
    assert_int_equal(godwit_hash_peek(&hash, digest), GODWIT_OK);
    assert_memory_equal(digest, body384.digest, 48);
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, data, size - 4096);
    assert_int_equal(godwit_hash_peek(&hash, digest), GODWIT_OK);
    assert_memory_equal(digest, image.body_sha256, 32);
    godwit_hash_update(&hash, data + size - 4096, 4096);
    assert_int_equal(godwit_hash_peek(&hash, digest), GODWIT_OK);
    assert_memory_equal(digest, image.file_sha256, 32);
    assert_memory_equal(data + image.info.image_size - 32, image.info.image_sha256, 32);
    free(data);
}

static void test_every_chip(void **state)
{
    (void)state;
    uint8_t file[PACKED_SIZE];
    for (size_t i = 0; godwit_chip_at(i); i++) {
        struct godwit_image image;
        const struct godwit_image_expect expect = {.chip = godwit_chip_at(i)};
        make_packed(file, godwit_chip_at(i)->name);
        assert_int_equal(parse(&image, &expect, file, sizeof file, 777, NULL), GODWIT_REASON_NONE);
        assert_int_equal(image.info.chip_id, godwit_chip_at(i)->id);
        assert_int_equal(image.info.secure_version, 3);
        assert_false(image.is_signed_size);
    }
}

/* One change of a good C3 image: `value` little-endian, `width` bytes at `offset`. */
static const struct {
    const char *name;
    uint32_t offset, value;
    uint8_t width;
    bool refit; /* checksum and digest made right again */
    enum godwit_reason strict, bootloader;
} FAULTS[] = {
    {"magic", 0, 0xEA, 1, true, GODWIT_REASON_NOT_AN_IMAGE, GODWIT_REASON_NOT_AN_IMAGE},
    {"17 segments", 1, 17, 1, true, GODWIT_REASON_SEGMENTS, GODWIT_REASON_SEGMENTS},
    {"chip unknown", 12, 0x77, 2, true, GODWIT_REASON_UNKNOWN_CHIP, GODWIT_REASON_UNKNOWN_CHIP},
    {"chip S3", 12, 9, 2, true, GODWIT_REASON_WRONG_CHIP, GODWIT_REASON_WRONG_CHIP},
    {"revision 0.4 on", 15, 4, 2, true, GODWIT_REASON_CHIP_REVISION, GODWIT_REASON_CHIP_REVISION},
    {"revision to 0.2", 17, 2, 2, true, GODWIT_REASON_CHIP_REVISION, GODWIT_REASON_CHIP_REVISION},
    {"revision no max", 17, 0, 2, true, GODWIT_REASON_NONE, GODWIT_REASON_NONE},
    {"segment odd", 28, PACKED_SIZE - 67, 4, true, GODWIT_REASON_SEGMENTS, GODWIT_REASON_SEGMENTS},
    {"segment 16 MiB", 28, 1 << 24, 4, true, GODWIT_REASON_SEGMENTS, GODWIT_REASON_SEGMENTS},
    {"segment huge", 28, 0xFFFFFFFC, 4, true, GODWIT_REASON_SEGMENTS, GODWIT_REASON_SEGMENTS},
    {"segment longer", 28, 1 << 20, 4, true, GODWIT_REASON_TRUNCATED, GODWIT_REASON_TRUNCATED},
    {"load off page", 24, 0x3C010040, 4, true, GODWIT_REASON_ALIGNMENT, GODWIT_REASON_ALIGNMENT},
    {"load in RAM", 24, 0x40380000, 4, true, GODWIT_REASON_FLASH_SEGMENTS, GODWIT_REASON_NONE},
    {"one segment", 1, 1, 1, true, GODWIT_REASON_FLASH_SEGMENTS, GODWIT_REASON_NONE},
    {"block 0.4 on", 208, 4, 2, true, GODWIT_REASON_BLOCK_REVISION, GODWIT_REASON_BLOCK_REVISION},
    {"block to 0.2", 210, 2, 2, true, GODWIT_REASON_BLOCK_REVISION, GODWIT_REASON_BLOCK_REVISION},
    {"block 0.3 on", 208, 3, 2, true, GODWIT_REASON_NONE, GODWIT_REASON_NONE},
    {"block no min", 208, 65535, 2, true, GODWIT_REASON_NONE, GODWIT_REASON_NONE},
    {"block no max", 210, 0, 2, true, GODWIT_REASON_NONE, GODWIT_REASON_NONE},
    {"entry outside", 4, 0x3C100000, 4, true, GODWIT_REASON_ENTRY, GODWIT_REASON_NONE},
    {"no descriptor", 32, 0, 4, true, GODWIT_REASON_NO_DESCRIPTION, GODWIT_REASON_NONE},
    {"no room for it", 28, 252, 4, true, GODWIT_REASON_NO_DESCRIPTION, GODWIT_REASON_CHECKSUM},
    {"8 KiB page", 212, 13, 1, true, GODWIT_REASON_ALIGNMENT, GODWIT_REASON_NONE},
    {"page nonsense", 212, 200, 1, true, GODWIT_REASON_ALIGNMENT, GODWIT_REASON_NONE},
    {"data bit", 3000, 1, 1, false, GODWIT_REASON_CHECKSUM, GODWIT_REASON_CHECKSUM},
    {"digest", PACKED_SIZE - 1, 0, 1, false, GODWIT_REASON_IMAGE_DIGEST,
     GODWIT_REASON_IMAGE_DIGEST},
    {"version text", 48, 'X', 1, true, GODWIT_REASON_NONE, GODWIT_REASON_NONE},
};

static void test_faults(void **state)
{
    (void)state;
    const struct godwit_chip *c3 = godwit_chip_by_name("esp32c3");
    struct godwit_image_expect strict = {
        .chip = c3, .check_revision = true, .revision = 3, .block_revision = 3};
    struct godwit_image_expect lax = strict;
    lax.as_bootloader_does = true;
    for (size_t i = 0; i < sizeof FAULTS / sizeof *FAULTS; i++) {
        uint8_t file[PACKED_SIZE];
        make_packed(file, "esp32c3");
        for (size_t b = 0; b < FAULTS[i].width; b++)
            file[FAULTS[i].offset + b] = (uint8_t)(FAULTS[i].value >> 8 * b);
        if (FAULTS[i].refit && FAULTS[i].offset != 28) refit(file, sizeof file);
        enum godwit_reason got = check(&strict, file, sizeof file);
        if (got != FAULTS[i].strict) fail_msg("%s: %s", FAULTS[i].name, godwit_reason_id(got));
        got = check(&lax, file, sizeof file);
        if (got != FAULTS[i].bootloader)
            fail_msg("%s, bootloader: %s", FAULTS[i].name, godwit_reason_id(got));
    }
}

/* The checksum byte alone wrong, the digest made for it: only the checksum rule can see it. */
static void test_checksum_stands_alone(void **state)
{
    (void)state;
    uint8_t file[PACKED_SIZE];
    make_packed(file, "esp32c3");
    file[PACKED_SIZE - 33] ^= 0x40;
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, file, PACKED_SIZE - 32);
    assert_int_equal(godwit_hash_peek(&hash, file + PACKED_SIZE - 32), GODWIT_OK);
    assert_int_equal(check(&STRICT, file, sizeof file), GODWIT_REASON_CHECKSUM);
}

static void test_without_digest(void **state)
{
    (void)state;
    uint8_t file[PACKED_SIZE];
    const struct godwit_image_expect lax = {.as_bootloader_does = true};
    struct godwit_image image;
    make_packed(file, "esp32c3");
    file[23] = 0;
    assert_int_equal(check(&STRICT, file, PACKED_SIZE - 32), GODWIT_REASON_NO_DIGEST);
    assert_int_equal(parse(&image, &lax, file, PACKED_SIZE - 32, 64, NULL), GODWIT_REASON_NONE);
    assert_int_equal(image.info.image_size, PACKED_SIZE - 32);
    assert_false(image.info.hash_appended);
}

/* ESP-IDF boots a header without segments and a right checksum byte; nobody else should. */
static void test_no_segments(void **state)
{
    (void)state;
    uint8_t file[32] = {0xE9, 0, 2, 0x2F, [12] = 5, [31] = 0xEF};
    const struct godwit_image_expect lax = {.as_bootloader_does = true};
    assert_int_equal(check(&STRICT, file, sizeof file), GODWIT_REASON_SEGMENTS);
    assert_int_equal(check(&lax, file, sizeof file), GODWIT_REASON_NONE);
    file[31] = 0xEE;
    assert_int_equal(check(&lax, file, sizeof file), GODWIT_REASON_CHECKSUM);
}

static void test_truncated_anywhere(void **state)
{
    (void)state;
    size_t size;
    uint8_t *data = golden_read("images/minimal-ecdsa256.bin", &size);
    size_t image_size = 816, body_size = 4096;
    for (size_t cut = 0; cut < size; cut++) {
        bool is_whole = cut == image_size || cut == body_size; /* the same image, unsigned */
        assert_int_equal(check(&STRICT, data, cut),
                         is_whole ? GODWIT_REASON_NONE : GODWIT_REASON_TRUNCATED);
    }
    free(data);
}

static void test_flipped_anywhere(void **state)
{
    (void)state;
    size_t size;
    uint8_t *data = golden_read("images/minimal-rsa3072.bin", &size);
    for (size_t at = 0; at <= 4096; at++) {
        data[at] ^= 0x01;
        assert_int_not_equal(check(&STRICT, data, size), GODWIT_REASON_NONE);
        data[at] ^= 0x01;
    }
    assert_int_equal(check(&STRICT, data, size), GODWIT_REASON_NONE);
    free(data);
}

static void test_what_may_stand_behind(void **state)
{
    (void)state;
    static uint8_t file[PACKED_SIZE + 3 * 4096];
    const struct godwit_image_expect lax = {.as_bootloader_does = true};
    make_packed(file, "esp32c3");
    memset(file + PACKED_SIZE, 0xFF, sizeof file - PACKED_SIZE);
    size_t body = 8192;
    assert_int_equal(check(&STRICT, file, body), GODWIT_REASON_NONE);
    assert_int_equal(check(&STRICT, file, body + 4096), GODWIT_REASON_TRAILING_DATA);
    file[body] = 0xE7;
    assert_int_equal(check(&STRICT, file, body + 4096), GODWIT_REASON_NONE);
    assert_int_equal(check(&STRICT, file, body + 4095), GODWIT_REASON_TRUNCATED);
    assert_int_equal(check(&STRICT, file, body + 4097), GODWIT_REASON_TRAILING_DATA);
    assert_int_equal(check(&lax, file, body + 4097), GODWIT_REASON_NONE);
    for (size_t at = PACKED_SIZE; at < body; at += 97) {
        file[at] = 0;
        assert_int_equal(check(&STRICT, file, body + 4096), GODWIT_REASON_TRAILING_DATA);
        assert_int_equal(check(&lax, file, body + 4096), GODWIT_REASON_NONE);
        file[at] = 0xFF;
    }
    memset(file + PACKED_SIZE, 0, 68); /* Secure Boot v1 */
    assert_int_equal(check(&STRICT, file, PACKED_SIZE + 68), GODWIT_REASON_TRAILING_DATA);
}

static void test_size_limits(void **state)
{
    (void)state;
    uint8_t file[PACKED_SIZE];
    make_packed(file, "esp32c3");
    for (int lax = 0; lax <= 1; lax++) {
        struct godwit_image_expect expect = {.size_max = PACKED_SIZE, .as_bootloader_does = lax};
        assert_int_equal(check(&expect, file, sizeof file), GODWIT_REASON_NONE);
        expect.size_max = PACKED_SIZE - 1;
        assert_int_equal(check(&expect, file, sizeof file), GODWIT_REASON_TOO_LARGE);
        struct godwit_image image;
        godwit_image_init_any(&image, &expect, NULL); /* known from the segment header on */
        expect.size_max = 4096;
        godwit_image_init_any(&image, &expect, NULL);
        assert_int_equal(godwit_sink_write(&image.sink, file, 32), GODWIT_ERR_FORMAT);
        assert_int_equal(image.reason, GODWIT_REASON_TOO_LARGE);
        assert_int_equal(godwit_sink_write(&image.sink, file, 0), GODWIT_ERR_FORMAT); /* final */
    }
    /* the signature sector counts too */
    size_t size;
    uint8_t *data = golden_read("images/minimal-rsa3072.bin", &size);
    struct godwit_image_expect expect = {.size_max = 8192};
    assert_int_equal(check(&expect, data, size), GODWIT_REASON_NONE);
    expect.size_max = 8191;
    assert_int_equal(check(&expect, data, size), GODWIT_REASON_TOO_LARGE);
    free(data);
}

/* Where the file will stand in flash decides, and so does the page the chip can be set to. */
static void test_alignment(void **state)
{
    (void)state;
    uint8_t file[PACKED_SIZE];
    struct godwit_image_expect expect = {.flash_offset = 0x110000};
    make_packed(file, "esp32c6");
    assert_int_equal(check(&expect, file, sizeof file), GODWIT_REASON_NONE);
    expect.flash_offset = 0x111000;
    assert_int_equal(check(&expect, file, sizeof file), GODWIT_REASON_ALIGNMENT);
    expect.flash_offset = 0x112000;
    assert_int_equal(check(&expect, file, sizeof file), GODWIT_REASON_ALIGNMENT);
    file[212] = 13; /* a C6 can be set to pages of 8 KiB */
    refit(file, sizeof file);
    assert_int_equal(check(&expect, file, sizeof file), GODWIT_REASON_NONE);
}

static void test_head_known(void **state)
{
    (void)state;
    uint8_t file[PACKED_SIZE];
    struct godwit_image image;
    make_packed(file, "esp32c3");
    memcpy(file + GODWIT_POLICY_OFFSET, "GWP1", 4);
    file[GODWIT_POLICY_OFFSET + 327] = 0x5A;
    refit(file, sizeof file);
    godwit_image_init_any(&image, &STRICT, NULL);
    for (size_t at = 0; at < 700; at++) {
        assert_int_equal(godwit_image_head_known(&image), at >= 616);
        assert_int_equal(godwit_sink_write(&image.sink, file + at, 1), GODWIT_OK);
    }
    assert_true(image.info.has_policy);
    assert_memory_equal(image.info.policy, file + GODWIT_POLICY_OFFSET, GODWIT_POLICY_SIZE);
    file[0] = 0;
    assert_int_equal(check(&STRICT, file, sizeof file), GODWIT_REASON_NOT_AN_IMAGE);
    godwit_image_init_any(&image, &STRICT, NULL);
    assert_int_equal(godwit_sink_write(&image.sink, file, 700), GODWIT_ERR_FORMAT);
    assert_false(godwit_image_head_known(&image));
}

static void test_all_faults_at_once(void **state)
{
    (void)state;
    uint8_t file[PACKED_SIZE];
    const struct godwit_image_expect all = {.all_faults = true};
    struct godwit_image image;
    make_packed(file, "esp32c3");
    file[4] = 0, file[7] = 0;
    file[3000] ^= 1;
    assert_int_equal(parse(&image, &all, file, sizeof file, 100, NULL), GODWIT_REASON_CHECKSUM);
    assert_int_equal(image.faults, GODWIT_IMAGE_FAULT(GODWIT_REASON_CHECKSUM) |
                                       GODWIT_IMAGE_FAULT(GODWIT_REASON_ENTRY) |
                                       GODWIT_IMAGE_FAULT(GODWIT_REASON_IMAGE_DIGEST));
    assert_string_equal(image.info.project, "thermostat");
}

/* ---- the chain: only what was judged is handed on, only a whole file is blessed ---- */

struct witness {
    struct godwit_sink sink;
    size_t size, finishes, aborts;
};

static godwit_err witness_write(struct godwit_sink *sink, const uint8_t *data, size_t size)
{
    (void)data;
    ((struct witness *)sink)->size += size;
    return GODWIT_OK;
}

static godwit_err witness_finish(struct godwit_sink *sink)
{
    ((struct witness *)sink)->finishes++;
    return GODWIT_OK;
}

static void witness_abort(struct godwit_sink *sink)
{
    ((struct witness *)sink)->aborts++;
}

static void test_chain(void **state)
{
    (void)state;
    static const struct godwit_sink_ops OPS = {witness_write, witness_finish, witness_abort};
    uint8_t file[PACKED_SIZE];
    struct witness witness = {.sink.ops = &OPS};
    struct godwit_image image;
    make_packed(file, "esp32c3");
    godwit_image_init_any(&image, &STRICT, NULL);
    image.sink.next = &witness.sink;
    assert_int_equal(godwit_sink_write(&image.sink, file, sizeof file), GODWIT_OK);
    assert_int_equal(godwit_sink_finish(&image.sink), GODWIT_OK);
    assert_int_equal(witness.size, sizeof file);
    assert_int_equal(witness.finishes, 1);

    file[PACKED_SIZE - 1] ^= 1;
    witness.size = witness.finishes = 0;
    godwit_image_init_any(&image, &STRICT, NULL);
    image.sink.next = &witness.sink;
    assert_int_equal(godwit_sink_write(&image.sink, file, 4096), GODWIT_OK);
    assert_int_equal(godwit_sink_write(&image.sink, file + 4096, PACKED_SIZE - 4096),
                     GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_sink_finish(&image.sink), GODWIT_ERR_FORMAT);
    assert_int_equal(witness.size, 4096);
    assert_int_equal(witness.finishes, 0);
    godwit_sink_abort(&image.sink);
    assert_int_equal(witness.aborts, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smallest_image),
        cmocka_unit_test(test_esptool_image_in_any_pieces),
        cmocka_unit_test(test_digests_are_of_what_they_say),
        cmocka_unit_test(test_every_chip),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_checksum_stands_alone),
        cmocka_unit_test(test_without_digest),
        cmocka_unit_test(test_no_segments),
        cmocka_unit_test(test_truncated_anywhere),
        cmocka_unit_test(test_flipped_anywhere),
        cmocka_unit_test(test_what_may_stand_behind),
        cmocka_unit_test(test_size_limits),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_head_known),
        cmocka_unit_test(test_all_faults_at_once),
        cmocka_unit_test(test_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
