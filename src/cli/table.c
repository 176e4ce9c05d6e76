/* Widths come from the C library's table of Unicode, in the C.UTF-8 locale, whatever the user's
 * locale says: what the server sends is UTF-8. A table of our own would be older each year. */
#include "cli/table.h"

#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "formats/name.h"

#define GAP 2
#define CELL_MAX 1024

char *shown_text(const char *text)
{
    char *shown = malloc(strlen(text) + 1);
    if (!shown) abort();
    (void)!godwit_text_clean(text, shown);
    return shown;
}

/* The columns of the first character; size_out: its bytes. */
static size_t first_width(const char *text, size_t *size_out)
{
    mbstate_t state = {0};
    wchar_t c = 0;
    size_t size = mbrtowc(&c, text, strlen(text), &state);
    bool is_whole = size > 0 && size <= MB_LEN_MAX;
    int width = is_whole ? wcwidth(c) : 1;
    *size_out = is_whole ? size : 1;
    return width < 0 ? 1 : (size_t)width;
}

size_t shown_width(const char *text)
{
    size_t columns = 0, size;
    (void)!setlocale(LC_CTYPE, "C.UTF-8");
    for (; *text; text += size)
        columns += first_width(text, &size);
    return columns;
}

size_t shown_fit(const char *text, size_t columns)
{
    size_t used = 0, size;
    const char *at = text;
    (void)!setlocale(LC_CTYPE, "C.UTF-8");
    for (; *at; at += size) {
        used += first_width(at, &size);
        if (used > columns) break;
    }
    return (size_t)(at - text);
}

/* ── tables ────────────────────────────────────────────────────────────────────────────────── */

void table_init(struct table *table, size_t columns)
{
    *table = (struct table){.columns = columns};
}

void table_add(struct table *table, const char *text)
{
    char **more = realloc(table->cells, (table->cells_count + 1) * sizeof *more);
    if (!more) abort();
    table->cells = more;
    more[table->cells_count++] = shown_text(text);
}

void table_addf(struct table *table, const char *format, ...)
{
    char text[CELL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    table_add(table, text);
}

static size_t column_width(const struct table *table, size_t column)
{
    size_t widest = 0;
    for (size_t i = column; i < table->cells_count; i += table->columns) {
        size_t width = shown_width(table->cells[i]);
        if (width > widest) widest = width;
    }
    return widest;
}

static void row_print(const struct table *table, size_t first, const size_t *widths)
{
    size_t owed = 0; /* spaces: printed only in front of something */
    for (size_t column = 0; column < table->columns; column++) {
        const char *text = first + column < table->cells_count ? table->cells[first + column] : "";
        if (*text) printf("%*s%s", (int)owed, "", text);
        owed = *text ? 0 : owed;
        owed += widths[column] - (*text ? shown_width(text) : 0) + GAP;
    }
    putchar('\n');
}

void table_print(struct table *table)
{
    size_t *widths = calloc(table->columns, sizeof *widths);
    if (!widths) abort();
    for (size_t column = 0; column < table->columns; column++)
        widths[column] = column_width(table, column);
    for (size_t first = 0; first < table->cells_count; first += table->columns)
        row_print(table, first, widths);
    free(widths);
    for (size_t i = 0; i < table->cells_count; i++)
        free(table->cells[i]);
    free(table->cells);
    table_init(table, table->columns);
}
