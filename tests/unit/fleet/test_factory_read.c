/* Lines of a factory list: what people and spreadsheets write, and which line is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "fleet/factory.h"

#define A "1111111111111111111111111111111111111111111111111111111111111111"
#define B "22222222222222222222222222222222222222222222222222222222222222Aa"

static struct factory_line lines[FACTORY_BATCH_MAX];
static size_t count;
static char note[FACTORY_NOTE_SIZE];

static godwit_err read_from(const char *text, uint32_t first_line)
{
    return factory_read(text, first_line, lines, &count, note);
}

static void good_lines(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "7cdfa1000001," A "\n7cdfa1000002," B "\n",
        "7cdfa1000001," A "\n7cdfa1000002," B,
        "device_id,token_sha256\n7cdfa1000001," A "\n7cdfa1000002," B "\n",
        "\xEF\xBB\xBF"
        "device_id,token_sha256\r\n7CDFA1000001," A "\r\n\r\n7cdfa1000002," B "\r\n",
        "\"7c:df:a1:00:00:01\", \"" A "\"\n 7cdfa1000002 ,\t" B ",\n,\n",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        assert_int_equal(read_from(TEXTS[i], 1), GODWIT_OK);
        assert_int_equal(count, 2);
        static const uint8_t id[16] = {0x7c, 0xdf, 0xa1, 0, 0, 1};
        assert_memory_equal(lines[0].device_id, id, 16);
        assert_int_equal(lines[0].token_sha256[31], 0x11);
        assert_int_equal(lines[1].token_sha256[31], 0xaa);
    }
    assert_int_equal(read_from("", 1), GODWIT_OK);
    assert_int_equal(count, 0);
}

static void bad_lines(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t first_line;
        const char *note;
    } ROWS[] = {
        {"7cdfa1000001," A "\n7cdfa100000g," A, 1,
         "line 2: a device id is 12 hex digits, not \"7cdfa100000g\""},
        {"7cdfa10000011," A, 1, "line 1: a device id is 12 hex digits, not \"7cdfa10000011\""},
        {"7cdfa1000001;" A, 7, NULL},
        {"7cdfa1000001", 7, "line 7: there must be a token's digest behind the id"},
        {"7cdfa1000001,1234", 7, "line 7: a token's SHA-256 is 64 hex digits, not \"1234\""},
        {"7cdfa1000001," A "1", 7, NULL},
        {"7cdfa1000001," A ",thermostat", 7,
         "line 7: there must be nothing behind the digest, not \"thermostat\""},
        {"," A, 7, "line 7: a device id is 12 hex digits, not \"\""},
        {"\n\n\033[2J\xff," A, 7, "line 9: a device id is 12 hex digits, not \"?[2J?\""},
        {"device_id,token_sha256", 2, "line 2: a device id is 12 hex digits, not \"device_id\""},
        {"7cdfa1000001," A "\n7cdfa1000002," B "\n7c:df:a1:00:00:01," B, 11,
         "line 13: it has the device id of line 11"},
        {"7cdfa1000001," A "\n7cdfa1000002," B "\n7cdfa1000003," A, 11,
         "line 13: it has the token of line 11"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        assert_int_equal(read_from(ROWS[i].text, ROWS[i].first_line), GODWIT_ERR_FORMAT);
        if (ROWS[i].note) assert_string_equal(note, ROWS[i].note);
    }
}

static void no_more_than_a_batch(void **state)
{
    (void)state;
    char *text = calloc(FACTORY_BATCH_MAX + 2, 80);
    assert_non_null(text);
    size_t size = 0;
    for (unsigned i = 0; i < FACTORY_BATCH_MAX; i++)
        size += (size_t)snprintf(text + size, 80, "%012x,%016x%048x\n", i + 1, i + 1, 0);
    assert_int_equal(read_from(text, 1), GODWIT_OK);
    assert_int_equal(count, FACTORY_BATCH_MAX);
    assert_int_equal(lines[999].number, 1000);
    snprintf(text + size, 80, "%012x,%016x%048x\n", FACTORY_BATCH_MAX + 1, FACTORY_BATCH_MAX + 1,
             0);
    assert_int_equal(read_from(text, 1), GODWIT_ERR_SPACE);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines),
        cmocka_unit_test(bad_lines),
        cmocka_unit_test(no_more_than_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
