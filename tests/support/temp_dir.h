/* A folder of one test, gone at its end. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void temp_dir_make(char path[static 64])
{
    snprintf(path, 64, "/tmp/godwit-test-XXXXXX");
    if (!mkdtemp(path)) abort();
}

static inline void temp_dir_drop(const char *path)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (strncmp(path, "/tmp/godwit-test-", 17) || system(command)) abort();
}
