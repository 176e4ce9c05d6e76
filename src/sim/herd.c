/* A heap of the moments at which somebody must be stepped; each step is one call of the board. */
#include "sim/herd.h"

#include <stdlib.h>

#include "emu/chance.h"
#include "sim/herd_fault.h"

#define FLASH_SIZE 0x40000u
#define HOUR_MS (UINT64_C(3600) * 1000)

uint32_t herd_index(const struct unit *unit)
{
    return (uint32_t)(unit - unit->herd->units);
}

/* ---- the heap ---- */

static bool is_before(const struct herd *herd, uint32_t a, uint32_t b)
{
    const struct unit *x = &herd->units[a], *y = &herd->units[b];
    return x->next_ms != y->next_ms ? x->next_ms < y->next_ms : a < b;
}

static void put(struct herd *herd, uint32_t place, uint32_t unit)
{
    herd->heap[place] = unit;
    herd->units[unit].place = place;
}

/* Up or down to where its moment belongs. */
static void resolve(struct herd *herd, uint32_t unit)
{
    uint32_t place = herd->units[unit].place;
    while (place && is_before(herd, unit, herd->heap[(place - 1) / 2])) {
        put(herd, place, herd->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= herd->count) break;
        if (child + 1 < herd->count && is_before(herd, herd->heap[child + 1], herd->heap[child]))
            child++;
        if (!is_before(herd, herd->heap[child], unit)) break;
        put(herd, place, herd->heap[child]);
        place = child;
    }
    put(herd, place, unit);
}

/* ---- the herd ---- */

uint64_t herd_chance(const struct herd *herd, uint32_t unit, uint32_t purpose, uint64_t below)
{
    return mix64(mix64(herd->options.random_seed) ^ ((uint64_t)purpose << 32 | unit)) % below;
}

static const struct godwit_chip *chip(void)
{
    return godwit_chip_by_name(HERD_CHIP);
}

static void make_unit(struct herd *herd, uint32_t index)
{
    struct unit *unit = &herd->units[index];
    uint32_t (*board_of)(uint32_t unit) = herd->options.board_of;
    unit->herd = herd;
    herd_must(!flash_ram_clone(&herd->template, &unit->ram), "memory");
    unit->inner = flash_ram_port(&unit->ram);
    power_cut_init(&unit->cut, &unit->inner);
    unit->flash = power_cut_port(&unit->cut);
    const struct board_options options = {
        .flash = &unit->flash,
        .net = herd_net(unit),
        .bootloader = {.chip = chip(),
                       .has_rollback = true,
                       .has_anti_rollback = herd->options.has_anti_rollback},
        .mac = {0x7C, 0xDF, 0xA1, (uint8_t)(index >> 16), (uint8_t)(index >> 8), (uint8_t)index},
        .hardware_revision = board_of ? board_of(index) : 0,
        .initial_policy = herd->policy,
        .claim_token = herd_claim_token(),
        .interval_s = herd->server->interval_s,
        .random_seed = herd->options.random_seed};
    board_init(&unit->board, &options);
    unit->next_ms = unit->off_ms = unit->on_ms = unit->jump_ms = HERD_NEVER;
    herd_fault_line(unit);
    put(herd, index, index);
}

void herd_open(struct herd *herd, const struct herd_options *options)
{
    const struct board_layout layout = {.slots = 2, .slot_size = HERD_SLOT_SIZE};
    *herd = (struct herd){.server = options->server, .options = *options, .count = options->count};
    memcpy(herd->policy, options->policy, GODWIT_POLICY_BYTES);
    herd_must(!flash_ram_init(&herd->template, FLASH_SIZE, 4, &herd->pool), "memory");
    struct godwit_flash flash = flash_ram_port(&herd->template);
    herd_must(!board_provision(&flash, chip(), &layout, options->first->data, options->first->size),
              "provisioning");
    herd->units = calloc(herd->count, sizeof *herd->units);
    herd->heap = calloc(herd->count, sizeof *herd->heap);
    herd_must(herd->units && herd->heap, "memory");
    for (uint32_t i = 0; i < herd->count; i++)
        make_unit(herd, i);
}

void herd_close(struct herd *herd)
{
    for (uint32_t i = 0; i < herd->count; i++) {
        board_power_off(&herd->units[i].board);
        flash_ram_deinit(&herd->units[i].ram);
    }
    flash_ram_deinit(&herd->template);
    flash_pool_deinit(&herd->pool);
    free(herd->units);
    free(herd->heap);
}

void herd_plan(struct herd *herd, uint32_t index, uint64_t on_ms, uint64_t off_ms,
               uint64_t on_again_ms)
{
    struct unit *unit = &herd->units[index];
    unit->next_ms = on_ms;
    unit->off_ms = off_ms;
    unit->on_ms = on_again_ms;
    resolve(herd, index);
}

/* ---- time ---- */

static void lose_power(struct unit *unit)
{
    const struct herd_watch *watch = &unit->herd->options.watch;
    board_power_off(&unit->board);
    if (watch->lost_power) watch->lost_power(watch->ctx, unit);
}

static void power_on(struct unit *unit)
{
    power_cut_power_on(&unit->cut);
    board_power_on(&unit->board, GODWIT_RESET_POWER_ON);
}

static void note_boot(struct unit *unit)
{
    const struct herd_watch *watch = &unit->herd->options.watch;
    if (!unit->board.is_started || unit->board.counters.boots == unit->boots_seen) return;
    unit->boots_seen = unit->board.counters.boots;
    if (watch->booted) watch->booted(watch->ctx, unit);
}

/* Off, on and a clock that jumps are moments like any other. */
static void step(struct unit *unit, uint64_t now_ms)
{
    if (now_ms >= unit->off_ms) {
        lose_power(unit);
        unit->off_ms = HERD_NEVER;
        unit->next_ms = unit->on_ms;
        return;
    }
    if (now_ms >= unit->jump_ms) {
        unit->board.clock_ahead_ms += unit->jump_by_ms;
        unit->jump_ms = HERD_NEVER;
    }
    if (!unit->board.is_on) power_on(unit);
    uint64_t next_ms = board_step(&unit->board, now_ms);
    note_boot(unit);
    if (unit->cut.is_off) {
        unit->herd->cuts++;
        lose_power(unit);
        next_ms = now_ms + herd_fault_dark_ms(unit);
    }
    if (next_ms > unit->off_ms) next_ms = unit->off_ms;
    unit->next_ms = next_ms < unit->jump_ms ? next_ms : unit->jump_ms;
}

bool herd_step(struct herd *herd, uint64_t until_ms)
{
    uint32_t index = herd->heap[0];
    struct unit *unit = &herd->units[index];
    bool is_early = unit->next_ms < until_ms;
    herd->server->now_ms = is_early ? unit->next_ms : until_ms;
    if (!is_early) return false;
    step(unit, unit->next_ms);
    resolve(herd, index);
    return true;
}

void herd_run(struct herd *herd, uint64_t until_ms)
{
    while (herd_step(herd, until_ms))
        ;
}

void herd_wake_one(struct unit *unit)
{
    if (!unit->board.is_on) return;
    godwit_agent_wake(&unit->board.agent);
    unit->next_ms = unit->herd->server->now_ms;
    resolve(unit->herd, herd_index(unit));
}

void herd_wake(struct herd *herd)
{
    for (uint32_t i = 0; i < herd->count; i++)
        herd_wake_one(&herd->units[i]);
}

void herd_calm(struct herd *herd)
{
    herd->is_calm = true;
    for (uint32_t i = 0; i < herd->count; i++) {
        struct unit *unit = &herd->units[i];
        uint64_t back_ms = herd->server->now_ms + herd_chance(herd, i, 0, HOUR_MS);
        unit->off_ms = unit->jump_ms = HERD_NEVER;
        unit->line.down_until_ms = 0;
        unit->cut.cut_at = 0;
        if (!unit->board.is_on && unit->next_ms > back_ms) unit->next_ms = back_ms;
        resolve(herd, i);
    }
}

bool herd_runs(const struct unit *unit, const struct herd_file *file)
{
    static uint8_t bytes[HERD_SLOT_SIZE];
    if (!unit->board.is_started || file->size > sizeof bytes) return false;
    return !unit->inner.read(unit->inner.ctx, unit->board.running.offset, bytes, file->size) &&
           !memcmp(bytes, file->data, file->size);
}
