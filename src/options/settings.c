/* Settings from a file and from the environment, by the rows of the command line. A misspelt
 * setting ends the start: one that was ignored could leave a door open that its owner believes
 * shut. */
#include <stdio.h>
#include <string.h>

#include "options/help.h"
#include "options/nearest.h"
#include "options/rows.h"

#define NAME_SIZE_MAX 40
#define PREFIX "GODWIT_"

/* Where a setting was given, for complaints. */
struct place {
    const struct options *options;
    const char *file; /* NULL: the environment */
    unsigned line;
};

static int wrong(const struct place *place, const char *what, const char *name, const char *advice,
                 const char *nearest)
{
    if (place->file)
        return options_wrong(place->options, "%s, line %u: %s '%s'%s%s", place->file, place->line,
                             what, name, advice, nearest);
    return options_wrong(place->options, "in the environment: %s '%s'%s%s", what, name, advice,
                         nearest);
}

/* as_variable: how the names look where the wrong one stands. */
static int wrong_name(const struct place *place, const char *name, bool as_variable)
{
    char best_copy[64] = "";
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < place->options->rows_count; i++) {
        char variable[64];
        const char *candidate = place->options->rows[i].name + 2, *best = NULL;
        size_t distance = 0;
        if (as_variable) {
            option_variable(place->options->rows[i].name, variable);
            candidate = variable;
        }
        nearest_take(name, candidate, &best, &distance);
        if (!best || distance >= best_distance) continue;
        best_distance = distance;
        snprintf(best_copy, sizeof best_copy, "%s", best);
    }
    return wrong(place, "there is no setting", name,
                 *best_copy ? "; the nearest is " : "; see the options of --help", best_copy);
}

/* A flag's "no" is as good as not given. */
static int flag_store(const struct place *place, const struct option_row *row, const char *name,
                      const char *value)
{
    bool is_on = !strcmp(value, "yes");
    if (!is_on && strcmp(value, "no") != 0)
        return wrong(place, "yes or no is wanted for", name, "", "");
    *(bool *)row->out = is_on;
    return -1;
}

static int setting_store(const struct place *place, const struct option_row *row, const char *name,
                         const char *value, uint64_t *given)
{
    if (row->kind == OPTION_FLAG) return flag_store(place, row, name, value);
    if (!*value) return wrong(place, "a value is missing for", name, "", "");
    if (option_store(place->options, row, value, given)) return -1;
    return option_wrong_value(place->options, row, name, value);
}

/* ---- the file ---- */

static char *trim(char *text)
{
    text += strspn(text, " \t");
    for (size_t size = strlen(text); size && strchr(" \t\r", text[size - 1]); size--)
        text[size - 1] = '\0';
    return text;
}

static int take_line(const struct place *place, char *line, uint64_t *given)
{
    char *name = trim(line), *equals = strchr(name, '='), option[NAME_SIZE_MAX + 3];
    if (!*name || *name == '#') return -1;
    if (!equals) return wrong(place, "NAME = VALUE is wanted, not", name, "", "");
    *equals = '\0';
    name = trim(name);
    size_t size = strlen(name);
    const struct option_row *row = NULL;
    if (size <= NAME_SIZE_MAX) {
        memcpy(option, "--", 2);
        memcpy(option + 2, name, size + 1);
        row = option_find(place->options, option, size + 2);
    }
    if (!row) return wrong_name(place, name, false);
    return setting_store(place, row, name, trim(equals + 1), given);
}

static int take_file(const struct options *options, const struct option_sources *sources)
{
    struct place place = {options, sources->file, 0};
    uint64_t given = 0;
    for (char *rest = sources->file_text, *line; rest && (line = strsep(&rest, "\n"));) {
        place.line++;
        int status = take_line(&place, line, &given);
        if (status >= 0) return status;
    }
    return -1;
}

/* ---- the environment ---- */

static const struct option_row *row_of_variable(const struct options *options, const char *name)
{
    for (size_t i = 0; i < options->rows_count; i++) {
        char variable[64];
        option_variable(options->rows[i].name, variable);
        if (!strcmp(variable, name)) return &options->rows[i];
    }
    return NULL;
}

static bool is_other(const struct option_sources *sources, const char *name)
{
    for (const char *const *other = sources->others; other && *other; other++)
        if (!strcmp(*other, name)) return true;
    return false;
}

static int take_environment(const struct options *options, const struct option_sources *sources)
{
    const struct place place = {options, NULL, 0};
    uint64_t given = 0;
    for (char **variable = sources->environment; variable && *variable; variable++) {
        char name[64];
        size_t size = strcspn(*variable, "=");
        if (strncmp(*variable, PREFIX, strlen(PREFIX)) != 0 || size >= sizeof name) continue;
        memcpy(name, *variable, size);
        name[size] = '\0';
        const struct option_row *row = row_of_variable(options, name);
        if (!row && is_other(sources, name)) continue;
        if (!row) return wrong_name(&place, name, true);
        const char *value = *variable + size + ((*variable)[size] == '=');
        int status = setting_store(&place, row, name, value, &given);
        if (status >= 0) return status;
    }
    return -1;
}

int options_parse_settings(const struct options *options, const struct option_sources *sources,
                           int argc, char **argv, size_t *arguments_count_out)
{
    for (int i = 1; i < argc; i++) /* help is for whoever has a wrong file, too */
        if (option_is_help(argv[i])) return options_parse(options, argc, argv, arguments_count_out);
    int status = take_file(options, sources);
    if (status < 0) status = take_environment(options, sources);
    return status < 0 ? options_parse(options, argc, argv, arguments_count_out) : status;
}
