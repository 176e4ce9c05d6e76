/* TLS over real sockets with other people's peers: curl and openssl s_client. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "case.h"
#include "http/internal.h"
#include "shell_in.h"

static char folder[] = "/tmp/godwit-tls-XXXXXX";
#define run(...) shell_in(folder, __VA_ARGS__)

static void file_handler(struct http_request *request)
{
    char path[64];
    struct stat facts;
    snprintf(path, sizeof path, "%s/file", folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    fstat(fd, &facts);
    http_reply_file(request, &(struct http_file){.fd = fd,
                                                 .size = (uint64_t)facts.st_size,
                                                 .content_type = "application/octet-stream",
                                                 .etag = "\"v1\""});
}

static void echo(struct http_request *request)
{
    http_reply(request, 200, "text/plain", request->body.data, request->body.size);
}

static void upload_begin(struct http_request *request)
{
    request->user = arena_zalloc(request->arena, sizeof(uint64_t));
}

static void upload_write(struct http_request *request, const uint8_t *data, size_t size)
{
    (void)data;
    *(uint64_t *)request->user += size;
}

static void upload_finish(struct http_request *request)
{
    const char *text =
        arena_print(request->arena, "%llu", (unsigned long long)*(uint64_t *)request->user);
    http_reply(request, 201, "text/plain", text, strlen(text));
}

static void upload_abort(struct http_request *request)
{
    (void)request;
}

static const struct http_upload upload = {upload_begin, upload_write, upload_finish, upload_abort};
static const struct http_route routes[] = {
    {HTTP_METHOD_GET, "/file", HTTP_WORKER, 0, file_handler, NULL, NULL},
    {HTTP_METHOD_POST, "/echo", HTTP_INLINE, 1 << 20, echo, NULL, NULL},
    {HTTP_METHOD_PUT, "/upload", HTTP_UPLOAD, 16 << 20, NULL, &upload, NULL},
};

static struct work_pool *pool;
static struct http_server *server;
static _Atomic int64_t now_s = 1800000000; /* moved by tests while the loops run */

static uint64_t test_unix_ms(void *ctx)
{
    (void)ctx;
    return (uint64_t)now_s * 1000;
}

static const struct clock test_clock = {.now_ms = test_unix_ms, .unix_ms = test_unix_ms};

static int open_fixture(void **state)
{
    (void)state;
    char certificate[64], key[64], note[300];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(
        run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
            "-keyout key.pem -out cert.pem -days 30 -subj /CN=localhost -addext "
            "subjectAltName=DNS:localhost"),
        0);
    assert_int_equal(run("head -c 3000000 /dev/urandom > file"), 0);
    snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    assert_int_equal(work_pool_open(2, 100, &pool), GODWIT_OK);
    struct http_options options = {.loops = 2,
                                   .certificate = certificate,
                                   .key = key,
                                   .routes = routes,
                                   .routes_count = sizeof routes / sizeof *routes,
                                   .workers = pool,
                                   .clock = &test_clock};
    if (http_open(&options, note, sizeof note, &server)) fail_msg("%s", note);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    http_close(server, 1000);
    work_pool_close(pool);
    return run("rm -rf %s", folder);
}

#define CURL "curl -sS -m 20 --cacert cert.pem "

static const char *url(void)
{
    static char text[64];
    snprintf(text, sizeof text, "https://localhost:%u", http_port(server));
    return text;
}

static void test_versions(void **state)
{
    (void)state;
    assert_int_equal(run(CURL "--tlsv1.2 --tls-max 1.2 %s/file | cmp - file", url()), 0);
    assert_int_equal(run(CURL "--tlsv1.3 %s/file | cmp - file", url()), 0);
    assert_int_not_equal(
        run(CURL "--tlsv1.0 --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 %s/file", url()), 0);
    assert_int_not_equal(run(CURL "http://localhost:%u/file", http_port(server)), 0);
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *options, *check;
    } rows[] = {
        {"-r 0-0", "test $status = 206 && head -c 1 file | cmp - out"},
        {"-r 70000-199999",
         "test $status = 206 && tail -c +70001 file | head -c 130000 | cmp - out"},
        {"-r 2999990-", "test $status = 206 && tail -c 10 file | cmp - out"},
        {"-r -10", "test $status = 206 && tail -c 10 file | cmp - out"},
        {"-r 3000000-", "test $status = 416 && grep -q range-behind-end out"},
        {"-r 0-1,5-6", "test $status = 200 && cmp file out"},
        {"-r 0-9 -H 'If-Range: \"v1\"'", "test $status = 206"},
        {"-r 0-9 -H 'If-Range: \"v0\"'", "test $status = 200 && cmp file out"},
        {"-H 'If-None-Match: \"v0\", \"v1\"'", "test $status = 304 && ! test -s out"},
        {"-H 'If-None-Match: \"v0\"'", "test $status = 200"},
        {"-I", "test $status = 200 && grep -q 'Content-Length: 3000000' out"},
        {"-r 0-9 -D -", "grep -q 'Content-Range: bytes 0-9/3000000' out"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        int status = run("rm -f out; status=$(" CURL "%s -o out -w '%%{http_code}' %s/file"
                         " | tail -c 3); touch out; %s",
                         rows[i].options, url(), rows[i].check);
        if (i == 11)
            status = run(CURL "-r 0-9 -D out -o /dev/null %s/file; %s", url(), rows[i].check);
        if (status) fail_msg("%s", rows[i].options);
    }
}

static void test_uploads(void **state)
{
    (void)state;
    assert_int_equal(run("test \"$(" CURL "-T file %s/upload)\" = 3000000", url()), 0);
    assert_int_equal(run("test \"$(" CURL "-H 'Transfer-Encoding: chunked' -T file %s/upload)\""
                         " = 3000000",
                         url()),
                     0);
    assert_int_equal(run(CURL "-v -H 'Expect: 100-continue' -T file %s/upload 2>seen >/dev/null;"
                              " grep -q '100 Continue' seen",
                         url()),
                     0);
    assert_int_equal(run("head -c 17000000 /dev/zero > large; " CURL
                         "-o out -w '%%{http_code}' -T large %s/upload | grep -q 413",
                         url()),
                     0);
    assert_int_equal(
        run("head -c 900000 file > most; " CURL "--data-binary @most %s/echo | cmp - most", url()),
        0);
}

/* What the client has to say, through tls_read; what that has to say goes back. */
static enum tls_state carry(SSL *client, struct tls *tls, size_t size_max)
{
    static uint8_t bytes[16384], plain[16384];
    size_t plain_size;
    int size = BIO_read(SSL_get_wbio(client), bytes, (int)size_max);
    tls->in = bytes;
    tls->in_size = size > 0 ? (size_t)size : 0;
    enum tls_state state = tls_read(tls, plain, sizeof plain, &plain_size);
    BIO_write(SSL_get_rbio(client), tls->out->data, (int)tls->out->size);
    tls->out->size = 0;
    return state;
}

/* An error that another user of OpenSSL left on this thread is not this connection's. */
static void test_foreign_error(void **state)
{
    (void)state;
    char certificate[64], key[64], note[300];
    struct tls_context *context;
    struct bytes out = {0};
    struct tls tls;
    struct tls_tickets *tickets = tls_tickets_open(&test_clock);
    snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    assert_int_equal(tls_context_open(certificate, key, tickets, note, sizeof note, &context),
                     GODWIT_OK);
    assert_true(tls_open(&tls, context));
    tls.out = &out;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *client = SSL_new(ctx);
    SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client);
    for (unsigned i = 0; i < 8 && !tls_established(&tls); i++) {
        SSL_do_handshake(client);
        assert_int_equal(carry(client, &tls, 16384), TLS_MORE);
    }
    assert_true(tls_established(&tls));
    assert_int_equal(SSL_write(client, "hello", 5), 5);
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    assert_int_equal(carry(client, &tls, 9), TLS_MORE); /* the first bytes of a record */
    assert_int_equal(carry(client, &tls, 16384), TLS_DATA);
    SSL_free(client);
    SSL_CTX_free(ctx);
    tls_close(&tls);
    tls_context_close(context);
    tls_tickets_close(tickets);
    bytes_free(&out);
}

static uint64_t resumed(void)
{
    struct http_stats stats;
    http_stats(server, &stats);
    return stats.resumed;
}

/* One session is begun, then resumed by new connections, whichever loop takes them. */
static void resume(const char *version)
{
    char to[64];
    uint64_t before = resumed();
    snprintf(to, sizeof to, "localhost:%u", http_port(server));
    assert_int_equal(
        run("(printf 'HEAD /file HTTP/1.0\\r\\n\\r\\n'; sleep 0.3) | openssl s_client %s"
            " -CAfile cert.pem -verify_return_error -connect %s -sess_out session -ign_eof"
            " > seen && grep -q '200 OK' seen",
            version, to),
        0);
    assert_int_equal(resumed(), before);
    for (unsigned i = 0; i < 6; i++) {
        CASE(i);
        assert_int_equal(
            run("printf 'HEAD /file HTTP/1.0\\r\\n\\r\\n' | openssl s_client %s -CAfile "
                "cert.pem -connect %s -sess_in session -ign_eof > seen && "
                "grep -q Reused seen",
                version, to),
            0);
    }
    assert_int_equal(resumed(), before + 6);
}

static void test_resumption(void **state)
{
    (void)state;
    resume("-tls1_2");
    resume("-tls1_3");
}

static bool resumes(void)
{
    return run("printf 'HEAD /file HTTP/1.0\\r\\n\\r\\n' | openssl s_client -tls1_2 -CAfile "
               "cert.pem"
               " -connect localhost:%u -sess_in session -ign_eof > seen && grep -q Reused seen",
               http_port(server)) == 0;
}

/* Ticket keys rotate: an old ticket still opens for a while, and one day no more. The peer's own
 * idea of time stands still, so only the server can be what refuses. */
static void test_ticket_keys(void **state)
{
    (void)state;
    struct tls_tickets *tickets = server->tickets;
    resume("-tls1_2");
    now_s += 2 * TLS_TICKET_KEY_S;
    assert_non_null(tickets);
    assert_true(resumes());
    now_s += TLS_TICKET_LIFETIME_S;
    assert_false(resumes());
}

/* Who asks for a name of the other certificate alone is shown that one; it is read again too. */
static void test_names(void **state)
{
    (void)state;
    static char certificate[64], key[64], web[64], web_key[64];
    char note[300];
    struct http_server *both;
    const char *const make =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "
        "web-key.pem -out web.pem -days 30 -subj /CN=web -addext "
        "subjectAltName=DNS:web.example,DNS:localhost";
    assert_int_equal(run("%s", make), 0);
    snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(web, sizeof web, "%s/web.pem", folder);
    snprintf(web_key, sizeof web_key, "%s/web-key.pem", folder);
    struct http_options options = {.loops = 1,
                                   .certificate = certificate,
                                   .key = key,
                                   .web_certificate = web,
                                   .web_key = web_key,
                                   .routes = routes,
                                   .routes_count = sizeof routes / sizeof *routes,
                                   .workers = pool};
    if (http_open(&options, note, sizeof note, &both)) fail_msg("%s", note);
    unsigned port = http_port(both);
    const char *const curl = "curl -s --cacert %s --resolve %s:%u:127.0.0.1 -d hi "
                             "https://%s:%u/echo | grep -q hi";
    assert_int_equal(run(curl, "web.pem", "web.example", port, "web.example", port), 0);
    assert_int_equal(run(curl, "cert.pem", "localhost", port, "localhost", port), 0);
    assert_int_not_equal(run(curl, "web.pem", "localhost", port, "localhost", port), 0);
    static const char *const NAMES[] = {"-servername no.example", "-noservername"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        assert_int_equal(run("openssl s_client -connect 127.0.0.1:%u %s </dev/null | "
                             "grep -q CN.*localhost",
                             port, NAMES[i]),
                         0);
    assert_int_equal(run("%s && ! cmp -s web.pem cert.pem", make), 0); /* another one */
    assert_int_not_equal(run(curl, "web.pem", "web.example", port, "web.example", port), 0);
    assert_int_equal(http_certificate(both, certificate, key, note, sizeof note), GODWIT_OK);
    unsigned tries = 0;
    while (run(curl, "web.pem", "web.example", port, "web.example", port) && tries < 1000)
        tries++;
    assert_in_range(tries, 0, 999);
    http_close(both, 0);
}

static void test_wrong_files(void **state)
{
    (void)state;
    char note[300];
    struct http_server *second;
    struct http_options options = {.workers = pool, .certificate = "/nowhere", .key = "/nowhere"};
    assert_int_equal(http_open(&options, note, sizeof note, &second), GODWIT_ERR_FORMAT);
    assert_non_null(strstr(note, "certificate"));
    char certificate[64];
    snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    options.certificate = certificate;
    assert_int_equal(http_open(&options, note, sizeof note, &second), GODWIT_ERR_FORMAT);
    assert_non_null(strstr(note, "TLS key"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),   cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_uploads),    cmocka_unit_test(test_foreign_error),
        cmocka_unit_test(test_resumption), cmocka_unit_test(test_ticket_keys),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_wrong_files),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
