/* Images for the parser's tests: what we pack, changed by hand, and one reading of a whole file. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "emu/pack.h"
#include "formats/chip.h"
#include "formats/image.h"

#define PACKED_SIZE 5008u
#define CODE_AT (PACKED_SIZE - 40) /* in a packed file */

static const struct godwit_image_expect STRICT = {0};

/* Checksum byte and digest made right again behind a change: a file that its maker built so. */
static inline void refit(uint8_t *file, size_t size)
{
    uint8_t checksum = 0xEF;
    size_t at = GODWIT_IMAGE_HEADER_SIZE;
    for (uint8_t i = 0; i < file[1] && at + 8 < size; i++) {
        size_t end = at + 8 + godwit_load32(file + at + 4);
        for (at += 8; at < end && at < size; at++)
            checksum ^= file[at];
    }
    file[size - 33] = checksum;
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, file, size - 32);
    assert_int_equal(godwit_hash_peek(&hash, file + size - 32), GODWIT_OK);
}

static inline void make_packed(uint8_t file[PACKED_SIZE], const char *chip)
{
    struct pack_options options = {.chip = godwit_chip_by_name(chip),
                                   .project = "thermostat",
                                   .version = "1.4.0",
                                   .secure_version = 3,
                                   .size = PACKED_SIZE,
                                   .seed = 7};
    uint8_t *data;
    size_t size;
    assert_int_equal(pack_image(&options, &data, &size), GODWIT_OK);
    assert_int_equal(size, PACKED_SIZE);
    memcpy(file, data, size);
    free(data);
}

static struct godwit_body384 body384; /* of the last file parsed */
/* The whole file in pieces of `piece` bytes; the fault found, NONE for none. */
static inline enum godwit_reason parse(struct godwit_image *image,
                                       const struct godwit_image_expect *expect,
                                       const uint8_t *data, size_t size, size_t piece,
                                       uint8_t *sector)
{
    godwit_image_init_any(image, expect, sector);
    godwit_image_want_sha384(image, &body384);
    godwit_err err = GODWIT_OK;
    for (size_t at = 0; at < size && !err; at += piece)
        err = godwit_sink_write(&image->sink, data + at, at + piece < size ? piece : size - at);
    if (!err) err = godwit_sink_finish(&image->sink);
    assert_int_equal(err, image->reason ? GODWIT_ERR_FORMAT : GODWIT_OK);
    return image->reason;
}

static inline enum godwit_reason check(const struct godwit_image_expect *expect,
                                       const uint8_t *data, size_t size)
{
    struct godwit_image image;
    return parse(&image, expect, data, size, size, NULL);
}
