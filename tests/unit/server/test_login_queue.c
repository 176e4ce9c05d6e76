/* Whose password is checked next: nobody fills the queue for the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>

#include "case.h"
#include "server/login_queue.h"

static struct login_queue queue;
static struct login_ticket tickets[400];
static size_t tickets_count;
static uint64_t now_ms;
static unsigned pause_s;
static struct login_ticket *displaced;

static int setup(void **state)
{
    (void)state;
    memset(&queue, 0, sizeof queue);
    tickets_count = 0;
    now_ms = 1000000;
    return 0;
}

static struct login_ticket *ticket(const char *address, const char *user)
{
    struct login_ticket *one = &tickets[tickets_count++];
    memset(one, 0, sizeof *one);
    login_address_parse(address, &one->address);
    snprintf(one->user, sizeof one->user, "%s", user);
    one->lane = one->address.is_local ? LOGIN_LOCAL : LOGIN_UNKNOWN;
    return one;
}

static enum login_entry come(const char *address, const char *user)
{
    return login_queue_add(&queue, ticket(address, user), now_ms, &displaced, &pause_s);
}

/* From a place that the account knows. */
static enum login_entry come_known(const char *address, const char *user, enum login_lane lane)
{
    struct login_ticket *one = ticket(address, user);
    one->lane = lane;
    return login_queue_add(&queue, one, now_ms, &displaced, &pause_s);
}

/* Comes, is checked at once. */
static enum login_entry try(const char *address, bool is_good)
{
    enum login_entry entry = come(address, "admin");
    if (entry == LOGIN_WAITS) login_queue_note(&queue, login_queue_take(&queue), is_good, now_ms);
    return entry;
}

/* From 10.0.i.1 upward, for this account. */
static void crowd(int first, int count, const char *user)
{
    for (int i = first; i < first + count; i++) {
        char address[32];
        snprintf(address, sizeof address, "10.0.%d.1", i);
        come(address, user);
    }
}

/* How many are served until this one is; -1: never. */
static int turns_until(const struct login_ticket *wanted)
{
    struct login_ticket *one;
    for (int turns = 1; (one = login_queue_take(&queue)); turns++)
        if (one == wanted) return turns;
    return -1;
}

static bool is_same(const char *one, const char *other)
{
    struct login_address a, b;
    login_address_parse(one, &a);
    login_address_parse(other, &b);
    return !memcmp(&a.bytes, &b.bytes, 16);
}

static bool is_local(const char *text)
{
    struct login_address address;
    login_address_parse(text, &address);
    return address.is_local;
}

static void addresses(void **state)
{
    (void)state;
    assert_true(is_same("192.0.2.1", "::ffff:192.0.2.1"));
    assert_false(is_same("192.0.2.1", "192.0.2.2"));
    assert_true(is_same("2001:db8:0:1::5", "2001:db8:0:1:ffff::9"));
    assert_false(is_same("2001:db8:0:1::5", "2001:db8:0:2::5"));
    assert_true(is_local("127.0.0.1") && is_local("127.8.8.8") && is_local("::1"));
    assert_true(is_local("::ffff:127.0.0.1"));
    assert_false(is_local("128.0.0.1") || is_local("::2") || is_local("") || is_local("::"));
}

/* Three tries, then 1, 2, 4 … 60 s; a good one or a quarter of an hour of quiet ends it. */
static void wrong_ones_have_to_pause(void **state)
{
    (void)state;
    for (int i = 0; i < LOGIN_FREE_TRIES; i++) {
        CASE(i);
        assert_int_equal(try("192.0.2.1", false), LOGIN_WAITS);
    }
    for (unsigned wait_s = 1; wait_s <= 64; wait_s *= 2) {
        CASE(wait_s);
        unsigned expected_s = wait_s < 60 ? wait_s : 60;
        assert_int_equal(try("192.0.2.1", true), LOGIN_PAUSES);
        assert_int_equal(pause_s, expected_s);
        now_ms += expected_s * 1000 - 1;
        assert_int_equal(try("192.0.2.1", true), LOGIN_PAUSES);
        assert_int_equal(try("192.0.2.2", true), LOGIN_WAITS); /* only that address */
        now_ms++;
        assert_int_equal(try("192.0.2.1", false), LOGIN_WAITS);
    }
    now_ms += 60000;
    assert_int_equal(try("192.0.2.1", true), LOGIN_WAITS);
    assert_int_equal(try("192.0.2.1", false), LOGIN_WAITS);
    assert_int_equal(try("192.0.2.1", true), LOGIN_WAITS);
    for (int i = 0; i < LOGIN_FREE_TRIES; i++)
        try("192.0.2.9", false);
    now_ms += 1000 + LOGIN_FORGET_MS;
    for (int i = 0; i < LOGIN_FREE_TRIES; i++) {
        CASE(i);
        assert_int_equal(try("192.0.2.9", false), LOGIN_WAITS);
    }
}

/* Its wrong passwords delay nobody: this machine always gets in. */
static void this_machine_never_pauses(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        CASE(i);
        assert_int_equal(try("127.0.0.1", false), LOGIN_WAITS);
    }
    assert_int_equal(try("::1", true), LOGIN_WAITS);
}

static void one_address_takes_few_places(void **state)
{
    (void)state;
    for (int i = 0; i < LOGIN_ADDRESS_MAX; i++) {
        CASE(i);
        assert_int_equal(come("192.0.2.1", "admin"), LOGIN_WAITS);
    }
    assert_int_equal(come("192.0.2.1", "bob"), LOGIN_FULL);
    assert_null(displaced);
    assert_int_equal(come("192.0.2.2", "admin"), LOGIN_WAITS);
}

static void addresses_take_turns(void **state)
{
    (void)state;
    try("192.0.2.1", false);
    for (int i = 0; i < LOGIN_ADDRESS_MAX; i++)
        come("192.0.2.1", "admin");
    come("192.0.2.2", "admin");
    assert_true(turns_until(&tickets[tickets_count - 1]) <= 2);
}

/* A crowd with one name does not delay who has another. */
static void accounts_take_turns(void **state)
{
    (void)state;
    try("10.1.0.1", true);
    crowd(0, LOGIN_ACCOUNT_MAX + 10, "admin");
    assert_int_equal(queue.waiting, LOGIN_ACCOUNT_MAX);
    assert_int_equal(come("192.0.2.2", "bob"), LOGIN_WAITS);
    assert_true(turns_until(&tickets[tickets_count - 1]) <= 2);
}

/* A full queue of unknown ones makes room for this machine and for places that are known. */
static void the_better_known_displaces(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        enum login_lane lane;
    } BETTER[] = {
        {"127.0.0.1", LOGIN_LOCAL}, {"192.0.2.7", LOGIN_ADDRESS}, {"10.0.1.1", LOGIN_DEVICE}};
    crowd(0, LOGIN_ACCOUNT_MAX, "admin");
    crowd(50, LOGIN_WAITING_MAX - LOGIN_ACCOUNT_MAX, "bob");
    assert_int_equal(come("192.0.2.8", "carol"), LOGIN_FULL);
    for (size_t i = 0; i < 3; i++) {
        CASE(i);
        assert_int_equal(come_known(BETTER[i].address, "admin", BETTER[i].lane), LOGIN_WAITS);
        assert_non_null(displaced);
        assert_int_equal(queue.waiting, LOGIN_WAITING_MAX);
    }
    /* The best known first, whenever it goes by that. */
    assert_ptr_equal(login_queue_take(&queue), &tickets[tickets_count - 1]);
    login_queue_take(&queue);
    assert_ptr_equal(login_queue_take(&queue), &tickets[tickets_count - 2]);
}

/* Who shares an address with a guesser shares none of its pauses where it is known by itself, and
 * does not end them. */
static void a_known_device_is_apart(void **state)
{
    (void)state;
    for (int i = 0; i < LOGIN_FREE_TRIES; i++)
        try("192.0.2.1", false);
    assert_int_equal(try("192.0.2.1", true), LOGIN_PAUSES);
    for (int i = 0; i < LOGIN_ADDRESS_MAX + 1; i++) {
        CASE(i);
        assert_int_equal(come_known("192.0.2.1", "admin", LOGIN_DEVICE), LOGIN_WAITS);
    }
    login_queue_note(&queue, login_queue_take(&queue), true, now_ms);
    assert_int_equal(try("192.0.2.1", true), LOGIN_PAUSES);
}

/* The other way round: who is on this machine does not shut out all others. */
static void this_machine_starves_nobody(void **state)
{
    (void)state;
    come("192.0.2.1", "admin");
    const struct login_ticket *remote = &tickets[0];
    int turns = 0;
    for (bool is_served = false; !is_served; turns++) {
        come("127.0.0.1", "admin");
        come("127.0.0.1", "admin");
        is_served = login_queue_take(&queue) == remote;
    }
    assert_true(turns <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(addresses, setup),
        cmocka_unit_test_setup(wrong_ones_have_to_pause, setup),
        cmocka_unit_test_setup(this_machine_never_pauses, setup),
        cmocka_unit_test_setup(one_address_takes_few_places, setup),
        cmocka_unit_test_setup(addresses_take_turns, setup),
        cmocka_unit_test_setup(accounts_take_turns, setup),
        cmocka_unit_test_setup(the_better_known_displaces, setup),
        cmocka_unit_test_setup(this_machine_starves_nobody, setup),
        cmocka_unit_test_setup(a_known_device_is_apart, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
