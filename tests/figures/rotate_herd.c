/* A heap of the moments at which somebody must be stepped; each step is one call of the board. */
#include "rotate_herd.h"

#include <stdlib.h>

#include "emu/chance.h"

#define FLASH_SIZE 0x40000u
#define SLOT_SIZE 0x10000u
#define IMAGE_PATH "/v1/image/"
#define CUT_SHARE 5         /* of 100 that are told to install lose power on the way, */
#define CUT_WITHIN_MS 20000 /* somewhere between download and confirming, */
#define CUT_FOR_MS 3600000  /* for an hour */

/* ---- the net port ---- */

/* The reply to the last outcome that a check-in carried, as the server will believe it. */
static void note_outcome(struct unit *unit, const struct godwit_request *request)
{
    static struct godwit_checkin checkin;
    if (godwit_checkin_decode(request->body, request->body_size, &checkin)) return;
    const struct godwit_outcome *outcome = &checkin.outcome;
    if (outcome->id == unit->last_outcome) return;
    unit->last_outcome = outcome->id;
    if (outcome->rollout_id == UINT32_MAX && outcome->reason == GODWIT_REASON_SIGNATURE_KEY)
        unit->refused_attack = true;
    if (outcome->stage != GODWIT_STAGE_CONFIRMED) return;
    if (outcome->rollout_id != unit->rollout_id) unit->hops = 0;
    unit->rollout_id = outcome->rollout_id;
    unit->hops++;
    if (unit->hops > unit->hops_max) unit->hops_max = unit->hops;
}

static int reply_image(struct unit *unit, const struct godwit_request *request)
{
    const struct drill_file *file;
    int status = drill_server_image(unit->herd->server, request->bearer,
                                    request->path + strlen(IMAGE_PATH), &file);
    if (status != 200) return status;
    uint32_t from = request->use_range ? request->range_from : 0;
    if (from >= file->size) return 416;
    unit->body = file->data + from;
    unit->body_size = file->size - from;
    if (!request->use_range) return 200;
    unit->response.range_from = from;
    unit->response.range_total = (uint32_t)file->size;
    return 206;
}

/* Power goes in the middle of some updates, of those that have no other plan. */
static void maybe_cut(struct unit *unit, uint64_t installs)
{
    struct herd *herd = unit->herd;
    uint32_t index = (uint32_t)(unit - herd->units), purpose = (uint32_t)installs;
    if (unit->off_ms != HERD_NEVER || herd_chance(herd, index, purpose, 100) >= CUT_SHARE) return;
    unit->off_ms = herd->server->now_ms + herd_chance(herd, index, ~purpose, CUT_WITHIN_MS);
    unit->on_ms = unit->off_ms + CUT_FOR_MS;
    herd->cuts++;
}

static godwit_err net_start(void *ctx, const struct godwit_request *request)
{
    struct unit *unit = ctx;
    unit->is_open = unit->is_queued_device = true;
    unit->response = (struct godwit_reply){0};
    unit->body = (const uint8_t *)unit->reply;
    unit->body_size = unit->body_at = 0;
    if (request->body) {
        uint64_t installs = unit->herd->server->installs;
        note_outcome(unit, request);
        unit->response.status =
            drill_server_checkin(unit->herd->server, request->bearer, request->body,
                                 request->body_size, unit->reply, &unit->body_size);
        if (unit->herd->server->installs > installs) maybe_cut(unit, installs);
    } else {
        unit->response.status = reply_image(unit, request);
    }
    unit->response.content_length = (uint32_t)unit->body_size;
    return GODWIT_OK;
}

static godwit_err net_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                           struct godwit_reply *reply_out)
{
    struct unit *unit = ctx;
    *size_out = 0;
    if (!unit->is_open) return GODWIT_ERR_NET;
    if (unit->is_queued_device) {
        unit->is_queued_device = false;
        return GODWIT_OK;
    }
    *reply_out = unit->response;
    size_t left = unit->body_size - unit->body_at;
    if (!left) return GODWIT_ERR_END;
    *size_out = left < size_max ? left : size_max;
    memcpy(data, unit->body + unit->body_at, *size_out);
    unit->body_at += *size_out;
    return GODWIT_OK;
}

static void net_close(void *ctx)
{
    struct unit *unit = ctx;
    unit->is_open = false;
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
    return mix64(mix64(herd->random_seed ^ purpose) ^ unit) % below;
}

static const struct godwit_chip *chip(void)
{
    return godwit_chip_by_name(DRILL_CHIP);
}

static void make_unit(struct herd *herd, uint32_t index)
{
    struct unit *unit = &herd->units[index];
    unit->herd = herd;
    must(!flash_ram_clone(&herd->template, &unit->ram), "memory");
    unit->flash = flash_ram_port(&unit->ram);
    const struct board_options options = {
        .flash = &unit->flash,
        .net = {.ctx = unit, .start = net_start, .read = net_read, .close = net_close},
        .bootloader = {.chip = chip(), .has_rollback = true},
        .mac = {0x7C, 0xDF, 0xA1, (uint8_t)(index >> 16), (uint8_t)(index >> 8), (uint8_t)index},
        .initial_policy = herd->seed,
        .claim_token = drill_claim_token(),
        .interval_s = DRILL_INTERVAL_S,
        .random_seed = herd->random_seed};
    board_init(&unit->board, &options);
    unit->next_ms = unit->off_ms = unit->on_ms = HERD_NEVER;
    put(herd, index, index);
}

void herd_open(struct herd *herd, struct drill_server *server, uint32_t count, uint64_t random_seed,
               const struct drill_file *first, const uint8_t seed[static GODWIT_POLICY_BYTES])
{
    const struct board_layout layout = {.slots = 2, .slot_size = SLOT_SIZE};
    *herd = (struct herd){.server = server, .count = count, .random_seed = random_seed};
    memcpy(herd->seed, seed, GODWIT_POLICY_BYTES);
    must(!flash_ram_init(&herd->template, FLASH_SIZE, 4, &herd->pool), "memory");
    struct godwit_flash flash = flash_ram_port(&herd->template);
    must(!board_provision(&flash, chip(), &layout, first->data, first->size), "provisioning");
    herd->units = calloc(count, sizeof *herd->units);
    herd->heap = calloc(count, sizeof *herd->heap);
    must(herd->units && herd->heap, "memory");
    for (uint32_t i = 0; i < count; i++)
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

/* Off and on are moments like any other. */
static void step(struct unit *unit, uint64_t now_ms)
{
    if (now_ms >= unit->off_ms) {
        board_power_off(&unit->board);
        unit->off_ms = HERD_NEVER;
        unit->next_ms = unit->on_ms;
        return;
    }
    if (!unit->board.is_on) board_power_on(&unit->board, GODWIT_RESET_POWER_ON);
    uint64_t next_ms = board_step(&unit->board, now_ms);
    unit->next_ms = next_ms < unit->off_ms ? next_ms : unit->off_ms;
}

void herd_run(struct herd *herd, uint64_t until_ms)
{
    for (;;) {
        uint32_t index = herd->heap[0];
        struct unit *unit = &herd->units[index];
        if (unit->next_ms >= until_ms) break;
        herd->server->now_ms = unit->next_ms;
        step(unit, unit->next_ms);
        resolve(herd, index);
    }
    herd->server->now_ms = until_ms;
}

void herd_wake(struct herd *herd)
{
    for (uint32_t i = 0; i < herd->count; i++) {
        struct unit *unit = &herd->units[i];
        if (!unit->board.is_on) continue;
        godwit_agent_wake(&unit->board.agent);
        unit->next_ms = herd->server->now_ms;
        resolve(herd, i);
    }
}

bool herd_runs(const struct unit *unit, const struct drill_file *file)
{
    static uint8_t bytes[SLOT_SIZE];
    if (!unit->board.is_started || file->size > sizeof bytes) return false;
    return !unit->flash.read(unit->flash.ctx, unit->board.running.offset, bytes, file->size) &&
           !memcmp(bytes, file->data, file->size);
}
