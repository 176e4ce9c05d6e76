/* Scorecard S13: webhooks as a way into the network that the server stands in. Each URL, name and
 * answer below must be refused, and no connection may arrive at the listeners of this machine that
 * wait for one; honest webhooks beside them must arrive.
 *
 *   urls       loopback, private, link-local, metadata, multicast in every form that a resolver or
 *              libcurl understands; other schemes, ports, credentials
 *   names      that lead to such an address, alone, behind a public one, or at the second look-up
 *   redirects  of every kind, to another port of this machine
 *   answers    without end */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/webhook_send.h"

static unsigned cases, wrong;

static void judge(bool is_right, const char *what, const char *note)
{
    cases++;
    if (is_right) return;
    wrong++;
    printf("wrong: %s (%s)\n", what, note);
}

/* ---- who listens ---- */

struct listener {
    int fd;
    uint16_t port;
    const char *answer;
    pthread_t thread;
    atomic_uint arrived;
};

static int open_at(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof address) && !listen(fd, 64))
        return fd;
    close(fd);
    return -1;
}

static void serve_one(struct listener *listener, int fd)
{
    char request[4096];
    struct pollfd wait = {fd, POLLIN, 0};
    atomic_fetch_add(&listener->arrived, 1);
    if (poll(&wait, 1, 2000) > 0) (void)!read(fd, request, sizeof request);
    bool goes_on = listener->answer != NULL;
    while (goes_on) {
        size_t size = strlen(listener->answer);
        goes_on = send(fd, listener->answer, size, MSG_NOSIGNAL) == (ssize_t)size &&
                  strstr(listener->answer, "endless");
    }
    close(fd);
}

static void *serve(void *ctx)
{
    struct listener *listener = ctx;
    for (int fd; (fd = accept(listener->fd, NULL, NULL)) >= 0;)
        serve_one(listener, fd);
    return NULL;
}

/* At one of the ports that a webhook may have, so that nothing but the address stands in the way;
 * port 0: at any. */
static bool listen_at(struct listener *listener, uint16_t port)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    listener->fd = open_at(port);
    if (listener->fd < 0) return false;
    getsockname(listener->fd, (struct sockaddr *)&address, &size);
    listener->port = ntohs(address.sin_port);
    return !pthread_create(&listener->thread, NULL, serve, listener);
}

static void stop(struct listener *listener)
{
    shutdown(listener->fd, SHUT_RDWR);
    pthread_join(listener->thread, NULL);
    close(listener->fd);
}

/* ---- one try ---- */

static const uint8_t SECRET[WEBHOOK_SECRET_SIZE] = {1, 2, 3};

static struct webhook_outcome try_url(const char *url, bool may_loopback, webhook_resolver *resolve)
{
    struct webhook_outcome outcome;
    const struct webhook_delivery delivery = {.url = url,
                                              .id = "1",
                                              .event = "test",
                                              .body = "{}",
                                              .secret = SECRET,
                                              .now_s = 1700000000,
                                              .may_loopback = may_loopback,
                                              .resolve = resolve};
    webhook_send(&delivery, &outcome);
    return outcome;
}

/* %u: the port of a listener that must not be reached. */
static const char *const URLS[] = {
    "https://127.0.0.1:%u/",
    "https://127.1:%u/",
    "https://127.0.1:%u/",
    "https://127.255.255.254:%u/",
    "https://2130706433:%u/",
    "https://0x7f000001:%u/",
    "https://0x7F.0.0.1:%u/",
    "https://0177.0.0.1:%u/",
    "https://017700000001:%u/",
    "https://0x7f.1:%u/",
    "https://00000177.0.0.01:%u/",
    "https://127.0.0.1.:%u/",
    "https://%%31%%32%%37.0.0.1:%u/",
    "https://0:%u/",
    "https://0.0.0.0:%u/",
    "https://localhost:%u/",
    "https://LOCALHOST:%u/",
    "https://localhost.:%u/",
    "https://[::1]:%u/",
    "https://[::]:%u/",
    "https://[0:0:0:0:0:0:0:1]:%u/",
    "https://[::ffff:127.0.0.1]:%u/",
    "https://[::ffff:7f00:1]:%u/",
    "https://[::127.0.0.1]:%u/",
    "https://[64:ff9b::7f00:1]:%u/",
    "https://[64:ff9b:1::7f00:1]:%u/",
    "https://[2002:7f00:1::1]:%u/",
    "https://[2001:0:7f00:1::]:%u/",
    "https://[2001:db8::1]:%u/",
    "https://[3fff::1]:%u/",
    "https://[fe80::1]:%u/",
    "https://[fe80::1%%25lo]:%u/",
    "https://[fec0::1]:%u/",
    "https://[fd00::1]:%u/",
    "https://[fc00::1]:%u/",
    "https://[ff02::1]:%u/",
    "https://[ff0e::1]:%u/",
    "https://[::ffff:169.254.169.254]:%u/",
    "https://[fd00:ec2::254]:%u/",
    "https://169.254.169.254:%u/latest/meta-data/",
    "https://0xa9fea9fe:%u/",
    "https://2852039166:%u/",
    "https://0251.0376.0251.0376:%u/",
    "https://10.0.0.1:%u/",
    "https://10.1:%u/",
    "https://172.16.0.1:%u/",
    "https://172.31.255.255:%u/",
    "https://192.168.1.1:%u/",
    "https://192.168.257:%u/",
    "https://100.64.0.1:%u/",
    "https://192.0.0.1:%u/",
    "https://192.0.2.1:%u/",
    "https://192.88.99.1:%u/",
    "https://198.18.0.1:%u/",
    "https://198.51.100.1:%u/",
    "https://203.0.113.1:%u/",
    "https://224.0.0.1:%u/",
    "https://239.255.255.250:%u/",
    "https://240.0.0.1:%u/",
    "https://255.255.255.255:%u/",
    "http://127.0.0.1:%u/",
    "http://8.8.8.8:%u/",
    "ftp://127.0.0.1:%u/",
    "gopher://127.0.0.1:%u/_x",
    "dict://127.0.0.1:%u/x",
    "ldap://127.0.0.1:%u/",
    "telnet://127.0.0.1:%u/",
    "ws://127.0.0.1:%u/",
    "file:///etc/passwd?%u",
    "javascript:alert(%u)",
    "127.0.0.1:%u",
    "//127.0.0.1:%u/",
    "https:%u",
    "https://",
    "",
    "https:///x%u",
    "https://127.0.0.1:%u\\@8.8.8.8/",
    "https://8.8.8.8:%u\\@127.0.0.1/",
    "https://user@8.8.8.8:%u/",
    "https://user:pass@8.8.8.8:%u/",
    "https://8.8.8.8@127.0.0.1:%u/",
    "https://8.8.8.8:443@127.0.0.1:%u/",
    "https://:pass@8.8.8.8:%u/",
    "https://8.8.8.8:22/?%u",
    "https://8.8.8.8:25/?%u",
    "https://8.8.8.8:80/?%u",
    "https://8.8.8.8:6379/?%u",
    "https://8.8.8.8:8080/?%u",
    "https://8.8.8.8:0/?%u",
    "https://8.8.8.8:65536/?%u",
    "https://8.8.8.8:443443/?%u",
    "https://8.8.8.8:-1/?%u",
    "https://8.8.8.8:%u:443/",
    "https://8.8.8.8:%u/\r\nHost: x",
    "https://8.8.8.8:%u/ x",
    "https://8.8.8.8:%u/\xc3\xa4",
    "https://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1:%u/",
    ("https://127\xe3\x80\x82"
     "0.0.1:%u/"),
};

static void forbidden_urls(struct listener *listener)
{
    char url[300];
    for (size_t i = 0; i < sizeof URLS / sizeof *URLS; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(url, sizeof url, URLS[i], listener->port);
#pragma GCC diagnostic pop
        struct webhook_outcome outcome = try_url(url, false, webhook_resolve);
        judge(!outcome.is_delivered && !outcome.status && *outcome.note, url, outcome.note);
    }
    judge(listener->arrived == 0, "no connection arrived", "of a URL");
}

/* ---- names ---- */

static const char *answers[8];
static unsigned looked_up;

/* "a b" is one look-up's addresses. The look-ups after the last get the last one's. */
static size_t resolve_as_told(const char *host, struct sockaddr_storage *out, size_t count_max)
{
    char text[200];
    size_t count = 0;
    (void)host;
    unsigned index = looked_up++;
    while (index && !answers[index])
        index--;
    snprintf(text, sizeof text, "%s", answers[index]);
    for (char *at = text, *end; *at && count < count_max; at = end) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        end = at + strcspn(at, " ");
        if (*end) *end++ = 0;
        if (inet_pton(AF_INET, at, &v4.sin_addr) == 1)
            memcpy(&out[count++], &v4, sizeof v4);
        else if (inet_pton(AF_INET6, at, &v6.sin6_addr) == 1)
            memcpy(&out[count++], &v6, sizeof v6);
    }
    return count;
}

static void forbidden_names(struct listener *listener)
{
    static const char *const ADDRESSES[] = {"127.0.0.1",
                                            "::1",
                                            "169.254.169.254",
                                            "10.0.0.1",
                                            "192.168.0.1",
                                            "::ffff:127.0.0.1",
                                            "fd00::1",
                                            "fe80::1",
                                            "0.0.0.0",
                                            "224.0.0.1",
                                            "64:ff9b::7f00:1",
                                            "::",
                                            "172.20.0.1",
                                            "100.127.255.255",
                                            "255.255.255.255",
                                            "8.8.8.8 127.0.0.1",
                                            "127.0.0.1 8.8.8.8",
                                            "2606:4700::1 ::1",
                                            "8.8.8.8 2606:4700::1 10.0.0.1"};
    char url[100];
    snprintf(url, sizeof url, "https://hooks.example.com:%u/x", listener->port);
    for (size_t i = 0; i < sizeof ADDRESSES / sizeof *ADDRESSES; i++) {
        looked_up = 0;
        answers[0] = ADDRESSES[i];
        answers[1] = NULL;
        struct webhook_outcome outcome = try_url(url, false, resolve_as_told);
        judge(!outcome.is_delivered && !strcmp(outcome.note, "not-public"), ADDRESSES[i],
              outcome.note);
        judge(!outcome.is_final, "it is tried again", ADDRESSES[i]); /* DNS may be mended */
    }
    judge(listener->arrived == 0, "no connection arrived", "by a name");
}

/* The first look-up says a public address, whatever asks next hears of this machine; also by names
 * that libcurl knows by itself. */
static void rebinding(struct listener *listener)
{
    static const char *const NAMES[] = {"rebind.example.com", "localhost", "127.0.0.1.nip.io"};
    char url[100];
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        snprintf(url, sizeof url, "https://%s:%u/x", NAMES[i], listener->port);
        looked_up = 0;
        answers[0] = "240.0.0.1";
        answers[1] = "127.0.0.1";
        answers[2] = NULL;
        struct webhook_outcome outcome = try_url(url, false, resolve_as_told);
        judge(!outcome.is_delivered && looked_up == 1, url, outcome.note);
        looked_up = 0;
        answers[0] = "2606:4700:ffff:ffff::1"; /* public, and nobody */
        outcome = try_url(url, false, resolve_as_told);
        judge(!outcome.is_delivered && looked_up == 1, url, outcome.note);
    }
    judge(listener->arrived == 0, "no connection arrived", "by rebinding");
}

/* ---- answers ---- */

static void redirects(struct listener *listener)
{
    static const int STATUSES[] = {300, 301, 302, 303, 307, 308};
    char url[100], answer[300];
    for (size_t i = 0; i < sizeof STATUSES / sizeof *STATUSES; i++) {
        struct listener honest = {0};
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 %d Elsewhere\r\nLocation: http://127.0.0.1:%u/secret\r\n"
                 "Refresh: 0; url=http://127.0.0.1:%u/\r\nContent-Length: 0\r\n\r\n",
                 STATUSES[i], listener->port, listener->port);
        honest.answer = answer;
        if (!listen_at(&honest, 0)) exit(1);
        snprintf(url, sizeof url, "http://127.0.0.1:%u/x", honest.port);
        struct webhook_outcome outcome = try_url(url, true, webhook_resolve);
        judge(!outcome.is_delivered && outcome.status == STATUSES[i] && honest.arrived == 1, answer,
              outcome.note);
        stop(&honest);
    }
    judge(listener->arrived == 0, "no connection arrived", "by a redirect");
}

static void honest_ones_arrive(void)
{
    static const struct {
        const char *answer;
        bool is_good;
    } CASES[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true},
        {"HTTP/1.1 204 No Content\r\n\r\n", true},
        {"HTTP/1.1 200 endless\r\n\r\n", true},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", false},
        {"rubbish\r\n\r\n", false},
        {NULL, false},
    };
    char url[100];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct listener honest = {.answer = CASES[i].answer};
        if (!listen_at(&honest, 0)) exit(1);
        snprintf(url, sizeof url, "http://localhost:%u/x", honest.port);
        struct webhook_outcome outcome = try_url(url, true, resolve_as_told);
        looked_up = 0;
        answers[0] = "127.0.0.1";
        outcome = try_url(url, true, resolve_as_told);
        judge(outcome.is_delivered == CASES[i].is_good && honest.arrived >= 1,
              CASES[i].answer ? CASES[i].answer : "nothing", outcome.note);
        stop(&honest);
    }
}

/* What a test may do, may not do more. */
static void tests_reach_this_machine_alone(void)
{
    static const char *const URLS_OF_TESTS[] = {"http://8.8.8.8/",         "https://10.0.0.1/",
                                                "http://[2606:4700::1]/",  "ftp://127.0.0.1/",
                                                "http://169.254.169.254/", "http://u@127.0.0.1/"};
    for (size_t i = 0; i < sizeof URLS_OF_TESTS / sizeof *URLS_OF_TESTS; i++) {
        struct webhook_outcome outcome = try_url(URLS_OF_TESTS[i], true, webhook_resolve);
        judge(!outcome.is_delivered && !outcome.status, URLS_OF_TESTS[i], outcome.note);
    }
}

int main(void)
{
    static const uint16_t PORTS[] = {9443, 4443, 8443};
    struct listener listener = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    bool is_open = false;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    answers[0] = "127.0.0.1";
    for (size_t i = 0; i < sizeof PORTS / sizeof *PORTS && !is_open; i++)
        is_open = listen_at(&listener, PORTS[i]);
    if (!is_open) {
        fprintf(stderr, "figure_ssrf: the ports 4443, 8443 and 9443 of this machine are taken\n");
        return 1;
    }
    forbidden_urls(&listener);
    forbidden_names(&listener);
    rebinding(&listener);
    redirects(&listener);
    tests_reach_this_machine_alone();
    honest_ones_arrive();
    stop(&listener);
    curl_global_cleanup();
    printf("figure ssrf cases=%u wrong=%u\n", cases, wrong);
    return wrong || cases < 100;
}
