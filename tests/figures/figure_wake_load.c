/* What wake.py runs against a server: devices that wait over TLS, and deploys that wake some.
 *
 *   figure_wake_load PORT CA PID DEVICES ROUNDS TOKEN PRODUCT VERSION
 *
 * The devices are in the server's database already; their tokens follow from their numbers. Prints
 * kilobytes of the server's memory for each waiting device, its CPU while they wait (percent of one
 * core), and p50 and p99 in seconds from a deploy's first byte to the first byte of the image at
 * each device that it is for. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "formats/checkin.h"
#include "formats/instruction.h"
#include "load.h"

#define TARGETS 10u  /* devices of one deploy: what a rollout has in progress */
#define SETTLE_S 10u /* their facts go to the database */
#define QUIET_S 20u
#define TIME_MAX_S 170 /* for the whole program */

struct device {
    SSL *ssl;
    int fd;
    uint32_t number;
    bool asked; /* for its image */
    bool done;
};

static struct device *devices;
static uint32_t devices_count;
static double *samples;
static size_t samples_count;
static const char *token, *product, *version;
static int poller;

/* --- the wire ----------------------------------------------------------------------------- */

static void send_all(SSL *ssl, const char *text, size_t size)
{
    must(SSL_write(ssl, text, (int)size) == (int)size, "the server closes");
}

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

static void device_wait(struct device *device)
{
    struct godwit_checkin checkin = {
        .device_id = {2, 0, 0, 0, (uint8_t)(device->number >> 8), (uint8_t)device->number},
        .agent_version = "0.2.0",
        .project = "wake",
        .version = "1.0.0",
        .slot = "ota_0",
        .chip_id = 5,
        .chip_revision = 3,
        .flash_size = 4194304,
        .slot_size = 1740800};
    char body[GODWIT_CHECKIN_REQUEST_MAX + 1], request[3072], hex[65];
    size_t size;
    memset(checkin.image_sha256, 0x11, 32);
    memcpy(checkin.nonce, &device->number, sizeof device->number);
    must(!godwit_checkin_encode(&checkin, body, sizeof body, &size), "the check-in does not fit");
    token_of(device->number, hex);
    int written = snprintf(request, sizeof request,
                           "POST /v1/checkin HTTP/1.1\r\nHost: h\r\nPrefer: wait=3300\r\n"
                           "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%.*s",
                           hex, size, (int)size, body);
    send_all(device->ssl, request, (size_t)written);
}

/* --- what the server uses ------------------------------------------------------------------ */

static uint64_t cpu_ns(const char *pid)
{
    char path[400];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%s/task", pid);
    DIR *folder = opendir(path);
    must(folder != NULL, "the server is gone");
    for (struct dirent *entry; (entry = readdir(folder));) {
        char text[64] = "";
        snprintf(path, sizeof path, "/proc/%s/task/%s/schedstat", pid, entry->d_name);
        FILE *file = fopen(path, "re");
        if (!file) continue;
        if (fgets(text, sizeof text, file)) sum += strtoull(text, NULL, 10);
        fclose(file);
    }
    closedir(folder);
    return sum;
}

/* --- a round ------------------------------------------------------------------------------- */

static void ask_image(struct device *device, const char *body, size_t size)
{
    struct godwit_checkin_reply reply;
    struct godwit_instruction instruction;
    char request[512], bearer[65], digest[65];
    must(!godwit_checkin_reply_decode(body, size, &reply) && reply.has_instruction &&
             !godwit_instruction_decode(reply.instruction, &instruction),
         "a reply without an instruction");
    must(instruction.flags & GODWIT_INSTRUCTION_INSTALL, "woken for nothing");
    token_of(device->number, bearer);
    godwit_hex_encode(instruction.file_sha256, 32, digest);
    int written = snprintf(request, sizeof request,
                           "GET /v1/image/%s HTTP/1.1\r\nHost: h\r\nRange: bytes=0-4095\r\n"
                           "Authorization: Bearer %s\r\n\r\n",
                           digest, bearer);
    send_all(device->ssl, request, (size_t)written);
    device->asked = true;
}

/* Replies are small and come in one record each. True: the image's first bytes are there. */
static bool device_hears(struct device *device)
{
    char text[8192];
    int size = SSL_read(device->ssl, text, sizeof text - 1);
    if (size <= 0) {
        must(SSL_get_error(device->ssl, size) == SSL_ERROR_WANT_READ, "a device was cut off");
        return false;
    }
    text[size] = '\0';
    if (device->done) return false;
    if (device->asked) {
        must(!strncmp(text, "HTTP/1.1 206", 12), "the image is not given");
        device->done = true;
        return true;
    }
    must(!strncmp(text, "HTTP/1.1 200", 12), "the check-in is not answered well");
    const char *body = strstr(text, "\r\n\r\n");
    must(body != NULL, "a reply in pieces");
    ask_image(device, body + 4, (size_t)(text + size - body - 4));
    return false;
}

static void deploy(SSL *ssl, uint32_t first)
{
    char body[1024], request[2048];
    int size = snprintf(body, sizeof body, "{\"product\":\"%s\",\"version\":\"%s\",\"devices\":[",
                        product, version);
    for (uint32_t i = 0; i < TARGETS; i++)
        size += snprintf(body + size, sizeof body - (size_t)size, "%s\"02000000%04x\"",
                         i ? "," : "", first + i);
    size += snprintf(body + size, sizeof body - (size_t)size, "]}");
    int written = snprintf(request, sizeof request,
                           "POST /api/v1/rollouts HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s"
                           "\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                           token, size, body);
    send_all(ssl, request, (size_t)written);
}

static void round_play(SSL *admin, uint32_t first)
{
    double began_s = now_s();
    uint32_t left = TARGETS;
    char reply[4096];
    deploy(admin, first);
    while (left) {
        struct epoll_event ready[64];
        int count = epoll_wait(poller, ready, 64, 30000);
        must(count > 0, "nobody is woken");
        for (int i = 0; i < count; i++) {
            struct device *device = ready[i].data.ptr;
            if (!device_hears(device)) continue;
            samples[samples_count++] = now_s() - began_s;
            left--;
        }
    }
    must(SSL_read(admin, reply, sizeof reply) > 12 && !strncmp(reply, "HTTP/1.1 201", 12),
         "the deploy was refused");
}

static void connect_all(void)
{
    for (uint32_t i = 0; i < devices_count; i++) {
        struct device *device = &devices[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = device};
        device->number = i + 1;
        device->ssl = dial(i, 0, &device->fd);
        device_wait(device);
        must(fcntl(device->fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
        must(!epoll_ctl(poller, EPOLL_CTL_ADD, device->fd, &event), "epoll");
    }
}

int main(int argc, char **argv)
{
    must(argc == 9, "usage: PORT CA PID DEVICES ROUNDS TOKEN PRODUCT VERSION");
    alarm(TIME_MAX_S);
    devices_count = (uint32_t)strtoul(argv[4], NULL, 10);
    uint32_t rounds = (uint32_t)strtoul(argv[5], NULL, 10);
    token = argv[6], product = argv[7], version = argv[8];
    must(rounds && rounds * TARGETS <= devices_count, "more rounds than devices");
    devices = calloc(devices_count, sizeof *devices);
    samples = calloc(rounds * TARGETS, sizeof *samples);
    poller = epoll_create1(EPOLL_CLOEXEC);
    load_open(argv[1], argv[2], TLS1_2_VERSION);
    int fd;
    SSL *admin = dial(0, 0, &fd);
    long before_kb = memory_kb(argv[3]);
    connect_all();
    struct epoll_event ready;
    must(epoll_wait(poller, &ready, 1, 100) == 0, "a device is not held");
    double kb = (double)(memory_kb(argv[3]) - before_kb) / devices_count;
    must(epoll_wait(poller, &ready, 1, SETTLE_S * 1000) == 0, "a device is answered for nothing");
    uint64_t before_ns = cpu_ns(argv[3]);
    must(epoll_wait(poller, &ready, 1, QUIET_S * 1000) == 0, "a device is answered for nothing");
    double cpu = (double)(cpu_ns(argv[3]) - before_ns) / (QUIET_S * 1e9) * 100;
    for (uint32_t i = 0; i < rounds; i++)
        round_play(admin, 1 + i * TARGETS);
    qsort(samples, samples_count, sizeof *samples, compare_doubles);
    printf("%.1f %.2f %.3f %.3f\n", kb, cpu, samples[samples_count / 2],
           samples[samples_count * 99 / 100]);
    return 0;
}
