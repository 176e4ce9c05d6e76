#include "cli/cli.h"

#include <stdio.h>

int cmd_upload(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit upload: not built yet\n", stderr);
    return 1;
}
