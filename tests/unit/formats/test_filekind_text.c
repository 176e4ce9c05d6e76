/* Texts that came where an image was expected: each kind, and near misses. */
#include "case.h"
#include "formats/filekind_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text;
    enum godwit_file_kind kind;
} ROWS[] = {
    {"<!DOCTYPE html><html>404</html>", GODWIT_FILE_HTML},
    {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", GODWIT_FILE_XML},
    {"<Error><Code>NoSuchKey</Code></Error>", GODWIT_FILE_XML},
    {"{\"message\": \"Not Found\"}", GODWIT_FILE_JSON},
    {"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n\xE9\x06", GODWIT_FILE_HTTP},
    {"HTTP/2 404 \r\nserver: x\r\n", GODWIT_FILE_HTTP},
    {"--boundary\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n\xE9\x06\x02",
     GODWIT_FILE_MULTIPART},
    {"--boundary\r\nContent-Type: text/plain\r\n", GODWIT_FILE_TEXT},
    {"file=%E9%06%02%20&name=x", GODWIT_FILE_FORM},
    {"a line = with spaces", GODWIT_FILE_TEXT},
    {"firmware.bin", GODWIT_FILE_PATH},
    {"@build/My App.bin\n", GODWIT_FILE_PATH},
    {"/srv/app.BIN", GODWIT_FILE_PATH},
    {"C:\\esp\\app", GODWIT_FILE_PATH},
    {"https://example.com/app?version=1", GODWIT_FILE_PATH},
    {"app.bin\nis missing\n", GODWIT_FILE_TEXT},
    {"-----BEGIN EC PRIVATE KEY-----\nMHc", GODWIT_FILE_PEM},
    {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
     GODWIT_FILE_GIT_LFS},
    {":020000040800F2\n:1000000000", GODWIT_FILE_INTEL_HEX},
    {":02000g", GODWIT_FILE_TEXT},
    {"S00F000068656C6C6F", GODWIT_FILE_SREC},
    {"S315080000", GODWIT_FILE_SREC},
    {"S9 is text", GODWIT_FILE_TEXT},
    {"# ESP-IDF Partition Table\n# Name, Type\n", GODWIT_FILE_PTABLE_CSV},
    {"nvs, data, nvs, 0x9000, 0x6000\napp0, app, ota_0, 0x10000, 1M\n", GODWIT_FILE_PTABLE_CSV},
    {"Archive member included to satisfy reference by file\n", GODWIT_FILE_MAP},
    {"\n\nMemory Configuration\n\nName  Origin\n", GODWIT_FILE_MAP},
    {"6QYCIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
     GODWIT_FILE_BASE64},
    {"6QYCIAAAAAAA", GODWIT_FILE_TEXT},
    {"e9060220980240380000000000000000000000000000000000", GODWIT_FILE_HEX_DUMP},
    {"e9 06 02 20 98 02 40 38", GODWIT_FILE_HEX_DUMP},
    {"00000000: e906 0220 9802 003c  ... ...<", GODWIT_FILE_HEX_DUMP},
    {"00000000  e9 06 02 20 98 02  |... ..|", GODWIT_FILE_HEX_DUMP},
    {"I (312) boot: ESP-IDF v5.3 2nd stage bootloader\n", GODWIT_FILE_TEXT},
    {"Ger\xC3\xA4t: K\xC3\xBC"
     "che\n",
     GODWIT_FILE_TEXT},
    {"no \xFF text", GODWIT_FILE_UNKNOWN},
    {"\x01\x02", GODWIT_FILE_UNKNOWN},
    {" \n\t ", GODWIT_FILE_UNKNOWN},
};

static enum godwit_file_kind kind_of(const char *text, uint64_t file_size)
{
    struct godwit_span span = {(const uint8_t *)text, strlen(text)};
    return godwit_file_text_kind(span, file_size);
}

static void each_text_has_its_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        const char *kind = godwit_file_kind_id(kind_of(ROWS[i].text, strlen(ROWS[i].text)));
        if (strcmp(kind, godwit_file_kind_id(ROWS[i].kind))) print_error("'%s'\n", ROWS[i].text);
        assert_string_equal(kind, godwit_file_kind_id(ROWS[i].kind));
    }
}

/* A path or a form is the whole file: what goes on unseen is neither. */
static void what_is_not_seen_whole(void **state)
{
    (void)state;
    assert_int_equal(kind_of("firmware.bin", 1000), GODWIT_FILE_TEXT);
    assert_int_equal(kind_of("a=b", 1000), GODWIT_FILE_TEXT);
    assert_int_equal(kind_of("cut in a letter \xE2\x82", 1000), GODWIT_FILE_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_text_has_its_kind),
        cmocka_unit_test(what_is_not_seen_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
