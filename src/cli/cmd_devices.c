#include "cli/cli.h"

#include <stdio.h>

int cmd_devices(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit devices: not built yet\n", stderr);
    return 1;
}
