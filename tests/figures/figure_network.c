/* figure network: the network fails in every way while a whole emulated device updates from one
 * signed image of 65,536 bytes to another: check-in, download, read-back, switch, trial, confirm.
 *   drop:HOW:AT          the download breaks at each byte; HOW 0 reset, 1 silence, 2 a false end
 *   lost:HOW:N           the N-th check-in never arrives
 *   reply-drop:HOW:N:AT  its reply breaks, at each byte
 *   flip:MIRRORS:AT      one bit of the image flips: every byte of the first 8 KiB and of the last
 *                        4 KiB, every 8th of the rest
 *   reply-flip:N:AT:BIT  … of a reply: every bit of the first, one of each byte of the others
 *   ask-flip:N:AT        … of a check-in on its way to the server
 *   head-flip:FIELD:BIT:AT   … of a reply's head, of the whole file (AT 0) or of a range
 *   reply-length:N       the first reply is N bytes long, for every N up to one too many
 *   ugly:NAME            a case of tests/support/ugly.c
 * However it goes, the device must end confirmed on the new image, and never select anything else.
 *
 *     figure_network --replay CASE      tells the scenario of one
 *     figure_network --only KIND        only drop, flip …: for work on it, never the figure */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "device.h"
#include "ugly.h"

#define FILE_SIZE 65536u
#define REFETCHED_MAX 4096u
#define RUNS_MIN 70000u
#define PROCESSES 2u
#define CHECKINS 4u /* offer, before the switch, on trial, confirmed */
#define TIME_MAX_MS (10u * 86400u * 1000u)
#define STEPS_MAX 3000000u

enum kind { DROP, LOST, REPLY_DROP, FLIP, REPLY_FLIP, REQUEST_FLIP, HEAD_FLIP, REPLY_LENGTH, UGLY };
static const char *const kinds[] = {"drop",     "lost",      "reply-drop",   "flip", "reply-flip",
                                    "ask-flip", "head-flip", "reply-length", "ugly"};

struct run {
    enum kind kind;
    uint32_t a, b, c;
};

struct counts {
    uint32_t runs, bad_selected, unfinished, refetched_max, wrong_reason;
    uint32_t by_kind[UGLY + 1];
};

static struct device device, joined; /* static: the board points into itself */
static struct wire wire, joined_wire;
static struct firmware first, next;
static uint32_t request_sizes[CHECKINS], reply_sizes[CHECKINS];
static bool is_telling;
static const char *only; /* a kind, or NULL */

/* ---- one life ---- */

/* Back to the moment of the offer: same memory, a fresh copy of the flash. */
static void rewind_device(void)
{
    flash_ram_deinit(&device.ram);
    device = joined;
    wire = joined_wire;
    wire.is_telling = is_telling;
    if (flash_ram_clone(&joined.ram, &device.ram)) abort();
}

/* Whether what the agent is about to select is the image that was signed. */
static bool selects_the_right_one(void)
{
    const struct godwit_region *idle = &device.board.agent.slots.inactive;
    const struct godwit_partition partition = {.offset = idle->offset, .size = idle->size};
    return device_holds(&device, &partition, &next);
}

struct lifetime {
    bool is_confirmed, is_bad;
    enum godwit_reason failure; /* the first that was reported */
};

/* Steps until the new image is confirmed, or the server has given up, or nothing comes of it. */
static struct lifetime live(void)
{
    struct lifetime lifetime = {0};
    struct godwit_agent_status status = {0};
    uint64_t end_ms = device.now_ms + TIME_MAX_MS;
    enum godwit_state before = GODWIT_STATE_IDLE;
    for (uint32_t i = 0; i < STEPS_MAX && device.now_ms < end_ms; i++) {
        if (!device_step(&device)) break;
        board_status(&device.board, &status);
        if (status.state == GODWIT_STATE_SWITCH && before != GODWIT_STATE_SWITCH)
            lifetime.is_bad |= !selects_the_right_one();
        before = status.state;
        if (!lifetime.failure) lifetime.failure = (enum godwit_reason)device.peer.outcome.reason;
        if (device.peer.is_confirmed && !status.on_trial) break;
        if (device.peer.gave_up && !device.peer.offers_always) break;
    }
    lifetime.is_confirmed = device.peer.is_confirmed && !status.on_trial &&
                            device_runs(&device, &next) && device.ram.violations == 0;
    return lifetime;
}

/* ---- what goes wrong ---- */

static struct wire_turn cut_turn(uint32_t how, uint32_t at)
{
    return (struct wire_turn){.cuts = 1, .cut_at = at, .is_mute = how == 1, .is_false = how == 2};
}

static struct godwit_reply flip_of_head(uint32_t field, uint32_t bit)
{
    struct godwit_reply changes = {0};
    uint32_t mask = 1u << bit;
    switch (field) {
    case 0:
        changes.status = (int)mask;
        break;
    case 1:
        changes.content_length = mask;
        break;
    case 2:
        changes.range_from = mask;
        break;
    case 3:
        changes.range_total = mask;
        break;
    default:
        changes.retry_after_s = mask;
        break;
    }
    return changes;
}

static void prepare(const struct run *run)
{
    struct wire_turn *image = &wire.turns[WIRE_IMAGE], *checkin = &wire.turns[WIRE_CHECKIN];
    uint32_t nth = run->kind == REPLY_DROP || run->kind == LOST ? run->b : run->a;
    device.peer.offers_always = run->kind != UGLY;
    switch (run->kind) {
    case DROP:
        *image = cut_turn(run->a, run->b);
        break;
    case REPLY_DROP:
        *checkin = cut_turn(run->a, run->c);
        break;
    case LOST:
        *checkin = (struct wire_turn){.is_lost = true, .is_mute = run->a == 1};
        break;
    case FLIP:
        wire_mirrors(device.peer.sources, run->a);
        *image = (struct wire_turn){
            .flips = 1, .flip_at = run->b, .flip_mask = (uint8_t)(1u << run->b % 8)};
        break;
    case REPLY_FLIP:
        wire_mirrors(device.peer.sources, 2);
        *checkin =
            (struct wire_turn){.flips = 1, .flip_at = run->b, .flip_mask = (uint8_t)(1u << run->c)};
        break;
    case REQUEST_FLIP:
        *checkin = (struct wire_turn){.flips_request = true,
                                      .request_at = run->b,
                                      .request_mask = (uint8_t)(1u << run->b % 8)};
        break;
    case HEAD_FLIP:
        image->skips = run->c != 0;
        image->changes = flip_of_head(run->a, run->b);
        break;
    case REPLY_LENGTH:
        wire_mirrors(device.peer.sources, 2);
        *checkin = cut_turn(2, run->a);
        checkin->extra = GODWIT_CHECKIN_REPLY_MAX + 1;
        nth = 0;
        break;
    case UGLY:
        wire_mirrors(device.peer.sources, ugly_cases[run->a].mirrors);
        memcpy(wire.turns, ugly_cases[run->a].turns, sizeof wire.turns);
        return;
    }
    if (run->kind != DROP && run->kind != FLIP && run->kind != HEAD_FLIP) {
        checkin->skips = nth;
        checkin->times = 1;
    }
}

static void put_name(const struct run *run, char *out, size_t size_max)
{
    if (run->kind == UGLY)
        snprintf(out, size_max, "ugly:%s", ugly_cases[run->a].name);
    else
        snprintf(out, size_max, "%s:%u:%u:%u", kinds[run->kind], run->a, run->b, run->c);
}

/* The drop happens at a byte of the first request, the flip of a head at the request behind it. */
static void cut_before_the_flip(const struct run *run)
{
    if (run->kind != HEAD_FLIP || !run->c) return;
    device.link.is_cutting = true;
    device.link.drop_at = device.link.received + run->c;
}

static void check(const struct run *run, const struct lifetime *lifetime, struct counts *counts)
{
    char name[64];
    put_name(run, name, sizeof name);
    uint32_t refetched = wire.received > FILE_SIZE ? (uint32_t)(wire.received - FILE_SIZE) : 0;
    if (run->kind == DROP && refetched > counts->refetched_max) counts->refetched_max = refetched;
    if (lifetime->is_bad) printf("bad image selected: --replay %s\n", name);
    if (!lifetime->is_confirmed) printf("unfinished: --replay %s\n", name);
    counts->bad_selected += lifetime->is_bad;
    counts->unfinished += !lifetime->is_confirmed;
    counts->runs++;
    counts->by_kind[run->kind]++;
    enum godwit_reason wanted = run->kind == UGLY ? ugly_cases[run->a].reason : lifetime->failure;
    if (run->kind == DROP || run->kind == LOST || (run->kind == REPLY_DROP && run->a < 2))
        wanted = GODWIT_REASON_NONE; /* nobody is to be bothered with it */
    if (lifetime->failure == wanted) return;
    counts->wrong_reason++;
    printf("reported %s, not %s: --replay %s\n", godwit_reason_id(lifetime->failure),
           godwit_reason_id(wanted), name);
}

static void run_one(const struct run *run, struct counts *counts)
{
    rewind_device();
    prepare(run);
    cut_before_the_flip(run);
    struct lifetime lifetime = live();
    if (!lifetime.is_confirmed &&
        device.peer.gave_up) { /* honest peers, and a person tries again */
        struct lifetime again;
        memset(wire.turns, 0, sizeof wire.turns);
        peer_offer(&device.peer, next.data, next.size, 2);
        godwit_agent_wake(&device.board.agent);
        again = live();
        lifetime.is_confirmed = again.is_confirmed;
        lifetime.is_bad |= again.is_bad;
    }
    check(run, &lifetime, counts);
}

/* ---- all runs ---- */

typedef void visit_fn(const struct run *run, void *ctx);

static void visit_drops(visit_fn *visit, void *ctx)
{
    for (uint32_t at = 0; at < FILE_SIZE; at++) {
        visit(&(struct run){DROP, at % 2, at, 0}, ctx);
        if (at % 16 == 0) visit(&(struct run){DROP, 2, at, 0}, ctx);
    }
    for (uint32_t n = 0; n < CHECKINS; n++) {
        for (uint32_t how = 0; how < 2; how++)
            visit(&(struct run){LOST, how, n, 0}, ctx);
        for (uint32_t at = 0; at < reply_sizes[n]; at++)
            for (uint32_t how = 0; how < 3; how++)
                visit(&(struct run){REPLY_DROP, how, n, at}, ctx);
    }
}

static void visit_flips(visit_fn *visit, void *ctx)
{
    for (uint32_t at = 0; at < FILE_SIZE; at++)
        if (at < 8192 || at >= FILE_SIZE - 4096 || at % 8 == 0)
            visit(&(struct run){FLIP, at / 8 % 2, at, 0}, ctx);
    for (uint32_t n = 0; n < CHECKINS; n++) {
        for (uint32_t at = 0; at < reply_sizes[n]; at++)
            for (uint32_t bit = n ? at % 8 : 0; bit < 8; bit += n ? 8 : 1)
                visit(&(struct run){REPLY_FLIP, n, at, bit}, ctx);
        for (uint32_t at = 0; at < request_sizes[n]; at++)
            visit(&(struct run){REQUEST_FLIP, n, at, 0}, ctx);
    }
    static const uint32_t places[] = {0, 1, 4096, 30001};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (uint32_t field = 0; field < 5; field++)
            for (uint32_t bit = 0; bit < (field ? 32u : 10u); bit++)
                visit(&(struct run){HEAD_FLIP, field, bit, places[i]}, ctx);
}

static void visit_all(visit_fn *visit, void *ctx)
{
    for (uint32_t i = 0; i < ugly_cases_count; i++)
        visit(&(struct run){UGLY, i, 0, 0}, ctx);
    for (uint32_t size = 0; size <= GODWIT_CHECKIN_REPLY_MAX + 1; size++)
        visit(&(struct run){REPLY_LENGTH, size, 0, 0}, ctx);
    visit_flips(visit, ctx);
    visit_drops(visit, ctx);
}

struct share {
    uint32_t index, seen;
    struct counts counts;
};

static void visit_share(const struct run *run, void *ctx)
{
    struct share *share = ctx;
    if (only && strcmp(only, kinds[run->kind])) return;
    if (share->seen++ % PROCESSES == share->index) run_one(run, &share->counts);
}

/* ---- the whole ---- */

/* A device on the first image that has joined, and is about to ask when the second is on offer. */
static void join(const struct key *key)
{
    device_init(&device, NULL, &first, key, 4);
    struct godwit_net net = device.board.options.net;
    wire_init(&wire, &net, &device.now_ms);
    device.board.options.net = wire_port(&wire);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    struct godwit_agent_status status = {0};
    while (device.peer.checkins == 0 || status.state != GODWIT_STATE_IDLE) {
        if (!device_step(&device)) abort();
        board_status(&device.board, &status);
    }
    peer_offer(&device.peer, next.data, next.size, 1);
    godwit_agent_wake(&device.board.agent);
    memset(wire.requests, 0, sizeof wire.requests);
    joined = device;
    joined_wire = wire;
    if (flash_ram_clone(&device.ram, &joined.ram)) abort();
}

/* How long the check-ins of an honest update are, and their answers. */
static void measure(void)
{
    for (uint32_t n = 0; n < CHECKINS; n++) {
        rewind_device();
        wire_mirrors(device.peer.sources, 2);
        wire.turns[WIRE_CHECKIN] = (struct wire_turn){.skips = n, .times = 1};
        if (!live().is_confirmed) abort();
        request_sizes[n] = wire.request_size;
        reply_sizes[n] = wire.reply_size;
    }
}

static void fold(struct counts *total, const struct counts *part)
{
    total->runs += part->runs;
    total->bad_selected += part->bad_selected;
    total->unfinished += part->unfinished;
    total->wrong_reason += part->wrong_reason;
    if (part->refetched_max > total->refetched_max) total->refetched_max = part->refetched_max;
    for (int i = 0; i <= UGLY; i++)
        total->by_kind[i] += part->by_kind[i];
}

static struct counts run_all(void)
{
    struct counts total = {0}, part;
    int pipes[PROCESSES][2];
    fflush(stdout);
    for (uint32_t i = 0; i < PROCESSES; i++) {
        if (pipe(pipes[i])) abort();
        pid_t child = fork();
        if (child < 0) abort();
        if (child) continue;
        struct share share = {.index = i};
        visit_all(visit_share, &share);
        fflush(stdout);
        _exit(write(pipes[i][1], &share.counts, sizeof part) != sizeof part);
    }
    for (uint32_t i = 0; i < PROCESSES; i++) {
        close(pipes[i][1]);
        if (read(pipes[i][0], &part, sizeof part) != sizeof part) abort();
        fold(&total, &part);
    }
    while (wait(NULL) > 0)
        ;
    return total;
}

static void tell(void *ctx, enum godwit_log_level level, const char *event, const char *format,
                 va_list args)
{
    (void)ctx, (void)level;
    printf("%10.3f s    %s ", (double)device.now_ms / 1000, event);
    vprintf(format, args);
    printf("\n");
}

static int replay(const char *name)
{
    struct run run = {0};
    struct counts counts = {0};
    char kind[16] = "", rest[48] = "";
    if (sscanf(name, "%15[^:]:%47s", kind, rest) < 2) return 2;
    while (run.kind < UGLY && strcmp(kinds[run.kind], kind))
        run.kind++;
    if (run.kind == UGLY)
        while (run.a < ugly_cases_count && strcmp(ugly_cases[run.a].name, rest))
            run.a++;
    else
        sscanf(rest, "%u:%u:%u", &run.a, &run.b, &run.c);
    if (run.kind == UGLY && (run.a == ugly_cases_count || strcmp(kind, "ugly"))) {
        fprintf(stderr, "no case is called '%s'\n", name);
        return 2;
    }
    is_telling = true;
    godwit_log_set(tell, NULL);
    run_one(&run, &counts);
    printf("%s, %llu bytes of images received\n",
           counts.unfinished ? "unfinished" : "confirmed on the new image",
           (unsigned long long)wire.received);
    return counts.unfinished || counts.bad_selected || counts.wrong_reason;
}

static int measure_all(void)
{
    struct counts total = run_all();
    for (int i = 0; i <= UGLY; i++)
        printf("%8u  %s\n", total.by_kind[i], kinds[i]);
    printf("figure network runs=%u bad_selected=%u unfinished=%u refetched_max=%u "
           "wrong_reason=%u\n",
           total.runs, total.bad_selected, total.unfinished, total.refetched_max,
           total.wrong_reason);
    return total.runs < RUNS_MIN || total.bad_selected || total.unfinished || total.wrong_reason ||
           total.refetched_max > REFETCHED_MAX;
}

int main(int argc, char **argv)
{
    const struct behaviour healthy = {BEHAVIOUR_HEALTHY, 0};
    struct key *key = key_generate(GODWIT_SCHEME_ECDSA256);
    if (!key) return 1;
    first = firmware_make("1.0.0", healthy, FILE_SIZE, key);
    next = firmware_make("1.1.0", healthy, FILE_SIZE, key);
    join(key);
    measure();
    if (argc == 3 && !strcmp(argv[1], "--only")) only = argv[2];
    bool is_replay = argc == 3 && !strcmp(argv[1], "--replay");
    int status = is_replay ? replay(argv[2]) : measure_all();
    device_deinit(&device);
    flash_ram_deinit(&joined.ram);
    free(first.data);
    free(next.data);
    key_close(key);
    return status;
}
