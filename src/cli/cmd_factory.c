/* The factory list: devices that join without a claim, by id and the digest of their token. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/names.h"
#include "cli/verbs.h"

#define LIST_SIZE_MAX (128U << 20)
#define BATCH_LINES 1000

/* ---- list, remove ---- */

static void add_expected(struct table *table, const json_t *row)
{
    table_add(table, json_text(row, "device_id"));
    table_add(table, json_text(row, "product"));
    table_addf(table, "%.16s…", json_text(row, "token_sha256"));
    table_add_ago(table, row, "created");
}

static int run_list(const struct verb_call *call)
{
    static const char *const HEADS[] = {"DEVICE", "PRODUCT", "TOKEN", "LISTED", NULL};
    return verb_list(call, "/api/v1/factory", "devices", HEADS, add_expected);
}

static void print_removed(const json_t *reply)
{
    (void)reply;
    puts("removed; it is not expected any more");
}

static int run_remove(const struct verb_call *call)
{
    return verb_delete(call, "/api/v1/factory", print_removed);
}

/* ---- import ---- */

struct listed {
    const char *path, *product;
    struct option_list tags;
};

/* Where the next batch ends: behind BATCH_LINES lines, or at the text's end. */
static char *batch_end(char *at, uint32_t *lines_out)
{
    for (*lines_out = 0; *at && *lines_out < BATCH_LINES; ++*lines_out) {
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return at;
}

static bool send_batch(const struct remote *remote, const struct listed *listed, const char *csv,
                       size_t size, uint32_t first_line, unsigned long long *added)
{
    json_t *reply, *tags = texts_json(&listed->tags);
    json_t *body = json_pack("{s:s, s:o, s:I, s:s%}", "product", listed->product, "tags", tags,
                             "first_line", (json_int_t)first_line, "csv", csv, size);
    if (!body) {
        fprintf(stderr, "godwit: lines %u to %u are no UTF-8 text; save the list as UTF-8\n",
                first_line, first_line + BATCH_LINES - 1);
        return false;
    }
    bool is_good = remote_call(remote, "POST", "/api/v1/factory", body, &reply);
    json_decref(body);
    if (!is_good) return false;
    *added += json_number(reply, "added");
    json_decref(reply);
    return true;
}

static int import(const struct remote *remote, const struct listed *listed)
{
    const char *path = listed->path;
    uint8_t *data;
    size_t size;
    unsigned long long added = 0;
    uint32_t line = 1, lines;
    if (!file_read("factory", path, LIST_SIZE_MAX, &data, &size)) return 1;
    bool is_good = true;
    if (strlen((char *)data) != size) {
        fprintf(stderr, "godwit: %s is no text\n", path);
        is_good = false;
    }
    for (char *at = (char *)data, *stop; is_good && *at; at = stop, line += lines) {
        stop = batch_end(at, &lines);
        is_good = send_batch(remote, listed, at, (size_t)(stop - at), line, &added);
        if (is_good && isatty(2)) fprintf(stderr, "\r%u lines", line + lines - 1);
    }
    free(data);
    if (isatty(2)) fputs("\r\033[K", stderr);
    if (is_good && remote->is_raw)
        printf("{\"lines\": %u, \"added\": %llu}\n", line - 1, added);
    else if (is_good)
        printf("%s: %llu device%s may join as %s\n", path, added, added == 1 ? "" : "s",
               listed->product);
    return is_good ? 0 : 1;
}

static int run_import(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    struct listed listed = {.product = NULL};
    const struct option_row rows[] = {
        {"--product", OPTION_TEXT, &listed.product, "PRODUCT", "what the devices are"},
        {"--tag", OPTION_LIST, &listed.tags, "TAG", "a tag that they get; up to 16"},
        REMOTE_ROWS(flags),
    };
    const struct options options = verb_options(call, ROWS(rows), &listed.path);
    int status = options_parse(&options, call->argc, call->argv, NULL);
    if (status >= 0) return status;
    if (!listed.product) return options_wrong(&options, "--product PRODUCT is missing");
    status = name_check(&options, "--product", listed.product);
    if (status >= 0) return status;
    struct remote remote;
    if (!remote_open(&remote, &flags)) return 1;
    status = import(&remote, &listed);
    remote_close(&remote);
    return status;
}

/* ---- the verbs ---- */

static const struct verb VERBS[] = {
    {"factory list", "", "Lists the devices that are on the list and have not joined, by id.", 0, 0,
     run_list},
    {"factory import", "FILE.csv --product PRODUCT [--tag TAG]...",
     "Puts devices on the list by id and the SHA-256 of their token, one a line: they join without "
     "a claim.",
     1, 1, run_import},
    {"factory remove", "DEVICE", "Takes a device off the list.", 1, 1, run_remove},
};

static const struct options ABOUT = {
    .command = "factory",
    .usage = "list | import FILE.csv --product PRODUCT | remove DEVICE",
    .sentence =
        "The factory list: devices that join without a claim. `godwit factory VERB --help`\n"
        "lists the options.",
};

int cmd_factory(int argc, char **argv)
{
    return verbs_run(&ABOUT, VERBS, sizeof VERBS / sizeof *VERBS, argc, argv, NULL);
}
