/* The audit log: a look, an export, and the verifier. The verifier asks no server: it reads an
 * export, or the database of a data directory, whether a service runs on it or not. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/text.h"
#include "audit/walk.h"
#include "base/text.h"
#include "cli/audit_file.h"
#include "cli/verbs.h"

/* ---- list ---- */

struct wanted {
    struct remote_flags flags;
    const char *actor, *action, *object;
    uint32_t limit;
};

static void add_parameter(struct godwit_text *path, const char *name, const char *value)
{
    if (!value) return;
    godwit_text_add(path, "&");
    godwit_text_add(path, name);
    godwit_text_add(path, "=");
    for (const char *at = value; *at; at++) {
        bool is_plain = strchr("-._~:*", *at) || (*at >= '0' && *at <= '9') ||
                        (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (is_plain) godwit_text_add_bytes(path, at, 1);
        if (!is_plain) godwit_text_add(path, "%");
        if (!is_plain) godwit_text_add_hex(path, (const uint8_t *)at, 1);
    }
}

static void print_records(const json_t *reply)
{
    size_t index;
    json_t *record;
    struct table table;
    table_init(&table, 6);
    static const char *const HEADS[] = {"RECORD", "TIME", "ACTOR", "FROM", "ACTION", "OBJECT"};
    for (size_t i = 0; i < sizeof HEADS / sizeof *HEADS; i++)
        table_add(&table, HEADS[i]);
    json_array_foreach(json_object_get(reply, "items"), index, record)
    {
        char text[32] = "";
        time_t time_s = (time_t)json_number(record, "time");
        struct tm parts;
        if (gmtime_r(&time_s, &parts)) strftime(text, sizeof text, "%Y-%m-%d %H:%M:%SZ", &parts);
        table_addf(&table, "%llu", json_number(record, "sequence"));
        table_add(&table, text);
        table_add(&table, json_text(record, "actor"));
        table_add(&table, json_text(record, "address"));
        table_add(&table, json_text(record, "action"));
        table_add(&table, json_text(record, "object"));
    }
    table_print(&table);
}

static int run_list(const struct verb_call *call)
{
    struct wanted wanted = {.limit = 50};
    const struct option_row rows[] = {
        {"--actor", OPTION_TEXT, &wanted.actor, "TEXT", "by whom; a last * stands for any text"},
        {"--action", OPTION_TEXT, &wanted.action, "TEXT", "what was done, as 'rollout.*'"},
        {"--object", OPTION_TEXT, &wanted.object, "TEXT", "to what, as 'thermostat 1.4.0'"},
        {"--limit", OPTION_NUMBER, &wanted.limit, "N", "how many, the newest; at most 500"},
        REMOTE_ROWS(wanted.flags)};
    const struct options options = verb_options(call, ROWS(rows), NULL);
    int status = options_parse(&options, call->argc, call->argv, NULL);
    if (status >= 0) return status;
    if (wanted.limit < 1 || wanted.limit > AUDIT_PAGE_MAX)
        return options_wrong(&options, "--limit is a number from 1 to %d", AUDIT_PAGE_MAX);
    char data[2048];
    struct godwit_text path;
    struct remote remote;
    json_t *reply;
    godwit_text_init(&path, data, sizeof data);
    godwit_text_add(&path, "/api/v1/audit?limit=");
    godwit_text_add_u32(&path, wanted.limit);
    add_parameter(&path, "actor", wanted.actor);
    add_parameter(&path, "action", wanted.action);
    add_parameter(&path, "object", wanted.object);
    if (path.overflow) return options_wrong(&options, "what is looked for is too long");
    if (!remote_open(&remote, &wanted.flags)) return 1;
    bool is_good = remote_call(&remote, "GET", data, NULL, &reply);
    if (is_good && wanted.flags.json) is_good = json_print(reply);
    if (is_good && !wanted.flags.json) print_records(reply);
    if (is_good) json_decref(reply);
    remote_close(&remote);
    return is_good ? 0 : 1;
}

/* ---- export ---- */

static void print_line(const char *name, json_t *value)
{
    json_t *line = json_pack("{s:o}", name, value);
    if (!line || json_dumpf(line, stdout, JSON_COMPACT) || putchar('\n') == EOF) abort();
    json_decref(line);
}

static void export_record(void *ctx, const struct audit_record *record)
{
    (void)ctx;
    print_line("record", audit_record_json(record));
}

static void export_checkpoint(void *ctx, const struct audit_checkpoint *checkpoint)
{
    (void)ctx;
    print_line("checkpoint", audit_checkpoint_json(checkpoint));
}

static int walk(const char *data, const struct audit_walk *walk)
{
    char path[4096], note[256] = "";
    snprintf(path, sizeof path, "%s/godwit.db", data);
    if (!audit_walk_file(path, walk, note, sizeof note)) return 0;
    fprintf(stderr, "godwit audit: %s can not be read: %s\n", path, note);
    return 1;
}

/* -1: go on. */
static int find_place(const struct verb_call *call, struct data_place *place)
{
    int status = data_place_find("audit", place, *(data_of_fn *const *)call->ctx);
    if (!place->data) place->data = data_place_preset();
    return status;
}

static int run_export(const struct verb_call *call)
{
    struct data_place place = {.data = NULL};
    const struct option_row rows[] = {
        DATA_PLACE_ROWS(place, "the service's data directory (default GODWIT_DATA, else "
                               "./godwit-data)"),
    };
    int status = verb_parse(call, ROWS(rows), NULL);
    if (status < 0) status = find_place(call, &place);
    if (status >= 0) return status;
    const struct audit_walk all = {export_record, export_checkpoint, NULL};
    status = walk(place.data, &all);
    if (!fflush(stdout) && !ferror(stdout)) return status;
    fprintf(stderr, "godwit audit: standard output can not be written: %s\n", strerror(errno));
    return 1;
}

/* ---- verify ---- */

struct verify {
    struct data_place place;
    struct option_list keys, witnesses;
};

static void print_fault(void *ctx, enum audit_fault fault, int64_t sequence)
{
    (void)ctx;
    if (sequence)
        printf("record %lld: %s: %s\n", (long long)sequence, audit_fault_id(fault),
               audit_fault_sentence(fault));
    else
        printf("the log: %s: %s\n", audit_fault_id(fault), audit_fault_sentence(fault));
}

static void verify_record(void *ctx, const struct audit_record *record)
{
    audit_verify_record(ctx, record);
}

static void verify_checkpoint(void *ctx, const struct audit_checkpoint *checkpoint)
{
    audit_verify_checkpoint(ctx, checkpoint);
}

/* -1: go on. */
static int prepare(const struct options *options, const struct verify *wanted, bool is_file,
                   struct audit_verifier *verifier)
{
    audit_verify_begin(verifier, print_fault, NULL);
    for (size_t i = 0; i < wanted->keys.count; i++)
        if (!audit_trust_file(verifier, wanted->keys.items[i])) return 1;
    if (!is_file && !wanted->keys.count && !audit_trust_data(verifier, wanted->place.data))
        return options_wrong(options, "%s holds no deploy key; name the public one with --key",
                             wanted->place.data);
    for (size_t i = 0; i < wanted->witnesses.count; i++) {
        const char *text = wanted->witnesses.items[i];
        if (i == AUDIT_WITNESSES_MAX ||
            godwit_hex_decode(text, strlen(text), verifier->witnesses[i], AUDIT_WITNESS_SIZE))
            return options_wrong(options, "--witness wants 32 hex digits, at most %d times",
                                 AUDIT_WITNESSES_MAX);
        verifier->witnesses_count++;
    }
    return -1;
}

static int verify_file(const char *path, struct audit_verifier *verifier)
{
    unsigned long line;
    FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
    if (!file) {
        fprintf(stderr, "godwit audit: %s: %s\n", path, strerror(errno));
        return 1;
    }
    bool is_good = audit_file_feed(file, verifier, &line);
    if (file != stdin) fclose(file);
    if (is_good) return 0;
    printf("line %lu: it is neither a record nor a checkpoint; it was edited or cut\n", line);
    return 1;
}

static int conclude(struct audit_verifier *verifier, bool is_key_given)
{
    if (!audit_verify_finish(verifier)) {
        printf("faults: %llu, in records: %llu\n", (unsigned long long)verifier->faults_count,
               (unsigned long long)verifier->records_count);
        return 1;
    }
    printf("whole: records %lld to %lld (%llu)\n", (long long)verifier->first,
           (long long)verifier->last, (unsigned long long)verifier->records_count);
    if (!verifier->checkpoint)
        puts("no checkpoint was signed yet: an end that was cut off would not be seen");
    else
        printf("checkpoints: %llu; the newest is of record %lld, and nothing behind it is signed "
               "yet\n",
               (unsigned long long)verifier->checkpoints_count, (long long)verifier->checkpoint);
    if (!is_key_given && verifier->checkpoint)
        puts("any key was taken for the server's; name the right one with --key");
    return 0;
}

static int run_verify(const struct verb_call *call)
{
    struct verify wanted = {.place.data = NULL};
    struct audit_verifier verifier;
    const char *file = NULL;
    const struct option_row rows[] = {
        DATA_PLACE_ROWS(wanted.place, "a service's data directory, where no FILE is given (default "
                                      "GODWIT_DATA, else ./godwit-data)"),
        {"--key", OPTION_LIST, &wanted.keys, "FILE",
         "a key (PEM) that may sign checkpoints; default: those of the data directory"},
        {"--witness", OPTION_LIST, &wanted.witnesses, "HEX",
         "a checkpoint that a device was given; `godwit device` prints it"},
    };
    const struct options options = verb_options(call, ROWS(rows), &file);
    int status = options_parse(&options, call->argc, call->argv, NULL);
    if (status < 0) status = find_place(call, &wanted.place);
    if (status < 0) status = prepare(&options, &wanted, file != NULL, &verifier);
    if (status >= 0) return status;
    const struct audit_walk all = {verify_record, verify_checkpoint, &verifier};
    status = file ? verify_file(file, &verifier) : walk(wanted.place.data, &all);
    int faults = conclude(&verifier, verifier.keys_count > 0);
    return status ? status : faults;
}

/* ---- the verbs ---- */

static const struct verb VERBS[] = {
    {"audit list", "[--actor TEXT] [--action TEXT] [--object TEXT]",
     "Shows the newest records of the audit log.", 0, 0, run_list},
    {"audit export", "[--data DIR | --settings FILE]",
     "Prints the whole audit log, one JSON object to a line: records, and behind each the "
     "checkpoint that was signed there. Keep it on another machine.",
     0, 0, run_export},
    {"audit verify", "[FILE | --data DIR | --settings FILE] [--key FILE]... [--witness HEX]...",
     "Reads an export (- is standard input) or the database itself, and names the place of each "
     "record that was edited, deleted, moved or cut off.",
     0, 1, run_verify},
};

static const struct options ABOUT = {
    .command = "audit",
    .usage = "list | export | verify [FILE]",
    .sentence = "The audit log: who changed what, when and from where. `list` shows the newest\n"
                "records, `export` prints all of them, `verify` finds out whether one was edited,\n"
                "deleted, moved or cut off. `godwit audit VERB --help` lists the options.",
};

int cmd_audit(int argc, char **argv, data_of_fn *data_of)
{
    return verbs_run(&ABOUT, VERBS, sizeof VERBS / sizeof *VERBS, argc, argv, &data_of);
}
