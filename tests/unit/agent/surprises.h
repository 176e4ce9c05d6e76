/* A device that is brought into a corner: what the tests of surprises share. Products are open:
 * what is looked at here is the boot, not the signature. */
#pragma once

#include "device_test.h"
#include "snapshot.h"

#define FILE_SIZE 0x5000u
#define HOUR_S 3600u
#define DAY_S (24 * HOUR_S)

static struct device device;
static const struct board_layout two = {0}, factory = {.has_factory = true};

static inline struct firmware make(const char *version, enum behaviour_kind kind,
                                   uint32_t secure_version)
{
    const struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                         .project = PEER_PRODUCT,
                                         .version = version,
                                         .size = FILE_SIZE,
                                         .seed = (uint8_t)version[0],
                                         .secure_version = secure_version,
                                         .behaviour = {kind, 0}};
    struct firmware file;
    assert_int_equal(pack_image(&options, &file.data, &file.size), GODWIT_OK);
    return file;
}

static inline bool has_joined(const struct device *d)
{
    return device_is_idle(d) && d->peer.checkins > 0;
}

static inline void begin_with(const struct board_layout *layout, const struct firmware *file)
{
    device_init(&device, layout, file, NULL, 4);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    assert_true(device_run(&device, has_joined, HOUR_S));
}

static inline int end(void **state)
{
    (void)state;
    device_deinit(&device);
    return 0;
}

static inline void run_for(uint32_t seconds)
{
    uint64_t end_ms = device.now_ms + seconds * 1000u;
    while (device.now_ms < end_ms)
        assert_true(device_step(&device));
}

static inline uint32_t slot_offset(uint8_t subtype)
{
    return device_partition(&device, GODWIT_PTYPE_APP, subtype).offset;
}

/* A bit of the image's data flips, so that it fails its check at boot. */
static inline void damage(uint8_t subtype)
{
    uint8_t byte;
    uint32_t offset = slot_offset(subtype) + 0x1800;
    assert_int_equal(device.bare.read(device.bare.ctx, offset, &byte, 1), GODWIT_OK);
    assert_int_equal(flash_rot(&device.bare, offset / 4096 * 4096, 3, 1), GODWIT_OK);
}

static inline struct godwit_ota_entry entry(uint32_t seq, uint32_t state)
{
    struct godwit_ota_entry made;
    memset(&made, 0xFF, sizeof made);
    made.seq = seq;
    made.state = state;
    made.crc = godwit_ota_crc(seq);
    return made;
}

static const struct godwit_ota_entry BLANK = {UINT32_MAX, {0}, UINT32_MAX, UINT32_MAX};

static inline void put(struct godwit_ota_entry entry0, struct godwit_ota_entry entry1)
{
    struct godwit_ota_entry entries[2] = {entry0, entry1};
    for (int i = 0; i < 2; i++)
        if (entries[i].seq == UINT32_MAX) memset(&entries[i], 0xFF, sizeof entries[i]);
    device_put_entries(&device, entries);
}

static inline void assert_entry(int index, uint32_t seq, uint32_t state)
{
    struct godwit_ota_entry entries[2];
    device_entries(&device, entries);
    assert_int_equal(entries[index].seq, seq);
    assert_int_equal(entries[index].state, state);
}

/* One boot of the bootloader alone, as it leaves otadata; the agent has not run yet. */
static inline void boot_only(const char *label)
{
    device_power_cycle(&device);
    assert_true(device_step(&device));
    assert_string_equal(device.board.running.label, label);
}

static inline void assert_heard(enum godwit_stage stage, enum godwit_reason reason)
{
    assert_string_equal(godwit_stage_name(device.peer.outcome.stage), godwit_stage_name(stage));
    assert_string_equal(godwit_reason_id(device.peer.outcome.reason), godwit_reason_id(reason));
}

/* Runs until the agent has switched, and the chip is about to boot. */
static inline void switch_to(const struct firmware *file, uint32_t rollout_id)
{
    uint32_t restarts = device.board.counters.restarts;
    peer_offer(&device.peer, file->data, file->size, rollout_id);
    uint64_t end_ms = device.now_ms + HOUR_S * 1000;
    while (device.board.counters.restarts == restarts && device.now_ms < end_ms)
        assert_true(device_step(&device));
    assert_int_equal(device.board.counters.restarts, restarts + 1);
}
