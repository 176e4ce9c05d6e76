/* What is written is read back the same, and nothing else is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "audit/text.h"

static struct audit_record sample(void)
{
    struct audit_record record = {.sequence = 7,
                                  .time_s = 1700000000,
                                  .org = "default",
                                  .actor = "user:\"<b>\xc3\xa4\n",
                                  .address = "2001:db8::1",
                                  .action = "claim.created",
                                  .object = "thermostat"};
    audit_detail_copy(record.after, record.after_sha256, "{\"count\":1}");
    memset(record.previous, 0x11, 32);
    memset(record.hash, 0x12, 32);
    return record;
}

static void a_record_comes_back(void **state)
{
    (void)state;
    const struct audit_record record = sample();
    struct audit_record back;
    json_t *json = audit_record_json(&record);
    assert_true(json_is_null(json_object_get(json, "before_sha256")));
    assert_true(audit_record_parse(json, &back));
    assert_memory_equal(&back, &record, sizeof back);
    json_decref(json);
}

static void a_checkpoint_comes_back(void **state)
{
    (void)state;
    struct audit_checkpoint checkpoint = {.sequence = 9, .time_s = 5}, back;
    memset(checkpoint.hash, 1, sizeof checkpoint.hash);
    memset(checkpoint.key, 2, sizeof checkpoint.key);
    memset(checkpoint.signature, 3, sizeof checkpoint.signature);
    json_t *json = audit_checkpoint_json(&checkpoint);
    assert_true(audit_checkpoint_parse(json, &back));
    assert_memory_equal(&back, &checkpoint, sizeof back);
    assert_false(audit_record_parse(json, &(struct audit_record){0}));
    json_decref(json);
}

static void what_is_no_record(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        const char *value; /* NULL: taken away */
    } CASES[] = {
        {"actor", NULL}, {"sequence", "\"7\""},    {"sequence", "7.5"}, {"time", "null"},
        {"org", "5"},    {"org", "\"a\\u0000b\""}, {"hash", "\"12\""},  {"hash", "\"zz\""},
        {"extra", "1"},  {"previous", "false"},
    };
    const struct audit_record record = sample();
    struct audit_record back;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        json_t *json = audit_record_json(&record);
        if (CASES[i].value)
            json_object_set_new(json, CASES[i].member,
                                json_loads(CASES[i].value, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
        else
            json_object_del(json, CASES[i].member);
        if (audit_record_parse(json, &back)) fail_msg("%s was taken", CASES[i].member);
        json_decref(json);
    }
    char longer[66];
    memset(longer, 'x', 65);
    longer[65] = 0;
    json_t *json = audit_record_json(&record);
    json_object_set_new(json, "org", json_string(longer));
    assert_false(audit_record_parse(json, &back));
    json_decref(json);
    assert_false(audit_record_parse(NULL, &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back),
        cmocka_unit_test(a_checkpoint_comes_back),
        cmocka_unit_test(what_is_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
