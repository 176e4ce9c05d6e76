/* See snapshot.h. */
#include "snapshot.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY_S (24u * 3600)

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "moment: %s failed\n", what);
    abort();
}

void snapshot_take(struct snapshot *snapshot, const struct device *device)
{
    snapshot->device = *device;
    must(!flash_ram_clone(&device->ram, &snapshot->device.ram), "memory");
}

void snapshot_restore(const struct snapshot *snapshot, struct device *device)
{
    flash_ram_deinit(&device->ram);
    *device = snapshot->device;
    must(!flash_ram_clone(&snapshot->device.ram, &device->ram), "memory");
}

void snapshot_drop(struct snapshot *snapshot)
{
    flash_ram_deinit(&snapshot->device.ram);
}

bool device_is_idle(const struct device *device)
{
    struct godwit_agent_status status = device_status(device);
    return device->board.is_started && status.state == GODWIT_STATE_IDLE && !status.on_trial;
}

struct godwit_partition device_partition(const struct device *device, uint8_t type, uint8_t subtype)
{
    uint8_t table[GODWIT_PTABLE_SIZE];
    struct godwit_partition partition;
    const struct godwit_flash *flash = &device->bare;
    must(!flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, table, sizeof table), "reading the table");
    if (godwit_ptable_find(table, type, subtype, NULL, &partition))
        return (struct godwit_partition){0};
    return partition;
}

void device_entries(const struct device *device, struct godwit_ota_entry entries_out[2])
{
    must(device_read_entries(&device->bare, entries_out), "reading otadata");
}

void device_put_entries(struct device *device, const struct godwit_ota_entry entries[2])
{
    uint32_t offset = device_partition(device, GODWIT_PTYPE_DATA, GODWIT_DATA_OTADATA).offset;
    for (uint32_t i = 0; i < 2; i++)
        must(!flash_put(&device->bare, offset + i * FLASH_ERASE_SIZE, (const uint8_t *)&entries[i],
                        sizeof entries[i]),
             "writing otadata");
}

bool device_is_done(const struct device *device)
{
    struct godwit_ota_entry entries[2];
    if (!device->peer.is_confirmed || !device_is_idle(device) ||
        memcmp(device->peer.last.image_sha256, device->peer.image_sha256, 32) != 0)
        return false;
    device_entries(device, entries);
    int active = godwit_ota_active(entries);
    return active >= 0 && entries[active].state == GODWIT_OTA_VALID;
}

void device_install(struct device *device, const struct firmware *file, uint32_t rollout_id)
{
    peer_offer(&device->peer, file->data, file->size, rollout_id);
    must(device_run(device, device_is_done, DAY_S), "installing");
}
