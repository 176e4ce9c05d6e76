/* S8 and S9: every row of the table of routes by every kind of caller, against the table that
 * tests/unit/server/authz.h says once more; and every place where something is named, asked by the
 * admin of another organisation for what there is and for what there is not. */
#include "../unit/server/leaks.h"

#define ROUNDS 100

static unsigned cells, wrong, leaks;

static void all(void **state)
{
    static struct authz authz;
    static struct leaks other;
    authz_setup(&authz, *state);
    authz_matrix(&authz);
    leaks_setup(&other, &authz);
    leaks_all(&other, ROUNDS);
    cells = authz.cells + other.cells;
    wrong = authz.wrong + leaks_missing();
    leaks = other.leaks;
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all, live_setup, live_teardown)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    printf("figure authz cells=%u wrong=%u leaks=%u\n", cells, wrong, leaks);
    return failed || !cells || wrong || leaks ? 1 : 0;
}
