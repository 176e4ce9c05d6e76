/* godwit flash: what a whole-flash dump would boot, and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/flash_report.h"
#include "options/options.h"

#define NOT_GIVEN UINT32_MAX

static int look(const struct options *options, const struct flash_request *request,
                const char *path, bool wants_json)
{
    struct flash_report *report = malloc(sizeof *report);
    uint8_t *dump;
    size_t size;
    int status = 1;
    if (!report || !file_read("flash", path, FLASH_DUMP_MAX, &dump, &size)) {
        free(report);
        return status;
    }
    const char *other = flash_not_a_dump(dump, size);
    if (other) {
        fprintf(stderr,
                "godwit flash: %s: is no dump of a flash: %s; read one from a board with "
                "`esptool read-flash 0 ALL dump.bin`\n",
                path, other);
        free(dump);
        free(report);
        return status;
    }
    godwit_err err = flash_look(request, path, dump, size, report);
    free(dump);
    if (err == GODWIT_ERR_MISSING) {
        status = options_wrong(options, "there is no chip '%s'; try esp32, esp32s3, esp32c3 …",
                               request->chip_name);
    } else if (err == GODWIT_ERR_FORMAT) {
        status =
            options_wrong(options, "--revision and --block-revision want MAJOR.MINOR, such as 0.3");
    } else if (err) {
        fprintf(stderr, "godwit flash: %s: %s\n", path, godwit_err_sentence(err));
    } else if (wants_json) {
        json_t *json = flash_report_json(report);
        json_dumpf(json, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(json);
        status = report->is_encrypted;
    } else {
        flash_report_print(report);
        status = report->is_encrypted;
    }
    free(report);
    return status;
}

int cmd_flash(int argc, char **argv)
{
    const char *path = NULL;
    bool wants_json = false;
    struct flash_request request = {.secure_version = NOT_GIVEN};
    const struct option_row rows[] = {
        {"--json", OPTION_FLAG, &wants_json, NULL, "print JSON"},
        {"--no-rollback", OPTION_FLAG, &request.without_rollback, NULL,
         "the bootloader was built without app rollback"},
        {"--anti-rollback", OPTION_NUMBER, &request.secure_version, "N",
         "built with anti-rollback, and secure version N is programmed into the eFuse"},
        {"--chip", OPTION_TEXT, &request.chip_name, "NAME",
         "default: of the bootloader in the dump, else esp32c3"},
        {"--revision", OPTION_TEXT, &request.revision_text, "MAJOR.MINOR",
         "of the chip; default: 0.3 for a C3 without bootloader in the dump, else not checked"},
        {"--block-revision", OPTION_TEXT, &request.block_revision_text, "MAJOR.MINOR",
         "of the chip's eFuse blocks; default: not checked"},
        {"--table", OPTION_NUMBER, &request.table_offset, "OFFSET",
         "where the partition table stands; default: looked for at 0x8000 to 0xF000"},
    };
    const struct options options = {
        "flash",
        "DUMP [--json] [--no-rollback] [--anti-rollback N] [--chip NAME] [--revision V]\n"
        "       [--block-revision V] [--table OFFSET]",
        "Says what a whole-flash dump holds, which slot the bootloader would boot and\n"
        "why, and the otadata it would leave. The dump is not changed. Exit status 1 where\n"
        "flash encryption hides all of that.",
        rows,
        sizeof rows / sizeof *rows,
        &path,
        1,
        1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    request.has_anti_rollback = request.secure_version != NOT_GIVEN;
    if (!request.has_anti_rollback) request.secure_version = 0;
    if (request.has_anti_rollback && request.without_rollback)
        return options_wrong(&options, "--anti-rollback needs rollback; drop --no-rollback");
    return look(&options, &request, path, wants_json);
}
