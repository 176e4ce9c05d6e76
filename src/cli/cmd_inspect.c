#include "cli/cli.h"

#include <stdio.h>

int cmd_inspect(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit inspect: not built yet\n", stderr);
    return 1;
}
