/* One moment of a device's life, to be played on from as often as wanted: memory and flash are
 * copied back to where they lay, for the board points into itself. And what scenarios about flash
 * share: looking past the agent into the flash. */
#pragma once

#include "device.h"

struct snapshot {
    struct device device;
};

/* Sectors are shared until one of the two writes. Aborts when memory is out. */
void snapshot_take(struct snapshot *snapshot, const struct device *device);
/* The device must be the one that the moment was taken of, and alive. */
void snapshot_restore(const struct snapshot *snapshot, struct device *device);
void snapshot_drop(struct snapshot *snapshot);

bool device_is_idle(const struct device *device); /* and not on trial */
/* The offered file runs, proven, and otadata says so. */
bool device_is_done(const struct device *device);
/* Offers the file and runs until device_is_done; aborts when that takes longer than a day. */
void device_install(struct device *device, const struct firmware *file, uint32_t rollout_id);
/* Of data by its subtype, of an application by GODWIT_APP_…; size 0: there is none. */
struct godwit_partition device_partition(const struct device *device, uint8_t type,
                                         uint8_t subtype);
void device_entries(const struct device *device, struct godwit_ota_entry entries_out[2]);
/* As a programmer on the desk would: otadata's sectors with these first bytes. */
void device_put_entries(struct device *device, const struct godwit_ota_entry entries[2]);
