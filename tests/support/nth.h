/* The n-th call out of the agent fails: a flash operation, a network call, a crypto call or the
 * source of randomness, once or from there on for a while. Stands between a device's board and
 * everything under it, and counts what the agent itself asks: the bootloader, the make-believe
 * server and whoever looks on are left alone. One device at a time. */
#pragma once

#include "device.h"

enum nth_sort {
    NTH_READ, /* flash: answers IO and has done nothing, as the next two */
    NTH_WRITE,
    NTH_ERASE,
    NTH_START, /* network: a request can not begin */
    NTH_BODY,  /* network: the reply breaks off */
    NTH_HASH,  /* crypto: IO */
    NTH_VERIFY,
    NTH_RANDOM,
    NTH_SORTS
};

struct nth {
    enum nth_sort sort;
    uint32_t at; /* the first call of this sort that fails (1: the very first); 0: none */
    bool lasts;  /* every one from there on, until cleared */
    uint32_t seen[NTH_SORTS]; /* calls of each sort since nth_arm */
    uint32_t fails;           /* calls that failed */
    /* private */
    struct device *device;
    bool is_counting; /* the agent is at work */
    struct godwit_flash flash;
    struct godwit_net net;
};

/* After device_init; nothing is counted yet. */
void nth_init(struct nth *nth, struct device *device);
void nth_deinit(struct nth *nth);
/* From now on: counters at zero, and this fault (at 0: none). */
void nth_arm(struct nth *nth, enum nth_sort sort, uint32_t at, bool lasts);
/* The fault is gone; counting goes on. */
void nth_clear(struct nth *nth);
/* device_step under the fault. */
bool nth_step(struct nth *nth);
/* "read", "write" …; static. NULL behind the last. */
const char *nth_sort_name(unsigned sort);
