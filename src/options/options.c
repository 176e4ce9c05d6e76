/* One pass over the words; every complaint ends in the usage line. getopt_long was rejected: its
 * complaints are not ours, and help and table would be written twice. */
#include "options/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int options_wrong(const struct options *options, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "godwit %s: ", options->command);
    vfprintf(stderr, format, args);
    fprintf(stderr, "; usage: godwit %s %s\n", options->command, options->usage);
    va_end(args);
    return 2;
}

static int help(const struct options *options)
{
    printf("usage: godwit %s %s\n\n%s\n", options->command, options->usage, options->sentence);
    if (options->rows_count) putchar('\n');
    for (size_t i = 0; i < options->rows_count; i++) {
        const struct option_row *row = &options->rows[i];
        char left[64];
        snprintf(left, sizeof left, "%s %s", row->name, row->value ? row->value : "");
        printf("  %-24s %s\n", left, row->sentence);
    }
    return 0;
}

static const struct option_row *row_find(const struct options *options, const char *argument,
                                         size_t name_size)
{
    for (size_t i = 0; i < options->rows_count; i++) {
        const char *name = options->rows[i].name;
        if (strlen(name) == name_size && !memcmp(name, argument, name_size))
            return &options->rows[i];
    }
    return NULL;
}

static bool number_store(const char *text, uint32_t *out)
{
    if (text[0] < '0' || text[0] > '9') return false;
    int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
    char *end;
    unsigned long long number = strtoull(text, &end, base);
    if (*end || number >= UINT32_MAX) return false;
    *out = (uint32_t)number;
    return true;
}

/* False when the value is not of the row's kind. */
static bool row_store(const struct option_row *row, const char *value)
{
    struct option_list *list = row->out;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)row->out = true;
        return true;
    case OPTION_TEXT:
        *(const char **)row->out = value;
        return true;
    case OPTION_NUMBER:
        return number_store(value, row->out);
    case OPTION_LIST:
        if (list->count == OPTION_LIST_MAX) return false;
        list->items[list->count++] = value;
        return true;
    }
    return false;
}

/* One word that is an option, with its value; *index moves on when that is the next word. */
static int option_take(const struct options *options, int argc, char **argv, int *index)
{
    const char *argument = argv[*index], *equals = strchr(argument, '=');
    size_t name_size = equals ? (size_t)(equals - argument) : strlen(argument);
    const struct option_row *row = row_find(options, argument, name_size);
    if (!row) return options_wrong(options, "there is no option '%.*s'", (int)name_size, argument);
    const char *value = equals ? equals + 1 : NULL;
    if (row->kind == OPTION_FLAG && value)
        return options_wrong(options, "%s takes no value", row->name);
    if (row->kind != OPTION_FLAG && !value) {
        if (*index + 1 >= argc) return options_wrong(options, "%s wants a value", row->name);
        value = argv[++*index];
    }
    if (row_store(row, value)) return -1;
    if (row->kind == OPTION_NUMBER)
        return options_wrong(options, "%s is a number from 0 to %u, not '%s'", row->name,
                             UINT32_MAX - 1, value);
    if (row->kind == OPTION_LIST)
        return options_wrong(options, "%s can be given %d times at most", row->name,
                             OPTION_LIST_MAX);
    return options_wrong(options, "%s can not be '%s'", row->name, value);
}

static bool is_help(const char *argument)
{
    return !strcmp(argument, "--help") || !strcmp(argument, "-h");
}

int options_parse(const struct options *options, int argc, char **argv, size_t *arguments_count_out)
{
    size_t arguments_count = 0;
    bool is_over = false; /* "--" was seen: words only */
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        bool is_option = !is_over && argument[0] == '-' && argument[1];
        if (is_option && is_help(argument)) return help(options);
        if (is_option && !strcmp(argument, "--")) {
            is_over = true;
        } else if (is_option) {
            int status = option_take(options, argc, argv, &i);
            if (status >= 0) return status;
        } else {
            if (arguments_count == options->arguments_max)
                return options_wrong(options, "'%s' is one word too many", argument);
            options->arguments[arguments_count++] = argument;
        }
    }
    if (arguments_count < options->arguments_min)
        return options_wrong(options, "something is missing");
    if (arguments_count_out) *arguments_count_out = arguments_count;
    return -1;
}
