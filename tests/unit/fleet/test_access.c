/* The gate, whole: every role and scope against every need, and objects of every organisation. */
#include "case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/access.h"

static void roles_and_scopes_have_names(void **state)
{
    (void)state;
    for (unsigned i = ROLE_VIEWER; i < ROLE_COUNT; i++)
        assert_int_equal(role_parse(role_name((enum role)i)), i);
    static const char *const NO_ROLES[] = {"none", "", "Admin", "admin ", "root"};
    for (size_t i = 0; i < sizeof NO_ROLES / sizeof *NO_ROLES; i++)
        assert_int_equal(role_parse(NO_ROLES[i]), ROLE_NONE);
    unsigned all = 0, n = 0;
    for (; scope_name(n); n++)
        all |= scope_parse(scope_name(n));
    assert_int_equal(n, 5);
    assert_int_equal(all, SCOPE_ALL);
    assert_int_equal(scope_parse("all"), 0);
}

static void a_need_is_met_by_role_and_scope(void **state)
{
    (void)state;
    for (unsigned has = ROLE_NONE; has < ROLE_COUNT; has++)
        for (unsigned needs = ROLE_VIEWER; needs < ROLE_COUNT; needs++)
            for (unsigned scopes = 0; scopes <= SCOPE_ALL; scopes++)
                for (unsigned need_scope = 0; need_scope <= SCOPE_ALL; need_scope++) {
                    struct actor actor = {.org = "a", .role = (enum role)has, .scopes = scopes};
                    struct access_need need = {(enum role)needs, need_scope};
                    bool is_in = has >= needs && (!need_scope || (scopes & need_scope));
                    assert_int_equal(access_check(&actor, &need, NULL) == GATE_ALLOWED, is_in);
                }
}

static void another_organisations_object_is_hidden_whoever_asks(void **state)
{
    (void)state;
    static const struct {
        const char *org, *product, *limit;
        enum gate expected;
    } ROWS[] = {
        {"a", "lamp", "", GATE_ALLOWED},      {"b", "lamp", "", GATE_HIDDEN},
        {"", "lamp", "", GATE_HIDDEN},        {"aa", "lamp", "", GATE_HIDDEN},
        {"A", "lamp", "", GATE_HIDDEN},       {"a", "lamp", "lamp", GATE_ALLOWED},
        {"a", "lamp", "lam", GATE_HIDDEN},    {"a", "lam", "lamp", GATE_HIDDEN},
        {"b", "lamp", "lamp", GATE_HIDDEN},   {"a", NULL, "lamp", GATE_ALLOWED},
        {NULL, "other", "lamp", GATE_HIDDEN},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        struct actor actor = {.org = "a", .role = ROLE_ADMIN, .scopes = SCOPE_ALL};
        const struct access_object object = {ROWS[i].org, ROWS[i].product};
        snprintf(actor.product, sizeof actor.product, "%s", ROWS[i].limit);
        assert_int_equal(access_check(&actor, NULL, &object), ROWS[i].expected);
        /* Hidden comes first: who lacks the role learns no more. */
        const struct access_need need = {ROLE_ADMIN, SCOPE_ADMIN};
        actor.role = ROLE_VIEWER;
        assert_int_equal(access_check(&actor, &need, &object),
                         ROWS[i].expected ? ROWS[i].expected : GATE_ROLE_LOW);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_and_scopes_have_names),
        cmocka_unit_test(a_need_is_met_by_role_and_scope),
        cmocka_unit_test(another_organisations_object_is_hidden_whoever_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
