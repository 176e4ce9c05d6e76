/* The scenarios: what is offered, where the device runs before, and what has gone wrong already. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "scenario.h"

#include <openssl/rand.h>
#include <stdlib.h>

#include "emu/chance.h"

#define SECTOR 4096u
#define SLOT_SIZE 0x10000u
#define APPS_OFFSET 0x20000u
#define OTADATA_OFFSET 0xE000u
#define ENTRIES_FILLED 96 /* power cycles that leave the journal's marks nearly used up */

/* ---- chance from a seed, so that keys and signatures are the same in every run ---- */

static uint64_t chance_state;

static int chance_bytes(unsigned char *out, int size)
{
    for (int i = 0; i < size; i++)
        out[i] = (unsigned char)mix64(chance_state++);
    return 1;
}

static int chance_is_ready(void)
{
    return 1;
}

static const RAND_METHOD CHANCE = {
    .bytes = chance_bytes, .pseudorand = chance_bytes, .status = chance_is_ready};

/* ---- scenarios ---- */

enum twist { TWIST_NONE, TWIST_DROP, TWIST_ENTRIES, TWIST_ENTRY_GONE, TWIST_ENTRY_BAD, TWIST_KEYS };

struct scenario_kind {
    const char *name;
    struct behaviour behaviour; /* of the offered file */
    enum lifetime_goal goal;
    enum twist twist;
    bool needs_watch; /* only a bootloader that watches can bring it back */
    bool is_blind;    /* see struct life */
};

static const struct scenario_kind KINDS[] = {
    {"update", {BEHAVIOUR_HEALTHY, 0}, LIFETIME_CONFIRMS, TWIST_NONE, false, false},
    {"crash", {BEHAVIOUR_CRASH_AT_BOOT, 1}, LIFETIME_ROLLS_BACK, TWIST_NONE, false, false},
    {"resume", {BEHAVIOUR_HEALTHY, 0}, LIFETIME_CONFIRMS, TWIST_DROP, false, false},
    {"crash at boot", {BEHAVIOUR_CRASH_AT_BOOT, 0}, LIFETIME_ROLLS_BACK, TWIST_NONE, true, true},
    {"hang", {BEHAVIOUR_HANG, 1}, LIFETIME_ROLLS_BACK, TWIST_NONE, true, true},
    {"deadlock", {BEHAVIOUR_DEADLOCK, 1}, LIFETIME_ROLLS_BACK, TWIST_NONE, false, false},
    {"no network", {BEHAVIOUR_NO_NETWORK, 0}, LIFETIME_ROLLS_BACK, TWIST_NONE, false, false},
    {"failed self-test",
     {BEHAVIOUR_WRONG_CONFIG, 2},
     LIFETIME_ROLLS_BACK,
     TWIST_NONE,
     false,
     false},
    {"full journal", {BEHAVIOUR_HEALTHY, 0}, LIFETIME_CONFIRMS, TWIST_ENTRIES, false, false},
    {"otadata entry gone", {0}, LIFETIME_STAYS, TWIST_ENTRY_GONE, false, false},
    {"otadata entry bad", {0}, LIFETIME_STAYS, TWIST_ENTRY_BAD, false, false},
    /* an image with a policy comes, which lists a second key; then the first key goes */
    {"key added", {BEHAVIOUR_HEALTHY, 0}, LIFETIME_CONFIRMS, TWIST_NONE, false, false},
    {"key dropped", {BEHAVIOUR_HEALTHY, 0}, LIFETIME_CONFIRMS, TWIST_KEYS, false, false},
};
_Static_assert(sizeof KINDS / sizeof *KINDS == SCENARIO_KINDS, "scenario.h");

/* Where the device runs when the scenario begins. */
static const struct start {
    const char *name;
    bool has_factory;
    uint8_t updates; /* that were made before */
} STARTS[] = {
    {"new, slot 0", false, 0}, {"from slot 1", false, 1},         {"from slot 0", false, 2},
    {"new, factory", true, 0}, {"from slot 0 of three", true, 1}, {"from slot 1 of three", true, 2},
};
_Static_assert(sizeof STARTS / sizeof *STARTS == SCENARIO_STARTS, "scenario.h");

static const uint32_t WRITE_SIZES[] = {4, 16, 32};
_Static_assert(sizeof WRITE_SIZES / sizeof *WRITE_SIZES == SCENARIO_SIZES, "scenario.h");

#define KEY_ADDED (SCENARIO_KINDS - 2)
#define KEY_DROPPED (SCENARIO_KINDS - 1)
#define DEPLOY_CHANCE 1000 /* the state from which the peer's deploy key is made */

static struct key *key, *next_key;
static struct firmware before[3], offered[SCENARIO_KINDS];

bool scenario_exists(const struct scenario *scenario)
{
    const struct scenario_kind *kind = &KINDS[scenario->kind];
    bool needs_entry = kind->goal == LIFETIME_STAYS;
    if (kind->needs_watch && scenario->is_unwatched) return false;
    return !needs_entry || STARTS[scenario->start].updates > 0;
}

/* Both keys, or the second alone; the deploy key is the one that every life's peer will make. */
static struct godwit_policy make_policy(uint32_t counter)
{
    struct godwit_policy policy = {.counter = counter, .threshold = 1, .deploy_keys_count = 1};
    const struct key *const keys[] = {next_key, key};
    struct godwit_public_key public;
    chance_state = DEPLOY_CHANCE;
    struct key *deploy = key_generate(GODWIT_SCHEME_ECDSA256);
    if (!deploy || godwit_product_id("default", PEER_PRODUCT, policy.product_id)) abort();
    key_public(deploy, &public);
    memcpy(policy.deploy_keys[0], public.point, 64);
    key_close(deploy);
    policy.image_keys_count = counter == 1 ? 2 : 1;
    for (uint32_t i = 0; i < policy.image_keys_count; i++)
        if (key_digest(keys[i], policy.image_keys[i])) abort();
    return policy;
}

static void make_ruled_files(void)
{
    const struct behaviour healthy = {BEHAVIOUR_HEALTHY, 0};
    next_key = key_generate(GODWIT_SCHEME_ECDSA256);
    if (!next_key) abort();
    struct godwit_policy both = make_policy(1), second = make_policy(2);
    offered[KEY_ADDED] = firmware_make_ruled("3.1.0", healthy, 4 * SECTOR, key, &both);
    offered[KEY_DROPPED] = firmware_make_ruled("3.2.0", healthy, 3 * SECTOR, next_key, &second);
}

void scenario_open(void)
{
    static const char *const versions[] = {"1.0.0", "2.0.0", "2.1.0"};
    const struct behaviour healthy = {BEHAVIOUR_HEALTHY, 0};
    chance_state = 1;
    RAND_set_rand_method(&CHANCE);
    key = key_generate(GODWIT_SCHEME_ECDSA256);
    if (!key) abort();
    for (uint32_t i = 0; i < 3; i++)
        before[i] = firmware_make(versions[i], healthy, (3 + i) * SECTOR, key);
    for (uint32_t i = 0; i < KEY_ADDED; i++) {
        char version[] = "3.0.a";
        version[4] = (char)('a' + i);
        offered[i] = firmware_make(version, KINDS[i].behaviour, (3 + i % 3) * SECTOR, key);
    }
    make_ruled_files();
}

void scenario_close(void)
{
    for (uint32_t i = 0; i < 3; i++)
        free(before[i].data);
    for (uint32_t i = 0; i < SCENARIO_KINDS; i++)
        free(offered[i].data);
    key_close(key);
    key_close(next_key);
    RAND_set_rand_method(NULL);
}

/* ---- a scenario's beginning ---- */

/* The first life: joins, and is updated as often as its start says. */
static bool grow_up(const struct scenario *scenario)
{
    uint32_t updates = STARTS[scenario->start].updates;
    for (uint32_t i = 1; i <= updates; i++) {
        lifetime_offer(&before[i], LIFETIME_CONFIRMS, 100 + i);
        if (lifetime_run() != LIFETIME_FINISHED) return false;
        lifetime.confirmed = lifetime.offered;
    }
    return true;
}

static void damage_entry(uint8_t *bytes, enum twist twist)
{
    if (twist == TWIST_ENTRY_GONE) memset(bytes, 0xFF, GODWIT_OTA_ENTRY_SIZE);
    if (twist == TWIST_ENTRY_BAD) bytes[24] ^= 1; /* VALID becomes INVALID */
}

/* The entry that counts, while power is off. */
static void damage_otadata(enum twist twist)
{
    const struct godwit_flash *flash = &lifetime.device.bare;
    struct godwit_ota_entry active;
    uint8_t bytes[GODWIT_OTA_ENTRY_SIZE], sector[SECTOR];
    if (!device_active_entry(&lifetime.device.bare, &active)) abort();
    for (uint32_t offset = OTADATA_OFFSET; offset < OTADATA_OFFSET + 2 * SECTOR; offset += SECTOR) {
        if (flash->read(flash->ctx, offset, bytes, sizeof bytes)) abort();
        if (godwit_load32(bytes) != active.seq) continue;
        damage_entry(bytes, twist);
        memset(sector, 0xFF, sizeof sector);
        memcpy(sector, bytes, sizeof bytes);
        if (flash->erase(flash->ctx, offset, SECTOR)) abort();
        if (flash->write(flash->ctx, offset, sector, SECTOR)) abort();
    }
}

static void power_cycle(void)
{
    board_power_off(&lifetime.device.board);
    lifetime_power_on(GODWIT_RESET_POWER_ON);
}

/* Boots that leave one mark each in the journal. */
static void fill_entries(void)
{
    lifetime.device.peer.is_silent = true;
    for (int i = 0; i < ENTRIES_FILLED; i++) {
        power_cycle();
        for (int steps = 0; steps < 3; steps++)
            (void)!device_step(&lifetime.device);
    }
    lifetime.device.peer.is_silent = false;
}

/* Up to the moment from which it is recorded. */
bool scenario_begin(const struct scenario *scenario)
{
    const struct scenario_kind *kind = &KINDS[scenario->kind];
    const struct start *start = &STARTS[scenario->start];
    const struct device_options options = {
        .layout = {.has_factory = start->has_factory, .slot_size = SLOT_SIZE},
        .first = before[0],
        .key = key,
        .write_size = WRITE_SIZES[scenario->size],
        .flash_size = APPS_OFFSET + (2u + start->has_factory) * SLOT_SIZE,
        .is_unwatched = scenario->is_unwatched};
    chance_state = DEPLOY_CHANCE;
    lifetime_begin(&options);
    lifetime_offer(&before[0], LIFETIME_STAYS, 0);
    lifetime_power_on(GODWIT_RESET_POWER_ON);
    if (!grow_up(scenario)) return false;
    if (kind->twist == TWIST_ENTRIES) fill_entries();
    if (kind->twist == TWIST_KEYS) {
        lifetime_offer(&offered[KEY_ADDED], LIFETIME_CONFIRMS, 110);
        if (lifetime_run() != LIFETIME_FINISHED) return false;
        lifetime.confirmed = lifetime.offered;
    }
    if (kind->goal == LIFETIME_STAYS) {
        board_power_off(&lifetime.device.board);
        damage_otadata(kind->twist);
        lifetime_stay();
        lifetime_power_on(GODWIT_RESET_POWER_ON);
        return true;
    }
    lifetime_offer(&offered[scenario->kind], kind->goal, 2);
    lifetime.is_blind = kind->is_blind;
    if (kind->twist != TWIST_DROP) return true;
    lifetime.device.link.is_cutting = true;
    lifetime.device.link.drop_at = lifetime.device.link.received + SECTOR + 1000;
    return true;
}

void scenario_print(const struct scenario *scenario, FILE *out)
{
    fprintf(out, "%s, %s, %s, write unit %u", KINDS[scenario->kind].name,
            STARTS[scenario->start].name, scenario->is_unwatched ? "unwatched" : "watched",
            WRITE_SIZES[scenario->size]);
}

void scenario_print_place(uint32_t offset, FILE *out)
{
    static const struct {
        uint32_t from;
        const char *name;
    } places[] = {{APPS_OFFSET + 2 * SLOT_SIZE, "3rd app"},
                  {APPS_OFFSET + SLOT_SIZE, "2nd app"},
                  {APPS_OFFSET, "1st app"},
                  {0x10000, "record"},
                  {OTADATA_OFFSET, "otadata"},
                  {0, "flash"}};
    size_t i = 0;
    while (offset < places[i].from)
        i++;
    fprintf(out, "%s+0x%x", places[i].name, offset - places[i].from);
}
