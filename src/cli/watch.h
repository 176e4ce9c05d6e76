/* Shows something again whenever the server's stream of events says that it may have changed. */
#pragma once

#include "cli/remote.h"

/* Reads and shows; REMOTE_LATER where it could not, REMOTE_FAILED ends the watch. */
typedef enum remote_read watch_show(void *ctx);

/* Shows, then again after each event of this kind, until show fails or the server refuses. A stream
 * that is cut is continued, after a pause that grows. */
void watch(const struct remote *remote, const char *kind, watch_show *show, void *ctx);
