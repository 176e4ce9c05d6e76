/* Two queues with threads behind them. A queue is a list of the callers' own jobs under one mutex:
 * blocking work comes at thousands a second, where a lock-free queue would win nothing. */
#include "rt/work.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define THREADS_MAX 64U
#define WORKER_NICE 5 /* a third of an event loop's share, where they want the same CPU */

/* --- pool --------------------------------------------------------------------------------- */

struct work_pool {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct work_job *first, *last;
    size_t jobs, jobs_max;
    bool closing;
    unsigned threads_count;
    pthread_t threads[THREADS_MAX];
};

static struct work_job *pool_take(struct work_pool *pool)
{
    struct work_job *job = pool->first;
    if (!job) return NULL;
    pool->first = job->next;
    if (!pool->first) pool->last = NULL;
    pool->jobs--;
    return job;
}

static void *pool_thread(void *ctx)
{
    struct work_pool *pool = ctx;
    /* Linux counts niceness by thread. Passwords are hashed here, devices are answered there. */
    (void)!setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICE);
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        struct work_job *job = pool_take(pool);
        if (job) {
            pthread_mutex_unlock(&pool->mutex);
            job->run(job);
            pthread_mutex_lock(&pool->mutex);
        } else if (pool->closing) {
            break;
        } else {
            pthread_cond_wait(&pool->wake, &pool->mutex);
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

godwit_err work_pool_open(unsigned threads, size_t jobs_max, struct work_pool **pool_out)
{
    assert(threads <= THREADS_MAX);
    struct work_pool *pool = calloc(1, sizeof *pool);
    if (!pool) abort();
    pool->jobs_max = jobs_max;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    for (unsigned i = 0; i < threads; i++) {
        if (pthread_create(&pool->threads[i], NULL, pool_thread, pool)) {
            work_pool_close(pool);
            return GODWIT_ERR_IO;
        }
        pool->threads_count++;
    }
    *pool_out = pool;
    return GODWIT_OK;
}

void work_pool_close(struct work_pool *pool)
{
    if (!pool) return;
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->threads_count; i++)
        pthread_join(pool->threads[i], NULL);
    while (work_pool_step(pool)) {
    }
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

static bool pool_put(struct work_pool *pool, struct work_job *job, size_t jobs_max)
{
    pthread_mutex_lock(&pool->mutex);
    bool room = pool->jobs < jobs_max;
    if (room) {
        job->next = NULL;
        if (pool->last)
            pool->last->next = job;
        else
            pool->first = job;
        pool->last = job;
        pool->jobs++;
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->mutex);
    return room;
}

godwit_err work_pool_submit(struct work_pool *pool, struct work_job *job)
{
    return pool_put(pool, job, pool->jobs_max) ? GODWIT_OK : GODWIT_ERR_BUSY;
}

void work_pool_resubmit(struct work_pool *pool, struct work_job *job)
{
    pool_put(pool, job, SIZE_MAX);
}

bool work_pool_step(struct work_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    struct work_job *job = pool_take(pool);
    pthread_mutex_unlock(&pool->mutex);
    if (job) job->run(job);
    return job != NULL;
}

/* --- writer ------------------------------------------------------------------------------- */

struct writer {
    struct writer_hooks hooks;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct writer_job *first, *last;
    size_t jobs, jobs_max, group_max;
    bool closing, has_thread;
    pthread_t thread;
};

/* Cuts up to group_max jobs off the queue; NULL when it is empty. */
static struct writer_job *writer_take(struct writer *writer, size_t *count_out)
{
    struct writer_job *group = writer->first, *end = group;
    if (!group) return NULL;
    size_t count = 1;
    while (count < writer->group_max && end->next) {
        end = end->next;
        count++;
    }
    writer->first = end->next;
    if (!writer->first) writer->last = NULL;
    end->next = NULL;
    writer->jobs -= count;
    *count_out = count;
    return group;
}

/* One transaction round all jobs up to `end`; the first that fails ends it. */
static godwit_err transaction(const struct writer_hooks *hooks, struct writer_job *first,
                              const struct writer_job *end)
{
    godwit_err err = hooks->begin(hooks->ctx);
    if (err) return err;
    for (struct writer_job *job = first; job != end && !err; job = job->next)
        err = job->run(job);
    if (!err) err = hooks->commit(hooks->ctx);
    if (err) hooks->abort(hooks->ctx, err);
    return err;
}

static void group_write(const struct writer_hooks *hooks, struct writer_job *group)
{
    bool is_one = !group->next;
    godwit_err err = transaction(hooks, group, NULL);
    while (group) {
        struct writer_job *next = group->next; /* done may free the job or queue it again */
        godwit_err own = err && !is_one ? transaction(hooks, group, next) : err;
        group->done(group, own);
        group = next;
    }
}

static void *writer_thread(void *ctx)
{
    struct writer *writer = ctx;
    pthread_mutex_lock(&writer->mutex);
    for (;;) {
        size_t count;
        struct writer_job *group = writer_take(writer, &count);
        if (group) {
            pthread_mutex_unlock(&writer->mutex);
            group_write(&writer->hooks, group);
            pthread_mutex_lock(&writer->mutex);
        } else if (writer->closing) {
            break;
        } else {
            pthread_cond_wait(&writer->wake, &writer->mutex);
        }
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

godwit_err writer_open(const struct writer_hooks *hooks, unsigned threads, size_t group_max,
                       size_t jobs_max, struct writer **writer_out)
{
    assert(threads <= 1 && group_max > 0);
    struct writer *writer = calloc(1, sizeof *writer);
    if (!writer) abort();
    writer->hooks = *hooks;
    writer->group_max = group_max;
    writer->jobs_max = jobs_max;
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->wake, NULL);
    if (threads && pthread_create(&writer->thread, NULL, writer_thread, writer)) {
        writer_close(writer);
        return GODWIT_ERR_IO;
    }
    writer->has_thread = threads != 0;
    *writer_out = writer;
    return GODWIT_OK;
}

void writer_close(struct writer *writer)
{
    if (!writer) return;
    pthread_mutex_lock(&writer->mutex);
    writer->closing = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
    if (writer->has_thread) pthread_join(writer->thread, NULL);
    while (writer_step(writer)) {
    }
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}

godwit_err writer_submit(struct writer *writer, struct writer_job *job)
{
    pthread_mutex_lock(&writer->mutex);
    bool room = writer->jobs < writer->jobs_max;
    if (room) {
        job->next = NULL;
        if (writer->last)
            writer->last->next = job;
        else
            writer->first = job;
        writer->last = job;
        writer->jobs++;
        pthread_cond_signal(&writer->wake);
    }
    pthread_mutex_unlock(&writer->mutex);
    return room ? GODWIT_OK : GODWIT_ERR_BUSY;
}

bool writer_is_here(const struct writer *writer)
{
    return writer->has_thread && pthread_equal(writer->thread, pthread_self());
}

size_t writer_step(struct writer *writer)
{
    size_t count = 0;
    pthread_mutex_lock(&writer->mutex);
    struct writer_job *group = writer_take(writer, &count);
    pthread_mutex_unlock(&writer->mutex);
    if (group) group_write(&writer->hooks, group);
    return count;
}
