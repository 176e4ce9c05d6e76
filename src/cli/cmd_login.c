#include "cli/cli.h"

#include <stdio.h>

int cmd_login(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit login: not built yet\n", stderr);
    return 1;
}
