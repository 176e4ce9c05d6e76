/* What the programs godwit and godwit-attack have in common. */
#include "program/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/version.h"

int program_version(const char *program)
{
    printf("%s %s\n", program, GODWIT_VERSION);
    return program_finish(program, 0);
}

int program_finish(const char *program, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    fprintf(stderr, "%s: standard output could not be written: %s\n", program, strerror(errno));
    return status ? status : 1;
}
