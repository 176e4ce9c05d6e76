/* What the formats must know of each chip: one row a chip. Source: esptool's targets and ESP-IDF's
 * soc headers (bootloader offset, signature schemes, Secure Boot keys, flash-mapped addresses). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits of godwit_chip.schemes: what the chip's hardware Secure Boot v2 takes. */
enum godwit_scheme_bit { GODWIT_TAKES_RSA = 1, GODWIT_TAKES_P256 = 2, GODWIT_TAKES_P384 = 4 };

struct godwit_address_range {
    uint32_t from, to; /* half open */
};

struct godwit_chip {
    uint16_t id;                /* esp_chip_id_t */
    const char *name;           /* as esptool writes it: "esp32c3" */
    const char *title;          /* "ESP32-C3" */
    uint32_t bootloader_offset; /* in flash */
    uint8_t schemes;            /* godwit_scheme_bit */
    uint8_t key_count;          /* eFuse key digests of Secure Boot v2; 0: not available */
    struct godwit_address_range mapped[2]; /* flash-cache addresses; an empty range is unused */
    uint8_t mmu_page_log2_min;             /* smallest page an image may ask for; 16: 64 KiB only */
};

/* NULL when unknown. A name is the table's name or title, in any case. */
const struct godwit_chip *godwit_chip_by_id(uint16_t id);
const struct godwit_chip *godwit_chip_by_name(const char *name);
/* Row index 0 …; NULL behind the last: for listing. */
const struct godwit_chip *godwit_chip_at(size_t index);
/* Whether a load address is served from flash through the cache (so it must be page-aligned). */
bool godwit_chip_is_mapped(const struct godwit_chip *chip, uint32_t address);
