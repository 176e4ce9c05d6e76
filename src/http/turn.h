/* Whose turn it is (turn.c): who has not authenticated waits for the others. For the files of this
 * folder only; all of it on the loop. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct loop;

#define TURN_QUEUES 256U

struct turn_queue {
    struct conn *first, *last;
    struct turn_queue *next;
    bool in_ring;
};

/* The queues of one loop; those with somebody in them are a ring. */
struct turns {
    struct turn_queue queues[TURN_QUEUES], *first, *last;
    uint64_t salt, spent_ns;    /* spent: in this turn of the loop */
    unsigned waiting, accepted; /* accepted: in this turn */
    bool accept_owed;
};

void turns_add(struct turns *turns, struct conn *conn);
/* It waits no more, if it did. */
void turns_drop(struct turns *turns, struct conn *conn);
/* The next one, taken out; NULL: nobody waits. */
struct conn *turns_take(struct turns *turns);
void turns_open(struct loop *loop);
void turns_close(struct loop *loop);
/* Whether what came of it now has to wait. */
bool turn_is_over(const struct conn *conn);
/* Around what is done for a connection; the loop, because the connection may have gone. */
uint64_t turn_begin(const struct conn *conn);
void turn_end(struct loop *loop, uint64_t begun_ns);
/* Whether one more connection is taken in this turn; if not, the next turn goes on
 * with those that wait. */
bool turn_accepts(struct loop *loop);
/* In conn.c: its input has waited for its turn. */
void conn_turn(struct conn *conn);
