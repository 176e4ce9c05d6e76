/* What a table of options says of itself: for people, and as parts of a manual page and of the
 * files from which shells complete. "--help" asks for the first, "--help=man" … for the others;
 * `godwit help --man` and `--completion` put the parts of all commands together. */
#pragma once

#include <stdio.h>

#include "options/options.h"

/* Whether the argument asks for help, in a format that there is. */
bool option_is_help(const char *argument);
/* Prints it; returns 0. */
int options_help(const struct options *options, const char *argument);
/* "godwit sign", "godwit-attack": what was typed. */
void options_print_name(FILE *out, const struct options *options);
/* Text as a manual page wants it: no line begins a macro, no character is a command. */
void options_print_man(const char *text);
/* Text between single quotes: of a shell (fish and zsh know no other special character there). */
void options_print_quoted(const char *text);
