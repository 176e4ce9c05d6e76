/* Runs one life and judges it. Nothing here knows how the agent works: only what runs, what the
 * server heard and what stands in otadata counts. */
#include "cut.h"

#include "formats/otadata.h"

#define TIME_MAX_MS (24u * 3600 * 1000)

static const struct firmware *old_file(const struct cut_scenario *scenario)
{
    return scenario->earlier.data ? &scenario->earlier : &scenario->first;
}

/* Whatever boots is one of our files, whole; never half of one. */
static bool is_alive(const struct device *device, const struct cut_scenario *scenario)
{
    struct godwit_partition partition;
    return device_would_boot(device, &partition) &&
           (device_holds(device, &partition, &scenario->first) ||
            device_holds(device, &partition, old_file(scenario)) ||
            device_holds(device, &partition, &scenario->offered));
}

/* The entry that the bootloader follows says VALID and names what runs. */
static bool is_valid_in_otadata(const struct device *device)
{
    struct godwit_ota_entry entry;
    uint32_t running = device->board.running.subtype - (uint32_t)GODWIT_APP_OTA_0;
    return device_active_entry(&device->bare, &entry) && entry.state == GODWIT_OTA_VALID &&
           godwit_ota_slot(entry.seq, 2) == running;
}

/* Flown back is rolled back for good: the next boot chooses the old image as well, be it by an
 * entry or, where a cut took its entry, because no other may boot. */
static bool stays_back(const struct device *device, const struct cut_scenario *scenario)
{
    struct godwit_partition partition;
    return device->peer.gave_up && device_runs(device, old_file(scenario)) &&
           device_would_boot(device, &partition) &&
           device_holds(device, &partition, old_file(scenario));
}

static bool is_finished(const struct device *device, const struct cut_scenario *scenario)
{
    struct godwit_agent_status status;
    board_status(&device->board, &status);
    if (status.state != GODWIT_STATE_IDLE || status.on_trial) return false;
    if (scenario->rolls_back) return stays_back(device, scenario);
    return device->peer.is_confirmed && device_runs(device, &scenario->offered) &&
           is_valid_in_otadata(device);
}

/* Runs until the scenario ends, power goes, or nothing more can be hoped for. */
static enum cut_end run(struct device *device, const struct cut_scenario *scenario,
                        uint32_t boots_max)
{
    uint64_t end_ms = device->now_ms + TIME_MAX_MS;
    while (device_step(device)) {
        if (is_finished(device, scenario)) return CUT_FINISHED;
        if (device->board.counters.boots > boots_max || device->now_ms > end_ms) break;
    }
    return is_alive(device, scenario) ? CUT_UNFINISHED : CUT_BRICKED;
}

/* Brings the device to the earlier file, so that the scenario starts from the other slot. */
static bool update_first(struct device *device, const struct cut_scenario *scenario)
{
    struct cut_scenario prelude = *scenario;
    if (!scenario->earlier.data) return true;
    prelude.offered = scenario->earlier;
    prelude.rolls_back = false;
    peer_offer(&device->peer, prelude.offered.data, prelude.offered.size, 1);
    return run(device, &prelude, UINT32_MAX) == CUT_FINISHED;
}

enum cut_end cut_run(const struct cut_scenario *scenario, const struct cut_case *c,
                     uint32_t *operations_out)
{
    static struct device device;
    device_init(&device, &scenario->layout, &scenario->first, scenario->key, c->write_size);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    bool has_started = update_first(&device, scenario);
    uint32_t before = device.power_cut.operations;
    device.power_cut.cut_at = c->cut_at ? before + c->cut_at : 0;
    device.power_cut.kind = c->kind;
    device.power_cut.seed = c->seed;
    peer_offer(&device.peer, scenario->offered.data, scenario->offered.size, 2);
    enum cut_end end = has_started ? run(&device, scenario, UINT32_MAX) : CUT_UNFINISHED;
    for (int cuts = 1; end == CUT_UNFINISHED && device.power_cut.is_off; cuts++) {
        device_power_on(&device, c->cause);
        if (cuts == 1 && c->again_after)
            device.power_cut.cut_at = device.power_cut.operations + c->again_after;
        end = run(&device, scenario, device.board.counters.boots + CUT_BOOTS_MAX);
    }
    if (end == CUT_FINISHED && device.ram.violations) end = CUT_VIOLATED;
    *operations_out = device.power_cut.operations - before;
    device_deinit(&device);
    return end;
}
