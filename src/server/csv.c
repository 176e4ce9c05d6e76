/* OWASP's rule for CSV, and one place more: where a spreadsheet divides lines at `;`, as it does in
 * half of Europe, what follows a `;` begins a cell too, and quotes do not hold it together. */
#include "server/csv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "formats/name.h"

/* What begins a formula; the last four are wide ones, which East Asian spreadsheets take too. */
static const char *const FORMULAS[] = {
    "=",           "+", "-", "@", "\t", "\r", "\n", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
    "\xef\xbc\xa0"};

static bool is_formula(const char *text)
{
    for (size_t i = 0; i < sizeof FORMULAS / sizeof *FORMULAS; i++)
        if (!strncmp(text, FORMULAS[i], strlen(FORMULAS[i]))) return true;
    return false;
}

static void begin_cell(struct csv *csv)
{
    if (csv->has_cell) putc_unlocked(',', csv->out);
    csv->has_cell = true;
}

void csv_text(struct csv *csv, const char *text)
{
    char *clean = malloc(strlen(text) + 1);
    if (!clean) abort();
    godwit_text_clean(text, clean);
    begin_cell(csv);
    putc_unlocked('"', csv->out);
    /* A control character is now a `?`, so the text as it was is looked at. */
    if (is_formula(text + strspn(text, " "))) putc_unlocked('\'', csv->out);
    bool is_start = false;
    for (const char *at = clean; *at; at++) {
        if (is_start && is_formula(at)) putc_unlocked('\'', csv->out);
        if (*at == '"') putc_unlocked('"', csv->out);
        putc_unlocked(*at, csv->out);
        is_start = *at == ';' || (is_start && *at == ' ');
    }
    putc_unlocked('"', csv->out);
    free(clean);
}

void csv_bare(struct csv *csv, const char *text)
{
    begin_cell(csv);
    fputs_unlocked(text, csv->out);
}

void csv_time(struct csv *csv, int64_t time_s)
{
    char text[40] = "";
    time_t time = (time_t)time_s;
    struct tm parts;
    if (time_s && gmtime_r(&time, &parts))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    csv_bare(csv, text);
}

void csv_line_end(struct csv *csv)
{
    fputs_unlocked("\r\n", csv->out);
    csv->has_cell = false;
}
