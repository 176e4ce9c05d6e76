/* The service, and what is done to its data directory by hand. */
#pragma once

#include <stddef.h>

int cmd_serve(int argc, char **argv);
int cmd_ca(int argc, char **argv);
int cmd_rekey(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_restore(int argc, char **argv);

/* `godwit user … --data DIR`, while the service is stopped. Exit status: 1 after a printed line.
 * password NULL: one is made and printed. */
int user_stopped_list(const char *data);
int user_stopped_password(const char *data, const char *user, const char *password);
int user_stopped_recover(const char *data, const char *user);

/* The data directory that the settings in a file name. -1: go on; else the exit status after a
 * printed line. */
int service_data_of(const char *file, char *out, size_t size);
