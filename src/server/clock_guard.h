/* The wall clock as the service meets it (rt/clock_watch.h): a jump is told, devices are not taken
 * for silent because of it, and while it is doubted nothing is deleted by age. */
#pragma once

#include "server/app.h"

/* Before the threads, in a transaction. */
GODWIT_MUST_USE godwit_err clock_guard_open(struct app *app);
/* Keeps the time that is believed. Writer, in a transaction. */
GODWIT_MUST_USE godwit_err clock_guard_write(struct app *app);
/* Keeps the time, and does what goes by age alone where it is believed; more_out: some of it is
 * left. Writer, in a transaction. */
GODWIT_MUST_USE godwit_err clock_guard_sweep(struct app *app, bool *more_out);
/* Looks at it now; at each tick too, so that no jump is missed. Takes the lock; any thread. */
bool clock_is_doubted(struct app *app);
