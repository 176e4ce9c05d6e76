/* What slow.py runs against a server: honest devices that check in at a fixed rate, while slow
 * clients of one kind hold as many connections as they get.
 *
 *   figure_slow_load PORT CA RATE SECONDS KIND COUNT
 *
 * KIND: none, handshake (a byte of a ClientHello each second), head (the same of a request's head),
 * body (of a login's body), read (asks for much and reads nothing). COUNT of them, from addresses
 * of 512 each; who is closed comes again, a thousand a second in all.
 *
 * The honest keep their TLS connection and make a new one each tenth time, with the session of the
 * one before, as devices do. No client waits for another: each is a state on a poller. A latency
 * counts from when the check-in was due, connection and handshake included; who is still busy by
 * then is late by the clock that counts.
 *
 * Prints p99 of the honest check-ins in milliseconds, how many of them were refused or cut off, and
 * how many slow clients were open in the end and in all. The devices are those of wake.py. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "formats/checkin.h"

#define HONEST 1000u
#define RECONNECT_EACH 10u
#define EACH_ADDRESS 512u
#define OPEN_EACH_S 1000u     /* they are slow: a flood of new connections is figure siege's */
#define GATHER_S UINT64_C(40) /* they have so long to come, before anything is measured */
#define LATE_S UINT64_C(20)   /* who is not answered by then never will be */
#define EVENTS 256
#define TIME_MAX_S 170

static const char *const KINDS[] = {"none", "handshake", "head", "body", "read"};
enum kind { NONE, HANDSHAKE, HEAD, BODY, READ, KIND_COUNT };

enum state { CLOSED, CONNECTING, ASKING, OPEN };

struct client {
    int fd;
    SSL *ssl;
    enum state state;
};

static SSL_CTX *tls;
static uint16_t port;
static enum kind kind;
static unsigned count;
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

/* --- any client ---------------------------------------------------------------------------- */

static int dial(uint32_t address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)}, from = to;
    int on = 1, small = 4096;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(address);
    from.sin_port = 0;
    if (fd < 0) return -1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (kind == READ && address > INADDR_LOOPBACK + 255)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (!bind(fd, (struct sockaddr *)&from, sizeof from) &&
        (!connect(fd, (struct sockaddr *)&to, sizeof to) || errno == EINPROGRESS))
        return fd;
    close(fd);
    return -1;
}

static void client_close(struct client *client)
{
    if (client->state == CLOSED) return;
    SSL_free(client->ssl);
    close(client->fd);
    client->ssl = NULL;
    client->state = CLOSED;
}

/* On the poller it comes up at each change. */
static bool client_open(struct client *client, uint32_t address, bool has_tls, int poller)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = client};
    client->fd = dial(address);
    if (client->fd < 0) return false;
    client->state = CONNECTING;
    client->ssl = has_tls ? SSL_new(tls) : NULL;
    if (!epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &event) &&
        (!has_tls || (client->ssl && SSL_set_fd(client->ssl, client->fd) == 1)))
        return true;
    client_close(client);
    return false;
}

static bool is_unfinished(const SSL *ssl, int result)
{
    int code = SSL_get_error(ssl, result);
    return code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE;
}

/* --- the slow ------------------------------------------------------------------------------ */

/* What it sends at once; the rest comes a byte at a time. */
static bool begin(struct client *slow)
{
    static const char *const starts[KIND_COUNT] = {
        [HEAD] = "GET /healthz HTTP/1.1\r\nHost: h\r\nX: ",
        [BODY] = "POST /api/v1/login HTTP/1.1\r\nHost: h\r\nContent-Length: 4000\r\n\r\n{",
        [READ] = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: h\r\n\r\n"
                 "GET /api/v1/openapi.json HTTP/1.1\r\nHost: h\r\n\r\n",
    };
    if (kind == HANDSHAKE) return send(slow->fd, "\x16\x03\x01\x02", 4, MSG_NOSIGNAL) == 4;
    int size = (int)strlen(starts[kind]);
    return SSL_write(slow->ssl, starts[kind], size) == size;
}

static void slow_close(struct client *slow)
{
    if (slow->state == CLOSED) return;
    client_close(slow);
    open_now--;
}

static void slow_event(struct client *slow, uint32_t events)
{
    if (slow->state == CLOSED) return;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        slow_close(slow);
        return;
    }
    if (slow->state != CONNECTING) return;
    int result = kind == HANDSHAKE ? 1 : SSL_connect(slow->ssl);
    if (result != 1 && is_unfinished(slow->ssl, result)) return;
    slow->state = OPEN;
    if (result != 1 || !begin(slow)) slow_close(slow);
}

static void trickle(struct client *slow)
{
    if (slow->state != OPEN || kind == READ) return;
    if (kind == HANDSHAKE)
        (void)!send(slow->fd, "\x01", 1, MSG_NOSIGNAL);
    else
        (void)SSL_write(slow->ssl, "x", 1);
}

/* The next that is closed, from where the last one was. */
static void open_next(struct client *all, unsigned *at, int poller)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned number = (*at)++ % count;
        if (all[number].state != CLOSED) continue;
        uint32_t address = INADDR_LOOPBACK + 256 * (1 + number / EACH_ADDRESS);
        if (!client_open(&all[number], address, kind != HANDSHAKE, poller)) return;
        open_now++;
        opened++;
        return;
    }
}

static void *be_slow(void *ctx)
{
    struct client *all = calloc(count, sizeof *all);
    struct epoll_event events[EVENTS];
    int poller = epoll_create1(EPOLL_CLOEXEC);
    unsigned at = 0;
    uint64_t begun_us = now_us(), dialled = 0, trickled = 0;
    must(all && poller >= 0, "no memory");
    for (;;) {
        int got = epoll_wait(poller, events, EVENTS, 1);
        for (int i = 0; i < got; i++)
            slow_event(events[i].data.ptr, events[i].events);
        uint64_t ms = (now_us() - begun_us) / 1000;
        for (; dialled < ms * OPEN_EACH_S / 1000; dialled++)
            open_next(all, &at, poller);
        for (; trickled < ms * count / 1000; trickled++) /* each once a second */
            trickle(&all[trickled % count]);
    }
    return ctx; /* the end of the program closes them */
}

/* --- the honest ---------------------------------------------------------------------------- */

struct honest {
    struct client client; /* first */
    SSL_SESSION *session;
    unsigned asked;
    unsigned owed; /* check-ins that are due and not answered; the first since due_us */
    uint64_t due_us;
    char request[3072];
    int size;
};

struct play {
    struct honest *all;
    int poller;
    uint64_t period_us; /* of one device */
    unsigned refused, answered;
    uint32_t *times_us;
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

static void honest_write(struct honest *honest, uint32_t number)
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
}

static void honest_fail(struct play *play, struct honest *honest);

static void honest_ask(struct play *play, struct honest *honest)
{
    honest->client.state = ASKING;
    if (SSL_write(honest->client.ssl, honest->request, honest->size) != honest->size)
        honest_fail(play, honest);
}

static void honest_dial(struct play *play, struct honest *honest)
{
    must(client_open(&honest->client, INADDR_LOOPBACK, true, play->poller),
         "an honest device can not connect");
    if (honest->session) SSL_set_session(honest->client.ssl, honest->session);
    (void)SSL_connect(honest->client.ssl); /* the poller tells how it goes on */
}

/* Whoever is refused comes again at once: its check-in is still due. */
static void honest_fail(struct play *play, struct honest *honest)
{
    play->refused++;
    client_close(&honest->client);
    if (honest->owed) honest_dial(play, honest);
}

static void honest_due(struct play *play, struct honest *honest, uint64_t due_us)
{
    if (honest->owed++) return;
    honest->due_us = due_us;
    if (++honest->asked % RECONNECT_EACH == 0) client_close(&honest->client);
    if (honest->client.state == CLOSED)
        honest_dial(play, honest);
    else
        honest_ask(play, honest);
}

static void honest_answered(struct play *play, struct honest *honest)
{
    uint64_t at_us = now_us();
    for (unsigned i = 0; i < honest->owed; i++)
        play->times_us[play->answered++] = (uint32_t)(at_us - honest->due_us - i * play->period_us);
    honest->owed = 0;
    honest->client.state = OPEN;
}

static void honest_event(struct play *play, struct honest *honest)
{
    struct client *client = &honest->client;
    char reply[4096];
    if (client->state == CONNECTING) {
        int result = SSL_connect(client->ssl);
        if (result != 1 && is_unfinished(client->ssl, result)) return;
        if (result != 1) {
            honest_fail(play, honest);
            return;
        }
        SSL_SESSION_free(honest->session);
        honest->session = SSL_get1_session(client->ssl);
        honest_ask(play, honest);
    }
    if (client->state != ASKING && client->state != OPEN) return;
    int size = SSL_read(client->ssl, reply, sizeof reply);
    if (size <= 0 && is_unfinished(client->ssl, size)) return;
    if (client->state == ASKING && size > 12 && !strncmp(reply, "HTTP/1.1 200", 12))
        honest_answered(play, honest);
    else
        honest_fail(play, honest);
}

static void play_events(struct play *play)
{
    struct epoll_event events[EVENTS];
    int got = epoll_wait(play->poller, events, EVENTS, 1);
    for (int i = 0; i < got; i++)
        honest_event(play, events[i].data.ptr);
}

/* So many check-ins, each at its time. */
static void play_run(struct play *play, unsigned rate, unsigned asked)
{
    uint64_t began_us = now_us(), until_us = began_us + (asked / rate + LATE_S) * 1000000;
    play->answered = 0;
    play->period_us = (uint64_t)HONEST * 1000000 / rate;
    for (unsigned sent = 0; play->answered < asked && now_us() < until_us;) {
        for (; sent < asked; sent++) {
            uint64_t due_us = began_us + (uint64_t)sent * 1000000 / rate;
            if (due_us > now_us()) break;
            honest_due(play, &play->all[sent % HONEST], due_us);
        }
        play_events(play);
    }
    play->refused += asked - play->answered;
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* --- all ----------------------------------------------------------------------------------- */

static void setup(char **argv)
{
    struct rlimit files;
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
}

int main(int argc, char **argv)
{
    static struct honest all[HONEST];
    struct play play = {.all = all, .poller = epoll_create1(EPOLL_CLOEXEC)};
    pthread_t thread;
    must(argc == 7, "usage: PORT CA RATE SECONDS KIND COUNT");
    setup(argv);
    unsigned rate = (unsigned)strtoul(argv[3], NULL, 10);
    unsigned asked = rate * (unsigned)strtoul(argv[4], NULL, 10);
    play.times_us = calloc(asked + HONEST, sizeof *play.times_us);
    must(play.times_us && play.poller >= 0, "no memory");
    for (uint32_t i = 0; i < HONEST; i++) {
        honest_write(&all[i], i + 1);
        all[i].asked = i;
    }
    play_run(&play, HONEST / 4, HONEST); /* all are connected, and known to the server */
    must(play.refused == 0, "an honest device is refused before anybody is slow");
    must(kind == NONE || !pthread_create(&thread, NULL, be_slow, NULL), "no thread");
    uint64_t until_us = now_us() + GATHER_S * 1000000;
    while (kind != NONE && opened < count && now_us() < until_us)
        usleep(10000);
    play_run(&play, rate, asked);
    qsort(play.times_us, play.answered, sizeof *play.times_us, compare);
    if (getenv("DIST"))
        for (int q = 0; q <= 100; q += 10)
            fprintf(stderr, "%d%%: %.1f ms\n", q,
                    play.times_us[(uint64_t)(play.answered - 1) * (unsigned)q / 100] / 1000.0);
    printf("%.1f %u %u %u\n", play.times_us[(uint64_t)play.answered * 99 / 100] / 1000.0,
           play.refused, (unsigned)open_now, (unsigned)opened);
    fflush(stdout);
    _exit(0); /* the slow are in the middle of something */
}
