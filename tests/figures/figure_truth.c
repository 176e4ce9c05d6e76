/* figure truth: every golden boot of ESP-IDF's own bootloader, told twice: by the model, and by the
 * real `godwit flash --json` over a dump in a file. */
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "base/text.h"
#include "truth.h"

static uint8_t dump[TRUTH_FLASH_SIZE];

static void complain(const struct truth_row *row, size_t number, const char *who, const char *what)
{
    fprintf(stderr, "row %zu (%s %s %s): %s %s\n", number, row->mode, row->table, row->images, who,
            what);
}

static bool model_agrees(const struct truth_row *row, struct godwit_flash *flash, size_t number)
{
    struct bootloader bootloader = truth_bootloader(row);
    struct efuses efuses = {.secure_version = row->fuse_before};
    struct boot boot;
    char hex[65];
    if (bootloader_run(&bootloader, flash, &efuses, &boot)) return false;
    bool agrees = !strcmp(boot.boots ? boot.partition.label : "none", row->booted) &&
                  efuses.secure_version == row->fuse_after;
    if (!agrees) complain(row, number, "model", "boots another image or burns another version");
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t bytes[GODWIT_OTA_ENTRY_SIZE];
        if (flash->read(flash->ctx, TRUTH_OTADATA + i * 0x1000, bytes, sizeof bytes)) return false;
        godwit_hex_encode(bytes, sizeof bytes, hex);
        if (!strcmp(hex, row->out[i])) continue;
        complain(row, number, "model", hex);
        agrees = false;
    }
    return agrees;
}

static json_t *run_godwit(const struct truth_row *row, const char *path)
{
    char command[512], fuse[32] = "";
    if (row->has_fuse) snprintf(fuse, sizeof fuse, "--anti-rollback %u", row->fuse_before);
    snprintf(command, sizeof command, GODWIT_BINARY_DIR "/godwit flash --json %s %s %s",
             strcmp(row->mode, "plain") ? "" : "--no-rollback", fuse, path);
    FILE *pipe = popen(command, "r");
    if (!pipe) return NULL;
    json_t *json = json_loadf(pipe, 0, NULL);
    if (pclose(pipe) == 0) return json;
    json_decref(json);
    return NULL;
}

static bool entries_agree(const json_t *entries, const char want[2][65], bool has_otadata)
{
    if (!has_otadata) return json_is_null(entries);
    for (size_t i = 0; i < 2; i++) {
        const char *hex = json_string_value(json_array_get(entries, i));
        if (!hex || strcmp(hex, want[i]) != 0) return false;
    }
    return true;
}

static bool command_agrees(const struct truth_row *row, const char *path, size_t number)
{
    json_t *json = run_godwit(row, path);
    const json_t *boot = json_object_get(json, "boot");
    const char *label = json_string_value(json_object_get(boot, "label"));
    bool has_otadata = strcmp(row->table, "noota") != 0;
    bool agrees = json && (label || json_is_null(boot)) &&
                  !strcmp(label ? label : "none", row->booted) &&
                  entries_agree(json_object_get(json, "otadata_before"), row->in, has_otadata) &&
                  entries_agree(json_object_get(json, "otadata_after"), row->out, has_otadata);
    if (!agrees) complain(row, number, "godwit flash", label ? label : "none");
    json_decref(json);
    return agrees;
}

static bool write_dump(const struct godwit_flash *flash, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file || flash->read(flash->ctx, 0, dump, sizeof dump)) return false;
    bool ok = fwrite(dump, 1, sizeof dump, file) == sizeof dump;
    return fclose(file) == 0 && ok;
}

int main(void)
{
    char path[] = "/tmp/godwit-truth-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fopen(GODWIT_SOURCE_DIR "/" TRUTH_PATH, "r");
    struct flash_ram ram;
    struct truth_row row;
    size_t rows = 0, disagreements = 0;
    if (fd < 0 || !file || flash_ram_init(&ram, TRUTH_FLASH_SIZE, 32, NULL)) return 1;
    struct godwit_flash flash = flash_ram_port(&ram);
    for (; truth_next(file, &row); rows++) {
        if (flash.erase(flash.ctx, 0, TRUTH_FLASH_SIZE)) return 1;
        truth_build(&row, &flash);
        bool agrees = write_dump(&flash, path) && command_agrees(&row, path, rows + 2);
        if (!model_agrees(&row, &flash, rows + 2)) agrees = false;
        if (!agrees) disagreements++;
    }
    close(fd);
    unlink(path);
    fclose(file);
    flash_ram_deinit(&ram);
    printf("figure truth rows=%zu disagreements=%zu\n", rows, disagreements);
    return disagreements || !rows;
}
