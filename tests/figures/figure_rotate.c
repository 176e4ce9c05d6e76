/* figure rotate: keys are changed under a living fleet. Over 400 days twelve releases go out; the
 * image key changes from K1 to K2 to K3, the server's deploy key twice. Each handing over is signed
 * by the old and the new key, the release after it by the new one alone. A fifth of the devices has
 * no power during one handing over or two, one in a hundred from the first release to the last; and
 * one in twenty of those that are told to install loses it in the middle of that.
 *
 * At the end every device must run the last release, over at most three installs at a time, and
 * refuse a file that K1 alone signed, though the server itself tells it to install that.
 *
 *     figure_rotate [--devices N] [--seed S] [--show DEVICE] [--without-bridges]
 *
 * --without-bridges is the control: the planner is left out and each device is offered the newest
 * release straight away. --show prints the history of one device, as a line of a stranded one asks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/upgrade_path.h"
#include "sim/herd.h"
#include "temp_dir.h"

#define DAY_MS (UINT64_C(24) * 3600 * 1000)
#define WEEK_MS (7 * DAY_MS)
#define RELEASES 12
#define GAP_MS (33 * DAY_MS)  /* between two releases */
#define END_MS (400 * DAY_MS) /* who slept all the time wakes now */
#define REST_MS (4 * WEEK_MS) /* for the last to come in */
#define HOPS_MAX 3
#define EVENTS_MAX 100
#define CUT_SHARE 5         /* of 100 that are told to install lose power on the way, */
#define CUT_WITHIN_MS 20000 /* somewhere between download and confirming, */
#define CUT_FOR_MS 3600000  /* for an hour */

/* ---- the control ---- */

static bool has_no_planner;
unsigned __real_upgrade_plan(const struct fleet *fleet, const struct upgrade_query *query,
                             const struct image **first_out);
unsigned __wrap_upgrade_plan(const struct fleet *fleet, const struct upgrade_query *query,
                             const struct image **first_out);

unsigned __wrap_upgrade_plan(const struct fleet *fleet, const struct upgrade_query *query,
                             const struct image **first_out)
{
    if (!has_no_planner) return __real_upgrade_plan(fleet, query, first_out);
    *first_out = query->target;
    return 1;
}

/* ---- the scenario ---- */

enum who { NOBODY, K1, K2, K3 };

/* Release n: signed by, lists, lists which deploy keys (1 …), and a new one is made before. */
static const struct chapter {
    enum who by[2], lists[2];
    unsigned deploy[2];
    bool has_new_deploy_key;
} SCENARIO[RELEASES] = {
    {{K1}, {K1}, {1}, false},         {{K1}, {K1}, {1}, false},   {{K1, K2}, {K1, K2}, {1}, false},
    {{K2}, {K2}, {1, 2}, true},       {{K2}, {K2}, {2}, false},   {{K2}, {K2}, {2}, false},
    {{K2, K3}, {K2, K3}, {2}, false}, {{K3}, {K3}, {2, 3}, true}, {{K3}, {K3}, {3}, false},
    {{K3}, {K3}, {3}, false},         {{K3}, {K3}, {3}, false},   {{K3}, {K3}, {3}, false},
};
#define CHANGE_1 2 /* index of the release that hands over from K1 to K2; */
#define CHANGE_2 6 /* from K2 to K3 */

/* Installs of one rollout, as a device's outcomes tell. */
struct hops {
    uint32_t rollout_id, count, max, last_outcome;
    bool refused_attack;
};

struct drill {
    char folder[64]; /* deploy keys */
    struct herd_server server;
    struct hops *hops; /* of each device */
    struct herd herd;
    struct key *keys[K3 + 1];
    uint8_t deploy_keys[3][64]; /* oldest first */
    const struct herd_file *files[RELEASES], *forged;
};

static char versions[RELEASES + 2][8];
static const struct proof_plan AT_ONCE = {0};

/* ---- what is seen of each device ---- */

/* The last outcome that a check-in carries, as the server will believe it. */
static void note_outcome(void *ctx, struct unit *unit, const struct godwit_checkin *checkin)
{
    struct drill *drill = ctx;
    struct hops *hops = &drill->hops[herd_index(unit)];
    const struct godwit_outcome *outcome = &checkin->outcome;
    if (outcome->id == hops->last_outcome) return;
    hops->last_outcome = outcome->id;
    if (outcome->rollout_id == UINT32_MAX && outcome->reason == GODWIT_REASON_SIGNATURE_KEY)
        hops->refused_attack = true;
    if (outcome->stage != GODWIT_STAGE_CONFIRMED) return;
    if (outcome->rollout_id != hops->rollout_id) hops->count = 0;
    hops->rollout_id = outcome->rollout_id;
    hops->count++;
    if (hops->count > hops->max) hops->max = hops->count;
}

/* Power goes in the middle of some updates, of those that have no other plan. */
static void maybe_cut(void *ctx, struct unit *unit, const struct herd_answer *answer)
{
    struct drill *drill = ctx;
    struct herd *herd = &drill->herd;
    uint32_t index = herd_index(unit), purpose = (uint32_t)herd->server->installs;
    if (!answer->file || unit->off_ms != HERD_NEVER ||
        herd_chance(herd, index, purpose, 100) >= CUT_SHARE)
        return;
    unit->off_ms = herd->server->now_ms + herd_chance(herd, index, ~purpose, CUT_WITHIN_MS);
    unit->on_ms = unit->off_ms + CUT_FOR_MS;
    herd->cuts++;
}

static const struct herd_file *make_release(struct drill *drill, const struct chapter *chapter,
                                            uint32_t counter)
{
    struct herd_release release = {.version = versions[counter], .counter = counter};
    snprintf(versions[counter], sizeof *versions, "%u.0.0", counter);
    for (size_t i = 0; i < 2; i++) {
        release.by[i] = drill->keys[chapter->by[i]];
        release.lists[i] = drill->keys[chapter->lists[i]];
        if (chapter->deploy[i]) release.deploy_keys[i] = drill->deploy_keys[chapter->deploy[i] - 1];
    }
    return herd_file_make(&drill->server, &release);
}

static void publish(struct drill *drill, unsigned index)
{
    const struct chapter *chapter = &SCENARIO[index];
    static unsigned deploy_keys;
    if (index == 0) deploy_keys = 0;
    if (chapter->has_new_deploy_key)
        herd_must(!deploy_keys_next(drill->folder), "the next deploy key");
    if (index) herd_server_restart(&drill->server, false);
    if (index == 0 || chapter->has_new_deploy_key)
        memcpy(drill->deploy_keys[deploy_keys++], drill->server.keys.points[0], 64);
    drill->files[index] = make_release(drill, chapter, index + 1);
    herd_server_upload(&drill->server, drill->files[index]);
    if (index) herd_server_deploy(&drill->server, versions[index + 1], &AT_ONCE);
}

/* When each device has power. Moments are spread over weeks, so that some lose it in the middle of
 * an update. */
static void plan(struct drill *drill)
{
    struct herd *herd = &drill->herd;
    for (uint32_t i = 0; i < herd->count; i++) {
        uint64_t share = herd_chance(herd, i, 1, 100);
        uint64_t early = herd_chance(herd, i, 2, GAP_MS), late = herd_chance(herd, i, 3, GAP_MS);
        uint64_t on_ms = herd_chance(herd, i, 4, WEEK_MS), off_ms = HERD_NEVER,
                 back_ms = HERD_NEVER;
        if (i == 0 || share == 0) { /* from the first release to the last */
            off_ms = WEEK_MS + early / 5, back_ms = END_MS + late / 8;
        } else if (share <= 5) {
            off_ms = (CHANGE_1 - 1) * GAP_MS + early, back_ms = (CHANGE_1 + 2) * GAP_MS + late;
        } else if (share <= 10) {
            off_ms = (CHANGE_2 - 1) * GAP_MS + early, back_ms = (CHANGE_2 + 2) * GAP_MS + late;
        } else if (share <= 20) {
            off_ms = (CHANGE_1 - 1) * GAP_MS + early, back_ms = (CHANGE_2 + 2) * GAP_MS + late;
        }
        herd_plan(herd, i, on_ms, off_ms, back_ms);
    }
}

static void open_drill(struct drill *drill, uint32_t devices, uint64_t seed)
{
    uint8_t policy[GODWIT_POLICY_BYTES];
    temp_dir_make(drill->folder);
    herd_server_open(&drill->server, drill->folder, GODWIT_INTERVAL_MAX_S);
    for (int i = K1; i <= K3; i++)
        herd_must((drill->keys[i] = key_generate(GODWIT_SCHEME_ECDSA256)) != NULL, "making a key");
    publish(drill, 0);
    herd_server_claims(&drill->server, devices);
    herd_server_policy(&drill->server, drill->keys[K1], policy);
    const struct herd_options options = {
        .server = &drill->server,
        .count = devices,
        .random_seed = seed,
        .first = drill->files[0],
        .policy = policy,
        .watch = {.ctx = drill, .asked = note_outcome, .answered = maybe_cut}};
    drill->hops = calloc(devices, sizeof *drill->hops);
    herd_must(drill->hops, "memory");
    herd_open(&drill->herd, &options);
    plan(drill);
}

static void close_drill(struct drill *drill)
{
    herd_close(&drill->herd);
    herd_server_close(&drill->server);
    temp_dir_drop(drill->folder);
    free(drill->hops);
    for (int i = K1; i <= K3; i++)
        key_close(drill->keys[i]);
}

/* The server was taken over, and its newest deploy key with it: by that, K1's holder tells all. */
static void attack(struct drill *drill)
{
    static const struct chapter FORGED = {{K1}, {K1, K3}, {3}, false};
    drill->forged = make_release(drill, &FORGED, RELEASES + 1);
    drill->server.attack = drill->forged;
    herd_wake(&drill->herd);
    herd_run(&drill->herd, drill->server.now_ms + DAY_MS);
}

/* ---- what came of it ---- */

struct result {
    uint32_t stranded, hops_max, refused, bridged;
};

static void show(const struct drill *drill, uint32_t index)
{
    const struct unit *unit = &drill->herd.units[index];
    static struct event events[EVENTS_MAX];
    uint8_t id[16] = {0};
    size_t count = 0;
    memcpy(id, unit->board.options.mac, sizeof unit->board.options.mac);
    const struct device *device = device_find(&drill->server.fleet, FLEET_ORG, id);
    herd_must(device, "finding a device");
    herd_must(!event_list(drill->server.db, device->id, INT64_MAX, events, EVENTS_MAX, &count),
              "its history");
    while (count--)
        printf("day %3lld  %-9s %-7s %s %s\n",
               (long long)(events[count].time_s - HERD_START_S) / 86400,
               event_kind_name(events[count].kind), events[count].version,
               event_sentence(&events[count]), events[count].detail);
    printf("runs %s, %s\n", device->facts.running->version,
           decision_reason_id(decide(device, &drill->server.fleet.catalogue).reason));
}

static void check(const struct drill *drill, uint64_t seed, struct result *result)
{
    for (uint32_t i = 0; i < drill->herd.count; i++) {
        const struct unit *unit = &drill->herd.units[i];
        bool is_there = herd_runs(unit, drill->files[RELEASES - 1]);
        result->stranded += !is_there;
        result->bridged += drill->hops[i].max > 1;
        if (drill->hops[i].max > result->hops_max) result->hops_max = drill->hops[i].max;
        if (is_there || result->stranded > 5) continue;
        fprintf(stderr, "stranded: figure_rotate --devices %u --seed %llu%s --show %u\n",
                drill->herd.count, (unsigned long long)seed,
                has_no_planner ? " --without-bridges" : "", i);
    }
}

static void check_attack(const struct drill *drill, uint64_t seed, struct result *result)
{
    for (uint32_t i = 0; i < drill->herd.count; i++) {
        const struct unit *unit = &drill->herd.units[i];
        bool is_good = drill->hops[i].refused_attack && herd_runs(unit, drill->files[RELEASES - 1]);
        result->refused += is_good;
        if (!is_good && !has_no_planner && i - result->refused < 5)
            fprintf(stderr,
                    "took it or did not answer: figure_rotate --devices %u --seed %llu "
                    "--show %u\n",
                    drill->herd.count, (unsigned long long)seed, i);
    }
}

struct words {
    uint32_t devices, show;
    uint64_t seed;
};

static bool parse(int argc, char **argv, struct words *out)
{
    *out = (struct words){.devices = 10000, .show = UINT32_MAX, .seed = 1};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--without-bridges")) {
            has_no_planner = true;
            continue;
        }
        if (i + 1 == argc) return false;
        unsigned long long value = strtoull(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--devices"))
            out->devices = (uint32_t)value;
        else if (!strcmp(argv[i], "--show"))
            out->show = (uint32_t)value;
        else if (!strcmp(argv[i], "--seed"))
            out->seed = value;
        else
            return false;
        i++;
    }
    return out->devices >= 1 && (out->show == UINT32_MAX || out->show < out->devices);
}

int main(int argc, char **argv)
{
    static struct drill drill;
    struct result result = {0};
    struct words words;
    if (!parse(argc, argv, &words)) {
        fprintf(stderr, "figure_rotate [--devices N] [--seed S] [--show DEVICE] "
                        "[--without-bridges]\n");
        return 2;
    }
    open_drill(&drill, words.devices, words.seed);
    for (unsigned i = 1; i < RELEASES; i++) {
        herd_run(&drill.herd, i * GAP_MS);
        publish(&drill, i);
    }
    herd_run(&drill.herd, END_MS + REST_MS);
    check(&drill, words.seed, &result);
    attack(&drill);
    check_attack(&drill, words.seed, &result);
    if (words.show != UINT32_MAX) show(&drill, words.show);

    bool all_refused = result.refused == words.devices;
    char refused[16];
    snprintf(refused, sizeof refused, "%u", result.refused);
    printf("figure rotate devices=%u stranded=%u hops_max=%u k1_refused=%s releases=%d days=%d "
           "bridged=%u cuts=%u checkins=%llu\n",
           words.devices, result.stranded, result.hops_max, all_refused ? "all" : refused, RELEASES,
           (int)(END_MS / DAY_MS), result.bridged, drill.herd.cuts,
           (unsigned long long)drill.server.checkins);
    close_drill(&drill);
    return result.stranded || result.hops_max > HOPS_MAX || !all_refused;
}
