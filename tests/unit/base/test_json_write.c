/* The writer's text to the byte, that the reader takes it, and that no size too small is overrun.
 */
#include "base/json.h"
#include "case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void write_all(struct godwit_json_writer *writer)
{
    static const uint8_t bytes[] = {0, 255, 0xA5, 1};
    godwit_json_begin_object(writer, NULL);
    godwit_json_add_string(writer, "s", "a\"\\\n\x01\xc3\xa9\xff");
    godwit_json_begin_array(writer, "list");
    godwit_json_add_u32(writer, NULL, UINT32_MAX);
    godwit_json_begin_object(writer, NULL);
    godwit_json_end_object(writer);
    godwit_json_add_bool(writer, NULL, false);
    godwit_json_end_array(writer);
    godwit_json_add_bool(writer, "b", true);
    godwit_json_add_hex(writer, "h", bytes, sizeof bytes);
    godwit_json_add_base64(writer, "e", bytes, sizeof bytes);
    godwit_json_add_base64(writer, "none", bytes, 0);
    godwit_json_end_object(writer);
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    static const char expected[] =
        "{\"s\":\"a\\\"\\\\??\xc3\xa9?\",\"list\":[4294967295,{},false],"
        "\"b\":true,\"h\":\"00ffa501\",\"e\":\"AP+lAQ==\",\"none\":\"\"}";
    char out[256];
    size_t size;
    struct godwit_json_writer writer;
    godwit_json_writer_init(&writer, out, sizeof out);
    write_all(&writer);
    assert_int_equal(godwit_json_writer_finish(&writer, &size), GODWIT_OK);
    assert_string_equal(out, expected);
    assert_int_equal(size, sizeof expected - 1);
    struct godwit_json json;
    godwit_json_init(&json, out, size);
    assert_int_equal(godwit_json_skip(&json), GODWIT_OK);
    assert_int_equal(godwit_json_finish(&json), GODWIT_OK);
}

static void says_space_at_every_size_too_small(void **state)
{
    (void)state;
    char out[256], expected[256];
    size_t size, whole;
    struct godwit_json_writer writer;
    godwit_json_writer_init(&writer, out, sizeof out);
    write_all(&writer);
    assert_int_equal(godwit_json_writer_finish(&writer, &whole), GODWIT_OK);
    memcpy(expected, out, sizeof out);
    for (size_t size_max = 0; size_max < sizeof out; size_max++) {
        CASE(size_max);
        memset(out, 0x55, sizeof out);
        godwit_json_writer_init(&writer, out, size_max);
        write_all(&writer);
        assert_int_equal(godwit_json_writer_finish(&writer, &size),
                         size_max > whole ? GODWIT_OK : GODWIT_ERR_SPACE);
        assert_true(godwit_all((uint8_t *)out + size_max, sizeof out - size_max, 0x55));
        if (size_max == 0) continue;
        assert_true(strlen(out) < size_max);
        assert_memory_equal(out, expected, strlen(out)); /* nothing behind a hole */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(says_space_at_every_size_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
