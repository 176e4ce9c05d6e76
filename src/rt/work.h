/* Work away from the event loops: a pool of threads for what blocks, and one writer that commits in
 * groups. Both take intrusive jobs (the caller's memory, untouched until run or done was called,
 * free for reuse from then on) and both run without threads when opened with threads = 0: then
 * nothing happens until a step function is called, so that a test or simulation is deterministic.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* --- pool --------------------------------------------------------------------------------- */

struct work_job {
    void (*run)(struct work_job *job); /* on a worker thread; may free or resubmit the job */
    /* private */
    struct work_job *next;
};

struct work_pool;

/* threads 0 … 64; at most jobs_max wait. IO when a thread can not be started. */
GODWIT_MUST_USE godwit_err work_pool_open(unsigned threads, size_t jobs_max,
                                          struct work_pool **pool_out);
/* Runs what still waits, then ends the threads. NULL is fine. */
void work_pool_close(struct work_pool *pool);
/* From any thread, never blocks. BUSY when jobs_max are waiting: the job was not taken. */
GODWIT_MUST_USE godwit_err work_pool_submit(struct work_pool *pool, struct work_job *job);
/* The same without the bound: for the next step of something that was already let in. */
void work_pool_resubmit(struct work_pool *pool, struct work_job *job);
/* Runs the oldest waiting job on this thread; false when none waits. For threads = 0. */
bool work_pool_step(struct work_pool *pool);

/* --- writer ------------------------------------------------------------------------------- */

/* One change to the store. run is called inside a transaction, done after its commit, both on the
 * writer's thread. Where any job of a group fails, all of the group is undone and each job runs
 * again in a transaction of its own: so run may be called twice and finds all as it was, only what
 * is guilty fails, and done gets the job's own error. done may free or resubmit the job. */
struct writer_job {
    godwit_err (*run)(struct writer_job *job);
    void (*done)(struct writer_job *job, godwit_err err);
    /* private */
    struct writer_job *next;
};

/* What surrounds a transaction. abort follows a begin that went well, where a job or the commit
 * failed with this error; after it nothing is kept. */
struct writer_hooks {
    void *ctx;
    godwit_err (*begin)(void *ctx);
    godwit_err (*commit)(void *ctx);
    void (*abort)(void *ctx, godwit_err err);
};

struct writer;

/* threads 0 or 1. A group has at most group_max jobs; at most jobs_max wait. */
GODWIT_MUST_USE godwit_err writer_open(const struct writer_hooks *hooks, unsigned threads,
                                       size_t group_max, size_t jobs_max,
                                       struct writer **writer_out);
/* Writes what still waits, then ends the thread. NULL is fine. */
void writer_close(struct writer *writer);
/* From any thread, never blocks. BUSY when jobs_max are waiting: the job was not taken. */
GODWIT_MUST_USE godwit_err writer_submit(struct writer *writer, struct writer_job *job);
/* Whether the caller is its thread, which must not wait for a job of its own. */
bool writer_is_here(const struct writer *writer);
/* Writes one group on this thread; returns how many jobs it had. For threads = 0. */
size_t writer_step(struct writer *writer);
