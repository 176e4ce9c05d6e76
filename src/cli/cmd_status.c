#include "cli/cli.h"

#include <stdio.h>

int cmd_status(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit status: not built yet\n", stderr);
    return 1;
}
