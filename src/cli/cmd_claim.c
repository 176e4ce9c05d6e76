#include "cli/cli.h"

#include <stdio.h>

int cmd_claim(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit claim: not built yet\n", stderr);
    return 1;
}
