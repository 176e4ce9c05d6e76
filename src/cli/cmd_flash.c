#include "cli/cli.h"

#include <stdio.h>

int cmd_flash(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit flash: not built yet\n", stderr);
    return 1;
}
