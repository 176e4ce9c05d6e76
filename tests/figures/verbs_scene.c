/* One real agent on emulated flash, and the real fleet code. The device is stepped to the very
 * moment between two of its requests at which a verb is said, and then lives on until it rests. */
#include "verbs.h"

#include <stdio.h>

#include "temp_dir.h"

#define MINUTE_MS (UINT64_C(60) * 1000)
#define INTERVAL_S 300
#define REST_MS (40 * MINUTE_MS)  /* more than a trial, and several intervals */
#define DARK_MS (120 * MINUTE_MS) /* so long that its place is given to others */
#define BREAK_AT 5000             /* its first download breaks in the second sector */

static const struct proof_plan AT_ONCE = {0};

const char *const STANDING_NAMES[STANDINGS] = {
    [UNAWARE] = "unaware",   [OFFERED] = "offered",   [DOWNLOADING] = "downloading",
    [VERIFIED] = "verified", [ON_TRIAL] = "on trial", [CONFIRMED] = "confirmed",
    [DARK] = "dark"};
const char *const VERB_NAMES[VERBS] = {
    [PAUSE] = "pause", [RESUME] = "resume", [HALT] = "halt", [UNDO] = "undo"};

/* ---- what is seen ---- */

static void answered(void *ctx, struct unit *unit, const struct herd_answer *answer)
{
    struct scene *scene = ctx;
    (void)unit;
    scene->is_told = answer->file && answer->file == scene->new;
}

static void fetched_image(void *ctx, struct unit *unit, const struct herd_file *file, uint32_t from)
{
    struct scene *scene = ctx;
    (void)unit;
    if (!file) return;
    scene->served++;
    scene->from = from;
}

static struct unit *unit_of(struct scene *scene)
{
    return &scene->herd.units[0];
}

static const struct device *device_of(const struct scene *scene)
{
    return scene->server.fleet.devices[0];
}

/* ---- time ---- */

/* Everything until then, with the server's ticks. */
static void live(struct scene *scene, uint64_t ms)
{
    uint64_t until_ms = scene->server.now_ms + ms;
    while (scene->server.now_ms < until_ms) {
        uint64_t next_ms = scene->server.now_ms + HERD_TICK_S * 1000;
        herd_run(&scene->herd, next_ms < until_ms ? next_ms : until_ms);
        herd_server_tick(&scene->server);
    }
}

static bool has_reached(struct scene *scene, enum standing standing)
{
    struct unit *unit = unit_of(scene);
    struct godwit_agent_status status;
    board_status(&unit->board, &status);
    const struct rollout *rollout = rollout_find(&scene->server.fleet.catalogue, scene->rollout);
    switch (standing) {
    case OFFERED:
        return scene->is_told;
    case DOWNLOADING:
    case DARK:
        return status.progress && !unit->line.is_open;
    case VERIFIED:
        return unit->board.agent.is_verified && unit->board.agent.is_underway;
    case ON_TRIAL:
        return status.on_trial;
    case CONFIRMED:
        return rollout->succeeded_count;
    default:
        return true;
    }
}

/* ---- making it ---- */

static const struct herd_file *publish(struct scene *scene, uint32_t counter, enum make make)
{
    char version[16];
    struct herd_release release = {.version = version,
                                   .counter = counter,
                                   .by = {scene->maker},
                                   .lists = {scene->maker},
                                   .deploy_keys = {scene->deploy_key},
                                   .rollback_floor = make == FLOOR ? counter : 0,
                                   .secure_version = make >= SECURE ? 1 : 0};
    snprintf(version, sizeof version, "%u.0.0", counter);
    const struct herd_file *file = herd_file_make(&scene->server, &release);
    herd_server_upload(&scene->server, file);
    return file;
}

static void power_off(struct scene *scene, uint64_t ms)
{
    uint64_t now_ms = scene->server.now_ms;
    herd_plan(&scene->herd, 0, now_ms, now_ms, now_ms + ms);
}

static void roll_out(struct scene *scene, const struct herd_file *file)
{
    scene->rollout = herd_server_deploy(&scene->server, file->upload.version, &AT_ONCE);
}

static void open_herd(struct scene *scene, enum make make, const struct herd_file *first)
{
    uint8_t policy[GODWIT_POLICY_BYTES];
    herd_server_claims(&scene->server, 1);
    herd_server_policy(&scene->server, scene->maker, policy);
    herd_open(&scene->herd,
              &(struct herd_options){
                  .server = &scene->server,
                  .count = 1,
                  .random_seed = 1,
                  .first = first,
                  .policy = policy,
                  .has_anti_rollback = make >= SECURE,
                  .watch = {.ctx = scene, .answered = answered, .fetched = fetched_image}});
    herd_plan(&scene->herd, 0, 1000, HERD_NEVER, HERD_NEVER);
    live(scene, MINUTE_MS);
}

void scene_open(struct scene *scene, enum make make, enum standing standing)
{
    *scene = (struct scene){0};
    temp_dir_make(scene->folder);
    herd_server_open(&scene->server, scene->folder, INTERVAL_S);
    herd_must((scene->maker = key_generate(GODWIT_SCHEME_ECDSA256)) != NULL, "making a key");
    memcpy(scene->deploy_key, scene->server.keys.points[0], sizeof scene->deploy_key);
    scene->old = publish(scene, 1, OVER_THE_AIR);
    open_herd(scene, make, scene->old);
    if (make != BY_CABLE) {
        scene->old = publish(scene, 2, OVER_THE_AIR);
        roll_out(scene, scene->old);
        live(scene, REST_MS);
    }
    scene->new = publish(scene, 3, make);
    roll_out(scene, scene->new);
    scene->is_told = false;
    unit_of(scene)->line.break_at = standing == DOWNLOADING || standing == DARK ? BREAK_AT : 0;
    uint64_t end_ms = scene->server.now_ms + REST_MS;
    while (!has_reached(scene, standing))
        herd_must(herd_step(&scene->herd, end_ms), STANDING_NAMES[standing]);
    if (standing == DARK) power_off(scene, DARK_MS);
    if (make == RESTARTED) {
        power_off(scene, MINUTE_MS);
        live(scene, REST_MS);
    }
    scene->served = 0;
}

void scene_close(struct scene *scene)
{
    herd_close(&scene->herd);
    herd_server_close(&scene->server);
    key_close(scene->maker);
    temp_dir_drop(scene->folder);
}

/* ---- what is done, and what came of it ---- */

bool scene_say(struct scene *scene, enum verb verb)
{
    static const enum rollout_state STATES[VERBS] = {[PAUSE] = ROLLOUT_PAUSED,
                                                     [RESUME] = ROLLOUT_RUNNING,
                                                     [HALT] = ROLLOUT_HALTED,
                                                     [UNDO] = ROLLOUT_UNDONE};
    scene->served = 0;
    return herd_server_set_state(&scene->server, scene->rollout, STATES[verb]);
}

void scene_rest(struct scene *scene)
{
    bool is_dark =
        unit_of(scene)->on_ms != HERD_NEVER && unit_of(scene)->on_ms > scene->server.now_ms;
    live(scene, is_dark ? DARK_MS + REST_MS : REST_MS);
}

/* One place at most, and each count of the rollout as that says. */
static bool counts_are(const struct rollout *rollout, uint8_t place)
{
    const uint32_t counts[] = {[MEMBER_IN_PROGRESS] = rollout->in_progress_count,
                               [MEMBER_SUCCEEDED] = rollout->succeeded_count,
                               [MEMBER_FAILED] = rollout->failed_count,
                               [MEMBER_SOAKING] = rollout->soaking_count,
                               [MEMBER_UNDOING] = rollout->undoing_count,
                               [MEMBER_UNDONE] = rollout->undone_count};
    bool are = rollout->away_count == 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        are &= counts[i] == (i == place && i != MEMBER_SELECTED);
    return are;
}

static enum fetched fetched(const struct scene *scene)
{
    if (!scene->served) return NOTHING;
    return scene->from ? THE_REST : THE_WHOLE;
}

void scene_check(struct scene *scene, const struct expected *expected, char *out, size_t size)
{
    static const char *const FETCHED[] = {"nothing", "the rest", "the whole"};
    const struct rollout *rollout = rollout_find(&scene->server.fleet.catalogue, scene->rollout);
    const struct member *member = device_member(device_of(scene), rollout);
    uint8_t place = member ? member->state : NO_PLACE;
    bool runs_new = herd_runs(unit_of(scene), scene->new);
    *out = '\0';
    if (!runs_new && !herd_runs(unit_of(scene), scene->old))
        snprintf(out, size, "it runs neither release");
    else if (runs_new != expected->runs_new)
        snprintf(out, size, "it runs the %s release", runs_new ? "new" : "old");
    else if (place != expected->place)
        snprintf(out, size, "its place is %s", member ? member_state_name(place) : "none");
    else if (!counts_are(rollout, place))
        snprintf(out, size, "the rollout counts otherwise");
    else if (fetched(scene) != expected->fetched)
        snprintf(out, size, "it has fetched %s", FETCHED[fetched(scene)]);
}

void scene_deploy_again(struct scene *scene)
{
    scene->served = 0;
    roll_out(scene, scene->new);
}

bool scene_is_free(struct scene *scene)
{
    const struct herd_file *next = publish(scene, 4, OVER_THE_AIR);
    roll_out(scene, next);
    live(scene, REST_MS);
    return herd_runs(unit_of(scene), next);
}
