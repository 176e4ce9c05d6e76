/* Words of a command that is printed for a person to copy. */
#pragma once

#include <stddef.h>

/* The word as a POSIX shell reads it back: as it is where that is safe, else in single quotes. Cut
 * nowhere: "''" where it does not fit into size. Gives out. */
const char *shell_quote(const char *word, char *out, size_t size);
/* Enough for a name of 31 bytes. */
#define SHELL_NAME_SIZE 160
