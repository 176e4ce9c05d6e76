/* Streamed replies: pieces that any thread adds and the loop sends.
 *
 * A stream's queue is bounded; the loop's mutex guards it, as it guards the loop's own queue, so
 * that adding a piece and waking the loop is one step. Who does not keep up is cut off: he comes
 * back and asks for what he missed, while a queue without bound would let one sleeping laptop hold
 * the memory of all. A piece is framed once, however many read it. */
#include <stdio.h>

#include "http/held.h"

struct http_piece {
    _Atomic unsigned holders;
    size_t head_size, size; /* of the chunk's first line, and of the bytes themselves */
    uint8_t data[];         /* first line, bytes, line end */
};

struct stream {
    struct http_stream_options options;
    struct http_piece *queue[HTTP_STREAM_PIECES]; /* a ring */
    size_t first, count, bytes;
    bool is_ended, is_slow;
};

struct http_piece *http_piece_new(const void *data, size_t size)
{
    char head[24];
    if (!size || size > HTTP_STREAM_BYTES) return NULL;
    size_t head_size = (size_t)snprintf(head, sizeof head, "%zx\r\n", size);
    struct http_piece *piece = malloc(sizeof *piece + head_size + size + 2);
    if (!piece) return NULL;
    piece->holders = 1;
    piece->head_size = head_size;
    piece->size = size;
    memcpy(piece->data, head, head_size);
    memcpy(piece->data + head_size, data, size);
    memcpy(piece->data + head_size + size, "\r\n", 2);
    return piece;
}

void http_piece_drop(struct http_piece *piece)
{
    if (piece && atomic_fetch_sub(&piece->holders, 1) == 1) free(piece);
}

struct godwit_span stream_piece(const struct http_piece *piece, bool in_chunk)
{
    if (in_chunk) return (struct godwit_span){piece->data, piece->head_size + piece->size + 2};
    return (struct godwit_span){piece->data + piece->head_size, piece->size};
}

const struct http_stream_options *stream_options(const struct stream *stream)
{
    return &stream->options;
}

bool http_stream_begin(struct http_request *request, const struct http_stream_options *options,
                       http_handler *ended)
{
    struct exchange *exchange = (struct exchange *)request;
    struct http_server *server = exchange->loop->server;
    struct stream *stream = NULL;
    if (atomic_fetch_add(&server->streams, 1) < server->options.limits.streams_max)
        stream = calloc(1, sizeof *stream);
    if (!stream) {
        atomic_fetch_sub(&server->streams, 1);
        reply_refusal(exchange, 503, "busy");
        return false;
    }
    stream->options = *options;
    exchange->stream = stream;
    exchange->release = ended;
    http_reply(request, 200, options->content_type, NULL, 0);
    return true;
}

/* A loop that calls the handler just now looks at the stream itself afterwards. */
static void stream_tell(struct exchange *exchange)
{
    if (!exchange_is_called(exchange)) exchange_queue(exchange, EXCHANGE_STREAMS);
}

void http_stream_send(struct http_request *request, struct http_piece *piece)
{
    struct exchange *exchange = (struct exchange *)request;
    struct stream *stream = exchange->stream;
    if (!piece) return;
    pthread_mutex_lock(&exchange->loop->mutex);
    if (!stream->is_ended && !stream->is_slow) {
        stream->is_slow =
            stream->count == HTTP_STREAM_PIECES || stream->bytes + piece->size > HTTP_STREAM_BYTES;
        if (!stream->is_slow) {
            atomic_fetch_add(&piece->holders, 1);
            stream->queue[(stream->first + stream->count++) % HTTP_STREAM_PIECES] = piece;
            stream->bytes += piece->size;
        }
        stream_tell(exchange);
    }
    pthread_mutex_unlock(&exchange->loop->mutex);
}

void http_stream_end(struct http_request *request)
{
    struct exchange *exchange = (struct exchange *)request;
    struct loop *loop = exchange->loop;
    pthread_mutex_lock(&loop->mutex);
    exchange->stream->is_ended = true;
    stream_tell(exchange);
    pthread_mutex_unlock(&loop->mutex);
}

enum stream_state stream_look(const struct exchange *exchange)
{
    const struct stream *stream = exchange->stream;
    pthread_mutex_lock(&exchange->loop->mutex);
    bool is_over = stream->is_ended && !stream->count, is_slow = stream->is_slow;
    pthread_mutex_unlock(&exchange->loop->mutex);
    if (is_slow) return STREAM_TOO_SLOW;
    return is_over ? STREAM_ENDED : STREAM_WAITS;
}

struct http_piece *stream_take(struct exchange *exchange)
{
    struct stream *stream = exchange->stream;
    struct http_piece *piece = NULL;
    pthread_mutex_lock(&exchange->loop->mutex);
    if (stream->count && !stream->is_slow) {
        piece = stream->queue[stream->first];
        stream->first = (stream->first + 1) % HTTP_STREAM_PIECES;
        stream->count--;
        stream->bytes -= piece->size;
    }
    pthread_mutex_unlock(&exchange->loop->mutex);
    return piece;
}

bool stream_close(struct exchange *exchange)
{
    struct stream *stream = exchange->stream;
    pthread_mutex_lock(&exchange->loop->mutex);
    bool is_over = stream->is_ended && !exchange->posted;
    pthread_mutex_unlock(&exchange->loop->mutex);
    if (!is_over) return false;
    while (stream->count--) {
        http_piece_drop(stream->queue[stream->first]);
        stream->first = (stream->first + 1) % HTTP_STREAM_PIECES;
    }
    free(stream);
    exchange->stream = NULL;
    atomic_fetch_sub(&exchange->loop->server->streams, 1);
    return true;
}
