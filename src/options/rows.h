/* The rows of a table of options, shared by its readers: the command line (options.c), a file and
 * the environment (settings.c). */
#pragma once

#include "options/options.h"

/* The row of a name with its dashes; NULL: none. */
const struct option_row *option_find(const struct options *options, const char *argument,
                                     size_t name_size);
/* Keeps a value that is no secret. given: a bit for each row that this source gave already, so that
 * a list begins anew with each source. False: the value is not of the row's kind. */
bool option_store(const struct options *options, const struct option_row *row, const char *value,
                  uint64_t *given);
/* Says what is wrong with a value; name: as it was given. Returns 2. */
int option_wrong_value(const struct options *options, const struct option_row *row,
                       const char *name, const char *value);
/* "--claim" → "GODWIT_CLAIM" */
void option_variable(const char *option, char out[static 64]);
