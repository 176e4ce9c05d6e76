/* Taking a release away, where nobody needs it any more. */
#pragma once

#include "fleet/fleet.h"

enum remove_result {
    REMOVE_DONE,
    REMOVE_IN_USE,  /* devices run it, or a rollout of it speaks to some, or to those that join */
    REMOVE_CHANGED, /* trust changed at it: who slept since before may stand on it or come over it
                     */
    REMOVE_NEEDED   /* known devices have no other way to what is rolled out to them */
};

struct remove_verdict {
    enum remove_result result;
    size_t devices_count;  /* IN_USE, NEEDED: how many */
    uint8_t device_id[16]; /* one of them */
    size_t files_count;    /* DONE: files that no row names any more */
    uint8_t (*files)[32];  /* malloc'ed; the caller drops their bytes after the commit */
};

/* Judges and removes rows and memory, with the release's rollouts that are over. Writer. */
GODWIT_MUST_USE godwit_err release_remove(struct fleet *fleet, struct db *db,
                                          struct release *release,
                                          struct remove_verdict *verdict_out);
