#include "cli/cli.h"

#include <stdio.h>

int cmd_keygen(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit keygen: not built yet\n", stderr);
    return 1;
}
