/* `godwit ca`: the CA of a data directory, by hand: to see it, to prepare the next, to change. The
 * service reads the files when it starts, so a restart makes each step count. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "server/certificate.h"
#include "server/secret_files.h"
#include "server/server.h"
#include "server/text_file.h"

struct arguments {
    const char *data;
    bool prepares, switches;
};

static int wrong(const char *argument, const char *what)
{
    fprintf(stderr, "godwit ca: %s %s; `godwit ca --help` lists the options\n", argument, what);
    return 2;
}

static int complain(const char *note, const char *folder)
{
    fprintf(stderr, "godwit ca: %s (%s)\n", note, folder);
    return 1;
}

static void help(void)
{
    puts(
        "usage: godwit ca [--data DIR] [--next | --switch]\n"
        "Shows the CA that devices trust as their server's, or changes it in two steps; a restart\n"
        "of `godwit serve` makes each count.\n\n"
        "  --data DIR             the service's data directory (default ./godwit-data)\n"
        "  --next                 prepare the next CA; devices are told of it when they ask\n"
        "  --switch               make the prepared CA the present one; the former one's key is\n"
        "                         deleted. Devices that were asleep follow when they ask");
}

/* -1: go on. */
static int parse(int argc, char **argv, struct arguments *out)
{
    *out = (struct arguments){.data = "./godwit-data"};
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (!strcmp(argument, "--help") || !strcmp(argument, "-h")) {
            help();
            return 0;
        }
        if (!strcmp(argument, "--next"))
            out->prepares = true;
        else if (!strcmp(argument, "--switch"))
            out->switches = true;
        else if (!strncmp(argument, "--data=", 7))
            out->data = argument + 7;
        else if (strcmp(argument, "--data"))
            return wrong(argument, "is no option");
        else if (!(out->data = argv[++i]))
            return wrong("--data", "wants a value");
    }
    if (out->prepares && out->switches) return wrong("--switch", "does not go with --next");
    return -1;
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
    puts("restart `godwit serve`: from then on every device that asks is told of it");
    return 0;
}

static int change(const char *folder)
{
    godwit_err err = certificate_switch(folder);
    if (err == GODWIT_ERR_MISSING)
        return complain("no next CA is prepared; do that with --next, and let devices ask once",
                        folder);
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
    folder_path(arguments.data, "tls", folder, sizeof folder);
    if (!digest_text(folder, "ca.pem", hex))
        return complain("no CA of ours is here; give the --data of `godwit serve`", folder);
    char note[FILE_PATH_MAX + 200];
    if (secret_files_check(arguments.data, NULL, note, sizeof note)) {
        fprintf(stderr, "godwit ca: %s\n", note);
        return 1;
    }
    if (arguments.prepares) return prepare(folder);
    return arguments.switches ? change(folder) : show(folder);
}
