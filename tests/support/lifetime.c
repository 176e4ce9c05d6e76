/* Runs one life and judges it; see lifetime.h. Nothing here knows how the agent works. */
#include "lifetime.h"

#include <stdio.h>
#include <stdlib.h>

#define TIME_MAX_MS (24u * 3600 * 1000)
#define STATE_READS 8

struct lifetime lifetime;

const char *lifetime_end_name(enum lifetime_end end)
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
    for (int i = (int)lifetime.files_count - 1; i >= 0; i--)
        if (device_holds(&lifetime.device, partition, lifetime.files[i])) return i;
    return -1;
}

int lifetime_file_running(void)
{
    return lifetime.device.board.is_started ? file_in(&lifetime.device.board.running) : -1;
}

/* What would start if power returned now. */
static int file_booting(void)
{
    struct godwit_partition partition;
    return device_would_boot(&lifetime.device, &partition) ? file_in(&partition) : -1;
}

static bool is_in_flash(uint32_t file)
{
    uint8_t table[GODWIT_PTABLE_SIZE];
    struct godwit_partition row;
    const struct godwit_flash *flash = &lifetime.device.bare;
    must(!flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, table, sizeof table), "reading the table");
    for (size_t i = 0; godwit_ptable_at(table, i, &row) == GODWIT_OK; i++)
        if (row.type == GODWIT_PTYPE_APP &&
            device_holds(&lifetime.device, &row, lifetime.files[file]))
            return true;
    return false;
}

bool lifetime_is_valid(void)
{
    struct godwit_ota_entry entry;
    uint32_t running = lifetime.device.board.running.subtype;
    if (running == GODWIT_APP_FACTORY) return !device_active_entry(&lifetime.device.bare, &entry);
    return device_active_entry(&lifetime.device.bare, &entry) && entry.state == GODWIT_OTA_VALID &&
           godwit_ota_slot(entry.seq, 2) == running - GODWIT_APP_OTA_0;
}

/* Whether that entry is of the slot that holds what was offered. */
static bool is_of_offered(const struct godwit_ota_entry *entry)
{
    uint8_t table[GODWIT_PTABLE_SIZE];
    struct godwit_partition row;
    const struct godwit_flash *flash = &lifetime.device.bare;
    must(!flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, table, sizeof table), "reading the table");
    for (size_t i = 0; godwit_ptable_at(table, i, &row) == GODWIT_OK; i++)
        if (row.type == GODWIT_PTYPE_APP &&
            row.subtype == GODWIT_APP_OTA_0 + godwit_ota_slot(entry->seq, 2))
            return device_holds(&lifetime.device, &row, lifetime.files[lifetime.offered]);
    return false;
}

/* Started by an entry whose state says neither trial nor anything that an agent wrote, or says so
 * at some readings only: it wavers, and which image starts wavers with it. */
static bool is_stateless(void)
{
    struct godwit_ota_entry entry;
    for (int i = 0; i < STATE_READS && lifetime.is_blind; i++)
        if (device_active_entry(&lifetime.device.flash, &entry) && is_of_offered(&entry) &&
            entry.state != GODWIT_OTA_NEW && entry.state != GODWIT_OTA_PENDING)
            return true;
    return false;
}

/* ---- judging ---- */

static void listen(void)
{
    struct peer *peer = &lifetime.device.peer;
    const struct godwit_outcome *outcome = &peer->outcome;
    if (peer->is_confirmed) lifetime.confirmed = lifetime.offered;
    if (peer->outcomes == lifetime.outcomes) return;
    lifetime.outcomes = peer->outcomes;
    if (outcome->rollout_id != peer->rollout_id) return;
    bool has_failed = outcome->reason != GODWIT_REASON_TRIAL_POWER;
    if (outcome->stage != GODWIT_STAGE_ROLLED_BACK || !has_failed) return;
    lifetime.has_rolled_back = true;
    peer->gave_up = true; /* as the real server: no second offer of what has failed */
}

static bool is_finished(void)
{
    struct godwit_agent_status status;
    const struct peer *peer = &lifetime.device.peer;
    board_status(&lifetime.device.board, &status);
    if (status.state != GODWIT_STATE_IDLE || status.on_trial) return false;
    switch (lifetime.goal) {
    case LIFETIME_CONFIRMS:
        return peer->is_confirmed && lifetime_file_running() == (int)lifetime.offered &&
               lifetime_is_valid();
    case LIFETIME_ROLLS_BACK:
        return lifetime.has_rolled_back && lifetime_file_running() == (int)lifetime.confirmed &&
               file_booting() == (int)lifetime.confirmed;
    case LIFETIME_STAYS:
        return peer->checkins > lifetime.checkins_min &&
               lifetime_file_running() == (int)lifetime.confirmed && lifetime_is_valid();
    }
    return false;
}

static enum lifetime_end check(bool is_done)
{
    int booting = file_booting();
    if (booting < 0) return LIFETIME_BRICKED;
    if (!is_in_flash(lifetime.confirmed)) return LIFETIME_LOST;
    if (is_done) return lifetime.device.ram.violations ? LIFETIME_VIOLATED : LIFETIME_FINISHED;
    if (is_stateless()) return LIFETIME_STATELESS;
    return booting < (int)lifetime.confirmed ? LIFETIME_LOST : LIFETIME_UNFINISHED;
}

/* ---- living ---- */

bool lifetime_step(enum lifetime_end *end_out)
{
    struct device *device = &lifetime.device;
    lifetime_watch_step();
    bool goes_on = device_step(device);
    lifetime_watch_step();
    listen();
    if (device->power_cut.is_off) {
        *end_out = is_in_flash(lifetime.confirmed) ? LIFETIME_CUT : LIFETIME_LOST;
        return false;
    }
    bool has_booted = device->board.counters.boots != lifetime.boots;
    lifetime.boots = device->board.counters.boots;
    if (!goes_on || (has_booted && lifetime_file_running() < 0)) {
        *end_out = LIFETIME_BRICKED;
        return false;
    }
    bool is_done = is_finished();
    if (!is_done && lifetime.boots <= lifetime.boots_max && device->now_ms <= lifetime.end_ms)
        return true;
    *end_out = check(is_done);
    return false;
}

enum lifetime_end lifetime_run(void)
{
    enum lifetime_end end;
    while (lifetime_step(&end))
        ;
    return end;
}

static void bound(uint32_t boots)
{
    lifetime.boots_max = lifetime.device.board.counters.boots + boots;
    lifetime.end_ms = lifetime.device.now_ms + TIME_MAX_MS;
    lifetime.checkins_min = lifetime.device.peer.checkins;
}

void lifetime_begin(const struct device_options *options)
{
    lifetime = (struct lifetime){.files = {NULL}};
    device_open(&lifetime.device, options);
}

void lifetime_close(void)
{
    device_deinit(&lifetime.device);
}

void lifetime_offer(const struct firmware *file, enum lifetime_goal goal, uint32_t rollout_id)
{
    must(lifetime.files_count < LIFETIME_FILES_MAX, "room for a file");
    lifetime.offered = lifetime.files_count++;
    lifetime.files[lifetime.offered] = file;
    lifetime.goal = goal;
    lifetime.has_rolled_back = false;
    if (lifetime.offered) peer_offer(&lifetime.device.peer, file->data, file->size, rollout_id);
    bound(LIFETIME_BOOTS_MAX);
}

void lifetime_stay(void)
{
    lifetime.goal = LIFETIME_STAYS;
    lifetime.device.peer.file = NULL;
    bound(LIFETIME_BOOTS_MAX);
}

void lifetime_power_on(enum godwit_reset cause)
{
    device_power_on(&lifetime.device, cause);
    lifetime_watch_note(cause == GODWIT_RESET_BROWN_OUT ? "---- power is back (brown-out)"
                                                        : "---- power is back");
    bound(LIFETIME_BOOTS_MAX);
}

/* ---- copies ---- */

void lifetime_drop(struct lifetime *copy)
{
    flash_ram_deinit(&copy->device.ram);
}

void lifetime_copy(struct lifetime *to)
{
    lifetime_drop(to);
    *to = lifetime;
    must(!flash_ram_clone(&lifetime.device.ram, &to->device.ram), "memory");
    to->device.ram.violations = lifetime.device.ram.violations;
}

void lifetime_set_back(const struct lifetime *from)
{
    flash_ram_deinit(&lifetime.device.ram);
    lifetime = *from;
    must(!flash_ram_clone(&from->device.ram, &lifetime.device.ram), "memory");
    lifetime.device.ram.violations = from->device.ram.violations;
}

/* Room for one more copy, zeroed. */
static struct lifetime *make_room(struct recording *recording)
{
    if (recording->count < recording->room) return &recording->copies[recording->count];
    uint32_t room = recording->room ? 2 * recording->room : 64;
    struct lifetime *copies = realloc(recording->copies, room * sizeof *copies);
    must(copies, "memory");
    memset(copies + recording->room, 0, (room - recording->room) * sizeof *copies);
    recording->copies = copies;
    recording->room = room;
    return &recording->copies[recording->count];
}

enum lifetime_end recording_add(struct recording *recording)
{
    enum lifetime_end end;
    bool goes_on = true;
    recording->count = 0;
    recording->begin = lifetime.device.power_cut.operations;
    while (goes_on) {
        uint32_t before = lifetime.device.power_cut.operations;
        lifetime_copy(make_room(recording));
        goes_on = lifetime_step(&end);
        if (lifetime.device.power_cut.operations != before) recording->count++;
    }
    recording->end = lifetime.device.power_cut.operations;
    return end;
}

void recording_set_back(const struct recording *recording, uint32_t index)
{
    uint32_t at = recording->count;
    must(recording->begin + index < recording->end, "an operation on the tape");
    while (at > 1 &&
           recording->copies[at - 1].device.power_cut.operations > recording->begin + index)
        at--;
    lifetime_set_back(&recording->copies[at - 1]);
}

void recording_clear(struct recording *recording)
{
    for (uint32_t i = 0; i < recording->room; i++)
        lifetime_drop(&recording->copies[i]);
    free(recording->copies);
    *recording = (struct recording){0};
}
