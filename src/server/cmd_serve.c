#include "server/server.h"

#include <stdio.h>

int cmd_serve(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("godwit serve: not built yet\n", stderr);
    return 1;
}
