/* OpenSSL 3 between two windows of memory.
 *
 * OpenSSL's own memory BIO copies and moves each byte once more and shrinks and grows its buffer
 * per record; the small BIO here reads straight from the bytes the loop has just received and
 * appends straight to the bytes the loop is about to send. */
#include "http/tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>

/* --- ticket keys -------------------------------------------------------------------------- */

struct ticket_key {
    uint8_t name[16], cipher_key[32], mac_key[32];
    int64_t made_s; /* 0: no key */
};

struct tls_tickets {
    const struct clock *clock;
    pthread_mutex_t mutex;
    struct ticket_key keys[TLS_TICKET_KEYS]; /* [0] is the newest */
};

/* Counted, so that no jump of the wall clock keeps a key for years; 0 stands for no key. */
static int64_t counted_s(const struct tls_tickets *tickets)
{
    return (int64_t)(clock_now_ms(tickets->clock) / 1000) + 1;
}

/* The newest key, made anew when it is too old. Called with the mutex held. */
static const struct ticket_key *tickets_newest(struct tls_tickets *tickets)
{
    int64_t now_s = counted_s(tickets);
    struct ticket_key *newest = &tickets->keys[0];
    if (newest->made_s && now_s - newest->made_s < TLS_TICKET_KEY_S) return newest;
    struct ticket_key fresh = {.made_s = now_s};
    if (RAND_bytes(fresh.name, sizeof fresh.name) != 1 ||
        RAND_bytes(fresh.cipher_key, sizeof fresh.cipher_key) != 1 ||
        RAND_bytes(fresh.mac_key, sizeof fresh.mac_key) != 1)
        return NULL;
    memmove(newest + 1, newest, (TLS_TICKET_KEYS - 1) * sizeof *newest);
    *newest = fresh;
    return newest;
}

struct tls_tickets *tls_tickets_open(const struct clock *clock)
{
    struct tls_tickets *tickets = calloc(1, sizeof *tickets);
    if (!tickets) abort();
    tickets->clock = clock;
    pthread_mutex_init(&tickets->mutex, NULL);
    return tickets;
}

void tls_tickets_close(struct tls_tickets *tickets)
{
    if (!tickets) return;
    pthread_mutex_destroy(&tickets->mutex);
    OPENSSL_cleanse(tickets, sizeof *tickets);
    free(tickets);
}

static bool ticket_mac_init(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac_key,
                                          sizeof key->mac_key),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* The key a ticket names; *renew_out when it is not the newest. */
static bool tickets_find(struct tls_tickets *tickets, const uint8_t name[16],
                         struct ticket_key *key_out, bool *renew_out)
{
    bool found = false;
    pthread_mutex_lock(&tickets->mutex);
    tickets_newest(tickets);
    int64_t oldest_s = counted_s(tickets) - TLS_TICKET_LIFETIME_S;
    for (size_t i = 0; i < TLS_TICKET_KEYS && !found; i++) {
        const struct ticket_key *key = &tickets->keys[i];
        if (!key->made_s || key->made_s < oldest_s || memcmp(key->name, name, 16) != 0) continue;
        *key_out = *key;
        *renew_out = i > 0;
        found = true;
    }
    pthread_mutex_unlock(&tickets->mutex);
    return found;
}

/* OpenSSL's contract: 1 go on, 2 go on and issue a new ticket, 0 unknown ticket, -1 failed. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int sealing)
{
    struct tls_tickets *tickets = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct ticket_key key = {0};
    bool renew = false, sound;
    if (sealing) {
        pthread_mutex_lock(&tickets->mutex);
        const struct ticket_key *newest = tickets_newest(tickets);
        if (newest) key = *newest;
        pthread_mutex_unlock(&tickets->mutex);
        if (!newest || RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return -1;
        memcpy(name, key.name, sizeof key.name);
        sound = EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher_key, iv) == 1;
    } else {
        if (!tickets_find(tickets, name, &key, &renew)) return 0;
        sound = EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher_key, iv) == 1;
    }
    sound = sound && ticket_mac_init(mac, &key);
    OPENSSL_cleanse(&key, sizeof key);
    if (!sound) return -1;
    return renew ? 2 : 1;
}

/* --- the two windows ---------------------------------------------------------------------- */

static int window_read(BIO *bio, char *data, int size)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!tls->in_size) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t taken = tls->in_size < (size_t)size ? tls->in_size : (size_t)size;
    memcpy(data, tls->in, taken);
    tls->in += taken;
    tls->in_size -= taken;
    return (int)taken;
}

static int window_write(BIO *bio, const char *data, int size)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    return bytes_add(tls->out, data, (size_t)size) ? size : -1;
}

static long window_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

/* --- context ------------------------------------------------------------------------------ */

struct tls_context {
    SSL_CTX *ctx, *also; /* also: NULL, or chosen by name */
    BIO_METHOD *window;
    struct http_clients *clients; /* NULL: they are not asked who they are */
    size_t holders;               /* its loop and each open connection */
};

static BIO *pem_open(const char *source)
{
    return source[0] == '-' ? BIO_new_mem_buf(source, -1) : BIO_new_file(source, "r");
}

static bool certificate_load(SSL_CTX *ctx, const char *source)
{
    BIO *pem = pem_open(source);
    if (!pem) return false;
    X509 *leaf = PEM_read_bio_X509_AUX(pem, NULL, NULL, NULL);
    bool sound = leaf && SSL_CTX_use_certificate(ctx, leaf) == 1;
    X509_free(leaf);
    while (sound) {
        X509 *next = PEM_read_bio_X509(pem, NULL, NULL, NULL);
        if (!next) break;
        sound = SSL_CTX_add0_chain_cert(ctx, next) == 1;
        if (!sound) X509_free(next);
    }
    BIO_free(pem);
    ERR_clear_error();
    return sound;
}

static bool key_load(SSL_CTX *ctx, const char *source)
{
    BIO *pem = pem_open(source);
    if (!pem) return false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
    bool sound = key && SSL_CTX_use_PrivateKey(ctx, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(pem);
    ERR_clear_error();
    return sound;
}

static void context_set(SSL_CTX *ctx, struct tls_tickets *tickets)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_timeout(ctx, TLS_TICKET_LIFETIME_S);
    SSL_CTX_set_app_data(ctx, tickets);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}

static godwit_err context_load(SSL_CTX *ctx, const char *certificate, const char *key,
                               char *note_out, size_t note_size)
{
    const char *wrong = NULL;
    if (!certificate_load(ctx, certificate))
        wrong = "can not read the TLS certificate; give a PEM file with the chain";
    else if (!key || !key_load(ctx, key))
        wrong = "can not read the TLS key, or it does not belong to the certificate; "
                "give the unencrypted PEM key of that certificate";
    if (!wrong) return GODWIT_OK;
    bool is_file = certificate[0] != '-';
    snprintf(note_out, note_size, "%s%s%s", wrong, is_file ? " instead of " : "",
             is_file ? certificate : "");
    return GODWIT_ERR_FORMAT;
}

/* Without certificates; NULL: no memory. */
static struct tls_context *context_new(void)
{
    struct tls_context *context = calloc(1, sizeof *context);
    if (!context) return NULL;
    context->window = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "window");
    if (!context->window) {
        free(context);
        return NULL;
    }
    context->holders = 1;
    BIO_meth_set_read(context->window, window_read);
    BIO_meth_set_write(context->window, window_write);
    BIO_meth_set_ctrl(context->window, window_ctrl);
    return context;
}

godwit_err tls_context_open(const char *certificate, const char *key, struct tls_tickets *tickets,
                            char *note_out, size_t note_size, struct tls_context **context_out)
{
    struct tls_context *context = context_new();
    if (!context || !(context->ctx = SSL_CTX_new(TLS_server_method()))) abort();
    context_set(context->ctx, tickets);
    godwit_err err = context_load(context->ctx, certificate, key, note_out, note_size);
    if (err)
        tls_context_close(context);
    else
        *context_out = context;
    return err;
}

static int on_name(SSL *ssl, int *alert, void *ctx)
{
    const struct tls_context *context = ctx;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    if (!name || X509_check_host(SSL_CTX_get0_certificate(context->ctx), name, 0, 0, NULL) == 1)
        return SSL_TLSEXT_ERR_OK;
    if (X509_check_host(SSL_CTX_get0_certificate(context->also), name, 0, 0, NULL) == 1) {
        SSL_set_SSL_CTX(ssl, context->also);
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL); /* people are not asked */
    }
    return SSL_TLSEXT_ERR_OK;
}

static void choose_by_name(struct tls_context *context)
{
    SSL_CTX_set_tlsext_servername_arg(context->ctx, context);
    SSL_CTX_set_tlsext_servername_callback(context->ctx, on_name);
}

godwit_err tls_context_also(struct tls_context *context, const char *certificate, const char *key,
                            struct tls_tickets *tickets, char *note_out, size_t note_size)
{
    context->also = SSL_CTX_new(TLS_server_method());
    if (!context->also) abort();
    context_set(context->also, tickets);
    godwit_err err = context_load(context->also, certificate, key, note_out, note_size);
    if (err) return err;
    choose_by_name(context);
    return GODWIT_OK;
}

/* --- who the client is -------------------------------------------------------------------- */

void tls_context_ask(struct tls_context *context, struct http_clients *clients)
{
    context->clients = http_clients_hold(clients);
    clients_ask(clients, context->ctx);
    /* A session is looked up before the name is, so both have one id. */
    if (context->also) clients_tell_apart(clients, context->also);
}

/* With certificate, key and chain of the other; NULL: no memory. */
static SSL_CTX *ctx_like(SSL_CTX *other)
{
    STACK_OF(X509) *chain = NULL;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx) return NULL;
    context_set(ctx, SSL_CTX_get_app_data(other));
    bool is_done = SSL_CTX_use_certificate(ctx, SSL_CTX_get0_certificate(other)) == 1 &&
                   SSL_CTX_use_PrivateKey(ctx, SSL_CTX_get0_privatekey(other)) == 1 &&
                   SSL_CTX_get0_chain_certs(other, &chain) == 1 &&
                   SSL_CTX_set1_chain(ctx, chain) == 1;
    ERR_clear_error();
    if (is_done) return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

struct tls_context *tls_context_asking(const struct tls_context *context,
                                       struct http_clients *clients)
{
    struct tls_context *asking = context_new();
    if (!asking) return NULL;
    asking->ctx = ctx_like(context->ctx);
    if (context->also) asking->also = ctx_like(context->also);
    if (!asking->ctx || (context->also && !asking->also)) {
        tls_context_close(asking);
        return NULL;
    }
    if (asking->also) choose_by_name(asking);
    tls_context_ask(asking, clients);
    return asking;
}

struct http_clients *tls_context_clients(const struct tls_context *context)
{
    return context->clients;
}

void tls_context_close(struct tls_context *context)
{
    if (!context || --context->holders) return;
    SSL_CTX_free(context->ctx);
    SSL_CTX_free(context->also);
    BIO_meth_free(context->window);
    http_clients_close(context->clients);
    free(context);
}

/* --- one connection ----------------------------------------------------------------------- */

bool tls_open(struct tls *tls, struct tls_context *context)
{
    *tls = (struct tls){.ssl = SSL_new(context->ctx), .context = context};
    context->holders++;
    BIO *bio = BIO_new(context->window);
    if (!tls->ssl || !bio) {
        BIO_free(bio);
        tls_close(tls);
        ERR_clear_error();
        return false;
    }
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_accept_state(tls->ssl);
    return true;
}

void tls_close(struct tls *tls)
{
    SSL_free(tls->ssl);
    tls_context_close(tls->context);
    *tls = (struct tls){0};
}

enum tls_state tls_read(struct tls *tls, uint8_t *data_out, size_t size_max, size_t *size_out)
{
    ERR_clear_error(); /* SSL_get_error also believes what others of this thread left behind */
    int taken = SSL_read(tls->ssl, data_out, (int)size_max);
    if (taken > 0) {
        *size_out = (size_t)taken;
        return TLS_DATA;
    }
    *size_out = 0;
    int code = SSL_get_error(tls->ssl, taken);
    if (code == SSL_ERROR_WANT_READ) return TLS_MORE;
    ERR_clear_error();
    return code == SSL_ERROR_ZERO_RETURN ? TLS_ENDED : TLS_BROKEN;
}

bool tls_has_input(const struct tls *tls)
{
    return tls->in_size > 0 || SSL_has_pending(tls->ssl);
}

bool tls_write(struct tls *tls, const uint8_t *data, size_t size)
{
    size_t written;
    if (!size) return true;
    if (SSL_write_ex(tls->ssl, data, size, &written) == 1 && written == size) return true;
    ERR_clear_error();
    return false;
}

void tls_close_notify(struct tls *tls)
{
    if (SSL_is_init_finished(tls->ssl)) SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

bool tls_established(const struct tls *tls)
{
    return SSL_is_init_finished(tls->ssl);
}

bool tls_resumed(const struct tls *tls)
{
    return SSL_session_reused(tls->ssl);
}
