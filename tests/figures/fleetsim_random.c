/* OpenSSL's random numbers from a seed: else keys, and with them all files and signatures, would
 * differ from run to run, and what a torn write leaves of them. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>

#include "emu/chance.h"
#include "fleetsim.h"

static uint64_t state;

static int fill(unsigned char *out, int size)
{
    for (int i = 0; i < size; i++)
        out[i] = (unsigned char)mix64(state++);
    return 1;
}

static int is_ready(void)
{
    return 1;
}

void fleetsim_random(uint64_t seed)
{
    static const RAND_METHOD METHOD = {.bytes = fill, .pseudorand = fill, .status = is_ready};
    state = mix64(seed);
    herd_must(RAND_set_rand_method(&METHOD) == 1, "seeding OpenSSL");
}
