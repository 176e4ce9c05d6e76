/* Cells and lines of CSV (RFC 4180) that a spreadsheet never takes for formulas, whatever a device
 * or a person has called itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct csv {
    FILE *out;
    bool has_cell; /* the line has one already */
};

/* In quotes, with `'` before what a spreadsheet would take for a formula, and `?` for each
 * character that can not be printed. */
void csv_text(struct csv *csv, const char *text);
/* Without quotes: numbers, times, words of ours. */
void csv_bare(struct csv *csv, const char *text);
/* Seconds since 1970 as "2026-11-30T18:24:19Z"; 0: an empty cell. */
void csv_time(struct csv *csv, int64_t time_s);
void csv_line_end(struct csv *csv);
