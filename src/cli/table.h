/* What people read on a terminal: texts that can not command it (godwit_text_clean), and columns
 * that stay straight. A character counts with the columns that it takes: two for most of East Asia,
 * none for an accent that joins the letter before. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The text as it may be shown, malloc'ed; out of memory aborts. */
char *shown_text(const char *text);
/* How many columns of a terminal a shown text takes. */
size_t shown_width(const char *text);
/* How many bytes of it stand in so many columns: whole characters, with the accents that join. */
size_t shown_fit(const char *text, size_t columns);

struct table { /* private */
    size_t columns, cells_count;
    char **cells;
};

/* Cells come row by row, from left to right. */
void table_init(struct table *table, size_t columns);
/* Copies the text as it may be shown. */
void table_add(struct table *table, const char *text);
void table_addf(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Each column as wide as its widest cell, two spaces between; no spaces at a line's end. Empties
 * the table. */
void table_print(struct table *table);
