/* How many requests of one address (of IPv6: one /64) wait for the writer. Addresses that meet in
 * one place share its bound; where they meet is not for them to choose. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "rt/siphash.h"

#define ADDRESS_QUEUED_MAX 1000
#define ADDRESS_PLACES 4096

struct address_queue {
    struct siphash_seed seed;
    atomic_uint waiting[ADDRESS_PLACES];
};

void address_queue_init(struct address_queue *queue);
/* False: it has as many there as it may. Else place_out is for leave. */
bool address_queue_enter(struct address_queue *queue, const uint8_t network[static 16],
                         unsigned *place_out);
void address_queue_leave(struct address_queue *queue, unsigned place);
