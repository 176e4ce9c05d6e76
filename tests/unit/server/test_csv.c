/* Cells: what a spreadsheet would take for a formula, what ends a cell or a line, what steers a
 * terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/csv.h"

static char *line_of(void (*write)(struct csv *csv, const void *ctx), const void *ctx)
{
    char *text = NULL;
    size_t size;
    struct csv csv = {.out = open_memstream(&text, &size)};
    assert_non_null(csv.out);
    write(&csv, ctx);
    assert_int_equal(fclose(csv.out), 0);
    return text;
}

static void write_text(struct csv *csv, const void *ctx)
{
    csv_text(csv, ctx);
}

static void texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cell;
    } ROWS[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"Küche, links", "\"Küche, links\""},
        {"=1+1", "\"'=1+1\""},
        {"+1", "\"'+1\""},
        {"-1", "\"'-1\""},
        {"@SUM(A1)", "\"'@SUM(A1)\""},
        {"a=1", "\"a=1\""},
        {"\t=1", "\"'?=1\""},
        {"\r=1", "\"'?=1\""},
        {"\n=1", "\"'?=1\""},
        {"  =1", "\"'  =1\""},
        {"＝1", "\"'＝1\""},
        {"＋1", "\"'＋1\""},
        {"－1", "\"'－1\""},
        {"＠1", "\"'＠1\""},
        {"a;=1", "\"a;'=1\""},
        {"a; +1;-2", "\"a; '+1;'-2\""},
        {"say \"hi\"", "\"say \"\"hi\"\"\""},
        {"\",=1", "\"\"\",=1\""},
        {"=\"", "\"'=\"\"\""},
        {"a\r\nb", "\"a??b\""},
        {"\x1b[31m", "\"?[31m\""},
        {"\x7f", "\"?\""},
        {"\xc2\x9b"
         "31m",
         "\"?31m\""},
        {"\xe2\x80\xae"
         "a",
         "\"?a\""},
        {"\xff=1", "\"?=1\""},
        {"'=1", "\"'=1\""},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char *cell = line_of(write_text, ROWS[i].text);
        assert_string_equal(cell, ROWS[i].cell);
        free(cell);
    }
}

static void write_line(struct csv *csv, const void *ctx)
{
    (void)ctx;
    csv_text(csv, "a");
    csv_bare(csv, "7");
    csv_time(csv, 1764527059);
    csv_time(csv, 0);
    csv_line_end(csv);
    csv_time(csv, -1);
    csv_line_end(csv);
}

static void lines(void **state)
{
    (void)state;
    char *text = line_of(write_line, NULL);
    assert_string_equal(text, "\"a\",7,2025-11-30T18:24:19Z,\r\n1969-12-31T23:59:59Z\r\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts), cmocka_unit_test(lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
