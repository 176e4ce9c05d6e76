#include "ports/host/host.h"

#include <stdio.h>

int cmd_device(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit device: not built yet\n", stderr);
    return 1;
}
