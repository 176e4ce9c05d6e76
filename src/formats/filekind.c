/* What a file is: what the ESP image format says first, then magic numbers, then text, blanks, an
 * image inside something unknown, and noise.
 *
 * Images share one first byte and are told apart by what follows it: an application has its
 * descriptor at 32, a bootloader since ESP-IDF 5.2 another one. Of the rest, an image with a
 * flash-mapped segment is an application without a descriptor; one that loads to RAM alone is an
 * older bootloader where it would fit in front of a partition table, else a program for RAM. The
 * size is a guess, but both are refused all the same, and only the word differs. */
#include "formats/chip.h"
#include "formats/filekind_text.h"
#include "formats/image.h"
#include "formats/otadata.h"

#define BOOTLOADER_DESC_MAGIC 0x50
#define BOOTLOADER_SIZE_MAX 0xF000u
#define CHIP_ID_OFFSET 12
#define SEGMENT_HEADER_SIZE 8
#define TABLE_FIRST 0x8000u
#define TABLE_LAST 0xF000u
#define TABLE_ROW_SIZE 32
#define SECTOR 0x1000u
#define ESP8266_CODE_FROM 0x40100000u
#define ESP8266_CODE_TO 0x40300000u
#define ESP8266_DATA_FROM 0x3FFE8000u
#define ESP8266_DATA_TO 0x40000000u
#define ESP8266_V2_MAGIC 0xEA
#define NOISE_SIZE_MIN 1024u

struct row {
    const char *id, *sentence, *advice;
};

#define ROW(name, id, sentence, advice) {id, sentence, advice},
static const struct row rows[GODWIT_FILE_KIND_COUNT] = {GODWIT_FILE_KINDS(ROW)};
#undef ROW

static const struct row *row_of(enum godwit_file_kind kind)
{
    return (unsigned)kind < GODWIT_FILE_KIND_COUNT ? &rows[kind] : &rows[GODWIT_FILE_UNKNOWN];
}

const char *godwit_file_kind_id(enum godwit_file_kind kind)
{
    return row_of(kind)->id;
}

const char *godwit_file_kind_sentence(enum godwit_file_kind kind)
{
    return row_of(kind)->sentence;
}

const char *godwit_file_kind_advice(enum godwit_file_kind kind)
{
    return row_of(kind)->advice;
}

bool godwit_file_has_at(struct godwit_span file, size_t offset, const void *bytes, size_t size)
{
    return file.size >= offset && file.size - offset >= size &&
           memcmp(file.data + offset, bytes, size) == 0;
}

/* ---- ESP images ---- */

static bool has_app_desc(struct godwit_span file)
{
    return file.size >= GODWIT_APP_DESC_OFFSET + 4 &&
           godwit_load32(file.data + GODWIT_APP_DESC_OFFSET) == GODWIT_APP_DESC_MAGIC;
}

/* The version text that esp_bootloader_desc_t keeps at 8: printable, ended, like "v5.2-dev". */
static bool has_bootloader_desc(struct godwit_span file)
{
    if (file.size < GODWIT_APP_DESC_OFFSET + 40 ||
        file.data[GODWIT_APP_DESC_OFFSET] != BOOTLOADER_DESC_MAGIC)
        return false;
    const uint8_t *text = file.data + GODWIT_APP_DESC_OFFSET + 8;
    size_t size = 0;
    while (size < 32 && text[size] >= 0x20 && text[size] < 0x7F)
        size++;
    return size >= 2 && size < 32 && text[size] == 0;
}

/* The ESP8266 has a header of 8 bytes, so its first segment is loaded where other chips keep the
 * drive strength of the flash pins. Images of its second format (0xEA) load theirs nowhere. */
static bool is_esp8266(struct godwit_span file)
{
    if (file.size < 16) return false;
    uint32_t entry = godwit_load32(file.data + 4), load = godwit_load32(file.data + 8);
    if (entry < ESP8266_CODE_FROM || entry >= ESP8266_CODE_TO) return false;
    if (file.data[0] == ESP8266_V2_MAGIC) return true;
    return (load >= ESP8266_CODE_FROM && load < ESP8266_CODE_TO) ||
           (load >= ESP8266_DATA_FROM && load < ESP8266_DATA_TO);
}

/* Text tools drop zero bytes (`curl -d`) or write 0xE9 as UTF-8, also as the mark for "unreadable".
 * No image is without a zero in its first bytes. */
static bool is_mangled(struct godwit_span file)
{
    static const char *const SPELLINGS[] = {"\xC3\xA9", "\xEF\xBF\xBD"};
    for (size_t i = 0; i < sizeof SPELLINGS / sizeof *SPELLINGS; i++) {
        size_t size = strlen(SPELLINGS[i]);
        if (godwit_file_has_at(file, 0, SPELLINGS[i], size) && file.size > size &&
            file.data[size] > 0 && file.data[size] <= GODWIT_IMAGE_SEGMENTS_MAX)
            return true;
    }
    return file.size >= 128 && file.data[0] == GODWIT_IMAGE_MAGIC && file.data[1] > 0 &&
           file.data[1] <= GODWIT_IMAGE_SEGMENTS_MAX && !memchr(file.data, 0, 128);
}

/* For a chip that is not known: mapped on any chip. */
static bool is_mapped(const struct godwit_chip *chip, uint32_t address)
{
    if (chip) return godwit_chip_is_mapped(chip, address);
    for (size_t i = 0; (chip = godwit_chip_at(i)) != NULL; i++)
        if (godwit_chip_is_mapped(chip, address)) return true;
    return false;
}

/* An image without any descriptor, by where its segments load to (those that can be seen). */
static enum godwit_file_kind bare_image_kind(struct godwit_span file, uint64_t file_size)
{
    size_t count = file.size > 1 ? file.data[1] : 0, offset = GODWIT_IMAGE_HEADER_SIZE;
    if (count == 0 || count > GODWIT_IMAGE_SEGMENTS_MAX) return GODWIT_FILE_UNKNOWN;
    if (file.size < GODWIT_APP_DESC_OFFSET + 4)
        return GODWIT_FILE_APP; /* cut short: the parser says so */
    const struct godwit_chip *chip = godwit_chip_by_id(godwit_load16(file.data + CHIP_ID_OFFSET));
    for (size_t i = 0; i < count; i++) {
        if (offset > file.size || file.size - offset < SEGMENT_HEADER_SIZE) break;
        uint32_t length = godwit_load32(file.data + offset + 4);
        if (is_mapped(chip, godwit_load32(file.data + offset))) return GODWIT_FILE_APP;
        if (length > GODWIT_IMAGE_SIZE_MAX) return GODWIT_FILE_UNKNOWN;
        offset += SEGMENT_HEADER_SIZE + length;
    }
    return file_size <= BOOTLOADER_SIZE_MAX ? GODWIT_FILE_BOOTLOADER : GODWIT_FILE_RAM_APP;
}

static bool has_table(struct godwit_span file, size_t offset)
{
    return godwit_file_has_at(file, offset, "\xAA\x50", 2) && file.size - offset >= TABLE_ROW_SIZE;
}

/* A whole flash: an image where some chip has its bootloader, and a partition table at one of the
 * places where one can be. Where the bootloader does not stand at 0, blank flash comes first. */
static bool is_merged(struct godwit_span file)
{
    bool has_bootloader = false;
    const struct godwit_chip *chip;
    for (size_t i = 0; (chip = godwit_chip_at(i)) != NULL; i++)
        if (godwit_file_has_at(file, chip->bootloader_offset, "\xE9", 1)) has_bootloader = true;
    if (!has_bootloader) return false;
    for (size_t offset = TABLE_FIRST; offset <= TABLE_LAST; offset += SECTOR)
        if (has_table(file, offset)) return true;
    return false;
}

static enum godwit_file_kind image_kind(struct godwit_span file, uint64_t file_size)
{
    bool is_image = file.data[0] == GODWIT_IMAGE_MAGIC;
    if (is_image && has_app_desc(file)) return GODWIT_FILE_APP;
    if (is_merged(file)) return GODWIT_FILE_MERGED;
    if (is_mangled(file)) return GODWIT_FILE_MANGLED;
    bool is_old = is_image || file.data[0] == ESP8266_V2_MAGIC;
    if (is_old && is_esp8266(file)) return GODWIT_FILE_ESP8266;
    if (!is_image) return GODWIT_FILE_UNKNOWN;
    return has_bootloader_desc(file) ? GODWIT_FILE_BOOTLOADER : bare_image_kind(file, file_size);
}

/* ---- all the rest ---- */

static enum godwit_file_kind magic_kind(struct godwit_span file)
{
    static const struct {
        enum godwit_file_kind kind;
        uint16_t offset;
        uint8_t size;
        const char *magic;
    } magics[] = {
        {GODWIT_FILE_ELF, 0, 4, "\177ELF"},
        {GODWIT_FILE_LIBRARY, 0, 7, "!<arch>"},
        {GODWIT_FILE_PROGRAM, 0, 4, "MZ\x90\x00"},
        {GODWIT_FILE_PROGRAM, 0, 4, "\xCF\xFA\xED\xFE"},
        {GODWIT_FILE_UF2, 0, 8, "UF2\n\x57\x51\x5D\x9E"},
        {GODWIT_FILE_DFU, 0, 5, "DfuSe"},
        {GODWIT_FILE_DFU, 110, 8, "dfuinfo0"}, /* the first file in ESP-IDF's cpio archive */
        {GODWIT_FILE_MATTER, 0, 4, "\x1E\xF1\xEE\x1B"},
        {GODWIT_FILE_ZIGBEE, 0, 4, "\x1E\xF1\xEE\x0B"},
        {GODWIT_FILE_MCUBOOT, 0, 4, "\x3D\xB8\xF3\x96"},
        {GODWIT_FILE_MCUBOOT, 0, 4, "\x3C\xB8\xF3\x96"}, /* its first version */
        {GODWIT_FILE_ENCRYPTED, 0, 4, "\xCF\xB6\x88\x07"},
        {GODWIT_FILE_DELTA, 0, 4, "\x10\xDE\xCD\xFC"},
        {GODWIT_FILE_ZIP, 0, 4, "PK\x03\x04"},
        {GODWIT_FILE_ZIP, 0, 4, "PK\x05\x06"}, /* without a single file in it */
        {GODWIT_FILE_GZIP, 0, 2, "\x1F\x8B"},
        {GODWIT_FILE_TAR, 257, 5, "ustar"},
        {GODWIT_FILE_ARCHIVE, 0, 6, "7z\xBC\xAF\x27\x1C"},
        {GODWIT_FILE_ARCHIVE, 0, 6,
         "\xFD"
         "7zXZ\0"},
        {GODWIT_FILE_ARCHIVE, 0, 4, "\x28\xB5\x2F\xFD"}, /* zstd */
        {GODWIT_FILE_ARCHIVE, 0, 4, "\x04\x22\x4D\x18"}, /* lz4 */
        {GODWIT_FILE_ARCHIVE, 0, 4, "Rar!"},
        {GODWIT_FILE_ARCHIVE, 0, 3, "BZh"},
        {GODWIT_FILE_ARCHIVE, 0, 5, "07070"},       /* cpio */
        {GODWIT_FILE_ARCHIVE, 0, 5, "]\0\0\x80\0"}, /* lzma */
        {GODWIT_FILE_LITTLEFS, 8, 8, "littlefs"},
        {GODWIT_FILE_FAT, 54, 4, "FAT1"},
        {GODWIT_FILE_FAT, 82, 5, "FAT32"},
        {GODWIT_FILE_FAT, SECTOR + 54, 4, "FAT1"}, /* behind a sector for wear levelling */
    };
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (godwit_file_has_at(file, magics[i].offset, magics[i].magic, magics[i].size))
            return magics[i].kind;
    return has_table(file, 0) ? GODWIT_FILE_PTABLE : GODWIT_FILE_UNKNOWN;
}

/* SPIFFS keeps 16 bits of a magic number at the end of the first page of each block of 4 KiB: its
 * constant, mixed with the page size and, by default, with how many blocks are left. */
static bool is_spiffs(struct godwit_span file, uint64_t file_size)
{
    const uint16_t constant = 0x0529 ^ 0x0100;
    uint64_t blocks = file_size / SECTOR;
    if (file_size % SECTOR || blocks < 2 || file.size < 2 * SECTOR) return false;
    for (size_t i = 0; i < 2; i++) {
        uint16_t magic = godwit_load16(file.data + i * SECTOR + 252);
        if (magic != constant && magic != (constant ^ (uint16_t)(blocks - i))) return false;
    }
    return true;
}

/* A page of NVS that is in use or full: state, sequence, version, then bytes that stay erased. */
static bool is_nvs(struct godwit_span file)
{
    if (file.size < 64) return false;
    uint32_t state = godwit_load32(file.data);
    bool is_page = state == 0xFFFFFFFE || state == 0xFFFFFFFC;
    return is_page && file.data[8] >= 0xFD && godwit_all(file.data + 9, 19, 0xFF) &&
           !godwit_all(file.data + 28, 4, 0xFF);
}

/* Two sectors of one entry each, at least one of them valid ("boot_app0.bin" of web installers). */
static bool is_otadata(struct godwit_span file, uint64_t file_size)
{
    if (file_size != 2 * SECTOR || file.size != file_size) return false;
    bool is_any_valid = false;
    for (size_t at = 0; at < 2 * SECTOR; at += SECTOR) {
        struct godwit_ota_entry entry = godwit_ota_entry_load(file.data + at);
        size_t rest = SECTOR - GODWIT_OTA_ENTRY_SIZE;
        if (!godwit_all(file.data + at + GODWIT_OTA_ENTRY_SIZE, rest, 0xFF)) return false;
        is_any_valid |= godwit_ota_is_valid(&entry);
    }
    return is_any_valid;
}

size_t godwit_file_find_app(const uint8_t *head, size_t size)
{
    struct godwit_span file = {head, size};
    for (size_t at = 0; at + GODWIT_APP_DESC_OFFSET + 4 <= size; at++) {
        struct godwit_span rest = {file.data + at, file.size - at};
        if (rest.data[0] == GODWIT_IMAGE_MAGIC && rest.data[1] > 0 &&
            rest.data[1] <= GODWIT_IMAGE_SEGMENTS_MAX && has_app_desc(rest))
            return at;
    }
    return size;
}

/* The chi-squared statistic over 256 values: 255 on average for noise with a spread of 23; code
 * and data have thousands. */
bool godwit_file_is_noise(const uint8_t *data, size_t size)
{
    uint32_t counts[256] = {0};
    uint64_t squares = 0;
    if (size < NOISE_SIZE_MIN) return false;
    for (size_t i = 0; i < size; i++)
        counts[data[i]]++;
    for (size_t i = 0; i < 256; i++)
        squares += (uint64_t)counts[i] * counts[i];
    return squares * 256 < (uint64_t)size * size + 400 * (uint64_t)size;
}

static enum godwit_file_kind blank_kind(struct godwit_span file)
{
    if (godwit_all(file.data, file.size, 0xFF)) return GODWIT_FILE_BLANK_FF;
    return godwit_all(file.data, file.size, 0) ? GODWIT_FILE_BLANK_00 : GODWIT_FILE_UNKNOWN;
}

static enum godwit_file_kind partition_kind(struct godwit_span file, uint64_t file_size)
{
    if (is_otadata(file, file_size)) return GODWIT_FILE_OTADATA;
    if (is_spiffs(file, file_size)) return GODWIT_FILE_SPIFFS;
    return is_nvs(file) ? GODWIT_FILE_NVS : GODWIT_FILE_UNKNOWN;
}

enum godwit_file_kind godwit_file_kind(const uint8_t *head, size_t head_size, uint64_t file_size)
{
    if (file_size == 0) return GODWIT_FILE_EMPTY;
    if (head_size == 0) return GODWIT_FILE_UNKNOWN;
    struct godwit_span file = {head, head_size};
    enum godwit_file_kind kind = image_kind(file, file_size);
    if (kind == GODWIT_FILE_UNKNOWN) kind = magic_kind(file);
    if (kind == GODWIT_FILE_UNKNOWN) kind = partition_kind(file, file_size);
    if (kind == GODWIT_FILE_UNKNOWN) kind = godwit_file_text_kind(file, file_size);
    if (kind == GODWIT_FILE_UNKNOWN) kind = blank_kind(file);
    if (kind != GODWIT_FILE_UNKNOWN) return kind;
    if (godwit_file_find_app(head, head_size) < head_size) return GODWIT_FILE_WRAPPED;
    return godwit_file_is_noise(head, head_size) ? GODWIT_FILE_NOISE : GODWIT_FILE_UNKNOWN;
}
