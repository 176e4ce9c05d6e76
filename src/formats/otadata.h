/* The boot choice: two 32-byte entries in two sectors. Pure: entries in, choice and new entries
 * out; who reads and writes flash is somebody else (emu/bootloader.c, agent/slot.c).
 * Source: ESP-IDF bootloader_utility.c, esp_ota_ops.c; golden rows in tests/golden. */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define GODWIT_OTADATA_SIZE 0x2000u
#define GODWIT_OTA_ENTRY_SIZE 32u
#define GODWIT_OTA_SLOTS_MAX 16u

enum godwit_ota_state { /* any other value boots and is left alone */
                        GODWIT_OTA_NEW = 0,
                        GODWIT_OTA_PENDING = 1,
                        GODWIT_OTA_VALID = 2,
                        GODWIT_OTA_INVALID = 3,
                        GODWIT_OTA_ABORTED = 4,
};
#define GODWIT_OTA_UNDEFINED 0xFFFFFFFFu

struct godwit_ota_entry {
    uint32_t seq;      /* 1-based counter; 0xFFFFFFFF: empty */
    uint8_t label[20]; /* never used, carried over byte for byte */
    uint32_t state;    /* godwit_ota_state or anything */
    uint32_t crc;      /* of seq alone: the state is not covered */
};

struct godwit_ota_entry godwit_ota_entry_load(const uint8_t data[static GODWIT_OTA_ENTRY_SIZE]);
void godwit_ota_entry_store(const struct godwit_ota_entry *entry,
                            uint8_t data[static GODWIT_OTA_ENTRY_SIZE]);
uint32_t godwit_ota_crc(uint32_t seq);

bool godwit_ota_is_unusable(const struct godwit_ota_entry *entry);
bool godwit_ota_is_valid(const struct godwit_ota_entry *entry);
bool godwit_ota_is_blank(const struct godwit_ota_entry *entry);
/* The valid entry with the larger seq, tie → 0, none → -1. */
int godwit_ota_active(const struct godwit_ota_entry entries[static 2]);
/* slot index 0 … slots - 1 that a sequence number names, as 32-bit unsigned arithmetic gives it. */
uint32_t godwit_ota_slot(uint32_t seq, uint32_t slots);

/* esp_ota_set_boot_partition (IDF ≥ 6: a slot already active is rewritten in place): which sector
 * is erased and written, and with what. state: NEW with rollback, else UNDEFINED. */
void godwit_ota_select(const struct godwit_ota_entry entries[static 2], uint32_t slot,
                       uint32_t slots, uint32_t state, int *sector_out,
                       struct godwit_ota_entry *entry_out);
