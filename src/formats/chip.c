/* The chip table. Ids, names and bootloader offsets as esptool 5.6.0 has them. Mapped ranges are
 * SOC_IROM, SOC_DROM and (P4, S31: flash and PSRAM behind one MMU) SOC_EXTRAM of ESP-IDF's soc
 * headers, which is what its bootloader asks in should_map(); where the two overlap they are one
 * range here. ESP32-E22 is known to esptool only, so its range is esptool's. H4: the headers switch
 * no scheme on yet. C2 keeps half a key digest in its eFuse. */
#include "formats/chip.h"

#include <string.h>

#define RSA GODWIT_TAKES_RSA
#define P256 GODWIT_TAKES_P256
#define P384 GODWIT_TAKES_P384
#define TWO (RSA | P256)
#define ALL (RSA | P256 | P384)
/* The upper halves of two addresses. */
#define MAP(from, to)                \
    {                                \
        0x##from##0000, 0x##to##0000 \
    }

/* clang-format off */
static const struct godwit_chip chips[] = {
    /* id, name, title, bootloader, schemes, keys, flash-mapped addresses, page log2 min */
    {0x0000, "esp32",    "ESP32",     0x1000, RSA,  1, {MAP(3F40, 3F80), MAP(400D, 4040)}, 16},
    {0x0002, "esp32s2",  "ESP32-S2",  0x1000, RSA,  3, {MAP(3F00, 3FF8), MAP(4008, 4080)}, 16},
    {0x0005, "esp32c3",  "ESP32-C3",  0x0000, RSA,  3, {MAP(3C00, 3C80), MAP(4200, 4280)}, 16},
    {0x0009, "esp32s3",  "ESP32-S3",  0x0000, RSA,  3, {MAP(3C00, 3E00), MAP(4200, 4400)}, 16},
    {0x000C, "esp32c2",  "ESP32-C2",  0x0000, P256, 1, {MAP(3C00, 3C40), MAP(4200, 4240)}, 14},
    {0x000D, "esp32c6",  "ESP32-C6",  0x0000, TWO,  3, {MAP(4200, 4300)}, 13},
    {0x0010, "esp32h2",  "ESP32-H2",  0x0000, TWO,  3, {MAP(4200, 4300)}, 13},
    {0x0012, "esp32p4",  "ESP32-P4",  0x2000, ALL,  3, {MAP(4000, 4400), MAP(4800, 4C00)}, 16},
    {0x0014, "esp32c61", "ESP32-C61", 0x0000, P256, 3, {MAP(4200, 4400)}, 13},
    {0x0017, "esp32c5",  "ESP32-C5",  0x2000, ALL,  3, {MAP(4200, 4400)}, 16},
    {0x0019, "esp32h21", "ESP32-H21", 0x0000, RSA,  3, {MAP(4200, 4300)}, 13},
    {0x001C, "esp32h4",  "ESP32-H4",  0x2000, 0,    0, {MAP(4200, 4400)}, 13},
    {0x001F, "esp32e22", "ESP32-E22", 0x0000, 0,    0, {MAP(3C00, 4000)}, 16},
    {0x0020, "esp32s31", "ESP32-S31", 0x2000, RSA,  3, {MAP(4000, 4400), MAP(5000, 5400)}, 13},
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

bool godwit_chip_is_mapped(const struct godwit_chip *chip, uint32_t address)
{
    for (size_t i = 0; i < sizeof chip->mapped / sizeof chip->mapped[0]; i++)
        if (address >= chip->mapped[i].from && address < chip->mapped[i].to) return true;
    return false;
}
