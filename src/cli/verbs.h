/* A command that has verbs: `godwit user add …`. Each verb is a row; it reads its own words, and
 * `godwit user add --help` prints them. */
#pragma once

#include "cli/remote.h"
#include "cli/table.h"

struct verb_call;
struct verb {
    const char *name; /* "user add" */
    const char *usage, *sentence;
    size_t arguments_min, arguments_max;
    int (*run)(const struct verb_call *call);
};

struct verb_call { /* private */
    const struct verb *verb;
    int argc;
    char **argv;
    const void *ctx;
};

/* The command, of which usage and sentence stand in `about`; returns the exit status. ctx is the
 * verbs'. */
int verbs_run(const struct options *about, const struct verb *verbs, size_t count, int argc,
              char **argv, const void *ctx);
/* One verb as a command of its own, for complaints about it; and as options_parse. */
struct options verb_options(const struct verb_call *call, const struct option_row *rows,
                            size_t rows_count, const char **arguments);
int verb_parse(const struct verb_call *call, const struct option_row *rows, size_t rows_count,
               const char **arguments);
/* Rows and their count, for verb_parse. */
#define ROWS(rows) rows, sizeof rows / sizeof *rows
/* A verb without options of its own: what stands under the path is read and printed. */
int verb_get(const struct verb_call *call, const char *path, void (*print)(const json_t *reply));
/* The same: what the one argument names in the folder is ended. */
int verb_delete(const struct verb_call *call, const char *folder,
                void (*print)(const json_t *reply));
/* A list that comes in pages, read whole and printed; heads and add as of rows_print. False after a
 * printed line. */
bool list_print(const struct remote *remote, const char *address, const char *rows_name,
                const char *const *heads, void (*add)(struct table *table, const json_t *row));
/* A verb without options of its own that does that. */
int verb_list(const struct verb_call *call, const char *address, const char *rows_name,
              const char *const *heads, void (*add)(struct table *table, const json_t *row));
/* A path of names that come between slashes behind the folder; the last NULL. False after a printed
 * line. */
bool verb_path(char *out, size_t size, const char *folder, const char *const *names);

/* ---- what replies look like ---- */

/* heads: as many as a row has cells, ended by NULL. */
void rows_print(const json_t *rows, const char *const *heads,
                void (*add)(struct table *table, const json_t *row));
/* "12 s ago"; "never" for 0. */
void table_add_ago(struct table *table, const json_t *object, const char *name);
/* "2026-11-30 12:00 UTC"; "never" for 0. */
void table_add_date(struct table *table, const json_t *object, const char *name);
/* The texts of a list between spaces. */
void table_add_texts(struct table *table, const json_t *list);
