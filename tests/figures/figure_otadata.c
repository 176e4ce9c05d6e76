/* figure otadata: the boot choice is damaged while the device is off. All one- and two-bit flips of
 * both entries, edge values of number and state in each and in both, erased and half-written
 * entries; on devices that hold two confirmed images, with the newer one named by entry 1 and by
 * entry 0, with a factory image, and with a bootloader without rollback (these two in samples).
 *
 *   unbootable  after three boots no verified image runs
 *   lost        in the end another image runs than the one that was confirmed last
 *   silent      the damage still stands, and the server never heard of it
 *
 * An otadata partition of 0x1000 is not among them: ESP-IDF's bootloader starts nothing then, so no
 * agent ever runs (tests/unit/agent/test_surprises.c).
 *     figure_otadata [--replay WORLD CASE | --every N] */
#include <stdio.h>
#include <stdlib.h>

#include "parallel.h"
#include "snapshot.h"

#define FILE_SIZE 0x3000u
#define BOOTS_MAX 3
#define QUIET_S 900u
#define ENTRY_BITS 512u
#define PAIRS (ENTRY_BITS * (ENTRY_BITS - 1) / 2)
#define EDGE_SEQS 5u /* the last of each: as it was */
#define EDGE_STATES 10u
#define EDGES (EDGE_SEQS * EDGE_STATES)
#define OLD_CRC_EDGES (2 * (EDGE_SEQS - 1))
#define ERASED 3u
#define TORN (2 * GODWIT_OTA_ENTRY_SIZE)
#define CASES (ENTRY_BITS + PAIRS + EDGES * EDGES + OLD_CRC_EDGES + ERASED + TORN)
#define CASES_MIN 131000u

enum {
    COUNT_CASES,
    COUNT_UNBOOTABLE,
    COUNT_LOST,
    COUNT_SILENT,
    COUNT_WRONG,
    COUNT_BOOTS,
    COUNT_ALL,
    COUNTS
};

static const struct fixture {
    const char *name;
    bool has_factory, is_unwatched;
    uint32_t updates; /* 1: entry 1 names what runs; 2: entry 0 does */
    uint32_t stride;  /* every so many of the pairs of bits, and all else */
} FIXTURES[] = {
    {"two slots, entry 1 active", false, false, 1, 1},
    {"two slots, entry 0 active", false, false, 2, 1},
    {"factory, entry 1 active", true, false, 2, 41},
    {"two slots, no rollback, entry 1 active", false, true, 1, 41},
};
#define FIXTURES_COUNT (sizeof FIXTURES / sizeof *FIXTURES)

static struct device device;   /* static: the board points into itself */
static struct snapshot steady; /* power is off */
static struct godwit_ota_entry before[2];
static struct firmware files[3];
static uint32_t *counts;

static void begin(const struct fixture *fixture, const struct key *key)
{
    const struct board_layout layout = {.has_factory = fixture->has_factory};
    device_init(&device, &layout, &files[0], key, 4);
    device.board.options.bootloader.has_rollback = !fixture->is_unwatched;
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    for (uint32_t i = 1; i <= fixture->updates; i++)
        device_install(&device, &files[i], i);
    board_power_off(&device.board);
    device_entries(&device, before);
    snapshot_take(&steady, &device);
}

static void end(void)
{
    snapshot_drop(&steady);
    device_deinit(&device);
}

/* ---- the damage ---- */

static void flip(struct godwit_ota_entry entries[2], uint32_t bit)
{
    ((uint8_t *)entries)[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void edge(struct godwit_ota_entry *entry, uint32_t which)
{
    static const uint32_t seqs[] = {0, 1, 0xFFFFFFFE, 0xFFFFFFFF};
    static const uint32_t states[] = {0, 1, 2, 3, 4, 5, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF};
    uint32_t seq = which % EDGE_SEQS, state = which / EDGE_SEQS;
    if (seq < EDGE_SEQS - 1) {
        entry->seq = seqs[seq];
        entry->crc = godwit_ota_crc(entry->seq);
    }
    if (state < EDGE_STATES - 1) entry->state = states[state];
}

/* Case by case; says in a word what it is. */
static void damage(uint32_t c, struct godwit_ota_entry entries[2], char *word, size_t size)
{
    static const uint32_t seqs[] = {0, 1, 0xFFFFFFFE, 0xFFFFFFFF};
    if (c < ENTRY_BITS) {
        snprintf(word, size, "bit %u", c);
        flip(entries, c);
        return;
    }
    c -= ENTRY_BITS;
    if (c < PAIRS) {
        uint32_t first = 0;
        while (c >= ENTRY_BITS - 1 - first)
            c -= ENTRY_BITS - 1 - first++;
        snprintf(word, size, "bits %u and %u", first, first + 1 + c);
        flip(entries, first);
        flip(entries, first + 1 + c);
        return;
    }
    c -= PAIRS;
    snprintf(word, size, "edge values %u and %u", c / EDGES, c % EDGES);
    if (c < EDGES * EDGES) {
        edge(&entries[0], c / EDGES);
        edge(&entries[1], c % EDGES);
        return;
    }
    c -= EDGES * EDGES;
    snprintf(word, size, "number %u of %u, CRC as it was", c / 2, c % 2);
    if (c < OLD_CRC_EDGES) {
        entries[c % 2].seq = seqs[c / 2];
        return;
    }
    c -= OLD_CRC_EDGES;
    snprintf(word, size, "erased %u", c + 1);
    if (c < ERASED) {
        for (uint32_t i = 0; i < 2; i++)
            if ((c + 1) & 1u << i) memset(&entries[i], 0xFF, sizeof entries[i]);
        return;
    }
    c -= ERASED;
    snprintf(word, size, "entry %u torn after %u bytes", c % 2, c / 2);
    memset((uint8_t *)&entries[c % 2] + c / 2, 0xFF, GODWIT_OTA_ENTRY_SIZE - c / 2);
}

/* ---- the judge ---- */

static bool is_canonical(const struct godwit_ota_entry *entry)
{
    return godwit_ota_is_valid(entry) && entry->state == GODWIT_OTA_VALID &&
           godwit_all(entry->label, sizeof entry->label, 0xFF);
}

/* Bit-exact as before, or as good: the active entry names what runs, the other one what ran. */
static bool is_repaired(void)
{
    struct godwit_ota_entry now[2];
    device_entries(&device, now);
    if (!memcmp(now, before, sizeof now)) return true;
    int active = godwit_ota_active(now);
    if (active < 0 || !is_canonical(&now[active]) || !is_canonical(&now[!active])) return false;
    uint32_t running = device.board.running.subtype - (uint32_t)GODWIT_APP_OTA_0;
    return godwit_ota_slot(now[active].seq, 2) == running &&
           godwit_ota_slot(now[!active].seq, 2) == !running;
}

static bool has_checked_in(const struct device *d)
{
    return device_is_idle(d) && d->peer.checkins > steady.device.peer.checkins;
}

static bool is_dealt_with(const struct device *d)
{
    return has_checked_in(d) && (is_repaired() || d->peer.outcomes > steady.device.peer.outcomes);
}

static bool runs_a_verified_image(void)
{
    for (size_t i = 0; i < 3; i++)
        if (device_runs(&device, &files[i])) return true;
    return false;
}

/* Both entries erased is how ESP-IDF's button for a factory reset asks for factory: the device goes
 * there, and says so. */
static bool runs_what_it_should(const struct fixture *fixture,
                                const struct godwit_ota_entry entries[2])
{
    bool is_reset = godwit_all((const uint8_t *)entries, 2 * sizeof *entries, 0xFF);
    return device_runs(&device, &files[fixture->has_factory && is_reset ? 0 : fixture->updates]);
}

static void run_case(uint32_t c, void *arg)
{
    const struct fixture *fixture = arg;
    struct godwit_ota_entry entries[2] = {before[0], before[1]};
    char word[64];
    damage(c, entries, word, sizeof word);
    snapshot_restore(&steady, &device);
    device_put_entries(&device, entries);
    uint32_t boots = device.board.counters.boots;
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    bool checks_in = device_run(&device, has_checked_in, QUIET_S);
    boots = device.board.counters.boots - boots;
    parallel_add(&counts[COUNT_CASES], 1);
    parallel_max(&counts[COUNT_BOOTS], boots);
    const char *fault = NULL;
    if (!checks_in || !runs_a_verified_image() || boots > BOOTS_MAX) {
        parallel_add(&counts[COUNT_UNBOOTABLE], 1);
        fault = "unbootable";
    } else if (!device_run(&device, is_dealt_with, QUIET_S)) {
        parallel_add(&counts[COUNT_SILENT], 1);
        fault = "silent";
    } else if (!runs_what_it_should(fixture, entries)) {
        parallel_add(&counts[COUNT_LOST], 1);
        fault = "lost";
    } else if (device.ram.violations) {
        parallel_add(&counts[COUNT_WRONG], 1);
        fault = "written over unerased bytes";
    }
    if (fault && __atomic_add_fetch(&counts[COUNT_ALL], 1, __ATOMIC_RELAXED) <= 40)
        fprintf(stderr, "%s, %s: %s (%u boots; --replay %zu %u)\n", fixture->name, word, fault,
                boots, (size_t)(fixture - FIXTURES), c);
}

static void tell(uint32_t c)
{
    struct godwit_ota_entry now[2];
    device_entries(&device, now);
    printf("case %u ends in %s, reason %s\n", c, device.board.running.label,
           godwit_reason_id(device.peer.outcome.reason));
    for (uint32_t i = 0; i < 2; i++)
        printf("entry %u: before %u/%u %08x, now %u/%u %08x\n", i, before[i].seq, before[i].state,
               before[i].crc, now[i].seq, now[i].state, now[i].crc);
}

static void replay(const struct fixture *fixture, uint32_t c)
{
    run_case(c, (void *)fixture);
    tell(c);
}

struct plan {
    const struct fixture *fixture;
    uint32_t every; /* … of the pairs */
};

/* All that are not pairs first, then every so many pairs. */
static void run_planned(uint32_t index, void *arg)
{
    const struct plan *plan = arg;
    uint32_t c = index < ENTRY_BITS      ? index
                 : index < CASES - PAIRS ? index + PAIRS
                                         : ENTRY_BITS + (index - (CASES - PAIRS)) * plan->every;
    run_case(c, (void *)plan->fixture);
}

/* words: of the command line. False: a worker died. */
static bool run_fixtures(const struct key *key, char **words, bool replays, uint32_t every)
{
    bool is_well = true;
    for (size_t i = 0; i < FIXTURES_COUNT; i++) {
        struct plan plan = {&FIXTURES[i], FIXTURES[i].stride * every};
        if (replays && strtoul(words[2], NULL, 10) != i) continue;
        begin(plan.fixture, key);
        uint32_t pairs = (PAIRS + plan.every - 1) / plan.every;
        if (replays)
            replay(plan.fixture, (uint32_t)strtoul(words[3], NULL, 10));
        else
            is_well = parallel_run(CASES - PAIRS + pairs, 1, run_planned, &plan) && is_well;
        end();
    }
    return is_well;
}

int main(int argc, char **argv)
{
    struct key *key = key_generate(GODWIT_SCHEME_ECDSA256);
    const struct behaviour healthy = {BEHAVIOUR_HEALTHY, 0};
    bool replays = argc == 4 && !strcmp(argv[1], "--replay");
    bool samples = argc == 3 && !strcmp(argv[1], "--every");
    uint32_t every = samples ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    if (!key || !every || (argc != 1 && !replays && !samples)) return 2;
    files[0] = firmware_make("1.0.0", healthy, FILE_SIZE, key);
    files[1] = firmware_make("2.0.0", healthy, FILE_SIZE, key);
    files[2] = firmware_make("3.0.0", healthy, FILE_SIZE, key);
    counts = parallel_counts(COUNTS);
    bool is_well = run_fixtures(key, argv, replays, every);
    for (size_t i = 0; i < 3; i++)
        free(files[i].data);
    key_close(key);
    bool is_enough = replays || samples || counts[COUNT_CASES] >= CASES_MIN;
    printf("figure otadata cases=%u unbootable=%u silent=%u lost=%u boots_max=%u\n",
           counts[COUNT_CASES], counts[COUNT_UNBOOTABLE], counts[COUNT_SILENT], counts[COUNT_LOST],
           counts[COUNT_BOOTS]);
    return !is_well || !is_enough || counts[COUNT_ALL] != 0;
}
