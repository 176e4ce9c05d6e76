/* The log of a program whose threads must not wait for whoever reads it: a call copies its line
 * into a buffer, and one thread writes that. What finds the buffer full is dropped and counted. One
 * event's lines are limited in number, so that nobody can fill a disk by causing them; how many
 * were left out is said in a line of its own:
 *
 *     time=… level=warn event=log_lines_left_out name=http_refused lines=1204
 *
 * name=buffer where the reader was too slow. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"
#include "rt/clock.h"

#define LOG_WRITER_BURST 500    /* lines of one event at once … */
#define LOG_WRITER_PER_S 5      /* … and so many a second from then on */
#define LOG_WRITER_SAY_MS 10000 /* how often what was left out is told */

struct log_writer;

/* Writes to fd, which stays the caller's; events above level vanish. threads 0: nothing is written
 * until log_writer_step is called. IO when the thread can not be started. */
GODWIT_MUST_USE godwit_err log_writer_open(int fd, enum godwit_log_level level,
                                           const struct clock *clock, unsigned threads,
                                           struct log_writer **writer_out);
/* Writes what still waits, at most two seconds long, then ends. NULL is fine. */
void log_writer_close(struct log_writer *writer);
/* For godwit_log_set, with the writer as ctx. Never blocks. */
godwit_log_fn log_writer_add;
/* Waits until all lines so far are written, at most two seconds: before the program aborts. */
void log_writer_flush(struct log_writer *writer);
/* Writes what waits on this thread; false when nothing waited. For threads = 0. */
bool log_writer_step(struct log_writer *writer);
