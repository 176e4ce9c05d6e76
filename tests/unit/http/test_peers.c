/* What counts as one address, and how many connections it has. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/limits.h"

static void key_of(const char *text, uint8_t key_out[static 16])
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        peers_key((struct sockaddr *)&v4, key_out);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        peers_key((struct sockaddr *)&v6, key_out);
    }
}

static void test_keys(void **state)
{
    (void)state;
    static const struct {
        const char *one, *two;
        bool same;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true}, /* a server that listens on :: sees it so */
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"0102:0304::", "1.2.3.4", false},
        {"::", "0.0.0.0", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t one[16], two[16];
        key_of(rows[i].one, one);
        key_of(rows[i].two, two);
        assert_int_equal(memcmp(one, two, 16) == 0, rows[i].same);
    }
}

static void test_counts(void **state)
{
    (void)state;
    struct peers *peers = peers_open();
    struct peer *first, *second, *other, *more;
    uint8_t one[16], two[16];
    key_of("192.0.2.1", one);
    key_of("192.0.2.2", two);
    assert_null(peers_add(peers, one, 2, &first));
    assert_null(peers_add(peers, one, 2, &second));
    assert_ptr_equal(first, second);
    assert_string_equal(peers_add(peers, one, 2, &more), "address_unauthenticated_max");
    assert_null(peers_add(peers, two, 2, &other));
    assert_true(peers_is_crowding(peers, first, 4)); /* 4 by 2 addresses */
    assert_false(peers_is_crowding(peers, other, 4));
    assert_true(peers_authenticated(peers, first, 1));
    assert_false(peers_authenticated(peers, second, 1)); /* and stays what it was */
    assert_null(peers_add(peers, one, 2, &more));
    peers_drop(peers, first, true);
    assert_true(peers_authenticated(peers, second, 1)); /* there is room again */
    peers_drop(peers, second, true);
    peers_drop(peers, more, false);
    peers_drop(peers, other, false);
    peers_close(peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
