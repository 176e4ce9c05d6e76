/* Whose turn it is: who has not authenticated waits for the others.
 *
 * A handshake is half a millisecond of computing that anybody may ask for, a page or a login more.
 * Thousands who ask at once would keep a loop from its devices for seconds. So a turn of the loop
 * (what one look at the sockets brought) spends TURN_NS on them; whoever comes then is put into a
 * queue with what was read, and the loop looks at its sockets again before it goes on with it.
 * Who has authenticated never waits there.
 *
 * Each address has a queue, or shares one with few others, and the queues take turns, so that an
 * address that asks for much makes itself wait.
 *
 * Rejected: threads for handshakes (a hand-over each, and who floods has all cores then); a limit
 * on new connections a second (a site after a power loss looks like a flood). */
#include <openssl/rand.h>

#include "http/internal.h"

#define TURN_NS (2U * 1000U * 1000U)
#define TURN_ACCEPTS 64U
#define TURN_WAITING_MAX 128U /* more are left to the kernel, which keeps them for less */
#define TURN_AGAIN_MS 20U     /* another loop, or time alone, may make room for one more */

static unsigned queue_of(const struct turns *turns, const struct conn *conn)
{
    uint64_t mixed = turns->salt;
    for (size_t i = 0; i < sizeof conn->address; i += 8)
        mixed = (mixed ^ godwit_load64(conn->address + i)) * 0x9e3779b97f4a7c15U;
    return (unsigned)(mixed >> 40) % TURN_QUEUES;
}

static void ring_add(struct turns *turns, struct turn_queue *queue)
{
    queue->next = NULL;
    queue->in_ring = true;
    if (turns->last)
        turns->last->next = queue;
    else
        turns->first = queue;
    turns->last = queue;
}

void turns_add(struct turns *turns, struct conn *conn)
{
    struct turn_queue *queue = &turns->queues[queue_of(turns, conn)];
    conn->waits_turn = true;
    conn->turn_later = NULL;
    conn->turn_sooner = queue->last;
    if (queue->last)
        queue->last->turn_later = conn;
    else
        queue->first = conn;
    queue->last = conn;
    turns->waiting++;
    if (!queue->in_ring) ring_add(turns, queue);
}

void turns_drop(struct turns *turns, struct conn *conn)
{
    struct turn_queue *queue = &turns->queues[queue_of(turns, conn)];
    if (!conn->waits_turn) return;
    conn->waits_turn = false;
    turns->waiting--;
    if (conn->turn_later)
        conn->turn_later->turn_sooner = conn->turn_sooner;
    else
        queue->last = conn->turn_sooner;
    if (conn->turn_sooner)
        conn->turn_sooner->turn_later = conn->turn_later;
    else
        queue->first = conn->turn_later;
}

struct conn *turns_take(struct turns *turns)
{
    struct conn *conn = NULL;
    for (struct turn_queue *queue; !conn && (queue = turns->first);) {
        turns->first = queue->next;
        if (!turns->first) turns->last = NULL;
        queue->in_ring = false;
        conn = queue->first;
        if (conn) turns_drop(turns, conn);
        if (queue->first) ring_add(turns, queue);
    }
    return conn;
}

/* --- of a loop ----------------------------------------------------------------------------- */

/* While somebody waits, the loop looks at its sockets without sleeping there. */
static void on_busy(uv_idle_t *busy)
{
    (void)busy;
}

/* Nothing but time may have to pass until the next one is taken. */
static void on_again(uv_timer_t *again)
{
    (void)again;
}

static void on_turn(uv_check_t *check)
{
    struct loop *loop = check->data;
    struct turns *turns = &loop->turns;
    struct conn *conn;
    while (turns->spent_ns < TURN_NS && (conn = turns_take(turns)))
        conn_turn(conn);
    turns->spent_ns = 0;
    turns->accepted = 0;
    if (turns->accept_owed && turn_accepts(loop)) listener_resume(&loop->listener);
    if (turns->waiting)
        uv_idle_start(&loop->busy, on_busy);
    else
        uv_idle_stop(&loop->busy);
    if (turns->accept_owed) uv_timer_start(&loop->again, on_again, TURN_AGAIN_MS, 0);
}

void turns_open(struct loop *loop)
{
    struct turns *turns = &loop->turns;
    if (RAND_bytes((uint8_t *)&turns->salt, sizeof turns->salt) != 1) abort();
    uv_idle_init(&loop->uv, &loop->busy);
    uv_check_init(&loop->uv, &loop->turn);
    uv_timer_init(&loop->uv, &loop->again);
    loop->turn.data = loop;
    uv_check_start(&loop->turn, on_turn);
}

void turns_close(struct loop *loop)
{
    uv_close((uv_handle_t *)&loop->busy, NULL);
    uv_close((uv_handle_t *)&loop->turn, NULL);
    uv_close((uv_handle_t *)&loop->again, NULL);
}

bool turn_is_over(const struct conn *conn)
{
    const struct turns *turns = &conn->loop->turns;
    if (conn->authenticated) return false;
    return turns->waiting || turns->spent_ns >= TURN_NS;
}

uint64_t turn_begin(const struct conn *conn)
{
    return conn->authenticated ? 0 : uv_hrtime();
}

void turn_end(struct loop *loop, uint64_t begun_ns)
{
    if (begun_ns) loop->turns.spent_ns += uv_hrtime() - begun_ns;
}

bool turn_accepts(struct loop *loop)
{
    struct turns *turns = &loop->turns;
    turns->accept_owed = turns->waiting >= TURN_WAITING_MAX || !conn_may_come(loop) ||
                         ++turns->accepted > TURN_ACCEPTS;
    return !turns->accept_owed;
}
