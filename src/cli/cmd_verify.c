#include "cli/cli.h"

#include <stdio.h>

int cmd_verify(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit verify: not built yet\n", stderr);
    return 1;
}
