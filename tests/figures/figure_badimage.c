/* figure badimage: releases that should never have been made. Every bad behaviour, on a device with
 * and without rollback in its bootloader, with two slots and with a factory image, as its first
 * update and as a later one into either slot; files damaged in every way that the bootloader
 * refuses, before the upload; and good files damaged in flash between the last look and the boot.
 *
 *   returned     the last good image runs again, for good, within the time that the trial allows
 *   cause_named  the server heard the reason that fits
 *
 * What nobody can return from is printed by name and not counted: an image that dies before the
 * agent's first step under a bootloader that does not watch.
 *     figure_badimage [--replay CASE] */
#include <stdio.h>
#include <stdlib.h>

#include "emu/pack.h"
#include "snapshot.h"

#define FILE_SIZE 0x5000u
#define ROLLOUT 9u
#define QUIET_S 1200u
#define NORMAL_S 660u /* the trial's ten minutes, and one to boot and report */
#define NO_REPLY_S 3660u
#define LOOP_S 10800u /* three crashes, each in its first hour */

/* ---- worlds ---- */

static const struct fixture {
    const char *name;
    bool has_factory, is_unwatched;
    uint32_t updates; /* good ones before */
    bool is_open;     /* a product that asks for no signature */
} FIXTURES[] = {
    {"two slots, first update", false, false, 0, false},
    {"two slots, into slot 0", false, false, 1, false},
    {"two slots, into slot 1", false, false, 2, false},
    {"factory, first update", true, false, 0, false},
    {"factory, into slot 1", true, false, 1, false},
    {"factory, into slot 0", true, false, 2, false},
    {"two slots, no rollback, first update", false, true, 0, false},
    {"two slots, no rollback, into slot 0", false, true, 1, false},
    {"two slots, no rollback, into slot 1", false, true, 2, false},
    {"factory, no rollback, first update", true, true, 0, false},
    {"factory, no rollback, into slot 1", true, true, 1, false},
    {"factory, no rollback, into slot 0", true, true, 2, false},
    {"open product, two slots, into slot 0", false, false, 1, true},
    {"open product, factory, no rollback, first update", true, true, 0, true},
};
#define FIXTURES_COUNT (sizeof FIXTURES / sizeof *FIXTURES)

static struct device device; /* static: the board points into itself */
static struct snapshot steady;
static struct firmware good[3];
static struct key *key, *fixture_key; /* NULL: the world's product is open */

static bool has_joined(const struct device *d)
{
    return device_is_idle(d) && d->peer.checkins > 0;
}

static void begin(const struct fixture *fixture)
{
    static const char *const versions[] = {"1.0.0", "2.0.0", "3.0.0"};
    const struct board_layout layout = {.has_factory = fixture->has_factory};
    fixture_key = fixture->is_open ? NULL : key;
    for (size_t i = 0; i < 3; i++)
        good[i] = firmware_make(versions[i], (struct behaviour){BEHAVIOUR_HEALTHY, 0}, FILE_SIZE,
                                fixture_key);
    device_init(&device, &layout, &good[0], fixture_key, 4);
    device.board.options.bootloader.has_rollback = !fixture->is_unwatched;
    /* Not by power: after a power cut the server would offer a failed file again. */
    device_power_on(&device, GODWIT_RESET_SOFTWARE);
    for (uint32_t i = 1; i <= fixture->updates; i++)
        device_install(&device, &good[i], i);
    if (!device_run(&device, has_joined, QUIET_S)) abort();
    snapshot_take(&steady, &device);
}

static void end(void)
{
    snapshot_drop(&steady);
    device_deinit(&device);
    for (size_t i = 0; i < 3; i++)
        free(good[i].data);
}

/* ---- the count ---- */

static struct {
    uint32_t cases, returned, named, excused;
    uint32_t next, replay; /* case numbers; replay 0: all */
} count;

static bool is_wanted(void)
{
    count.next++;
    return !count.replay || count.replay == count.next;
}

static void check(const struct fixture *fixture, const char *what, bool returns, bool is_named)
{
    count.cases++;
    count.returned += returns;
    count.named += is_named;
    if (returns && is_named && !count.replay) return;
    fprintf(stderr, "%s, %s: %s, %s; runs %s, heard %s %s (--replay %u)\n", fixture->name, what,
            returns ? "returned" : "NOT returned", is_named ? "cause named" : "cause NOT named",
            device.board.running.label, godwit_stage_name(device.peer.outcome.stage),
            godwit_reason_id(device.peer.outcome.reason), count.next);
}

/* The image before the bad one runs, is what boots next, and the server heard how it went. */
static bool is_back(const struct device *d, const struct firmware *old)
{
    struct godwit_partition next;
    return device_is_idle(d) && d->peer.outcomes > steady.device.peer.outcomes &&
           device_runs(d, old) && device_would_boot(d, &next) && device_holds(d, &next, old);
}

static const struct firmware *old_file(const struct fixture *fixture)
{
    return &good[fixture->updates];
}

static const struct firmware *expected_old;

static bool is_back_now(const struct device *d)
{
    return d->peer.outcome.rollout_id == ROLLOUT &&
           d->peer.outcome.stage != GODWIT_STAGE_CONFIRMED && is_back(d, expected_old);
}

/* Back within the time, and still so a while later. */
static bool comes_back(const struct fixture *fixture, uint32_t limit_s)
{
    expected_old = old_file(fixture);
    if (!device_run(&device, is_back_now, limit_s)) return false;
    uint32_t outcomes = device.peer.outcomes;
    uint64_t end_ms = device.now_ms + QUIET_S * 1000u;
    while (device.now_ms < end_ms && device_step(&device))
        ;
    return is_back(&device, expected_old) && device.peer.outcomes == outcomes;
}

/* ---- behaviours ---- */

static const struct bad {
    enum behaviour_kind kind;
    uint32_t delay_s, limit_s;
    enum godwit_reason reason;
    bool lets_no_step; /* dies before the agent's first step */
} BADS[] = {
    {BEHAVIOUR_CRASH_AT_BOOT, 0, NORMAL_S, GODWIT_REASON_TRIAL_PANIC, true},
    {BEHAVIOUR_CRASH_AT_BOOT, 1, NORMAL_S, GODWIT_REASON_TRIAL_PANIC, false},
    {BEHAVIOUR_CRASH_AT_BOOT, 5, NORMAL_S, GODWIT_REASON_TRIAL_PANIC, false},
    {BEHAVIOUR_CRASH_AFTER_STEP, 0, NORMAL_S, GODWIT_REASON_TRIAL_PANIC, false},
    {BEHAVIOUR_CRASH_AFTER_STEP, 2, NORMAL_S, GODWIT_REASON_TRIAL_PANIC, false},
    {BEHAVIOUR_HANG, 0, NORMAL_S, GODWIT_REASON_TRIAL_WATCHDOG, true},
    {BEHAVIOUR_HANG, 30, NORMAL_S, GODWIT_REASON_TRIAL_WATCHDOG, true},
    {BEHAVIOUR_HANG_AFTER_CONTACT, 0, NORMAL_S, GODWIT_REASON_TRIAL_WATCHDOG, false},
    {BEHAVIOUR_HANG_AFTER_CONTACT, 60, NORMAL_S, GODWIT_REASON_TRIAL_WATCHDOG, false},
    {BEHAVIOUR_DEADLOCK, 2, NORMAL_S, GODWIT_REASON_TRIAL_WATCHDOG, false},
    {BEHAVIOUR_DEADLOCK, 40, LOOP_S, GODWIT_REASON_CRASH_LOOP, false},
    {BEHAVIOUR_STACK_OVERFLOW, 0, NORMAL_S, GODWIT_REASON_TRIAL_PANIC, false},
    {BEHAVIOUR_STACK_OVERFLOW, 2, NORMAL_S, GODWIT_REASON_TRIAL_PANIC, false},
    {BEHAVIOUR_LEAK, 5, NORMAL_S, GODWIT_REASON_TRIAL_PANIC, false},
    {BEHAVIOUR_LEAK, 60, LOOP_S, GODWIT_REASON_CRASH_LOOP, false},
    {BEHAVIOUR_LEAK, 3000, LOOP_S, GODWIT_REASON_CRASH_LOOP, false},
    {BEHAVIOUR_CRASH_AFTER_CONFIRM, 0, LOOP_S, GODWIT_REASON_CRASH_LOOP, false},
    {BEHAVIOUR_CRASH_AFTER_CONFIRM, 5, LOOP_S, GODWIT_REASON_CRASH_LOOP, false},
    {BEHAVIOUR_CRASH_AFTER_CONFIRM, 600, LOOP_S, GODWIT_REASON_CRASH_LOOP, false},
    {BEHAVIOUR_NO_NETWORK, 0, NORMAL_S, GODWIT_REASON_TRIAL_NO_CONTACT, false},
    {BEHAVIOUR_NO_REPLY, 0, NO_REPLY_S, GODWIT_REASON_TRIAL_NO_CONTACT, false},
    {BEHAVIOUR_WRONG_CONFIG, 0, NORMAL_S, GODWIT_REASON_TRIAL_SELF_TEST, false},
    {BEHAVIOUR_WRONG_CONFIG, 300, NORMAL_S, GODWIT_REASON_TRIAL_SELF_TEST, false},
    {BEHAVIOUR_NEVER_CONFIRM, 0, NORMAL_S, GODWIT_REASON_TRIAL_DEADLINE, false},
    {BEHAVIOUR_SELF_RESET, 0, NORMAL_S, GODWIT_REASON_TRIAL_RESET, true},
    {BEHAVIOUR_SELF_RESET, 3, NORMAL_S, GODWIT_REASON_TRIAL_RESET, false},
};

/* Panics, watchdog and self-made resets since the steady moment, but for the agent's own. */
static uint32_t count_deaths(void)
{
    const struct board_counters *now = &device.board.counters;
    const struct board_counters *then = &steady.device.board.counters;
    return now->panics + now->watchdogs - then->panics - then->watchdogs;
}

/* A trial is one boot: an image dies on it once. Confirmed and in its first hour it may three
 * times. */
static uint32_t deaths_max(const struct bad *bad)
{
    return bad->reason == GODWIT_REASON_CRASH_LOOP ? 3 : 1;
}

static bool has_booted_bad(const struct device *d)
{
    return d->board.counters.boots > steady.device.board.counters.boots && d->board.is_started;
}

/* Each once, however many worlds it happens in. */
static void excuse(const struct bad *bad)
{
    static bool is_offered[sizeof BADS / sizeof *BADS];
    if (!is_offered[bad - BADS])
        printf("not counted, nobody returns from it without rollback in the bootloader: %s after "
               "%u s, before the agent's first step\n",
               behaviour_name(bad->kind), bad->delay_s);
    is_offered[bad - BADS] = true;
}

static void run_behaviour(const struct fixture *fixture, const struct bad *bad)
{
    char what[64];
    snprintf(what, sizeof what, "%s after %u s", behaviour_name(bad->kind), bad->delay_s);
    if (fixture->is_unwatched && bad->lets_no_step) {
        count.excused++;
        excuse(bad);
        return;
    }
    if (!is_wanted()) return;
    struct firmware file =
        firmware_make("9.0.0", (struct behaviour){bad->kind, bad->delay_s}, FILE_SIZE, fixture_key);
    snapshot_restore(&steady, &device);
    peer_offer(&device.peer, file.data, file.size, ROLLOUT);
    bool returns = device_run(&device, has_booted_bad, QUIET_S) &&
                   comes_back(fixture, bad->limit_s) && count_deaths() <= deaths_max(bad);
    bool is_named = device.peer.outcome.reason == bad->reason &&
                    device.peer.outcome.stage == GODWIT_STAGE_ROLLED_BACK;
    check(fixture, what, returns, is_named);
    free(file.data);
}

/* ---- damage ---- */

enum place { CHECKSUM = -33, DIGEST = -32 }; /* from the end of the image */

static const struct damage {
    const char *name;
    enum godwit_reason reason, open_reason; /* of the file; where no signature is asked for */
    int at;                                 /* byte to change; below 0: from the image's end */
    uint8_t to;                             /* 0: flip its lowest bit */
    uint32_t keep;                          /* in 1/256 of the image; 0: all */
} DAMAGES[] = {
    {"magic", GODWIT_REASON_BODY_DIFFERS, GODWIT_REASON_BODY_DIFFERS, 0, 0x5A, 0},
    {"checksum", GODWIT_REASON_SIGNATURE_DIGEST, GODWIT_REASON_CHECKSUM, CHECKSUM, 0, 0},
    {"sha", GODWIT_REASON_SIGNATURE_DIGEST, GODWIT_REASON_IMAGE_DIGEST, DIGEST, 0, 0},
    {"data", GODWIT_REASON_SIGNATURE_DIGEST, GODWIT_REASON_CHECKSUM, 0x900, 0, 0},
    {"half", GODWIT_REASON_UNSIGNED, GODWIT_REASON_TRUNCATED, 0, 0, 128},
    {"4 KB", GODWIT_REASON_UNSIGNED, GODWIT_REASON_TRUNCATED, 0, 0, 64},
    {"erased", GODWIT_REASON_BODY_DIFFERS, GODWIT_REASON_BODY_DIFFERS, 0, 0, 1},
    {"chip", GODWIT_REASON_WRONG_CHIP, GODWIT_REASON_WRONG_CHIP, 12, 9, 0},
    {"minimal revision", GODWIT_REASON_CHIP_REVISION, GODWIT_REASON_CHIP_REVISION, 15, 99, 0},
    {"17 segments", GODWIT_REASON_SEGMENTS, GODWIT_REASON_SEGMENTS, 1, 17, 0},
    {"no digest", GODWIT_REASON_NO_DIGEST, GODWIT_REASON_NO_DIGEST, 23, 0, 0},
};
#define DAMAGES_COUNT (sizeof DAMAGES / sizeof *DAMAGES)

/* The file's bytes before the signature sector, where it has one. */
static size_t image_size_of(const struct firmware *file)
{
    return file->size - (fixture_key ? GODWIT_SECTOR_SIZE : 0);
}

static void apply(const struct damage *damage, uint8_t *bytes, size_t size, size_t image_size)
{
    size_t keep = damage->keep > 1 ? image_size * damage->keep / 256 : 0;
    if (damage->keep) {
        memset(bytes + keep, 0xFF, size - keep);
        return;
    }
    uint8_t *byte = bytes + (damage->at < 0 ? (int)image_size + damage->at : damage->at);
    *byte = damage->to ? damage->to : (uint8_t)(*byte ^ 1u);
}

/* A damaged file is offered, with the digest of its damaged bytes, signed deploy and all. */
static void run_damaged_file(const struct fixture *fixture, const struct damage *damage)
{
    char what[64];
    snprintf(what, sizeof what, "damaged file: %s", damage->name);
    if (!is_wanted()) return;
    struct firmware file =
        firmware_make("9.0.0", (struct behaviour){BEHAVIOUR_HEALTHY, 0}, FILE_SIZE, fixture_key);
    if (damage->keep > 1)
        file.size = image_size_of(&file) * damage->keep / 256;
    else
        apply(damage, file.data, file.size, image_size_of(&file));
    snapshot_restore(&steady, &device);
    peer_offer(&device.peer, file.data, file.size, ROLLOUT);
    device.peer.chip_id = 5; /* the server took it for what it was made as */
    bool returns = comes_back(fixture, QUIET_S) &&
                   device.board.counters.restarts == steady.device.board.counters.restarts;
    enum godwit_reason reason = fixture->is_open ? damage->open_reason : damage->reason;
    bool is_named =
        device.peer.outcome.reason == reason && device.peer.outcome.stage < GODWIT_STAGE_SWITCH;
    check(fixture, what, returns, is_named);
    free(file.data);
}

static bool has_switched(const struct device *d)
{
    return d->board.counters.restarts > steady.device.board.counters.restarts;
}

/* A good file is verified and selected; then the slot breaks, and only then the chip boots. */
static void run_damaged_slot(const struct fixture *fixture, const struct damage *damage)
{
    char what[64];
    snprintf(what, sizeof what, "damaged in flash: %s", damage->name);
    if (!is_wanted()) return;
    struct firmware file =
        firmware_make("9.0.0", (struct behaviour){BEHAVIOUR_HEALTHY, 0}, FILE_SIZE, fixture_key);
    snapshot_restore(&steady, &device);
    peer_offer(&device.peer, file.data, file.size, ROLLOUT);
    bool returns = device_run(&device, has_switched, QUIET_S);
    uint32_t slot = fixture->updates % 2 != fixture->has_factory ? 0 : 1;
    struct godwit_partition partition =
        device_partition(&device, GODWIT_PTYPE_APP, (uint8_t)(GODWIT_APP_OTA_0 + slot));
    if (!device_holds(&device, &partition, &file)) abort(); /* the wrong slot: our own bug */
    apply(damage, file.data, file.size, image_size_of(&file));
    if (flash_put(&device.bare, partition.offset, file.data, file.size)) abort();
    returns = returns && comes_back(fixture, QUIET_S);
    bool is_named = device.peer.outcome.reason == GODWIT_REASON_TRIAL_NOT_BOOTED &&
                    device.peer.outcome.stage == GODWIT_STAGE_ROLLED_BACK;
    check(fixture, what, returns, is_named);
    free(file.data);
}

static void run_fixture(const struct fixture *fixture)
{
    begin(fixture);
    for (size_t i = 0; i < sizeof BADS / sizeof *BADS; i++)
        run_behaviour(fixture, &BADS[i]);
    for (size_t i = 0; i < DAMAGES_COUNT; i++)
        run_damaged_file(fixture, &DAMAGES[i]);
    for (size_t i = 0; i < DAMAGES_COUNT - 1; i++) /* all but "no digest", which the chip boots */
        run_damaged_slot(fixture, &DAMAGES[i]);
    end();
}

int main(int argc, char **argv)
{
    bool replays = argc == 3 && !strcmp(argv[1], "--replay");
    key = key_generate(GODWIT_SCHEME_ECDSA256);
    if (!key || (argc != 1 && !replays)) return 2;
    if (replays) count.replay = (uint32_t)strtoul(argv[2], NULL, 10);
    for (size_t i = 0; i < FIXTURES_COUNT; i++)
        run_fixture(&FIXTURES[i]);
    key_close(key);
    if (!count.cases) return 2;
    printf("figure badimage cases=%u returned=%.4g%% cause_named=%.4g%% excused=%u\n", count.cases,
           100.0 * count.returned / count.cases, 100.0 * count.named / count.cases, count.excused);
    return count.returned != count.cases || count.named != count.cases;
}
