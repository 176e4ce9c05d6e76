/* Notes on their way to listeners: the newest of an object counts, what is too much is a reset, and
 * nobody hears of what is not his. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>

#include "case.h"
#include "server/events_queue.h"

static struct event_note note_of(const char *org, const char *kind, const char *object,
                                 const char *product)
{
    struct event_note note;
    json_t *facts = json_pack("{s:s, s:s}", "object", object, "product", product);
    assert_true(event_note_make(&note, org, kind, object, facts));
    return note;
}

static void the_newest_of_an_object_counts(void **state)
{
    (void)state;
    static struct event_notes notes;
    for (int i = 0; i < 100000; i++) { /* as when many check in often */
        char object[16];
        snprintf(object, sizeof object, "%d", i % 50);
        const struct event_note note = note_of("a", "device", object, "p");
        event_notes_add(&notes, &note);
    }
    assert_int_equal(notes.count, 50);
    assert_false(notes.is_over);
    const struct event_note other = note_of("b", "device", "0", "p");
    event_notes_add(&notes, &other);
    assert_int_equal(notes.count, 51);
    for (int i = 0; i < EVENTS_QUEUE_MAX; i++) {
        char object[16];
        snprintf(object, sizeof object, "n%d", i);
        const struct event_note note = note_of("a", "device", object, "p");
        event_notes_add(&notes, &note);
    }
    assert_int_equal(notes.count, EVENTS_QUEUE_MAX);
    assert_true(notes.is_over);
}

static void the_ring_knows_how_far_it_reaches(void **state)
{
    (void)state;
    static struct event_ring ring;
    assert_true(event_ring_reaches(&ring, 0));
    assert_false(event_ring_reaches(&ring, 1));
    for (int i = 0; i < EVENTS_RING + 10; i++) {
        const struct event_note note = note_of("a", "device", "x", "p");
        event_ring_add(&ring, &note);
    }
    assert_int_equal(ring.last, EVENTS_RING + 10);
    assert_true(event_ring_reaches(&ring, 10));
    assert_false(event_ring_reaches(&ring, 9));
    assert_true(event_ring_reaches(&ring, ring.last));
    assert_false(event_ring_reaches(&ring, ring.last + 1));
    assert_non_null(event_ring_at(&ring, 11));
    assert_null(event_ring_at(&ring, 10));
    assert_int_equal(event_ring_at(&ring, ring.last)->number, ring.last);
}

static void only_his_own_is_heard(void **state)
{
    (void)state;
    static const struct {
        const char *org, *kind, *product;
        struct actor actor;
        bool is_heard;
    } CASES[] = {
        {"a", "device", "p", {"a", "u", "", ROLE_VIEWER, SCOPE_READ, false, false, 0}, true},
        {"b", "device", "p", {"a", "u", "", ROLE_ADMIN, SCOPE_ALL, false, false, 0}, false},
        {"a", "device", "p", {"a", "u", "p", ROLE_VIEWER, SCOPE_READ, false, false, 0}, true},
        {"a", "device", "p", {"a", "u", "q", ROLE_VIEWER, SCOPE_READ, false, false, 0}, false},
        {"a", "rollout", "", {"a", "u", "q", ROLE_VIEWER, SCOPE_READ, false, false, 0}, false},
        {"a", "user", "", {"a", "u", "", ROLE_RELEASER, SCOPE_ALL, false, false, 0}, false},
        {"a", "user", "", {"a", "u", "", ROLE_ADMIN, SCOPE_READ, false, false, 0}, false},
        {"a", "user", "", {"a", "u", "", ROLE_ADMIN, SCOPE_ALL, false, false, 0}, true},
        {"", "reset", "", {"a", "u", "q", ROLE_VIEWER, SCOPE_READ, false, false, 0}, true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CASE(i);
        const struct event_note note = note_of(CASES[i].org, CASES[i].kind, "x", CASES[i].product);
        assert_int_equal(event_is_for(&note, &CASES[i].actor), CASES[i].is_heard);
    }
}

static void a_text_that_is_too_long_is_not_told(void **state)
{
    (void)state;
    struct event_note note;
    char name[EVENT_TEXT_MAX];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_false(event_note_make(&note, "a", "device", "x", json_pack("{s:s}", "object", name)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_of_an_object_counts),
        cmocka_unit_test(the_ring_knows_how_far_it_reaches),
        cmocka_unit_test(only_his_own_is_heard),
        cmocka_unit_test(a_text_that_is_too_long_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
