/* The command table of the one program, and its help. Nothing else lives here: a command is a row
 * and a file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "ports/host/host.h"
#include "server/server.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *words; /* arguments */
    const char *sentence;
};

static const struct command COMMANDS[] = {
    {"serve", cmd_serve, "[--data DIR] [--listen ADDR:PORT]", "run the service"},
    {"keygen", cmd_keygen, "--scheme rsa3072|ecdsa256|ecdsa384 KEY.pem", "make a signing key"},
    {"sign", cmd_sign, "--key KEY.pem IN OUT", "sign an image (adds a block to a signed one)"},
    {"verify", cmd_verify, "--key PUB_OR_KEY FILE", "check a signature"},
    {"inspect", cmd_inspect, "FILE [--json]", "say what a file is and what is wrong with it"},
    {"flash", cmd_flash, "DUMP [--json]", "say what a whole-flash dump would boot, and why"},
    {"pack", cmd_pack, "[--chip NAME] [--version V] OUT",
     "make a small image for emulated devices"},
    {"login", cmd_login, "URL", "keep a session with a server"},
    {"claim", cmd_claim, "--product P [--count N | --seed FILE]", "let devices join"},
    {"upload", cmd_upload, "FILE", "hand an image to the server"},
    {"deploy", cmd_deploy, "PRODUCT VERSION [--to DEVICE]", "roll a release out"},
    {"status", cmd_status, "[--json]", "releases and rollouts at a glance"},
    {"devices", cmd_devices, "[DEVICE] [--json]", "devices, or one device and its history"},
    {"device", cmd_device, "--flash FILE.bin", "run one emulated ESP32"},
    {"fleet", cmd_fleet, "--count N", "run many emulated ESP32s in one process"},
};
#define COMMANDS_COUNT (sizeof COMMANDS / sizeof *COMMANDS)

static void help(FILE *out)
{
    fputs("usage: godwit COMMAND …; `godwit COMMAND --help` says more\n\n", out);
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        fprintf(out, "  %-8s %-44s %s\n", COMMANDS[i].name, COMMANDS[i].words,
                COMMANDS[i].sentence);
}

/* A result that could not be written is no result: a full disk behind `godwit … > file`. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    fprintf(stderr, "godwit: standard output could not be written: %s\n", strerror(errno));
    return status ? status : 1;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        help(stdout);
        return finish(0);
    }
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        if (!strcmp(argv[1], COMMANDS[i].name)) return finish(COMMANDS[i].run(argc - 1, argv + 1));
    fprintf(stderr, "godwit: no command '%s'; `godwit help` lists them\n", argv[1]);
    return 2;
}
