/* What the programs godwit and godwit-attack have in common. */
#pragma once

/* Prints the program's name and version; returns the exit status. */
int program_version(const char *program);
/* The exit status of a program that ends with `status`: 1 instead of 0 when standard output could
 * not be written, as on a full disk, for a result that nobody can read is no result. */
int program_finish(const char *program, int status);
