/* Small replies are handed to the kernel together, at the end of the loop's turn.
 *
 * A check-in is signed in between, and signing leaves nothing of the kernel's way out in the
 * processor's caches: sent one by one, each reply pays for that anew. Here they wait until the
 * sockets that had something to say have said it, but never for more than BATCH_MAX of them and
 * never behind more than one piece of work once BATCH_WAIT_NS have gone by.
 *
 * To its connection a reply in the batch has been sent: what the kernel does not take is queued as
 * any other rest, what fails closes the connection, and whatever else the connection has to say, or
 * its end, sends the batch first.
 *
 * Rejected: to cork each socket (two more system calls a reply), and threads that only sign (two
 * wake-ups a reply). */
#include "http/internal.h"

bool batch_add(struct conn *conn)
{
    struct bytes *out = &conn->loop->out;
    struct batch *batch = &conn->loop->batch;
    if (out->size > BATCH_PIECE || conn->batched || conn->writes_pending) return false;
    if (!batch->count) batch->since_ns = uv_hrtime();
    struct batch_piece *piece = &batch->pieces[batch->count++];
    piece->conn = conn;
    piece->size = out->size;
    memcpy(piece->data, out->data, out->size);
    out->size = 0;
    conn->batched = true;
    if (batch->count == BATCH_MAX) batch_send(conn->loop);
    return true;
}

void batch_send(struct loop *loop)
{
    struct batch *batch = &loop->batch;
    size_t pieces = batch->count, building = loop->out.size;
    batch->count = 0;
    for (size_t i = 0; i < pieces; i++) {
        struct batch_piece *piece = &batch->pieces[i];
        piece->conn->batched = false;
        conn_send(piece->conn, piece->data, piece->size);
        if (piece->conn->phase != PHASE_CLOSING) conn_deadline(piece->conn);
        loop->out.size = building; /* another connection's, and still to be sent */
    }
}

void batch_look(struct loop *loop)
{
    struct batch *batch = &loop->batch;
    if (batch->count && uv_hrtime() - batch->since_ns > BATCH_WAIT_NS) batch_send(loop);
}

static void on_prepare(uv_prepare_t *prepare)
{
    batch_send(prepare->data);
}

static void on_check(uv_check_t *check)
{
    batch_send(check->data);
}

/* Before the loop sleeps, for what timers said; and after its sockets. */
void batch_open(struct loop *loop)
{
    struct batch *batch = &loop->batch;
    uv_prepare_init(&loop->uv, &batch->prepare);
    uv_check_init(&loop->uv, &batch->check);
    batch->prepare.data = batch->check.data = loop;
    uv_prepare_start(&batch->prepare, on_prepare);
    uv_check_start(&batch->check, on_check);
}

void batch_close(struct loop *loop)
{
    uv_close((uv_handle_t *)&loop->batch.prepare, NULL);
    uv_close((uv_handle_t *)&loop->batch.check, NULL);
}
