/* Verbs as a table, so that the list in a complaint is the list that there is. */
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/names.h"
#include "cli/pages.h"
#include "options/help.h"

static const char *short_name(const struct verb *verb)
{
    return strchr(verb->name, ' ') + 1;
}

/* What people read names the verbs too; a manual page and shells know the command alone. */
static int help(const struct options *about, const struct verb *verbs, size_t count,
                const char *argument)
{
    int status = options_help(about, argument);
    if (strcmp(argument, "--help") != 0 && strcmp(argument, "-h") != 0) return status;
    for (size_t i = 0; i < count; i++)
        printf("%s  %s%s%s\n      %s\n", i ? "" : "\n", short_name(&verbs[i]),
               verbs[i].usage[0] ? " " : "", verbs[i].usage, verbs[i].sentence);
    return status;
}

int verbs_run(const struct options *about, const struct verb *verbs, size_t count, int argc,
              char **argv, const void *ctx)
{
    for (size_t i = 0; i < count && argc > 1; i++)
        if (!strcmp(argv[1], short_name(&verbs[i])))
            return verbs[i].run(&(struct verb_call){&verbs[i], argc - 1, argv + 1, ctx});
    if (argc > 1 && option_is_help(argv[1])) return help(about, verbs, count, argv[1]);
    fprintf(stderr, "godwit %s: %s%s%s is none of", about->command, argc > 1 ? "'" : "",
            argc > 1 ? argv[1] : "nothing", argc > 1 ? "'" : "");
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "%s %s", i ? "," : "", short_name(&verbs[i]));
    fputc('\n', stderr);
    return 2;
}

struct options verb_options(const struct verb_call *call, const struct option_row *rows,
                            size_t rows_count, const char **arguments)
{
    const struct verb *verb = call->verb;
    return (struct options){verb->name, verb->usage, verb->sentence,      rows,
                            rows_count, arguments,   verb->arguments_min, verb->arguments_max};
}

int verb_parse(const struct verb_call *call, const struct option_row *rows, size_t rows_count,
               const char **arguments)
{
    const struct options options = verb_options(call, rows, rows_count, arguments);
    return options_parse(&options, call->argc, call->argv, NULL);
}

bool verb_path(char *out, size_t size, const char *folder, const char *const *names)
{
    struct godwit_text text;
    godwit_text_init(&text, out, size);
    godwit_text_add(&text, folder);
    for (; *names; names++) {
        godwit_text_add(&text, "/");
        address_add(&text, *names);
    }
    if (text.overflow) fputs("godwit: this name is too long\n", stderr);
    return !text.overflow;
}

int verb_get(const struct verb_call *call, const char *path, void (*print)(const json_t *reply))
{
    struct remote_flags flags = {0};
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), NULL);
    return status >= 0 ? status : remote_do(&flags, "GET", path, NULL, print);
}

int verb_delete(const struct verb_call *call, const char *folder,
                void (*print)(const json_t *reply))
{
    struct remote_flags flags = {0};
    const char *names[2] = {NULL, NULL};
    char path[200];
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), names);
    if (status >= 0) return status;
    if (!verb_path(path, sizeof path, folder, names)) return 1;
    return remote_do(&flags, "DELETE", path, NULL, print);
}

/* ---- lists that come in pages ---- */

bool list_print(const struct remote *remote, const char *address, const char *rows_name,
                const char *const *heads, void (*add)(struct table *table, const json_t *row))
{
    json_t *reply;
    bool is_good = pages_get(remote, address, rows_name, &reply);
    if (!is_good) return false;
    if (remote->is_raw)
        is_good = json_print(reply);
    else
        rows_print(json_object_get(reply, rows_name), heads, add);
    json_decref(reply);
    return is_good;
}

int verb_list(const struct verb_call *call, const char *address, const char *rows_name,
              const char *const *heads, void (*add)(struct table *table, const json_t *row))
{
    struct remote_flags flags = {0};
    struct remote remote;
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), NULL);
    if (status >= 0) return status;
    if (!remote_open(&remote, &flags)) return 1;
    bool is_good = list_print(&remote, address, rows_name, heads, add);
    remote_close(&remote);
    return is_good ? 0 : 1;
}

/* ---- what replies look like ---- */

void rows_print(const json_t *rows, const char *const *heads,
                void (*add)(struct table *table, const json_t *row))
{
    size_t index, columns = 0;
    struct table table;
    json_t *row;
    while (heads[columns])
        columns++;
    table_init(&table, columns);
    for (size_t i = 0; i < columns; i++)
        table_add(&table, heads[i]);
    json_array_foreach(rows, index, row) add(&table, row);
    table_print(&table);
}

void table_add_ago(struct table *table, const json_t *object, const char *name)
{
    char text[32];
    table_add(table, ago_text(json_number(object, name), text, sizeof text));
}

void table_add_date(struct table *table, const json_t *object, const char *name)
{
    char text[32] = "never";
    time_t time_s = (time_t)json_number(object, name);
    struct tm parts;
    if (time_s && gmtime_r(&time_s, &parts))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
    table_add(table, text);
}

void table_add_texts(struct table *table, const json_t *list)
{
    size_t index;
    json_t *item;
    char all[600];
    struct godwit_text text;
    godwit_text_init(&text, all, sizeof all);
    json_array_foreach(list, index, item)
    {
        godwit_text_add(&text, index ? " " : "");
        godwit_text_add(&text, json_string_value(item) ? json_string_value(item) : "");
    }
    table_add(table, all);
}
