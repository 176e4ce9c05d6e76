/* The stories: what is offered, where the device runs before, and what has gone wrong already. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "story.h"

#include <openssl/rand.h>
#include <stdlib.h>

#include "emu/chance.h"

#define SECTOR 4096u
#define SLOT_SIZE 0x10000u
#define APPS_OFFSET 0x20000u
#define OTADATA_OFFSET 0xE000u
#define MARKS_FILLED 96 /* power cycles that leave the record's marks nearly used up */

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

enum twist { TWIST_NONE, TWIST_DROP, TWIST_MARKS, TWIST_ENTRY_GONE, TWIST_ENTRY_BAD, TWIST_KEYS };

struct scenario {
    const char *name;
    struct behaviour behaviour; /* of the offered file */
    enum life_goal goal;
    enum twist twist;
    bool needs_watch; /* only a bootloader that watches can bring it back */
    bool is_blind;    /* see struct life */
};

static const struct scenario SCENARIOS[] = {
    {"update", {BEHAVIOUR_HEALTHY, 0}, LIFE_CONFIRMS, TWIST_NONE, false, false},
    {"crash", {BEHAVIOUR_CRASH_AT_BOOT, 1}, LIFE_FLIES_BACK, TWIST_NONE, false, false},
    {"resume", {BEHAVIOUR_HEALTHY, 0}, LIFE_CONFIRMS, TWIST_DROP, false, false},
    {"crash at boot", {BEHAVIOUR_CRASH_AT_BOOT, 0}, LIFE_FLIES_BACK, TWIST_NONE, true, true},
    {"hang", {BEHAVIOUR_HANG, 1}, LIFE_FLIES_BACK, TWIST_NONE, true, true},
    {"deadlock", {BEHAVIOUR_DEADLOCK, 1}, LIFE_FLIES_BACK, TWIST_NONE, false, false},
    {"no network", {BEHAVIOUR_NO_NETWORK, 0}, LIFE_FLIES_BACK, TWIST_NONE, false, false},
    {"failed self-test", {BEHAVIOUR_WRONG_CONFIG, 2}, LIFE_FLIES_BACK, TWIST_NONE, false, false},
    {"full record", {BEHAVIOUR_HEALTHY, 0}, LIFE_CONFIRMS, TWIST_MARKS, false, false},
    {"otadata entry gone", {0}, LIFE_STAYS, TWIST_ENTRY_GONE, false, false},
    {"otadata entry bad", {0}, LIFE_STAYS, TWIST_ENTRY_BAD, false, false},
    /* an image with a policy comes, which lists a second key; then the first key goes */
    {"key added", {BEHAVIOUR_HEALTHY, 0}, LIFE_CONFIRMS, TWIST_NONE, false, false},
    {"key dropped", {BEHAVIOUR_HEALTHY, 0}, LIFE_CONFIRMS, TWIST_KEYS, false, false},
};
_Static_assert(sizeof SCENARIOS / sizeof *SCENARIOS == STORY_SCENARIOS, "story.h");

/* Where the device runs when the story begins. */
static const struct start {
    const char *name;
    bool has_factory;
    uint8_t updates; /* that were made before */
} STARTS[] = {
    {"new, slot 0", false, 0}, {"from slot 1", false, 1},         {"from slot 0", false, 2},
    {"new, factory", true, 0}, {"from slot 0 of three", true, 1}, {"from slot 1 of three", true, 2},
};
_Static_assert(sizeof STARTS / sizeof *STARTS == STORY_STARTS, "story.h");

static const uint32_t WRITE_SIZES[] = {4, 16, 32};
_Static_assert(sizeof WRITE_SIZES / sizeof *WRITE_SIZES == STORY_SIZES, "story.h");

#define KEY_ADDED (STORY_SCENARIOS - 2)
#define KEY_DROPPED (STORY_SCENARIOS - 1)
#define DEPLOY_CHANCE 1000 /* the state from which the peer's deploy key is made */

static struct key *key, *next_key;
static struct firmware before[3], offered[STORY_SCENARIOS];

bool story_exists(const struct story *story)
{
    const struct scenario *scenario = &SCENARIOS[story->scenario];
    bool needs_entry = scenario->goal == LIFE_STAYS;
    if (scenario->needs_watch && story->is_unwatched) return false;
    return !needs_entry || STARTS[story->start].updates > 0;
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

void story_open(void)
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
        offered[i] = firmware_make(version, SCENARIOS[i].behaviour, (3 + i % 3) * SECTOR, key);
    }
    make_ruled_files();
}

void story_close(void)
{
    for (uint32_t i = 0; i < 3; i++)
        free(before[i].data);
    for (uint32_t i = 0; i < STORY_SCENARIOS; i++)
        free(offered[i].data);
    key_close(key);
    key_close(next_key);
    RAND_set_rand_method(NULL);
}

/* ---- a story's beginning ---- */

/* The first life: joins, and is updated as often as its start says. */
static bool grow_up(const struct story *story)
{
    uint32_t updates = STARTS[story->start].updates;
    for (uint32_t i = 1; i <= updates; i++) {
        life_offer(&before[i], LIFE_CONFIRMS, 100 + i);
        if (life_run() != LIFE_FINISHED) return false;
        life.confirmed = life.offered;
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
    const struct godwit_flash *flash = &life.device.bare;
    struct godwit_ota_entry active;
    uint8_t bytes[GODWIT_OTA_ENTRY_SIZE], sector[SECTOR];
    if (!device_active_entry(&life.device.bare, &active)) abort();
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
    board_power_off(&life.device.board);
    life_power_on(GODWIT_RESET_POWER_ON);
}

/* Boots that leave one mark each in the record. */
static void fill_marks(void)
{
    life.device.peer.is_silent = true;
    for (int i = 0; i < MARKS_FILLED; i++) {
        power_cycle();
        for (int steps = 0; steps < 3; steps++)
            (void)!device_step(&life.device);
    }
    life.device.peer.is_silent = false;
}

/* Up to the moment from which it is recorded. */
bool story_begin(const struct story *story)
{
    const struct scenario *scenario = &SCENARIOS[story->scenario];
    const struct start *start = &STARTS[story->start];
    const struct device_options options = {
        .layout = {.has_factory = start->has_factory, .slot_size = SLOT_SIZE},
        .first = before[0],
        .key = key,
        .write_size = WRITE_SIZES[story->size],
        .flash_size = APPS_OFFSET + (2u + start->has_factory) * SLOT_SIZE,
        .is_unwatched = story->is_unwatched};
    chance_state = DEPLOY_CHANCE;
    life_begin(&options);
    life_offer(&before[0], LIFE_STAYS, 0);
    life_power_on(GODWIT_RESET_POWER_ON);
    if (!grow_up(story)) return false;
    if (scenario->twist == TWIST_MARKS) fill_marks();
    if (scenario->twist == TWIST_KEYS) {
        life_offer(&offered[KEY_ADDED], LIFE_CONFIRMS, 110);
        if (life_run() != LIFE_FINISHED) return false;
        life.confirmed = life.offered;
    }
    if (scenario->goal == LIFE_STAYS) {
        board_power_off(&life.device.board);
        damage_otadata(scenario->twist);
        life_stay();
        life_power_on(GODWIT_RESET_POWER_ON);
        return true;
    }
    life_offer(&offered[story->scenario], scenario->goal, 2);
    life.is_blind = scenario->is_blind;
    if (scenario->twist != TWIST_DROP) return true;
    life.device.link.is_cutting = true;
    life.device.link.drop_at = life.device.link.received + SECTOR + 1000;
    return true;
}

void story_print(const struct story *story, FILE *out)
{
    fprintf(out, "%s, %s, %s, write unit %u", SCENARIOS[story->scenario].name,
            STARTS[story->start].name, story->is_unwatched ? "unwatched" : "watched",
            WRITE_SIZES[story->size]);
}

void story_print_place(uint32_t offset, FILE *out)
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
