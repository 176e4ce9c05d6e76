/* The command table of the program `godwit`, and its help. Nothing else lives here: a command is a
 * row and a file. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "ports/host/host.h"
#include "program/manual.h"
#include "program/program.h"
#include "server/server.h"

static int user(int argc, char **argv)
{
    static const struct user_stopped STOPPED = {service_data_of, user_stopped_list,
                                                user_stopped_password, user_stopped_recover};
    return cmd_user(argc, argv, &STOPPED);
}

static int audit(int argc, char **argv)
{
    return cmd_audit(argc, argv, service_data_of);
}

static const struct command COMMANDS[] = {
    {NULL, NULL, NULL, "files, without a service"},
    {"keygen", cmd_keygen, "[--scheme NAME] KEY.pem", "make a signing key"},
    {"policy", cmd_policy, "FILE [--counter N ...]",
     "put a policy into an image before it is signed"},
    {"sign", cmd_sign, "--key KEY.pem IN OUT", "sign an image"},
    {"verify", cmd_verify, "--key KEY.pem FILE", "check an image's signatures"},
    {"inspect", cmd_inspect, "FILE [--json]", "say what a file is and what is wrong with it"},
    {"flash", cmd_flash, "DUMP [--json]", "say what a whole-flash dump would boot, and why"},
    {NULL, NULL, NULL, "the service"},
    {"serve", cmd_serve, "[--data DIR] [--listen ADDR:PORT]", "run it"},
    {"ca", cmd_ca, "[--data DIR] [--next | --switch]", "see or change the CA that devices trust"},
    {"rekey", cmd_rekey, "[--data DIR] [--next]", "the keys that command devices, or the next"},
    {"doctor", cmd_doctor, "[--data DIR | --settings FILE]", "say what could keep it from working"},
    {"backup", cmd_backup, "DIR [--data DIR]", "copy all that it keeps, while it runs"},
    {"restore", cmd_restore, "DIR [--data DIR]", "make a data directory of a backup"},
    {"login", cmd_login, "URL", "keep a session with one on another machine"},
    {"logout", cmd_logout, "", "end it again"},
    {"user", user, "list | add USER | password [USER] | ...", "people, and the way in again"},
    {"token", cmd_token, "list | add NAME | revoke TOKEN", "API tokens, for programs"},
    {"session", cmd_session, "show | list | revoke SESSION", "who is logged in"},
    {"org", cmd_org, "list | add ORG ADMIN | factor", "organisations"},
    {"claim", cmd_claim, "list | add PRODUCT | revoke CLAIM | ...", "let devices join"},
    {"factory", cmd_factory, "list | import FILE.csv | remove DEVICE",
     "devices that join without a claim"},
    {"upload", cmd_upload, "FILE", "upload an image"},
    {"deploy", cmd_deploy, "FILE | PRODUCT VERSION [--to FILTER] [--wait]", "roll a release out"},
    {"undo", cmd_undo, "PRODUCT [--to FILTER] [--wait]", "roll the release before out again"},
    {"rollout", cmd_rollout, "list | show | watch | pause | resume | halt ROLLOUT",
     "how rollouts go, and stopping them"},
    {"delete", cmd_delete, "PRODUCT VERSION", "take a release away that nobody needs"},
    {"status", cmd_status, "[--json]", "releases and rollouts at a glance"},
    {"devices", cmd_devices, "[DEVICE|FILTER] [--watch]", "devices, or one with its history"},
    {"audit", audit, "list | export | verify", "who changed what, and whether that is whole"},
    {"webhook", cmd_webhook, "list | show | add URL | edit | test | ...",
     "whom the service tells what happens"},
    {"accept", cmd_accept, "DEVICE [TOKEN] | FILTER | --all",
     "let devices in that lost their token"},
    {"why", cmd_why, "DEVICE", "why a device is offered what it is, or nothing"},
    {"consent", cmd_consent, "DEVICE", "agree to the update of a device"},
    {"hold", cmd_hold, "DEVICE [--remove]", "hold a device as it is"},
    {"pin", cmd_pin, "DEVICE VERSION | DEVICE --remove", "pin a device to a release"},
    {"lock", cmd_lock, "PRODUCT --approval | --bench | --none", "what a deploy needs to begin"},
    {"rotate", cmd_rotate, "DEVICE ... | --all", "let devices change their token"},
    {"reject", cmd_reject, "DEVICE TOKEN | FILTER | --all", "reject who asks for another's id"},
    {"name", cmd_name, "DEVICE [NAME]", "say what people call a device"},
    {"tag", cmd_tag, "DEVICE|FILTER [TAG ...]", "tag devices, so that filters find them"},
    {"transfer", cmd_transfer, "DEVICE|FILTER PRODUCT", "move devices to another product"},
    {"retire", cmd_retire, "DEVICE|FILTER [--undo]",
     "tell devices nothing more, or take that back"},
    {NULL, NULL, NULL, "emulated ESP32s"},
    {"pack", cmd_pack, "[--version V] [--behaviour B] OUT", "make a small image for them"},
    {"device", cmd_device, "--flash FILE.bin", "run one, its flash in a file"},
    {"fleet", cmd_fleet, "--count N", "run many in one process"},
};
#define COMMANDS_COUNT (sizeof COMMANDS / sizeof *COMMANDS)

static void help(FILE *out)
{
    fputs("Godwit updates ESP32 devices over the air.\n"
          "usage: godwit COMMAND …; `godwit COMMAND --help` says more\n",
          out);
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        const struct command *command = &COMMANDS[i];
        if (command->name)
            fprintf(out, "  %-8s %-39s %s\n", command->name, command->usage, command->sentence);
        else
            fprintf(out, "\n%s\n", command->sentence);
    }
}

/* argv[0] is the command's name. */
static int command_run(int argc, char **argv)
{
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        if (COMMANDS[i].name && !strcmp(argv[0], COMMANDS[i].name))
            return program_finish("godwit", COMMANDS[i].run(argc, argv));
    fprintf(stderr, "godwit: no command '%s'; `godwit help` lists them\n", argv[0]);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    const char *argument = argv[1];
    if (!strcmp(argument, "--version")) return program_version("godwit");
    if (!strcmp(argument, "help") && argc > 2 && !strncmp(argv[2], "--as=", 5))
        return program_finish("godwit", manual_print(argv[2] + 5, COMMANDS, COMMANDS_COUNT));
    if (!strcmp(argument, "help") && argc > 2)
        return command_run(2, (char *[]){argv[2], "--help", NULL});
    if (!strcmp(argument, "help") || !strcmp(argument, "--help") || !strcmp(argument, "-h")) {
        help(stdout);
        return program_finish("godwit", 0);
    }
    return command_run(argc - 1, argv + 1);
}
