/* The attackers of figure siege: each a few threads that do one thing again and again. They look at
 * replies only as far as the attack needs it. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "siege_load.h"

#define THREADS_MAX 64U
#define HELD_MAX 50U /* connections of one thread */

struct attacker {
    char source[20];
    const char *secret;
    uint32_t number, turn;
    struct peer peer, held[HELD_MAX];
    SSL_SESSION *session;
    unsigned sent, replies, refused;
};

static const char LOGIN[] = "POST /api/v1/login HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                            "Content-Type: application/json\r\n";

static void answered(struct attacker *attacker, bool came)
{
    attacker->sent++;
    attacker->replies += came;
    attacker->refused += came && attacker->peer.status >= 400;
}

/* --- one turn of each ---------------------------------------------------------------------- */

/* What a worker has, and behind it what is refused: the second must not hurt the first. The first
 * is a login, or a device's question for a file; TLS sessions are resumed, which lets more come. */
static void pipelined(struct attacker *attacker)
{
    static const char *const seconds[] = {
        "NONSENSE\r\n\r\n",
        "POST /api/v1/login HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        "PUT /api/v1/images HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n",
    };
    char request[8192];
    uint32_t turn = attacker->turn;
    int size = turn % 16 == 0 ? snprintf(request, sizeof request,
                                         "%sContent-Length: 37\r\n\r\n"
                                         "{\"user\":\"nobody\",\"password\":\"wrong!\"}",
                                         LOGIN)
                              : snprintf(request, sizeof request,
                                         "GET /v1/image/%064x HTTP/1.1\r\nHost: h\r\n"
                                         "Authorization: Bearer %s\r\n\r\n",
                                         turn, attacker->secret);
    size += snprintf(request + size, sizeof request - (size_t)size, "%s", seconds[turn / 2 % 4]);
    memset(request + size, 'x', 4000);
    if (!peer_open(&attacker->peer, attacker->source, attacker->session)) return;
    if (peer_send(&attacker->peer, request, (size_t)size + 4000 * (turn & 1))) {
        attacker->sent++;
        while (turn / 8 % 2 == 0 && peer_receive(&attacker->peer)) /* others leave, not listening */
            attacker->replies++;
    }
    SSL_SESSION_free(attacker->session);
    attacker->session = SSL_get1_session(attacker->peer.ssl);
    peer_close(&attacker->peer);
}

/* All of a thread's connections are open; those that were answered or closed are opened again. */
static void hold(struct attacker *attacker, unsigned count,
                 bool (*open_one)(struct attacker *, struct peer *))
{
    for (unsigned i = 0; i < count; i++) {
        struct peer *peer = &attacker->held[i];
        char byte;
        if (peer->fd >= 0 && recv(peer->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0) {
            attacker->refused++;
            peer_close(peer);
        }
        if (peer->fd >= 0) continue;
        attacker->sent++;
        if (!open_one(attacker, peer)) peer_close(peer);
    }
    sleep_us(200000);
}

static bool open_body(struct attacker *attacker, struct peer *peer)
{
    static const char *const heads[] = {
        "POST /api/v1/login HTTP/1.1\r\nHost: h\r\nContent-Length: 65000\r\n\r\n",
        "POST /api/v1/rollouts HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n",
        "PUT /api/v1/images HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n",
        "POST /v1/checkin HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nF000\r\n",
    };
    static char body[60000];
    const char *head = heads[attacker->turn++ % 4];
    return peer_open(peer, attacker->source, NULL) && peer_send(peer, head, strlen(head)) &&
           peer_send(peer, body, sizeof body);
}

static void bodies(struct attacker *attacker)
{
    hold(attacker, 8, open_body);
}

/* Half without TLS: they never get further than TCP. */
static bool open_idle(struct attacker *attacker, struct peer *peer)
{
    if (attacker->turn++ & 1) return peer_open(peer, attacker->source, NULL);
    peer->fd = tcp_open(attacker->source, 10);
    return peer->fd >= 0;
}

static void idle(struct attacker *attacker)
{
    hold(attacker, HELD_MAX, open_idle);
}

static bool open_slow(struct attacker *attacker, struct peer *peer)
{
    return peer_open(peer, attacker->source, NULL) &&
           peer_send(peer, "GET /healthz HTTP/1.1\r\nX: ", 26);
}

static void slow_heads(struct attacker *attacker)
{
    hold(attacker, 40, open_slow);
    for (unsigned i = 0; i < 40; i++)
        if (attacker->held[i].fd >= 0 && !peer_send(&attacker->held[i], "x", 1))
            peer_close(&attacker->held[i]);
}

static bool kept(struct attacker *attacker)
{
    if (attacker->peer.fd < 0 && !peer_open(&attacker->peer, attacker->source, NULL)) {
        sleep_us(20000);
        return false;
    }
    return true;
}

static void ask(struct attacker *attacker, const struct checkin_facts *facts)
{
    char request[2048];
    size_t size = checkin_write(request, sizeof request, facts);
    bool came = peer_send(&attacker->peer, request, size) && peer_receive(&attacker->peer);
    answered(attacker, came);
    if (!came) peer_close(&attacker->peer);
}

/* Claims that nobody made, each of another device. */
static void claims(struct attacker *attacker)
{
    char bearer[128], token[65];
    uint32_t number = 0x10000000 + (attacker->number << 20) + attacker->turn;
    snprintf(bearer, sizeof bearer, "gw1.%043x.%043x", number, number);
    snprintf(token, sizeof token, "%064x", number);
    struct checkin_facts facts = {
        .device = number, .nonce = attacker->turn, .bearer = bearer, .token = token};
    if (kept(attacker)) ask(attacker, &facts);
    sleep_us(2000);
}

/* Wrong passwords, one after another. */
static void logins(struct attacker *attacker)
{
    char request[512];
    int size = snprintf(request, sizeof request,
                        "%sContent-Length: 39\r\n\r\n{\"user\":\"admin\",\"password\":\"%08xx\"}",
                        LOGIN, attacker->turn);
    if (!kept(attacker)) return;
    bool came = peer_send(&attacker->peer, request, (size_t)size) && peer_receive(&attacker->peer);
    answered(attacker, came);
    if (!came) peer_close(&attacker->peer);
    if (came && attacker->peer.status == 429) sleep_us(100000);
}

/* One device that has joined reports another outcome each time. */
static void outcomes(struct attacker *attacker)
{
    struct checkin_facts facts = {.device = 1025,
                                  .outcome_id = attacker->turn + 1,
                                  .nonce = attacker->turn,
                                  .bearer = attacker->secret};
    if (kept(attacker)) ask(attacker, &facts);
    sleep_us(1000);
}

/* Whatever makes a line in the log. */
static void lines(struct attacker *attacker)
{
    static const char *const requests[] = {
        "NONSENSE\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST /v1/checkin HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\n\r\n",
    };
    const char *request = requests[attacker->turn % 3];
    if (!peer_open(&attacker->peer, attacker->source, NULL)) return;
    answered(attacker,
             peer_send(&attacker->peer, request, strlen(request)) && peer_receive(&attacker->peer));
    peer_close(&attacker->peer);
}

/* --- running ------------------------------------------------------------------------------- */

static const struct attack {
    const char *name;
    unsigned threads, addresses; /* from SOURCE upwards */
    void (*turn)(struct attacker *attacker);
} ATTACKS[] = {
    {"pipelined", 6, 1, pipelined},    {"bodies", 40, 4, bodies}, {"idle", 20, 4, idle},
    {"slow-heads", 10, 2, slow_heads}, {"claims", 4, 1, claims},  {"logins", 12, 1, logins},
    {"outcomes", 1, 1, outcomes},      {"lines", 4, 1, lines},
};

static struct attacker attackers[THREADS_MAX];
static const struct attack *attack;
static uint64_t end_us;
static unsigned count_least; /* connections or requests, of all threads; the time may be over */

static void *attack_thread(void *ctx)
{
    struct attacker *attacker = ctx;
    for (; now_us() < end_us || (count_least && attacker->sent <= count_least / attack->threads);
         attacker->turn++)
        attack->turn(attacker);
    SSL_SESSION_free(attacker->session);
    peer_close(&attacker->peer);
    for (unsigned i = 0; i < HELD_MAX; i++)
        peer_close(&attacker->held[i]);
    return NULL;
}

static void attacker_set(struct attacker *attacker, unsigned number, const char *source,
                         const char *secret)
{
    unsigned last = (unsigned)strtoul(strrchr(source, '.') + 1, NULL, 10);
    attacker->number = number;
    attacker->secret = secret;
    attacker->peer.fd = -1;
    for (unsigned i = 0; i < HELD_MAX; i++)
        attacker->held[i].fd = -1;
    snprintf(attacker->source, sizeof attacker->source, "127.0.0.%u",
             last + number % attack->addresses);
}

bool attack_run(const char *name, unsigned seconds, unsigned least, const char *source,
                const char *secret)
{
    pthread_t threads[THREADS_MAX];
    unsigned sent = 0, replies = 0, refused = 0;
    for (size_t i = 0; i < sizeof ATTACKS / sizeof *ATTACKS; i++)
        if (!strcmp(ATTACKS[i].name, name)) attack = &ATTACKS[i];
    if (!attack || !strrchr(source, '.')) return false;
    SSL_CTX_set_verify(client_ctx, SSL_VERIFY_NONE, NULL);
    count_least = least;
    end_us = now_us() + (uint64_t)seconds * 1000000;
    for (unsigned i = 0; i < attack->threads; i++) {
        attacker_set(&attackers[i], i, source, secret);
        if (pthread_create(&threads[i], NULL, attack_thread, &attackers[i])) exit(2);
    }
    for (unsigned i = 0; i < attack->threads; i++) {
        pthread_join(threads[i], NULL);
        sent += attackers[i].sent;
        replies += attackers[i].replies;
        refused += attackers[i].refused;
    }
    printf("attack=%s sent=%u replies=%u refused=%u\n", name, sent, replies, refused);
    return true;
}
