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
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls_client.h"

#define HONEST 1000u
#define RECONNECT_EACH 10u
#define EACH_ADDRESS 512u
#define OPEN_EACH_S 1000u     /* they are slow: a flood of new connections is figure siege's */
#define GATHER_S UINT64_C(40) /* they have so long to come, before anything is measured */
#define LATE_S UINT64_C(20)   /* who is not answered by then never will be */
#define EVENTS 256
#define SMALL 4096 /* bytes that a reader takes who reads nothing */
#define TIME_MAX_S 170

static const char *const KINDS[] = {"none", "handshake", "head", "body", "read"};
enum kind { NONE, HANDSHAKE, HEAD, BODY, READ, KIND_COUNT };

static enum kind kind;
static unsigned count;
static atomic_uint open_now, opened;

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
    if (slow->state == CLIENT_CLOSED) return;
    client_close(slow);
    open_now--;
}

static void slow_event(struct client *slow, uint32_t events)
{
    if (slow->state == CLIENT_CLOSED) return;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        slow_close(slow);
        return;
    }
    if (slow->state != CLIENT_CONNECTING) return;
    int result = kind == HANDSHAKE ? 1 : SSL_connect(slow->ssl);
    if (result != 1 && client_is_unfinished(slow, result)) return;
    slow->state = CLIENT_OPEN;
    if (result != 1 || !begin(slow)) slow_close(slow);
}

static void trickle(struct client *slow)
{
    if (slow->state != CLIENT_OPEN || kind == READ) return;
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
        if (all[number].state != CLIENT_CLOSED) continue;
        uint32_t address = INADDR_LOOPBACK + 256 * (1 + number / EACH_ADDRESS);
        struct client *slow = &all[number];
        if (!client_open(slow, address, kind == READ ? SMALL : 0, poller)) return;
        open_now++;
        opened++;
        if (kind != HANDSHAKE && !client_begin_tls(slow)) slow_close(slow);
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

static void honest_fail(struct play *play, struct honest *honest);

static void honest_ask(struct play *play, struct honest *honest)
{
    honest->client.state = CLIENT_ASKING;
    if (SSL_write(honest->client.ssl, honest->request, honest->size) != honest->size)
        honest_fail(play, honest);
}

static void honest_dial(struct play *play, struct honest *honest)
{
    must(client_open(&honest->client, INADDR_LOOPBACK, 0, play->poller) &&
             client_begin_tls(&honest->client),
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
    if (honest->client.state == CLIENT_CLOSED)
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
    honest->client.state = CLIENT_OPEN;
}

static void honest_event(struct play *play, struct honest *honest)
{
    struct client *client = &honest->client;
    char reply[4096];
    if (client->state == CLIENT_CONNECTING) {
        int result = SSL_connect(client->ssl);
        if (result != 1 && client_is_unfinished(client, result)) return;
        if (result != 1) {
            honest_fail(play, honest);
            return;
        }
        SSL_SESSION_free(honest->session);
        honest->session = SSL_get1_session(client->ssl);
        honest_ask(play, honest);
    }
    if (client->state != CLIENT_ASKING && client->state != CLIENT_OPEN) return;
    int size = SSL_read(client->ssl, reply, sizeof reply);
    if (size <= 0 && client_is_unfinished(client, size)) return;
    if (client->state == CLIENT_ASKING && size > 12 && !strncmp(reply, "HTTP/1.1 200", 12))
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
    clients_setup(argv[1], argv[2], TIME_MAX_S);
    count = (unsigned)strtoul(argv[6], NULL, 10);
    while (kind < KIND_COUNT && strcmp(KINDS[kind], argv[5]) != 0)
        kind++;
    must(kind < KIND_COUNT, "no such kind");
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
        all[i].size = (int)checkin_of(i + 1, all[i].request, sizeof all[i].request);
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
    for (int q = 0; q <= 100; q += 10)
        fprintf(stderr, "%d%%: %.1f ms\n", q,
                play.times_us[(uint64_t)(play.answered - 1) * (unsigned)q / 100] / 1000.0);
    printf("%.1f %u %u %u\n", play.times_us[(uint64_t)play.answered * 99 / 100] / 1000.0,
           play.refused, (unsigned)open_now, (unsigned)opened);
    fflush(stdout);
    _exit(0); /* the slow are in the middle of something */
}
