/* What siege.py runs against a server:
 *
 *   honest PORT CA CLAIM DEVICES RATE    devices join by the claim, then check in, RATE a second in
 *     all; each line on standard input ends a phase: the phase's numbers are printed. Ends with it
 *   device PORT CA CLAIM                 lets one more device join; prints its token
 *   attack PORT CA NAME SECONDS LEAST SOURCE SECRET
 *
 * An honest device keeps its connection, makes a new one each tenth time, and tries again half a
 * second after a failure; ten seconds without an answer are a lockout. Its latency counts from the
 * first try to the answer, connection and handshake included. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "siege_load.h"

#define THREADS 16U
#define DEVICES_MAX 1024U
#define SAMPLES_MAX 200000U
#define PATIENCE_US 10000000U /* then a device that is not answered counts as locked out */
#define TRY_AGAIN_US 500000U
#define RECONNECT_EACH 10U
#define JOIN_TRIES 120U
#define TIME_MAX_S 600 /* for the whole program */

uint16_t server_port;
SSL_CTX *client_ctx;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "figure_siege_load: %s\n", what);
    exit(2);
}

/* --- clients ------------------------------------------------------------------------------ */

uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void sleep_us(uint64_t us)
{
    nanosleep(&(struct timespec){(time_t)(us / 1000000), (long)(us % 1000000) * 1000}, NULL);
}

int tcp_open(const char *source, int patience_s)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(server_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct timeval patience = {.tv_sec = patience_s};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    inet_pton(AF_INET, source, &from.sin_addr);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &on, sizeof on);
    struct linger at_once = {.l_onoff = 1}; /* no TIME_WAIT: thousands of connections a minute */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (!bind(fd, (struct sockaddr *)&from, sizeof from) &&
        !connect(fd, (struct sockaddr *)&to, sizeof to))
        return fd;
    close(fd);
    return -1;
}

bool peer_open(struct peer *peer, const char *source, SSL_SESSION *session)
{
    peer->fd = tcp_open(source, 10);
    peer->ssl = peer->fd < 0 ? NULL : SSL_new(client_ctx);
    if (session && peer->ssl) SSL_set_session(peer->ssl, session);
    if (peer->ssl && SSL_set_fd(peer->ssl, peer->fd) && SSL_connect(peer->ssl) == 1) return true;
    peer_close(peer);
    return false;
}

void peer_close(struct peer *peer)
{
    SSL_free(peer->ssl);
    if (peer->fd >= 0) close(peer->fd);
    peer->ssl = NULL;
    peer->fd = -1;
}

bool peer_send(struct peer *peer, const void *data, size_t size)
{
    return SSL_write(peer->ssl, data, (int)size) > 0;
}

bool peer_receive(struct peer *peer)
{
    size_t size = 0, wanted = sizeof peer->reply - 1;
    peer->status = 0;
    peer->body = "";
    while (size < wanted) {
        int got = SSL_read(peer->ssl, peer->reply + size, (int)(sizeof peer->reply - 1 - size));
        if (got <= 0) return false;
        size += (size_t)got;
        peer->reply[size] = '\0';
        const char *end = strstr(peer->reply, "\r\n\r\n");
        const char *length = end ? strcasestr(peer->reply, "\r\nContent-Length: ") : NULL;
        if (!end) continue;
        peer->body = end + 4;
        wanted = (size_t)(peer->body - peer->reply) + (length ? strtoul(length + 18, NULL, 10) : 0);
    }
    peer->status = (int)strtol(peer->reply + 9, NULL, 10);
    return true;
}

size_t checkin_write(char *out, size_t size, const struct checkin_facts *facts)
{
    char body[1024];
    int used = snprintf(body, sizeof body,
                        "{\"protocol\":1,\"device_id\":\"0253%08x\",\"nonce\":\"%032llx\","
                        "\"project\":\"siege\",\"version\":\"1.0.0\",\"image_sha256\":\"%064x\","
                        "\"chip_id\":5,\"flash_size\":4194304,\"slot_size\":1572864",
                        facts->device, (unsigned long long)facts->nonce, 17);
    if (facts->outcome_id)
        used += snprintf(body + used, sizeof body - (size_t)used,
                         ",\"outcome\":{\"id\":%u,\"rollout_id\":1,\"stage\":\"download\","
                         "\"reason\":3,\"detail\":\"siege\"}",
                         facts->outcome_id);
    if (facts->token)
        used +=
            snprintf(body + used, sizeof body - (size_t)used, ",\"token\":\"%s\"", facts->token);
    used += snprintf(body + used, sizeof body - (size_t)used, "}");
    used = snprintf(out, size,
                    "POST /v1/checkin HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                    "Content-Type: application/json\r\nAuthorization: Bearer %s\r\n"
                    "Content-Length: %d\r\n\r\n%s",
                    facts->bearer, used, body);
    return used > 0 && (size_t)used < size ? (size_t)used : 0;
}

/* --- honest devices ------------------------------------------------------------------------ */

struct device {
    struct peer peer;
    SSL_SESSION *session;
    uint32_t number, checkins;
    char token[65];
};

static struct device devices[DEVICES_MAX];
static unsigned devices_count, rate;
static const char *claim;
static bool stopping;

static pthread_mutex_t samples_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t samples_us[SAMPLES_MAX];
static unsigned samples_count, lockouts;

static void sample_add(uint64_t us, bool answered)
{
    pthread_mutex_lock(&samples_lock);
    if (samples_count < SAMPLES_MAX) samples_us[samples_count++] = (uint32_t)us;
    lockouts += !answered;
    pthread_mutex_unlock(&samples_lock);
}

/* One try; true for any answer that a device goes on with. */
static bool try_once(struct device *device, const char *bearer, const char *token)
{
    char request[2048];
    struct checkin_facts facts = {.device = device->number,
                                  .nonce = (uint64_t)device->number << 32 | device->checkins,
                                  .bearer = bearer,
                                  .token = token};
    size_t size = checkin_write(request, sizeof request, &facts);
    if (device->peer.fd < 0 && !peer_open(&device->peer, "127.0.0.1", device->session))
        return false;
    if (peer_send(&device->peer, request, size) && peer_receive(&device->peer) &&
        device->peer.status == 200) {
        SSL_SESSION_free(device->session);
        device->session = SSL_get1_session(device->peer.ssl);
        return true;
    }
    peer_close(&device->peer);
    return false;
}

static void check_in(struct device *device)
{
    uint64_t begun_us = now_us();
    bool answered = false;
    if (++device->checkins % RECONNECT_EACH == 0) peer_close(&device->peer);
    for (;;) {
        answered = try_once(device, device->token, NULL);
        if (answered || now_us() - begun_us > PATIENCE_US) break;
        sleep_us(TRY_AGAIN_US);
    }
    sample_add(now_us() - begun_us, answered);
}

static void *devices_thread(void *ctx)
{
    unsigned first = (unsigned)(uintptr_t)ctx;
    uint64_t step_us = 1000000ULL * THREADS / rate, due_us = now_us() + step_us * first / THREADS;
    while (!__atomic_load_n(&stopping, __ATOMIC_RELAXED)) {
        for (unsigned i = first; i < devices_count; i += THREADS) {
            uint64_t now = now_us();
            if (now < due_us) sleep_us(due_us - now);
            if (now > due_us + 2000000) due_us = now; /* late: no burst afterwards */
            due_us += step_us;
            check_in(&devices[i]);
        }
    }
    return NULL;
}

static void device_set(struct device *device, uint32_t number)
{
    device->number = number;
    device->peer.fd = -1;
    snprintf(device->token, sizeof device->token, "%056x%08x", 0x51E6E, number);
}

/* As a new device does: it repeats its claim until it is let in. */
static void join(struct device *device)
{
    for (unsigned try = 0; try < JOIN_TRIES; try++) {
        if (try_once(device, claim, device->token)) return;
        sleep_us(TRY_AGAIN_US);
    }
    fprintf(stderr, "status %d: %s\n", device->peer.status, device->peer.body);
    die("a device can not join");
}

static int by_size(const void *one, const void *two)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)two;
    return (a > b) - (a < b);
}

static void phase_print(void)
{
    pthread_mutex_lock(&samples_lock);
    unsigned count = samples_count;
    qsort(samples_us, count, sizeof *samples_us, by_size);
    printf("checkins=%u p50_us=%u p99_us=%u max_us=%u lockouts=%u\n", count,
           count ? samples_us[count / 2] : 0, count ? samples_us[count * 99 / 100] : 0,
           count ? samples_us[count - 1] : 0, lockouts);
    fflush(stdout);
    samples_count = lockouts = 0;
    pthread_mutex_unlock(&samples_lock);
}

static void honest(void)
{
    pthread_t threads[THREADS];
    char line[64];
    for (unsigned i = 0; i < devices_count; i++) {
        device_set(&devices[i], i + 1);
        join(&devices[i]);
    }
    printf("ready\n");
    fflush(stdout);
    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, devices_thread, (void *)(uintptr_t)i))
            die("no thread");
    while (fgets(line, sizeof line, stdin))
        phase_print();
    __atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* --- words --------------------------------------------------------------------------------- */

static void setup(const char *port, const char *ca)
{
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    server_port = (uint16_t)strtoul(port, NULL, 10);
    signal(SIGPIPE, SIG_IGN);
    client_ctx = SSL_CTX_new(TLS_client_method());
    if (!client_ctx || SSL_CTX_load_verify_locations(client_ctx, ca, NULL) != 1)
        die("can not read the CA");
    SSL_CTX_set_verify(client_ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_max_proto_version(client_ctx, TLS1_2_VERSION); /* as devices speak it */
}

int main(int argc, char **argv)
{
    const char *what = argc > 4 ? argv[1] : "";
    alarm(TIME_MAX_S);
    if (*what) setup(argv[2], argv[3]);
    if (!strcmp(what, "honest") && argc == 7) {
        claim = argv[4];
        devices_count = (unsigned)strtoul(argv[5], NULL, 10);
        rate = (unsigned)strtoul(argv[6], NULL, 10);
        if (!rate || devices_count < THREADS || devices_count > DEVICES_MAX)
            die("so many devices are not played");
        honest();
    } else if (!strcmp(what, "device") && argc == 5) {
        claim = argv[4];
        device_set(&devices[0], DEVICES_MAX + 1);
        join(&devices[0]);
        printf("%s\n", devices[0].token);
    } else if (!strcmp(what, "attack") && argc == 9) {
        if (!attack_run(argv[4], (unsigned)strtoul(argv[5], NULL, 10),
                        (unsigned)strtoul(argv[6], NULL, 10), argv[7], argv[8]))
            die("there is no such attack");
    } else {
        die("honest PORT CA CLAIM DEVICES RATE, device PORT CA CLAIM, or "
            "attack PORT CA NAME SECONDS LEAST SOURCE SECRET");
    }
    return 0;
}
