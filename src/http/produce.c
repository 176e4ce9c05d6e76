/* Bodies that workers bring piece by piece, as the loop asks for them (conn_out.c). */
#include <unistd.h>

#include "http/produced.h"

/* ---- of producers ---- */

void http_produce(struct http_request *request, const struct http_producer *producer, void *ctx)
{
    static const struct http_problem TOO_OLD = {
        .status = 505,
        .type = "http-too-old",
        .title = "HTTP Version Not Supported",
        .detail = "In HTTP/1.0 nobody can tell whether this answer came whole; ask in HTTP/1.1, "
                  "also from a proxy (nginx: proxy_http_version 1.1)."};
    struct exchange *exchange = (struct exchange *)request;
    struct produced *produced = arena_zalloc(request->arena, sizeof *produced);
    if (!produced || exchange->http_1_0) {
        producer->end(request, ctx);
        exchange->reply.headers = NULL; /* of the body that does not come */
        exchange->reply.headers_size = 0;
        if (produced)
            http_reply_problem(request, &TOO_OLD);
        else
            reply_refusal(exchange, 503, "busy");
        return;
    }
    *produced = (struct produced){.producer = producer, .ctx = ctx};
    exchange->produced = produced;
    http_reply(request, 200, producer->content_type, NULL, 0);
}

static void run_produce(struct exchange *exchange)
{
    struct produced *produced = exchange->produced;
    produced->piece = (struct godwit_span){NULL, 0};
    produced->sent = 0;
    produced->at = produced->producer->next(&exchange->request, produced->ctx, &produced->piece);
}

void exchange_produce(struct exchange *exchange)
{
    exchange_go_on(exchange, run_produce);
}

void produced_end(struct exchange *exchange)
{
    exchange->produced->producer->end(&exchange->request, exchange->produced->ctx);
    exchange->produced = NULL;
}

/* ---- of files ---- */

static void run_read_file(struct exchange *exchange)
{
    struct reply *reply = &exchange->reply;
    uint64_t left = reply->size - reply->sent;
    size_t wanted = left < PIECE_SIZE ? (size_t)left : PIECE_SIZE, done = 0;
    if (!reply->piece) reply->piece = malloc(wanted);
    if (!reply->piece) reply->file_failed = true;
    while (done < wanted && !reply->file_failed) {
        ssize_t got = pread(reply->fd, reply->piece + done, wanted - done,
                            (off_t)(reply->offset + reply->sent + done));
        if (got <= 0) {
            reply->file_failed = true; /* shorter than promised: only closing tells the client */
            return;
        }
        done += (size_t)got;
    }
    reply->piece_size = wanted;
}

void exchange_read_file(struct exchange *exchange)
{
    exchange_go_on(exchange, run_read_file);
}
