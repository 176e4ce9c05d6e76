/* The chip table. Ids, names and bootloader offsets as esptool 5.6.0 has them. Mapped ranges are
 * SOC_IROM, SOC_DROM and (P4, S31: flash and PSRAM behind one MMU) SOC_EXTRAM of ESP-IDF's soc
 * headers, which is what its bootloader asks in should_map(); where the two overlap they are one
 * range here. ESP32-E22 is known to esptool only, so its range is esptool's, and nothing is said of
 * its MMU and eFuses. H4: the headers switch no scheme on yet. C2 keeps half a key digest in its
 * eFuse.
 *
 * MMU: ESP-IDF's SOC_MMU_DI_VADDR_SHARED (one range), and where mmu_ll_get_entry_id() takes the
 * address modulo one mask for both ranges (shared entries). Highest revisions: the widths of
 * WAFER_VERSION and BLK_VERSION in its eFuse tables. */
#include "formats/chip.h"

#include <string.h>

#define RSA GODWIT_TAKES_RSA
#define P256 GODWIT_TAKES_P256
#define P384 GODWIT_TAKES_P384
#define TWO (RSA | P256)
#define ALL (RSA | P256 | P384)
#define ONE GODWIT_MMU_ONE_RANGE
#define SAME GODWIT_MMU_SHARED
#define OWN GODWIT_MMU_APART
#define NONE GODWIT_MMU_UNKNOWN
#define ANY UINT16_MAX
/* The upper halves of the addresses of two ranges, or of one. */
#define MAP(from, to)                \
    {                                \
        0x##from##0000, 0x##to##0000 \
    }
#define MAPS(from, to, from2, to2)     \
    {                                  \
        MAP(from, to), MAP(from2, to2) \
    }

/* clang-format off */
static const struct godwit_chip chips[] = {
    /* id, name, title, bootloader, schemes, keys, flash-mapped addresses, page log2 min, MMU,
     * highest chip revision and eFuse block revision */
    {0x00, "esp32",    "ESP32",     0x1000,RSA, 1, MAPS(3F40,3F80, 400D,4040), 16, OWN,  303, 0},
    {0x02, "esp32s2",  "ESP32-S2",  0x1000,RSA, 3, MAPS(3F00,3FF8, 4008,4080), 16, OWN,  315, 307},
    {0x05, "esp32c3",  "ESP32-C3",  0,     RSA, 3, MAPS(3C00,3C80, 4200,4280), 16, SAME, 315, 307},
    {0x09, "esp32s3",  "ESP32-S3",  0,     RSA, 3, MAPS(3C00,3E00, 4200,4400), 16, SAME, 315, 307},
    {0x0C, "esp32c2",  "ESP32-C2",  0,     P256, 1, MAPS(3C00,3C40, 4200,4240), 14, SAME, 315, 307},
    {0x0D, "esp32c6",  "ESP32-C6",  0,     TWO, 3, {MAP(4200,4300)}, 13, ONE, 315, 307},
    {0x10, "esp32h2",  "ESP32-H2",  0,     TWO, 3, {MAP(4200,4300)}, 13, ONE, 307, 307},
    {0x12, "esp32p4",  "ESP32-P4",  0x2000,ALL, 3, MAPS(4000,4400, 4800,4C00), 16, ONE, 715, 307},
    {0x14, "esp32c61", "ESP32-C61", 0,     P256, 3, {MAP(4200,4400)}, 13, ONE, 315, 307},
    {0x17, "esp32c5",  "ESP32-C5",  0x2000,ALL, 3, {MAP(4200,4400)}, 16, ONE, 315, 307},
    {0x19, "esp32h21", "ESP32-H21", 0,     RSA, 3, {MAP(4200,4300)}, 13, ONE, 315, 307},
    {0x1C, "esp32h4",  "ESP32-H4",  0x2000,0,    0, {MAP(4200,4400)}, 13, ONE, 315, 307},
    {0x1F, "esp32e22", "ESP32-E22", 0,     0,    0, {MAP(3C00,4000)}, 16, NONE, ANY, ANY},
    {0x20, "esp32s31", "ESP32-S31", 0x2000,RSA, 3, MAPS(4000,4400, 5000,5400), 13, ONE, 315, 307},
};
/* clang-format on */

#define CHIPS_COUNT (sizeof chips / sizeof chips[0])

const struct godwit_chip *godwit_chip_at(size_t index)
{
    return index < CHIPS_COUNT ? &chips[index] : NULL;
}

const struct godwit_chip *godwit_chip_by_id(uint16_t id)
{
    for (size_t i = 0; i < CHIPS_COUNT; i++)
        if (chips[i].id == id) return &chips[i];
    return NULL;
}

static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

static bool is_same(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b))
        a++, b++;
    return *a == *b;
}

const struct godwit_chip *godwit_chip_by_name(const char *name)
{
    for (size_t i = 0; i < CHIPS_COUNT; i++)
        if (is_same(chips[i].name, name) || is_same(chips[i].title, name)) return &chips[i];
    return NULL;
}

const struct godwit_address_range *godwit_chip_mapped(const struct godwit_chip *chip,
                                                      uint32_t address)
{
    for (size_t i = 0; i < sizeof chip->mapped / sizeof chip->mapped[0]; i++)
        if (address >= chip->mapped[i].from && address < chip->mapped[i].to)
            return &chip->mapped[i];
    return NULL;
}

bool godwit_chip_is_mapped(const struct godwit_chip *chip, uint32_t address)
{
    return godwit_chip_mapped(chip, address) != NULL;
}
