/* Clients with certificates of a CA that this test makes with openssl, at a real server. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "case.h"
#include "http/internal.h"
#include "shell_in.h"

static char folder[] = "/tmp/godwit-clients-XXXXXX";
#define run(...) shell_in(folder, __VA_ARGS__)

static const char *path(const char *name)
{
    static char paths[8][96];
    static unsigned next;
    char *out = paths[next++ % 8];
    snprintf(out, sizeof paths[0], "%s/%s", folder, name);
    return out;
}

#define KEY "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "
#define BY(ca) KEY "-CA " ca ".pem -CAkey " ca ".key "
#define NO_CA "-addext basicConstraints=critical,CA:FALSE "

/* NAME.pem and NAME.key. */
static void make(const char *words, const char *name)
{
    if (run("%s -keyout %s.key -out %s.pem", words, name, name)) fail_msg("%s", words);
}

/* ---- the server ---- */

/* "name-" and one letter, so that ids are told apart. */
static bool take_name(const char *name, uint8_t id_out[static 16])
{
    memset(id_out, 0, 16);
    if (strncmp(name, "name-", 5) != 0 || strlen(name) != 6) return false;
    id_out[0] = (uint8_t)name[5];
    return true;
}

static void who(struct http_request *request)
{
    struct http_client client;
    http_client(request, &client);
    const char *text = arena_print(request->arena, "%d%c", client.state,
                                   client.state == CLIENT_GOOD ? client.id[0] : '.');
    http_reply(request, 200, "text/plain", text, strlen(text));
}

static const struct http_route routes[] = {
    {HTTP_METHOD_GET, "/who", HTTP_INLINE, 0, who, NULL, NULL},
};

static struct http_server *server;
static struct http_clients *clients;

static struct http_clients *clients_of(const char *ca, const char *crl)
{
    char note[300];
    struct http_clients *out = NULL;
    if (http_clients_open(path(ca), crl ? path(crl) : NULL, take_name, note, sizeof note, &out))
        fail_msg("%s", note);
    return out;
}

static int open_fixture(void **state)
{
    (void)state;
    char note[300];
    signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(folder));
    make(KEY "-subj /CN=localhost -addext subjectAltName=DNS:localhost", "server");
    make(KEY "-subj /CN=web -addext subjectAltName=DNS:web.example", "web");
    make(KEY "-subj /CN=Maker", "maker");
    make(KEY "-subj /CN=Other", "other");
    make(KEY "-subj /CN=Maker", "twin");
    make(BY("maker") NO_CA "-subj /CN=name-a", "a");
    assert_int_equal(run("printf '[ca]\\ndefault_ca=m\\n[m]\\ndatabase=index\\ndefault_md=sha256\\n"
                         "default_crl_days=9\\n' >cnf; touch index; for ca in maker twin; do "
                         "openssl ca -config cnf -gencrl -cert $ca.pem -keyfile $ca.key -out "
                         "$ca-none.crl || exit 1; done"),
                     0);
    clients = clients_of("maker.pem", NULL);
    static char web[96], web_key[96]; /* the server reads them again */
    snprintf(web, sizeof web, "%s", path("web.pem"));
    snprintf(web_key, sizeof web_key, "%s", path("web.key"));
    struct http_options options = {.loops = 2,
                                   .certificate = path("server.pem"),
                                   .key = path("server.key"),
                                   .web_certificate = web,
                                   .web_key = web_key,
                                   .clients = clients,
                                   .routes = routes,
                                   .routes_count = 1};
    if (http_open(&options, note, sizeof note, &server)) fail_msg("%s", note);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    http_close(server, 1000);
    http_clients_close(clients);
    return run("rm -rf %s", folder);
}

/* ---- a client ---- */

struct peer_line {
    SSL_CTX *ctx;
    BIO *bio;
};

/* name NULL: without a certificate; session NULL: a new one. */
static struct peer_line line_open(const char *name, int version, SSL_SESSION *session)
{
    char text[64], file[32];
    SSL *ssl = NULL;
    struct peer_line line = {.ctx = SSL_CTX_new(TLS_client_method())};
    if (name) {
        snprintf(file, sizeof file, "%s.pem", name);
        assert_int_equal(SSL_CTX_use_certificate_chain_file(line.ctx, path(file)), 1);
        snprintf(file, sizeof file, "%s.key", name);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(line.ctx, path(file), SSL_FILETYPE_PEM), 1);
    }
    SSL_CTX_set_max_proto_version(line.ctx, version);
    line.bio = BIO_new_ssl_connect(line.ctx);
    snprintf(text, sizeof text, "127.0.0.1:%u", http_port(server));
    BIO_set_conn_hostname(line.bio, text);
    BIO_get_ssl(line.bio, &ssl);
    if (session) SSL_set_session(ssl, session);
    assert_int_equal(BIO_do_connect(line.bio), 1);
    return line;
}

static SSL *ssl_of(const struct peer_line *line)
{
    SSL *ssl = NULL;
    BIO_get_ssl(line->bio, &ssl);
    return ssl;
}

/* Two characters of the body: state and id; NULL: the connection is closed. */
static const char *line_ask(const struct peer_line *line)
{
    static char reply[2000];
    const char ask[] = "GET /who HTTP/1.1\r\nHost: x\r\n\r\n";
    int got, size = 0;
    BIO_write(line->bio, ask, sizeof ask - 1);
    do {
        got = BIO_read(line->bio, reply + size, (int)sizeof reply - 1 - size);
        if (got > 0) size += got;
        reply[size] = 0;
    } while (got > 0 && !(strstr(reply, "\r\n\r\n") && strlen(strstr(reply, "\r\n\r\n")) >= 6));
    ERR_clear_error();
    return got > 0 ? strstr(reply, "\r\n\r\n") + 4 : NULL;
}

static void line_close(struct peer_line *line)
{
    BIO_free_all(line->bio);
    SSL_CTX_free(line->ctx);
}

static const char *ask(const char *name)
{
    static char out[8];
    struct peer_line line = line_open(name, TLS1_3_VERSION, NULL);
    const char *said = line_ask(&line);
    snprintf(out, sizeof out, "%s", said ? said : "");
    line_close(&line);
    return out;
}

/* ---- */

static void what_is_good(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        enum client_state state;
    } ROWS[] = {
        {BY("maker") NO_CA "-subj /CN=name-b", CLIENT_GOOD},
        {BY("maker") NO_CA "-subj /CN=name-b -addext extendedKeyUsage=clientAuth", CLIENT_GOOD},
        {BY("maker") NO_CA "-subj /CN=lamp -addext subjectAltName=DNS:name-b", CLIENT_GOOD},
        {BY("maker") NO_CA "-subj /CN=name-b -addext subjectAltName=DNS:name-b,DNS:lamp",
         CLIENT_GOOD},
        {BY("maker") NO_CA "-subj /CN=name-b -addext subjectAltName=DNS:name-c", CLIENT_NAMELESS},
        {BY("maker") NO_CA "-subj /CN=name-b/CN=name-c", CLIENT_NAMELESS},
        {BY("maker") NO_CA "-subj /CN=lamp -addext subjectAltName=URI:name-b", CLIENT_NAMELESS},
        {BY("maker") NO_CA "-subj /OU=name-b", CLIENT_NAMELESS},
        {BY("maker") NO_CA "-subj /CN=name-b -addext extendedKeyUsage=serverAuth", CLIENT_PURPOSE},
        {BY("maker") NO_CA "-subj /CN=name-b -addext keyUsage=critical,keyEncipherment",
         CLIENT_PURPOSE},
        {BY("maker") "-subj /CN=name-b -addext basicConstraints=critical,CA:TRUE", CLIENT_PURPOSE},
        {BY("other") NO_CA "-subj /CN=name-b", CLIENT_UNTRUSTED},
        {BY("twin") NO_CA "-subj /CN=name-b", CLIENT_UNTRUSTED},
        {BY("a") NO_CA "-subj /CN=name-b", CLIENT_UNTRUSTED},
        {KEY "-subj /CN=name-b", CLIENT_UNTRUSTED},
    };
    assert_string_equal(ask(NULL), "0.");
    assert_string_equal(ask("a"), "1a");
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        char expected[8];
        bool is_good = ROWS[i].state == CLIENT_GOOD;
        snprintf(expected, sizeof expected, "%d%c", ROWS[i].state, is_good ? 'b' : '.');
        make(ROWS[i].words, "b");
        assert_string_equal(ask("b"), expected);
    }
    assert_string_equal(ask("maker"), "4."); /* the CA itself: PURPOSE */
}

/* CAs in between are sent along, and only so many are followed. */
static void chains(void **state)
{
    (void)state;
    static const char *const CAS[] = {"maker", "m1", "m2", "m3", "m4"};
    for (int i = 1; i < 5; i++) {
        char words[500];
        snprintf(words, sizeof words, KEY "-CA %s.pem -CAkey %s.key -subj /CN=%s", CAS[i - 1],
                 CAS[i - 1], CAS[i]);
        make(words, CAS[i]);
    }
    make(BY("m3") NO_CA "-subj /CN=name-d", "d");
    assert_string_equal(ask("d"), "2.");
    assert_int_equal(run("cat m3.pem m2.pem m1.pem >> d.pem"), 0);
    assert_string_equal(ask("d"), "1d");
    make(BY("m4") NO_CA "-subj /CN=name-d", "d");
    assert_int_equal(run("cat m4.pem m3.pem m2.pem m1.pem >> d.pem"), 0);
    assert_string_equal(ask("d"), "2.");
}

static bool is_asked(const char *name)
{
    assert_int_equal(run("openssl s_client -connect 127.0.0.1:%u -servername %s </dev/null >seen",
                         http_port(server), name),
                     0);
    bool is_named = run("grep -A1 '^Acceptable client' seen | grep -q Maker") == 0;
    assert_int_equal(run("grep -q '^Requested Signature' seen") == 0, is_named);
    return is_named;
}

/* People's browsers are not asked where they name the certificate for them. */
static void who_is_asked(void **state)
{
    (void)state;
    char note[300];
    assert_true(is_asked("localhost"));
    assert_false(is_asked("web.example"));
    assert_int_equal(
        http_certificate(server, path("server.pem"), path("server.key"), note, sizeof note),
        GODWIT_OK);
    assert_true(is_asked("localhost"));
    assert_false(is_asked("web.example"));
    struct http_clients *next = clients_of("maker.pem", NULL);
    http_clients_change(server, next);
    http_clients_close(next);
    assert_true(is_asked("localhost"));
    assert_false(is_asked("web.example"));
}

/* Until each loop has taken it: the kernel spreads connections over both. */
static void change(const char *ca, const char *crl)
{
    http_clients_close(clients);
    clients = clients_of(ca, crl);
    http_clients_change(server, clients);
    for (unsigned i = 0; i < server->loops_count; i++)
        for (bool is_taken = false; !is_taken;) {
            pthread_mutex_lock(&server->loops[i]->mutex);
            is_taken = !server->loops[i]->clients_next;
            pthread_mutex_unlock(&server->loops[i]->mutex);
        }
    for (unsigned i = 0; i < 40; i++) { /* what the loops took they also hold by now */
        struct peer_line line = line_open(NULL, TLS1_3_VERSION, NULL);
        (void)line_ask(&line);
        line_close(&line);
    }
}

static void a_connection_does_not_outlive_a_change(void **state)
{
    (void)state;
    change("maker.pem", NULL);
    struct peer_line line = line_open("a", TLS1_3_VERSION, NULL),
                     nobody = line_open(NULL, TLS1_3_VERSION, NULL);
    assert_string_equal(line_ask(&line), "1a");
    assert_string_equal(line_ask(&line), "1a");
    assert_string_equal(line_ask(&nobody), "0.");
    change("maker.pem", "maker-none.crl");
    assert_string_equal(line_ask(&line), "6.");
    assert_null(line_ask(&line));
    assert_string_equal(line_ask(&nobody), "0.");
    line_close(&line);
    line_close(&nobody);
    assert_string_equal(ask("a"), "1a");
}

static void a_session_does_not_outlive_a_change(void **state)
{
    (void)state;
    const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        CASE(i);
        change("maker.pem", NULL);
        struct peer_line line = line_open("a", VERSIONS[i], NULL);
        assert_string_equal(line_ask(&line), "1a");
        SSL_SESSION *session = SSL_get1_session(ssl_of(&line));
        line_close(&line);
        line = line_open("a", VERSIONS[i], session);
        assert_string_equal(line_ask(&line), "1a");
        assert_true(SSL_session_reused(ssl_of(&line)));
        line_close(&line);
        change("other.pem", NULL);
        line = line_open("a", VERSIONS[i], session);
        assert_string_equal(line_ask(&line), "2.");
        assert_false(SSL_session_reused(ssl_of(&line)));
        /* What was refused stays so in its own sessions. */
        SSL_SESSION *bad = SSL_get1_session(ssl_of(&line));
        line_close(&line);
        line = line_open(NULL, VERSIONS[i], bad);
        assert_string_equal(line_ask(&line), "2.");
        assert_true(SSL_session_reused(ssl_of(&line)));
        line_close(&line);
        SSL_SESSION_free(session);
        SSL_SESSION_free(bad);
    }
    change("maker.pem", NULL);
}

static void revocations(void **state)
{
    (void)state;
    make(BY("maker") "-subj /CN=Middle", "middle");
    make(BY("middle") NO_CA "-subj /CN=name-e", "e");
    assert_int_equal(run("cat middle.pem >> e.pem"), 0);
    assert_string_equal(ask("e"), "1e");
    const char *const list = "openssl ca -config cnf -cert %s.pem -keyfile %s.key -revoke %s.pem "
                             "&& openssl ca -config cnf -cert %s.pem -keyfile %s.key -gencrl -out "
                             "%s.crl";
    assert_int_equal(run(list, "maker", "maker", "a", "maker", "maker", "first"), 0);
    change("maker.pem", "first.crl");
    assert_string_equal(ask("a"), "3.");
    assert_string_equal(ask("e"), "1e");
    /* A CA in between, and with it all that it signed. */
    assert_int_equal(run(list, "maker", "maker", "middle", "maker", "maker", "second"), 0);
    change("maker.pem", "second.crl");
    assert_string_equal(ask("e"), "3.");
    /* The same number of another CA is another certificate. */
    assert_int_equal(run("cat maker.pem twin.pem other.pem > all.pem; openssl ca -config cnf "
                         "-cert other.pem -keyfile other.key -gencrl -out others.crl"),
                     0);
    change("all.pem", "others.crl");
    assert_string_equal(ask("a"), "1a");
}

static void what_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *make, *ca, *crl, *note;
    } ROWS[] = {
        {"true", "nothing.pem", NULL, "can not be read"},
        {"true", "a.pem", NULL, "is no CA's (\"name-a\")"},
        {"cat maker.pem a.pem >t.pem", "t.pem", NULL, "no CA's"},
        {": >t.pem", "t.pem", NULL, "holds no certificate"},
        {"cat maker.pem >t.pem; head -c 300 other.pem >>t.pem", "t.pem", NULL, "damaged"},
        {"for i in $(seq 17); do cat maker.pem; done >t.pem", "t.pem", NULL, "17 CAs"},
        {"head -c 300000 /dev/zero >t.pem", "t.pem", NULL, "256 KiB"},
        {"true", "maker.pem", "maker.pem", "no revocation list"},
        {"true", "maker.pem", "twin-none.crl", "that no CA of the devices' signed"},
        {"cat maker-none.crl >t.crl; head -c 200 maker-none.crl >>t.crl", "maker.pem", "t.crl",
         "damaged"},
    };
    char note[300];
    struct http_clients *out = NULL;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        assert_int_equal(run("%s", ROWS[i].make), 0);
        const char *crl = ROWS[i].crl ? path(ROWS[i].crl) : NULL;
        assert_int_not_equal(
            http_clients_open(path(ROWS[i].ca), crl, take_name, note, sizeof note, &out),
            GODWIT_OK);
        if (!strstr(note, ROWS[i].note)) fail_msg("%s", note);
        assert_null(out);
    }
    /* Overdue, and all the same a list. */
    assert_int_equal(run("openssl ca -config cnf -cert maker.pem -keyfile maker.key -gencrl -out "
                         "old.crl -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z"),
                     0);
    struct http_clients *old = clients_of("maker.pem", "old.crl"),
                        *fresh = clients_of("maker.pem", "maker-none.crl");
    assert_true(http_clients_are_overdue(old));
    assert_false(http_clients_are_overdue(fresh));
    assert_false(http_clients_are_same(old, fresh));
    struct http_clients *again = clients_of("maker.pem", "old.crl");
    assert_true(http_clients_are_same(old, again));
    assert_true(http_clients_generation(old) != http_clients_generation(again));
    http_clients_close(old);
    http_clients_close(fresh);
    http_clients_close(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_good),
        cmocka_unit_test(chains),
        cmocka_unit_test(who_is_asked),
        cmocka_unit_test(a_connection_does_not_outlive_a_change),
        cmocka_unit_test(a_session_does_not_outlive_a_change),
        cmocka_unit_test(revocations),
        cmocka_unit_test(what_is_read),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
