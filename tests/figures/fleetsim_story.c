/* Thirty days of one herd. Eleven rollouts go out, good ones and bad ones in an order that the seed
 * draws; the last is good. On the way everything goes wrong that herd_fault.h knows, the server
 * restarts about twice a day, and people pause, resume and undo. From day 26 on nothing goes wrong
 * any more, so that whoever can come back does; a day later a person lets those try the last
 * release again on which it failed: a line that is gone for just as long as a trial lasts can not
 * be told from a release that has lost it. */
#include "fleetsim.h"

#include <stdio.h>
#include <stdlib.h>

#include "temp_dir.h"

#define HOUR_MS (DAY_MS / 24)
#define INTERVAL_S (8 * 3600)
#define SOAK_S 600
#define FIRST_MS (26 * HOUR_MS) /* the first release; all have joined */
#define GAP_MS (50 * HOUR_MS)
#define CALM_MS (26 * DAY_MS)
#define RETRY_MS (27 * DAY_MS)
#define END_MS (30 * DAY_MS)
#define PAUSED_MS (9 * HOUR_MS)
enum {
    RESTART_PURPOSE = 1,
    ORDER_PURPOSE,
    VERB_PURPOSE,
    ON_PURPOSE,
    WAKE_PURPOSE,
    NOBODY = UINT32_MAX
};

enum { CRASH = 4, SHUFFLED = 9 };
static const struct chapter CHAPTERS[FLEETSIM_CHAPTERS] = {
    {.id = "good"},
    {.id = "gated", .gates = "10:30m,10%:2h"},
    {.id = "paused", .verb = ROLLOUT_PAUSED},
    {.id = "undone", .verb = ROLLOUT_UNDONE},
    {.id = "crash", .behaviour = {BEHAVIOUR_CRASH_AT_BOOT, 2}, .is_bad = true},
    {.id = "hang", .behaviour = {BEHAVIOUR_HANG, 5}, .is_bad = true},
    {.id = "no-network", .behaviour = {BEHAVIOUR_NO_NETWORK, 0}, .is_bad = true},
    {.id = "badly-signed", .is_bad = true, .is_forged = true},
    {.id = "other-chip", .chip = "esp32s3"},
    {.id = "crash-again", .is_bad = true, .repeats = &CHAPTERS[CRASH]},
    {.id = "last"},
};

/* Everything goes wrong now and then; an install meets a fault more often than not. */
static const struct herd_faults FAULTS = {.cut_install = 100,
                                          .cut_rest = 4,
                                          .trouble_image = 250,
                                          .trouble_checkin = 20,
                                          .jump = 5,
                                          .line_down = 10,
                                          .dark = 3,
                                          .slow = 30};

static uint64_t chance(const struct fleetsim *sim, uint32_t purpose, uint64_t below)
{
    return herd_chance(&sim->herd, NOBODY, purpose, below);
}

static uint32_t board_of(uint32_t unit)
{
    return unit % 32 == 7 ? FLEETSIM_MISFIT : unit % 2;
}

/* ---- releases ---- */

static const struct herd_file *make(struct fleetsim *sim, const struct chapter *chapter,
                                    unsigned number)
{
    char version[16];
    struct herd_release release = {.version = version,
                                   .counter = number,
                                   .by = {chapter->is_forged ? sim->thief : sim->maker},
                                   .lists = {sim->maker},
                                   .deploy_keys = {sim->deploy_key},
                                   .chip = chapter->chip,
                                   .hardware_mask = ~(1u << FLEETSIM_MISFIT),
                                   .behaviour = chapter->behaviour,
                                   .believed = chapter->is_forged ? sim->maker : NULL};
    snprintf(version, sizeof version, "%u.0.0", number);
    return herd_file_make(&sim->server, &release);
}

/* Its own file, or that of the chapter that it repeats, which came before. */
static const struct herd_file *file_of(struct fleetsim *sim, const struct chapter *chapter,
                                       unsigned number)
{
    for (unsigned i = 0; i < number; i++)
        if (sim->chapters[i] == chapter->repeats) return sim->files[i];
    const struct herd_file *file = make(sim, chapter, number + 2);
    herd_server_upload(&sim->server, file);
    return file;
}

/* Half of the rollouts begin with all devices asking at once, as those do that wait for a word. Of
 * what failed before, those ask first on which it did. */
static void wake(struct fleetsim *sim, unsigned number)
{
    for (uint32_t i = 0; i < sim->count && sim->chapters[number]->repeats; i++)
        if (fleetsim_has_failed(&sim->watch, i, sim->files[number]))
            herd_wake_one(&sim->herd.units[i]);
    if (!sim->chapters[number]->repeats && chance(sim, WAKE_PURPOSE + 100 * number, 2))
        herd_wake(&sim->herd);
}

static void publish(struct fleetsim *sim)
{
    unsigned number = sim->published;
    const struct chapter *chapter = sim->chapters[number];
    const struct herd_file *file = sim->files[number] = file_of(sim, chapter, number);
    struct proof_plan plan = {.soak_s = SOAK_S};
    char note[128];
    if (chapter->gates) herd_must(!gates_parse(chapter->gates, &plan, note, sizeof note), "gates");
    sim->rollouts[number] = herd_server_deploy(&sim->server, file->upload.version, &plan);
    sim->published++;
    fleetsim_watch_rollout(&sim->watch);
    wake(sim, number);
}

static struct rollout *rollout_of(struct fleetsim *sim, unsigned chapter)
{
    return rollout_find(&sim->server.fleet.catalogue, sim->rollouts[chapter]);
}

/* Unless the brake was faster. */
static void say(struct fleetsim *sim, unsigned chapter, enum rollout_state from,
                enum rollout_state to)
{
    if (rollout_of(sim, chapter)->state != from) return;
    herd_server_set_state(&sim->server, sim->rollouts[chapter], to);
}

/* ---- the plan ---- */

/* What is done at a moment that is not a device's. */
static void act(struct fleetsim *sim)
{
    uint64_t now_ms = sim->server.now_ms;
    uint32_t tick = (uint32_t)(now_ms / 1000 / HERD_TICK_S);
    unsigned number = sim->published - 1;
    if (sim->published < FLEETSIM_CHAPTERS && now_ms >= FIRST_MS + sim->published * GAP_MS)
        publish(sim);
    else if (sim->published && sim->chapters[number]->verb) {
        uint64_t verb_ms = FIRST_MS + number * GAP_MS + HOUR_MS +
                           chance(sim, VERB_PURPOSE + 100 * number, 12 * HOUR_MS);
        if (now_ms >= verb_ms + PAUSED_MS)
            say(sim, number, ROLLOUT_PAUSED, ROLLOUT_RUNNING);
        else if (now_ms >= verb_ms)
            say(sim, number, ROLLOUT_RUNNING, sim->chapters[number]->verb);
    }
    bool restarts = chance(sim, RESTART_PURPOSE + 10 * tick, DAY_MS / 1000 / HERD_TICK_S) < 2;
    if (!restarts || sim->herd.is_calm) return;
    herd_server_restart(&sim->server, chance(sim, RESTART_PURPOSE + 10 * tick + 1, 2));
    sim->result.restarts++;
}

/* All but the last, shuffled; what repeats another comes right behind it, for later it would be
 * older than what runs. */
static void draw_order(struct fleetsim *sim)
{
    unsigned order[SHUFFLED], count = 0;
    for (unsigned i = 0; i < SHUFFLED; i++)
        order[i] = i;
    for (unsigned i = SHUFFLED - 1; i > 0; i--) {
        unsigned j = (unsigned)chance(sim, ORDER_PURPOSE + 100 * i, i + 1), held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
    for (unsigned i = 0; i < SHUFFLED; i++) {
        sim->chapters[count++] = &CHAPTERS[order[i]];
        if (order[i] == CRASH) sim->chapters[count++] = &CHAPTERS[SHUFFLED];
    }
    sim->chapters[count] = &CHAPTERS[SHUFFLED + 1];
}

static void open_sim(struct fleetsim *sim)
{
    uint8_t policy[GODWIT_POLICY_BYTES];
    static const struct chapter FIRST = {.id = "first"};
    fleetsim_random(sim->seed);
    temp_dir_make(sim->folder);
    herd_server_open(&sim->server, sim->folder, INTERVAL_S);
    herd_must((sim->maker = key_generate(GODWIT_SCHEME_ECDSA256)) != NULL, "making a key");
    herd_must((sim->thief = key_generate(GODWIT_SCHEME_ECDSA256)) != NULL, "making a key");
    memcpy(sim->deploy_key, sim->server.keys.points[0], sizeof sim->deploy_key);
    sim->first = make(sim, &FIRST, 1);
    herd_server_upload(&sim->server, sim->first);
    herd_server_claims(&sim->server, sim->count);
    herd_server_policy(&sim->server, sim->maker, policy);
    herd_open(&sim->herd, &(struct herd_options){.server = &sim->server,
                                                 .count = sim->count,
                                                 .random_seed = sim->seed,
                                                 .first = sim->first,
                                                 .policy = policy,
                                                 .board_of = board_of,
                                                 .watch = fleetsim_watch(sim),
                                                 .faults = FAULTS});
    for (uint32_t i = 0; i < sim->count; i++)
        herd_plan(&sim->herd, i, herd_chance(&sim->herd, i, ON_PURPOSE, DAY_MS), HERD_NEVER,
                  HERD_NEVER);
    sim->watch.sim = sim;
    sim->watch.devices = calloc(sim->count, sizeof *sim->watch.devices);
    herd_must(sim->watch.devices, "memory");
    fleetsim_watch_rollout(&sim->watch);
    draw_order(sim);
}

static void close_sim(struct fleetsim *sim)
{
    herd_close(&sim->herd);
    herd_server_close(&sim->server);
    key_close(sim->maker);
    key_close(sim->thief);
    temp_dir_drop(sim->folder);
    free(sim->watch.devices);
}

/* ---- the end ---- */

static void judge_devices(struct fleetsim *sim)
{
    const struct herd_file *last = sim->files[FLEETSIM_CHAPTERS - 1];
    for (uint32_t i = 0; i < sim->count; i++) {
        const struct unit *unit = &sim->herd.units[i];
        const struct watched *watched = &sim->watch.devices[i];
        bool is_back = watched->asked_ms > END_MS - DAY_MS && !unit->board.is_bricked;
        bool is_done = !fleetsim_fits(unit) || herd_runs(unit, last);
        sim->result.bricked += !is_back;
        sim->result.unfinished += !is_done;
        if (!is_back) fleetsim_blame(sim, i, "never came back");
        if (!is_done) fleetsim_blame(sim, i, "does not run the newest good release");
    }
}

static void judge_rollouts(struct fleetsim *sim)
{
    struct fleetsim_result *result = &sim->result;
    for (unsigned i = 0; i < sim->published; i++) {
        const struct rollout *rollout = rollout_of(sim, i);
        bool is_halted = rollout->state == ROLLOUT_HALTED;
        bool is_bad = sim->chapters[i]->is_bad;
        if (is_bad && rollout->offered_count > result->exposed_max)
            result->exposed_max = rollout->offered_count;
        result->unhalted += is_bad && !is_halted;
        result->false_halts += !is_bad && is_halted;
        if (sim->watch.show != UINT32_MAX)
            printf("%-7s %-12s %-8s offered %u, succeeded %u, failed %u\n",
                   rollout->release->version, sim->chapters[i]->id,
                   rollout_state_name(rollout->state), rollout->offered_count,
                   rollout->succeeded_count, rollout->failed_count);
    }
}

static void try_again(struct fleetsim *sim)
{
    sim->result.retried = herd_server_retry(&sim->server, sim->rollouts[FLEETSIM_CHAPTERS - 1]);
    fleetsim_watch_retry(&sim->watch, sim->files[FLEETSIM_CHAPTERS - 1]);
}

void fleetsim_play(struct fleetsim *sim)
{
    open_sim(sim);
    for (uint64_t ms = HERD_TICK_S * 1000; ms <= END_MS; ms += HERD_TICK_S * 1000) {
        herd_run(&sim->herd, ms);
        herd_server_tick(&sim->server);
        fleetsim_watch_tick(&sim->watch);
        act(sim);
        if (ms >= CALM_MS && !sim->herd.is_calm) herd_calm(&sim->herd);
        if (ms == RETRY_MS) try_again(sim);
    }
    judge_devices(sim);
    judge_rollouts(sim);
    close_sim(sim);
}
