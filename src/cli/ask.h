/* What is asked of whoever sits at the terminal. */
#pragma once

#include <stdbool.h>

/* Whether somebody can be asked. */
bool ask_is_possible(void);
/* One line without echo; from standard input as it comes where that is no terminal, and then
 * nothing is asked. False: there was none, or it was empty. */
bool ask_secret(const char *question, char *out, int size_max);
/* The same of what everybody may see. */
bool ask_line(const char *question, char *out, int size_max);
