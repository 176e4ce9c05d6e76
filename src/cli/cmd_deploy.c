#include "cli/cli.h"

#include <stdio.h>

int cmd_deploy(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit deploy: not built yet\n", stderr);
    return 1;
}
