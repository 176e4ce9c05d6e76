/* Lays out a fresh flash as a flashing tool would: partition table and first image, nothing else;
 * otadata stays blank, so that the bootloader writes the first entry itself. */
#include "board/board.h"

#define ROWS_FIXED 3u
#define APPS_OFFSET 0x20000u
#define SLOT_ALIGN 0x10000u
#define SLOTS_DEFAULT 2u

static const struct godwit_partition FIXED[ROWS_FIXED] = {
    {GODWIT_PTYPE_DATA, GODWIT_DATA_NVS, 0x9000, 0x5000, "nvs", 0},
    {GODWIT_PTYPE_DATA, GODWIT_DATA_OTADATA, 0xE000, GODWIT_OTADATA_SIZE, "otadata", 0},
    {GODWIT_PTYPE_DATA, GODWIT_DATA_UNDEFINED, 0x10000, 0x2000, "godwit", 0},
};

static void label_slot(char label[static 17], uint32_t index)
{
    memcpy(label, "ota_", 4);
    if (index >= 10) label[4] = '1';
    label[4 + (index >= 10)] = (char)('0' + index % 10);
}

godwit_err board_provision(const struct godwit_flash *flash, const struct board_layout *layout,
                           const uint8_t *image, size_t size)
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
    for (uint32_t i = 0; i < apps; i++) {
        struct godwit_partition *row = &rows[ROWS_FIXED + i];
        uint32_t slot = i - layout->has_factory;
        row->type = GODWIT_PTYPE_APP;
        row->offset = APPS_OFFSET + i * slot_size;
        row->size = slot_size;
        if (layout->has_factory && !i) {
            memcpy(row->label, "factory", sizeof "factory");
            continue;
        }
        row->subtype = (uint8_t)(GODWIT_APP_OTA_0 + slot);
        label_slot(row->label, slot);
    }
    godwit_err err = godwit_ptable_build(rows, ROWS_FIXED + apps, table);
    if (!err) err = flash_put(flash, GODWIT_PTABLE_OFFSET, table, sizeof table);
    if (!err && image) err = flash_put(flash, APPS_OFFSET, image, size);
    return err;
}
