/* What events.py runs against a server: listeners to the stream of events over TLS.
 *
 *   figure_events_load PORT CA PID LISTENERS TOKEN
 *
 * Opens streams until there are LISTENERS or one is refused; tells of one change in each of some
 * rounds, and of many while a few listeners do not read. Prints: how many listen; 1 where the next
 * one is refused by 503 with Retry-After; kilobytes of the server's memory for each; the fewest
 * that heard of a round's change; p50 and p99 of all, in seconds from the request's first byte; how
 * many of the slow were cut off, of how many; how many others lost anything. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define ROUNDS 6u
#define SLOW 8u
#define SLOW_BESIDE 100u /* who listens while the slow do not read */
#define SLOW_CHANGES 50u /* of 100 devices each: some 22 kB for each listener */
#define SLOW_READ_MAX (64u << 20)
#define WAIT_MS 60000 /* for one event: then it is lost */
#define LAST "\"object\":\"020000000064\""

struct listener {
    SSL *ssl;
    int fd;
    bool has_heard, is_closed;
    char tail[64]; /* of what came, for a marker in two reads */
};

static struct listener *listeners, slow[SLOW];
static uint32_t count;
static double *samples;
static size_t samples_count, samples_max;
static const char *token;
static int poller;

/* --- the wire ----------------------------------------------------------------------------- */

/* buffer: bytes that the kernel keeps for who does not read; 0: as many as it likes. */
/* The head and perhaps more; the text is ended by a NUL. */
static void ask(SSL *ssl, const char *request, char *reply, size_t size_max)
{
    int size = (int)strlen(request);
    must(SSL_write(ssl, request, size) == size, "the server closes");
    size_t got = 0;
    do {
        int more = SSL_read(ssl, reply + got, (int)(size_max - 1 - got));
        must(more > 0, "the server closes without a reply");
        got += (size_t)more;
        reply[got] = '\0';
    } while (!strstr(reply, "\r\n\r\n"));
}

/* Whether the stream is given; else reply has the refusal. */
static bool listen_to(SSL *ssl, char *reply, size_t size_max)
{
    char request[512];
    snprintf(request, sizeof request,
             "GET /api/v1/events/stream HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n",
             token);
    ask(ssl, request, reply, size_max);
    return !strncmp(reply, "HTTP/1.1 200", 12);
}

/* Retires all hundred devices that the filter finds, or one of them, or takes that back. */
static void change(SSL *admin, bool is_one, bool is_retired)
{
    char body[200], request[512], reply[4096];
    snprintf(body, sizeof body, "{\"filter\":\"id:%s%s\",\"retired\":%s}",
             is_one ? "020000000064" : "*", is_retired ? "" : " state:retired",
             is_retired ? "true" : "false");
    snprintf(request, sizeof request,
             "POST /api/v1/devices/edit HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             token, strlen(body), body);
    ask(admin, request, reply, sizeof reply);
    must(!strncmp(reply, "HTTP/1.1 200", 12), "the change was refused");
}

/* --- hearing ------------------------------------------------------------------------------- */

/* True: the marker has come now, for the first time in this round. */
static bool listener_hears(struct listener *listener)
{
    char text[sizeof listener->tail + 16385];
    size_t had = strlen(listener->tail);
    bool is_new = false;
    memcpy(text, listener->tail, had);
    for (;;) {
        int size = SSL_read(listener->ssl, text + had, 16384);
        if (size <= 0) {
            listener->is_closed = SSL_get_error(listener->ssl, size) != SSL_ERROR_WANT_READ;
            break;
        }
        text[had += (size_t)size] = '\0';
        is_new |= !listener->has_heard && strstr(text, LAST);
        listener->has_heard |= is_new;
        size_t keep = had < sizeof LAST - 2 ? had : sizeof LAST - 2;
        memmove(text, text + had - keep, keep);
        had = keep;
    }
    memcpy(listener->tail, text, had);
    listener->tail[had] = '\0';
    return is_new;
}

/* Until all of the first `many` have heard, or nothing came for long. How many have. */
static uint32_t round_hear(uint32_t many, double began_s)
{
    uint32_t heard = 0;
    while (heard < many) {
        struct epoll_event ready[256];
        int got = epoll_wait(poller, ready, 256, WAIT_MS);
        if (got <= 0) break;
        for (int i = 0; i < got; i++) {
            struct listener *listener = ready[i].data.ptr;
            if (listener_hears(listener)) {
                heard++;
                if (samples_count < samples_max) samples[samples_count++] = now_s() - began_s;
            }
            if (listener->is_closed) epoll_ctl(poller, EPOLL_CTL_DEL, listener->fd, NULL);
        }
    }
    for (uint32_t i = 0; i < count; i++)
        listeners[i].has_heard = false;
    return heard;
}

static bool listeners_open(uint32_t max, char *refusal, size_t size_max)
{
    for (count = 0; count < max; count++) {
        struct listener *listener = &listeners[count];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};
        listener->ssl = dial(count + 1, 0, &listener->fd);
        if (!listen_to(listener->ssl, refusal, size_max)) return false;
        must(fcntl(listener->fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
        must(!epoll_ctl(poller, EPOLL_CTL_ADD, listener->fd, &event), "epoll");
    }
    int fd;
    return listen_to(dial(count + 1, 0, &fd), refusal, size_max);
}

static void listeners_leave(uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        SSL_free(listeners[i].ssl);
        close(listeners[i].fd);
    }
}

/* --- the slow ------------------------------------------------------------------------------ */

static void slow_open(void)
{
    char reply[4096];
    for (uint32_t i = 0; i < SLOW; i++) {
        double until_s = now_s() + WAIT_MS / 1000; /* those that left are noticed soon */
        bool is_given = false;
        while (!is_given && now_s() < until_s) {
            slow[i].ssl = dial(i + 1, 2048, &slow[i].fd);
            is_given = listen_to(slow[i].ssl, reply, sizeof reply);
            if (!is_given) SSL_free(slow[i].ssl), close(slow[i].fd), usleep(20000);
        }
        must(is_given, "the room of those that left is not given to others");
    }
}

/* Whether the stream ends before it has told all: who keeps up hears the marker so many times. */
static bool slow_is_cut(struct listener *listener)
{
    struct timeval long_s = {.tv_sec = 40}; /* a comment comes every 15 s */
    double until_s = now_s() + WAIT_MS / 1000;
    uint32_t heard = 0;
    setsockopt(listener->fd, SOL_SOCKET, SO_RCVTIMEO, &long_s, sizeof long_s);
    for (size_t total = 0; total < SLOW_READ_MAX && heard < SLOW_CHANGES && now_s() < until_s;) {
        char text[16385];
        int size = SSL_read(listener->ssl, text, sizeof text - 1);
        if (size <= 0) return true;
        text[size] = '\0';
        total += (size_t)size;
        for (const char *at = text; (at = strstr(at, LAST)); at++)
            heard++;
    }
    return false;
}

static uint32_t slow_play(SSL *admin, uint32_t beside)
{
    uint32_t lost = 0;
    for (uint32_t i = 0; i < SLOW_CHANGES && !lost; i++) {
        double began_s = now_s();
        change(admin, false, i % 2 == 0);
        lost += beside - round_hear(beside, began_s);
    }
    return lost;
}

/* ------------------------------------------------------------------------------------------- */

static uint32_t rounds_play(SSL *admin)
{
    uint32_t fewest = count;
    samples = calloc(samples_max = (size_t)count * ROUNDS, sizeof *samples);
    for (uint32_t i = 0; i < ROUNDS && fewest == count; i++) { /* one that lost is told at once */
        double began_s = now_s();
        change(admin, true, i % 2 == 0);
        uint32_t heard = round_hear(count, began_s);
        if (heard < fewest) fewest = heard;
    }
    qsort(samples, samples_count, sizeof *samples, compare_doubles);
    must(samples_count > 0, "nobody hears of anything");
    return fewest;
}

int main(int argc, char **argv)
{
    must(argc == 6, "usage: PORT CA PID LISTENERS TOKEN");
    char refusal[4096];
    int fd;
    token = argv[5];
    uint32_t max = (uint32_t)strtoul(argv[4], NULL, 10);
    listeners = calloc(max, sizeof *listeners);
    poller = epoll_create1(EPOLL_CLOEXEC);
    load_open(argv[1], argv[2], 0);
    SSL *admin = dial(0, 0, &fd);
    long before_kb = memory_kb(argv[3]);
    bool is_more = listeners_open(max, refusal, sizeof refusal);
    bool is_refused =
        !is_more && !strncmp(refusal, "HTTP/1.1 503", 12) && strstr(refusal, "\r\nRetry-After: ");
    double kb = (double)(memory_kb(argv[3]) - before_kb) / count;
    uint32_t fewest = rounds_play(admin);
    uint32_t beside = count < SLOW_BESIDE ? count : SLOW_BESIDE, cut = 0;
    printf("%u %d %.1f %u %.3f %.3f ", count, is_refused, kb, fewest, samples[samples_count / 2],
           samples[samples_count * 99 / 100]);
    samples_max = 0;
    listeners_leave(beside, count);
    count = beside;
    slow_open();
    uint32_t lost = slow_play(admin, beside);
    for (uint32_t i = 0; i < SLOW; i++)
        cut += slow_is_cut(&slow[i]);
    printf("%u %u %u\n", cut, SLOW, lost);
    return 0;
}
