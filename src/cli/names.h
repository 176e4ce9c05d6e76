/* Products and versions named on the command line: judged by the one rule (formats/name.h), and
 * written into addresses. */
#pragma once

#include "base/text.h"
#include "options/options.h"

#include <jansson.h>

/* -1: a name, or not given (NULL); else the exit status after a line that says what is wrong.
 * what: "--product", "the version". */
int name_check(const struct options *options, const char *what, const char *name);
/* The texts of a repeated option as an array; NULL: one is not UTF-8. */
json_t *texts_json(const struct option_list *list);
/* The text in a path or a query: "%XX" for all bytes that could mean something there. */
void address_add(struct godwit_text *address, const char *text);
