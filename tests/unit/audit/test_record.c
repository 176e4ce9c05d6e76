/* What the hash of a record covers, and how long texts are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>

#include "audit/record.h"
#include "base/text.h"

static struct audit_record sample(void)
{
    struct audit_record record = {.sequence = 7,
                                  .time_s = 1700000000,
                                  .org = "default",
                                  .actor = "user:admin",
                                  .address = "192.0.2.7",
                                  .action = "claim.created",
                                  .object = "thermostat"};
    audit_detail_copy(record.after, record.after_sha256, "{\"count\":1}");
    memset(record.previous, 0x11, 32);
    return record;
}

static void hash_of(const struct audit_record *record, char out[static 65])
{
    uint8_t hash[32];
    assert_int_equal(audit_record_hash(record, hash), GODWIT_OK);
    godwit_hex_encode(hash, 32, out);
}

/* By Python's hashlib, from the layout in docs/FORMATS.md. */
static void the_hash_is_as_documented(void **state)
{
    (void)state;
    char hex[65];
    struct audit_record record = sample();
    hash_of(&record, hex);
    assert_string_equal(hex, "5b833eada0940b32c8fd165a5cf92270fa0df2d4a746859df5df8027eb83ecf2");
}

static void each_member_is_covered(void **state)
{
    (void)state;
    char first[65], other[65];
    const struct audit_record record = sample();
    hash_of(&record, first);
    for (int member = 0; member < 12; member++) {
        struct audit_record changed = record;
        char *const texts[] = {changed.org,    changed.actor,  changed.address, changed.action,
                               changed.object, changed.before, changed.after};
        uint8_t *const bytes[] = {changed.before_sha256, changed.after_sha256, changed.previous};
        if (member < 7)
            texts[member][0] ^= 1;
        else if (member < 10)
            bytes[member - 7][31] ^= 1;
        else if (member == 10)
            changed.sequence++;
        else
            changed.time_s++;
        hash_of(&changed, other);
        assert_string_not_equal(first, other);
    }
}

static void no_byte_moves_to_its_neighbour(void **state)
{
    (void)state;
    char first[65], other[65];
    struct audit_record record = sample();
    hash_of(&record, first);
    snprintf(record.action, sizeof record.action, "claim.create");
    snprintf(record.object, sizeof record.object, "dthermostat");
    hash_of(&record, other);
    assert_string_not_equal(first, other);
}

static void texts_end_between_characters(void **state)
{
    (void)state;
    char out[6];
    audit_text_copy(out, sizeof out, "abc\xc3\xa4\xc3\xb6");
    assert_string_equal(out, "abc\xc3\xa4");
    audit_text_copy(out, sizeof out, "abcd\xc3\xa4");
    assert_string_equal(out, "abcd");
    audit_text_copy(out, sizeof out, "a\xff\xc3");
    assert_string_equal(out, "a??");
}

static void a_long_detail_leaves_its_digest(void **state)
{
    (void)state;
    char text[AUDIT_TEXT_MAX + 2], out[AUDIT_TEXT_MAX + 1];
    uint8_t sha256[32], longer[32];
    memset(text, 'x', sizeof text);
    text[AUDIT_TEXT_MAX] = 0;
    audit_detail_copy(out, sha256, text);
    assert_string_equal(out, text);
    text[AUDIT_TEXT_MAX] = 'x';
    text[AUDIT_TEXT_MAX + 1] = 0;
    audit_detail_copy(out, longer, text);
    assert_string_equal(out, "");
    assert_memory_not_equal(sha256, longer, 32);
    assert_false(godwit_all(longer, 32, 0));
    audit_detail_copy(out, sha256, NULL);
    assert_true(godwit_all(sha256, 32, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_as_documented),
        cmocka_unit_test(each_member_is_covered),
        cmocka_unit_test(no_byte_moves_to_its_neighbour),
        cmocka_unit_test(texts_end_between_characters),
        cmocka_unit_test(a_long_detail_leaves_its_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
