#include "cli/cli.h"

#include <stdio.h>

int cmd_sign(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit sign: not built yet\n", stderr);
    return 1;
}
