/* figure badflash: flash that rots, fails, or does nothing and says it did.
 *
 *   rot      bits flip in one sector of either slot, of the journal or of otadata, while the device
 *            is idle, in the middle of a download, or on trial (with a good image and with one that
 *            rolls back); then it runs on, or power is cycled
 *   n-th     the n-th read, write or erase of a whole update answers an error or silently does
 *            nothing, once or from there on always, for every n; a broken flash is then mended
 *   wear     10,000 updates in a row that fail or are broken off; erases of each sector
 *
 * Wrong is: a damaged image runs after a boot; the file that the server offers is not confirmed in
 * the end; or the device stands still. A flash whose partition table or bootloader rots is beyond
 * any agent: ESP-IDF reads both before it.
 *     figure_badflash [--replay CASE | --wear UPDATES] */
#include <stdio.h>
#include <stdlib.h>

#include "snapshot.h"
#include "wear.h"

#define FILE_SIZE 0x4000u
#define IMAGE_SIZE (FILE_SIZE - GODWIT_SECTOR_SIZE) /* all that the bootloader reads */
#define SECTORS (FILE_SIZE / GODWIT_SECTOR_SIZE)
#define DAY_S (24u * 3600)
#define BROKEN_S 1800u
#define UPDATES 10000u

enum { FIRST, SECOND, THIRD, NEXT, BAD, AGAIN, LAST, FILES_COUNT };

static struct device device; /* static: the board points into itself */
static struct fault fault;
static struct snapshot steady;
static struct firmware files[FILES_COUNT];
static struct key *key;
static struct {
    uint32_t cases, wrong, excused, next, replay;
    uint32_t boots; /* up to which the running image was looked at */
} count;

/* ---- worlds ---- */

static const struct fixture {
    const char *name;
    bool has_factory;
    uint32_t updates; /* 1: ota_1 runs; 2: ota_0 does; with factory the other way round */
    uint32_t write_size;
} FIXTURES[] = {
    {"ota_1 runs", false, 1, 4},
    {"ota_0 runs", false, 2, 16},
    {"factory, ota_1 runs", true, 2, 4},
    {"factory, ota_0 runs", true, 1, 32},
};
#define FIXTURES_COUNT (sizeof FIXTURES / sizeof *FIXTURES)

static void begin(const struct fixture *fixture)
{
    const struct board_layout layout = {.has_factory = fixture->has_factory};
    device_init(&device, &layout, &files[FIRST], key, fixture->write_size);
    fault_init(&fault, &device.chip);
    device.power_cut.inner = fault_port(&fault);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    for (uint32_t i = 1; i <= fixture->updates; i++)
        device_install(&device, &files[i], i);
    snapshot_take(&steady, &device);
}

static void end(void)
{
    snapshot_drop(&steady);
    device_deinit(&device);
}

static void power_cycle(void)
{
    board_power_off(&device.board);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
}

/* ---- running and looking ---- */

static bool runs_whole_image(void)
{
    for (size_t i = 0; i < FILES_COUNT; i++) {
        struct firmware image = {files[i].data, IMAGE_SIZE};
        if (device_runs(&device, &image)) return true;
    }
    return false;
}

/* After each boot what runs is looked at, by what really stands in flash. */
static bool is_sound(void)
{
    if (!device.board.is_started || device.board.counters.boots == count.boots) return true;
    count.boots = device.board.counters.boots;
    return runs_whole_image();
}

/* A chip that finds nothing to boot resets for ever; where only its reads fail it may find it yet.
 */
static bool starts_again(void)
{
    if (!fault.fail_at || !device.board.is_bricked) return false;
    device.now_ms += 300;
    board_power_on(&device.board, GODWIT_RESET_WATCHDOG);
    return true;
}

/* NULL: it is done; else what is wrong. */
static const char *run(device_done *done, uint32_t seconds)
{
    uint64_t end_ms = device.now_ms + (uint64_t)seconds * 1000, time_ms = device.now_ms;
    for (uint32_t steps = 0; !done(&device); steps++) {
        if (device.now_ms != time_ms) steps = 0, time_ms = device.now_ms;
        if (steps > DEVICE_STEPS_MAX) return "stands still";
        if (device.now_ms > end_ms) return "does not end";
        if (!device_step(&device) && !starts_again()) return "is dead";
        if (!is_sound()) return "runs a damaged image";
    }
    return NULL;
}

static bool never(const struct device *d)
{
    (void)d;
    return false;
}

static const char *run_for(uint32_t seconds)
{
    const char *wrong = run(never, seconds);
    return wrong && !strcmp(wrong, "does not end") ? NULL : wrong;
}

/* The device has seen this file fail, and says so at every offer. */
static bool is_quarantined(const struct device *d)
{
    return d->peer.outcome.reason == GODWIT_REASON_QUARANTINED &&
           d->peer.outcome.rollout_id == d->peer.rollout_id;
}

/* By what the server hears: what rots under a running chip is seen at the next boot. */
static bool is_decided(const struct device *d)
{
    return device_is_idle(d) && (d->peer.is_confirmed || is_quarantined(d));
}

/* The server offers a file, again and again, until it runs confirmed or is quarantined. */
static const char *install(const struct firmware *file, uint32_t rollout_id)
{
    peer_offer(&device.peer, file->data, file->size, rollout_id);
    device.peer.offers_always = device.peer.allow_downgrade = true;
    return run(is_decided, DAY_S);
}

/* Whatever happened: a good release goes in, stays in over a power cycle, and so does the next. A
 * chip whose flash failed at the wrong moment may look like an image that failed: then another
 * release must do. */
static const char *recovers(const struct firmware *file)
{
    const char *wrong = install(file, 50);
    if (!wrong && is_quarantined(&device)) wrong = install(file = &files[AGAIN], 51);
    if (!wrong) power_cycle();
    if (!wrong) wrong = run_for(120);
    if (!wrong) wrong = install(file, 52);
    if (!wrong && !device_runs(&device, &(struct firmware){file->data, IMAGE_SIZE}))
        wrong = "runs another image";
    if (!wrong) wrong = install(&files[LAST], 53);
    return wrong ? wrong : run(device_is_done, DAY_S);
}

static bool is_wanted(void)
{
    count.next++;
    return !count.replay || count.replay == count.next;
}

static void note(const struct fixture *fixture, const char *what, const char *wrong)
{
    count.cases++;
    if (wrong) count.wrong++;
    if (!wrong && !count.replay) return;
    struct godwit_agent_status status = device_status(&device);
    fprintf(stderr, "%s: %s: %s; %s, state %s, heard %s %s (--replay %u)\n", fixture->name, what,
            wrong ? wrong : "well", device.board.running.label, godwit_state_name(status.state),
            godwit_stage_name(device.peer.outcome.stage),
            godwit_reason_id(device.peer.outcome.reason), count.next);
}

/* ---- rot ---- */

enum phase { IDLE, DOWNLOAD, TRIAL, BAD_TRIAL, UNDO, PHASES };
static const char *const PHASE_NAMES[PHASES] = {"idle", "download", "trial", "bad trial",
                                                "before an undo"};

static bool is_on_trial(const struct device *d)
{
    return device_status(d).state == GODWIT_STATE_TRIAL;
}

static bool reach(enum phase phase)
{
    if (phase == IDLE || phase == UNDO) return true;
    const struct firmware *file = &files[phase == BAD_TRIAL ? BAD : NEXT];
    peer_offer(&device.peer, file->data, file->size, 40);
    device.link.piece_max = 1024;
    return device_run(&device, phase == DOWNLOAD ? device_is_downloading : is_on_trial, DAY_S);
}

/* What the server wants of the device, once the sector has rotted. is_offered: the device must have
 * noticed by then, and said so. */
static const char *play_on(const struct fixture *fixture, enum phase phase, bool is_offered)
{
    const char *wrong = run_for(phase == TRIAL || phase == BAD_TRIAL ? 1 : 150);
    if (wrong) return wrong;
    if (is_offered && device.peer.outcomes == steady.device.peer.outcomes) return "says nothing";
    if (phase == IDLE) return recovers(&files[fixture->updates]); /* what ran: healed if need be */
    if (phase == UNDO) return recovers(&files[fixture->updates - 1]);
    if (phase == BAD_TRIAL) {
        if ((wrong = run_for(1800))) return wrong;
        return device.peer.outcomes > steady.device.peer.outcomes ? recovers(&files[NEXT])
                                                                  : "says nothing";
    }
    return recovers(&files[NEXT]);
}

static bool is_in_running_image(uint32_t offset)
{
    const struct godwit_partition *running = &device.board.running;
    return offset >= running->offset && offset < running->offset + IMAGE_SIZE;
}

/* With two slots, while one is being written, the other holds the only whole image: when that rots
 * and the chip resets, nothing boots, whatever an agent does. A factory image is the cure. */
static bool is_last_image(const struct fixture *fixture, uint32_t offset)
{
    return !fixture->has_factory && is_in_running_image(offset);
}

static void rot_sector(const struct fixture *fixture, uint32_t offset, const char *name)
{
    static const uint32_t bits[] = {1, 8, 4096};
    static struct snapshot snapshots[PHASES];
    char what[96];
    for (enum phase phase = IDLE; phase < PHASES; phase++) {
        snapshot_restore(&steady, &device);
        if (!reach(phase)) abort();
        snapshot_take(&snapshots[phase], &device);
        for (uint32_t i = 0; i < 6; i++) {
            bool cycles = i % 2;
            if (phase == DOWNLOAD && cycles && is_last_image(fixture, offset)) {
                count.excused++;
                continue;
            }
            if (!is_wanted()) continue;
            snapshot_restore(&snapshots[phase], &device);
            count.boots = device.board.counters.boots;
            if (flash_rot(&device.chip, offset, bits[i / 2], offset + i)) abort();
            if (cycles) power_cycle();
            snprintf(what, sizeof what, "%s, %u bits of %s at 0x%05x%s", PHASE_NAMES[phase],
                     bits[i / 2], name, offset, cycles ? ", power cycled" : "");
            bool is_offered = cycles && phase == IDLE && is_in_running_image(offset);
            note(fixture, what, play_on(fixture, phase, is_offered));
        }
        snapshot_drop(&snapshots[phase]);
    }
}

static void run_rot(const struct fixture *fixture)
{
    static const struct {
        uint8_t type, subtype;
        uint32_t sectors;
        const char *name;
    } regions[] = {
        {GODWIT_PTYPE_APP, GODWIT_APP_OTA_0, SECTORS, "ota_0"},
        {GODWIT_PTYPE_APP, GODWIT_APP_OTA_0 + 1, SECTORS, "ota_1"},
        {GODWIT_PTYPE_APP, GODWIT_APP_FACTORY, SECTORS, "factory"},
        {GODWIT_PTYPE_DATA, GODWIT_DATA_OTADATA, 2, "otadata"},
        {GODWIT_PTYPE_DATA, GODWIT_DATA_UNDEFINED, 2, "the journal"},
    };
    for (size_t r = 0; r < sizeof regions / sizeof *regions; r++) {
        struct godwit_partition at = device_partition(&device, regions[r].type, regions[r].subtype);
        for (uint32_t i = 0; at.size && i < regions[r].sectors; i++)
            rot_sector(fixture, at.offset + i * GODWIT_SECTOR_SIZE, regions[r].name);
    }
}

/* ---- the n-th operation ---- */

/* Also confirmed: where the board's look at the behaviour in the image fails, that is healthy. */
static bool is_ended(const struct device *d)
{
    return is_decided(d) || (device_is_idle(d) && d->peer.outcome.stage != GODWIT_STAGE_CONFIRMED &&
                             d->peer.outcome.rollout_id == d->peer.rollout_id);
}

/* One update or rollback with the plan of the fault; operations_out: of that sort, in it alone. */
static const char *update_with_fault(const struct firmware *file, unsigned sort, bool is_silent,
                                     bool lasts, uint32_t fail_at, uint32_t *operations_out)
{
    snapshot_restore(&steady, &device);
    count.boots = device.board.counters.boots;
    fault.sorts = sort;
    fault.is_silent = is_silent;
    fault.lasts = lasts;
    fault.operations = 0;
    fault.fail_at = fail_at;
    peer_offer(&device.peer, file->data, file->size, 40);
    const char *wrong = NULL;
    if (lasts) {
        wrong = run_for(BROKEN_S);
        fault_clear(&fault);
        power_cycle();
    } else {
        device.peer.offers_always = true;
        wrong = run(file == &files[BAD] ? is_ended : is_decided, DAY_S);
    }
    *operations_out = fault.operations;
    fault_clear(&fault);
    return wrong ? wrong : recovers(&files[NEXT]);
}

static void run_nth(const struct fixture *fixture, const struct firmware *file)
{
    static const unsigned sorts[] = {FAULT_READ, FAULT_WRITE, FAULT_ERASE};
    static const char *const names[] = {"read", "write", "erase"};
    char what[96];
    for (uint32_t way = 0; way < 12; way++) {
        uint32_t sort = sorts[way / 4], operations, ignored;
        bool is_silent = way & 1, lasts = way & 2;
        if (update_with_fault(file, sort, false, false, 0, &operations)) abort();
        for (uint32_t n = 1; n <= operations; n++) {
            if (!is_wanted()) continue;
            snprintf(what, sizeof what, "%s, %s %u of %u %s%s",
                     file == &files[BAD] ? "rollback" : "update", names[way / 4], n, operations,
                     is_silent ? "does nothing" : "fails", lasts ? ", and all behind it" : "");
            note(fixture, what, update_with_fault(file, sort, is_silent, lasts, n, &ignored));
        }
    }
}

/* ---- wear ---- */

static struct wear wear;

static void run_wear(uint32_t updates)
{
    begin(&FIXTURES[0]);
    fault.erases = wear.erases;
    device.link.piece_max = 2048;
    for (uint32_t i = 0; i < updates; i++)
        wear_update(&wear, &device, i, key, FILE_SIZE);
    fault.erases = NULL;
    device.peer.withdraws = false;
    const char *wrong = recovers(&files[NEXT]);
    count.cases += wear.updates;
    count.wrong += wear.updates - wear.failed + (wrong != NULL);
    if (wrong) fprintf(stderr, "after %u failed updates: %s\n", updates, wrong);
    end();
}

static void make_files(void)
{
    static const char *const versions[] = {"1.0.0", "2.0.0", "3.0.0", "4.0.0",
                                           "5.0.0", "6.0.0", "7.0.0"};
    for (size_t i = 0; i < FILES_COUNT; i++) {
        enum behaviour_kind kind = i == BAD ? BEHAVIOUR_WRONG_CONFIG : BEHAVIOUR_HEALTHY;
        files[i] =
            firmware_make(versions[i], (struct behaviour){kind, i == BAD ? 5 : 0}, FILE_SIZE, key);
    }
}

static void run_fixtures(void)
{
    for (size_t i = 0; i < FIXTURES_COUNT; i++) {
        begin(&FIXTURES[i]);
        run_rot(&FIXTURES[i]);
        run_nth(&FIXTURES[i], &files[NEXT]);
        run_nth(&FIXTURES[i], &files[BAD]);
        end();
    }
    if (count.excused)
        printf("not counted, nobody can boot what is not there: %u cases of rot in the only whole "
               "image of a device without factory, in a download, with power cycled\n",
               count.excused);
}

/* 0: all bars are met. */
static int report(void)
{
    double otadata = wear_per_update(&wear, 0xE000, 0x10000);
    double slot = wear_per_update(&wear, 0x20000, DEVICE_FLASH_SIZE);
    printf("figure badflash cases=%u wrong=%u otadata_erases_per_update=%.2f "
           "slot_erases_per_update=%.2f otadata_erases_max=%u slot_erases_max=%u "
           "journal_erases_per_update=%.2f excused=%u\n",
           count.cases, count.wrong, otadata, slot, wear.otadata_max, wear.slot_max,
           wear_per_update(&wear, 0x10000, 0x12000), count.excused);
    return count.wrong || otadata > 3 || slot > 1 || !count.cases;
}

int main(int argc, char **argv)
{
    bool replays = argc == 3 && !strcmp(argv[1], "--replay");
    bool wears = argc == 3 && !strcmp(argv[1], "--wear");
    uint32_t number = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    uint32_t updates = wears ? number : UPDATES;
    key = key_generate(GODWIT_SCHEME_ECDSA256);
    if (!key || !updates || (argc != 1 && !replays && !wears)) return 2;
    if (replays) count.replay = number;
    make_files();
    if (!wears) run_fixtures();
    if (!replays) run_wear(updates);
    for (size_t i = 0; i < FILES_COUNT; i++)
        free(files[i].data);
    key_close(key);
    return report();
}
