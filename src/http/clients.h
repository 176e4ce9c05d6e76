/* Who a client is by its own certificate (mutual TLS): one that a CA of a list signed, that is for
 * TLS clients and no CA's, is not on a revocation list, and has a name that the program knows.
 *
 * TLS proves no more than that the client holds the certificate's key. A certificate that is not
 * good does not end the handshake: who hands pages out need not care, and a device hears in a
 * sentence what is wrong, where an alert would say one word to nobody. So what a certificate is
 * good for is the gate's to ask, with each request. */
#pragma once

#include <openssl/types.h>

#include "http/http.h"

#define CLIENT_CAS_MAX 16      /* each name is sent in every handshake */
#define CLIENT_CHAIN_MAX 8192U /* bytes of certificates that a client may send */
#define CLIENT_DEPTH_MAX 3     /* CAs between its own and one of the list */

enum client_state {
    CLIENT_NONE,      /* it has shown no certificate */
    CLIENT_GOOD,      /* but for its dates, which are whoever's who has a clock to believe */
    CLIENT_UNTRUSTED, /* no CA of the list signed it, or by too weak a key */
    CLIENT_REVOKED,
    CLIENT_PURPOSE,  /* it is a CA's, or not for TLS clients */
    CLIENT_NAMELESS, /* it names nobody whom the program knows, or several */
    CLIENT_STALE     /* the lists have changed since the connection began */
};

/* Maps a name in a certificate (its common name, or an alternative DNS name) to the 16 bytes by
 * which the program knows a client; false: it is no such name. */
typedef bool http_client_name(const char *name, uint8_t id_out[static 16]);

/* The CAs and revocations of one moment. Shared by all loops and read only. */
struct http_clients;

/* ca: PEM file of CAs, which are believed whatever their dates; crl: PEM file of their revocation
 * lists, or NULL. FORMAT or TRUST, with a note that says what to do. */
GODWIT_MUST_USE godwit_err http_clients_open(const char *ca, const char *crl,
                                             http_client_name *name, char *note_out,
                                             size_t note_size, struct http_clients **clients_out);
/* Each holder closes its own; NULL is fine. Any thread. */
struct http_clients *http_clients_hold(struct http_clients *clients);
void http_clients_close(struct http_clients *clients);
/* Whether both say the same. */
bool http_clients_are_same(const struct http_clients *a, const struct http_clients *b);
/* Another number for each that is opened; never 0. */
uint64_t http_clients_generation(const struct http_clients *clients);
/* Whether a revocation list is older than it says that it should be. */
bool http_clients_are_overdue(const struct http_clients *clients);

struct http_client {
    enum client_state state;
    uint8_t id[16];          /* where GOOD */
    int64_t from_s, until_s; /* its dates, Unix; where GOOD */
    uint64_t generation;     /* of the lists that it was judged by */
    const char *why;         /* in OpenSSL's words, static; of one that is not good */
};

/* Of the connection that the request came on. On its loop, before the request is replied to: in the
 * gate or an INLINE handler. Whoever is STALE has to connect again, and does: its connection ends
 * with the reply. */
void http_client(struct http_request *request, struct http_client *out);

/* From the next request on others are believed: a connection on which a client has shown a
 * certificate is STALE then. Only where http_options.clients was given. From any one thread. */
void http_clients_change(struct http_server *server, struct http_clients *clients);

/* ---- for tls.c ---- */

/* Clients are asked for a certificate, and may have none. */
void clients_ask(struct http_clients *clients, SSL_CTX *ctx);
/* Sessions that begin under one list are not resumed under another. */
void clients_tell_apart(const struct http_clients *clients, SSL_CTX *ctx);
/* What an established connection has shown. */
void clients_look(const struct http_clients *clients, const SSL *ssl, struct http_client *out);
