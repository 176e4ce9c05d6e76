/* The service, and what is done to its data directory by hand. */
#pragma once

int cmd_serve(int argc, char **argv);
int cmd_ca(int argc, char **argv);
int cmd_rekey(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_restore(int argc, char **argv);
