/* Many emulated devices on one drill server, in virtual time: the real agent each, flash in memory
 * with a shared pool, powered off for weeks or a year as their plan says. */
#pragma once

#include "board/board.h"
#include "rotate_server.h"

#define HERD_NEVER UINT64_MAX

struct herd;

struct unit {
    struct herd *herd;
    struct flash_ram ram;
    struct godwit_flash flash;
    struct board board;
    uint64_t next_ms;
    uint64_t off_ms, on_ms; /* power is off from … to …; HERD_NEVER: always on */
    uint32_t place;         /* in the heap */
    /* installs of one rollout, as its outcomes tell */
    uint32_t rollout_id, hops, hops_max, last_outcome;
    bool refused_attack;
    /* the open request */
    struct godwit_reply response;
    const uint8_t *body;
    size_t body_size, body_at;
    bool is_open, is_queued_device;
    char reply[GODWIT_CHECKIN_REPLY_MAX];
};

struct herd {
    struct drill_server *server;
    struct unit *units;
    uint32_t count;
    uint32_t *heap; /* of units, the next one first */
    struct flash_pool pool;
    struct flash_ram template;
    uint8_t seed[GODWIT_POLICY_BYTES];
    uint64_t random_seed;
    uint32_t cuts; /* power lost in the middle of an update */
};

/* `first` is what a cable flashed. Units begin with the power off and no plan. */
void herd_open(struct herd *herd, struct drill_server *server, uint32_t count, uint64_t random_seed,
               const struct drill_file *first, const uint8_t seed[static GODWIT_POLICY_BYTES]);
void herd_close(struct herd *herd);
/* A number below `below`, made from the seed, the unit and the purpose alone. */
uint64_t herd_chance(const struct herd *herd, uint32_t unit, uint32_t purpose, uint64_t below);
/* Its power comes at on_ms; once also off and on again. Before the first run. */
void herd_plan(struct herd *herd, uint32_t unit, uint64_t on_ms, uint64_t off_ms,
               uint64_t on_again_ms);
/* Everything that happens before until_ms. */
void herd_run(struct herd *herd, uint64_t until_ms);
/* Each device that has power asks at once. */
void herd_wake(struct herd *herd);
/* Whether the bytes of the file stand in the partition that runs. */
bool herd_runs(const struct unit *unit, const struct drill_file *file);
