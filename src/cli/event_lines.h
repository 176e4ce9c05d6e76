/* Server-sent events as bytes come: where lines and events end is found again, however the network
 * has cut them. Of an event its kind, its id and a short data line are kept. */
#pragma once

#include <stddef.h>

struct event_lines {
    char kind[24], id[48]; /* of the event that comes; "": none */
    char data[480];        /* so; "" also where it is longer. As it was sent: no text for people */
    /* private */
    char line[512]; /* no more of one is looked at: events of ours are shorter */
    size_t size;
};

typedef void event_take(void *ctx, const struct event_lines *event);

/* Calls take at the end of each event. A zeroed one begins. */
void event_lines_feed(struct event_lines *lines, const char *data, size_t size, event_take *take,
                      void *ctx);
