/* Replies whose body is made while it is sent: of any length, in the memory of one piece.
 *
 * A worker makes a piece once the network has taken the one before, so a slow client costs a piece
 * and keeps no thread; who takes nothing for write_ms is cut off. The body is chunked and ends only
 * where its producer says so: what was cut can be told from what is whole. */
#pragma once

#include "http/http.h"

struct http_producer {
    const char *content_type; /* static */
    /* Makes the next piece, which stays as it is until the next call or the end. On a worker, never
     * two at a time; the request and its arena are there as they were for the handler. END: this
     * piece, which may be empty, is the last; any other error cuts the client off. */
    godwit_err (*next)(struct http_request *request, void *ctx, struct godwit_span *piece_out);
    /* Exactly once, when the reply is over in whichever way, on the loop or in http_produce: gives
     * back what ctx holds, and does not block. */
    void (*end)(struct http_request *request, void *ctx);
};

/* Replies 200 with such a body, as http_reply does; 505 to a client that speaks HTTP/1.0, in which
 * an end says nothing. The producer is static. */
void http_produce(struct http_request *request, const struct http_producer *producer, void *ctx);
