/* `godwit rekey`: the deploy keys of a data directory, by hand: to see them, to make the next. The
 * service reads the files when it starts, so a restart makes it count. */
#include <stdio.h>

#include "base/text.h"
#include "options/options.h"
#include "server/deploy_keys.h"
#include "server/secret_files.h"
#include "server/server.h"
#include "server/service_data.h"
#include "server/text_file.h"

static int complain(const char *note)
{
    fprintf(stderr, "godwit rekey: %s\n", note);
    return 1;
}

struct wanted {
    struct service_data place;
    bool makes_next, wants_public;
};

/* -1: go on. */
static int parse(int argc, char **argv, struct wanted *out)
{
    out->place = (struct service_data){.data = NULL};
    const struct option_row rows[] = {
        SERVICE_DATA_ROWS(out->place, SERVICE_DATA_SENTENCE),
        {"--public", OPTION_FLAG, &out->wants_public, NULL,
         "print the newest key's public half (PEM), for `godwit policy --deploy-key`"},
        {"--next", OPTION_FLAG, &out->makes_next, NULL,
         "make a new key; the one before stays. Restart `godwit serve`, then roll out an image "
         "that lists both"},
    };
    const struct options options = {
        "rekey",
        "[--data DIR | --settings FILE] [--next|--public]",
        "Shows the keys by which the service commands devices, newest first, or makes the next. A "
        "device obeys those that its image lists, and is answered by the newest of them.",
        rows,
        sizeof rows / sizeof *rows,
        NULL,
        0,
        0};
    int status = options_parse(&options, argc, argv, NULL);
    if (status < 0 && out->makes_next && out->wants_public)
        status = options_wrong(&options,
                               "--next and --public are two steps: first the one, then the other");
    if (status < 0) status = service_data_find(&options, &out->place);
    return status;
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
    if (!path_exists(wanted.place.data)) {
        snprintf(note, sizeof note,
                 "there is no folder %s; name the service's data directory with --data DIR",
                 wanted.place.data);
        return complain(note);
    }
    if (secret_files_check(wanted.place.data, NULL, note, sizeof note)) return complain(note);
    if (deploy_keys_open(wanted.place.data, false, &keys, note, sizeof note)) {
        deploy_keys_close(&keys);
        return complain(note);
    }
    if (wanted.makes_next) {
        deploy_keys_close(&keys);
        status = make_next(wanted.place.data);
        if (status) return status;
        if (deploy_keys_open(wanted.place.data, false, &keys, note, sizeof note))
            return complain(note);
    }
    status = 0;
    if (!wanted.wants_public)
        print_keys(&keys, wanted.makes_next);
    else if (key_print_public(keys.keys[0], stdout))
        status = complain("the public key can not be written to standard output");
    deploy_keys_close(&keys);
    return status;
}
