/* Who may join: the claim tokens that were made, and the devices on the factory list. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/names.h"
#include "cli/remote.h"
#include "cli/table.h"

#define LIST_SIZE_MAX (128U << 20)
#define BATCH_LINES 1000
#define PATH_SIZE 200

struct claims {
    struct remote_flags flags;
    const char *arguments[2]; /* the verb, and what it is about */
    const char *product;
    struct option_list tags;
};

static void add_time(struct table *table, const json_t *object, const char *name)
{
    char ago[32];
    unsigned long long time_s = json_number(object, name);
    table_add(table, time_s ? ago_text(time_s, ago, sizeof ago) : "never");
}

/* ---- the list of claims ---- */

static void add_claim(struct table *table, const json_t *claim)
{
    size_t index;
    json_t *tag;
    char tags[600];
    struct godwit_text text;
    godwit_text_init(&text, tags, sizeof tags);
    json_array_foreach(json_object_get(claim, "tags"), index, tag)
    {
        godwit_text_add(&text, index ? " " : "");
        godwit_text_add(&text, json_string_value(tag));
    }
    table_add(table, json_text(claim, "claim"));
    table_add(table, json_text(claim, "product"));
    table_add(table, json_text(claim, "state"));
    table_addf(table, "%llu of %llu", json_number(claim, "used"), json_number(claim, "count"));
    add_time(table, claim, "created");
    time_t expires = (time_t)json_number(claim, "expires");
    char date[32] = "never";
    struct tm parts;
    if (expires && gmtime_r(&expires, &parts))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", &parts);
    table_add(table, date);
    table_add(table, tags);
}

typedef void add_row(struct table *table, const json_t *row);

/* All pages of a list as one; NULL after a printed line. */
static json_t *list_read(const struct remote *remote, const char *address, const char *rows)
{
    char path[PATH_SIZE], after[100] = "";
    json_t *whole = NULL, *reply;
    do {
        snprintf(path, sizeof path, "%s?limit=500%s%s", address, *after ? "&after=" : "", after);
        if (!remote_call(remote, "GET", path, NULL, &reply)) {
            json_decref(whole);
            return NULL;
        }
        snprintf(after, sizeof after, "%s", json_text(reply, "next"));
        if (!whole) {
            whole = reply;
            continue;
        }
        json_array_extend(json_object_get(whole, rows), json_object_get(reply, rows));
        json_decref(reply);
    } while (*after);
    json_object_del(whole, "next");
    return whole;
}

/* heads: as many as `add` adds cells. */
static int list_print(const struct remote *remote, const char *address, const char *rows,
                      const char *const *heads, add_row *add)
{
    size_t index, columns = 0;
    struct table table;
    json_t *row, *whole = list_read(remote, address, rows);
    if (!whole) return 1;
    bool is_good = true;
    if (remote->is_raw) {
        is_good = json_print(whole);
    } else {
        while (heads[columns])
            columns++;
        table_init(&table, columns);
        for (size_t i = 0; i < columns; i++)
            table_add(&table, heads[i]);
        json_array_foreach(json_object_get(whole, rows), index, row) add(&table, row);
        table_print(&table);
    }
    json_decref(whole);
    return is_good ? 0 : 1;
}

static void add_expected(struct table *table, const json_t *row)
{
    table_add(table, json_text(row, "device_id"));
    table_add(table, json_text(row, "product"));
    table_addf(table, "%.16s…", json_text(row, "token_sha256"));
    add_time(table, row, "created");
}

/* ---- ending ---- */

static int end(const struct remote *remote, const char *folder, const char *name,
               const char *sentence)
{
    char path[PATH_SIZE];
    struct godwit_text text;
    json_t *reply;
    godwit_text_init(&text, path, sizeof path);
    godwit_text_add(&text, folder);
    address_add(&text, name);
    if (text.overflow || !remote_call(remote, "DELETE", path, NULL, &reply)) return 1;
    bool is_good = true;
    if (remote->is_raw)
        is_good = json_print(reply);
    else
        printf("%s: %s\n", name, sentence);
    json_decref(reply);
    return is_good ? 0 : 1;
}

/* ---- the factory list ---- */

/* Where the next batch ends: behind BATCH_LINES lines, or at the text's end. */
static char *batch_end(char *at, uint32_t *lines_out)
{
    for (*lines_out = 0; *at && *lines_out < BATCH_LINES; ++*lines_out) {
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return at;
}

static bool send_batch(const struct remote *remote, const struct claims *claims, const char *csv,
                       size_t size, uint32_t first_line, unsigned long long *added)
{
    json_t *reply, *tags = texts_json(&claims->tags);
    json_t *body = json_pack("{s:s, s:o, s:I, s:s%}", "product", claims->product, "tags", tags,
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

static int import(const struct remote *remote, const struct claims *claims)
{
    const char *path = claims->arguments[1];
    uint8_t *data;
    size_t size;
    unsigned long long added = 0;
    uint32_t line = 1, lines;
    if (!file_read("claims", path, LIST_SIZE_MAX, &data, &size)) return 1;
    bool is_good = true;
    if (strlen((char *)data) != size) {
        fprintf(stderr, "godwit: %s is no text\n", path);
        is_good = false;
    }
    for (char *at = (char *)data, *stop; is_good && *at; at = stop, line += lines) {
        stop = batch_end(at, &lines);
        is_good = send_batch(remote, claims, at, (size_t)(stop - at), line, &added);
        if (is_good && isatty(2)) fprintf(stderr, "\r%u lines", line + lines - 1);
    }
    free(data);
    if (isatty(2)) fputs("\r\033[K", stderr);
    if (is_good && remote->is_raw)
        printf("{\"lines\": %u, \"added\": %llu}\n", line - 1, added);
    else if (is_good)
        printf("%s: %llu device%s may join as %s\n", path, added, added == 1 ? "" : "s",
               claims->product);
    return is_good ? 0 : 1;
}

/* ---- the command ---- */

static const char *const CLAIM_HEADS[] = {"CLAIM", "PRODUCT", "STATE", "USED",
                                          "MADE",  "EXPIRES", "TAGS",  NULL};
static const char *const EXPECTED_HEADS[] = {"DEVICE", "PRODUCT", "TOKEN", "LISTED", NULL};

static int run(const struct remote *remote, const struct claims *claims)
{
    const char *verb = claims->arguments[0], *name = claims->arguments[1];
    if (!verb) return list_print(remote, "/api/v1/claims", "claims", CLAIM_HEADS, add_claim);
    if (!strcmp(verb, "expected"))
        return list_print(remote, "/api/v1/factory", "devices", EXPECTED_HEADS, add_expected);
    if (!strcmp(verb, "import")) return import(remote, claims);
    if (!strcmp(verb, "revoke"))
        return end(remote, "/api/v1/claims/", name,
                   "nobody joins with this claim any more; its devices stay");
    return end(remote, "/api/v1/factory/", name, "it is not expected any more");
}

static int check_import(const struct options *options, const struct claims *claims)
{
    const char *verb = claims->arguments[0];
    if (!verb || strcmp(verb, "import"))
        return claims->product || claims->tags.count
                   ? options_wrong(options, "--product and --tag are for import")
                   : -1;
    if (!claims->product) return options_wrong(options, "import needs --product PRODUCT");
    return name_check(options, "--product", claims->product);
}

static int check(const struct options *options, const struct claims *claims)
{
    static const struct {
        const char *verb, *needs;
    } VERBS[] = {{"revoke", "CLAIM, as `godwit claims` shows it"},
                 {"import", "FILE.csv"},
                 {"expected", NULL},
                 {"remove", "DEVICE"}};
    const size_t count = sizeof VERBS / sizeof *VERBS;
    const char *verb = claims->arguments[0], *name = claims->arguments[1];
    size_t i = 0;
    while (verb && i < count && strcmp(VERBS[i].verb, verb))
        i++;
    if (i == count)
        return options_wrong(options, "no '%s'; it is revoke, import, expected or remove", verb);
    if (verb && VERBS[i].needs && !name)
        return options_wrong(options, "%s needs %s", verb, VERBS[i].needs);
    if (verb && !VERBS[i].needs && name) return options_wrong(options, "%s takes no more", verb);
    return check_import(options, claims);
}

int cmd_claims(int argc, char **argv)
{
    struct claims claims = {.product = NULL};
    const struct option_row rows[] = {
        {"--product", OPTION_TEXT, &claims.product, "PRODUCT", "what the listed devices are"},
        {"--tag", OPTION_LIST, &claims.tags, "TAG", "a tag that the listed devices get; up to 16"},
        REMOTE_ROWS(claims.flags),
    };
    const struct options options = {
        "claims",
        "[revoke CLAIM | import FILE.csv --product PRODUCT [--tag TAG] | expected | remove DEVICE]",
        "Shows the claim tokens, or ends one. import lists devices by id and the SHA-256 of their "
        "token, one a line: they join without a claim. expected shows those that have not joined, "
        "remove takes one off.",
        rows,
        sizeof rows / sizeof *rows,
        claims.arguments,
        0,
        2};
    int status = options_parse(&options, argc, argv, NULL);
    if (status < 0) status = check(&options, &claims);
    if (status >= 0) return status;
    struct remote remote;
    if (!remote_open(&remote, &claims.flags)) return 1;
    status = run(&remote, &claims);
    remote_close(&remote);
    return status;
}
