/* `godwit rekey`: the deploy keys of a data directory, by hand: to see them, to make the next. The
 * service reads the files when it starts, so a restart makes it count. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "server/deploy_keys.h"
#include "server/secret_files.h"
#include "server/server.h"
#include "server/text_file.h"

static int wrong(const char *argument, const char *what)
{
    fprintf(stderr, "godwit rekey: %s %s; `godwit rekey --help` lists the options\n", argument,
            what);
    return 2;
}

static int complain(const char *note)
{
    fprintf(stderr, "godwit rekey: %s\n", note);
    return 1;
}

static void help(void)
{
    puts("usage: godwit rekey [--data DIR] [--next|--public]\n"
         "Shows the keys by which the service commands devices, newest first, or makes the next.\n"
         "A device obeys those that its image lists, and is answered by the newest of them.\n\n"
         "  --data DIR             the service's data directory (default ./godwit-data)\n"
         "  --public               print the newest key's public half (PEM), for `godwit policy\n"
         "                         --deploy-key`; the private one stays where it is\n"
         "  --next                 make a new key; the one before stays as deploy-N.pem. Restart\n"
         "                         `godwit serve`, then roll out an image that lists both");
}

struct wanted {
    const char *data;
    bool makes_next, wants_public;
};

/* -1: go on. */
static int parse(int argc, char **argv, struct wanted *out)
{
    out->data = "./godwit-data";
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (!strcmp(argument, "--help") || !strcmp(argument, "-h")) {
            help();
            return 0;
        }
        if (!strcmp(argument, "--next"))
            out->makes_next = true;
        else if (!strcmp(argument, "--public"))
            out->wants_public = true;
        else if (!strncmp(argument, "--data=", 7))
            out->data = argument + 7;
        else if (strcmp(argument, "--data"))
            return wrong(argument, "is no option");
        else if (!(out->data = argv[++i]))
            return wrong("--data", "wants a value");
    }
    if (out->makes_next && out->wants_public)
        return wrong("--next and --public", "are two steps: first the one, then the other");
    return -1;
}

static int make_next(const char *data)
{
    char note[FILE_PATH_MAX + 200];
    godwit_err err = deploy_keys_next(data);
    if (!err) return 0;
    if (err == GODWIT_ERR_SPACE)
        snprintf(note, sizeof note,
                 "eight deploy keys are in %s; take away the oldest that no device needs (`godwit "
                 "status --json` counts them)",
                 data);
    else
        snprintf(note, sizeof note, "the next key can not be written to %s; is the disk full?",
                 data);
    return complain(note);
}

static void print_keys(const struct deploy_keys *keys, bool is_new)
{
    for (size_t i = 0; i < keys->count; i++) {
        char hex[129];
        godwit_hex_encode(keys->points[i], 64, hex);
        printf("%s %s\n", i ? "before" : "now   ", hex);
    }
    if (is_new)
        puts("restart `godwit serve`; then roll out an image whose policy lists the first two");
}

int cmd_rekey(int argc, char **argv)
{
    struct wanted wanted = {0};
    char note[FILE_PATH_MAX + 200] = "";
    struct deploy_keys keys;
    int status = parse(argc, argv, &wanted);
    if (status >= 0) return status;
    if (!path_exists(wanted.data)) {
        snprintf(note, sizeof note,
                 "there is no folder %s; name the service's data directory with --data DIR",
                 wanted.data);
        return complain(note);
    }
    if (secret_files_check(wanted.data, NULL, note, sizeof note)) return complain(note);
    if (deploy_keys_open(wanted.data, false, &keys, note, sizeof note)) {
        deploy_keys_close(&keys);
        return complain(note);
    }
    if (wanted.makes_next) {
        deploy_keys_close(&keys);
        status = make_next(wanted.data);
        if (status) return status;
        if (deploy_keys_open(wanted.data, false, &keys, note, sizeof note)) return complain(note);
    }
    status = 0;
    if (!wanted.wants_public)
        print_keys(&keys, wanted.makes_next);
    else if (key_print_public(keys.keys[0], stdout))
        status = complain("the public key can not be written to standard output");
    deploy_keys_close(&keys);
    return status;
}
