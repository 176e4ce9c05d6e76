/* godwit pack: a small image for emulated devices. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/names.h"
#include "emu/pack.h"
#include "formats/image.h"
#include "options/options.h"

static void chips_list(FILE *out)
{
    for (size_t i = 0; godwit_chip_at(i); i++)
        fprintf(out, "%s%s", i ? ", " : "", godwit_chip_at(i)->name);
}

static void behaviours_list(FILE *out)
{
    for (int i = 0; i < BEHAVIOUR_COUNT; i++)
        fprintf(out, "%s%s", i ? ", " : "", behaviour_name((enum behaviour_kind)i));
}

static int wrong_name(const char *what, const char *name, void (*list)(FILE *out))
{
    fprintf(stderr, "godwit pack: there is no %s '%s'; choose one of ", what, name);
    list(stderr);
    fputc('\n', stderr);
    return 2;
}

static int pack(const struct pack_options *pack, const char *path)
{
    uint8_t *data;
    size_t size;
    godwit_err err = pack_image(pack, &data, &size);
    if (err == GODWIT_ERR_FORMAT)
        fputs("godwit pack: --version takes 1 to 31 bytes\n", stderr);
    else if (err)
        fprintf(stderr, "godwit pack: %s\n", godwit_err_sentence(err));
    if (err) return 1;
    bool ok = file_write("pack", path, data, size);
    free(data);
    return ok ? 0 : 1;
}

/* -1: go on. */
static int check(const struct options *options, const struct pack_options *wanted)
{
    int status = name_check(options, "--project", wanted->project);
    if (status < 0) status = name_check(options, "--version", wanted->version);
    if (status >= 0) return status;
    uint32_t size_max = pack_size_max(wanted->chip);
    if (wanted->size < PACK_SIZE_MIN || wanted->size > size_max)
        return options_wrong(options, "--size %u: for an %s it is %u to %u bytes", wanted->size,
                             wanted->chip->title, PACK_SIZE_MIN, size_max);
    return -1;
}

int cmd_pack(int argc, char **argv)
{
    const char *chip = "esp32c3", *project = "thermostat", *version = "1.0.0", *path = NULL;
    const char *behaviour = "healthy";
    uint32_t secure_version = 0, size = 65536, seed = 1, delay_s = 0;
    const struct option_row rows[] = {
        {"--chip", OPTION_TEXT, &chip, "NAME",
         "chip, such as esp32s3 or ESP32-S3 (default esp32c3)"},
        {"--project", OPTION_TEXT, &project, "NAME",
         "project, the product's name (default thermostat)"},
        {"--version", OPTION_TEXT, &version, "V", "version (default 1.0.0)"},
        {"--secure-version", OPTION_NUMBER, &secure_version, "N",
         "anti-rollback number (default 0)"},
        {"--size", OPTION_NUMBER, &size, "BYTES",
         "size before signing, 688 to some MiB, by chip (default 65536)"},
        {"--seed", OPTION_NUMBER, &seed, "N", "another seed, another payload (default 1)"},
        {"--behaviour", OPTION_TEXT, &behaviour, "NAME",
         "what it does once it runs: healthy, crash-at-boot, hang,\n"
         "                           no-network, crash-after-confirm, crash-after-step,\n"
         "                           hang-after-contact, deadlock, stack-overflow, leak,\n"
         "                           wrong-config, never-confirm, self-reset, no-reply\n"
         "                           (default healthy)"},
        {"--delay", OPTION_NUMBER, &delay_s, "S",
         "seconds after boot until it behaves so (default 0)"},
    };
    const struct options options = {
        "pack",
        "[OPTION]… OUT",
        "Makes a small application image that emulated devices can run, good or bad; not signed.",
        rows,
        sizeof rows / sizeof *rows,
        &path,
        1,
        1,
    };
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;

    struct pack_options wanted = {
        .chip = godwit_chip_by_name(chip),
        .project = project,
        .version = version,
        .secure_version = secure_version,
        .size = size,
        .seed = seed,
        .behaviour.delay_s = delay_s,
    };
    if (!wanted.chip) return wrong_name("chip", chip, chips_list);
    if (behaviour_by_name(behaviour, &wanted.behaviour.kind))
        return wrong_name("behaviour", behaviour, behaviours_list);
    status = check(&options, &wanted);
    return status >= 0 ? status : pack(&wanted, path);
}
