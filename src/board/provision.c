/* Lays out a fresh flash as a flashing tool would: bootloader, partition table and first image,
 * nothing else; otadata stays blank, so that the bootloader writes the first entry itself.
 *
 * The bootloader holds no code. It stands for the second-stage bootloader, whose work
 * src/emu/bootloader.c does, and it tells which chip this flash belongs to: nothing else in a dump
 * does when no image is sound. A sound image with header, checksum and digest, so that tools for
 * real dumps take it. */
#include "board/board.h"

#define ROWS_FIXED 3u
#define APPS_OFFSET 0x20000u
#define SLOT_ALIGN 0x10000u
#define SLOTS_DEFAULT 2u

/* An address that no chip maps to flash, so that everybody takes the segment for RAM. */
#define STUB_LOAD 0x4FF00000u
#define STUB_TEXT "second stage: godwit device" /* with its zero whole words, as segments are */
#define STUB_DATA (GODWIT_IMAGE_HEADER_SIZE + 8u)
#define STUB_CHECKSUM (STUB_DATA + sizeof STUB_TEXT + 3u) /* the last of a group of 16 */
#define STUB_SIZE (STUB_CHECKSUM + 1u + GODWIT_SHA256_SIZE)
static_assert(sizeof STUB_TEXT % 4 == 0 && (STUB_CHECKSUM + 1) % 16 == 0, "");

static const struct godwit_partition FIXED[ROWS_FIXED] = {
    {GODWIT_PTYPE_DATA, GODWIT_DATA_NVS, 0x9000, 0x5000, "nvs", 0},
    {GODWIT_PTYPE_DATA, GODWIT_DATA_OTADATA, 0xE000, GODWIT_OTADATA_SIZE, "otadata", 0},
    {GODWIT_PTYPE_DATA, GODWIT_DATA_UNDEFINED, 0x10000, 0x2000, "godwit", 0},
};

/* The header's size nibble: steps from 1 MiB on, rounded down. */
static uint8_t size_log2(uint32_t flash_size)
{
    uint8_t log2 = 0;
    while (flash_size >> (log2 + 21))
        log2++;
    return log2;
}

static godwit_err put_bootloader(const struct godwit_flash *flash, const struct godwit_chip *chip)
{
    uint8_t stub[STUB_SIZE] = {GODWIT_IMAGE_MAGIC, 1 /* segment */, 2 /* DIO */}, checksum = 0xEF;
    stub[3] = (uint8_t)(size_log2(flash->size) << 4 | 0x0F); /* fastest clock */
    godwit_store32(stub + 4, STUB_LOAD);
    stub[8] = 0xEE; /* no write-protect pin */
    godwit_store16(stub + 12, chip->id);
    godwit_store16(stub + 17, UINT16_MAX); /* any revision */
    stub[23] = 1;                          /* a digest is appended */
    godwit_store32(stub + GODWIT_IMAGE_HEADER_SIZE, STUB_LOAD);
    godwit_store32(stub + GODWIT_IMAGE_HEADER_SIZE + 4, sizeof STUB_TEXT);
    memcpy(stub + STUB_DATA, STUB_TEXT, sizeof STUB_TEXT);
    for (size_t i = 0; i < sizeof STUB_TEXT; i++)
        checksum ^= stub[STUB_DATA + i];
    stub[STUB_CHECKSUM] = checksum;
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, stub, STUB_CHECKSUM + 1);
    godwit_err err = godwit_hash_peek(&hash, stub + STUB_CHECKSUM + 1);
    return err ? err : flash_put(flash, chip->bootloader_offset, stub, sizeof stub);
}

static void label_slot(char label[static 17], uint32_t index)
{
    memcpy(label, "ota_", 4);
    if (index >= 10) label[4] = '1';
    label[4 + (index >= 10)] = (char)('0' + index % 10);
}

static void lay_apps(struct godwit_partition *rows, uint32_t count, bool has_factory, uint32_t size)
{
    for (uint32_t i = 0; i < count; i++) {
        struct godwit_partition *row = &rows[i];
        uint32_t slot = i - has_factory;
        row->type = GODWIT_PTYPE_APP;
        row->offset = APPS_OFFSET + i * size;
        row->size = size;
        if (has_factory && !i) {
            memcpy(row->label, "factory", sizeof "factory");
            continue;
        }
        row->subtype = (uint8_t)(GODWIT_APP_OTA_0 + slot);
        label_slot(row->label, slot);
    }
}

godwit_err board_provision(const struct godwit_flash *flash, const struct godwit_chip *chip,
                           const struct board_layout *layout, const uint8_t *image, size_t size)
{
    struct godwit_partition rows[ROWS_FIXED + 1 + GODWIT_OTA_SLOTS_MAX] = {0};
    uint8_t table[GODWIT_PTABLE_SIZE];
    uint32_t slots = layout->slots ? layout->slots : SLOTS_DEFAULT;
    uint32_t apps = slots + layout->has_factory, slot_size = layout->slot_size;
    if (slots > GODWIT_OTA_SLOTS_MAX || flash->size <= APPS_OFFSET) return GODWIT_ERR_SPACE;
    uint32_t largest = (flash->size - APPS_OFFSET) / apps / SLOT_ALIGN * SLOT_ALIGN;
    if (!slot_size) slot_size = largest;
    if (!slot_size || slot_size % SLOT_ALIGN || slot_size > largest || size > slot_size)
        return GODWIT_ERR_SPACE;
    memcpy(rows, FIXED, sizeof FIXED);
    lay_apps(rows + ROWS_FIXED, apps, layout->has_factory, slot_size);
    godwit_err err = godwit_ptable_build(rows, ROWS_FIXED + apps, table);
    if (!err) err = put_bootloader(flash, chip);
    if (!err) err = flash_put(flash, GODWIT_PTABLE_OFFSET, table, sizeof table);
    if (!err && image) err = flash_put(flash, APPS_OFFSET, image, size);
    return err;
}
