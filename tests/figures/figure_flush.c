/* Soft facts of a fleet that is larger than one batch: 50,000 devices check in at 1,500 a second
 * for a minute, over TLS, at the server's own code: its loops, handlers, writer thread and SQLite
 * file in this process, so that each hold of the fleet's lock can be measured where it ends. A
 * rollout to all runs meanwhile, and an operator looks at status and the list of devices every
 * second or so.
 *
 * unwritten: devices of which the database does not know the last check-in four seconds after the
 * last one (two ticks).
 *
 * hold_us: the longest hold of the lock. Both clocks of a hold (the wall's, its thread's processor
 * time) also count what the machine took meanwhile: other programs the first, the host of a virtual
 * machine both, which makes a hash lookup 400 us long now and then and any hold 10 ms. What the
 * work itself takes is there in every window of the same work, what the machine takes is not. So a
 * hold's length is the smaller of both clocks, the minute is cut into windows of five seconds, in
 * each of which every kind of work happens (two ticks, each of the operator's views, 7,500
 * check-ins), and hold_us is the smallest of the windows' longest. Each window's is printed;
 * longest_us is the largest of them, wall_us the longest by the wall, over_ms how many of all
 * `holds` were longer than a millisecond by it. */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "fleet/claim.h"
#include "fleet/device.h"
#include "fleet/release.h"
#include "fleet/rollout.h"
#include "server/app.h"
#include "server/secret.h"
#include "server/text_file.h"
#include "temp_dir.h"

enum { DEVICES = 50000, RATE = 1500, CLIENTS = 6, TICK_MS = 2000, GRACE_MS = 4000 };
enum { WINDOW_MS = 5000, WINDOWS_MAX = 60 };
#define HOLD_US_MAX 1000U
#define PRODUCT "thermostat"

static unsigned seconds = 60;
static struct app app;
static unsigned port;
static char admin[80];
static atomic_ulong sent, failed;
static atomic_ullong ended_ms; /* when the last client was done */
static atomic_bool is_over;

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "flush: %s failed\n", what);
    exit(2);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void sleep_ms(uint64_t ms)
{
    nanosleep(&(struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000}, NULL);
}

/* ---- the fleet ---- */

static void secret_of(uint32_t n, uint8_t out[static 32])
{
    memset(out, 0x5A, 32);
    memcpy(out, &n, sizeof n);
}

static struct godwit_checkin checkin_of(uint32_t n, uint32_t round)
{
    struct godwit_checkin checkin = {.device_id = {0x02, 0x67},
                                     .chip_id = 5,
                                     .slot_size = 1 << 20,
                                     .project = PRODUCT,
                                     .version = "1.0.0",
                                     .agent_version = "0.1.0",
                                     .slot = "ota_0",
                                     .checkins = round};
    memcpy(checkin.device_id + 2, &n, sizeof n);
    memset(checkin.image_sha256, 1, 32);
    memcpy(checkin.nonce, &n, sizeof n);
    checkin.nonce[15] = (uint8_t)round;
    return checkin;
}

static void add_release(const char *version, uint8_t name, int64_t now_s)
{
    struct upload_verdict verdict;
    struct upload upload = {.org = FLEET_ORG, .product = PRODUCT};
    snprintf(upload.version, sizeof upload.version, "%s", version);
    upload.image.chip_id = 5;
    upload.image.file_size = 69632;
    memset(upload.image.image_sha256, name, 32);
    memset(upload.image.file_sha256, name + 100, 32);
    upload.image.trust.is_known = true;
    upload.image.trust.keys_count = 1;
    must(!release_add(&app.fleet, app.db, &upload, now_s, &verdict), "a release");
}

static void enrol(uint32_t n, const uint8_t claim[static 32], int64_t now_s)
{
    uint8_t secret[32], digest[32];
    enum claim_result result;
    struct device *device;
    const struct godwit_checkin checkin = checkin_of(n, 0);
    secret_of(n, secret);
    secret_sha256(secret, sizeof secret, digest);
    const struct claim_request wanted = {claim, digest, &checkin};
    must(!device_claim(&app.fleet, app.db, &wanted, now_s, &result, &device) && device,
         "enrolling");
    must(!device_record(&app.fleet, app.db, device, &checkin, now_s), "a record");
}

/* Before the first thread but the writer's, which has nothing to do yet. */
static void make_fleet(void)
{
    static const uint8_t claim[32] = {0xC1};
    int64_t now_s = clock_unix_s(app.clock) - 3600;
    uint32_t id;
    must(!db_begin(app.db), "begin");
    fleet_transaction_begun(&app.fleet);
    add_release("1.0.0", 1, now_s);
    add_release("1.1.0", 2, now_s);
    const struct claim_terms terms = {
        .product = product_find(&app.fleet.catalogue, FLEET_ORG, PRODUCT), .count_max = DEVICES};
    bool is_full;
    must(!claim_create(&app.fleet, app.db, &terms, claim, now_s, &is_full), "a claim");
    for (uint32_t n = 0; n < DEVICES; n++)
        enrol(n, claim, now_s);
    const struct rollout_request wanted = {
        .release = release_find(&app.fleet.catalogue, FLEET_ORG, PRODUCT, "1.1.0")};
    must(!rollout_create(&app.fleet, app.db, &wanted, now_s, &id), "a rollout");
    must(!db_commit(app.db), "commit");
    fleet_committed(&app.fleet);
}

/* ---- clients ---- */

static SSL *connect_tls(SSL_CTX *ctx)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SSL *ssl = SSL_new(ctx);
    must(!connect(fd, (struct sockaddr *)&to, sizeof to) && SSL_set_fd(ssl, fd) == 1 &&
             SSL_connect(ssl) == 1,
         "connecting");
    return ssl;
}

/* The status; the body is read to its end by Content-Length. 0: the connection is gone. */
static int exchange(SSL *ssl, const char *request, size_t size)
{
    static _Thread_local char reply[65536];
    size_t have = 0;
    if (SSL_write(ssl, request, (int)size) != (int)size) return 0;
    for (;;) {
        int got = SSL_read(ssl, reply + have, (int)(sizeof reply - have - 1));
        if (got <= 0) return 0;
        have += (size_t)got;
        reply[have] = 0;
        char *end = strstr(reply, "\r\n\r\n");
        if (!end) continue;
        char *length = strcasestr(reply, "content-length:");
        size_t left = length ? strtoul(length + 15, NULL, 10) : 0;
        left -= have - (size_t)(end + 4 - reply) < left ? have - (size_t)(end + 4 - reply) : left;
        while (left) {
            got = SSL_read(ssl, reply + 512, (int)(left < 60000 ? left : 60000));
            if (got <= 0) return 0;
            left -= (size_t)got;
        }
        return (int)strtol(reply + 9, NULL, 10);
    }
}

static size_t write_checkin(uint32_t n, uint32_t round, char *out, size_t size_max)
{
    char body[GODWIT_CHECKIN_REQUEST_MAX], bearer[65];
    uint8_t secret[32];
    size_t size;
    const struct godwit_checkin checkin = checkin_of(n, round);
    must(!godwit_checkin_encode(&checkin, body, sizeof body, &size), "encoding");
    secret_of(n, secret);
    godwit_hex_encode(secret, sizeof secret, bearer);
    return (size_t)snprintf(out, size_max,
                            "POST /v1/checkin HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                            "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
                            bearer, size, (int)size, body);
}

static void *run_client(void *ctx)
{
    uint32_t first = (uint32_t)(uintptr_t)ctx;
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL *ssl = connect_tls(tls);
    char request[GODWIT_CHECKIN_REQUEST_MAX + 512];
    uint64_t begun_ms = now_ms();
    for (uint64_t i = 0; i < (uint64_t)seconds * RATE / CLIENTS; i++) {
        uint64_t due_ms = begun_ms + i * 1000 * CLIENTS / RATE;
        if (now_ms() < due_ms) sleep_ms(due_ms - now_ms());
        uint64_t at = i * CLIENTS + first;
        size_t size = write_checkin((uint32_t)(at % DEVICES), (uint32_t)(at / DEVICES) + 1, request,
                                    sizeof request);
        int status = exchange(ssl, request, size);
        atomic_fetch_add(status == 200 ? &sent : &failed, 1);
        if (status) continue;
        SSL_free(ssl);
        ssl = connect_tls(tls);
    }
    SSL_free(ssl);
    SSL_CTX_free(tls);
    atomic_store(&ended_ms, now_ms());
    return NULL;
}

static void *run_operator(void *ctx)
{
    static const char *const PATHS[] = {"/api/v1/status", "/api/v1/devices", "/api/v1/rollouts/1"};
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL *ssl = connect_tls(tls);
    char request[512];
    (void)ctx;
    for (unsigned i = 0; !atomic_load(&is_over); i++) {
        int size = snprintf(request, sizeof request,
                            "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
                            PATHS[i % 3], admin);
        must(exchange(ssl, request, (size_t)size) == 200, "an operator's request");
        sleep_ms(1000);
    }
    SSL_free(ssl);
    SSL_CTX_free(tls);
    return NULL;
}

/* ---- the figure ---- */

static size_t count_unwritten(void)
{
    struct db_rows rows;
    size_t count = 0;
    struct db *db = app_reader_take(&app);
    must(db && !db_query(db, &rows, "select device_id, checkins, last_seen from devices", NULL, 0),
         "a query");
    while (!db_next(&rows)) {
        uint8_t id[16];
        db_column_blob(&rows, 0, id, sizeof id);
        fleet_lock(&app.fleet);
        const struct device *device = device_find(&app.fleet, FLEET_ORG, id);
        count += !device || device->facts.checkins != (uint32_t)db_column_int(&rows, 1) ||
                 device->facts.last_seen_s != db_column_int(&rows, 2);
        fleet_unlock(&app.fleet);
    }
    db_rows_close(&rows);
    app_reader_give(&app, db);
    return count;
}

static void tick_for(uint64_t ms)
{
    for (uint64_t until_ms = now_ms() + ms; now_ms() < until_ms;) {
        app_tick(&app);
        sleep_ms(TICK_MS);
    }
}

/* The holds from here on are told to another window; NULL: to none. */
static void count_holds_in(struct fleet_holds *window)
{
    pthread_mutex_lock(&app.fleet.lock); /* not fleet_lock(): this hold is none of them */
    app.fleet.holds = window;
    pthread_mutex_unlock(&app.fleet.lock);
}

static unsigned run(struct fleet_holds windows[static WINDOWS_MAX])
{
    pthread_t clients[CLIENTS], operator;
    unsigned count = 0;
    for (uintptr_t i = 0; i < CLIENTS; i++)
        must(!pthread_create(&clients[i], NULL, run_client, (void *)i), "a thread");
    must(!pthread_create(&operator, NULL, run_operator, NULL), "a thread");
    while (count < WINDOWS_MAX && count < seconds * 1000 / WINDOW_MS) {
        count_holds_in(&windows[count++]);
        tick_for(WINDOW_MS);
    }
    count_holds_in(NULL);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    atomic_store(&is_over, true);
    pthread_join(operator, NULL);
    tick_for(GRACE_MS);
    return count;
}

struct total {
    uint64_t holds, over_ms, hold_us, longest_us, wall_us;
};

static struct total sum_up(const struct fleet_holds *windows, unsigned count)
{
    struct total total = {.hold_us = UINT64_MAX};
    printf("flush: the longest hold of each window in us:");
    for (unsigned i = 0; i < count; i++) {
        uint64_t longest_us = windows[i].work_ns_max / 1000,
                 wall_us = windows[i].wall_ns_max / 1000;
        total.holds += windows[i].count;
        total.over_ms += windows[i].over_ms;
        if (longest_us < total.hold_us) total.hold_us = longest_us;
        if (longest_us > total.longest_us) total.longest_us = longest_us;
        if (wall_us > total.wall_us) total.wall_us = wall_us;
        printf(" %lu", (unsigned long)longest_us);
    }
    printf("\n");
    return total;
}

int main(int argc, char **argv)
{
    static struct fleet_holds windows[WINDOWS_MAX];
    char dir[64], data[96], note[600], password[32], path[FILE_PATH_MAX];
    struct http_server *server = NULL;
    if (argc > 1) seconds = (unsigned)strtoul(argv[1], NULL, 10);
    temp_dir_make(dir);
    snprintf(data, sizeof data, "%s/data", dir);
    const struct settings settings = {.data = data, .interval_s = 60};
    must(!app_open(&app, &settings, note, sizeof note, password), note);
    make_fleet();
    struct http_options options = {
        .certificate = app.cert_path, .key = app.key_path, .address = "127.0.0.1", .loops = 2};
    routes_serve(&app, &options);
    options.limits.arena_max = 64U << 20;
    must(!http_open(&options, note, sizeof note, &server), note);
    port = http_port(server);
    folder_path(data, "admin-token", path, sizeof path);
    must(!text_file_read(path, admin, sizeof admin), "reading the token");
    admin[strcspn(admin, "\n")] = 0;
    uint64_t begun_ms = now_ms();
    const struct total total = sum_up(windows, run(windows));
    double took_s = (double)(ended_ms - begun_ms) / 1000;
    size_t unwritten = count_unwritten();
    http_close(server, 1000);
    app_close(&app);
    temp_dir_drop(dir);
    unsigned rate = (unsigned)((double)sent / took_s);
    printf("figure flush devices=%d seconds=%u checkins=%lu rate=%u failed=%lu unwritten=%zu "
           "holds=%lu hold_us=%lu longest_us=%lu wall_us=%lu over_ms=%lu\n",
           DEVICES, seconds, (unsigned long)sent, rate, (unsigned long)failed, unwritten,
           (unsigned long)total.holds, (unsigned long)total.hold_us,
           (unsigned long)total.longest_us, (unsigned long)total.wall_us,
           (unsigned long)total.over_ms);
    bool is_good =
        unwritten == 0 && failed == 0 && total.hold_us <= HOLD_US_MAX && rate >= RATE * 9 / 10;
    return is_good ? 0 : 1;
}
