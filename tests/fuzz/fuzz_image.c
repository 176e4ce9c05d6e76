/* formats/image: any file, read once whole and once in pieces; both readings must agree. The last
 * four bytes of the input choose what is expected, the sizes of the pieces, and whether checksum
 * and digest are set right first, so that what lies behind them is reached. */
#include "formats/chip.h"
#include "formats/image.h"
#include "fuzz.h"

#define CONTROL_SIZE 4
#define FILE_MAX 16384

static uint8_t file[FILE_MAX];

/* Walks the segments as the format has them; gives up where they leave the file. */
static void forge(size_t size)
{
    if (size < GODWIT_IMAGE_HEADER_SIZE) return;
    size_t at = GODWIT_IMAGE_HEADER_SIZE;
    uint8_t checksum = 0xEF;
    for (uint8_t i = 0; i < file[1]; i++) {
        if (size - at < 8) return;
        uint32_t length = godwit_load32(file + at + 4);
        at += 8;
        if (length > size - at) return;
        for (uint32_t k = 0; k < length; k++)
            checksum ^= file[at + k];
        at += length;
    }
    size_t end = at + 16 - at % 16;
    if (end > size) return;
    memset(file + at, 0, end - at);
    file[end - 1] = checksum;
    if (size - end < 32) return;
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, file, end);
    FUZZ_CHECK(godwit_hash_peek(&hash, file + end) == GODWIT_OK);
}

static struct godwit_image_expect expect_from(const uint8_t control[static CONTROL_SIZE])
{
    return (struct godwit_image_expect){
        .as_bootloader_does = control[0] & 2,
        .all_faults = control[0] & 4,
        .check_revision = control[0] & 8,
        .chip = control[0] & 16 ? godwit_chip_at(control[1] % 14) : NULL,
        .flash_offset = (uint32_t)(control[1] >> 4) << 12,
        .revision = control[2],
        .size_max = control[0] & 32 ? (uint32_t)control[2] << 6 : 0,
    };
}

static godwit_err read_file(struct godwit_image *image, size_t size, const uint8_t *control,
                            uint32_t pieces)
{
    static uint8_t sector[GODWIT_SECTOR_SIZE];
    struct godwit_image_expect expect = expect_from(control);
    godwit_image_init_any(image, &expect, control[0] & 64 ? sector : NULL);
    godwit_err err = GODWIT_OK;
    for (size_t at = 0; at < size && !err;) {
        size_t piece = size;
        if (pieces != 0) {
            pieces = pieces * 1664525 + 1013904223;
            piece = pieces >> 24 & 64 ? pieces >> 30 : pieces >> 22 & 1023;
        }
        if (piece > size - at) piece = size - at;
        err = godwit_sink_write(&image->sink, file + at, piece);
        at += piece;
    }
    if (!err) err = godwit_sink_finish(&image->sink);
    if (err) godwit_sink_abort(&image->sink);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct godwit_image whole, pieces;
    if (size < CONTROL_SIZE || size - CONTROL_SIZE > FILE_MAX) return 0;
    size -= CONTROL_SIZE;
    memcpy(file, data, size);
    const uint8_t *control = data + size;
    if (control[0] & 1) forge(size);

    godwit_err err = read_file(&whole, size, control, 0);
    godwit_err err_again = read_file(&pieces, size, control, control[3] + 1u);
    FUZZ_CHECK(err == err_again);
    FUZZ_CHECK(whole.reason == pieces.reason && whole.faults == pieces.faults);
    FUZZ_CHECK((err == GODWIT_OK) == (whole.reason == GODWIT_REASON_NONE) || (control[0] & 4));
    FUZZ_CHECK(godwit_image_head_known(&whole) == godwit_image_head_known(&pieces));
    if (err) return 0;
    FUZZ_CHECK(whole.file_size == size && pieces.file_size == size);
    FUZZ_CHECK(whole.info.image_size <= size && whole.info.image_size == pieces.info.image_size);
    FUZZ_CHECK(memcmp(whole.info.image_sha256, pieces.info.image_sha256, 32) == 0);
    FUZZ_CHECK(memcmp(whole.file_sha256, pieces.file_sha256, 32) == 0);
    FUZZ_CHECK(strcmp(whole.info.project, pieces.info.project) == 0);
    FUZZ_CHECK(!whole.is_signed_size || memcmp(whole.body_sha256, pieces.body_sha256, 32) == 0);
    return 0;
}
