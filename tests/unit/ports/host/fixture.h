/* A TLS server in a thread of the test's process, certificates with any dates, and a device's
 * network port with a clock of its own. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ports/host/host_net.h"

#define DAY_S 86400L
#define NOW_S 1800000000L /* 2027-01-15: the device's clock where a row names no other */
#define LONG_AGO (NOW_S - 4000 * DAY_S)
#define YESTERDAY (NOW_S - DAY_S)
#define TOMORROW (NOW_S + DAY_S)
#define FAR_AHEAD (NOW_S + 4000 * DAY_S)

/* ── certificates ──────────────────────────────────────────────────────────────────────────── */

struct identity {
    EVP_PKEY *key;
    X509 *cert;
};

struct wanted {
    const char *name;
    const struct identity *issuer; /* NULL: itself */
    EVP_PKEY *key;                 /* NULL: a fresh one */
    long from_s, to_s;             /* 0, 0: long ago to far ahead */
    bool is_ca;
    const char *names; /* "IP:127.0.0.1" */
    const char *usage; /* extended key usage, or NULL */
};

static inline void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

static inline struct identity make(const struct wanted *wanted)
{
    static int serial;
    struct identity made = {wanted->key, X509_new()};
    if (made.key)
        EVP_PKEY_up_ref(made.key);
    else
        made.key = EVP_EC_gen("P-256");
    const struct identity *issuer = wanted->issuer ? wanted->issuer : &made;
    X509_NAME *name = X509_get_subject_name(made.cert);
    X509_set_version(made.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.cert), ++serial);
    ASN1_TIME_set(X509_getm_notBefore(made.cert), wanted->from_s ? wanted->from_s : LONG_AGO);
    ASN1_TIME_set(X509_getm_notAfter(made.cert), wanted->to_s ? wanted->to_s : FAR_AHEAD);
    X509_set_pubkey(made.cert, made.key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)wanted->name, -1, -1, 0);
    X509_set_issuer_name(made.cert, X509_get_subject_name(issuer->cert));
    extend(made.cert, issuer->cert, NID_basic_constraints,
           wanted->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    extend(made.cert, issuer->cert, NID_subject_key_identifier, "hash");
    if (wanted->issuer)
        extend(made.cert, issuer->cert, NID_authority_key_identifier, "keyid:always");
    if (wanted->names) extend(made.cert, issuer->cert, NID_subject_alt_name, wanted->names);
    if (wanted->usage) extend(made.cert, issuer->cert, NID_ext_key_usage, wanted->usage);
    assert_true(X509_sign(made.cert, issuer->key, EVP_sha256()) > 0);
    return made;
}

static inline void drop(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->cert);
}

static inline struct identity ca_of(const char *name)
{
    return make(&(struct wanted){.name = name, .is_ca = true});
}

static inline struct identity leaf_of(const struct identity *ca)
{
    return make(&(struct wanted){.name = "leaf", .issuer = ca, .names = "IP:127.0.0.1"});
}

static inline void pin(uint8_t out[static 32], const struct identity *ca)
{
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(ca->cert), &der);
    SHA256(der, (size_t)size, out);
    OPENSSL_free(der);
}

/* ── the server ────────────────────────────────────────────────────────────────────────────── */

struct site {
    SSL_CTX *ctx;
    pthread_t thread;
    int fd, port;
    bool keeps, renegotiates; /* the connection; after the handshake, in TLS 1.2 */
    bool is_rude;             /* ends without a close notify */
    const char *says;         /* NULL: a short answer with its length */
    atomic_int handshakes, resumed, requests, hellos;
};

static inline void converse(struct site *site, SSL *ssl)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    static const char last[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    char text[4096];
    int size;
    if (SSL_accept(ssl) != 1) return;
    site->handshakes++;
    site->resumed += SSL_session_reused(ssl);
    do {
        size = 0;
        do {
            int got = SSL_read(ssl, text + size, (int)sizeof text - 1 - size);
            if (got <= 0) return;
            size += got;
            text[size] = '\0';
        } while (!strstr(text, "\r\n\r\n"));
        site->requests++;
        if (site->renegotiates) { /* declined: OpenSSL's server gives up */
            SSL_renegotiate(ssl);
            SSL_do_handshake(ssl);
            if (SSL_peek(ssl, text, 1) <= 0 && SSL_get_error(ssl, -1) == SSL_ERROR_SSL) return;
        }
        const char *says = site->says ? site->says : site->keeps ? reply : last;
        SSL_write(ssl, says, (int)strlen(says));
    } while (site->keeps);
    if (!site->is_rude) SSL_shutdown(ssl);
}

static inline void *serve(void *ctx)
{
    struct site *site = ctx;
    for (int fd; (fd = accept(site->fd, NULL, NULL)) >= 0; close(fd)) {
        SSL *ssl = SSL_new(site->ctx);
        SSL_set_fd(ssl, fd);
        converse(site, ssl);
        SSL_free(ssl);
    }
    return NULL;
}

/* The leaf and what is sent behind it; may be called again between two connections. */
static inline void show(struct site *site, const struct identity *leaf, X509 *const *chain)
{
    assert_int_equal(SSL_CTX_use_certificate(site->ctx, leaf->cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(site->ctx, leaf->key), 1);
    SSL_CTX_clear_chain_certs(site->ctx);
    for (; chain && *chain; chain++)
        assert_int_equal(SSL_CTX_add1_chain_cert(site->ctx, *chain), 1);
}

static inline void count_hellos(const SSL *ssl, int where, int value)
{
    struct site *site = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    (void)value;
    site->hellos += where == SSL_CB_ACCEPT_LOOP && SSL_get_state(ssl) == TLS_ST_SR_CLNT_HELLO;
}

static inline void site_open(struct site *site, int version)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    memset(site, 0, sizeof *site);
    signal(SIGPIPE, SIG_IGN);
    site->ctx = SSL_CTX_new(TLS_server_method());
    if (version) SSL_CTX_set_max_proto_version(site->ctx, version);
    SSL_CTX_set_security_level(site->ctx, 0);
    SSL_CTX_set_app_data(site->ctx, site);
    SSL_CTX_set_info_callback(site->ctx, count_hellos);
    site->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(site->fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(site->fd, 8), 0);
    getsockname(site->fd, (struct sockaddr *)&address, &size);
    site->port = ntohs(address.sin_port);
    pthread_create(&site->thread, NULL, serve, site);
}

static inline void site_close(struct site *site)
{
    shutdown(site->fd, SHUT_RDWR);
    pthread_join(site->thread, NULL);
    close(site->fd);
    SSL_CTX_free(site->ctx);
}

/* ── the device ────────────────────────────────────────────────────────────────────────────── */

struct client {
    struct host_net_pool *pool;
    struct host_net net;
    char url[64];
    const char *body; /* of the request; NULL: a GET */
    struct clock_set time;
    struct clock clock;
};

static inline void client_open(struct client *client, const struct site *site, const char *host,
                               const struct host_trust *trust, long now_s)
{
    client->body = NULL;
    client->time = (struct clock_set){.unix_s = now_s};
    client->clock = clock_set_view(&client->time);
    snprintf(client->url, sizeof client->url, "https://%s:%d", host, site->port);
    struct host_net_config config = {.url = client->url, .trust = *trust};
    config.trust.clock = &client->clock;
    client->pool = host_net_pool_open(&config);
    host_net_init(&client->net, client->pool);
}

static inline void client_close(struct client *client)
{
    client->net.port.close(client->net.port.ctx);
    host_net_pool_close(client->pool);
}

/* Whether it was answered; *by_next_out may be NULL. */
static inline bool ask(struct client *client, bool *by_next_out)
{
    const struct godwit_net *net = &client->net.port;
    const struct godwit_request request = {.method = client->body ? "POST" : "GET",
                                           .path = "/",
                                           .body = client->body,
                                           .body_size = client->body ? 2 : 0};
    struct godwit_reply reply = {0};
    uint8_t data[16];
    size_t size;
    godwit_err err = net->start(net->ctx, &request);
    while (!err) {
        err = net->read(net->ctx, data, sizeof data, &size, &reply);
        if (!err && !size) host_net_pool_run(client->pool, 100);
    }
    net->close(net->ctx);
    if (by_next_out) *by_next_out = reply.by_next_ca;
    assert_true(err == GODWIT_ERR_END || err == GODWIT_ERR_NET);
    return err == GODWIT_ERR_END && reply.status == 200;
}

static inline void trust_now(struct client *client, const struct identity *present,
                             const struct identity *next)
{
    uint8_t ca[2][32] = {{0}};
    if (present) pin(ca[0], present);
    if (next) pin(ca[1], next);
    client->net.port.trust(client->net.port.ctx, (const uint8_t(*)[32])ca);
}
