/* Bodies that workers bring piece by piece: those of producers (produce.h), and files. For this
 * folder only. */
#pragma once

#include "http/internal.h"
#include "http/produce.h"

/* A worker's while job_running, else the loop's. */
struct produced {
    const struct http_producer *producer;
    void *ctx;
    struct godwit_span piece;
    size_t sent;   /* of the piece */
    godwit_err at; /* OK: there is more; END: the piece is the last */
};

/* Asks a worker for the next piece. */
void exchange_produce(struct exchange *exchange);
void exchange_read_file(struct exchange *exchange);
/* The reply is over. */
void produced_end(struct exchange *exchange);
