/* Makes application images without a compiler: a segment of constants that holds descriptor, policy
 * block, behaviour and a payload of noise, a segment of code that stands still, then checksum byte
 * and digest. The noise comes from a seed, so that the same options give the same file on any
 * machine.
 *
 * A chip maps whole MMU pages of flash, code and constants in pages of their own: so constants
 * begin one page above the code. Both may lie in one page of the flash, as long as each address
 * agrees with its place there; so the file needs no padding to the next page, and stays small. */
#include "emu/pack.h"

#include <stdlib.h>

#include "formats/image.h"

#define LOAD_OFFSET 0x20u /* of the segment's data, in the file and inside its 64 KiB page */
#define PAGE_SIZE 0x10000u
#define PAYLOAD_OFFSET (BEHAVIOUR_OFFSET + BEHAVIOUR_SIZE)
#define SEGMENT_HEADER_SIZE 8u
#define CODE_SIZE 4u
#define TAIL_SIZE 48u /* segment header, code, 3 zero bytes, checksum, digest */
#define TEXT_SIZE 32u

static bool is_text(const char *text)
{
    size_t size = text ? strlen(text) : 0;
    return size > 0 && size < TEXT_SIZE;
}

static void put_header(uint8_t *file, const struct pack_options *options, uint32_t entry)
{
    file[0] = GODWIT_IMAGE_MAGIC;
    file[1] = 2;    /* segments */
    file[2] = 2;    /* DIO */
    file[3] = 0x0F; /* 1 MB of flash, which every device has; fastest clock */
    godwit_store32(file + 4, entry);
    file[8] = 0xEE; /* no write-protect pin */
    godwit_store16(file + 12, options->chip->id);
    godwit_store16(file + 15, options->revision_min);
    godwit_store16(file + 17, options->revision_max ? options->revision_max : UINT16_MAX);
    file[23] = 1; /* a digest is appended */
}

static void put_segment_header(uint8_t *header, uint32_t load, uint32_t size)
{
    godwit_store32(header, load);
    godwit_store32(header + 4, size);
}

/* "Jump to yourself", for RISC-V or Xtensa. */
static void put_code(uint8_t *code, const struct godwit_chip *chip)
{
    bool is_xtensa = chip->id == 0x0000 || chip->id == 0x0002 || chip->id == 0x0009;
    godwit_store32(code, is_xtensa ? 0x00FFFF06u : 0x0000006Fu);
}

/* Where code begins to appear: its own range, else the one for both. */
static uint32_t code_base(const struct godwit_chip *chip)
{
    bool is_one = chip->mmu == GODWIT_MMU_ONE_RANGE || chip->mmu == GODWIT_MMU_UNKNOWN;
    return chip->mapped[is_one ? 0 : 1].from;
}

static void put_description(uint8_t *desc, const struct pack_options *options)
{
    godwit_store32(desc, GODWIT_APP_DESC_MAGIC);
    godwit_store32(desc + 4, options->secure_version);
    memcpy(desc + 16, options->version, strlen(options->version));
    memcpy(desc + 48, options->project, strlen(options->project));
    memcpy(desc + 112, "godwit pack", sizeof "godwit pack" - 1);
    uint16_t block_max = options->block_revision_max;
    godwit_store16(desc + 176, options->block_revision_min);
    godwit_store16(desc + 178, block_max ? block_max : UINT16_MAX);
    desc[180] = 16; /* pages of 64 KiB */
}

/* SplitMix64 (Steele, Lea and Flood 2014): short, and every seed is as good as any other. */
static void put_noise(uint8_t *data, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i += 4) {
        uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);
        z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
        godwit_store32(data + i, (uint32_t)(z ^ z >> 31));
    }
}

static godwit_err put_tail(uint8_t *file, uint32_t size)
{
    uint8_t checksum = 0xEF;
    for (uint32_t i = LOAD_OFFSET; i < size - TAIL_SIZE; i++)
        checksum ^= file[i];
    for (uint32_t i = 0; i < CODE_SIZE; i++)
        checksum ^= file[size - TAIL_SIZE + SEGMENT_HEADER_SIZE + i];
    file[size - GODWIT_SHA256_SIZE - 1] = checksum;
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, file, size - GODWIT_SHA256_SIZE);
    return godwit_hash_peek(&hash, file + size - GODWIT_SHA256_SIZE);
}

uint32_t pack_size_max(const struct godwit_chip *chip)
{
    uint32_t addresses = chip->mapped[0].to - chip->mapped[0].from - PAGE_SIZE;
    return addresses < GODWIT_IMAGE_SIZE_MAX ? addresses : GODWIT_IMAGE_SIZE_MAX;
}

godwit_err pack_image(const struct pack_options *options, uint8_t **data_out, size_t *size_out)
{
    *data_out = NULL, *size_out = 0;
    if (!options->chip || !is_text(options->project) || !is_text(options->version))
        return GODWIT_ERR_FORMAT;
    if (options->size > pack_size_max(options->chip)) return GODWIT_ERR_SPACE;
    uint32_t size = options->size < PACK_SIZE_MIN ? PACK_SIZE_MIN : (options->size + 15) / 16 * 16;
    uint8_t *file = calloc(1, size);
    if (!file) return GODWIT_ERR_IO;

    uint32_t code = size - TAIL_SIZE + SEGMENT_HEADER_SIZE;
    uint32_t code_load = code_base(options->chip) + code % PAGE_SIZE;
    put_header(file, options, code_load);
    put_segment_header(file + GODWIT_IMAGE_HEADER_SIZE,
                       options->chip->mapped[0].from + PAGE_SIZE + LOAD_OFFSET,
                       size - TAIL_SIZE - LOAD_OFFSET);
    put_segment_header(file + size - TAIL_SIZE, code_load, CODE_SIZE);
    put_code(file + code, options->chip);
    put_description(file + GODWIT_APP_DESC_OFFSET, options);
    if (options->policy) memcpy(file + GODWIT_POLICY_OFFSET, options->policy, GODWIT_POLICY_SIZE);
    behaviour_encode(&options->behaviour, file + BEHAVIOUR_OFFSET);
    put_noise(file + PAYLOAD_OFFSET, size - TAIL_SIZE - PAYLOAD_OFFSET, options->seed);
    godwit_err err = put_tail(file, size);
    if (err) {
        free(file);
        return err;
    }
    *data_out = file;
    *size_out = size;
    return GODWIT_OK;
}
