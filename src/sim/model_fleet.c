/* Devices wait in a heap by the time of their next check-in. What a check-in says follows from the
 * step that the device has reached with the release:
 *
 *     idle → (offered) downloads → says that it has verified, and may switch → trial → confirmed,
 *     or back in the old image with an outcome, or silent
 *
 * Rejected: the real agent for each device, which is what the fleet simulator does for ten
 * thousand; the brake wants a hundred thousand, hundreds of times. */
#include "sim/model_fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/claim.h"
#include "fleet/device.h"
#include "fleet/listing.h"
#include "fleet/release.h"
#include "fleet/rollout.h"
#include "fleet/schema.h"
#include "fleet/silence.h"

#define START_S 1767225600
#define INTERVAL_S 600 /* what the service tells */
#define LOOK_S 100     /* how often it looks for silent ones, and at gates */
#define DOWNLOAD_S 60
#define TRIAL_S 30
#define NO_CONTACT_S 630 /* a trial without contact, and the boot after it */
#define CRASH_AFTER_S 14400
#define CUT_FROM_S 3600
#define CUT_S 3600
#define DAYS_MAX 30
#define CHIP 5
enum { OLD = 1, NEXT = 2, BATCH = 1000 };

enum step { STEP_IDLE, STEP_DOWNLOADED, STEP_TRIED, STEP_CONFIRMED, STEP_CRASHED, STEP_BACK };

struct unit {
    struct device *device;
    int64_t next_s;
    uint32_t interval_s, boots, outcomes;
    uint8_t step;
    bool is_bad, is_cut, is_lost; /* lost: its trial was without a line */
};

struct model_fleet {
    struct db *db;
    struct fleet fleet;
    struct unit *units;
    uint32_t *heap, count, waiting;
    const struct model_run *run;
    struct rollout *rollout;
    int64_t now_s, decided_s; /* decided: when the brake weighed enough; 0: it does not */
};

const char *model_fault_id(enum model_fault fault)
{
    static const char *const IDS[] = {
#define FAULT_ID(name, id, sentence) id,
        MODEL_FAULTS(FAULT_ID)
#undef FAULT_ID
    };
    return IDS[fault];
}

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "model: %s failed\n", what);
    abort();
}

/* splitmix64: a number below 1 that only seed, unit and purpose make. */
static double chance(uint64_t seed, uint32_t unit, uint32_t purpose)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15u + ((uint64_t)purpose << 32 | unit);
    for (int i = 0; i < 2; i++) {
        x += 0x9e3779b97f4a7c15u;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        x ^= x >> 31;
    }
    return (double)(x >> 11) / 9007199254740992.0;
}

/* ---- the heap ---- */

static bool is_before(const struct model_fleet *model, uint32_t a, uint32_t b)
{
    return model->units[model->heap[a]].next_s < model->units[model->heap[b]].next_s;
}

static void swap(struct model_fleet *model, uint32_t a, uint32_t b)
{
    uint32_t unit = model->heap[a];
    model->heap[a] = model->heap[b];
    model->heap[b] = unit;
}

static void sink(struct model_fleet *model, uint32_t at)
{
    for (;;) {
        uint32_t least = at, child = 2 * at + 1;
        for (uint32_t i = child; i < child + 2 && i < model->waiting; i++)
            if (is_before(model, i, least)) least = i;
        if (least == at) return;
        swap(model, at, least);
        at = least;
    }
}

/* The first one waits no more. */
static void drop_first(struct model_fleet *model)
{
    swap(model, 0, --model->waiting);
    sink(model, 0);
}

/* ---- the service ---- */

static void begin(struct model_fleet *model)
{
    must(!db_begin(model->db), "begin");
    fleet_transaction_begun(&model->fleet);
}

static void commit(struct model_fleet *model)
{
    must(!listing_commit(&model->fleet, model->db), "counting");
    must(!db_commit(model->db), "commit");
    fleet_committed(&model->fleet);
}

static void add_release(struct model_fleet *model, const char *version, uint8_t name)
{
    struct upload upload = {.org = FLEET_ORG, .product = "model"};
    struct upload_verdict verdict;
    snprintf(upload.version, sizeof upload.version, "%s", version);
    upload.image.chip_id = CHIP;
    upload.image.hardware_mask = UINT32_MAX;
    upload.image.file_size = 1 << 20;
    memset(upload.image.image_sha256, name, 32);
    memset(upload.image.file_sha256, name + 100, 32);
    upload.image.trust.is_known = true;
    upload.image.trust.keys_count = 1;
    memset(upload.image.trust.keys[0], 0xAA, 32);
    begin(model);
    must(!release_add(&model->fleet, model->db, &upload, START_S, &verdict), "a release");
    commit(model);
}

/* A fault of one revision is what its devices have alike. */
static uint32_t revision_of(const struct model_fleet *model, const struct unit *unit)
{
    return model->run && model->run->fault == MODEL_REVISION && unit->is_bad ? 2 : 1;
}

static struct godwit_checkin checkin_of(const struct model_fleet *model, uint32_t unit)
{
    const struct unit *of = &model->units[unit];
    bool runs_next = of->step == STEP_CONFIRMED || of->step == STEP_CRASHED;
    struct godwit_checkin checkin = {.chip_id = CHIP,
                                     .slot_size = 1 << 21,
                                     .boots = of->boots,
                                     .hardware_revision = revision_of(model, of),
                                     .project = "model",
                                     .version = "1.0.0",
                                     .slot = "ota_0"};
    godwit_store32(checkin.device_id + 2, unit);
    memset(checkin.image_sha256, runs_next ? NEXT : OLD, 32);
    if (runs_next) memcpy(checkin.version, "2.0.0", 6);
    if (of->step == STEP_DOWNLOADED) memset(checkin.staged_file_sha256, NEXT + 100, 32);
    return checkin;
}

static void enrol(struct model_fleet *model, uint32_t unit)
{
    struct godwit_checkin checkin = checkin_of(model, unit);
    uint8_t claim[32], token[32] = {0};
    enum claim_result result;
    struct unit *of = &model->units[unit];
    memset(claim, 0xC1, sizeof claim);
    godwit_store32(token, unit + 1);
    const struct claim_request wanted = {claim, token, &checkin};
    must(!device_claim(&model->fleet, model->db, &wanted, START_S, &result, &of->device) &&
             of->device,
         "enrolling");
    must(!device_record(&model->fleet, model->db, of->device, &checkin, START_S), "recording");
}

struct model_fleet *model_fleet_open(uint32_t devices)
{
    char note[256];
    struct model_fleet *model = calloc(1, sizeof *model);
    must(model != NULL, "memory");
    model->units = calloc(devices, sizeof *model->units);
    model->heap = calloc(devices, sizeof *model->heap);
    must(model->units && model->heap, "memory");
    must(!db_open(":memory:", false, &model->db, note, sizeof note), note);
    must(!db_migrate(model->db, SCHEMA, SCHEMA_COUNT), "the schema");
    fleet_init(&model->fleet);
    must(!fleet_load(&model->fleet, model->db), "loading");
    add_release(model, "1.0.0", OLD);
    add_release(model, "2.0.0", NEXT);
    uint8_t claim[32];
    bool is_full;
    memset(claim, 0xC1, sizeof claim);
    const struct claim_terms terms = {
        .product = product_find(&model->fleet.catalogue, FLEET_ORG, "model"), .count_max = devices};
    begin(model);
    must(!claim_create(&model->fleet, model->db, &terms, claim, START_S, &is_full), "a claim");
    commit(model);
    for (; model->count < devices; model->count++) {
        if (model->count % BATCH == 0) begin(model);
        enrol(model, model->count);
        if (model->count % BATCH == BATCH - 1 || model->count == devices - 1) commit(model);
    }
    return model;
}

void model_fleet_close(struct model_fleet *model)
{
    fleet_deinit(&model->fleet);
    db_close(model->db);
    free(model->units);
    free(model->heap);
    free(model);
}

/* ---- what a device does ---- */

static void report(struct unit *unit, struct godwit_checkin *checkin, enum godwit_reason reason,
                   uint32_t rollout)
{
    checkin->outcome = (struct godwit_outcome){.id = ++unit->outcomes,
                                               .rollout_id = rollout,
                                               .stage = GODWIT_STAGE_ROLLED_BACK,
                                               .reason = reason};
    memset(checkin->outcome.file_sha256, NEXT + 100, 32);
}

/* The release has had its trial: how it ended, by the fault that it has on this device. */
static void end_trial(struct unit *unit, enum model_fault fault, struct godwit_checkin *checkin,
                      uint32_t rollout)
{
    static const enum godwit_reason REASONS[MODEL_FAULTS_COUNT] = {
        [MODEL_CRASH] = GODWIT_REASON_TRIAL_PANIC,
        [MODEL_HANG] = GODWIT_REASON_TRIAL_WATCHDOG,
        [MODEL_NO_NETWORK] = GODWIT_REASON_TRIAL_NO_CONTACT,
        [MODEL_REVISION] = GODWIT_REASON_TRIAL_PANIC};
    enum godwit_reason reason = unit->is_bad ? REASONS[fault] : GODWIT_REASON_NONE;
    if (unit->is_lost) reason = GODWIT_REASON_TRIAL_NO_CONTACT;
    bool fails = reason != GODWIT_REASON_NONE;
    unit->is_lost = false;
    unit->boots += fails ? 2 : 1;
    unit->step = fails ? STEP_BACK : STEP_CONFIRMED;
    checkin->boots = unit->boots;
    if (fails) {
        report(unit, checkin, reason, rollout);
        return;
    }
    memset(checkin->image_sha256, NEXT, 32);
    memcpy(checkin->version, "2.0.0", 6);
}

static void crash_late(struct unit *unit, struct godwit_checkin *checkin)
{
    unit->step = STEP_CRASHED;
    checkin->boots = ++unit->boots;
    checkin->reset = GODWIT_RESET_PANIC;
}

/* It may switch, and does: when it is heard of then. */
static int64_t try_it(const struct model_fleet *model, struct unit *unit)
{
    enum model_fault fault = unit->is_bad ? model->run->fault : MODEL_FAULTS_COUNT;
    unit->step = STEP_TRIED;
    if (fault == MODEL_SILENCE) return 0;
    return model->now_s + (fault == MODEL_NO_NETWORK ? NO_CONTACT_S : TRIAL_S);
}

/* When it is heard of next; never: 0. */
static int64_t next_of(const struct model_fleet *model, uint32_t number, bool is_offered)
{
    struct unit *unit = &model->units[number];
    const struct model_run *run = model->run;
    uint32_t due_s = proof_due_s(unit->device, model->now_s);
    int64_t regular_s = unit->interval_s;
    if (due_s && due_s < regular_s) regular_s = due_s;
    if (unit->step == STEP_DOWNLOADED && is_offered) return try_it(model, unit);
    if (is_offered) {
        unit->step = STEP_DOWNLOADED;
        return model->now_s + DOWNLOAD_S;
    }
    if (unit->step == STEP_CONFIRMED && unit->is_bad && run->fault == MODEL_LATE_CRASH) {
        int64_t crash_s = (int64_t)(chance(run->seed, number, 3) * CRASH_AFTER_S);
        return model->now_s + (crash_s < regular_s ? crash_s : regular_s) + 1;
    }
    if (unit->step == STEP_DOWNLOADED) unit->step = STEP_IDLE; /* it was withdrawn */
    return model->now_s + regular_s;
}

/* A line that is broken holds everything up until it is repaired; a trial then had no contact. */
static bool is_cut(const struct model_fleet *model, const struct unit *unit)
{
    int64_t since_s = model->now_s - START_S;
    return unit->is_cut && since_s >= CUT_FROM_S && since_s < CUT_FROM_S + CUT_S;
}

static bool check_in(struct model_fleet *model, uint32_t number)
{
    struct unit *unit = &model->units[number];
    struct godwit_checkin checkin = checkin_of(model, number);
    const struct model_run *run = model->run;
    bool crashes = unit->step == STEP_CONFIRMED && unit->is_bad && run->fault == MODEL_LATE_CRASH &&
                   device_member(unit->device, model->rollout)->state != MEMBER_IN_PROGRESS;
    if (unit->step == STEP_TRIED) end_trial(unit, run->fault, &checkin, model->rollout->id);
    if (crashes) crash_late(unit, &checkin);
    if (device_take(&model->fleet, unit->device, &checkin, model->now_s) == TAKE_RECORD) {
        begin(model);
        must(!device_record(&model->fleet, model->db, unit->device, &checkin, model->now_s),
             "recording");
        commit(model);
    }
    return decide(unit->device, &model->fleet.catalogue).kind == DECIDE_INSTALL;
}

static void step_first(struct model_fleet *model)
{
    uint32_t number = model->heap[0];
    struct unit *unit = &model->units[number];
    if (is_cut(model, unit)) {
        unit->next_s = START_S + CUT_FROM_S + CUT_S + number % 60;
        unit->is_lost = unit->step == STEP_TRIED;
        if (unit->step == STEP_DOWNLOADED) unit->step = STEP_IDLE; /* to be fetched again */
        sink(model, 0);
        return;
    }
    bool is_offered = check_in(model, number);
    unit->next_s = next_of(model, number, is_offered);
    if (unit->next_s)
        sink(model, 0);
    else
        drop_first(model);
}

/* ---- a run ---- */

static void look(struct model_fleet *model)
{
    bool is_open, has_any;
    silence_find(&model->fleet, INTERVAL_S, model->now_s);
    begin(model);
    must(!silence_record(&model->fleet, model->db, INTERVAL_S, model->now_s, &has_any), "silence");
    must(!rollout_step(&model->fleet, model->db, model->rollout, model->now_s, &is_open), "a gate");
    commit(model);
}

static void deploy(struct model_fleet *model)
{
    uint32_t id;
    const struct rollout_request wanted = {
        .release = release_find(&model->fleet.catalogue, FLEET_ORG, "model", "2.0.0"),
        .plan = {.soak_s = model->run->soak_s, .is_careful = model->count < SMALL_FLEET}};
    begin(model);
    must(!rollout_create(&model->fleet, model->db, &wanted, model->now_s, &id), "a rollout");
    commit(model);
    model->rollout = rollout_find(&model->fleet.catalogue, id);
}

static void draw(struct model_fleet *model)
{
    const struct model_run *run = model->run;
    for (uint32_t i = 0; i < model->count; i++) {
        struct unit *unit = &model->units[i];
        double doubled = chance(run->seed, i, 0) * 5.17; /* of ten minutes, to six hours */
        uint32_t whole = (uint32_t)doubled;
        unit->interval_s = (uint32_t)(INTERVAL_S * (1u << whole) * (1 + doubled - whole));
        unit->next_s = START_S + 1 + (int64_t)(chance(run->seed, i, 1) * unit->interval_s);
        unit->is_bad = chance(run->seed, i, 2) < run->share;
        unit->is_cut = chance(run->seed, i, 4) < run->cut_share;
        unit->device->usual_gap_s = unit->interval_s;
        unit->device->facts.last_seen_s = unit->next_s - unit->interval_s;
        model->heap[i] = i;
    }
    model->waiting = model->count;
    for (uint32_t i = model->count / 2; i-- > 0;)
        sink(model, i);
}

/* After each step: when the brake weighed enough, whatever became of the rollout. */
static void note_decided(struct model_fleet *model)
{
    const struct rollout *rollout = model->rollout;
    if (model->decided_s || !rollout->brake.count) return;
    const struct brake_view view = rollout_weigh(rollout, &rollout->brake);
    if (view.weight >= view.bound) model->decided_s = model->now_s;
}

static void note_reached(const struct model_fleet *model, struct model_end *end)
{
    static const double SHARES[] = {0.5, 0.95, 0.99};
    for (size_t i = 0; i < 3; i++)
        if (!end->reached_s[i] && model->rollout->succeeded_count >= SHARES[i] * model->count)
            end->reached_s[i] = model->now_s - START_S;
}

static bool is_over(const struct model_fleet *model)
{
    const struct rollout *rollout = model->rollout;
    bool is_all = rollout->succeeded_count + rollout->failed_count >= model->count;
    bool is_enough = model->run->offered_max && rollout->offered_count >= model->run->offered_max;
    return is_all || is_enough || rollout->state != ROLLOUT_RUNNING || !model->waiting ||
           model->now_s > START_S + DAYS_MAX * 86400;
}

/* The first; NULL: none. */
static const struct stratum *halted_stratum(const struct rollout *rollout)
{
    for (size_t i = 0; i < rollout->strata.count; i++)
        if (rollout->strata.rows[i].halted_s) return &rollout->strata.rows[i];
    return NULL;
}

struct model_end model_fleet_run(struct model_fleet *model, const struct model_run *run)
{
    struct model_end end = {0};
    int64_t look_s = START_S;
    model->run = run;
    model->now_s = START_S;
    draw(model);
    deploy(model);
    while (!is_over(model)) {
        model->now_s = model->units[model->heap[0]].next_s;
        for (; look_s < model->now_s && !is_over(model); look_s += LOOK_S) {
            int64_t then_s = model->now_s;
            model->now_s = look_s;
            look(model);
            model->now_s = then_s;
        }
        if (!is_over(model)) step_first(model);
        note_decided(model);
        note_reached(model, &end);
    }
    const struct rollout *rollout = model->rollout;
    end.is_halted = rollout->state == ROLLOUT_HALTED;
    end.is_finished = rollout->succeeded_count + rollout->failed_count >= model->count;
    const struct stratum *stratum = halted_stratum(rollout);
    end.is_halted_in_part = stratum != NULL;
    end.offered = stratum && !end.is_halted ? stratum->offered : rollout->offered_count;
    end.succeeded = rollout->succeeded_count;
    end.failed = rollout->failed_count;
    if (end.is_halted) end.halted_s = model->now_s - START_S;
    if (model->decided_s) end.stop_s = model->now_s - model->decided_s; /* also unhalted */
    return end;
}

void model_fleet_deploy(struct model_fleet *model)
{
    static const struct model_run RUN = {.soak_s = 600};
    model->run = &RUN;
    model->now_s = START_S;
    deploy(model);
}

uint64_t model_fleet_decide(struct model_fleet *model, uint32_t rounds)
{
    uint64_t offers = 0;
    for (uint32_t round = 0; round < rounds; round++)
        for (uint32_t i = 0; i < model->count; i++)
            offers +=
                decide(model->units[i].device, &model->fleet.catalogue).kind == DECIDE_INSTALL;
    return offers;
}
