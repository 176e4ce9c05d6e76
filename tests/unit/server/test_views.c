/* What views make of rows that are not as usual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <string.h>

#include "fleet/list.h"
#include "server/views.h"

/* After an upgrade, until the sweep has come to the device. */
static void no_state_before_it_is_known(void **state)
{
    (void)state;
    struct list_device row = {.id = 1, .product = "thermostat"};
    json_t *view = view_listed_device(&row);
    assert_true(json_is_null(json_object_get(view, "state")));
    assert_non_null(strstr(json_string_value(json_object_get(view, "sentence")), "started"));
    json_decref(view);
    memcpy(row.state, "failed", 7);
    view = view_listed_device(&row);
    assert_string_equal(json_string_value(json_object_get(view, "state")), "failed");
    json_decref(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_state_before_it_is_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
