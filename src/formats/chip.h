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

/* How the flash cache maps code and constants. On all but UNKNOWN ESP-IDF's bootloader starts an
 * application only with one flash-mapped segment of each. */
enum godwit_mmu {
    GODWIT_MMU_UNKNOWN,   /* a chip that ESP-IDF does not know: nothing is asked */
    GODWIT_MMU_APART,     /* two address ranges, each with MMU entries of its own */
    GODWIT_MMU_SHARED,    /* two address ranges over the same entries: equal pages collide */
    GODWIT_MMU_ONE_RANGE, /* one address range for both: any two segments */
};

struct godwit_chip {
    uint16_t id;                /* esp_chip_id_t */
    const char *name;           /* as esptool writes it: "esp32c3" */
    const char *title;          /* "ESP32-C3" */
    uint32_t bootloader_offset; /* in flash */
    uint8_t schemes;            /* godwit_scheme_bit */
    uint8_t key_count;          /* eFuse key digests of Secure Boot v2; 0: not available */
    /* Flash-cache addresses: constants, then code; or where the range is one, that and PSRAM behind
     * the same MMU. An empty range is unused. */
    struct godwit_address_range mapped[2];
    uint8_t mmu_page_log2_min; /* smallest page an image may ask for; 16: 64 KiB only */
    uint8_t mmu;               /* godwit_mmu */
    /* The highest revisions that the chip's eFuses can hold, major * 100 + minor. block 0: the chip
     * has no eFuse for it, and no bootloader asks. */
    uint16_t revision_max, block_revision_max;
};

/* NULL when unknown. A name is the table's name or title, in any case. */
const struct godwit_chip *godwit_chip_by_id(uint16_t id);
const struct godwit_chip *godwit_chip_by_name(const char *name);
/* Row index 0 …; NULL behind the last: for listing. */
const struct godwit_chip *godwit_chip_at(size_t index);
/* The range of `mapped` that a load address is in, served from flash through the cache; NULL: none,
 * so that the bootloader copies the segment to RAM. */
const struct godwit_address_range *godwit_chip_mapped(const struct godwit_chip *chip,
                                                      uint32_t address);
bool godwit_chip_is_mapped(const struct godwit_chip *chip, uint32_t address);
