/* What a rollout does next, in words: what halts it, what it waits for, where it stops. Pure. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#define ROLLOUT_NEXT_SIZE 160

/* Each into out, which holds ROLLOUT_NEXT_SIZE; "" where there is nothing to say: of a rollout that
 * stands still, or of an older server, which does not tell. */
void rollout_brake_text(const json_t *rollout, char *out);
/* Of what holds up all that are queued, a gate and its places. */
void rollout_wait_text(const json_t *rollout, char *out);
/* How many places are in use. */
void rollout_pace_text(const json_t *rollout, char *out);
/* For which devices its failures have halted it, and where they hold it up. */
void rollout_strata_text(const json_t *rollout, char *out);
/* How many it waits for in vain; not in its first seconds, in which that is a matter of the moment.
 */
void rollout_away_text(const json_t *rollout, char *out);
