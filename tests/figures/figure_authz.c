/* S8 and S9: every row of the table of routes by every kind of caller, against the table that
 * tests/unit/server/authz.h says once more; and every place where something is named, asked by the
 * admin of another organisation for what there is and for what there is not. Then the same by the
 * clock: over one connection, in an order by chance, how long an id of another organisation takes
 * and how long one that nobody has. timed: lookups of the kinds in TIMED; median_ns: the greatest
 * difference of medians of a kind; t: the greatest of Welch's t, of the times below any of the
 * cutoffs, as dudect has it; a difference that a client could find in so many tries is 4.5. */
#include "../unit/server/leaks.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 100
#define T_BAR 4.5

static unsigned cells, wrong, leaks;

/* ---- by the clock ---- */

enum { THEIRS, NOBODYS, CLASSES };
enum { IDS = 64, LOOKUPS = 1000000, LOOKUPS_SHORT = 20000 };

static const struct {
    char kind;
    const char *path;
} TIMED[] = {
    {'D', "/api/v1/devices/$1"},
    {'R', "/api/v1/rollouts/$1"},
    {'W', "/api/v1/webhooks/$1"},
    {'D', "/api/v1/devices/$1/events"},
    {'P', "/api/v1/products/$1/initial-policy"},
};
enum { KINDS = sizeof TIMED / sizeof *TIMED };

static bool is_short;
static unsigned timed;
static double worst_median_ns, worst_t;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint32_t chance(void)
{
    static uint64_t state = 88172645463325252;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

/* One request to its whole reply, which is a 404; how long that took. */
static uint32_t ask(int fd, const char *request)
{
    char reply[4096];
    size_t size = 0, whole = SIZE_MAX;
    uint64_t began_ns = now_ns(), took_ns = 0;
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    while (size < whole) {
        ssize_t got = read(fd, reply + size, sizeof reply - 1 - size);
        took_ns = now_ns() - began_ns;
        assert_true(got > 0);
        size += (size_t)got;
        reply[size] = '\0';
        const char *length = strstr(reply, "Content-Length: "), *body = strstr(reply, "\r\n\r\n");
        if (length && body) whole = (size_t)(body + 4 - reply) + strtoul(length + 16, NULL, 10);
    }
    if (strncmp(reply, "HTTP/1.1 404", 12) != 0) fail_msg("%s%s", request, reply);
    return took_ns < UINT32_MAX ? (uint32_t)took_ns : UINT32_MAX;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Of the first `count` of each, which are sorted: those that are at most `most`. */
static double welch_t(uint32_t *const times[CLASSES], const size_t counts[CLASSES], uint32_t most)
{
    double mean[CLASSES], share[CLASSES]; /* variance by count */
    for (int class = 0; class < CLASSES; class ++) {
        double sum = 0, squares = 0;
        size_t n = 0;
        for (; n < counts[class] && times[class][n] <= most; n++)
            sum += times[class][n];
        mean[class] = n ? sum / (double)n : 0;
        for (size_t i = 0; i < n; i++)
            squares += (times[class][i] - mean[class]) * (times[class][i] - mean[class]);
        if (n < 1000) return 0;
        share[class] = squares / (double)(n - 1) / (double)n;
    }
    double spread = sqrt(share[THEIRS] + share[NOBODYS]);
    return spread > 0 ? (mean[THEIRS] - mean[NOBODYS]) / spread : 0;
}

static void judge(const char *path, uint32_t *const times[CLASSES], const size_t counts[CLASSES])
{
    static const double CUTOFFS[] = {0.5, 0.75, 0.9, 0.95, 0.99, 1};
    double t = 0;
    for (int class = 0; class < CLASSES; class ++)
        qsort(times[class], counts[class], sizeof **times, by_size);
    double median_ns =
        (double)times[THEIRS][counts[THEIRS] / 2] - (double)times[NOBODYS][counts[NOBODYS] / 2];
    for (size_t i = 0; i < sizeof CUTOFFS / sizeof *CUTOFFS; i++) {
        size_t last = (size_t)((double)(counts[NOBODYS] - 1) * CUTOFFS[i]);
        double one = welch_t(times, counts, CUTOFFS[i] < 1 ? times[NOBODYS][last] : UINT32_MAX);
        if (fabs(one) > fabs(t)) t = one;
    }
    printf("%s: %zu and %zu, median %.1f us, differs by %.0f ns, t %.2f\n", path, counts[THEIRS],
           counts[NOBODYS], times[NOBODYS][counts[NOBODYS] / 2] / 1000.0, median_ns, t);
    if (fabs(median_ns) > fabs(worst_median_ns)) worst_median_ns = median_ns;
    if (fabs(t) > fabs(worst_t)) worst_t = t;
}

static void compare(int fd, const char *path, char requests[CLASSES][IDS][320], unsigned lookups)
{
    uint32_t *times[CLASSES];
    size_t counts[CLASSES] = {0};
    for (int class = 0; class < CLASSES; class ++)
        times[class] = calloc(lookups, sizeof *times[class]);
    for (unsigned i = 0; i < lookups / 100; i++) /* until caches are warm */
        (void)ask(fd, requests[i % CLASSES][i / 2 % IDS]);
    for (unsigned i = 0; i < lookups; i++) {
        unsigned class = chance() % CLASSES;
        times[class][counts[class]++] = ask(fd, requests[class][chance() % IDS]);
    }
    timed += lookups;
    judge(path, times, counts);
    for (int class = 0; class < CLASSES; class ++)
        free(times[class]);
}

/* Without TLS, whose records would only add to the noise, and with one loop. */
static struct http_server *listen_plain(struct live *live, int *fd_out)
{
    struct http_server *server;
    struct http_options options = {.address = "127.0.0.1", .loops = 1};
    struct sockaddr_in address = {.sin_family = AF_INET};
    int on = 1;
    routes_serve(&live->app, &options);
    assert_int_equal(http_open(&options, live->note, sizeof live->note, &server), GODWIT_OK);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons(http_port(server));
    *fd_out = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(*fd_out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    assert_int_equal(connect(*fd_out, (struct sockaddr *)&address, sizeof address), 0);
    return server;
}

/* Devices of the first organisation: more than one, so that no place in an index is one id's. */
static void fill_devices(struct live *live)
{
    char claim[128];
    live_claim(live, IDS, claim);
    for (unsigned i = 0; i < IDS; i++) {
        struct fake_device fake = fake_make((uint8_t)(100 + i));
        fake_enrol(live, &fake, claim);
    }
}

/* The same number of names of both kinds, of the same form. */
static void make_name(const struct leaks *other, char kind, int class, unsigned index,
                      char out[static 65])
{
    if (kind == 'D')
        snprintf(out, 65, "7cdfa10000%02x", (class == THEIRS ? 100 : 180) + index);
    else
        snprintf(out, 65, "%s", leak_name(other, kind));
    size_t size = strlen(out);
    if (kind != 'D' && class == NOBODYS) out[size - 1] = out[size - 1] == '7' ? '8' : '7';
}

static void time_all(struct live *live, const struct leaks *other)
{
    static char requests[CLASSES][IDS][320];
    int fd;
    fill_devices(live);
    struct http_server *server = listen_plain(live, &fd);
    for (size_t k = 0; k < KINDS; k++) {
        for (int class = 0; class < CLASSES; class ++)
            for (unsigned i = 0; i < IDS; i++) {
                char name[65], path[300];
                make_name(other, TIMED[k].kind, class, i, name);
                leak_fill(TIMED[k].path, name, path);
                snprintf(requests[class][i], sizeof requests[class][i],
                         "GET %.100s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %.100s\r\n\r\n",
                         path, other->eve);
            }
        compare(fd, TIMED[k].path, requests,
                (unsigned)(is_short ? LOOKUPS_SHORT : LOOKUPS) / KINDS);
    }
    close(fd);
    http_close(server, 1000);
}

static void all(void **state)
{
    static struct authz authz;
    static struct leaks other;
    authz_setup(&authz, *state);
    authz_matrix(&authz);
    leaks_setup(&other, &authz);
    leaks_all(&other, is_short ? 1 : ROUNDS);
    time_all(*state, &other);
    cells = authz.cells + other.cells;
    wrong = authz.wrong + leaks_missing();
    leaks = other.leaks;
}

int main(int argc, char **argv)
{
    is_short = argc > 1 && !strcmp(argv[1], "--short");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all, live_setup, live_teardown)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    printf("figure authz cells=%u wrong=%u leaks=%u timed=%u median_ns=%.0f t=%.2f\n", cells, wrong,
           leaks, timed, worst_median_ns, worst_t);
    return failed || !cells || wrong || leaks || fabs(worst_t) >= T_BAR ? 1 : 0;
}
