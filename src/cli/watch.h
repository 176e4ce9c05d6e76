/* Shows something again whenever the server's stream of events says that it may have changed. */
#pragma once

#include "cli/remote.h"

struct event_lines;

struct watcher {
    const char *kinds; /* of events after which it is shown again: words between spaces */
    /* Reads and shows; REMOTE_LATER where it could not, REMOTE_FAILED ends the watch. */
    enum remote_read (*show)(void *ctx);
    void (*hear)(void *ctx, const struct event_lines *event); /* each of these; NULL: nobody */
    void (*tick)(void *ctx); /* about once a second, where nothing is new; NULL: nobody */
    void *ctx;
};

/* Shows, then again after each such event, until show fails or the server refuses. A stream that is
 * cut is continued, after a pause that grows. */
void watch(const struct remote *remote, const struct watcher *watcher);
