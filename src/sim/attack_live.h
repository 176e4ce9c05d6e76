/* Transport 2: a real HTTPS listener for a board on the network, in real time. */
#pragma once

#include "sim/attack.h"

struct attack_live {
    const char *address, *folder, *image, *host; /* image, host: or NULL */
    const struct attack_case *const *rows;
    size_t count;
    struct attack_result *results;
};

/* Writes what the board's build needs into the folder, prints it, waits for the board and plays the
 * cases on it. 0, or the exit status after a line on stderr. */
int attack_live_play(const struct attack_live *options);
