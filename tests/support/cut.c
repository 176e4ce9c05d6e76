/* Runs one life and judges it. Nothing here knows how the agent works: only what runs, what the
 * server heard and what stands in otadata counts. */
#include "cut.h"

#include "formats/otadata.h"

#define TIME_MAX_MS (24u * 3600 * 1000)

static const struct firmware *old_file(const struct cut_story *story)
{
    return story->earlier.data ? &story->earlier : &story->first;
}

/* Whatever boots is one of our files, whole; never half of one. */
static bool is_alive(const struct device *device, const struct cut_story *story)
{
    struct godwit_partition partition;
    return device_would_boot(device, &partition) &&
           (device_holds(device, &partition, &story->first) ||
            device_holds(device, &partition, old_file(story)) ||
            device_holds(device, &partition, &story->offered));
}

/* The entry that the bootloader follows says VALID and names what runs. */
static bool is_valid_in_otadata(const struct device *device)
{
    struct godwit_ota_entry entry;
    uint32_t running = device->board.running.subtype - (uint32_t)GODWIT_APP_OTA_0;
    return device_active_entry(&device->bare, &entry) && entry.state == GODWIT_OTA_VALID &&
           godwit_ota_slot(entry.seq, 2) == running;
}

/* Flown back is flown back for good: the next boot chooses the old image as well, be it by an
 * entry or, where a cut took its entry, because no other may boot. */
static bool stays_back(const struct device *device, const struct cut_story *story)
{
    struct godwit_partition partition;
    return device->peer.gave_up && device_runs(device, old_file(story)) &&
           device_would_boot(device, &partition) &&
           device_holds(device, &partition, old_file(story));
}

static bool is_finished(const struct device *device, const struct cut_story *story)
{
    struct godwit_agent_status status;
    board_status(&device->board, &status);
    if (status.state != GODWIT_IDLE || status.on_trial) return false;
    if (story->flies_back) return stays_back(device, story);
    return device->peer.is_confirmed && device_runs(device, &story->offered) &&
           is_valid_in_otadata(device);
}

/* Runs until the story ends, power goes, or nothing more can be hoped for. */
static enum cut_end run(struct device *device, const struct cut_story *story, uint32_t boots_max)
{
    uint64_t end_ms = device->now_ms + TIME_MAX_MS;
    while (device_step(device)) {
        if (is_finished(device, story)) return CUT_FINISHED;
        if (device->board.counters.boots > boots_max || device->now_ms > end_ms) break;
    }
    return is_alive(device, story) ? CUT_UNFINISHED : CUT_BRICKED;
}

/* Brings the device to the earlier file, so that the story starts from the other slot. */
static bool update_first(struct device *device, const struct cut_story *story)
{
    struct cut_story prelude = *story;
    if (!story->earlier.data) return true;
    prelude.offered = story->earlier;
    prelude.flies_back = false;
    peer_offer(&device->peer, prelude.offered.data, prelude.offered.size, 1);
    return run(device, &prelude, UINT32_MAX) == CUT_FINISHED;
}

enum cut_end cut_run(const struct cut_story *story, const struct cut_case *c,
                     uint32_t *operations_out)
{
    static struct device device;
    device_init(&device, &story->layout, &story->first, story->key, c->write_size);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    bool has_started = update_first(&device, story);
    uint32_t before = device.saw.operations;
    device.saw.cut_at = c->cut_at ? before + c->cut_at : 0;
    device.saw.kind = c->kind;
    device.saw.seed = c->seed;
    peer_offer(&device.peer, story->offered.data, story->offered.size, 2);
    enum cut_end end = has_started ? run(&device, story, UINT32_MAX) : CUT_UNFINISHED;
    for (int cuts = 1; end == CUT_UNFINISHED && device.saw.is_off; cuts++) {
        device_power_on(&device, c->cause);
        if (cuts == 1 && c->again_after) device.saw.cut_at = device.saw.operations + c->again_after;
        end = run(&device, story, device.board.counters.boots + CUT_BOOTS_MAX);
    }
    if (end == CUT_FINISHED && device.ram.violations) end = CUT_VIOLATED;
    *operations_out = device.saw.operations - before;
    device_deinit(&device);
    return end;
}
