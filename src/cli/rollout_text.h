/* How a rollout goes, as lines on a terminal: what `deploy`, `undo` and `rollout` say alike. A
 * rollout is the server's reply about it. */
#pragma once

#include "cli/remote.h"

#define ROLLOUT_LINE_SIZE 384

/* One line with a bar. Devices that have not checked in yet are named once that is no longer a
 * matter of the moment. */
void rollout_line(const json_t *rollout, bool names_not_seen, char *line, size_t size_max);
/* Whether it offers nothing: it is paused or halted. */
bool rollout_is_stopped(const json_t *rollout);
/* Whether every selected device runs the release for good. */
bool rollout_is_all_confirmed(const json_t *rollout);
/* Whether a device may still be heard of soon that has not decided; an older server does not say.
 */
bool rollout_is_expecting(const json_t *rollout);
/* A line for each guard that it has. */
void rollout_guards_print(const json_t *rollout);
/* Devices that will not get there, with the reason; and how many had nothing to do. */
void rollout_others_print(const struct remote *remote, const json_t *rollout);
/* Prints its line as it changes, until all that can happen soon has happened or timeout_s (0: for
 * ever) is over; the last reply, or NULL after a printed line. */
json_t *rollout_follow(const struct remote *remote, unsigned long long rollout_id,
                       uint32_t timeout_s, bool is_quiet);
/* On stderr: for whom it did not wait, and why; or why nothing more comes. */
void rollout_missing_print(const json_t *rollout);
