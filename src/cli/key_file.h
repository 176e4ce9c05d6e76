/* A key named on the command line. */
#pragma once

#include "keys/keys.h"

/* NULL after one line on stderr. Private or public, as the file has it. */
struct key *key_file_open(const char *command, const char *path);
