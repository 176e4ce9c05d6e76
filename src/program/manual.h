/* What the command table says of itself to others than people at a terminal: a manual page, and
 * what bash, zsh and fish complete from. */
#pragma once

#include <stddef.h>

struct command {
    const char *name; /* NULL: a heading of the help, in `sentence` */
    int (*run)(int argc, char **argv);
    const char *usage; /* the arguments that matter most */
    const char *sentence;
};

/* Prints `man`, or the completions for the shell `bash`, `zsh` or `fish`. Returns the exit status:
 * 2 after a line on stderr where there is no such format. */
int manual_print(const char *format, const struct command *commands, size_t count);
