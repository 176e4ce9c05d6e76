/* `godwit ca`: the CA of a data directory, by hand: to see it, to prepare the next, to change. The
 * service reads the files when it starts, so a restart makes each step count. */
#include <stdio.h>

#include "base/text.h"
#include "options/options.h"
#include "server/certificate.h"
#include "server/secret_files.h"
#include "server/server.h"
#include "server/service_data.h"
#include "server/text_file.h"

struct arguments {
    struct service_data place;
    bool prepares, switches;
};

static int complain(const char *note, const char *folder)
{
    fprintf(stderr, "godwit ca: %s (%s)\n", note, folder);
    return 1;
}

/* -1: go on. */
static int parse(int argc, char **argv, struct arguments *out)
{
    *out = (struct arguments){.prepares = false};
    const struct option_row rows[] = {
        SERVICE_DATA_ROWS(out->place, SERVICE_DATA_SENTENCE),
        {"--next", OPTION_FLAG, &out->prepares, NULL,
         "prepare the next CA; devices are told of it when they check in"},
        {"--switch", OPTION_FLAG, &out->switches, NULL,
         "make the prepared CA the present one; the former one's key is deleted. Devices that were "
         "asleep follow when they check in"},
    };
    const struct options options = {
        "ca",
        "[--data DIR | --settings FILE] [--next | --switch]",
        "Shows the CA that devices trust as their server's, or changes it in two steps; a restart "
        "of `godwit serve` makes each count.",
        rows,
        sizeof rows / sizeof *rows,
        NULL,
        0,
        0};
    int status = options_parse(&options, argc, argv, NULL);
    if (status < 0 && out->prepares && out->switches)
        status = options_wrong(&options, "--switch does not go with --next");
    if (status < 0) status = service_data_find(&options, &out->place);
    return status;
}

/* The digest of a CA in the folder, as text; false: there is none. */
static bool digest_text(const char *folder, const char *name, char hex[static 65])
{
    char path[FILE_PATH_MAX];
    uint8_t digest[32];
    folder_path(folder, name, path, sizeof path);
    if (certificate_ca_digest(path, digest)) return false;
    godwit_hex_encode(digest, sizeof digest, hex);
    return true;
}

static int show(const char *folder)
{
    char hex[65];
    printf("CA             %s (SHA-256 of its key)\n",
           digest_text(folder, "ca.pem", hex) ? hex : "none");
    if (digest_text(folder, "next-ca.pem", hex))
        printf("next CA        %s; change to it with --switch\n", hex);
    else
        puts("next CA        none; prepare one with --next");
    if (digest_text(folder, "chain.pem", hex))
        printf("oldest CA      %s; devices that know only it still come in\n", hex);
    return 0;
}

static int prepare(const char *folder)
{
    godwit_err err = certificate_next(folder);
    if (err == GODWIT_ERR_POLICY)
        return complain("a next CA is prepared already; change to it with --switch", folder);
    if (err == GODWIT_ERR_MISSING)
        return complain("ca.pem or ca-key.pem is missing or they do not belong together; put them "
                        "back from a backup",
                        folder);
    if (err) return complain(godwit_err_sentence(err), folder);
    show(folder);
    puts("restart `godwit serve`: from then on each device learns of it when it checks in");
    return 0;
}

static int change(const char *folder)
{
    godwit_err err = certificate_switch(folder);
    if (err == GODWIT_ERR_MISSING)
        return complain(
            "no next CA is prepared; do that with --next, and let devices check in once", folder);
    if (err) return complain(godwit_err_sentence(err), folder);
    show(folder);
    puts("restart `godwit serve`: from then on it shows a certificate by this CA; keep a backup\n"
         "of the folder from today, for devices that have changed trust no older one");
    return 0;
}

int cmd_ca(int argc, char **argv)
{
    struct arguments arguments;
    char folder[FILE_PATH_MAX - 32], hex[65];
    int status = parse(argc, argv, &arguments);
    if (status >= 0) return status;
    folder_path(arguments.place.data, "tls", folder, sizeof folder);
    if (!digest_text(folder, "ca.pem", hex))
        return complain("no CA of ours is here; give the --data of `godwit serve`", folder);
    char note[FILE_PATH_MAX + 200];
    if (secret_files_check(arguments.place.data, NULL, note, sizeof note)) {
        fprintf(stderr, "godwit ca: %s\n", note);
        return 1;
    }
    if (arguments.prepares) return prepare(folder);
    return arguments.switches ? change(folder) : show(folder);
}
