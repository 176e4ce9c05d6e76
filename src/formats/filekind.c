/* What a file is: what the ESP image format says first, then magic numbers, then text and blanks.
 *
 * Images share one first byte and are told apart by what follows it: an application has its
 * descriptor at 32, a bootloader since ESP-IDF 5.2 another one. Of the rest, an image with a
 * flash-mapped segment is an application without a descriptor; one that loads to RAM alone is an
 * older bootloader where it would fit in front of a partition table, else a program for RAM. The
 * size is a guess, but both are refused all the same, and only the word differs. */
#include "formats/filekind.h"
#include "formats/chip.h"
#include "formats/otadata.h"

#define IMAGE_MAGIC 0xE9
#define APP_DESC_MAGIC 0xABCD5432u
#define BOOTLOADER_DESC_MAGIC 0x50
#define BOOTLOADER_SIZE_MAX 0xF000u
#define DESC_OFFSET 32
#define CHIP_ID_OFFSET 12
#define HEADER_SIZE 24
#define SEGMENT_HEADER_SIZE 8
#define SEGMENT_SIZE_MAX (16u << 20)
#define SEGMENTS_MAX 16
#define TABLE_FIRST 0x8000u
#define TABLE_LAST 0xF000u
#define TABLE_ROW_SIZE 32
#define SECTOR 0x1000u
#define ESP8266_CODE_FROM 0x40100000u
#define ESP8266_CODE_TO 0x40300000u

struct row {
    const char *id, *words;
};

#define ROW(name, id, words) {id, words},
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

const char *godwit_file_kind_words(enum godwit_file_kind kind)
{
    return row_of(kind)->words;
}

static bool has_at(struct godwit_span file, size_t offset, const void *bytes, size_t size)
{
    return file.size >= offset && file.size - offset >= size &&
           memcmp(file.data + offset, bytes, size) == 0;
}

/* ---- ESP images ---- */

static bool has_app_desc(struct godwit_span file)
{
    return file.size >= DESC_OFFSET + 4 && godwit_load32(file.data + DESC_OFFSET) == APP_DESC_MAGIC;
}

/* The version text that esp_bootloader_desc_t keeps at 8: printable, ended, like "v5.2-dev". */
static bool has_bootloader_desc(struct godwit_span file)
{
    if (file.size < DESC_OFFSET + 40 || file.data[DESC_OFFSET] != BOOTLOADER_DESC_MAGIC)
        return false;
    const uint8_t *text = file.data + DESC_OFFSET + 8;
    size_t size = 0;
    while (size < 32 && text[size] >= 0x20 && text[size] < 0x7F)
        size++;
    return size >= 2 && size < 32 && text[size] == 0;
}

/* The ESP8266 has a header of 8 bytes, so its first segment is loaded where other chips keep the
 * drive strength of the flash pins. */
static bool is_esp8266(struct godwit_span file)
{
    if (file.size < 16) return false;
    uint32_t entry = godwit_load32(file.data + 4), load = godwit_load32(file.data + 8);
    return entry >= ESP8266_CODE_FROM && entry < ESP8266_CODE_TO && load >= ESP8266_CODE_FROM &&
           load < ESP8266_CODE_TO;
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
    size_t count = file.size > 1 ? file.data[1] : 0, offset = HEADER_SIZE;
    if (count == 0 || count > SEGMENTS_MAX) return GODWIT_FILE_UNKNOWN;
    if (file.size < DESC_OFFSET + 4) return GODWIT_FILE_APP; /* cut short: the parser says so */
    const struct godwit_chip *chip = godwit_chip_by_id(godwit_load16(file.data + CHIP_ID_OFFSET));
    for (size_t i = 0; i < count; i++) {
        if (offset > file.size || file.size - offset < SEGMENT_HEADER_SIZE) break;
        uint32_t length = godwit_load32(file.data + offset + 4);
        if (is_mapped(chip, godwit_load32(file.data + offset))) return GODWIT_FILE_APP;
        if (length > SEGMENT_SIZE_MAX) return GODWIT_FILE_UNKNOWN;
        offset += SEGMENT_HEADER_SIZE + length;
    }
    return file_size <= BOOTLOADER_SIZE_MAX ? GODWIT_FILE_BOOTLOADER : GODWIT_FILE_RAM_APP;
}

static bool has_table(struct godwit_span file, size_t offset)
{
    return has_at(file, offset, "\xAA\x50", 2) && file.size - offset >= TABLE_ROW_SIZE;
}

/* A whole flash: an image where some chip has its bootloader, and a partition table at one of the
 * places where one can be. Where the bootloader does not stand at 0, blank flash comes first. */
static bool is_merged(struct godwit_span file)
{
    bool has_bootloader = false;
    const struct godwit_chip *chip;
    for (size_t i = 0; (chip = godwit_chip_at(i)) != NULL; i++)
        if (has_at(file, chip->bootloader_offset, "\xE9", 1)) has_bootloader = true;
    if (!has_bootloader) return false;
    for (size_t offset = TABLE_FIRST; offset <= TABLE_LAST; offset += SECTOR)
        if (has_table(file, offset)) return true;
    return false;
}

static enum godwit_file_kind image_kind(struct godwit_span file, uint64_t file_size)
{
    bool is_image = file.data[0] == IMAGE_MAGIC;
    if (is_image && has_app_desc(file)) return GODWIT_FILE_APP;
    if (is_merged(file)) return GODWIT_FILE_MERGED;
    if (!is_image) return GODWIT_FILE_UNKNOWN;
    if (is_esp8266(file)) return GODWIT_FILE_ESP8266;
    return has_bootloader_desc(file) ? GODWIT_FILE_BOOTLOADER : bare_image_kind(file, file_size);
}

/* ---- all the rest ---- */

static enum godwit_file_kind magic_kind(struct godwit_span file)
{
    static const struct {
        enum godwit_file_kind kind;
        uint8_t size;
        char magic[9];
    } magics[] = {
        {GODWIT_FILE_ELF, 4,
         "\x7F"
         "ELF"},
        {GODWIT_FILE_UF2, 8, "UF2\n\x57\x51\x5D\x9E"},
        {GODWIT_FILE_ENCRYPTED, 4, "\xCF\xB6\x88\x07"},
        {GODWIT_FILE_DELTA, 4, "\x10\xDE\xCD\xFC"},
        {GODWIT_FILE_ZIP, 4, "PK\x03\x04"},
        {GODWIT_FILE_ZIP, 4, "PK\x05\x06"}, /* without a single file in it */
        {GODWIT_FILE_GZIP, 2, "\x1F\x8B"},
    };
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (has_at(file, 0, magics[i].magic, magics[i].size)) return magics[i].kind;
    return has_table(file, 0) ? GODWIT_FILE_PTABLE : GODWIT_FILE_UNKNOWN;
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

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Text whose first letter tells: a page where a file was expected is nearly always a server's
 * error. Control characters in the first line or so mean that it is no text. */
static enum godwit_file_kind text_kind(struct godwit_span file)
{
    size_t start = has_at(file, 0, "\xEF\xBB\xBF", 3) ? 3 : 0;
    uint8_t first = 0;
    for (size_t i = start; i < file.size && i < start + 64; i++) {
        uint8_t c = file.data[i];
        if ((c < 0x20 && !is_space(c)) || c == 0x7F) return GODWIT_FILE_UNKNOWN;
        if (first == 0 && !is_space(c)) first = c;
    }
    if (first == '<') return GODWIT_FILE_HTML;
    return first == '{' || first == '[' ? GODWIT_FILE_JSON : GODWIT_FILE_UNKNOWN;
}

static enum godwit_file_kind blank_kind(struct godwit_span file)
{
    if (godwit_all(file.data, file.size, 0xFF)) return GODWIT_FILE_BLANK_FF;
    return godwit_all(file.data, file.size, 0) ? GODWIT_FILE_BLANK_00 : GODWIT_FILE_UNKNOWN;
}

enum godwit_file_kind godwit_file_kind(const uint8_t *head, size_t head_size, uint64_t file_size)
{
    if (file_size == 0) return GODWIT_FILE_EMPTY;
    if (head_size == 0) return GODWIT_FILE_UNKNOWN;
    struct godwit_span file = {head, head_size};
    enum godwit_file_kind kind = image_kind(file, file_size);
    if (kind == GODWIT_FILE_UNKNOWN) kind = magic_kind(file);
    if (kind == GODWIT_FILE_UNKNOWN && is_otadata(file, file_size)) kind = GODWIT_FILE_OTADATA;
    if (kind == GODWIT_FILE_UNKNOWN) kind = text_kind(file);
    if (kind == GODWIT_FILE_UNKNOWN) kind = blank_kind(file);
    return kind;
}
