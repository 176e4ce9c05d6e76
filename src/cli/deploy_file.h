/* The release that a file is, for `godwit deploy FILE`. */
#pragma once

#include "cli/remote.h"

/* Uploads the file unless the server has it, and names its release in the body of the deploy. False
 * after a printed line. is_quiet: nothing else is printed. */
bool deploy_file(const struct remote *remote, const char *path, bool is_quiet, json_t *body);
/* What to type instead of one word that is no file. Returns the exit status of wrong usage. */
int deploy_file_complain(const char *word);
/* Whether one word means a file: one is there, or it is written as the path of an image. */
bool is_deploy_file(const char *word);
