/* Lists of 64 are walked whole: a check costs a million times more. Rejected: one list for each
 * address (more state, same order), locking an account after so many wrong passwords (whoever knows
 * a name could then lock its owner out). */
#include "server/login_queue.h"

#include <arpa/inet.h>
#include <stdio.h>

void login_address_parse(const char *text, struct login_address *out)
{
    static const uint8_t V4[12] = {[10] = 0xff, 0xff}, LOOPBACK[16] = {[15] = 1};
    *out = (struct login_address){0};
    if (inet_pton(AF_INET, text, out->bytes + 12) == 1)
        memcpy(out->bytes, V4, sizeof V4);
    else if (inet_pton(AF_INET6, text, out->bytes) != 1)
        return;
    bool is_v4 = !memcmp(out->bytes, V4, sizeof V4);
    out->is_local = is_v4 ? out->bytes[12] == 127 : !memcmp(out->bytes, LOOPBACK, 16);
    if (!is_v4) memset(out->bytes + 8, 0, 8); /* who has a /64 has all of it */
}

/* ---- what is remembered ---- */

static struct login_past *past_find(struct login_queue *queue, const struct login_address *address)
{
    for (size_t i = 0; i < LOGIN_ADDRESSES_MAX; i++)
        if (queue->pasts[i].served && !memcmp(queue->pasts[i].bytes, address->bytes, 16))
            return &queue->pasts[i];
    return NULL;
}

/* The address's own place, else the one of which nothing was heard for longest. */
static struct login_past *past_of(struct login_queue *queue, const struct login_address *address)
{
    struct login_past *past = past_find(queue, address);
    if (past) return past;
    past = &queue->pasts[0];
    for (size_t i = 1; i < LOGIN_ADDRESSES_MAX; i++)
        if (queue->pasts[i].served < past->served) past = &queue->pasts[i];
    *past = (struct login_past){.served = ++queue->turn};
    memcpy(past->bytes, address->bytes, 16);
    return past;
}

static uint64_t address_served(struct login_queue *queue, const struct login_ticket *ticket)
{
    const struct login_past *past = past_find(queue, &ticket->address);
    return past ? past->served : 0;
}

/* The account's number of its last turn, in the place that is the oldest where it has none. */
static uint64_t *account_served(struct login_queue *queue, const char *user, bool make)
{
    static uint64_t never;
    size_t oldest = 0;
    for (size_t i = 0; i < LOGIN_WAITING_MAX; i++) {
        if (queue->accounts[i].served && !strcmp(queue->accounts[i].user, user))
            return &queue->accounts[i].served;
        if (queue->accounts[i].served < queue->accounts[oldest].served) oldest = i;
    }
    if (!make) return &never;
    snprintf(queue->accounts[oldest].user, sizeof queue->accounts[oldest].user, "%s", user);
    return &queue->accounts[oldest].served;
}

/* ---- who goes first ---- */

/* Nobody else's wrong passwords hold it back; its own are few, by its lane of the budget. */
static bool is_apart(const struct login_ticket *ticket)
{
    return ticket->address.is_local || ticket->lane == LOGIN_DEVICE;
}

/* 0 is the best known. */
static int rank_of(struct login_queue *queue, const struct login_ticket *ticket)
{
    const struct login_past *past = past_find(queue, &ticket->address);
    if (ticket->lane < LOGIN_UNKNOWN) return (int)ticket->lane;
    return past && past->wrong ? LOGIN_UNKNOWN + 1 : LOGIN_UNKNOWN;
}

static bool goes_before(struct login_queue *queue, const struct login_ticket *one,
                        const struct login_ticket *other, bool by_rank)
{
    int rank = by_rank ? rank_of(queue, one) - rank_of(queue, other) : 0;
    if (rank) return rank < 0;
    uint64_t one_account = *account_served(queue, one->user, false),
             other_account = *account_served(queue, other->user, false);
    if (one_account != other_account) return one_account < other_account;
    return address_served(queue, one) < address_served(queue, other);
}

/* ---- the queue ---- */

static void unlink_ticket(struct login_queue *queue, const struct login_ticket *ticket)
{
    struct login_ticket **link = &queue->first;
    while (*link != ticket)
        link = &(*link)->next;
    *link = ticket->next;
    queue->waiting--;
}

static bool is_same_account(const struct login_ticket *one, const struct login_ticket *other)
{
    return !strcmp(one->user, other->user);
}

/* The last come among the worst known: of the same account as `like`, or of all (NULL). */
static struct login_ticket *worst_of(struct login_queue *queue, const struct login_ticket *like)
{
    struct login_ticket *worst = NULL;
    for (struct login_ticket *one = queue->first; one; one = one->next)
        if (!like || is_same_account(one, like))
            if (!worst || rank_of(queue, one) >= rank_of(queue, worst)) worst = one;
    return worst;
}

struct counts {
    size_t of_address, of_account;
};

static struct counts count(const struct login_queue *queue, const struct login_ticket *ticket)
{
    struct counts counts = {0};
    for (const struct login_ticket *one = queue->first; one; one = one->next) {
        if (!memcmp(one->address.bytes, ticket->address.bytes, 16)) counts.of_address++;
        if (is_same_account(one, ticket)) counts.of_account++;
    }
    return counts;
}

/* Whether there is a place for the ticket, if need be that of a worse known one. */
static bool make_room(struct login_queue *queue, const struct login_ticket *ticket,
                      struct login_ticket **displaced_out)
{
    struct counts counts = count(queue, ticket);
    bool account_full = !is_apart(ticket) && counts.of_account >= LOGIN_ACCOUNT_MAX;
    if (!is_apart(ticket) && counts.of_address >= LOGIN_ADDRESS_MAX) return false;
    if (!account_full && queue->waiting < LOGIN_WAITING_MAX) return true;
    struct login_ticket *worst = worst_of(queue, account_full ? ticket : NULL);
    if (rank_of(queue, worst) <= rank_of(queue, ticket)) return false;
    unlink_ticket(queue, worst);
    *displaced_out = worst;
    return true;
}

enum login_entry login_queue_add(struct login_queue *queue, struct login_ticket *ticket,
                                 uint64_t now_ms, struct login_ticket **displaced_out,
                                 unsigned *pause_s_out)
{
    struct login_past *past = past_of(queue, &ticket->address);
    *displaced_out = NULL;
    if (now_ms >= past->free_ms + LOGIN_FORGET_MS) past->wrong = 0;
    if (now_ms < past->free_ms && !is_apart(ticket)) {
        *pause_s_out = (unsigned)((past->free_ms - now_ms + 999) / 1000);
        return LOGIN_PAUSES;
    }
    if (!make_room(queue, ticket, displaced_out)) return LOGIN_FULL;
    struct login_ticket **link = &queue->first;
    while (*link)
        link = &(*link)->next;
    ticket->next = NULL;
    *link = ticket;
    queue->waiting++;
    return LOGIN_WAITS;
}

struct login_ticket *login_queue_take(struct login_queue *queue)
{
    struct login_ticket *best = queue->first;
    if (!best) return NULL;
    bool by_rank = ++queue->takes & 1;
    for (struct login_ticket *one = best->next; one; one = one->next)
        if (goes_before(queue, one, best, by_rank)) best = one;
    unlink_ticket(queue, best);
    past_of(queue, &best->address)->served = ++queue->turn;
    *account_served(queue, best->user, true) = queue->turn;
    return best;
}

void login_queue_note(struct login_queue *queue, const struct login_ticket *ticket, bool is_good,
                      uint64_t now_ms)
{
    struct login_past *past = past_of(queue, &ticket->address);
    if (ticket->lane == LOGIN_DEVICE) return; /* it says nothing of others at its address */
    past->wrong = is_good ? 0 : past->wrong + 1;
    if (is_good || ticket->address.is_local || past->wrong < LOGIN_FREE_TRIES) {
        past->free_ms = now_ms;
        return;
    }
    unsigned doublings = past->wrong - LOGIN_FREE_TRIES;
    uint64_t pause_ms = doublings < 16 ? (uint64_t)LOGIN_PAUSE_MS << doublings : LOGIN_PAUSE_MAX_MS;
    past->free_ms = now_ms + (pause_ms < LOGIN_PAUSE_MAX_MS ? pause_ms : LOGIN_PAUSE_MAX_MS);
}
