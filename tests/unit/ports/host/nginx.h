/* A real nginx over TLS on loopback, with certificates made for this run, and a device's port to
 * it: good       leaf signed by our CA, chain leaf + CA stranger   leaf signed by another CA, which
 * is in the chain dressed_up leaf signed by another CA, but our CA's certificate stands in the
 * chain elsewhere  leaf signed by our CA for another host */
#pragma once

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

enum site { GOOD, UNKNOWN, DRESSED_UP, ELSEWHERE, SITES_COUNT };
static const char *const SITE_NAMES[] = {"good", "stranger", "dressed_up", "elsewhere"};

static char folder[64];
static int ports[SITES_COUNT], plain_port; /* the latter without TLS, for mirrors */
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
    "    location /torn { return 444; }\n"
    "    location /moved { return 302 /echo; }\n"
    "    location /loop { return 302 /loop; }\n"
    "    location /to/ { return 307 $arg_to; }\n" /* nginx decodes nothing in it */
    "    location /tagged { add_header ETag '\"abc\"'; return 200; }\n";

static inline void run_in_folder(const char *script)
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

static inline int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    close(fd);
    return ntohs(address.sin_port);
}

static inline bool port_replies(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool replies = !connect(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    return replies;
}

static inline void config_write(void)
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
    fprintf(file, "  server {\n    listen 127.0.0.1:%d;\n%s  }\n", plain_port, LOCATIONS);
    fputs("}\n", file);
    fclose(file);
}

static inline void big_write(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/www/big", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (uint32_t i = 0; i < BIG_SIZE / 4; i++)
        fwrite(&i, 4, 1, file);
    fclose(file);
}

static inline int peer_start(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/godwit-net-XXXXXX");
    assert_non_null(mkdtemp(folder));
    run_in_folder(CERTIFICATES);
    big_write();
    for (int i = 0; i < SITES_COUNT; i++)
        ports[i] = free_port();
    plain_port = free_port();
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
    for (int i = 0; i < 100 && !port_replies(ports[SITES_COUNT - 1]); i++)
        usleep(50000);
    return !port_replies(ports[GOOD]);
}

static inline int peer_stop(void **state)
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
static inline struct host_trust trust_by_spki(const char *certificate)
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

static inline void client_open(struct client *client, enum site site,
                               const struct host_trust *trust)
{
    snprintf(client->url, sizeof client->url, "https://127.0.0.1:%d", ports[site]);
    struct host_net_config config = {.url = client->url, .trust = *trust};
    client->pool = host_net_pool_open(&config);
    assert_non_null(client->pool);
    host_net_init(&client->net, client->pool);
}

static inline void client_close(struct client *client)
{
    client->net.port.close(client->net.port.ctx);
    host_net_pool_close(client->pool);
}

/* Reads up to size_max bytes; the final code, and the bytes read in *size_out. */
static inline godwit_err client_call(struct client *client, const struct godwit_request *request,
                                     char *data, size_t size_max, size_t *size_out,
                                     struct godwit_reply *reply)
{
    const struct godwit_net *net = &client->net.port;
    *size_out = 0;
    godwit_err err = net->start(net->ctx, request);
    while (!err && *size_out < size_max) {
        size_t size;
        err = net->read(net->ctx, (uint8_t *)data + *size_out, size_max - *size_out, &size, reply);
        *size_out += size;
        if (!err && !size) host_net_pool_run(client->pool, 100);
    }
    return err;
}

static inline godwit_err status_of(enum site site, const struct host_trust *trust, int *status_out)
{
    struct client client;
    char data[256];
    size_t size;
    struct godwit_reply reply = {0};
    const struct godwit_request request = {.method = "GET", .path = "/echo"};
    client_open(&client, site, trust);
    godwit_err err = client_call(&client, &request, data, sizeof data, &size, &reply);
    *status_out = reply.status;
    client_close(&client);
    return err;
}

static inline void assert_starts_with(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start))) fail_msg("'%s' does not start with '%s'", text, start);
}
