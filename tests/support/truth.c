/* Rows and the damage that their words name. */
#include "truth.h"

#include <stdlib.h>

#include "base/crypto.h"
#include "base/text.h"
#include "emu/pack.h"

#define IMAGE_SIZE 0x4000u
#define SLOT_SIZE 0x20000u
#define APPS_OFFSET 0x10000u

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "truth: %s\n", what);
    abort();
}

/* ---- the table of rows ---- */

/* Cuts the next field off; fields hold no quotes. */
static const char *field(char **line)
{
    char *start = *line, *end = strchr(start, ',');
    if (end) *end = 0;
    *line = end ? end + 1 : start + strlen(start);
    return start;
}

static void keep(char *out, size_t size_max, const char *text)
{
    must(strlen(text) < size_max, "a field is too long");
    snprintf(out, size_max, "%s", text);
}

bool truth_next(FILE *file, struct truth_row *row)
{
    char buffer[1024], *line = buffer;
    do {
        if (!fgets(buffer, sizeof buffer, file)) return false;
    } while (!strncmp(buffer, "mode,", 5));
    buffer[strcspn(buffer, "\r\n")] = 0;
    keep(row->mode, sizeof row->mode, field(&line));
    keep(row->table, sizeof row->table, field(&line));
    keep(row->images, sizeof row->images, field(&line));
    const char *fuse_before = field(&line);
    row->has_fuse = *fuse_before != 0;
    row->fuse_before = (uint32_t)strtoul(fuse_before, NULL, 10);
    row->fuse_after = (uint32_t)strtoul(field(&line), NULL, 10);
    keep(row->in[0], 65, field(&line));
    keep(row->in[1], 65, field(&line));
    keep(row->booted, sizeof row->booted, field(&line));
    (void)field(&line); /* end: said by booted already */
    keep(row->out[0], 65, field(&line));
    keep(row->out[1], 65, field(&line));
    must(strlen(row->in[0]) == 64 && strlen(row->out[1]) == 64, "a row is not whole");
    return true;
}

/* ---- images ---- */

/* Checksum byte and digest made anew behind a change of the header. */
static void seal(uint8_t *image)
{
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, image, IMAGE_SIZE - 32);
    must(!godwit_hash_peek(&hash, image + IMAGE_SIZE - 32), "hashing");
}

/* Changes the image as the row's word says; returns how many bytes of it are flashed. */
static size_t damage(uint8_t *image, const char *kind)
{
    const size_t digest = IMAGE_SIZE - 32, checksum = digest - 1;
    if (!strcmp(kind, "ok")) return IMAGE_SIZE;
    if (!strcmp(kind, "erased")) return 0;
    if (!strcmp(kind, "trunc")) return IMAGE_SIZE / 2;
    if (!strcmp(kind, "cut4k")) return 4096;
    if (!strcmp(kind, "magic")) return image[0] ^= 0xFF, IMAGE_SIZE;
    if (!strcmp(kind, "sha")) return image[digest] ^= 1, IMAGE_SIZE;
    if (!strcmp(kind, "data")) return image[0x2000] ^= 1, IMAGE_SIZE;
    if (!strcmp(kind, "nohash")) return image[23] = 0, digest;
    if (!strcmp(kind, "chksum"))
        image[checksum] ^= 1;
    else if (!strcmp(kind, "chip"))
        godwit_store16(image + 12, 9);
    else if (!strcmp(kind, "minrev"))
        godwit_store16(image + 15, 4);
    else if (!strcmp(kind, "nocode")) /* in flash: of our own, for words of the reference */
        godwit_store32(image + IMAGE_SIZE - 48, 0x40380000);
    else if (!strcmp(kind, "segcnt"))
        image[1] = 17;
    else
        must(false, kind);
    seal(image);
    return IMAGE_SIZE;
}

/* "sha", or "ok:sv2" with a secure version. */
static void put_image(const struct godwit_flash *flash, const struct godwit_partition *slot,
                      char *words)
{
    struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                   .project = "truth",
                                   .version = "1.0.0",
                                   .revision_max = 99,
                                   .size = IMAGE_SIZE,
                                   .seed = slot->offset};
    uint8_t *image;
    size_t size;
    char *version = strstr(words, ":sv");
    if (version) {
        options.secure_version = (uint32_t)strtoul(version + 3, NULL, 10);
        *version = 0;
    }
    must(!pack_image(&options, &image, &size) && size == IMAGE_SIZE, "packing");
    must(!flash_put(flash, slot->offset, image, damage(image, words)), "flashing");
    free(image);
}

/* ---- tables ---- */

static const struct {
    const char *name, *apps; /* labels in order of the table */
    uint32_t otadata_size;
} TABLES[] = {
    {"two", "ota_0 ota_1", 0x2000},           {"fac", "factory ota_0 ota_1", 0x2000},
    {"three", "ota_0 ota_1 ota_2", 0x2000},   {"one", "ota_0", 0x2000},
    {"facone", "factory ota_0", 0x2000},      {"test", "ota_0 ota_1 test", 0x2000},
    {"noota", "factory ota_0 ota_1", 0},      {"gap", "ota_0 ota_2", 0x2000},
    {"small", "factory ota_0 ota_1", 0x1000},
};

static uint8_t subtype_of(const char *label)
{
    if (!strcmp(label, "factory")) return GODWIT_APP_FACTORY;
    if (!strcmp(label, "test")) return GODWIT_APP_TEST;
    return (uint8_t)(GODWIT_APP_OTA_0 + label[4] - '0');
}

static size_t rows_of(const char *table, struct godwit_partition rows[static 8])
{
    size_t t = 0, count = 0;
    char words[64], *rest = words;
    while (strcmp(TABLES[t].name, table) != 0)
        must(++t < sizeof TABLES / sizeof *TABLES, table);
    if (TABLES[t].otadata_size)
        rows[count++] =
            (struct godwit_partition){1, 0, TRUTH_OTADATA, TABLES[t].otadata_size, "otadata", 0};
    keep(words, sizeof words, TABLES[t].apps);
    for (uint32_t offset = APPS_OFFSET; rest; offset += SLOT_SIZE, count++) {
        const char *label = strsep(&rest, " ");
        rows[count] = (struct godwit_partition){.offset = offset, .size = SLOT_SIZE};
        rows[count].subtype = subtype_of(label);
        keep(rows[count].label, sizeof rows[count].label, label);
    }
    return count;
}

void truth_build(const struct truth_row *row, const struct godwit_flash *flash)
{
    struct godwit_partition rows[8] = {0};
    uint8_t table[GODWIT_PTABLE_SIZE], entry[32];
    size_t count = rows_of(row->table, rows);
    char images[sizeof row->images], *rest = images;
    must(!godwit_ptable_build(rows, count, table), "building a table");
    must(!flash_put(flash, GODWIT_PTABLE_OFFSET, table, sizeof table), "flashing");
    for (int i = 0; i < 2; i++) {
        must(!godwit_hex_decode(row->in[i], 64, entry, 32), "entry");
        must(!flash_put(flash, TRUTH_OTADATA + (uint32_t)i * 0x1000, entry, 32), "flashing");
    }
    keep(images, sizeof images, row->images);
    while (rest) {
        char *words = strsep(&rest, "/"), *label = strsep(&words, "=");
        struct godwit_partition slot;
        must(!godwit_ptable_find(table, 0, subtype_of(label), label, &slot), label);
        put_image(flash, &slot, words);
    }
}

struct bootloader truth_bootloader(const struct truth_row *row)
{
    bool anti = !strcmp(row->mode, "antirollback");
    return (struct bootloader){.chip = godwit_chip_by_name("esp32c3"),
                               .check_revision = true,
                               .revision = 3,
                               .has_rollback = anti || !strcmp(row->mode, "rollback"),
                               .has_anti_rollback = anti};
}
