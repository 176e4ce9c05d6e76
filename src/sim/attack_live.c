/* stub */
#include "sim/attack_live.h"
int attack_live_play(const struct attack_live *live)
{
    (void)live;
    return 1;
}
