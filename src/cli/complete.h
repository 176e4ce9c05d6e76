/* Completion of filters for shells, which call it at each press of the tab key. */
#pragma once

#include "cli/remote.h"

#define COMPLETE_WAIT_MS 900 /* for the server, then without it */

/* Prints what the filter, typed as far as its end, can become: one a line, with a tab and a
 * sentence. What a server has is among it where one answers in time; where none does, fields and
 * the words that this program knows. Nothing goes to stderr, and no line holds what a shell would
 * take for more than text. Returns 0, in time. */
int complete_print(const struct remote_flags *flags, const char *text);
