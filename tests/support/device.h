/* One emulated ESP32-C3 on a make-believe server, with a power-cut injector at its flash and a loss
 * on its link: what the tests of the agent, power-cut tests and figures share. Virtual time; aborts
 * where a test could only give up. */
#pragma once

#include "board/board.h"
#include "firmware.h"
#include "peer.h"

#define DEVICE_FLASH_SIZE (1u << 20)
#define DEVICE_FILE_SIZE_MAX 0x40000u
#define DEVICE_SLOT_SIZE 0x40000u /* after device_prepare */

struct device {
    struct flash_ram ram;
    struct godwit_flash chip, bare,
        flash; /* as it lies there; as read past the power-cut injector, and through */
    struct flash_cipher bare_cipher, cipher; /* with write units over 4 */
    struct power_cut power_cut;
    struct peer peer;
    struct link link;
    struct board_options options; /* of the board; may be changed before device_start */
    struct board board;
    struct firmware first; /* after device_prepare; device_deinit frees it */
    uint64_t now_ms;
};

struct device_options {
    struct board_layout layout;
    struct firmware first;
    const struct key *key;
    uint32_t write_size; /* 4; 16 or 32: behind flash encryption, which alone asks for that */
    uint32_t flash_size; /* 0: DEVICE_FLASH_SIZE */
    bool is_unwatched;   /* a bootloader without rollback */
};
void device_open(struct device *device, const struct device_options *options);
/* `first` in ota_0 or factory, otadata blank, never booted; trusts key (NULL: an open product).
 * layout NULL: two slots. The device must not move in memory. */
void device_init(struct device *device, const struct board_layout *layout,
                 const struct firmware *first, const struct key *key, uint32_t write_size);
void device_deinit(struct device *device);
void device_power_on(struct device *device, enum godwit_reset cause);
void device_power_cycle(struct device *device);

/* A device that has never booted, with two slots of DEVICE_SLOT_SIZE and in ota_0 a file of its
 * own: "1.0.0", which key 0 signed. It trusts `trusted`. */
void device_prepare(struct device *device, const struct key *trusted);
/* After device_prepare: this file in ota_0 instead, which is the device's from then on. */
void device_comes_with(struct device *device, struct firmware file);
/* Power on, with `options` as they are by now. */
void device_start(struct device *device);
/* Prepared and started; it trusts key 0. */
void device_begin(struct device *device);

/* One step of the board, and time moves on. False when nothing more will happen: the power-cut
 * injector has cut (power is off then), or the chip resets for ever. */
bool device_step(struct device *device);
/* Steps until it is so; false: it was not within so many seconds, nothing more will happen, or time
 * stands still: so many steps in one millisecond. done NULL: for so many seconds. */
#define DEVICE_STEPS_MAX 100000u
typedef bool device_done(const struct device *device);
bool device_run(struct device *device, device_done *done, uint32_t seconds);
struct godwit_agent_status device_status(const struct device *device);
/* The initial policy as a P1 of a release. */
struct godwit_policy device_policy(const struct device *device, uint32_t counter);
/* Whether the bytes of `file` stand at the start of the partition that runs. */
bool device_runs(const struct device *device, const struct firmware *file);
/* What the bootloader would start if power returned now; nothing is changed. False: nothing. */
bool device_would_boot(const struct device *device, struct godwit_partition *partition_out);
bool device_holds(const struct device *device, const struct godwit_partition *partition,
                  const struct firmware *file);
/* Both otadata entries as this flash reads them; false: there are none, or it does not answer. */
bool device_read_entries(const struct godwit_flash *flash, struct godwit_ota_entry entries_out[2]);
/* The otadata entry that the bootloader follows, as this flash reads; false: none. */
bool device_active_entry(const struct godwit_flash *flash, struct godwit_ota_entry *out);
