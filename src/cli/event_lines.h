/* Server-sent events as bytes come: where lines and events end is found again, however the network
 * has cut them. Of an event its kind and id are kept; what it tells is read from the server anew.
 */
#pragma once

#include <stddef.h>

struct event_lines {
    char kind[24], id[48]; /* of the event that comes; "": none */
    /* private */
    char line[128]; /* no more of one is looked at: names and ids of ours are shorter */
    size_t size;
};

typedef void event_take(void *ctx, const struct event_lines *event);

/* Calls take at the end of each event. A zeroed one begins. */
void event_lines_feed(struct event_lines *lines, const char *data, size_t size, event_take *take,
                      void *ctx);
