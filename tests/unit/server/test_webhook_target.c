/* Which URLs and addresses a webhook may have; every form of each: tests/figures/figure_ssrf.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "server/webhook_target.h"

static void urls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *fault;
        uint16_t port;
    } CASES[] = {
        {"https://hooks.example.com/a?b=c", "", 443},
        {"https://hooks.example.com:8443/", "", 8443},
        {"HTTPS://hooks.example.com", "", 443},
        {"http://hooks.example.com/", "not-https", 0},
        {"ftp://hooks.example.com/", "not-https", 0},
        {"hooks.example.com", "bad-url", 0},
        {"https://user@hooks.example.com/", "has-credentials", 0},
        {"https://user:word@hooks.example.com/", "has-credentials", 0},
        {"https://hooks.example.com:22/", "bad-port", 0},
        {"https://hooks.example.com:80/", "bad-port", 0},
        {"https://hooks.example.com/ x", "bad-url", 0},
        {"https://hooks.example.com\\@x/", "bad-url", 0},
        {"https://[fe80::1%25eth0]/", "not-public", 0},
        {"", "bad-url", 0},
        {"https://8.8.8.8/", "", 443},
        {"https://127.0.0.1/", "not-public", 0},
        {"https://0x7f.1/", "not-public", 0},
        {"https://2130706433/", "not-public", 0},
        {"https://[::1]/", "not-public", 0},
        {"https://[::ffff:10.0.0.1]/", "not-public", 0},
        {"https://[2606:4700::1]/", "", 443},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct webhook_target target;
        enum webhook_fault fault = webhook_target_parse(CASES[i].url, false, &target);
        if (strcmp(webhook_fault_id(fault), CASES[i].fault))
            fail_msg("%s: %s", CASES[i].url, webhook_fault_id(fault));
        if (!fault) assert_int_equal(target.port, CASES[i].port);
    }
}

static bool is_allowed(const char *text, bool may_loopback)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return webhook_address_is_allowed((struct sockaddr *)&v4, may_loopback);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return webhook_address_is_allowed((struct sockaddr *)&v6, may_loopback);
}

/* Both ends of each range, and what lies beside them. */
static void addresses(void **state)
{
    (void)state;
    static const char *const PUBLIC[] = {
        "1.0.0.0",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0",       "169.253.255.255", "169.255.0.0",    "172.15.255.255",
        "172.32.0.0",      "192.0.1.0",       "192.167.255.255", "192.169.0.0",    "198.17.255.255",
        "198.20.0.0",      "223.255.255.255", "2001:200::",      "2003::1",        "2606:4700::1",
        "3ffe::1",         "2a00::1"};
    static const char *const SPECIAL[] = {"0.0.0.0",
                                          "0.255.255.255",
                                          "10.0.0.0",
                                          "10.255.255.255",
                                          "100.64.0.0",
                                          "100.127.255.255",
                                          "127.0.0.0",
                                          "127.255.255.255",
                                          "169.254.0.0",
                                          "169.254.255.255",
                                          "172.16.0.0",
                                          "172.31.255.255",
                                          "192.0.0.0",
                                          "192.0.2.255",
                                          "192.168.0.0",
                                          "192.168.255.255",
                                          "198.18.0.0",
                                          "198.19.255.255",
                                          "198.51.100.0",
                                          "203.0.113.255",
                                          "224.0.0.0",
                                          "239.255.255.255",
                                          "240.0.0.0",
                                          "255.255.255.255",
                                          "::",
                                          "::1",
                                          "::ffff:8.8.8.8",
                                          "::ffff:7f00:1",
                                          "64:ff9b::808:808",
                                          "100::1",
                                          "2001::1",
                                          "2001:1ff:ffff::",
                                          "2001:db8::1",
                                          "2002:808:808::1",
                                          "3fff:fff::1",
                                          "4000::1",
                                          "fc00::1",
                                          "fd12::1",
                                          "fe80::1",
                                          "febf::1",
                                          "fec0::1",
                                          "ff02::1",
                                          "ffff::1"};
    for (size_t i = 0; i < sizeof PUBLIC / sizeof *PUBLIC; i++)
        if (!is_allowed(PUBLIC[i], false)) fail_msg("%s is public", PUBLIC[i]);
    for (size_t i = 0; i < sizeof SPECIAL / sizeof *SPECIAL; i++)
        if (is_allowed(SPECIAL[i], false)) fail_msg("%s is not public", SPECIAL[i]);
    assert_true(is_allowed("127.0.0.1", true));
    assert_true(is_allowed("::1", true));
    assert_false(is_allowed("8.8.8.8", true));
    assert_false(is_allowed("10.0.0.1", true));
    const struct sockaddr other = {.sa_family = AF_UNIX};
    assert_false(webhook_address_is_allowed(&other, false));
    assert_false(webhook_address_is_allowed(&other, true));
}

static size_t two(const char *host, struct sockaddr_storage *out, size_t count_max)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    (void)count_max;
    inet_pton(AF_INET, "8.8.8.8", &v4.sin_addr);
    memcpy(&out[0], &v4, sizeof v4);
    inet_pton(AF_INET, "10.0.0.1", &v4.sin_addr);
    memcpy(&out[1], &v4, sizeof v4);
    return strcmp(host, "two") ? !strcmp(host, "one") : 2;
}

static void one_bad_address_refuses_all(void **state)
{
    (void)state;
    struct sockaddr_storage found;
    struct webhook_target target = {.host = "one", .port = 443};
    assert_int_equal(webhook_target_find(&target, false, two, &found), WEBHOOK_FAULT_NONE);
    memcpy(target.host, "two", 4);
    assert_int_equal(webhook_target_find(&target, false, two, &found), WEBHOOK_FAULT_ADDRESS);
    memcpy(target.host, "nil", 4);
    assert_int_equal(webhook_target_find(&target, false, two, &found), WEBHOOK_FAULT_NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(addresses),
        cmocka_unit_test(one_bad_address_refuses_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
