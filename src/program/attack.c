/* The program `godwit-attack`. It is not a command of `godwit`, because what plays thieves and
 * breaks images has no place on the machine of a service (docs/decisions/0019). */
#include <string.h>

#include "program/program.h"
#include "sim/sim.h"

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--version")) return program_version("godwit-attack");
    return program_finish("godwit-attack", cmd_attack(argc, argv));
}
