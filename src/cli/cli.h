/* The list of subcommands; each is one file cmd_*.c. A command gets its own words (argv[0] is its
 * name) and returns the exit status: 0 done, 1 the thing failed, 2 wrong usage. */
#pragma once

#include "cli/data_place.h"

int cmd_inspect(int argc, char **argv);
int cmd_flash(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_pack(int argc, char **argv);
int cmd_login(int argc, char **argv);
int cmd_logout(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_session(int argc, char **argv);
int cmd_org(int argc, char **argv);
/* `godwit user … --data DIR`: what is done on the data directory of a server that is stopped, which
 * this folder can not. Returns the exit status; user and password NULL: not given. */
struct user_stopped {
    data_of_fn *data_of;
    int (*list)(const char *data);
    int (*password)(const char *data, const char *user, const char *password);
    int (*recover)(const char *data, const char *user);
};
int cmd_user(int argc, char **argv, const struct user_stopped *stopped);
int cmd_claim(int argc, char **argv);
int cmd_factory(int argc, char **argv);
int cmd_rollout(int argc, char **argv);
int cmd_upload(int argc, char **argv);
int cmd_deploy(int argc, char **argv);
int cmd_undo(int argc, char **argv);
int cmd_delete(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_accept(int argc, char **argv);
int cmd_reject(int argc, char **argv);
int cmd_webhook(int argc, char **argv);
int cmd_consent(int argc, char **argv);
int cmd_hold(int argc, char **argv);
int cmd_pin(int argc, char **argv);
int cmd_lock(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_rotate(int argc, char **argv);
int cmd_audit(int argc, char **argv, data_of_fn *data_of);
int cmd_devices(int argc, char **argv);
int cmd_name(int argc, char **argv);
int cmd_tag(int argc, char **argv);
int cmd_retire(int argc, char **argv);
int cmd_transfer(int argc, char **argv);
