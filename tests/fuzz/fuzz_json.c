/* base/json: any text; every reader on every node, by member, element and index; then the strings
 * that came out written again and read back. */
#include "base/json.h"
#include "fuzz.h"

#define TOKENS_MAX 64

static struct godwit_json_token tokens[TOKENS_MAX], tokens_again[TOKENS_MAX];

static void write_again(const char *text)
{
    static char out[8192];
    size_t size;
    struct godwit_json json;
    struct godwit_json_writer writer;
    godwit_json_writer_init(&writer, out, sizeof out);
    godwit_json_begin_object(&writer, NULL);
    godwit_json_add_string(&writer, "a", text);
    godwit_json_end_object(&writer);
    FUZZ_CHECK(godwit_json_finish(&writer, &size) == GODWIT_OK);
    FUZZ_CHECK(size == strlen(out));
    FUZZ_CHECK(godwit_json_parse(&json, out, size, tokens_again, TOKENS_MAX) == GODWIT_OK);
    static char back[1024];
    int node = godwit_json_member(&json, 0, "a");
    FUZZ_CHECK(godwit_json_string(&json, node, back, sizeof back) == GODWIT_OK);
    FUZZ_CHECK(strcmp(back, text) == 0);
}

static void read_node(const struct godwit_json *json, int node)
{
    static char text[1024];
    static uint8_t bytes[256];
    uint32_t narrow;
    bool truth;
    size_t size;
    if (godwit_json_string(json, node, text, sizeof text) == GODWIT_OK) write_again(text);
    (void)!godwit_json_u32(json, node, &narrow);
    (void)!godwit_json_bool(json, node, &truth);
    (void)!godwit_json_hex(json, node, bytes, 6);
    if (godwit_json_base64(json, node, bytes, sizeof bytes, &size) == GODWIT_OK)
        FUZZ_CHECK(size <= sizeof bytes);
    int member = godwit_json_member(json, node, "a");
    FUZZ_CHECK(member < json->count && (member < 0 || godwit_json_is_object(json, node)));
    for (size_t i = 0; i < 4; i++)
        FUZZ_CHECK(godwit_json_element(json, node, i) < json->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct godwit_json json;
    godwit_err err = godwit_json_parse(&json, (const char *)data, size, tokens, TOKENS_MAX);
    FUZZ_CHECK((err == GODWIT_OK) == (json.count > 0));
    FUZZ_CHECK(err == GODWIT_OK || err == GODWIT_ERR_FORMAT || err == GODWIT_ERR_SPACE);
    for (int node = -1; err == GODWIT_OK && node <= json.count; node++)
        read_node(&json, node);
    return 0;
}
