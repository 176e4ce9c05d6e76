#include "ports/host/host.h"

#include <stdio.h>

int cmd_fleet(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit fleet: not built yet\n", stderr);
    return 1;
}
