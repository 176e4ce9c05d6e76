/* `godwit rekey`: the deploy keys of a data directory, by hand: to see them, to make the next. The
 * service reads the files when it starts, so a restart makes it count. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "server/deploy_keys.h"
#include "server/server.h"
#include "server/text_file.h"

static int wrong(const char *word, const char *what)
{
    fprintf(stderr, "godwit rekey: %s %s; `godwit rekey --help` lists the options\n", word, what);
    return 2;
}

static int complain(const char *note)
{
    fprintf(stderr, "godwit rekey: %s\n", note);
    return 1;
}

static void help(void)
{
    puts("usage: godwit rekey [--data DIR] [--next]\n"
         "Shows the keys by which the service commands devices, newest first, or makes the next.\n"
         "A device obeys those that its image lists, and is answered by the newest of them.\n\n"
         "  --data DIR             the service's data directory (default ./godwit-data)\n"
         "  --next                 make a new key; the one before stays as deploy-N.pem. Restart\n"
         "                         `godwit serve`, then roll out an image that lists both");
}

/* -1: go on. */
static int parse(int argc, char **argv, const char **data_out, bool *next_out)
{
    *data_out = "./godwit-data";
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
            help();
            return 0;
        }
        if (!strcmp(word, "--next"))
            *next_out = true;
        else if (!strncmp(word, "--data=", 7))
            *data_out = word + 7;
        else if (strcmp(word, "--data"))
            return wrong(word, "is no option");
        else if (!(*data_out = argv[++i]))
            return wrong("--data", "wants a value");
    }
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

int cmd_rekey(int argc, char **argv)
{
    const char *data;
    bool makes_next = false;
    char note[FILE_PATH_MAX + 200] = "";
    struct deploy_keys keys;
    int status = parse(argc, argv, &data, &makes_next);
    if (status >= 0) return status;
    if (deploy_keys_open(data, false, &keys, note, sizeof note)) {
        deploy_keys_close(&keys);
        return complain(note);
    }
    if (makes_next) {
        deploy_keys_close(&keys);
        status = make_next(data);
        if (status) return status;
        if (deploy_keys_open(data, false, &keys, note, sizeof note)) return complain(note);
    }
    for (size_t i = 0; i < keys.count; i++) {
        char hex[129];
        godwit_hex_encode(keys.points[i], 64, hex);
        printf("%s %s\n", i ? "before" : "now   ", hex);
    }
    deploy_keys_close(&keys);
    if (makes_next)
        puts("restart `godwit serve`; then roll out an image whose policy lists the first two");
    return 0;
}
