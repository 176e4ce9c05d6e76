/* Tells a life line by line, for a person who replays one case: each flash operation by the
 * partition that it hits, each boot with both otadata entries, each state of the agent, each word
 * that the server heard. */
#include <stdlib.h>

#include "agent/internal.h"
#include "lifetime.h"

static FILE *to;
static uint32_t boots, outcomes, checkins, state;
static bool was_confirmed;

/* ---- flash operations ---- */

static void print_place(uint32_t offset)
{
    uint8_t table[GODWIT_PTABLE_SIZE];
    struct godwit_partition row;
    const struct godwit_flash *flash = &lifetime.device.bare;
    if (flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, table, sizeof table)) return;
    for (size_t i = 0; godwit_ptable_at(table, i, &row) == GODWIT_OK; i++)
        if (offset >= row.offset && offset - row.offset < row.size)
            fprintf(to, " %s+0x%x", row.label, offset - row.offset);
}

/* With what stands there now, as the device reads it. */
static void print_operation(const char *what, uint32_t offset, size_t size, size_t shown)
{
    const struct power_cut *power_cut = &lifetime.device.power_cut;
    const struct godwit_flash *flash = &lifetime.device.bare;
    uint8_t data[GODWIT_OTA_ENTRY_SIZE];
    if (shown > size) shown = size;
    if (shown > sizeof data) shown = sizeof data;
    if (flash->read(flash->ctx, offset, data, shown)) return;
    fprintf(to, "%10.1f s  operation %u: %s", (double)lifetime.device.now_ms / 1000,
            power_cut->operations, what);
    print_place(offset);
    fprintf(to, ", %u bytes", (unsigned)size);
    for (size_t i = 0; i < shown; i++)
        fprintf(to, "%s%02x", i % 4 ? "" : " ", data[i]);
    fprintf(to, "%s\n", power_cut->is_off ? "   <- cut" : "");
}

static godwit_err watched_write(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    godwit_err err = lifetime.device.chip.write(ctx, offset, data, size);
    if (to) print_operation("write", offset, size, size);
    return err;
}

static godwit_err watched_erase(void *ctx, uint32_t offset, size_t size)
{
    if (to) print_operation("erase", offset, size, 0);
    return lifetime.device.chip.erase(ctx, offset, size);
}

/* ---- what changed ---- */

static void print_entries(void)
{
    struct godwit_ota_entry entries[2];
    if (!device_read_entries(&lifetime.device.bare, entries)) return;
    for (int i = 0; i < 2; i++) {
        bool is_sound = entries[i].crc == godwit_ota_crc(entries[i].seq);
        fprintf(to, "  [%d] seq %d state %d%s", i, (int)entries[i].seq, (int)entries[i].state,
                is_sound ? "" : " bad");
    }
    fprintf(to, "\n");
}

void lifetime_watch(FILE *out)
{
    to = out;
    boots = outcomes = checkins = state = UINT32_MAX;
}

void lifetime_watch_note(const char *what)
{
    if (to) fprintf(to, "%10.1f s  %s\n", (double)lifetime.device.now_ms / 1000, what);
}

void lifetime_watch_step(void)
{
    const struct peer *peer = &lifetime.device.peer;
    const struct board *board = &lifetime.device.board;
    struct godwit_agent_status status;
    if (!to) return;
    lifetime.device.power_cut.inner.write = watched_write;
    lifetime.device.power_cut.inner.erase = watched_erase;
    double now = (double)lifetime.device.now_ms / 1000;
    if (board->counters.boots != boots) {
        fprintf(to, "%10.1f s  boot %u of %s, reset %d:", now, board->counters.boots,
                board->is_bricked ? "nothing" : board->running.label, (int)board->reset);
        print_entries();
    }
    board_status(board, &status);
    if (board->is_started && status.state != state)
        fprintf(to, "%10.1f s  agent: %s%s, step %d, last reason %u\n", now,
                godwit_state_name(status.state), status.on_trial ? " on trial" : "",
                board->agent.journal.install_step, status.last_reason);
    if (peer->outcomes != outcomes && peer->outcomes)
        fprintf(to, "%10.1f s  server heard: stage %d reason %u rollout %u\n", now,
                (int)peer->outcome.stage, peer->outcome.reason, peer->outcome.rollout_id);
    if (peer->is_confirmed && !was_confirmed)
        fprintf(to, "%10.1f s  server heard: confirmed\n", now);
    if (peer->checkins != checkins && checkins != UINT32_MAX)
        fprintf(to, "%10.1f s  check-in %u, %u offers so far\n", now, peer->checkins, peer->offers);
    boots = board->counters.boots;
    state = status.state;
    outcomes = peer->outcomes;
    checkins = peer->checkins;
    was_confirmed = peer->is_confirmed;
}
