/* Counters alone, without a list of addresses: nothing to grow and nothing to clear. */
#include "server/address_queue.h"

void address_queue_init(struct address_queue *queue)
{
    queue->seed = siphash_seed_make();
    for (unsigned i = 0; i < ADDRESS_PLACES; i++)
        atomic_init(&queue->waiting[i], 0);
}

bool address_queue_enter(struct address_queue *queue, const uint8_t network[static 16],
                         unsigned *place_out)
{
    *place_out = (unsigned)(siphash(&queue->seed, network, 16) % ADDRESS_PLACES);
    if (atomic_fetch_add(&queue->waiting[*place_out], 1) < ADDRESS_QUEUED_MAX) return true;
    address_queue_leave(queue, *place_out);
    return false;
}

void address_queue_leave(struct address_queue *queue, unsigned place)
{
    atomic_fetch_sub(&queue->waiting[place], 1);
}
