/* Runs one life and judges it; see life.h. Nothing here knows how the agent works. */
#include "life.h"

#include <stdio.h>
#include <stdlib.h>

#define TIME_MAX_MS (24u * 3600 * 1000)
#define STATE_READS 8

struct life life;

const char *life_end_name(enum life_end end)
{
    static const char *const names[] = {"finished", "unfinished", "bricked", "lost",
                                        "violated", "stateless",  "cut"};
    return names[end];
}

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "life: %s failed\n", what);
    abort();
}

/* ---- looking at the device ---- */

/* Index of the file that stands whole in a partition; −1: none. */
static int file_in(const struct godwit_partition *partition)
{
    for (int i = (int)life.files_count - 1; i >= 0; i--)
        if (device_holds(&life.device, partition, life.files[i])) return i;
    return -1;
}

int life_file_running(void)
{
    return life.device.board.is_started ? file_in(&life.device.board.running) : -1;
}

/* What would start if power returned now. */
static int file_booting(void)
{
    struct godwit_partition partition;
    return device_would_boot(&life.device, &partition) ? file_in(&partition) : -1;
}

static bool is_in_flash(uint32_t file)
{
    uint8_t table[GODWIT_PTABLE_SIZE];
    struct godwit_partition row;
    const struct godwit_flash *flash = &life.device.bare;
    must(!flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, table, sizeof table), "reading the table");
    for (size_t i = 0; godwit_ptable_at(table, i, &row) == GODWIT_OK; i++)
        if (row.type == GODWIT_PTYPE_APP && device_holds(&life.device, &row, life.files[file]))
            return true;
    return false;
}

bool life_is_valid(void)
{
    struct godwit_ota_entry entry;
    uint32_t running = life.device.board.running.subtype;
    if (running == GODWIT_APP_FACTORY) return !device_active_entry(&life.device.bare, &entry);
    return device_active_entry(&life.device.bare, &entry) && entry.state == GODWIT_OTA_VALID &&
           godwit_ota_slot(entry.seq, 2) == running - GODWIT_APP_OTA_0;
}

/* Started by an entry whose state says neither trial nor anything that an agent wrote, or says so
 * at some readings only: it wavers. */
static bool is_stateless(void)
{
    struct godwit_ota_entry entry;
    if (!life.is_blind || file_booting() != (int)life.offered) return false;
    for (int i = 0; i < STATE_READS; i++)
        if (device_active_entry(&life.device.flash, &entry) && entry.state != GODWIT_OTA_NEW &&
            entry.state != GODWIT_OTA_PENDING)
            return true;
    return false;
}

/* ---- judging ---- */

static void listen(void)
{
    struct peer *peer = &life.device.peer;
    const struct godwit_outcome *outcome = &peer->outcome;
    if (peer->is_confirmed) life.confirmed = life.offered;
    if (peer->outcomes == life.outcomes) return;
    life.outcomes = peer->outcomes;
    if (outcome->rollout_id != peer->rollout_id) return;
    bool has_failed = outcome->reason != GODWIT_REASON_TRIAL_POWER;
    if (outcome->stage != GODWIT_STAGE_FLOWN_BACK || !has_failed) return;
    life.has_flown_back = true;
    peer->gave_up = true; /* as the real server: no second offer of what has failed */
}

static bool is_finished(void)
{
    struct godwit_agent_status status;
    const struct peer *peer = &life.device.peer;
    board_status(&life.device.board, &status);
    if (status.state != GODWIT_IDLE || status.on_trial) return false;
    switch (life.goal) {
    case LIFE_CONFIRMS:
        return peer->is_confirmed && life_file_running() == (int)life.offered && life_is_valid();
    case LIFE_FLIES_BACK:
        return life.has_flown_back && life_file_running() == (int)life.confirmed &&
               file_booting() == (int)life.confirmed;
    case LIFE_STAYS:
        return peer->checkins > life.checkins_min && life_file_running() == (int)life.confirmed &&
               life_is_valid();
    }
    return false;
}

static enum life_end judge(bool is_done)
{
    int booting = file_booting();
    if (booting < 0) return LIFE_BRICKED;
    if (!is_in_flash(life.confirmed)) return LIFE_LOST;
    if (is_done) return life.device.ram.violations ? LIFE_VIOLATED : LIFE_FINISHED;
    if (is_stateless()) return LIFE_STATELESS;
    return booting < (int)life.confirmed ? LIFE_LOST : LIFE_UNFINISHED;
}

/* ---- living ---- */

bool life_step(enum life_end *end_out)
{
    struct device *device = &life.device;
    life_watch_step();
    bool goes_on = device_step(device);
    life_watch_step();
    listen();
    if (device->saw.is_off) {
        *end_out = is_in_flash(life.confirmed) ? LIFE_CUT : LIFE_LOST;
        return false;
    }
    bool has_booted = device->board.counters.boots != life.boots;
    life.boots = device->board.counters.boots;
    if (!goes_on || (has_booted && life_file_running() < 0)) {
        *end_out = LIFE_BRICKED;
        return false;
    }
    bool is_done = is_finished();
    if (!is_done && life.boots <= life.boots_max && device->now_ms <= life.end_ms) return true;
    *end_out = judge(is_done);
    return false;
}

enum life_end life_run(void)
{
    enum life_end end;
    while (life_step(&end))
        ;
    return end;
}

static void bound(uint32_t boots)
{
    life.boots_max = life.device.board.counters.boots + boots;
    life.end_ms = life.device.now_ms + TIME_MAX_MS;
    life.checkins_min = life.device.peer.checkins;
}

void life_begin(const struct device_options *options)
{
    life = (struct life){.files = {NULL}};
    device_open(&life.device, options);
}

void life_close(void)
{
    device_deinit(&life.device);
}

void life_offer(const struct firmware *file, enum life_goal goal, uint32_t rollout_id)
{
    must(life.files_count < LIFE_FILES_MAX, "room for a file");
    life.offered = life.files_count++;
    life.files[life.offered] = file;
    life.goal = goal;
    life.has_flown_back = false;
    if (life.offered) peer_offer(&life.device.peer, file->data, file->size, rollout_id);
    bound(LIFE_BOOTS_MAX);
}

void life_stay(void)
{
    life.goal = LIFE_STAYS;
    life.device.peer.file = NULL;
    bound(LIFE_BOOTS_MAX);
}

void life_power_on(enum godwit_reset cause)
{
    device_power_on(&life.device, cause);
    life_watch_note(cause == GODWIT_RESET_BROWN_OUT ? "---- power is back (brown-out)"
                                                    : "---- power is back");
    bound(LIFE_BOOTS_MAX);
}

/* ---- copies ---- */

void life_drop(struct life *copy)
{
    flash_ram_deinit(&copy->device.ram);
}

void life_copy(struct life *to)
{
    life_drop(to);
    *to = life;
    must(!flash_ram_clone(&life.device.ram, &to->device.ram), "memory");
    to->device.ram.violations = life.device.ram.violations;
}

void life_set_back(const struct life *from)
{
    flash_ram_deinit(&life.device.ram);
    life = *from;
    must(!flash_ram_clone(&from->device.ram, &life.device.ram), "memory");
    life.device.ram.violations = from->device.ram.violations;
}

/* Room for one more copy, zeroed. */
static struct life *make_room(struct tape *tape)
{
    if (tape->count < tape->room) return &tape->copies[tape->count];
    uint32_t room = tape->room ? 2 * tape->room : 64;
    struct life *copies = realloc(tape->copies, room * sizeof *copies);
    must(copies, "memory");
    memset(copies + tape->room, 0, (room - tape->room) * sizeof *copies);
    tape->copies = copies;
    tape->room = room;
    return &tape->copies[tape->count];
}

enum life_end tape_record(struct tape *tape)
{
    enum life_end end;
    bool goes_on = true;
    tape->count = 0;
    tape->begin = life.device.saw.operations;
    while (goes_on) {
        uint32_t before = life.device.saw.operations;
        life_copy(make_room(tape));
        goes_on = life_step(&end);
        if (life.device.saw.operations != before) tape->count++;
    }
    tape->end = life.device.saw.operations;
    return end;
}

void tape_set_back(const struct tape *tape, uint32_t index)
{
    uint32_t at = tape->count;
    must(tape->begin + index < tape->end, "an operation on the tape");
    while (at > 1 && tape->copies[at - 1].device.saw.operations > tape->begin + index)
        at--;
    life_set_back(&tape->copies[at - 1]);
}

void tape_clear(struct tape *tape)
{
    for (uint32_t i = 0; i < tape->room; i++)
        life_drop(&tape->copies[i]);
    free(tape->copies);
    *tape = (struct tape){0};
}
