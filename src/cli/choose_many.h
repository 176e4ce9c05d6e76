/* Many tokens that wait, let in or sent away at once. */
#pragma once

#include "cli/remote.h"

struct choice {
    const char *verb;   /* "accept" or "reject" */
    const char *filter; /* of their devices; NULL: all */
    bool is_meant;      /* however many these are */
};

/* The newest token of each device is accepted, or all that wait are rejected: those that the server
 * lists now, and no other that comes meanwhile. Returns the exit status. */
int choose_many(const struct remote_flags *flags, const struct choice *choice);
