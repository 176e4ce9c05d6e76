/* A server that has no descriptor left: it neither spins nor floods its log, keeps what it serves,
 * and serves who has waited once there is room. */
#include <fcntl.h>
#include <sys/resource.h>

#include "base/log.h"
#include "case.h"
#include "unit/http/fixture.h"

#define STARVED_MS 1300 /* five tries */
#define CPU_MS_MAX 130

static const char asks[] = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";
static _Atomic unsigned told;

static void count_told(void *ctx, enum godwit_log_level level, const char *event,
                       const char *format, __builtin_va_list args)
{
    (void)ctx, (void)level, (void)format, (void)args;
    if (!strcmp(event, "http_accept_failed")) told++;
}

static uint64_t cpu_ms(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static struct rlimit limit_before;

/* Whatever is open stays; nothing more can be opened. */
static void starve(void)
{
    int next = dup(0);
    close(next); /* the lowest that is free */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit_before), 0);
    struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = limit_before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void feed(void)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit_before), 0);
}

static void dial(const struct fixture *fixture, int fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_port(fixture->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    peer_text(fd, asks);
}

static void test_starved(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open_loops((struct http_limits){0}, 1);
    char reply[1024];
    int served = peer_open(&fixture), waits = socket(AF_INET, SOCK_STREAM, 0);
    peer_text(served, asks);
    peer_read(served, reply, sizeof reply, "hello");
    told = 0;
    godwit_log_set(count_told, NULL);
    starve();
    uint64_t begun_ms = cpu_ms();
    dial(&fixture, waits);
    usleep(STARVED_MS * 1000);
    uint64_t used_ms = cpu_ms() - begun_ms;
    peer_text(served, asks);
    peer_read(served, reply, sizeof reply, "hello");
    bool is_served = strstr(reply, "hello");
    feed();
    assert_true(is_served);
    assert_int_equal(told, 1);
    assert_in_range(used_ms, 0, CPU_MS_MAX);
    peer_read(waits, reply, sizeof reply, "hello");
    assert_non_null(strstr(reply, "hello"));
    godwit_log_set(NULL, NULL);
    close(served);
    close(waits);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_starved)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
