/* Bodies against their schema: what is refused, which member is named, and what is said. Then the
 * tables themselves: every name that a row uses is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdlib.h>

#include "case.h"
#include "server/api_schema.h"
#include "server/app.h"
#include "server/operation.h"

static const struct {
    const char *object, *body, *field, *detail; /* field NULL: it is fine */
} CASES[] = {
    {"claim_request", "{\"product\":\"a\",\"count\":1000000}", NULL, ""},
    {"claim_request", "{\"product\":\"a\"}", NULL, ""},
    {"claim_request", "{}", "product", "\"product\" must be a text of 1 to 32 bytes"},
    {"claim_request", "{\"product\":null}", "product",
     "\"product\" must be a text of 1 to 32 bytes"},
    {"claim_request", "{\"product\":\"\"}", "product",
     "\"product\" must be a text of 1 to 32 bytes"},
    {"claim_request", "{\"product\":\"123456789012345678901234567890123\"}", "product",
     "\"product\" must be a text of 1 to 32 bytes"},
    {"claim_request", "{\"product\":\"a\",\"count\":0}", "count",
     "\"count\" must be a number from 1 to 1000000"},
    {"claim_request", "{\"product\":\"a\",\"count\":1000001}", "count",
     "\"count\" must be a number from 1 to 1000000"},
    {"claim_request", "{\"product\":\"a\",\"count\":1.0}", "count",
     "\"count\" must be a number from 1 to 1000000"},
    {"claim_request", "{\"product\":\"a\",\"coumt\":1}", "coumt",
     "there is no member \"coumt\" here; did you mean \"count\"?"},
    {"claim_request", "{\"product\":\"a\",\"nothing_like_it\":1}", "nothing_like_it",
     "there is no member \"nothing_like_it\" here; docs/API.md lists those that there are"},
    {"token_choice", "{\"token\":\"0123456789abcDEF\"}", NULL, ""},
    {"token_choice", "{\"token\":\"0123456789abcdeg\"}", "token",
     "\"token\" must be 16 hex digits"},
    {"token_choice", "{\"token\":\"0123456789abcde\"}", "token", "\"token\" must be 16 hex digits"},
    {"deploy_request", "{\"product\":\"a\",\"version\":\"1\",\"devices\":null}", NULL, ""},
    {"deploy_request", "{\"product\":\"a\",\"version\":\"1\",\"devices\":[]}", "devices",
     "\"devices\" must be a list of 1 to 10000 texts of hex digits"},
    {"deploy_request", "{\"product\":\"a\",\"version\":\"1\",\"devices\":[\"7cdfa1000001\",7]}",
     "devices", "\"devices\" must be 12 hex digits"},
    {"deploy_request", "{\"product\":\"a\",\"version\":\"1\",\"again\":1}", "again",
     "\"again\" must be true or false"},
    {"signature", "{\"scheme\":\"rsa3072\",\"key_digest\":7}", "key_digest",
     "\"key_digest\" must be 64 hex digits"},
    {"signature", "{\"scheme\":\"rsa\",\"key_digest\":7}", "scheme",
     "\"scheme\" must be one of: rsa3072 ecdsa192 ecdsa256 ecdsa384"},
    {"server", "{\"version\":\"1\",\"uptime_s\":-1}", "uptime_s",
     "\"uptime_s\" must be a whole number that is not negative"},
    {"releases", "{\"items\":[{}]}", "items.product", "\"product\" must be a text"},
    {"releases", "{\"items\":{}}", "items", "\"items\" must be a list of objects"},
    {"releases", "{\"items\":[7]}", "items", "\"items\" must be an object"},
};

static void faults_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CASE(i);
        struct schema_fault fault;
        json_t *body = json_loads(CASES[i].body, 0, NULL);
        assert_non_null(body);
        bool is_fine = schema_check(schema_find(CASES[i].object), body, &fault);
        assert_int_equal(is_fine, !CASES[i].field);
        assert_string_equal(fault.detail, CASES[i].detail);
        if (!is_fine) assert_string_equal(fault.field, CASES[i].field);
        json_decref(body);
    }
}

/* A member of any length and any UTF-8 is named as far as there is room, and nothing more. */
static void a_long_member_is_cut(void **state)
{
    (void)state;
    struct schema_fault fault;
    char name[1000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    json_t *body = json_object();
    json_object_set_new(body, name, json_null());
    assert_false(schema_check(schema_find("claim_request"), body, &fault));
    assert_int_equal(strlen(fault.field), sizeof fault.field - 1);
    json_decref(body);
}

static void expect_names(const struct schema_row *table)
{
    for (const struct schema_row *row = table; row->name; row++) {
        CASE(row - table);
        assert_true(strlen(row->sentence) > 2);
        if (row->type == SCHEMA_OBJECT) assert_non_null(schema_find(row->of));
        if (row->type == SCHEMA_CHOICE) assert_non_null(row->of);
    }
}

static bool is_parameter(const char *name, size_t size)
{
    const struct schema_row *row = PARAMETERS;
    while (row->name && (strncmp(row->name, name, size) != 0 || row->name[size]))
        row++;
    return row->name != NULL;
}

/* "/api/v1/devices/{id}" asks for "devices/id". */
static void expect_parameters(const struct http_route *route)
{
    const char *before = route->pattern;
    for (const char *at = route->pattern; (at = strchr(at, '{')); at++) {
        char key[64];
        for (before = at - 2; *before != '/' && *before != '{';)
            before--;
        snprintf(key, sizeof key, "%.*s/%.*s", (int)strcspn(before + 1, "/}"), before + 1,
                 (int)strcspn(at + 1, "}"), at + 1);
        if (!is_parameter(key, strlen(key))) print_message("no parameter %s\n", key);
        assert_true(is_parameter(key, strlen(key)));
    }
    const struct operation *operation = route->extra;
    for (const char *at = operation->query ? operation->query : ""; *at;) {
        size_t size = strcspn(at, " ");
        assert_true(is_parameter(at, size));
        at += size + strspn(at + size, " ");
    }
}

static bool is_body(const char *name)
{
    static const char *const OTHERS[] = {OCTETS, TEXT, EMPTY, EVENT_STREAM, DEVICE_EXPORT};
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        if (!strcmp(name, OTHERS[i])) return true;
    if (!schema_find(name)) print_message("no schema %s\n", name);
    return schema_find(name) != NULL;
}

static void every_name_is_there(void **state)
{
    (void)state;
    expect_names(SCHEMA_REQUESTS);
    expect_names(SCHEMA_REPLIES);
    expect_names(PARAMETERS);
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        CASE(i);
        const struct operation *operation = ROUTES[i].extra;
        assert_non_null(operation->permission);
        assert_true(strlen(operation->sentence) > 10);
        expect_parameters(&ROUTES[i]);
        if (operation->body) assert_true(is_body(operation->body));
        for (const char *at = operation->replies; *at;) {
            char name[40];
            size_t size = strcspn(at, ";");
            long status = strtol(at, NULL, 10);
            assert_in_range(status, 200, 599);
            snprintf(name, sizeof name, "%.*s", (int)(size > 4 ? size - 4 : 0), at + 4);
            if (status < 400) assert_true(is_body(name));
            at += size + strspn(at + size, "; ");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(a_long_member_is_cut),
        cmocka_unit_test(every_name_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
