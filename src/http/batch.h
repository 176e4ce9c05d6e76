/* Small replies that are sent together, at the end of the loop's turn; part of a loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define BATCH_PIECE 2048U     /* bytes; a larger reply is sent alone */
#define BATCH_MAX 16U         /* replies */
#define BATCH_WAIT_NS 200000U /* what comes after this sends the batch first */

struct conn;
struct loop;

struct batch_piece {
    struct conn *conn;
    size_t size;
    uint8_t data[BATCH_PIECE];
};

struct batch {
    uv_prepare_t prepare;
    uv_check_t check;
    uint64_t since_ns; /* when the first of them was added */
    size_t count;
    struct batch_piece pieces[BATCH_MAX];
};

/* The loop's out buffer becomes the connection's piece of the batch; false: send it alone. */
bool batch_add(struct conn *conn);
/* Sends what waits. It may close any connection whose piece waited. */
void batch_send(struct loop *loop);
/* The same if the first has waited long enough. */
void batch_look(struct loop *loop);
void batch_open(struct loop *loop);
void batch_close(struct loop *loop);

/* What it needs of a connection (conn_out.c, conn.c): to hand these bytes to the network and keep
 * what it does not take; and the deadline of the phase that this leaves it in. */
void conn_send(struct conn *conn, const uint8_t *data, size_t size);
void conn_deadline(struct conn *conn);
