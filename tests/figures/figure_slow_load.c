/* What slow.py runs against a server: honest devices that check in at a fixed rate over kept TLS
 * connections, while slow clients of one kind hold as many connections as they get.
 *
 *   figure_slow_load PORT CA RATE SECONDS KIND COUNT
 *
 * KIND: none, handshake (a byte of a ClientHello now and then), head (a byte of a request's head),
 * body (a byte of a login's body), read (asks for much and reads nothing). COUNT of them, from
 * addresses of 512 each; who is closed comes again. Prints p99 of the honest check-ins in
 * milliseconds, how many of them were refused or cut off, and how many slow clients were open in
 * the end. The devices are those of wake.py. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "formats/checkin.h"

#define HONEST 200u
#define EACH_ADDRESS 512u
#define OPEN_EACH_US 1000     /* they are slow: a flood of new connections is figure siege's */
#define GATHER_S UINT64_C(40) /* they have so long to come, before anything is measured */
#define TIME_MAX_S 170

static const char *const KINDS[] = {"none", "handshake", "head", "body", "read"};
enum kind { NONE, HANDSHAKE, HEAD, BODY, READ, KIND_COUNT };

struct slow {
    int fd; /* -1: closed */
    SSL *ssl;
};

static SSL_CTX *tls;
static uint16_t port;
static enum kind kind;
static unsigned count;
static atomic_bool is_over;
static atomic_uint open_now, opened;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "figure_slow_load: %s\n", what);
    exit(2);
}

static void must(bool condition, const char *what)
{
    if (!condition) die(what);
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int dial(uint32_t address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)}, from = to;
    struct timeval patience = {.tv_sec = 5};
    int on = 1, small = 4096, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(address);
    from.sin_port = 0;
    if (fd < 0) return -1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (kind == READ && address > INADDR_LOOPBACK + 256)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (!bind(fd, (struct sockaddr *)&from, sizeof from) &&
        !connect(fd, (struct sockaddr *)&to, sizeof to))
        return fd;
    close(fd);
    return -1;
}

/* --- the slow ------------------------------------------------------------------------------ */

static void slow_close(struct slow *slow)
{
    if (slow->fd < 0) return;
    SSL_free(slow->ssl);
    close(slow->fd);
    slow->ssl = NULL;
    slow->fd = -1;
    open_now--;
}

/* What it sends at once; the rest comes a byte at a time. */
static bool begin(struct slow *slow)
{
    static const char *const starts[KIND_COUNT] = {
        [HEAD] = "GET /healthz HTTP/1.1\r\nHost: h\r\nX: ",
        [BODY] = "POST /api/v1/login HTTP/1.1\r\nHost: h\r\nContent-Length: 4000\r\n\r\n{",
        [READ] = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: h\r\n\r\n"
                 "GET /api/v1/openapi.json HTTP/1.1\r\nHost: h\r\n\r\n",
    };
    if (kind == HANDSHAKE) return send(slow->fd, "\x16\x03\x01\x02", 4, MSG_NOSIGNAL) == 4;
    slow->ssl = SSL_new(tls);
    if (!slow->ssl || SSL_set_fd(slow->ssl, slow->fd) != 1 || SSL_connect(slow->ssl) != 1)
        return false;
    int size = (int)strlen(starts[kind]);
    return SSL_write(slow->ssl, starts[kind], size) == size;
}

static void slow_open(struct slow *slow, unsigned number)
{
    slow->fd = dial(INADDR_LOOPBACK + 256 * (1 + number / EACH_ADDRESS));
    if (slow->fd < 0) return;
    open_now++;
    opened++;
    if (!begin(slow)) slow_close(slow);
    usleep(OPEN_EACH_US);
}

static bool is_closed(const struct slow *slow)
{
    struct pollfd look = {.fd = slow->fd, .events = POLLRDHUP};
    return poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void slow_turn(struct slow *slow)
{
    if (is_closed(slow))
        slow_close(slow);
    else if (kind == HANDSHAKE)
        (void)!send(slow->fd, "\x01", 1, MSG_NOSIGNAL);
    else if (kind != READ)
        (void)SSL_write(slow->ssl, "x", 1);
}

static void *be_slow(void *ctx)
{
    struct slow *all = calloc(count, sizeof *all);
    (void)ctx;
    for (unsigned i = 0; i < count; i++)
        all[i].fd = -1;
    while (!is_over) {
        for (unsigned i = 0; i < count && !is_over; i++) {
            if (all[i].fd < 0)
                slow_open(&all[i], i);
            else
                slow_turn(&all[i]);
        }
        usleep(200000);
    }
    return NULL; /* the end of the program closes them */
}

/* --- the honest ---------------------------------------------------------------------------- */

struct honest {
    SSL *ssl;
    char request[3072];
    int size;
};

/* As wake.py made it: SHA-256 of "wake device N". */
static void token_of(uint32_t number, char hex[static 65])
{
    struct godwit_hash hash;
    uint8_t digest[32];
    char name[32];
    snprintf(name, sizeof name, "wake device %u", number);
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, (const uint8_t *)name, strlen(name));
    must(godwit_hash_peek(&hash, digest) == GODWIT_OK, "no digest");
    godwit_hex_encode(digest, sizeof digest, hex);
}

static void honest_dial(struct honest *honest)
{
    int fd = dial(INADDR_LOOPBACK);
    honest->ssl = SSL_new(tls);
    must(fd >= 0 && honest->ssl && SSL_set_fd(honest->ssl, fd) == 1 &&
             SSL_connect(honest->ssl) == 1,
         "an honest device can not connect");
}

static void honest_open(struct honest *honest, uint32_t number)
{
    struct godwit_checkin checkin = {
        .device_id = {2, 0, 0, 0, (uint8_t)(number >> 8), (uint8_t)number},
        .agent_version = "0.2.0",
        .project = "wake",
        .version = "1.0.0",
        .slot = "ota_0",
        .chip_id = 5,
        .chip_revision = 3,
        .flash_size = 4194304,
        .slot_size = 1740800};
    char body[GODWIT_CHECKIN_REQUEST_MAX + 1], hex[65];
    size_t size;
    memset(checkin.image_sha256, 0x11, 32);
    memcpy(checkin.nonce, &number, sizeof number);
    must(!godwit_checkin_encode(&checkin, body, sizeof body, &size), "the check-in does not fit");
    token_of(number, hex);
    honest->size = snprintf(honest->request, sizeof honest->request,
                            "POST /v1/checkin HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
                            "Content-Length: %zu\r\n\r\n%.*s",
                            hex, size, (int)size, body);
    honest_dial(honest);
}

static bool check_in(struct honest *honest)
{
    char reply[4096];
    if (SSL_write(honest->ssl, honest->request, honest->size) == honest->size) {
        int size = SSL_read(honest->ssl, reply, sizeof reply);
        if (size > 12 && !strncmp(reply, "HTTP/1.1 200", 12)) return true;
    }
    honest_dial(honest);
    return false;
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* One after the other, each at its time; who is late because the one before was slow is late by the
 * clock that counts: from when it was due. */
static void play(struct honest *all, unsigned rate, unsigned seconds)
{
    unsigned asked = rate * seconds, refused = 0;
    uint32_t *times_us = calloc(asked, sizeof *times_us);
    uint64_t began_us = now_us();
    for (unsigned i = 0; i < asked; i++) {
        uint64_t due_us = began_us + (uint64_t)i * 1000000 / rate, at_us = now_us();
        if (at_us < due_us) usleep((useconds_t)(due_us - at_us));
        if (!check_in(&all[i % HONEST])) refused++;
        times_us[i] = (uint32_t)(now_us() - due_us);
    }
    qsort(times_us, asked, sizeof *times_us, compare);
    printf("%.1f %u %u %u\n", times_us[(uint64_t)asked * 99 / 100] / 1000.0, refused,
           (unsigned)open_now, (unsigned)opened);
}

int main(int argc, char **argv)
{
    static struct honest all[HONEST];
    struct rlimit files;
    pthread_t thread;
    must(argc == 7, "usage: PORT CA RATE SECONDS KIND COUNT");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    alarm(TIME_MAX_S);
    signal(SIGPIPE, SIG_IGN);
    port = (uint16_t)strtoul(argv[1], NULL, 10);
    count = (unsigned)strtoul(argv[6], NULL, 10);
    while (kind < KIND_COUNT && strcmp(KINDS[kind], argv[5]) != 0)
        kind++;
    must(kind < KIND_COUNT, "no such kind");
    tls = SSL_CTX_new(TLS_client_method());
    must(tls && SSL_CTX_load_verify_locations(tls, argv[2], NULL) == 1, "no CA");
    SSL_CTX_set_max_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    for (uint32_t i = 0; i < HONEST; i++)
        honest_open(&all[i], i + 1);
    must(kind == NONE || !pthread_create(&thread, NULL, be_slow, NULL), "no thread");
    uint64_t until_us = now_us() + GATHER_S * 1000000;
    while (kind != NONE && opened < count && now_us() < until_us)
        usleep(10000);
    play(all, (unsigned)strtoul(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10));
    is_over = true;
    fflush(stdout);
    _exit(0); /* the slow are in the middle of something */
}
