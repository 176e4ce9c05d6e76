#include "cli/cli.h"

#include <stdio.h>

int cmd_pack(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit pack: not built yet\n", stderr);
    return 1;
}
