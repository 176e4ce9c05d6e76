/* The network port against a real nginx over TLS on loopback, with certificates made for this run:
 *   good       leaf signed by our CA, chain leaf + CA
 *   stranger   leaf signed by another CA, which is in the chain
 *   dressed_up leaf signed by another CA, but our CA's certificate stands in the chain
 *   elsewhere  leaf signed by our CA for another host                                            */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "ports/host/host_net.h"

#define BIG_SIZE (24u << 20)

enum site { GOOD, STRANGER, DRESSED_UP, ELSEWHERE, SITES_COUNT };
static const char *const SITE_NAMES[] = {"good", "stranger", "dressed_up", "elsewhere"};

static char folder[64];
static int ports[SITES_COUNT];
static pid_t nginx = -1;

/* ── the peer ──────────────────────────────────────────────────────────────────────────────── */

static const char CERTIFICATES[] =
    "set -e\n"
    "ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 "
    "  -keyout $1.key -out $1.crt -subj \"/CN=$1\" -addext basicConstraints=critical,CA:TRUE; }\n"
    "leaf() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key "
    "    -out $1.csr -subj \"/CN=$1\"\n"
    "  printf 'subjectAltName=%s\\n' \"$3\" >$1.ext\n"
    "  openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial -days 9 "
    "    -extfile $1.ext -out $1.crt; }\n"
    "ca ours; ca other\n"
    "leaf good ours IP:127.0.0.1; cat good.crt ours.crt >good.pem\n"
    "leaf stranger other IP:127.0.0.1; cat stranger.crt other.crt >stranger.pem\n"
    "cp stranger.key dressed_up.key; cat stranger.crt other.crt ours.crt >dressed_up.pem\n"
    "leaf elsewhere ours DNS:elsewhere.example; cat elsewhere.crt ours.crt >elsewhere.pem\n"
    "mkdir -p www\n";

static const char LOCATIONS[] =
    "    location /busy { add_header Retry-After 7 always; return 503; }\n"
    "    location /echo { return 200 "
    "\"$request_method|$http_authorization|$http_range|$http_if_range|$content_type|$connection\"; "
    "}\n"
    "    location /torn { return 444; }\n";

static void run_in_folder(const char *script)
{
    char command[128], path[128];
    snprintf(path, sizeof path, "%s/setup.sh", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(script, file);
    fclose(file);
    snprintf(command, sizeof command, "cd %s && sh setup.sh >setup.log 2>&1", folder);
    assert_int_equal(system(command), 0);
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    close(fd);
    return ntohs(address.sin_port);
}

static bool port_answers(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool answers = !connect(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    return answers;
}

static void config_write(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/nginx.conf", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "daemon off; master_process off; pid %s/pid; error_log stderr;\n"
            "events {}\nhttp {\n  access_log off; default_type text/plain;\n"
            "  client_body_temp_path %s/tmp;\n",
            folder, folder);
    for (int i = 0; i < SITES_COUNT; i++)
        fprintf(file,
                "  server {\n    listen 127.0.0.1:%d ssl; root %s/www;\n"
                "    ssl_certificate %s/%s.pem; ssl_certificate_key %s/%s.key;\n%s  }\n",
                ports[i], folder, folder, SITE_NAMES[i], folder, SITE_NAMES[i], LOCATIONS);
    fputs("}\n", file);
    fclose(file);
}

static void big_write(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/www/big", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (uint32_t i = 0; i < BIG_SIZE / 4; i++)
        fwrite(&i, 4, 1, file);
    fclose(file);
}

static int peer_start(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/godwit-net-XXXXXX");
    assert_non_null(mkdtemp(folder));
    run_in_folder(CERTIFICATES);
    big_write();
    for (int i = 0; i < SITES_COUNT; i++)
        ports[i] = free_port();
    config_write();
    char config[128], log[128];
    snprintf(config, sizeof config, "%s/nginx.conf", folder);
    snprintf(log, sizeof log, "%s/nginx.log", folder);
    nginx = fork();
    if (!nginx) {
        if (!freopen(log, "w", stderr)) _exit(126);
        execlp("nginx", "nginx", "-c", config, (char *)NULL);
        execl("/usr/sbin/nginx", "nginx", "-c", config, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 100 && !port_answers(ports[SITES_COUNT - 1]); i++)
        usleep(50000);
    return !port_answers(ports[GOOD]);
}

static int peer_stop(void **state)
{
    (void)state;
    kill(nginx, SIGTERM);
    waitpid(nginx, NULL, 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* ── the device's side ─────────────────────────────────────────────────────────────────────── */

struct client {
    struct host_net_pool *pool;
    struct host_net net;
    char url[64], ca[128];
};

/* The SHA-256 of a certificate's SPKI, as a claim token carries it. */
static struct host_trust trust_by_spki(const char *certificate)
{
    struct host_trust trust = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/%s.crt", folder, certificate);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    X509 *cert = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    SHA256(der, (size_t)size, trust.ca_sha256[0]);
    OPENSSL_free(der);
    X509_free(cert);
    return trust;
}

static void client_open(struct client *client, enum site site, const struct host_trust *trust)
{
    snprintf(client->url, sizeof client->url, "https://127.0.0.1:%d", ports[site]);
    struct host_net_config config = {.url = client->url, .trust = *trust};
    client->pool = host_net_pool_open(&config);
    assert_non_null(client->pool);
    host_net_init(&client->net, client->pool);
}

static void client_close(struct client *client)
{
    client->net.port.close(client->net.port.ctx);
    host_net_pool_close(client->pool);
}

/* Reads up to size_max bytes; the final code, and the bytes read in *size_out. */
static godwit_err client_ask(struct client *client, const struct godwit_request *request,
                             char *data, size_t size_max, size_t *size_out,
                             struct godwit_answer *answer)
{
    const struct godwit_net *net = &client->net.port;
    *size_out = 0;
    godwit_err err = net->start(net->ctx, request);
    while (!err && *size_out < size_max) {
        size_t size;
        err = net->read(net->ctx, (uint8_t *)data + *size_out, size_max - *size_out, &size, answer);
        *size_out += size;
        if (!err && !size) host_net_pool_run(client->pool, 100);
    }
    return err;
}

static godwit_err status_of(enum site site, const struct host_trust *trust, int *status_out)
{
    struct client client;
    char data[256];
    size_t size;
    struct godwit_answer answer = {0};
    const struct godwit_request request = {.method = "GET", .path = "/echo"};
    client_open(&client, site, trust);
    godwit_err err = client_ask(&client, &request, data, sizeof data, &size, &answer);
    *status_out = answer.status;
    client_close(&client);
    return err;
}

/* ── the tests ─────────────────────────────────────────────────────────────────────────────── */

static void assert_starts_with(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start))) fail_msg("'%s' does not start with '%s'", text, start);
}

static void test_trust_by_spki(void **state)
{
    (void)state;
    static const struct {
        enum site site;
        const char *known; /* whose key the device knows */
        bool is_trusted;
    } ROWS[] = {
        {GOOD, "ours", true},       {GOOD, "other", false},      {STRANGER, "ours", false},
        {STRANGER, "other", true},  {DRESSED_UP, "ours", false}, {DRESSED_UP, "other", true},
        {ELSEWHERE, "ours", false}, {GOOD, "good", false}, /* the leaf's key is no CA's */
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct host_trust trust = trust_by_spki(ROWS[i].known);
        int status;
        godwit_err err = status_of(ROWS[i].site, &trust, &status);
        if ((err == GODWIT_ERR_END && status == 200) != ROWS[i].is_trusted)
            fail_msg("site %s, known %s: err %d, status %d", SITE_NAMES[ROWS[i].site],
                     ROWS[i].known, err, status);
        if (!ROWS[i].is_trusted) assert_int_equal(err, GODWIT_ERR_NET);
    }
}

static void test_trust_by_file(void **state)
{
    (void)state;
    char ca[128];
    int status;
    struct host_trust trust = {.ca_path = ca};
    snprintf(ca, sizeof ca, "%s/ours.crt", folder);
    assert_int_equal(status_of(GOOD, &trust, &status), GODWIT_ERR_END);
    assert_int_equal(status, 200);
    assert_int_equal(status_of(STRANGER, &trust, &status), GODWIT_ERR_NET);
    assert_int_equal(status_of(DRESSED_UP, &trust, &status), GODWIT_ERR_NET);
    assert_int_equal(status_of(ELSEWHERE, &trust, &status), GODWIT_ERR_NET);
}

static void test_request_and_answer(void **state)
{
    (void)state;
    struct host_trust trust = trust_by_spki("ours");
    struct client client;
    char data[512];
    size_t size;
    struct godwit_answer answer;
    client_open(&client, GOOD, &trust);

    const struct godwit_request post = {
        .method = "POST", .path = "/echo", .bearer = "abc", .body = "{}", .body_size = 2};
    assert_int_equal(client_ask(&client, &post, data, sizeof data, &size, &answer), GODWIT_ERR_END);
    data[size] = '\0';
    assert_starts_with(data, "POST|Bearer abc|||application/json|");
    assert_int_equal(answer.content_length, size);
    char connection[16];
    snprintf(connection, sizeof connection, "%s", strrchr(data, '|'));

    const struct godwit_request range = {
        .method = "GET", .path = "/echo", .use_range = true, .range_from = 5, .if_range = "e"};
    assert_int_equal(client_ask(&client, &range, data, sizeof data, &size, &answer),
                     GODWIT_ERR_END);
    data[size] = '\0';
    assert_starts_with(data, "GET||bytes=5-|\"e\"||");
    /* nginx numbers connections: the second request came over the first one's. */
    assert_string_equal(strrchr(data, '|'), connection);

    const struct godwit_request busy = {.method = "GET", .path = "/busy"};
    assert_int_equal(client_ask(&client, &busy, data, sizeof data, &size, &answer), GODWIT_ERR_END);
    assert_int_equal(answer.status, 503);
    assert_int_equal(answer.retry_after_s, 7);
    assert_string_equal(client.net.failure, "the server answered 503");

    const struct godwit_request torn = {.method = "GET", .path = "/torn"};
    assert_int_equal(client_ask(&client, &torn, data, sizeof data, &size, &answer), GODWIT_ERR_NET);
    assert_true(client.net.failure[0]);
    client_close(&client);
}

static void test_content_range(void **state)
{
    (void)state;
    struct host_trust trust = trust_by_spki("ours");
    struct client client;
    char data[64];
    size_t size;
    struct godwit_answer answer;
    client_open(&client, GOOD, &trust);
    const struct godwit_request request = {
        .method = "GET", .path = "/big", .use_range = true, .range_from = BIG_SIZE - 8};
    assert_int_equal(client_ask(&client, &request, data, sizeof data, &size, &answer),
                     GODWIT_ERR_END);
    assert_int_equal(answer.status, 206);
    assert_int_equal(answer.range_from, BIG_SIZE - 8);
    assert_int_equal(answer.range_total, BIG_SIZE);
    assert_int_equal(answer.content_length, 8);
    assert_int_equal(size, 8);
    assert_int_equal(godwit_load32((uint8_t *)data), BIG_SIZE / 4 - 2);

    const struct godwit_request beyond = {
        .method = "GET", .path = "/big", .use_range = true, .range_from = BIG_SIZE};
    assert_int_equal(client_ask(&client, &beyond, data, 1, &size, &answer), GODWIT_OK);
    assert_int_equal(answer.status, 416);
    client_close(&client);
}

/* A reader that stops holds the sender back instead of filling memory, and loses nothing. */
static void test_back_pressure(void **state)
{
    (void)state;
    struct host_trust trust = trust_by_spki("ours");
    struct client client;
    static uint8_t data[4096];
    struct godwit_answer answer;
    struct rusage before, after;
    const struct godwit_request request = {.method = "GET", .path = "/big"};
    client_open(&client, GOOD, &trust);
    const struct godwit_net *net = &client.net.port;
    assert_int_equal(net->start(net->ctx, &request), GODWIT_OK);
    for (int i = 0; i < 20; i++)
        host_net_pool_run(client.pool, 10);
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 50; i++)
        host_net_pool_run(client.pool, 10); /* nobody reads */
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 4096); /* KiB; the file has 24 MiB */

    uint32_t expected = 0;
    godwit_err err = GODWIT_OK;
    while (!err) {
        size_t size;
        err = net->read(net->ctx, data, sizeof data, &size, &answer);
        assert_int_equal(size % 4, 0);
        for (size_t i = 0; i < size; i += 4)
            if (godwit_load32(data + i) != expected++) fail_msg("byte %u differs", expected * 4);
        if (!err && !size) host_net_pool_run(client.pool, 100);
    }
    assert_int_equal(err, GODWIT_ERR_END);
    assert_int_equal(expected, BIG_SIZE / 4);
    client_close(&client);
}

static void test_close_in_the_middle(void **state)
{
    (void)state;
    struct host_trust trust = trust_by_spki("ours");
    struct client client;
    char data[4096];
    size_t size;
    struct godwit_answer answer;
    const struct godwit_request big = {.method = "GET", .path = "/big"};
    const struct godwit_request echo = {.method = "GET", .path = "/echo"};
    client_open(&client, GOOD, &trust);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(client_ask(&client, &big, data, sizeof data, &size, &answer), GODWIT_OK);
        client.net.port.close(client.net.port.ctx);
        client.net.port.close(client.net.port.ctx);
        assert_int_equal(
            client.net.port.read(client.net.port.ctx, (uint8_t *)data, 1, &size, &answer),
            GODWIT_ERR_NET);
        assert_int_equal(client_ask(&client, &echo, data, sizeof data, &size, &answer),
                         GODWIT_ERR_END);
        assert_starts_with(data, "GET|");
    }
    client_close(&client);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    struct host_trust trust = trust_by_spki("ours");
    int kept = ports[GOOD], status;
    ports[GOOD] = free_port();
    assert_int_equal(status_of(GOOD, &trust, &status), GODWIT_ERR_NET);
    ports[GOOD] = kept;
}

static void test_token(void **state)
{
    (void)state;
    struct host_trust trust;
    static const char GOOD_TOKEN[] = "gw1.x.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    assert_int_equal(host_trust_from_token(&trust, GOOD_TOKEN), GODWIT_OK);
    for (uint8_t i = 0; i < 32; i++)
        assert_int_equal(trust.ca_sha256[0][i], i);
    static const char *const BAD[] = {"",
                                      "gw1",
                                      "gw1.",
                                      "gw1..AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                                      "gw2.x.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                                      "gw1.x.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh",
                                      "gw1.x.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh88",
                                      "gw1.x.+AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_int_equal(host_trust_from_token(&trust, BAD[i]), GODWIT_ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_trust_by_spki),
        cmocka_unit_test(test_trust_by_file),
        cmocka_unit_test(test_request_and_answer),
        cmocka_unit_test(test_content_range),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_close_in_the_middle),
        cmocka_unit_test(test_nobody_listens),
    };
    return cmocka_run_group_tests(tests, peer_start, peer_stop);
}
