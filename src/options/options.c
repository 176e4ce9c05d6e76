/* One pass over the words; every complaint ends in the usage line. getopt_long was rejected: its
 * complaints are not ours, and help and table would be written twice. */
#include "options/help.h"
#include "options/nearest.h"
#include "options/rows.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int options_wrong(const struct options *options, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    options_print_name(stderr, options);
    fputs(": ", stderr);
    vfprintf(stderr, format, args);
    fputs("; usage: ", stderr);
    options_print_name(stderr, options);
    fprintf(stderr, " %s\n", options->usage);
    va_end(args);
    return 2;
}

const struct option_row *option_find(const struct options *options, const char *argument,
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

/* A list takes the place of one that a source before gave. */
static bool list_store(struct option_list *list, const char *value, bool is_first)
{
    if (is_first) list->count = 0;
    if (list->count == OPTION_LIST_MAX) return false;
    list->items[list->count++] = value;
    return true;
}

bool option_store(const struct options *options, const struct option_row *row, const char *value,
                  uint64_t *given)
{
    uint64_t bit = UINT64_C(1) << (row - options->rows) % 64;
    bool is_first = !(*given & bit);
    *given |= bit;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)row->out = true;
        return true;
    case OPTION_TEXT:
        *(const char **)row->out = value;
        return true;
    case OPTION_NUMBER:
        return number_store(value, row->out);
    case OPTION_SECRET: /* has errors of its own: secret_take */
        return false;
    case OPTION_LIST:
        return list_store(row->out, value, is_first);
    }
    return false;
}

/* ── secrets ───────────────────────────────────────────────────────────────────────────────── */

/* The first line, which must fit; errno says why not, 0 that it is empty or too long. */
static bool line_read(FILE *file, char out[static OPTION_SECRET_MAX])
{
    errno = 0;
    bool is_read = fgets(out, OPTION_SECRET_MAX, file);
    size_t size = is_read ? strcspn(out, "\r\n") : 0;
    int next = is_read && !out[size] ? getc(file) : '\n';
    out[size] = '\0';
    return size && (next == EOF || next == '\r' || next == '\n');
}

static int secret_wrong(const struct options *options, const char *name, const char *from,
                        int fault)
{
    return options_wrong(options, "%s: %s %s", name, from,
                         fault ? strerror(fault) : "has no first line of 1 to 256 bytes");
}

static int secret_take(const struct options *options, const struct option_row *row,
                       const char *value)
{
    struct option_secret *secret = row->out;
    if (!strcmp(value, "-")) {
        if (line_read(stdin, secret->text)) return -1;
        return secret_wrong(options, row->name, "standard input", errno);
    }
    if (value[0] == '@') {
        FILE *file = fopen(value + 1, "re");
        bool is_good = file && line_read(file, secret->text);
        int fault = errno;
        if (file) fclose(file);
        return is_good ? -1 : secret_wrong(options, row->name, value + 1, fault);
    }
    if (!value[0] || strlen(value) >= sizeof secret->text)
        return secret_wrong(options, row->name, "the value", 0);
    snprintf(secret->text, sizeof secret->text, "%s", value);
    return -1;
}

void option_variable(const char *option, char out[static 64])
{
    size_t used = (size_t)snprintf(out, 64, "GODWIT_");
    for (const char *at = option + strspn(option, "-"); *at && used < 63; at++)
        out[used++] = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
    out[used] = '\0';
}

/* For each secret that was not given. */
static int secrets_from_environment(const struct options *options)
{
    for (size_t i = 0; i < options->rows_count; i++) {
        const struct option_row *row = &options->rows[i];
        struct option_secret *secret = row->out;
        char variable[64];
        if (row->kind != OPTION_SECRET || secret->text[0]) continue;
        option_variable(row->name, variable);
        const char *value = getenv(variable);
        if (!value) continue;
        if (!value[0] || strlen(value) >= sizeof secret->text)
            return secret_wrong(options, row->name, variable, 0);
        snprintf(secret->text, sizeof secret->text, "%s", value);
    }
    return -1;
}

/* ── the line ──────────────────────────────────────────────────────────────────────────────── */

int option_wrong_value(const struct options *options, const struct option_row *row,
                       const char *name, const char *value)
{
    if (row->kind == OPTION_NUMBER)
        return options_wrong(options, "%s is a number from 0 to %u, not '%s'", name, UINT32_MAX - 1,
                             value);
    if (row->kind == OPTION_LIST)
        return options_wrong(options, "%s can be given %d times at most", name, OPTION_LIST_MAX);
    return options_wrong(options, "%s can not be '%s'", name, value);
}

/* One word that is an option, with its value; *index moves on when that is the next word. */
static int refuse_unknown(const struct options *options, const char *argument, size_t size)
{
    char name[NEAREST_SIZE_MAX + 1];
    const char *nearest = NULL;
    size_t distance = SIZE_MAX;
    snprintf(name, sizeof name, "%.*s", (int)size, argument);
    for (size_t i = 0; size < sizeof name && i < options->rows_count; i++)
        nearest_take(name, options->rows[i].name, &nearest, &distance);
    if (!nearest) return options_wrong(options, "there is no option '%.*s'", (int)size, argument);
    return options_wrong(options, "there is no option '%.*s'; the nearest is %s", (int)size,
                         argument, nearest);
}

static int option_take(const struct options *options, int argc, char **argv, int *index,
                       uint64_t *given)
{
    const char *argument = argv[*index], *equals = strchr(argument, '=');
    size_t name_size = equals ? (size_t)(equals - argument) : strlen(argument);
    const struct option_row *row = option_find(options, argument, name_size);
    if (!row) return refuse_unknown(options, argument, name_size);
    const char *value = equals ? equals + 1 : NULL;
    if (row->kind == OPTION_FLAG && value)
        return options_wrong(options, "%s takes no value", row->name);
    if (row->kind != OPTION_FLAG && !value) {
        if (*index + 1 >= argc) return options_wrong(options, "%s wants a value", row->name);
        value = argv[++*index];
    }
    if (row->kind == OPTION_SECRET) return secret_take(options, row, value);
    if (option_store(options, row, value, given)) return -1;
    return option_wrong_value(options, row, row->name, value);
}

/* A word that begins with "-" and has a ':' is a filter's, `-state:failed`; options have two dashes
 * and no ':' in their names. */
static bool is_filter(const char *argument)
{
    size_t name_size = strcspn(argument, "=:");
    return argument[1] != '-' && argument[name_size] == ':';
}

int options_parse(const struct options *options, int argc, char **argv, size_t *arguments_count_out)
{
    size_t arguments_count = 0;
    uint64_t given = 0;
    bool is_over = false; /* "--" was seen: words only */
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        bool is_option = !is_over && argument[0] == '-' && argument[1] && !is_filter(argument);
        if (is_option && option_is_help(argument)) return options_help(options, argument);
        if (is_option && !strcmp(argument, "--")) {
            is_over = true;
        } else if (is_option) {
            int status = option_take(options, argc, argv, &i, &given);
            if (status >= 0) return status;
        } else {
            if (arguments_count == options->arguments_max)
                return options_wrong(options, "'%s' is one argument too many", argument);
            options->arguments[arguments_count++] = argument;
        }
    }
    if (arguments_count < options->arguments_min)
        return options_wrong(options, "something is missing");
    if (arguments_count_out) *arguments_count_out = arguments_count;
    return secrets_from_environment(options);
}
