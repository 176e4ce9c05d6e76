/* `godwit-attack`: plays the cases, prints the table. Each case lives in a process of its own, so
 * that one that crashes or hangs is a line in the table and not its end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "options/options.h"
#include "sim/attack_board.h"
#include "sim/attack_live.h"
#include "sim/sim.h"

#define CASE_TIMEOUT_S 120
#define ROWS_MAX 512

struct run {
    struct attack_fixture fixture;
    struct option_list names;
    const char *listen, *folder, *image, *host;
    uint32_t number, medleys, seed;
    bool as_json, is_list, is_quiet;
    const struct attack_case *rows[ROWS_MAX];
    struct attack_result results[ROWS_MAX];
    size_t count;
};

#define NOT_GIVEN UINT32_MAX
#define WHO                                                                                     \
    "who attacks: N network, M mirror, S server (deploy key), K image keys, D device's token, " \
    "- nobody"

/* ---- which ---- */

static bool is_chosen(const struct run *run, const struct attack_case *row)
{
    for (size_t i = 0; i < run->names.count; i++)
        if (!strcmp(run->names.items[i], row->name)) return true;
    if (run->names.count) return false;
    if (run->number != NOT_GIVEN && run->number != row->number) return false;
    return !run->listen || row->flags & ATTACK_IS_LIVE;
}

static void choose(struct run *run)
{
    const struct attack_case *row;
    for (uint8_t number = 0; number < 16; number++) /* negative signatures last */
        for (size_t i = 0; (row = attack_case_at(i)); i++)
            if (row->number == (number + 1) % 16 && is_chosen(run, row)) {
                attack_must(run->count < ROWS_MAX, "counting the cases");
                run->rows[run->count++] = row;
            }
}

/* ---- playing ---- */

static void fail(struct attack_result *result, const char *format, int number)
{
    *result = (struct attack_result){.verdict = ATTACK_FAILED};
    snprintf(result->why, sizeof result->why, format, number);
}

/* A case, or with row NULL the medley of a seed. */
static void play_apart(struct run *run, const struct attack_case *row, uint32_t seed, bool is_loud,
                       struct attack_result *result)
{
    int pipes[2], status = 0;
    attack_must(pipe(pipes) == 0, "making a pipe");
    fflush(stdout);
    pid_t child = fork();
    attack_must(child >= 0, "starting a process");
    if (child == 0) {
        struct attack_result own;
        close(pipes[0]);
        alarm(CASE_TIMEOUT_S);
        if (row)
            attack_board_play(&run->fixture, row, is_loud, &own);
        else
            attack_board_medley(&run->fixture, seed, is_loud, &own);
        fflush(stdout);
        _exit(write(pipes[1], &own, sizeof own) == sizeof own ? 0 : 1);
    }
    close(pipes[1]);
    bool is_whole = read(pipes[0], result, sizeof *result) == sizeof *result;
    close(pipes[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        fail(result, "it hung: not done in %d s", CASE_TIMEOUT_S);
    else if (WIFSIGNALED(status))
        fail(result, "it crashed: signal %d", WTERMSIG(status));
    else if (!is_whole)
        fail(result, "it ended without a verdict: status %d", WEXITSTATUS(status));
}

static void play_all(struct run *run)
{
    for (size_t i = 0; i < run->count; i++)
        attack_board_make(&run->fixture, run->rows[i]->base);
    for (size_t i = 0; i < run->count; i++) {
        play_apart(run, run->rows[i], 0, run->names.count == 1 && !run->as_json, &run->results[i]);
        if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%zu of %zu ", i + 1, run->count);
    }
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r               \r");
}

/* Seeds one after the other; each that fails says how to see it again. */
static int play_medleys(struct run *run)
{
    unsigned failed = 0, accepted = 0;
    for (int base = 0; base < BASE_BASIC; base++)
        attack_board_make(&run->fixture, (enum attack_base)base);
    for (uint32_t seed = run->seed; seed < run->seed + run->medleys; seed++) {
        struct attack_result result;
        play_apart(run, NULL, seed, run->medleys == 1, &result);
        accepted += result.verdict == ATTACK_ACCEPTED;
        failed += result.verdict == ATTACK_FAILED;
        if (result.verdict == ATTACK_HELD) continue;
        printf("%s: %s; see godwit-attack --medley 1 --seed %u\n",
               attack_verdict_name(result.verdict), result.why, seed);
    }
    printf("medleys=%u accepted=%u failed=%u\n", run->medleys, accepted, failed);
    return accepted || failed ? 1 : 0;
}

/* ---- telling ---- */

static void print_row(const struct attack_case *row, const struct attack_result *result)
{
    printf("  %-8s %-26s %-3s %s\n", attack_verdict_name(result->verdict), row->name, row->who,
           row->sentence);
    if (result->verdict != ATTACK_HELD) printf("           %s\n", result->why);
}

static void print_table(const struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        uint8_t number = run->rows[i]->number;
        if (i == 0 || run->rows[i - 1]->number != number)
            printf("%s%u  %s\n", i ? "\n" : "", number, ATTACK_TITLES[number]);
        print_row(run->rows[i], &run->results[i]);
    }
    puts("\n" WHO);
}

static void print_json(const struct run *run)
{
    static char text[1 << 18];
    struct godwit_json_writer writer;
    size_t size = 0;
    godwit_json_writer_init(&writer, text, sizeof text);
    godwit_json_begin_object(&writer, NULL);
    godwit_json_begin_array(&writer, "cases");
    for (size_t i = 0; i < run->count; i++) {
        const struct attack_case *row = run->rows[i];
        const struct attack_result *result = &run->results[i];
        godwit_json_begin_object(&writer, NULL);
        godwit_json_add_string(&writer, "name", row->name);
        godwit_json_add_u32(&writer, "attack", row->number);
        godwit_json_add_string(&writer, "title", ATTACK_TITLES[row->number]);
        godwit_json_add_string(&writer, "who", row->who);
        godwit_json_add_string(&writer, "sentence", row->sentence);
        godwit_json_add_bool(&writer, "control", row->flags & ATTACK_IS_CONTROL);
        godwit_json_add_string(&writer, "verdict",
                               result->verdict == ATTACK_HELD       ? "held"
                               : result->verdict == ATTACK_ACCEPTED ? "accepted"
                                                                    : "failed");
        godwit_json_add_string(&writer, "why", result->why);
        godwit_json_add_string(&writer, "reason", godwit_reason_id(result->reason));
        godwit_json_add_u32(&writer, "requests", result->requests);
        godwit_json_add_u32(&writer, "images", result->images);
        godwit_json_end_object(&writer);
    }
    godwit_json_end_array(&writer);
    godwit_json_end_object(&writer);
    attack_must(!godwit_json_writer_finish(&writer, &size), "writing JSON");
    puts(text);
}

/* Attacks, negatives and controls are counted apart: a control is no attack. */
static int print_sum(const struct run *run)
{
    unsigned attacks = 0, negatives = 0, controls = 0, accepted = 0, failed = 0;
    for (size_t i = 0; i < run->count; i++) {
        bool is_control = run->rows[i]->flags & ATTACK_IS_CONTROL;
        controls += is_control;
        attacks += !is_control && run->rows[i]->number;
        negatives += !is_control && !run->rows[i]->number;
        accepted += run->results[i].verdict == ATTACK_ACCEPTED;
        failed += run->results[i].verdict == ATTACK_FAILED;
    }
    if (!run->as_json)
        printf("%sattacks=%u negatives=%u controls=%u accepted=%u failed=%u\n",
               run->is_quiet ? "" : "\n", attacks, negatives, controls, accepted, failed);
    return accepted || failed ? 1 : 0;
}

static int list(const struct run *run)
{
    for (size_t i = 0; i < run->count; i++)
        printf("%2u %-26s %-3s %s\n", run->rows[i]->number, run->rows[i]->name, run->rows[i]->who,
               run->rows[i]->sentence);
    puts("\n" WHO);
    return 0;
}

/* ---- the command ---- */

static int run_cases(struct run *run, const struct options *usage)
{
    choose(run);
    if (run->count == 0) return options_wrong(usage, "there is no such case; --list names them");
    if (run->is_list) return list(run);
    if (run->listen) {
        const struct attack_live live = {.address = run->listen,
                                         .folder = run->folder,
                                         .image = run->image,
                                         .host = run->host,
                                         .rows = run->rows,
                                         .count = run->count,
                                         .results = run->results};
        int status = attack_live_play(&live);
        if (status) return status;
    } else {
        if (!attack_fixture_open(&run->fixture, NULL, 0)) {
            fprintf(stderr, "godwit-attack: %s\n", run->fixture.note);
            return 1;
        }
        if (run->medleys) {
            int status = play_medleys(run);
            attack_fixture_close(&run->fixture);
            return status;
        }
        play_all(run);
        attack_fixture_close(&run->fixture);
    }
    if (run->as_json)
        print_json(run);
    else
        print_table(run);
    return print_sum(run);
}

/* Options that mean nothing together, or alone. -1: go on. */
static int check_medley(struct run *run, const struct options *usage)
{
    if (run->medleys == NOT_GIVEN) {
        run->medleys = 0;
        return run->seed == NOT_GIVEN ? -1 : options_wrong(usage, "--seed is for --medley COUNT");
    }
    if (run->seed == NOT_GIVEN) run->seed = 1;
    if (!run->medleys)
        return options_wrong(usage, "--medley is how many sequences to play, 1 or more");
    return run->listen ? options_wrong(usage, "--medley plays emulated boards; leave --listen out")
                       : -1;
}

static int check(struct run *run, const struct options *usage)
{
    if (run->listen && !run->folder) return options_wrong(usage, "--listen wants --dir DIR");
    if (!run->listen && (run->folder || run->image || run->host))
        return options_wrong(usage, "--dir, --image and --host are for --listen ADDR:PORT");
    if (run->number != NOT_GIVEN && run->number > ATTACK_NUMBER_MAX)
        return options_wrong(usage, "--attack is 0 to %u; --list names the cases of each",
                             ATTACK_NUMBER_MAX);
    return check_medley(run, usage);
}

int cmd_attack(int argc, char **argv)
{
    static struct run run;
    run = (struct run){.number = NOT_GIVEN, .medleys = NOT_GIVEN, .seed = NOT_GIVEN};
    const struct option_row rows[] = {
        {"--case", OPTION_LIST, &run.names, "NAME",
         "this one, with its whole scenario; or several"},
        {"--attack", OPTION_NUMBER, &run.number, "N",
         "the cases of one attack, 1 to 15; 0: negative signatures"},
        {"--list", OPTION_FLAG, &run.is_list, NULL, "name the cases and play none"},
        {"--json", OPTION_FLAG, &run.as_json, NULL, "print JSON"},
        {"--medley", OPTION_NUMBER, &run.medleys, "COUNT",
         "instead: so many random sequences of cases, each on one board"},
        {"--seed", OPTION_NUMBER, &run.seed, "N", "the first one's; default 1"},
        {"--listen", OPTION_TEXT, &run.listen, "ADDR:PORT",
         "play a real board, which comes over the network"},
        {"--dir", OPTION_TEXT, &run.folder, "DIR", "for what the board's build needs; made"},
        {"--image", OPTION_TEXT, &run.image, "FILE",
         "the board's build, unsigned; default: for emulated boards"},
        {"--host", OPTION_TEXT, &run.host, "NAME", "as the board will call this computer"},
    };
    const struct options usage = {
        "godwit-attack",
        "[--case NAME | --attack N | --medley COUNT] [--json] [--listen ADDR:PORT --dir DIR]",
        "Plays a hostile server against the agent: ours in an emulated board, or with --listen "
        "any\n"
        "board that comes. Exit 1 when something was accepted that must not be, or a board "
        "hung.\n" WHO,
        rows,
        sizeof rows / sizeof *rows,
        NULL,
        0,
        0};
    int status = options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    status = check(&run, &usage);
    if (status >= 0) return status;
    return run_cases(&run, &usage);
}
