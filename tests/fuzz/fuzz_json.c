/* base/json: any text, walked through with a choice of readers that its own bytes make; then the
 * strings that came out written again and read back. Whatever a reader takes, skip takes too. */
#include "base/json.h"
#include "fuzz.h"

static void write_again(const char *text)
{
    static char out[8192], back[1024];
    size_t size;
    struct godwit_json json;
    struct godwit_json_text key;
    struct godwit_json_writer writer;
    godwit_json_writer_init(&writer, out, sizeof out);
    godwit_json_begin_object(&writer, NULL);
    godwit_json_add_string(&writer, "a", text);
    godwit_json_end_object(&writer);
    FUZZ_CHECK(godwit_json_writer_finish(&writer, &size) == GODWIT_OK);
    FUZZ_CHECK(size == strlen(out));
    godwit_json_init(&json, out, size);
    FUZZ_CHECK(godwit_json_open(&json, '{') == GODWIT_OK);
    FUZZ_CHECK(godwit_json_next(&json, &key) == GODWIT_OK && godwit_json_is(&key, "a"));
    FUZZ_CHECK(godwit_json_string(&json, back, sizeof back) == GODWIT_OK);
    FUZZ_CHECK(strlen(back) == strlen(text));
    for (size_t i = 0; text[i]; i++) /* control characters are written as "?" */
        FUZZ_CHECK(back[i] == ((uint8_t)text[i] < 0x20 ? '?' : text[i]));
    FUZZ_CHECK(godwit_json_next(&json, NULL) == GODWIT_ERR_END);
    FUZZ_CHECK(godwit_json_finish(&json) == GODWIT_OK);
}

/* Every reader on a copy of the cursor. */
static void read_value(const struct godwit_json *json)
{
    static char text[1024];
    static uint8_t bytes[256];
    struct godwit_json skipped = *json, at = *json;
    uint32_t number;
    bool truth;
    bool is_value = godwit_json_skip(&skipped) == GODWIT_OK;
    if (godwit_json_string(&at, text, sizeof text) == GODWIT_OK) {
        FUZZ_CHECK(is_value && at.at == skipped.at);
        write_again(text);
    }
    at = *json;
    if (godwit_json_u32(&at, &number) == GODWIT_OK) FUZZ_CHECK(!is_value || at.at <= skipped.at);
    at = *json;
    if (godwit_json_bool(&at, &truth) == GODWIT_OK) FUZZ_CHECK(is_value && at.at == skipped.at);
    at = *json;
    if (godwit_json_hex(&at, bytes, 6) == GODWIT_OK) FUZZ_CHECK(is_value && at.at == skipped.at);
    at = *json;
    if (godwit_json_base64(&at, bytes, 3) == GODWIT_OK) FUZZ_CHECK(is_value);
}

/* Goes in where it can, so that each value is met; true when the whole is JSON. */
static bool walk(struct godwit_json *json)
{
    godwit_err err = godwit_json_open(json, '{');
    if (err) err = godwit_json_open(json, '[');
    while (!err) {
        FUZZ_CHECK(json->depth <= GODWIT_JSON_DEPTH_MAX && json->at <= json->end);
        err = godwit_json_next(json, NULL);
        if (err == GODWIT_ERR_END && json->depth == 0) return godwit_json_finish(json) == GODWIT_OK;
        if (err == GODWIT_ERR_END) {
            err = GODWIT_OK;
            continue;
        }
        if (err) return false;
        read_value(json);
        if (!godwit_json_open(json, '{') || !godwit_json_open(json, '[')) continue;
        err = godwit_json_skip(json);
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct godwit_json json;
    godwit_json_init(&json, (const char *)data, size);
    bool is_json = walk(&json);
    godwit_json_init(&json, (const char *)data, size);
    godwit_err err = godwit_json_open(&json, '{');
    if (err) err = godwit_json_open(&json, '[');
    while (!err && !(err = godwit_json_next(&json, NULL)))
        err = godwit_json_skip(&json);
    if (err == GODWIT_ERR_END) err = godwit_json_finish(&json);
    FUZZ_CHECK((err == GODWIT_OK) == is_json);
    return 0;
}
