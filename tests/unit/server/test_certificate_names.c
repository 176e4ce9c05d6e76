/* The names that the service's own certificate must carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "server/certificate_names.h"

static char names[CERTIFICATE_NAMES_MAX], host[256];

/* Whether it is one of the comma-separated names. */
static bool has(const char *wanted)
{
    char copy[CERTIFICATE_NAMES_MAX], *rest = copy;
    snprintf(copy, sizeof copy, "%s", names);
    for (char *name; (name = strsep(&rest, ","));)
        if (!strcmp(name, wanted)) return true;
    return false;
}

static size_t count(void)
{
    size_t commas = 0;
    for (const char *at = names; *at; at++)
        commas += *at == ',';
    return *names ? commas + 1 : 0;
}

static void one_address(void **state)
{
    (void)state;
    certificate_names("127.0.0.2", NULL, false, names);
    assert_true(has("127.0.0.2") && has(host));
    assert_int_equal(count(), 2); /* the machine's other addresses are nobody's business */
    certificate_names("::1", "ota.example.org,192.0.2.7", false, names);
    assert_true(has("::1") && has("ota.example.org") && has("192.0.2.7") && has(host));
    certificate_names("127.0.0.2", "ota.example.org", true, names);
    assert_string_equal(names, "ota.example.org,127.0.0.2");
}

/* Each address by which the machine can be reached, but not the address that means all. */
static void all_addresses(void **state)
{
    (void)state;
    static const char *const ANY[] = {"0.0.0.0", "::"};
    for (size_t i = 0; i < 2; i++) {
        certificate_names(ANY[i], NULL, false, names);
        assert_true(has(host));
        assert_false(has(ANY[i]) || has("127.0.0.1"));
        FILE *routes = popen("hostname -I 2>/dev/null", "r");
        char address[64];
        while (routes && fscanf(routes, "%63s", address) == 1)
            if (strncmp(address, "fe80:", 5)) assert_true(has(address));
        if (routes) pclose(routes);
        certificate_names(ANY[i], NULL, true, names);
        assert_string_equal(names, "");
    }
}

int main(void)
{
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address),
        cmocka_unit_test(all_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
