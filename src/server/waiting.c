/* One queue of waiters for each product, under one lock that is never held for more than a few of
 * them. The waker goes round a queue once for each time that it was waked: who is looked at goes to
 * the queue's end, so that others come first next time. It works at most a tenth of the time, which
 * bounds what a rollout that moves on every few milliseconds costs the rest.
 *
 * Lock order: this one before the fleet's. */
#include "server/waiting.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "fleet/decide.h"
#include "fleet/device.h"
#include "fleet/index.h"
#include "server/wait_rule.h"

#define LIVED_MS_MIN 5000 /* a connection that ends sooner says nothing of how long others last */

#define BATCH 64
#define ROUND_MS                                                                          \
    30000      /* all queues are looked at once in a while: places are given back by time \
                */
#define REST 9 /* times as long as a round has taken */

struct wait_queue {
    int64_t product;
    struct waiter *first, *last;
    size_t count;
    bool is_dirty;
    struct wait_queue *next;
};

struct waiting {
    struct fleet *fleet;
    waiting_answer *answer;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool is_ending;
    _Atomic uint64_t wakes;
    struct index by_token, by_product;
    struct wait_queue *queues;
};

/* How many of a rollout a round may still take out: no more than it has places. */
struct share {
    uint32_t rollout, left;
};
struct round {
    struct waiting *waiting;
    struct share shares[BATCH];
    size_t shares_count;
    struct waiter *taken;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- queues; lock held -------------------------------------------------------------------- */

static struct wait_queue *queue_of(struct waiting *waiting, int64_t product)
{
    struct wait_queue *queue = index_find(&waiting->by_product, (const uint8_t *)&product);
    if (queue) return queue;
    queue = calloc(1, sizeof *queue);
    if (!queue) abort();
    queue->product = product;
    queue->next = waiting->queues;
    waiting->queues = queue;
    index_add(&waiting->by_product, queue);
    return queue;
}

static void append(struct wait_queue *queue, struct waiter *waiter)
{
    waiter->queue = queue;
    waiter->next = NULL;
    waiter->prev = queue->last;
    if (queue->last)
        queue->last->next = waiter;
    else
        queue->first = waiter;
    queue->last = waiter;
    queue->count++;
}

static void unlink_waiter(struct waiter *waiter)
{
    struct wait_queue *queue = waiter->queue;
    if (waiter->prev)
        waiter->prev->next = waiter->next;
    else
        queue->first = waiter->next;
    if (waiter->next)
        waiter->next->prev = waiter->prev;
    else
        queue->last = waiter->prev;
    queue->count--;
}

static void take_out(struct waiting *waiting, struct waiter *waiter)
{
    unlink_waiter(waiter);
    index_remove(&waiting->by_token, waiter);
    waiter->request->user = NULL; /* its loop sees that it is somebody's */
}

static void mark_dirty(struct waiting *waiting, struct wait_queue *queue)
{
    queue->is_dirty = true;
    pthread_cond_signal(&waiting->changed);
}

/* --- the waker ---------------------------------------------------------------------------- */

static bool has_place(struct round *round, const struct rollout *rollout)
{
    size_t i = 0;
    while (i < round->shares_count && round->shares[i].rollout != rollout->id)
        i++;
    if (i == BATCH) return false; /* the next round has them */
    if (i == round->shares_count)
        round->shares[round->shares_count++] = (struct share){rollout->id, rollout_places(rollout)};
    if (!round->shares[i].left) return false;
    round->shares[i].left--;
    return true;
}

/* Whether there is something to say to it. Both locks held. */
static bool is_due(struct round *round, const struct waiter *waiter)
{
    const struct fleet *fleet = round->waiting->fleet;
    const struct device *device = device_find_by_token(fleet, waiter->token_sha256);
    if (!device) return true; /* it is not let in any more */
    struct decision decision = decide(device, &fleet->catalogue);
    if (decision.must_offer) return has_place(round, decision.rollout);
    return decision.kind == DECIDE_INSTALL || decision.must_note || decision.must_withdraw;
}

/* Looks at no more than so many from the queue's front. */
static void look(struct round *round, struct wait_queue *queue, size_t count)
{
    struct waiting *waiting = round->waiting;
    fleet_lock(waiting->fleet);
    for (struct waiter *waiter; count && (waiter = queue->first); count--) {
        if (is_due(round, waiter)) {
            take_out(waiting, waiter);
            waiter->next = round->taken;
            round->taken = waiter;
        } else {
            unlink_waiter(waiter);
            append(queue, waiter);
        }
    }
    fleet_unlock(waiting->fleet);
}

/* Once round the queue; called with the lock, which it gives away in between. */
static void go_round(struct waiting *waiting, struct wait_queue *queue)
{
    struct round round = {.waiting = waiting};
    queue->is_dirty = false;
    for (size_t left = queue->count; left;) {
        size_t count = left < BATCH ? left : BATCH;
        look(&round, queue, count);
        left -= count;
        pthread_mutex_unlock(&waiting->lock);
        for (struct waiter *waiter = round.taken, *next; waiter; waiter = next) {
            next = waiter->next;
            waiting->answer(waiter);
        }
        round.taken = NULL;
        pthread_mutex_lock(&waiting->lock);
        if (left > queue->count) left = queue->count;
    }
    if (round.shares_count == BATCH) queue->is_dirty = true;
}

static bool go_rounds(struct waiting *waiting)
{
    bool has_gone = false;
    for (struct wait_queue *queue = waiting->queues; queue; queue = queue->next) {
        if (!queue->is_dirty) continue;
        has_gone = true;
        go_round(waiting, queue);
    }
    return has_gone;
}

static void sleep_until(struct waiting *waiting, uint64_t until_ms)
{
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    pthread_cond_timedwait(&waiting->changed, &waiting->lock, &until);
}

static void *waker(void *ctx)
{
    struct waiting *waiting = ctx;
    uint64_t next_all_ms = now_ms() + ROUND_MS;
    pthread_mutex_lock(&waiting->lock);
    while (!waiting->is_ending) {
        uint64_t began_ms = now_ms();
        if (began_ms >= next_all_ms) {
            next_all_ms = began_ms + ROUND_MS;
            for (struct wait_queue *queue = waiting->queues; queue; queue = queue->next)
                queue->is_dirty = queue->count > 0;
        }
        if (!go_rounds(waiting)) {
            sleep_until(waiting, next_all_ms);
            continue;
        }
        uint64_t rested_ms = now_ms() + REST * (now_ms() - began_ms);
        while (!waiting->is_ending && now_ms() < rested_ms)
            sleep_until(waiting, rested_ms);
    }
    pthread_mutex_unlock(&waiting->lock);
    return NULL;
}

/* --- from outside ------------------------------------------------------------------------- */

godwit_err waiting_open(struct fleet *fleet, waiting_answer *answer, struct waiting **waiting_out)
{
    struct waiting *waiting = calloc(1, sizeof *waiting);
    pthread_condattr_t monotonic;
    if (!waiting) abort();
    waiting->fleet = fleet;
    waiting->answer = answer;
    pthread_mutex_init(&waiting->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&waiting->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    index_init(&waiting->by_token, offsetof(struct waiter, token_sha256), 32);
    index_init(&waiting->by_product, offsetof(struct wait_queue, product), sizeof(int64_t));
    if (pthread_create(&waiting->thread, NULL, waker, waiting)) {
        index_deinit(&waiting->by_token, false);
        index_deinit(&waiting->by_product, false);
        free(waiting);
        return GODWIT_ERR_IO;
    }
    *waiting_out = waiting;
    return GODWIT_OK;
}

void waiting_close(struct waiting *waiting)
{
    if (!waiting) return;
    pthread_mutex_lock(&waiting->lock);
    waiting->is_ending = true;
    pthread_cond_signal(&waiting->changed);
    pthread_mutex_unlock(&waiting->lock);
    pthread_join(waiting->thread, NULL);
    index_deinit(&waiting->by_token, false);
    index_deinit(&waiting->by_product, true);
    pthread_cond_destroy(&waiting->changed);
    pthread_mutex_destroy(&waiting->lock);
    free(waiting);
}

uint64_t waiting_mark(struct waiting *waiting)
{
    return atomic_load(&waiting->wakes);
}

struct waiter *waiting_add(struct waiting *waiting, struct waiter *waiter, uint64_t mark)
{
    waiter->since_ms = now_ms();
    waiter->request->user = waiter;
    pthread_mutex_lock(&waiting->lock);
    struct waiter *before = index_find(&waiting->by_token, waiter->token_sha256);
    if (before) take_out(waiting, before);
    struct wait_queue *queue = queue_of(waiting, waiter->product);
    append(queue, waiter);
    index_add(&waiting->by_token, waiter);
    if (waiting->wakes != mark) mark_dirty(waiting, queue);
    pthread_mutex_unlock(&waiting->lock);
    return before;
}

struct waiter *waiting_take(struct waiting *waiting, struct http_request *request)
{
    pthread_mutex_lock(&waiting->lock);
    struct waiter *waiter = request->user;
    if (waiter) take_out(waiting, waiter);
    pthread_mutex_unlock(&waiting->lock);
    return waiter;
}

void waiting_wake(struct waiting *waiting, int64_t product)
{
    if (!waiting) return;
    pthread_mutex_lock(&waiting->lock);
    waiting->wakes++;
    struct wait_queue *queue = index_find(&waiting->by_product, (const uint8_t *)&product);
    if (queue && queue->count) mark_dirty(waiting, queue);
    pthread_mutex_unlock(&waiting->lock);
}

void waiting_wake_all(struct waiting *waiting)
{
    if (!waiting) return;
    pthread_mutex_lock(&waiting->lock);
    waiting->wakes++;
    for (struct wait_queue *queue = waiting->queues; queue; queue = queue->next)
        if (queue->count) mark_dirty(waiting, queue);
    pthread_mutex_unlock(&waiting->lock);
}

bool waiting_wake_device(struct waiting *waiting, const uint8_t token_sha256[static 32])
{
    pthread_mutex_lock(&waiting->lock);
    struct waiter *waiter = index_find(&waiting->by_token, token_sha256);
    if (waiter) take_out(waiting, waiter);
    pthread_mutex_unlock(&waiting->lock);
    if (waiter) waiting->answer(waiter);
    return waiter != NULL;
}

void waiting_learn(struct fleet *fleet, const struct waiter *waiter, bool died)
{
    uint64_t lived_ms = waiting_age_ms(waiter);
    if (died ? lived_ms < LIVED_MS_MIN : lived_ms < waiter->hold_ms) return;
    fleet_lock(fleet);
    struct device *device = device_find_by_token(fleet, waiter->token_sha256);
    if (device)
        device->wait_habit = died ? wait_rule_died(device->wait_habit, lived_ms / 1000)
                                  : wait_rule_lasted(device->wait_habit);
    fleet_unlock(fleet);
}

void waiting_let_go(struct fleet *fleet, const char *org, const uint8_t device_id[static 16])
{
    fleet_lock(fleet);
    struct device *device = device_find(fleet, org, device_id);
    if (device) device_let_go(device);
    fleet_unlock(fleet);
}

uint64_t waiting_age_ms(const struct waiter *waiter)
{
    return now_ms() - waiter->since_ms;
}

size_t waiting_count(struct waiting *waiting)
{
    pthread_mutex_lock(&waiting->lock);
    size_t count = waiting->by_token.count;
    pthread_mutex_unlock(&waiting->lock);
    return count;
}
