/* One whole emulated ESP32: power on → bootloader → the image's behaviour and the real agent,
 * stepped with the caller's time. A crash, hang or restart is a reset with its cause, followed by a
 * boot. It has no thread, clock or heap of its own, so thousands run in one process.
 *
 *     board_init → board_power_on → board_step … → board_power_off → board_power_on …
 */
#pragma once

#include "agent/internal.h"
#include "emu/emu.h"

struct board_options {
    const struct godwit_flash *flash; /* may be a power-cut injector; outlives the board */
    struct godwit_net net;            /* may be a link; its ctx outlives the board */
    struct bootloader bootloader;     /* chip, revision, rollback */
    struct efuses efuses;             /* as programmed before the first boot */
    uint8_t mac[6];
    uint32_t hardware_revision;
    const uint8_t *initial_policy; /* 328 bytes; outlives the board */
    const char *claim_token;       /* or NULL; outlives the board */
    uint32_t interval_s;           /* until the server gives one; 0: the agent's default */
    const char *attributes;        /* or NULL; outlives the board */
    uint16_t wait_s;               /* how long the server may hold a reply */
    bool has_true_random; /* from the host's kernel; else made from random_seed and the MAC */
    uint64_t random_seed;
};

struct board_counters {
    uint32_t boots, panics, watchdogs, restarts;
};

struct board {
    struct board_options options;
    struct board_counters counters;
    struct efuses efuses;
    enum godwit_reset reset; /* cause of the present boot */
    struct godwit_partition running;
    bool is_on;
    bool is_bricked; /* nothing to boot: the chip resets for ever */
    /* Added to the caller's time for the agent's clock, modulo 2^64. May change at any time, which
     * gives a clock that starts anywhere or jumps. */
    uint64_t clock_ahead_ms;
    /* private */
    bool is_started, wants_restart;
    unsigned aborts; /* boots in a row that loaded an image which can not start */
    struct behaviour behaviour;
    uint64_t now_ms, random_state;
    /* When these things happened in this boot; UINT64_MAX: not yet. */
    uint64_t boot_ms, step_ms, request_ms, contact_ms, confirmed_ms;
    struct godwit_net net;
    struct godwit_system system;
    struct godwit_agent agent;
};

/* options are copied; what they point to is not. Power is off. */
void board_init(struct board *board, const struct board_options *options);
/* Cause: POWER_ON, or BROWN_OUT after a dip. */
void board_power_on(struct board *board, enum godwit_reset cause);
/* Memory is lost, flash stays. A test calls it too when its power-cut injector has cut. */
void board_power_off(struct board *board);
/* One bounded piece of work: a boot, or one step of the agent. Returns the time in ms at which to
 * call again; UINT64_MAX while off or bricked. now_ms never decreases, also not across reboots. */
uint64_t board_step(struct board *board, uint64_t now_ms);
/* What the agent says of itself; zero while off, bricked or not yet booted. */
void board_status(const struct board *board, struct godwit_agent_status *out);

/* The layout of a new flash: the chip's bootloader; the partition table at 0x8000; nvs, otadata,
 * the agent's journal `godwit`; then factory (if wanted) and the slots, 64 KiB aligned. */
struct board_layout {
    uint32_t slots; /* 1 … 16; 0: 2 */
    bool has_factory;
    uint32_t slot_size; /* bytes, multiple of 64 KiB; 0: as large as fits */
};
/* Erases two sectors and writes a bootloader that names the chip and the table into them, and the
 * first image (may be NULL) into factory where there is one, else ota_0; the rest must be erased
 * already. SPACE: the image or the layout does not fit. */
GODWIT_MUST_USE godwit_err board_provision(const struct godwit_flash *flash,
                                           const struct godwit_chip *chip,
                                           const struct board_layout *layout, const uint8_t *image,
                                           size_t size);
