/* The scenarios are rows of a table: what the device comes with, what is offered, what happens on
 * the way, and how it must end. */
#include "nth_scenario.h"

#include <stdlib.h>

#include "formats/otadata.h"
#include "nth_files.h"

#define MINUTES(n) ((uint64_t)(n)*60 * 1000)
#define FAULT_MS MINUTES(30) /* how long a fault lasts that lasts */
#define PATIENCE_MS MINUTES(24 * 60)
#define STEPS_MAX 400000u
#define REDEPLOYS_MAX 6
#define OTADATA_OFFSET 0xE000u
#define JOURNAL_OFFSET 0x10000u

enum aim {
    AIM_JOINED,    /* the server knows the device */
    AIM_CONFIRMED, /* the offered file runs, proven, and otadata says so */
    AIM_BACK,      /* it ran, rolled back, and the server knows */
    AIM_REFUSED,   /* it never ran, and the server knows */
    AIM_CA,        /* the next CA is the present one */
    AIM_TOKEN,     /* a new token is used */
    AIM_CLAIMED,   /* a device without memory claims anew */
};

struct scene;
struct scenario {
    const char *name;
    enum file_id first, earlier, offered; /* earlier: installed before the scenario begins */
    enum aim aim;
    uint8_t threshold; /* 0: 1 */
    bool has_factory;
    void (*prepare)(struct scene *scene); /* power is off; then the scenario begins */
    void (*stir)(struct scene *scene);    /* after each step */
};

struct scene {
    struct device device;
    struct nth nth;
    const struct scenario *scenario;
    enum file_id old;
    uint32_t rollout_id, claims, turn;
    uint64_t clear_ms; /* the fault ends; 0: it has not struck yet */
    bool is_proven;    /* the offered file was confirmed at some time */
    uint32_t changes;  /* writes and erases when the flash was looked at last */
    struct scenario_end end;
};

/* ---- what happens on the way ---- */

static struct godwit_agent_status status_of(const struct scene *scene)
{
    struct godwit_agent_status status;
    board_status(&scene->device.board, &status);
    return status;
}

static void cycle_power(struct scene *scene)
{
    board_power_off(&scene->device.board);
    device_power_on(&scene->device, GODWIT_RESET_POWER_ON);
    scene->turn++;
}

static void cut_download(struct scene *scene)
{
    struct godwit_agent_status status = status_of(scene);
    bool is_there =
        status.state == GODWIT_STATE_FETCH && status.progress > (2 * scene->turn + 1) * 16384;
    if (scene->turn < 2 && is_there) cycle_power(scene);
}

static void cut_trial(struct scene *scene)
{
    if (scene->turn < 2 && status_of(scene).on_trial) cycle_power(scene);
}

/* Power goes in the confirmation itself, at its second operation and at its third. */
static void cut_confirming(struct scene *scene)
{
    struct power_cut *power_cut = &scene->device.power_cut;
    if (scene->turn >= 2 || power_cut->cut_at || !status_of(scene).on_trial) return;
    power_cut->kind = POWER_CUT_AFTER;
    power_cut->cut_at = power_cut->operations + 2 + scene->turn++;
}

static void announce_ca(struct scene *scene)
{
    memset(scene->device.peer.next_ca, 0x5A, 32);
}

static void ask_token(struct scene *scene)
{
    scene->device.peer.rotates = true;
}

static void change_ca(struct scene *scene)
{
    struct peer *peer = &scene->device.peer;
    if (memcmp(peer->trusted[1], peer->next_ca, 32) == 0) peer->by_next_ca = true;
}

static void erase(struct scene *scene, uint32_t offset)
{
    const struct godwit_flash *flash = &scene->device.bare;
    if (flash->erase(flash->ctx, offset, FLASH_ERASE_SIZE)) abort();
}

/* The entry that counts is gone: the bootloader falls back to the image before. */
static void lose_entry(struct scene *scene)
{
    struct godwit_partition partition;
    struct device *device = &scene->device;
    for (uint32_t i = 0; i < 2; i++) {
        struct flash_ram copy;
        if (flash_ram_clone(&device->ram, &copy)) abort();
        erase(scene, OTADATA_OFFSET + i * FLASH_ERASE_SIZE);
        if (device_would_boot(device, &partition) &&
            !device_holds(device, &partition, &nth_files[scene->scenario->offered])) {
            flash_ram_deinit(&copy);
            return;
        }
        flash_ram_deinit(&device->ram); /* it was the other one */
        if (flash_ram_clone(&copy, &device->ram)) abort();
        flash_ram_deinit(&copy);
    }
    abort();
}

static void lose_journal(struct scene *scene)
{
    static const uint8_t rubbish[512];
    for (uint32_t i = 0; i < 2; i++)
        if (flash_put(&scene->device.bare, JOURNAL_OFFSET + i * FLASH_ERASE_SIZE, rubbish,
                      sizeof rubbish))
            abort();
}

static void offer_undo(struct scene *scene)
{
    scene->device.peer.allow_downgrade = true;
}

static void forge_instruction(struct peer *peer, uint8_t instruction[static 256])
{
    (void)peer;
    instruction[200] ^= 1; /* in the signature */
}

static void let_forge(struct scene *scene)
{
    scene->device.peer.tamper = forge_instruction;
}

static const struct scenario SCENARIOS[] = {
    {"join", FILE_FIRST, 0, 0, AIM_JOINED, 0, false, NULL, NULL},
    {"update", FILE_FIRST, 0, FILE_NEXT, AIM_CONFIRMED, 0, false, NULL, NULL},
    {"update-rsa", FILE_FIRST, 0, FILE_RSA, AIM_CONFIRMED, 0, false, NULL, NULL},
    {"update-p384", FILE_FIRST, 0, FILE_P384, AIM_CONFIRMED, 0, false, NULL, NULL},
    {"update-two", FILE_FIRST, 0, FILE_TWO, AIM_CONFIRMED, 2, false, NULL, NULL},
    {"update-factory", FILE_FIRST, 0, FILE_NEXT, AIM_CONFIRMED, 0, true, NULL, NULL},
    {"resume", FILE_FIRST, 0, FILE_BIG, AIM_CONFIRMED, 0, false, NULL, cut_download},
    {"cut-trial", FILE_FIRST, 0, FILE_NEXT, AIM_CONFIRMED, 0, false, NULL, cut_trial},
    {"cut-confirming", FILE_FIRST, 0, FILE_NEXT, AIM_CONFIRMED, 0, false, NULL, cut_confirming},
    {"undo", FILE_FIRST, FILE_NEXT, FILE_FIRST, AIM_CONFIRMED, 0, false, offer_undo, NULL},
    {"policy", FILE_FIRST, 0, FILE_P1, AIM_CONFIRMED, 0, false, NULL, NULL},
    {"policy-next", FILE_FIRST, FILE_P1, FILE_P2, AIM_CONFIRMED, 0, false, NULL, NULL},
    {"back-panic", FILE_FIRST, 0, FILE_PANIC, AIM_BACK, 0, false, NULL, NULL},
    {"back-self-test", FILE_FIRST, 0, FILE_CONFIG, AIM_BACK, 0, false, NULL, NULL},
    {"back-no-network", FILE_FIRST, 0, FILE_SILENT, AIM_BACK, 0, false, NULL, NULL},
    {"back-to-factory", FILE_FIRST, 0, FILE_CONFIG, AIM_BACK, 0, true, NULL, NULL},
    {"back-crash-loop", FILE_FIRST, 0, FILE_CRASHING, AIM_BACK, 0, false, NULL, NULL},
    {"lost-entry", FILE_FIRST, FILE_NEXT, FILE_NEXT, AIM_CONFIRMED, 0, false, lose_entry, NULL},
    {"lost-record", FILE_FIRST, FILE_NEXT, 0, AIM_CLAIMED, 0, false, lose_journal, NULL},
    {"next-ca", FILE_FIRST, 0, 0, AIM_CA, 0, false, announce_ca, change_ca},
    {"token", FILE_FIRST, 0, 0, AIM_TOKEN, 0, false, ask_token, NULL},
    {"forged-unsigned", FILE_FIRST, 0, FILE_UNSIGNED, AIM_REFUSED, 0, false, NULL, NULL},
    {"forged-stranger", FILE_FIRST, 0, FILE_UNKNOWN, AIM_REFUSED, 0, false, NULL, NULL},
    {"forged-body", FILE_FIRST, 0, FILE_FLIPPED, AIM_REFUSED, 0, false, NULL, NULL},
    {"forged-signature", FILE_FIRST, 0, FILE_BENT, AIM_REFUSED, 0, false, NULL, NULL},
    {"forged-old-key", FILE_FIRST, FILE_P2, FILE_OLD_KEY, AIM_REFUSED, 0, false, NULL, NULL},
    {"forged-one-of-two", FILE_FIRST, 0, FILE_P384, AIM_REFUSED, 2, false, NULL, NULL},
    {"forged-twice", FILE_FIRST, 0, FILE_TWICE, AIM_REFUSED, 2, false, NULL, NULL},
    {"forged-instruction", FILE_FIRST, 0, FILE_NEXT, AIM_REFUSED, 0, false, let_forge, NULL},
};
#define SCENARIOS_COUNT (sizeof SCENARIOS / sizeof *SCENARIOS)

const char *scenario_name(unsigned scenario)
{
    return scenario < SCENARIOS_COUNT ? SCENARIOS[scenario].name : NULL;
}

/* ---- what must hold ---- */

static bool is_ours(const struct scene *scene, const struct godwit_partition *partition)
{
    const struct scenario *scenario = scene->scenario;
    const enum file_id ids[] = {scenario->first, scenario->earlier,
                                scenario->aim == AIM_REFUSED ? FILE_NONE : scenario->offered};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (nth_files[ids[i]].data && device_holds(&scene->device, partition, &nth_files[ids[i]]))
            return true;
    return false;
}

/* The image that an update replaces, wherever it lies. */
static bool old_is_whole(const struct scene *scene)
{
    const uint32_t size = DEVICE_FLASH_SIZE, from = 0x20000, step = 0x10000;
    for (uint32_t at = from; at < size; at += step) {
        struct godwit_partition place = {.offset = at};
        if (device_holds(&scene->device, &place, &nth_files[scene->old])) return true;
    }
    return false;
}

static bool is_valid_in_otadata(const struct scene *scene)
{
    const struct device *device = &scene->device;
    struct godwit_ota_entry entries[2];
    uint8_t bytes[GODWIT_OTA_ENTRY_SIZE];
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t offset = OTADATA_OFFSET + i * FLASH_ERASE_SIZE;
        if (device->bare.read(device->bare.ctx, offset, bytes, sizeof bytes)) return false;
        entries[i] = godwit_ota_entry_load(bytes);
    }
    int active = godwit_ota_active(entries);
    uint32_t running = device->board.running.subtype - (uint32_t)GODWIT_APP_OTA_0;
    return active >= 0 && entries[active].state == GODWIT_OTA_VALID &&
           godwit_ota_slot(entries[active].seq, 2) == running;
}

static void look(struct scene *scene)
{
    const struct device *device = &scene->device;
    struct godwit_partition partition;
    const char *wrong = NULL;
    scene->is_proven |= device_runs(device, &nth_files[scene->scenario->offered]) &&
                        !status_of(scene).on_trial && is_valid_in_otadata(scene);
    if (device->board.is_started && !is_ours(scene, &device->board.running))
        wrong = "something runs that is none of our files, whole";
    else if (device->board.is_bricked)
        wrong = "nothing boots";
    else if (!scene->is_proven && !old_is_whole(scene))
        wrong = "the last confirmed image is gone";
    else if (device->ram.violations)
        wrong = "written over bytes that were not erased";
    uint32_t changes = device->power_cut.operations;
    if (!wrong && changes != scene->changes) {
        scene->changes = changes;
        if (!device_would_boot(device, &partition))
            wrong = "nothing would boot now";
        else if (!is_ours(scene, &partition))
            wrong = "none of our files would boot now";
    }
    if (!scene->end.wrong) scene->end.wrong = wrong;
}

/* Said of the file or instruction itself, not of the fault. */
static bool is_refusal(const struct godwit_outcome *outcome)
{
    return outcome->reason && outcome->reason < GODWIT_REASON_DOWNLOAD;
}

/* Whether the failure that the server has heard is the one that the scenario is about. */
static bool is_meant(const struct scene *scene)
{
    const struct godwit_outcome *outcome = &scene->device.peer.outcome;
    if (scene->scenario->aim == AIM_BACK) return outcome->stage == GODWIT_STAGE_ROLLED_BACK;
    if (scene->scenario->aim != AIM_REFUSED || !is_refusal(outcome)) return false;
    return !scene->end.fails || scene->end.redeploys; /* once more, after the fault */
}

static bool is_done(const struct scene *scene)
{
    const struct scenario *scenario = scene->scenario;
    const struct device *device = &scene->device;
    const struct peer *peer = &device->peer;
    struct godwit_agent_status status = status_of(scene);
    if (status.state != GODWIT_STATE_IDLE || status.on_trial) return false;
    switch (scenario->aim) {
    case AIM_JOINED:
        return peer->checkins > 0 && status.enrolled;
    case AIM_CLAIMED:
        return peer->claims > scene->claims;
    case AIM_CA:
        return peer->trusted[0][0] == 0x5A && !peer->trusted[1][0];
    case AIM_TOKEN:
        return peer->rotations > 0;
    case AIM_CONFIRMED:
        return peer->is_confirmed && device_runs(device, &nth_files[scenario->offered]) &&
               is_valid_in_otadata(scene);
    case AIM_BACK:
        return peer->gave_up && peer->outcome.stage == GODWIT_STAGE_ROLLED_BACK &&
               device_runs(device, &nth_files[scene->old]);
    case AIM_REFUSED:
        return peer->outcomes && (is_meant(scene) || (peer->tamper && is_refusal(&peer->outcome)));
    }
    return false;
}

/* ---- telling ---- */

static void deploy(struct scene *scene)
{
    const struct firmware *file = &nth_files[scene->scenario->offered];
    struct peer *peer = &scene->device.peer;
    if (file->data) peer_offer(peer, file->data, file->size, ++scene->rollout_id);
    peer->chip_id = godwit_chip_by_name("esp32c3")->id; /* the server's word is good */
}

/* The operator sees a failure and deploys once more, without regard to what failed before. */
static bool deploy_again(struct scene *scene)
{
    struct peer *peer = &scene->device.peer;
    bool is_wanted = peer->file && peer->gave_up && !scene->nth.at && !is_meant(scene);
    if (!is_wanted) return true;
    if (scene->end.redeploys == REDEPLOYS_MAX) return false;
    scene->end.redeploys++;
    deploy(scene);
    peer->force_now = true;
    return true;
}

static void mind_the_fault(struct scene *scene)
{
    struct nth *nth = &scene->nth;
    scene->end.fails = nth->fails;
    if (!nth->at || !nth->fails) return;
    if (!scene->clear_ms) scene->clear_ms = scene->device.now_ms + (nth->lasts ? FAULT_MS : 0);
    if (scene->device.now_ms >= scene->clear_ms) nth_clear(nth);
}

/* Until the aim is reached, a promise is broken, or patience ends. */
static void run(struct scene *scene)
{
    struct device *device = &scene->device;
    uint64_t end_ms = device->now_ms + PATIENCE_MS;
    for (uint32_t steps = 0; steps < STEPS_MAX && device->now_ms < end_ms; steps++) {
        bool goes_on = nth_step(&scene->nth);
        if (device->power_cut.is_off) {
            device_power_on(device, GODWIT_RESET_BROWN_OUT);
            continue;
        }
        mind_the_fault(scene);
        look(scene);
        if (!goes_on && !scene->end.wrong) scene->end.wrong = "the chip does nothing more";
        if (scene->end.wrong || is_done(scene)) return;
        if (scene->scenario->stir) scene->scenario->stir(scene);
        if (!deploy_again(scene)) break;
    }
    scene->end.wrong = "the scenario does not come to its aim";
}

static void begin(struct scene *scene, const struct scenario *scenario)
{
    struct device *device = &scene->device;
    const struct board_layout layout = {.has_factory = scenario->has_factory};
    *scene = (struct scene){.scenario = scenario, .old = scenario->first};
    device_init(device, &layout, &nth_files[scenario->first], nth_keys[KEY_P256], 4);
    key_close(device->peer.deploy_key);
    device->peer.deploy_key = nth_keys[KEY_DEPLOY];
    struct godwit_policy seed = peer_policy(&device->peer);
    struct godwit_public_key public;
    key_public(nth_keys[KEY_DEPLOY], &public);
    memcpy(seed.deploy_keys[0], public.point, 64);
    seed.image_keys_count = 3;
    seed.threshold = scenario->threshold ? scenario->threshold : 1;
    for (size_t i = 0; i < seed.image_keys_count; i++)
        if (key_digest(nth_keys[i], seed.image_keys[i])) abort();
    peer_set_seed(&device->peer, &seed);
    nth_init(&scene->nth, device);
    device_power_on(device, GODWIT_RESET_POWER_ON);
}

/* What came before, undisturbed: a first update. */
static void bring_to_earlier(struct scene *scene)
{
    const struct scenario *scenario = scene->scenario;
    const struct scenario prelude = {.name = "earlier",
                                     .first = scenario->first,
                                     .offered = scenario->earlier,
                                     .aim = AIM_CONFIRMED};
    if (!scenario->earlier) return;
    scene->scenario = &prelude;
    deploy(scene);
    run(scene);
    scene->scenario = scenario;
    scene->old = scenario->earlier;
    scene->is_proven = false;
    scene->claims = scene->device.peer.claims;
    board_power_off(&scene->device.board);
}

struct scenario_end scenario_play(const struct scenario_case *c)
{
    static struct scene scene;
    const struct scenario *scenario = &SCENARIOS[c->scenario];
    begin(&scene, scenario);
    bring_to_earlier(&scene);
    if (scenario->prepare) scenario->prepare(&scene);
    if (scenario->earlier) device_power_on(&scene.device, GODWIT_RESET_POWER_ON);
    if (!scene.end.wrong) {
        deploy(&scene);
        nth_arm(&scene.nth, c->sort, c->at, c->lasts);
        run(&scene);
    }
    memcpy(scene.end.seen, scene.nth.seen, sizeof scene.end.seen);
    scene.end.last_reason = scene.device.peer.outcome.reason;
    nth_deinit(&scene.nth);
    scene.device.peer.deploy_key = NULL;
    device_deinit(&scene.device);
    return scene.end;
}
