/* Rollouts: how they go, and what a person does to them. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "cli/rollout_next.h"
#include "cli/rollout_text.h"
#include "cli/rollout_watch.h"
#include "cli/verbs.h"

/* ---- list ---- */

static void add_rollout(struct table *table, const json_t *rollout)
{
    table_addf(table, "%llu", json_number(rollout, "rollout_id"));
    table_add(table, json_text(rollout, "product"));
    table_add(table, json_text(rollout, "version"));
    table_add(table, json_text(rollout, "state"));
    table_addf(table, "%llu of %llu",
               json_number(rollout, "succeeded") + json_number(rollout, "up_to_date"),
               json_number(rollout, "selected"));
    table_addf(table, "%llu", json_number(rollout, "in_progress"));
    table_addf(table, "%llu", json_number(rollout, "failed"));
    table_add_ago(table, rollout, "created");
}

static int run_list(const struct verb_call *call)
{
    static const char *const HEADS[] = {"ROLLOUT",     "PRODUCT", "VERSION", "STATE", "RUN IT",
                                        "IN PROGRESS", "FAILED",  "MADE",    NULL};
    return verb_list(call, "/api/v1/rollouts", "items", HEADS, add_rollout);
}

/* ---- one of them ---- */

/* The options of a verb, and the path of the one rollout with the verb behind it or NULL. -1, or
 * the exit status. */
static int parse(const struct verb_call *call, const char *verb, struct remote_flags *flags,
                 char *path, size_t size)
{
    const char *id;
    const struct option_row rows[] = {REMOTE_ROWS(*flags)};
    int status = verb_parse(call, ROWS(rows), &id);
    if (status >= 0) return status;
    const char *const names[] = {id, verb, NULL};
    if (*id && !id[strspn(id, "0123456789")])
        return verb_path(path, size, "/api/v1/rollouts", names) ? -1 : 1;
    fprintf(stderr, "godwit: '%s' is no number of a rollout; `godwit rollout list` has them\n", id);
    return 1;
}

static void print_next(const json_t *rollout)
{
    static void (*const TEXTS[])(const json_t *rollout, char *out) = {
        rollout_brake_text, rollout_wait_text, rollout_pace_text};
    char text[ROLLOUT_NEXT_SIZE];
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        TEXTS[i](rollout, text);
        if (*text) printf("  %s\n", text);
    }
}

static void print_one(const json_t *rollout)
{
    char line[ROLLOUT_LINE_SIZE];
    rollout_line(rollout, true, line, sizeof line);
    printf("rollout %llu: %s %s, %s\n%s\n", json_number(rollout, "rollout_id"),
           json_text(rollout, "product"), json_text(rollout, "version"),
           json_text(rollout, "state"), line);
    print_next(rollout);
    rollout_guards_print(rollout);
}

/* The rollout as it is, or once all that can happen soon has happened; NULL after a printed line.
 */
static json_t *read_one(const struct remote *remote, const char *path, bool watches)
{
    json_t *rollout;
    if (!remote_call(remote, "GET", path, NULL, &rollout)) return NULL;
    if (!watches || remote->is_raw) return rollout;
    unsigned long long number = json_number(rollout, "rollout_id");
    json_decref(rollout);
    return rollout_watch(remote, number);
}

/* With what went wrong in it. */
static bool show(const struct remote *remote, const json_t *rollout, bool watches)
{
    if (remote->is_raw) return json_print(rollout);
    if (!watches) print_one(rollout);
    rollout_others_print(remote, rollout);
    if (watches && rollout_is_stopped(rollout)) rollout_missing_print(rollout);
    return true;
}

static int look(const struct verb_call *call, bool watches)
{
    struct remote_flags flags = {0};
    char path[96];
    struct remote remote;
    int status = parse(call, NULL, &flags, path, sizeof path);
    if (status >= 0) return status;
    if (!remote_open(&remote, &flags)) return 1;
    json_t *rollout = read_one(&remote, path, watches);
    bool is_good = rollout && show(&remote, rollout, watches);
    json_decref(rollout);
    remote_close(&remote);
    return is_good ? 0 : 1;
}

static int run_show(const struct verb_call *call)
{
    return look(call, false);
}

static int run_watch(const struct verb_call *call)
{
    return look(call, true);
}

static int steer(const struct verb_call *call, const char *verb)
{
    struct remote_flags flags = {0};
    char path[96];
    int status = parse(call, verb, &flags, path, sizeof path);
    return status >= 0 ? status : remote_do(&flags, "POST", path, NULL, print_one);
}

static int run_pause(const struct verb_call *call)
{
    return steer(call, "pause");
}

static int run_resume(const struct verb_call *call)
{
    return steer(call, "resume");
}

static int run_halt(const struct verb_call *call)
{
    return steer(call, "halt");
}

static int run_undo(const struct verb_call *call)
{
    return steer(call, "undo");
}

static int run_skip(const struct verb_call *call)
{
    return steer(call, "skip");
}

static int run_retry(const struct verb_call *call)
{
    return steer(call, "retry");
}

static int run_approve(const struct verb_call *call)
{
    return steer(call, "approve");
}

static int run_priority(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    char path[96];
    const char *words[2];
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), words);
    if (status >= 0) return status;
    const char *const names[] = {words[0], "priority", NULL};
    if (!verb_path(path, sizeof path, "/api/v1/rollouts", names)) return 1;
    return remote_do(&flags, "PUT", path, json_pack("{s:s}", "priority", words[1]), print_one);
}

static const struct verb VERBS[] = {
    {"rollout list", "", "Lists rollouts and how they go, the newest first.", 0, 0, run_list},
    {"rollout show", "ROLLOUT", "Shows one, and which devices failed with it and why.", 1, 1,
     run_show},
    {"rollout watch", "ROLLOUT",
     "Shows how it goes until all that can happen soon has happened, or it stops: on a terminal as "
     "a picture that is drawn anew (NO_COLOR takes its colours), else as lines.",
     1, 1, run_watch},
    {"rollout pause", "ROLLOUT",
     "Offers nothing of it until it is resumed: devices that have not switched yet wait.", 1, 1,
     run_pause},
    {"rollout resume", "ROLLOUT", "Lets a paused one continue.", 1, 1, run_resume},
    {"rollout halt", "ROLLOUT",
     "Ends it at once: devices that have not switched yet keep what they run.", 1, 1, run_halt},
    {"rollout undo", "ROLLOUT",
     "Ends it, and sends devices back to what they came from, where they can go back.", 1, 1,
     run_undo},
    {"rollout skip", "ROLLOUT",
     "Offers it to all that are left without waiting for proof; its failures still halt it.", 1, 1,
     run_skip},
    {"rollout retry", "ROLLOUT", "Offers it again to the devices on which it failed.", 1, 1,
     run_retry},
    {"rollout approve", "ROLLOUT", "Lets one begin that waits for a second person.", 1, 1,
     run_approve},
    {"rollout priority", "ROLLOUT low|normal|high",
     "Of several rollouts that select a device the one of the highest priority speaks to it, and "
     "of several the newest.",
     2, 2, run_priority},
};

static const struct options ABOUT = {
    .command = "rollout",
    .usage =
        "list | show ROLLOUT | watch ROLLOUT | pause ROLLOUT | resume ROLLOUT | halt ROLLOUT | "
        "undo ROLLOUT | skip ROLLOUT | retry ROLLOUT | approve ROLLOUT | "
        "priority ROLLOUT low|normal|high",
    .sentence = "Rollouts: how they go, and stopping them. A rollout also halts by itself, when\n"
                "more devices in a row fail than a good release explains.\n"
                "`godwit rollout VERB --help` lists the options.",
};

int cmd_rollout(int argc, char **argv)
{
    return verbs_run(&ABOUT, VERBS, sizeof VERBS / sizeof *VERBS, argc, argv, NULL);
}
