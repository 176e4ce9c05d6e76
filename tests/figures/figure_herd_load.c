/* What herd.py runs against a server, several at once: devices that all come back within seconds,
 * each over a new TLS connection with a full handshake, because a server that was started again
 * knows none of their sessions.
 *
 *   figure_herd_load PORT CA FIRST COUNT SPREAD_S LIMIT_S
 *
 * Who is refused, cut off or kept waiting comes again as the agent does: after two seconds that
 * double, with chance, and not before Retry-After. Ten seconds are the time to connect, handshake
 * included, thirty the time for the reply, as of the agent on a host. Ends when all are answered,
 * or after LIMIT_S. Prints how many are not, how many connections were cut or got another reply
 * than 200 and 503, how many were 503, the longest Retry-After of these, how many tries were not
 * taken up in time, and when the last device was answered, in seconds. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tls_client.h"

#define EACH_ADDRESS 250u
#define LOOK_EACH_US UINT64_C(20000)
#define CONNECT_US UINT64_C(10000000)
#define REPLY_US UINT64_C(30000000)
#define BACKOFF_US UINT64_C(2000000)
#define BACKOFF_US_MAX UINT64_C(300000000)
#define EVENTS 512
#define TIME_MAX_S 600u

struct device {
    struct client client; /* first */
    uint64_t until_us;    /* when it comes, or gives a try up; 0: answered */
    uint32_t number, failures;
};

struct herd {
    struct device *devices;
    uint32_t count, served, errors, busy, late, retry_max_s;
    uint64_t begun_us, last_us, looked_us;
    int poller;
};

static uint64_t backoff_us(uint32_t failures)
{
    uint64_t wait_us = failures < 8 ? BACKOFF_US << failures : BACKOFF_US_MAX;
    if (wait_us > BACKOFF_US_MAX) wait_us = BACKOFF_US_MAX;
    return wait_us / 2 + wait_us / 2 * (uint64_t)(random() & 0xffff) / 0xffff;
}

static void put_off(struct device *device, uint64_t at_least_us)
{
    uint64_t wait_us = backoff_us(device->failures++);
    if (wait_us < at_least_us) wait_us = at_least_us;
    client_close(&device->client);
    device->until_us = now_us() + wait_us;
}

static void come(struct herd *herd, struct device *device)
{
    uint32_t address = INADDR_LOOPBACK + 256 * (1 + device->number / EACH_ADDRESS);
    device->until_us = now_us() + CONNECT_US;
    if (!client_open(&device->client, address, 0, herd->poller)) {
        herd->late++; /* this program has no more sockets */
        put_off(device, 0);
    }
}

static void reply_take(struct herd *herd, struct device *device, const char *reply)
{
    const char *retry = strstr(reply, "\r\nRetry-After: ");
    uint32_t retry_s = retry ? (uint32_t)strtoul(retry + 15, NULL, 10) : 0;
    if (!strncmp(reply, "HTTP/1.1 200", 12)) {
        client_close(&device->client);
        device->until_us = 0;
        herd->served++;
        herd->last_us = now_us();
        return;
    }
    if (strncmp(reply, "HTTP/1.1 503", 12) != 0 || !retry)
        herd->errors++;
    else
        herd->busy++;
    if (retry_s > herd->retry_max_s) herd->retry_max_s = retry_s;
    put_off(device, retry_s * UINT64_C(1000000));
}

/* Before a byte has come it was nobody's yet: the kernel's queue of connections was full. What the
 * server itself has closed, herd.py asks it for. */
static void cut_off(struct herd *herd, struct device *device)
{
    bool is_taken = device->client.ssl && BIO_number_read(SSL_get_rbio(device->client.ssl)) > 0;
    if (is_taken)
        herd->errors++;
    else
        herd->late++;
    put_off(device, 0);
}

static void ask(struct herd *herd, struct device *device)
{
    char request[3072];
    int size = (int)checkin_of(device->number, request, sizeof request);
    device->client.state = CLIENT_ASKING;
    device->until_us = now_us() + REPLY_US;
    if (SSL_write(device->client.ssl, request, size) != size) cut_off(herd, device);
}

static void event(struct herd *herd, struct device *device, uint32_t events)
{
    struct client *client = &device->client;
    char reply[4096];
    if (client->state == CLIENT_CONNECTING) {
        if (!client->ssl && !(events & EPOLLOUT)) return;
        int result = client_begin_tls(client) ? SSL_connect(client->ssl) : -1;
        if (result != 1 && client_is_unfinished(client, result)) return;
        if (result != 1) {
            cut_off(herd, device);
            return;
        }
        ask(herd, device);
    }
    if (client->state != CLIENT_ASKING) return;
    int size = SSL_read(client->ssl, reply, sizeof reply - 1);
    if (size <= 0 && client_is_unfinished(client, size)) return;
    if (size <= 0) {
        cut_off(herd, device);
        return;
    }
    reply[size] = '\0';
    reply_take(herd, device, reply);
}

/* Whoever comes now, and whose time to be taken up is over. */
static void look_at_all(struct herd *herd)
{
    uint64_t at_us = now_us();
    if (at_us < herd->looked_us + LOOK_EACH_US) return;
    herd->looked_us = at_us;
    for (uint32_t i = 0; i < herd->count; i++) {
        struct device *device = &herd->devices[i];
        if (!device->until_us || device->until_us > at_us) continue;
        if (device->client.state == CLIENT_CLOSED) {
            come(herd, device);
        } else {
            herd->late++;
            put_off(device, 0);
        }
    }
}

static void herd_open(struct herd *herd, uint32_t first, uint64_t spread_us)
{
    herd->devices = calloc(herd->count, sizeof *herd->devices);
    herd->poller = epoll_create1(EPOLL_CLOEXEC);
    must(herd->devices && herd->poller >= 0, "no memory");
    srandom(first);
    herd->begun_us = herd->last_us = now_us();
    for (uint32_t i = 0; i < herd->count; i++) {
        uint64_t chance = (uint64_t)(random() & 0xffffff);
        herd->devices[i].number = first + i;
        herd->devices[i].until_us = herd->begun_us + 1 + spread_us * chance / 0xffffff;
    }
}

int main(int argc, char **argv)
{
    static struct herd herd;
    static struct epoll_event events[EVENTS];
    must(argc == 7, "usage: PORT CA FIRST COUNT SPREAD_S LIMIT_S");
    clients_setup(argv[1], argv[2], TIME_MAX_S);
    uint64_t limit_us = strtoul(argv[6], NULL, 10) * UINT64_C(1000000);
    herd.count = (uint32_t)strtoul(argv[4], NULL, 10);
    herd_open(&herd, (uint32_t)strtoul(argv[3], NULL, 10),
              strtoul(argv[5], NULL, 10) * UINT64_C(1000000));
    while (herd.served < herd.count && now_us() - herd.begun_us < limit_us) {
        int got = epoll_wait(herd.poller, events, EVENTS, 10);
        for (int i = 0; i < got; i++)
            event(&herd, events[i].data.ptr, events[i].events);
        look_at_all(&herd);
    }
    printf("%u %u %u %u %u %.1f\n", herd.count - herd.served, herd.errors, herd.busy,
           herd.retry_max_s, herd.late, (double)(herd.last_us - herd.begun_us) / 1e6);
    return 0;
}
