/* What idle.py runs against a server: real check-ins of real devices over kept TLS connections.
 *
 *   enrol    PORT CA CLAIM            devices claim once; prints the size of the reply to a
 * check-in measure  PORT CA PID REQUESTS [DEPLOY_KEY] prints the server's CPU microseconds per
 * request; with a deploy key, a sample of the replies is checked: right nonce, right device, good
 * signature, no two alike sign                              prints the CPU microseconds of one
 * P-256 signature
 *
 * Device tokens follow from the device's number, so enrol and measure agree without a file.
 * TLS 1.2, as devices speak it. CPU is read from the scheduler's nanosecond count of every thread
 * of PID. */
#include <arpa/inet.h>
#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "formats/checkin.h"
#include "keys/keys.h"

#define DEVICES 16u
#define REQUESTS_MAX 1000000u
#define WARM_UP 500u
#define SAMPLE_ROUNDS 4u /* in one of so many rounds one reply is checked */
#define SIGNATURES 5000u
#define TIME_MAX_S 120 /* for the whole program */

struct device {
    SSL *ssl;
    uint8_t token[32];
    struct godwit_checkin checkin;
    char request[3072], reply[4096];
    size_t request_size, nonce_at, reply_size;
    const char *body;
    size_t body_size;
};

static struct device devices[DEVICES];
static uint8_t last_signature[64];

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "figure_idle_load: %s\n", what);
    exit(2);
}

static void must(bool condition, const char *what)
{
    if (!condition) die(what);
}

/* --- devices ------------------------------------------------------------------------------ */

static void random_fill(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i += 8) { /* needs to differ, not to be secret */
        static uint64_t state = 0x9e3779b97f4a7c15u;
        state = state * 6364136223846793005u + 1442695040888963407u;
        for (size_t j = 0; j < 8 && i + j < size; j++)
            data[i + j] = (uint8_t)(state >> (8 * j + 3 * (j & 1)));
    }
}

static void device_set(struct device *device, unsigned number)
{
    struct godwit_hash hash;
    char name[32];
    snprintf(name, sizeof name, "idle device %u", number);
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, (const uint8_t *)name, strlen(name));
    must(godwit_hash_peek(&hash, device->token) == GODWIT_OK, "no digest");
    device->checkin = (struct godwit_checkin){.device_id = {2, 0, 0, 0, 1, (uint8_t)number},
                                              .agent_version = "0.1.0",
                                              .project = "idle",
                                              .version = "1.0.0",
                                              .idf_version = "v5.5",
                                              .slot = "ota_0",
                                              .chip_id = 5,
                                              .chip_revision = 3,
                                              .flash_size = 4194304,
                                              .slot_size = 1740800,
                                              .free_heap = 182344,
                                              .checkins = 311,
                                              .boots = 4,
                                              .reset = GODWIT_RESET_SOFTWARE,
                                              .fresh_age_s = 61};
    memset(device->checkin.image_sha256, 0x11, 32);
}

/* The request as bytes, written once; later only the nonce inside changes. */
static void request_write(struct device *device, const char *bearer, bool with_token)
{
    char body[GODWIT_CHECKIN_REQUEST_MAX + 1], hex[33];
    size_t size;
    device->checkin.has_token = with_token;
    memcpy(device->checkin.token, device->token, 32);
    random_fill(device->checkin.nonce, 16);
    must(godwit_checkin_encode(&device->checkin, body, sizeof body, &size) == GODWIT_OK,
         "the check-in does not fit");
    int written = snprintf(device->request, sizeof device->request,
                           "POST /v1/checkin HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                           "User-Agent: godwit-agent/0.1.0\r\nContent-Type: application/json\r\n"
                           "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%.*s",
                           bearer, size, (int)size, body);
    must(written > 0 && (size_t)written < sizeof device->request, "the request does not fit");
    device->request_size = (size_t)written;
    godwit_hex_encode(device->checkin.nonce, 16, hex);
    const char *nonce = strstr(device->request, hex);
    must(nonce != NULL, "no nonce in the request");
    device->nonce_at = (size_t)(nonce - device->request);
}

static void request_renew(struct device *device)
{
    char hex[33];
    random_fill(device->checkin.nonce, 16);
    godwit_hex_encode(device->checkin.nonce, 16, hex);
    memcpy(device->request + device->nonce_at, hex, 32);
}

/* --- connections -------------------------------------------------------------------------- */

static void device_connect(struct device *device, SSL_CTX *ctx, uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof to), "can not connect");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    device->ssl = SSL_new(ctx);
    must(device->ssl && SSL_set_fd(device->ssl, fd) && SSL_connect(device->ssl) == 1,
         "the TLS handshake failed");
}

static void device_send(struct device *device)
{
    must(SSL_write(device->ssl, device->request, (int)device->request_size) > 0, "can not send");
}

/* Head and body of one reply; the body's size from Content-Length. */
static void device_receive(struct device *device)
{
    size_t size = 0, wanted = SIZE_MAX;
    while (size < wanted) {
        must(size + 1 < sizeof device->reply, "the reply is too long");
        int got =
            SSL_read(device->ssl, device->reply + size, (int)(sizeof device->reply - size - 1));
        must(got > 0, "no reply");
        size += (size_t)got;
        device->reply[size] = '\0';
        const char *end = strstr(device->reply, "\r\n\r\n");
        if (!end) continue;
        const char *length = strcasestr(device->reply, "\r\nContent-Length: ");
        must(length != NULL, "no Content-Length");
        device->body = end + 4;
        device->body_size = strtoul(length + 18, NULL, 10);
        wanted = (size_t)(device->body - device->reply) + device->body_size;
    }
    device->reply_size = size;
    if (strncmp(device->reply, "HTTP/1.1 200", 12) != 0) die(device->reply);
}

static void connect_all(const char *port_text, const char *ca)
{
    unsigned long port = strtoul(port_text, NULL, 10);
    must(port > 0 && port < 65536, "that is no port");
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    must(ctx && SSL_CTX_load_verify_locations(ctx, ca, NULL) == 1, "can not read the CA");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    for (unsigned i = 0; i < DEVICES; i++) {
        device_set(&devices[i], i);
        device_connect(&devices[i], ctx, (uint16_t)port);
    }
}

static void request_all(void)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        request_renew(&devices[i]);
        device_send(&devices[i]);
    }
    for (unsigned i = 0; i < DEVICES; i++)
        device_receive(&devices[i]);
}

/* --- what is asked ------------------------------------------------------------------------ */

/* The reply is for this device and this request, is new, and is signed by the deploy key. */
static void reply_check(const struct device *device, const uint8_t point[static 64])
{
    struct godwit_checkin_reply reply;
    struct godwit_instruction instruction;
    uint8_t digest[32];
    must(!godwit_checkin_reply_decode(device->body, device->body_size, &reply) &&
             reply.has_instruction,
         "the reply has no instruction");
    must(!godwit_instruction_decode(reply.instruction, &instruction), "malformed instruction");
    must(!memcmp(instruction.nonce, device->checkin.nonce, 16), "another nonce");
    must(!memcmp(instruction.device_id, device->checkin.device_id, 16), "another device");
    const uint8_t *signature = reply.instruction + GODWIT_INSTRUCTION_BODY_SIZE;
    must(!godwit_instruction_digest(reply.instruction, digest) &&
             !godwit_verify_p256(point, digest, signature),
         "bad signature");
    must(memcmp(last_signature, signature, 64) != 0, "the same signature twice");
    memcpy(last_signature, signature, 64);
}

/* Nanoseconds of CPU that all threads of a process have used. */
static uint64_t cpu_ns(const char *pid)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/task", pid);
    DIR *tasks = opendir(path);
    must(tasks != NULL, "that process is gone");
    uint64_t sum = 0;
    for (struct dirent *task; (task = readdir(tasks));) {
        unsigned long long used = 0;
        if (task->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%s/task/%s/schedstat", pid, task->d_name);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        if (fscanf(file, "%llu", &used) == 1) sum += used;
        fclose(file);
    }
    closedir(tasks);
    return sum;
}

static void enrol(const char *claim)
{
    char bearer[256];
    for (unsigned i = 0; i < DEVICES; i++) {
        request_write(&devices[i], claim, true);
        device_send(&devices[i]);
        device_receive(&devices[i]);
        godwit_hex_encode(devices[i].token, 32, bearer);
        request_write(&devices[i], bearer, false);
    }
    request_all();
    printf("%zu %zu\n", devices[0].body_size, devices[0].reply_size);
}

static void measure(const char *pid, unsigned long requests, const uint8_t *point)
{
    char bearer[65];
    must(requests >= DEVICES && requests <= REQUESTS_MAX, "so many requests are not made");
    for (unsigned i = 0; i < DEVICES; i++) {
        godwit_hex_encode(devices[i].token, 32, bearer);
        request_write(&devices[i], bearer, false);
    }
    for (unsigned i = 0; i < WARM_UP; i += DEVICES)
        request_all();
    unsigned long rounds = requests / DEVICES;
    uint64_t before_ns = cpu_ns(pid);
    for (unsigned long i = 0; i < rounds; i++) {
        request_all();
        if (!point || i % SAMPLE_ROUNDS) continue;
        reply_check(&devices[i / SAMPLE_ROUNDS % DEVICES], point);
    }
    uint64_t used_ns = cpu_ns(pid) - before_ns;
    printf("%.3f\n", (double)used_ns / 1000.0 / (double)(rounds * DEVICES));
}

static double process_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Only the signature: context made once, digest ready, DER as OpenSSL gives it. */
static void measure_signature(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    must(ctx && EVP_PKEY_sign_init(ctx) == 1, "no key");
    uint8_t digest[32] = {1}, signature[80];
    for (unsigned i = 0; i < 2 * SIGNATURES; i++) {
        static double begun_us;
        if (i == SIGNATURES) begun_us = process_us();
        size_t size = sizeof signature;
        digest[i % 32]++;
        must(EVP_PKEY_sign(ctx, signature, &size, digest, sizeof digest) == 1, "no signature");
        if (i == 2 * SIGNATURES - 1) printf("%.3f\n", (process_us() - begun_us) / SIGNATURES);
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    struct godwit_public_key public = {0};
    alarm(TIME_MAX_S);
    if (!strcmp(what, "sign") && argc == 2) {
        measure_signature();
    } else if (!strcmp(what, "enrol") && argc == 5) {
        connect_all(argv[2], argv[3]);
        enrol(argv[4]);
    } else if (!strcmp(what, "measure") && (argc == 6 || argc == 7)) {
        if (argc == 7) {
            struct key *key;
            must(!key_open(argv[6], &key), "can not read the deploy key");
            key_public(key, &public);
            key_close(key);
        }
        connect_all(argv[2], argv[3]);
        measure(argv[4], strtoul(argv[5], NULL, 10), argc == 7 ? public.point : NULL);
    } else {
        die("enrol PORT CA CLAIM, measure PORT CA PID REQUESTS [DEPLOY_KEY], or sign");
    }
    return 0;
}
