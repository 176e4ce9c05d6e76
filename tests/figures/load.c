/* Clients that block; those on a poller are in tls_client.c. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define EACH_ADDRESS 2000u /* connections from one address of loopback */

static SSL_CTX *tls;
static uint16_t server_port;

void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    exit(2);
}

uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

double now_s(void)
{
    return (double)now_us() / 1e6;
}

void files_allow(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

void load_open(const char *port, const char *ca, int tls_max)
{
    files_allow();
    server_port = (uint16_t)strtoul(port, NULL, 10);
    tls = SSL_CTX_new(TLS_client_method());
    must(tls && SSL_CTX_load_verify_locations(tls, ca, NULL) == 1, "no CA");
    SSL_CTX_set_max_proto_version(tls, tls_max);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
}

SSL *dial(uint32_t number, int receive_size, int *fd_out)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server_port)}, from = to;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number / EACH_ADDRESS);
    from.sin_port = 0;
    must(fd >= 0, "no more files; raise the limit");
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (receive_size) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_size, sizeof receive_size);
    must(!bind(fd, (struct sockaddr *)&from, sizeof from), "bind");
    must(!connect(fd, (struct sockaddr *)&to, sizeof to), "connect");
    SSL *ssl = SSL_new(tls);
    must(ssl && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1, "no handshake");
    *fd_out = fd;
    return ssl;
}

long memory_kb(const char *pid)
{
    char path[64], line[128];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%s/status", pid);
    FILE *file = fopen(path, "re");
    must(file != NULL, "the server is gone");
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "VmRSS:", 6)) kb = strtol(line + 6, NULL, 10);
    fclose(file);
    return kb;
}

int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}
