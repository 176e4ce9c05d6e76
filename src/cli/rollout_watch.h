/* `godwit rollout watch`: a rollout as it goes, redrawn in place on a terminal, else as lines. */
#pragma once

#include "cli/remote.h"

/* Until all that can happen soon has happened, or it stops; the last reply, or NULL after a printed
 * line. */
json_t *rollout_watch(const struct remote *remote, unsigned long long rollout_id);
