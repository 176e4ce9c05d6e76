/* Texts where an image was expected: what a wrong command or a wrong address left behind.
 *
 * A page or a message is told by its first letter, when its first line holds no control characters;
 * all others must be text as far as can be seen, and are told by their first words. */
#include "formats/filekind_text.h"

#include "base/text.h"

#define LINE_SIZE 64   /* judged by the first letter */
#define TEXT_SIZE 1024 /* judged as a whole */
#define PATH_SIZE_MAX 512

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f');
}

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* In either case; words are lower-case. */
static bool starts_with(struct godwit_span text, const char *sentence)
{
    size_t size = strlen(sentence);
    if (text.size < size) return false;
    for (size_t i = 0; i < size; i++)
        if (lower(text.data[i]) != (uint8_t)sentence[i]) return false;
    return true;
}

static bool ends_with(struct godwit_span text, const char *sentence)
{
    size_t size = strlen(sentence);
    if (text.size < size) return false;
    return starts_with((struct godwit_span){text.data + text.size - size, size}, sentence);
}

static bool holds(struct godwit_span text, const char *sentence)
{
    for (size_t i = 0; i < text.size; i++)
        if (starts_with((struct godwit_span){text.data + i, text.size - i}, sentence)) return true;
    return false;
}

/* A byte-order mark and white space taken off its start. */
static struct godwit_span trim(struct godwit_span file)
{
    if (godwit_file_has_at(file, 0, "\xEF\xBB\xBF", 3)) file.data += 3, file.size -= 3;
    while (file.size && is_space(file.data[0]))
        file.data++, file.size--;
    return file;
}

/* Printable UTF-8 and white space; a sequence may be cut at the end of what is seen. */
static bool is_text(struct godwit_span text)
{
    size_t size = text.size < TEXT_SIZE ? text.size : TEXT_SIZE, part;
    for (size_t at = 0; at < size; at += part) {
        uint8_t c = text.data[at];
        part = godwit_utf8_size((const char *)text.data + at, text.size - at);
        if (!part) return at + 4 > text.size && at > 0;
        if ((c < 0x20 && !is_space(c) && c != '\f') || c == 0x7F) return false;
    }
    return size > 0;
}

/* The first line holds no control characters, whatever comes later. */
static bool begins_as_text(struct godwit_span text)
{
    size_t size = text.size < LINE_SIZE ? text.size : LINE_SIZE;
    for (size_t i = 0; i < size; i++)
        if ((text.data[i] < 0x20 && !is_space(text.data[i])) || text.data[i] == 0x7F) return false;
    return size > 0;
}

/* One line of bytes that all pass, white space at its end apart; 0: it is none. */
static size_t line_size(struct godwit_span text, bool (*passes)(uint8_t c))
{
    size_t size = 0, rest;
    while (size < text.size && passes(text.data[size]))
        size++;
    for (rest = size; rest < text.size; rest++)
        if (!is_space(text.data[rest])) return 0;
    return size;
}

static bool is_of_line(uint8_t c)
{
    return c != '\n' && c != '\r';
}

static bool is_of_form(uint8_t c)
{
    static const char marks[] = {'-', '_', '.', '~', '+', '*', '%', '&', '='};
    return is_word(c) || memchr(marks, c, sizeof marks);
}

static bool is_path(struct godwit_span text)
{
    static const char *const STARTS[] = {"@",  "/",       "./",       "../",
                                         "~/", "http://", "https://", "file:"};
    static const char *const ENDS[] = {".bin", ".elf", ".hex", ".uf2", ".img", ".zip",
                                       ".gz",  ".ota", ".dfu", ".map", ".fw"};
    size_t size = line_size(text, is_of_line);
    if (size == 0 || size > PATH_SIZE_MAX) return false;
    struct godwit_span line = {text.data, size};
    while (is_space(line.data[line.size - 1]))
        line.size--;
    for (size_t i = 0; i < sizeof STARTS / sizeof *STARTS; i++)
        if (starts_with(line, STARTS[i])) return true;
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++)
        if (ends_with(line, ENDS[i])) return true;
    return line.size > 2 && is_word(line.data[0]) && line.data[1] == ':' &&
           (line.data[2] == '\\' || line.data[2] == '/');
}

/* name=value&…, in one line. */
static bool is_form(struct godwit_span text)
{
    size_t size = line_size(text, is_of_form);
    const uint8_t *equals = memchr(text.data, '=', size);
    return size && equals && equals > text.data && equals < text.data + size;
}

static bool is_hex_line(struct godwit_span text, size_t from, size_t count)
{
    if (text.size < from + count) return false;
    for (size_t i = from; i < from + count; i++)
        if (!is_hex(text.data[i])) return false;
    return true;
}

/* "e9 06 02 20 …", "e9060220…" or, with addresses, "00000000: e906 …". */
static bool is_hex_dump(struct godwit_span text)
{
    if (is_hex_line(text, 0, 8) && text.size > 10 && (text.data[8] == ':' || text.data[8] == ' '))
        return is_hex_line(text, text.data[9] == ' ' ? 10 : 9, 2);
    return starts_with(text, "e9") &&
           (is_hex_line(text, 0, 32) || (text.size > 5 && text.data[2] == ' ' &&
                                         is_hex_line(text, 3, 2) && text.data[5] == ' '));
}

/* 0xE9 in front becomes "6Q" to "6f" of base64. */
static bool is_base64(struct godwit_span text)
{
    if (!godwit_file_has_at(text, 0, "6", 1) || text.size < 64) return false;
    if (!memchr("QRSTUVWXYZabcdef", text.data[1], 16)) return false;
    for (size_t i = 0; i < 60; i++)
        if (!is_word(text.data[i]) && text.data[i] != '+' && text.data[i] != '/') return false;
    return true;
}

static bool is_intel_hex(struct godwit_span text)
{
    return godwit_file_has_at(text, 0, ":", 1) && is_hex_line(text, 1, 10);
}

static bool is_srec(struct godwit_span text)
{
    return godwit_file_has_at(text, 0, "S", 1) && is_hex_line(text, 1, 7) &&
           (text.data[1] == '0' || text.data[1] == '1' || text.data[1] == '3');
}

/* Two dashes, a boundary, and the first part's header. */
static bool is_multipart(struct godwit_span text)
{
    return starts_with(text, "--") && holds(text, "content-disposition: form-data");
}

static bool is_partition_csv(struct godwit_span text)
{
    return holds(text, "# esp-idf partition table") || starts_with(text, "# name,") ||
           holds(text, "app, ota_0") || holds(text, "app,ota_0") || holds(text, "app, factory") ||
           holds(text, "data, nvs");
}

static bool is_map(struct godwit_span text)
{
    return starts_with(text, "archive member included") || holds(text, "memory configuration") ||
           holds(text, "discarded input sections") || holds(text, "allocating common symbols");
}

static bool is_key(struct godwit_span text)
{
    return starts_with(text, "-----begin ");
}

static bool is_lfs(struct godwit_span text)
{
    return starts_with(text, "version https://git-lfs");
}

static bool is_http(struct godwit_span text)
{
    return starts_with(text, "http/1.") || starts_with(text, "http/2 ");
}

static bool is_xml(struct godwit_span text)
{
    return starts_with(text, "<?xml") || starts_with(text, "<error>");
}

static bool is_page(struct godwit_span text)
{
    return text.data[0] == '<';
}

static bool is_json(struct godwit_span text)
{
    return text.data[0] == '{' || text.data[0] == '[';
}

struct text_row {
    bool (*fits)(struct godwit_span text);
    enum godwit_file_kind kind;
};

/* The first row that fits is it: by the first line, then by a text. */
static const struct text_row BEGINNINGS[] = {
    {is_xml, GODWIT_FILE_XML},
    {is_page, GODWIT_FILE_HTML},
    {is_json, GODWIT_FILE_JSON},
};
static const struct text_row TEXTS[] = {
    {is_key, GODWIT_FILE_PEM},
    {is_lfs, GODWIT_FILE_GIT_LFS},
    {is_intel_hex, GODWIT_FILE_INTEL_HEX},
    {is_srec, GODWIT_FILE_SREC},
    {is_partition_csv, GODWIT_FILE_PTABLE_CSV},
    {is_map, GODWIT_FILE_MAP},
    {is_base64, GODWIT_FILE_BASE64},
    {is_hex_dump, GODWIT_FILE_HEX_DUMP},
};
/* What it can only be as a whole. */
static const struct text_row WHOLE[] = {
    {is_path, GODWIT_FILE_PATH},
    {is_form, GODWIT_FILE_FORM},
};

static enum godwit_file_kind find(const struct text_row *rows, size_t count,
                                  struct godwit_span text, enum godwit_file_kind otherwise)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].fits(text)) return rows[i].kind;
    return otherwise;
}

enum godwit_file_kind godwit_file_text_kind(struct godwit_span file, uint64_t file_size)
{
    struct godwit_span text = trim(file);
    if (is_multipart(text)) return GODWIT_FILE_MULTIPART; /* bytes follow the first lines of both */
    if (is_http(text)) return GODWIT_FILE_HTTP;
    if (!begins_as_text(text)) return GODWIT_FILE_UNKNOWN;
    enum godwit_file_kind kind = find(BEGINNINGS, 3, text, GODWIT_FILE_UNKNOWN);
    if (kind != GODWIT_FILE_UNKNOWN || !is_text(text)) return kind;
    kind = find(TEXTS, sizeof TEXTS / sizeof *TEXTS, text, GODWIT_FILE_TEXT);
    bool is_whole = file.size == file_size;
    return kind == GODWIT_FILE_TEXT && is_whole ? find(WHOLE, 2, text, kind) : kind;
}
