/* What is watched while the herd lives. Counts are made from the devices' places in the rollout,
 * and never taken from the rollout's own; what has failed on a device is kept by what it said
 * itself. */
#include "fleetsim.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/crc.h"

#define BLAMED_MAX 5 /* lines of one run */

static struct fleetsim_watch *of(void *ctx)
{
    return &((struct fleetsim *)ctx)->watch;
}

void fleetsim_blame(struct fleetsim *sim, uint32_t unit, const char *what)
{
    static uint32_t blamed;
    if (sim->watch.show != UINT32_MAX || blamed++ >= BLAMED_MAX) return;
    fprintf(stderr, "%s, day %.2f: figure_fleetsim --devices %u --seed %llu --show %u%s%s\n", what,
            (double)sim->server.now_ms / DAY_MS, sim->count, (unsigned long long)sim->seed, unit,
            *sim->control ? " --control " : "", sim->control);
}

static void limit_broken(struct fleetsim *sim, const struct unit *unit, const char *what)
{
    sim->result.limits_broken++;
    fleetsim_blame(sim, herd_index(unit), what);
}

__attribute__((format(printf, 3, 4))) static void
note(struct fleetsim *sim, const struct unit *unit, const char *format, ...)
{
    char line[256];
    va_list args;
    uint64_t now_ms = sim->server.now_ms;
    size_t size = (size_t)snprintf(line, sizeof line, "%u %8.4f  ", herd_index(unit),
                                   (double)now_ms / DAY_MS);
    va_start(args, format);
    vsnprintf(line + size, sizeof line - size, format, args);
    va_end(args);
    sim->watch.trace = godwit_crc32(sim->watch.trace, (const uint8_t *)line, strlen(line));
    if (sim->watch.show == herd_index(unit)) puts(line);
}

bool fleetsim_fits(const struct unit *unit)
{
    return unit->board.options.hardware_revision != FLEETSIM_MISFIT;
}

/* ---- places in the present rollout ---- */

static bool is_open(const struct watched *watched)
{
    bool has_place = watched->state == MEMBER_IN_PROGRESS && !watched->is_away;
    return has_place || watched->state == MEMBER_SOAKING;
}

static const struct rollout *present(const struct fleetsim *sim)
{
    return sim->published
               ? rollout_find(&sim->server.fleet.catalogue, sim->rollouts[sim->published - 1])
               : NULL;
}

static const struct device *device_of(const struct fleetsim *sim, const struct unit *unit)
{
    uint8_t id[16] = {0};
    memcpy(id, unit->board.options.mac, sizeof unit->board.options.mac);
    return device_find(&sim->server.fleet, FLEET_ORG, id);
}

static void look_at(struct fleetsim *sim, const struct unit *unit)
{
    struct fleetsim_watch *watch = &sim->watch;
    struct watched *watched = &watch->devices[herd_index(unit)];
    const struct device *device = device_of(sim, unit);
    const struct rollout *rollout = present(sim);
    const struct member *member = device && rollout ? device_member(device, rollout) : NULL;
    watch->open -= is_open(watched);
    watch->succeeded -= watched->state == MEMBER_SUCCEEDED;
    uint8_t state = member ? member->state : MEMBER_STATE_COUNT;
    if (state == MEMBER_SOAKING && watched->state != state)
        watch->confirmed_s = herd_now_s(&sim->server);
    watched->state = state;
    watched->is_away = member && member->is_away;
    watch->open += is_open(watched);
    watch->succeeded += watched->state == MEMBER_SUCCEEDED;
}

void fleetsim_watch_rollout(struct fleetsim_watch *watch)
{
    watch->open = watch->succeeded = 0;
    watch->confirmed_s = 0;
    for (uint32_t i = 0; i < watch->sim->count; i++) {
        watch->devices[i].state = MEMBER_STATE_COUNT;
        watch->devices[i].is_away = false;
    }
}

bool fleetsim_has_failed(const struct fleetsim_watch *watch, uint32_t unit,
                         const struct herd_file *file)
{
    return watch->devices[unit].failed_files >> (file - watch->sim->server.files) & 1;
}

void fleetsim_watch_retry(struct fleetsim_watch *watch, const struct herd_file *file)
{
    uint32_t bit = 1u << (file - watch->sim->server.files);
    for (uint32_t i = 0; i < watch->sim->count; i++)
        watch->devices[i].failed_files &= ~bit;
}

/* Silence moves only who is on the way. */
void fleetsim_watch_tick(struct fleetsim_watch *watch)
{
    for (uint32_t i = 0; i < watch->sim->count; i++)
        if (watch->devices[i].state == MEMBER_IN_PROGRESS ||
            watch->devices[i].state == MEMBER_SOAKING)
            look_at(watch->sim, &watch->sim->herd.units[i]);
}

/* ---- the limits ---- */

/* An image that a device has tried, or read back and refused. Who lost its power or its line has
 * proven nothing. */
static bool has_failed(const struct godwit_outcome *outcome)
{
    bool is_for_nothing = outcome->reason == GODWIT_REASON_TRIAL_POWER ||
                          outcome->reason == GODWIT_REASON_TRIAL_NO_CONTACT;
    bool is_refused = outcome->stage == GODWIT_STAGE_VERIFY &&
                      outcome->reason >= GODWIT_REASON_UNSIGNED &&
                      outcome->reason <= GODWIT_REASON_SECURE_BOOT;
    return is_refused || (outcome->stage == GODWIT_STAGE_ROLLED_BACK && !is_for_nothing);
}

static void asked(void *ctx, struct unit *unit, const struct godwit_checkin *checkin)
{
    struct fleetsim *sim = ctx;
    struct watched *watched = &of(ctx)->devices[herd_index(unit)];
    const struct godwit_outcome *outcome = &checkin->outcome;
    watched->asked_ms = sim->server.now_ms;
    of(ctx)->open_before = of(ctx)->open - is_open(watched);
    if (!outcome->id || outcome->id == watched->last_outcome) return;
    watched->last_outcome = outcome->id;
    note(sim, unit, "says %s %s, runs %s", godwit_stage_name(outcome->stage),
         godwit_reason_id(outcome->reason), checkin->version);
    const struct herd_file *file = herd_file_find(&sim->server, outcome->file_sha256);
    if (file && has_failed(outcome)) watched->failed_files |= 1u << (file - sim->server.files);
}

/* The 10 that begin, or three for each that succeeded; and no more than the next gate lets. */
static void check_pace(struct fleetsim *sim, const struct unit *unit)
{
    const struct fleetsim_watch *watch = &sim->watch;
    const struct rollout *rollout = present(sim);
    uint32_t pace = 3 * watch->succeeded < 10 ? 10 : 3 * watch->succeeded;
    if (watch->open_before >= pace) limit_broken(sim, unit, "offered beyond the pace");
    const struct rollout_gate *gate = &rollout->plan.gates[0];
    bool is_early = watch->open_before || !watch->confirmed_s ||
                    herd_now_s(&sim->server) < watch->confirmed_s + gate->soak_s;
    const struct device *device = device_of(sim, unit);
    const struct member *member = device_member(device, rollout);
    if (rollout->plan.gates_count && member->offer_number == gate->devices + 1 && is_early)
        limit_broken(sim, unit, "offered behind a closed gate");
}

static void check_offer(struct fleetsim *sim, const struct unit *unit,
                        const struct herd_answer *answer)
{
    const struct rollout *rollout = rollout_find(&sim->server.fleet.catalogue, answer->rollout_id);
    bool may_go = answer->reason == DECISION_UNDO ? rollout->state == ROLLOUT_UNDONE
                                                  : rollout->state == ROLLOUT_RUNNING;
    if (!may_go) limit_broken(sim, unit, "offered what was paused, halted or undone");
    if (fleetsim_has_failed(&sim->watch, herd_index(unit), answer->file))
        limit_broken(sim, unit, "offered what has failed there");
    const struct image *image = &answer->file->upload.image;
    bool fits = image->hardware_mask >> unit->board.options.hardware_revision & 1 &&
                image->chip_id == unit->board.options.bootloader.chip->id;
    if (!fits) limit_broken(sim, unit, "offered what does not fit");
}

static void answered(void *ctx, struct unit *unit, const struct herd_answer *answer)
{
    struct fleetsim *sim = ctx;
    struct watched *watched = &of(ctx)->devices[herd_index(unit)];
    uint8_t before = watched->state;
    look_at(sim, unit);
    if (watched->state == MEMBER_IN_PROGRESS && before != MEMBER_IN_PROGRESS) check_pace(sim, unit);
    if (answer->file) check_offer(sim, unit, answer);
    if (answer->file)
        note(sim, unit, "told to install %s", answer->file->upload.version);
    else if (before != watched->state)
        note(sim, unit, "told to stay: %s", decision_reason_id(answer->reason));
}

/* A request for an image tells the server that the device is there, or that its line holds it up.
 */
static void fetched(void *ctx, struct unit *unit, const struct herd_file *file, uint32_t from)
{
    struct fleetsim *sim = ctx;
    const struct rollout *rollout = present(sim);
    look_at(sim, unit);
    if (!file) return;
    if (rollout->state == ROLLOUT_PAUSED || rollout->state == ROLLOUT_HALTED)
        limit_broken(sim, unit, "was sent what is paused or halted");
    note(sim, unit, "fetches %s from %u", file->upload.version, from);
}

/* ---- power and boots ---- */

static void booted(void *ctx, struct unit *unit)
{
    struct fleetsim *sim = ctx;
    const struct herd_file *runs = NULL;
    for (size_t i = 0; i < sim->server.files_count && !runs; i++)
        if (herd_runs(unit, &sim->server.files[i])) runs = &sim->server.files[i];
    note(sim, unit, "boots %s", runs ? runs->upload.version : "unknown bytes");
    if (runs && runs->is_trusted) return;
    sim->result.unsigned_runs++;
    fleetsim_blame(sim, herd_index(unit), "runs what nobody trusted has signed");
}

static void lost_power(void *ctx, struct unit *unit)
{
    const struct power_cut *cut = &unit->cut;
    if (cut->is_off)
        note(ctx, unit, "loses power in %s at %#x, %s", cut->cut_is_erase ? "an erase" : "a write",
             cut->cut_offset, power_cut_kind_name(cut->kind));
    else
        note(ctx, unit, "loses power");
}

struct herd_watch fleetsim_watch(struct fleetsim *sim)
{
    return (struct herd_watch){.ctx = sim,
                               .asked = asked,
                               .answered = answered,
                               .fetched = fetched,
                               .booted = booted,
                               .lost_power = lost_power};
}
