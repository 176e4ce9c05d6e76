/* TLS without a socket: ciphertext in, plaintext out, and back. One context per loop (OpenSSL's
 * locks stay uncontended), one ring of ticket keys for all of them, so that a session begun on one
 * loop resumes on any other. */
#pragma once

#include <openssl/ssl.h>

#include "base/err.h"
#include "http/bytes.h"
#include "http/clients.h"
#include "rt/clock.h"

/* Keys that seal session tickets. A new one every TICKET_KEY_S; the older ones still open. */
#define TLS_TICKET_KEYS 8
#define TLS_TICKET_KEY_S 86400
#define TLS_TICKET_LIFETIME_S ((TLS_TICKET_KEYS - 1) * TLS_TICKET_KEY_S)

struct tls_tickets;
struct tls_tickets *tls_tickets_open(const struct clock *clock);
void tls_tickets_close(struct tls_tickets *tickets);

struct tls_context;
/* certificate and key: PEM file, or PEM text when it begins with '-'. FORMAT with a note. */
GODWIT_MUST_USE godwit_err tls_context_open(const char *certificate, const char *key,
                                            struct tls_tickets *tickets, char *note_out,
                                            size_t note_size, struct tls_context **context_out);
/* Another certificate, shown instead where the client asks for a name (SNI) that this one is for
 * and the first is not: the first is the one that devices know. FORMAT with a note. */
GODWIT_MUST_USE godwit_err tls_context_also(struct tls_context *context, const char *certificate,
                                            const char *key, struct tls_tickets *tickets,
                                            char *note_out, size_t note_size);
/* Clients are asked for a certificate, but where the other one is shown. Once for each context. */
void tls_context_ask(struct tls_context *context, struct http_clients *clients);
/* A new one with the same certificates that asks for others' certificates; NULL: no memory. */
struct tls_context *tls_context_asking(const struct tls_context *context,
                                       struct http_clients *clients);
/* NULL: clients are not asked. */
struct http_clients *tls_context_clients(const struct tls_context *context);
/* The context itself lives until its last connection is closed. On the thread of its loop. */
void tls_context_close(struct tls_context *context);

struct tls {
    SSL *ssl;
    struct tls_context *context; /* the one it was opened with */
    /* The window of network bytes that tls_read may take from; the caller keeps what is left. */
    const uint8_t *in;
    size_t in_size;
    struct bytes *out; /* where ciphertext goes; set by the caller before each call */
};

/* tls must not move while it is open. False: no memory. */
GODWIT_MUST_USE bool tls_open(struct tls *tls, struct tls_context *context);
void tls_close(struct tls *tls);

enum tls_state { TLS_DATA, TLS_MORE, TLS_ENDED, TLS_BROKEN };
/* DATA: size_out bytes of plaintext. MORE: all network bytes are taken. ENDED: the peer sent
 * its close notify. BROKEN: an alert is in out; close. The handshake happens inside. */
enum tls_state tls_read(struct tls *tls, uint8_t *data_out, size_t size_max, size_t *size_out);
/* Whether tls_read may find more in what was given to it; false spares the call. */
bool tls_has_input(const struct tls *tls);
/* False: the connection is broken. */
bool tls_write(struct tls *tls, const uint8_t *data, size_t size);
/* Puts the close notify into out. */
void tls_close_notify(struct tls *tls);
bool tls_established(const struct tls *tls);
bool tls_resumed(const struct tls *tls);
