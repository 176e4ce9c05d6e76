/* One table of formats; each prints what comes before the rows, a row, and what comes after. */
#include "options/help.h"

#include <string.h>

#define OPTION "--help"

void options_print_name(FILE *out, const struct options *options)
{
    bool is_program = !strncmp(options->command, "godwit-", 7);
    fprintf(out, "%s%s", is_program ? "" : "godwit ", options->command);
}

void options_print_man(const char *text)
{
    bool begins_line = true;
    for (; *text; text++) {
        if (begins_line && (*text == '.' || *text == '\'')) fputs("\\&", stdout);
        if (*text == '-' || *text == '\\')
            printf("\\%s", *text == '-' ? "-" : "e");
        else
            putchar(*text);
        begins_line = *text == '\n';
    }
}

void options_print_quoted(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*text == '\n' ? ' ' : *text);
    }
}

/* ---- for people ---- */

static void text_begin(const struct options *options)
{
    fputs("usage: ", stdout);
    options_print_name(stdout, options);
    printf(" %s\n\n%s\n", options->usage, options->sentence);
    if (options->rows_count) putchar('\n');
}

static void text_row(const struct options *options, const struct option_row *row)
{
    char left[64];
    (void)options;
    snprintf(left, sizeof left, "%s %s", row->name, row->value ? row->value : "");
    printf("  %-24s %s\n", left, row->sentence);
}

/* ---- a manual page: one section for each command ---- */

static void man_begin(const struct options *options)
{
    fputs(".SS \"", stdout);
    options_print_name(stdout, options);
    fputs("\"\n.B ", stdout);
    options_print_name(stdout, options);
    putchar(' ');
    for (const char *at = options->usage; *at;) { /* its lines are for the terminal */
        size_t size = strcspn(at, "\n");
        char line[256];
        snprintf(line, sizeof line, "%.*s", (int)size, at);
        options_print_man(line);
        at += size;
        at += strspn(at, "\n ");
        if (*at) putchar(' ');
    }
    fputs("\n.PP\n", stdout);
    options_print_man(options->sentence);
    putchar('\n');
}

static void man_row(const struct options *options, const struct option_row *row)
{
    (void)options;
    fputs(".TP\n\\fB", stdout);
    options_print_man(row->name);
    fputs("\\fR", stdout);
    if (row->value) printf(" \\fI%s\\fR", row->value);
    putchar('\n');
    options_print_man(row->sentence);
    putchar('\n');
}

/* ---- shells: they look at the first word alone ("audit" of "audit list") ---- */

static int first_word_size(const struct options *options)
{
    return (int)strcspn(options->command, " ");
}

/* Where a filter of devices is typed, shells ask `godwit devices --complete`: the functions that do
 * so are in program/shell. */
#define FILTER "FILTER"

static bool row_takes_filter(const struct option_row *row)
{
    return row->value && strstr(row->value, FILTER);
}

/* As its first argument: the usage says so before it names an option. */
static bool takes_filter(const struct options *options)
{
    const char *filter = strstr(options->usage, FILTER), *option = strstr(options->usage, "--");
    return filter && (!option || filter < option);
}

static void bash_begin(const struct options *options)
{
    printf("    %.*s)%s", first_word_size(options), options->command,
           takes_filter(options) ? " has_filter=1" : "");
    for (size_t i = 0; i < options->rows_count; i++)
        if (row_takes_filter(&options->rows[i])) printf(" filters=%s", options->rows[i].name);
    fputs(takes_filter(options) ? " valued=\"" : "", stdout);
    for (size_t i = 0; i < options->rows_count && takes_filter(options); i++)
        if (options->rows[i].value) printf(" %s ", options->rows[i].name);
    fputs(takes_filter(options) ? "\" words=\"--help" : " words=\"--help", stdout);
}

static void bash_row(const struct options *options, const struct option_row *row)
{
    (void)options;
    printf(" %s", row->name);
}

static void bash_end(const struct options *options)
{
    (void)options;
    puts("\" ;;");
}

static void zsh_begin(const struct options *options)
{
    printf("    %.*s) _arguments", first_word_size(options), options->command);
}

static void zsh_row(const struct options *options, const struct option_row *row)
{
    (void)options;
    printf(" \\\n        '%s%s[", row->kind == OPTION_LIST ? "*" : "", row->name);
    for (const char *at = row->sentence; *at; at++) { /* ] and : end a part there */
        char one[2] = {*at, '\0'};
        options_print_quoted(*at == ']' ? ")" : *at == '[' ? "(" : one);
    }
    fputs("]", stdout);
    if (row->value) {
        fputs(":", stdout);
        for (const char *at = row->value; *at; at++) {
            char one[2] = {*at == ':' ? ' ' : *at, '\0'};
            options_print_quoted(one);
        }
        fputs(row_takes_filter(row) ? ":_godwit_filter" : ":_files", stdout);
    }
    fputs("'", stdout);
}

static void zsh_end(const struct options *options)
{
    if (takes_filter(options)) fputs(" \\\n        '1:filter:_godwit_filter'", stdout);
    puts(" \\\n        '*:file:_files' ;;");
}

static void fish_begin(const struct options *options)
{
    if (takes_filter(options))
        printf("complete -c godwit -n '__fish_seen_subcommand_from %.*s' -f -a "
               "'(__godwit_filter)'\n",
               first_word_size(options), options->command);
}

static void fish_row(const struct options *options, const struct option_row *row)
{
    const char *value = row_takes_filter(row) ? " -x -a '(__godwit_filter)'" : " -r";
    printf("complete -c godwit -n '__fish_seen_subcommand_from %.*s' -l %s%s -d '",
           first_word_size(options), options->command, row->name + 2, row->value ? value : "");
    options_print_quoted(row->sentence);
    puts("'");
}

static const struct {
    const char *name; /* after "--help=" */
    void (*begin)(const struct options *options);
    void (*row)(const struct options *options, const struct option_row *row);
    void (*end)(const struct options *options);
} FORMATS[] = {
    {"text", text_begin, text_row, NULL},     {"man", man_begin, man_row, NULL},
    {"bash", bash_begin, bash_row, bash_end}, {"zsh", zsh_begin, zsh_row, zsh_end},
    {"fish", fish_begin, fish_row, NULL},
};
#define FORMATS_COUNT (sizeof FORMATS / sizeof *FORMATS)

/* The index in FORMATS; FORMATS_COUNT: no help is asked for, or in no such format. */
static size_t format_of(const char *argument)
{
    if (!strcmp(argument, OPTION) || !strcmp(argument, "-h")) return 0;
    if (strncmp(argument, OPTION "=", strlen(OPTION "=")) != 0) return FORMATS_COUNT;
    size_t index = 0;
    while (index < FORMATS_COUNT && strcmp(FORMATS[index].name, argument + strlen(OPTION "=")) != 0)
        index++;
    return index;
}

bool option_is_help(const char *argument)
{
    return format_of(argument) < FORMATS_COUNT;
}

int options_help(const struct options *options, const char *argument)
{
    size_t index = format_of(argument);
    if (index == FORMATS_COUNT) return 2;
    if (FORMATS[index].begin) FORMATS[index].begin(options);
    for (size_t i = 0; i < options->rows_count; i++)
        FORMATS[index].row(options, &options->rows[i]);
    if (FORMATS[index].end) FORMATS[index].end(options);
    return 0;
}
