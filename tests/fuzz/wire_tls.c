/* tls.h for fuzz_conn: it cuts bytes into records, says that it ended or broke when it is told to,
 * and hides nothing. */
#include "wire_tls.h"

#include <stdlib.h>

#include "http/internal.h"
#include "wire.h"

static size_t record_size = 16384;

void wire_record(size_t size)
{
    record_size = size;
}

struct tls_tickets *tls_tickets_open(const struct clock *clock)
{
    (void)clock;
    return NULL;
}

void tls_tickets_close(struct tls_tickets *tickets)
{
    (void)tickets;
}

godwit_err tls_context_also(struct tls_context *context, const char *certificate, const char *key,
                            struct tls_tickets *tickets, char *note_out, size_t note_size)
{
    (void)context, (void)certificate, (void)key, (void)tickets, (void)note_out, (void)note_size;
    return GODWIT_OK;
}

godwit_err tls_context_open(const char *certificate, const char *key, struct tls_tickets *tickets,
                            char *note_out, size_t note_size, struct tls_context **context_out)
{
    static uint8_t context;
    (void)certificate, (void)key, (void)tickets, (void)note_out, (void)note_size;
    *context_out = (struct tls_context *)(void *)&context;
    return GODWIT_OK;
}

/* Nobody is asked for a certificate. */
void tls_context_ask(struct tls_context *context, struct http_clients *clients)
{
    (void)context, (void)clients;
}

struct tls_context *tls_context_asking(const struct tls_context *context,
                                       struct http_clients *clients)
{
    (void)context, (void)clients;
    return NULL;
}

struct http_clients *tls_context_clients(const struct tls_context *context)
{
    (void)context;
    return NULL;
}

void tls_context_close(struct tls_context *context)
{
    (void)context;
}

static struct record_state *state_of(const struct tls *tls)
{
    return (struct record_state *)(void *)tls->ssl;
}

bool tls_open(struct tls *tls, struct tls_context *context)
{
    (void)context;
    struct record_state *state = calloc(1, sizeof *state);
    *tls = (struct tls){.ssl = (SSL *)(void *)state};
    struct conn *conn = (struct conn *)((uint8_t *)tls - offsetof(struct conn, tls));
    wire_tls_link(&conn->tcp, state);
    return state != NULL;
}

void tls_close(struct tls *tls)
{
    free(tls->ssl);
    *tls = (struct tls){0};
}

enum tls_state tls_read(struct tls *tls, uint8_t *data_out, size_t size_max, size_t *size_out)
{
    struct record_state *state = state_of(tls);
    *size_out = 0;
    if (state->broken) return TLS_BROKEN;
    if (!tls->in_size) return state->ended ? TLS_ENDED : TLS_MORE;
    if (!state->established) { /* one byte of handshake, answered by one */
        state->established = true;
        tls->in++, tls->in_size--;
        (void)!bytes_add(tls->out, "!", 1);
        if (!tls->in_size) return TLS_MORE;
    }
    size_t size = tls->in_size < record_size ? tls->in_size : record_size;
    if (size > size_max) size = size_max;
    memcpy(data_out, tls->in, size);
    tls->in += size;
    tls->in_size -= size;
    *size_out = size;
    return TLS_DATA;
}

bool tls_has_input(const struct tls *tls)
{
    return tls->in_size > 0;
}

bool tls_write(struct tls *tls, const uint8_t *data, size_t size)
{
    return bytes_add(tls->out, data, size);
}

void tls_close_notify(struct tls *tls)
{
    if (state_of(tls)->established) (void)!bytes_add(tls->out, ".", 1);
}

bool tls_established(const struct tls *tls)
{
    return state_of(tls)->established;
}

bool tls_resumed(const struct tls *tls)
{
    (void)tls;
    return false;
}
