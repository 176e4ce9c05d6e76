/* What waits: requests that are held (held.c) and replies that are streamed (stream.c). For the
 * files of this folder only; all of it on the loop. */
#pragma once

#include "http/internal.h"

/* Whether it is held or streamed, and its handler was not told yet that it shall end. */
static inline bool exchange_may_end(const struct exchange *exchange)
{
    return !exchange->job_running && exchange->release; /* a worker sets release */
}
/* Tells the handler that what is held or streamed shall end, once. */
void exchange_let_go(struct exchange *exchange);
/* It has its reply, or is over. */
void exchange_unhold(struct exchange *exchange);
/* Where connections are nearly full: answers the one that its loop has held for longest. */
void held_shed(struct loop *loop);

enum stream_state { STREAM_WAITS, STREAM_ENDED, STREAM_TOO_SLOW };
/* ENDED: and all of it was taken. */
enum stream_state stream_look(const struct exchange *exchange);
/* The next piece, which is then the caller's; NULL: none. */
struct http_piece *stream_take(struct exchange *exchange);
/* As it goes on the wire, in a chunk or bare. */
struct godwit_span stream_piece(const struct http_piece *piece, bool in_chunk);
const struct http_stream_options *stream_options(const struct stream *stream);
/* Whether its handler has ended it and no thread is about to tell its loop; frees it then. */
bool stream_close(struct exchange *exchange);
