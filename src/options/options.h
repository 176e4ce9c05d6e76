/* The words of a command line by a table: one row an option, from which --help is printed too.
 * Options may stand before, between and behind the other words; "--name value" and "--name=value"
 * are the same; "--" ends the options.
 *
 *     const struct option_row rows[] = {
 *         {"--key", OPTION_TEXT, &key, "FILE", "signing key, PEM"},
 *         {"--json", OPTION_FLAG, &json, NULL, "print JSON"},
 *     };
 *     const struct options options = {"sign", "--key FILE IN OUT", "…", rows, 2, words, 2, 2};
 *     int status = options_parse(&options, argc, argv, NULL);
 *     if (status >= 0) return status;
 *
 * A secret is an option of its own kind, with one rule for all of them: "@FILE" is the first line
 * of that file, "-" the first line of standard input, and where the option is not given the
 * environment may hold it (--claim: GODWIT_CLAIM). It can also be typed as it is, and then
 * everybody on the machine can read it in the list of processes.
 *
 * What runs for months has settings: the same rows, which a file and the environment may give too
 * (options_parse_settings).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTION_LIST_MAX 256
#define OPTION_SECRET_MAX 257

enum option_kind {
    OPTION_FLAG,   /* bool: set true */
    OPTION_TEXT,   /* const char *: the last one given */
    OPTION_NUMBER, /* uint32_t: plain decimal or 0x…; UINT32_MAX is the caller's "not given" */
    OPTION_LIST,   /* struct option_list: each one given */
    OPTION_SECRET, /* struct option_secret, zeroed before */
};

struct option_list {
    const char *items[OPTION_LIST_MAX];
    size_t count;
};

struct option_secret {
    char text[OPTION_SECRET_MAX]; /* "": not given */
};

struct option_row {
    const char *name; /* with its dashes */
    enum option_kind kind;
    void *out;         /* by kind; untouched when the option is not given */
    const char *value; /* the help's word for the value; NULL for a flag */
    const char *sentence;
};

struct options {
    const char *command;  /* "sign"; "godwit-attack" where a program is one command */
    const char *usage;    /* "--key FILE IN OUT" */
    const char *sentence; /* what the command does */
    const struct option_row *rows;
    size_t rows_count;
    const char **arguments; /* the words that are no options; room for arguments_max */
    size_t arguments_min, arguments_max;
};

/* -1: go on; else the command's exit status: 0 after --help, 2 after a line on stderr that names
 * the fault. arguments_count_out may be NULL. */
int options_parse(const struct options *options, int argc, char **argv,
                  size_t *arguments_count_out);
/* The same for a command whose options are settings. Each may be given in a file ("interval = 30"
 * is
 * --interval 30; a flag is "yes" or "no"; a line that begins with # says nothing), in the
 * environment (GODWIT_INTERVAL) and on the command line; the later named here wins, and a list
 * given there replaces the list given before. A name that is no setting ends the start with the
 * nearest one, in the environment too, where GODWIT_ is ours: what others of our programs read
 * there stands in others, ended by NULL. file_text is the file's, or NULL: it is changed here, and
 * values point into it. */
struct option_sources {
    const char *file; /* its name, for complaints */
    char *file_text;
    char **environment; /* as environ */
    const char *const *others;
};
int options_parse_settings(const struct options *options, const struct option_sources *sources,
                           int argc, char **argv, size_t *arguments_count_out);
/* One line on stderr and 2, for what a table can not say. */
int options_wrong(const struct options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
