/* An emulated board under attack: the real agent on real flash bytes, the network as a function
 * call with virtual time. What the board says is judged by attack_check.c; here its flash is looked
 * at too, which no server could. */
#include "sim/attack_board.h"

#include <stdio.h>
#include <stdlib.h>

#define FLASH_SIZE (1u << 20)
#define SLOT_SIZE 0x20000u
#define HOUR_MS UINT64_C(3600000)
#define AFTER_MS (3 * HOUR_MS)
#define WEEK_MS (9 * 24 * HOUR_MS) /* and more: a thief may have sent the board to sleep */
#define STEPS_MAX 100000000u       /* in a case: more is an agent that turns in circles */
#define MAC              \
    {                    \
        2, 0, 0, 0, 0, 1 \
    }

struct stage {
    struct attack attack;
    struct flash_ram ram;
    struct power_cut power_cut; /* cuts nothing, but counts */
    struct godwit_flash flash;
    struct board board;
    uint64_t now_ms;
    uint64_t steps;
    /* the open reply */
    bool is_open, is_queued_device;
    struct attack_response response;
    uint64_t taken, start_ms; /* bytes of its body, and when it began */
    char tag[80];             /* If-Range of its request; "": none */
};

/* ---- the network ---- */

static godwit_err net_start(void *ctx, const struct godwit_request *request)
{
    struct stage *stage = ctx;
    const struct attack_request call = {
        .method = request->method,
        .base = request->base,
        .path = request->path,
        .bearer = request->bearer,
        .body = request->body,
        .if_range = request->if_range,
        .body_size = request->body_size,
        .range_from = request->range_from,
        .use_range = request->use_range,
        .now_ms = stage->now_ms,
    };
    attack_must(!stage->is_open, "one request at a time");
    attack_request(&stage->attack, &call, &stage->response);
    if (!stage->response.status) return GODWIT_ERR_NET;
    snprintf(stage->tag, sizeof stage->tag, "%s", request->if_range ? request->if_range : "");
    stage->is_open = stage->is_queued_device = true;
    stage->taken = 0;
    stage->start_ms = stage->now_ms;
    return GODWIT_OK;
}

/* Bytes that have come over the wire by now, of those that are still to be read. */
static uint64_t arrived(const struct stage *stage)
{
    const struct attack_response *response = &stage->response;
    uint64_t size = response->is_endless && response->body_size ? UINT64_MAX : response->body_size;
    if (response->cuts && response->cut_at < size) size = response->cut_at;
    if (response->stalls && response->stall_at < size) size = response->stall_at;
    if (response->rate) {
        uint64_t sent = (stage->now_ms - stage->start_ms) * response->rate / 100000;
        if (sent < size) size = sent;
    }
    return size > stage->taken ? size - stage->taken : 0;
}

static bool is_over(const struct stage *stage)
{
    const struct attack_response *response = &stage->response;
    return !(response->is_endless && response->body_size) && stage->taken >= response->body_size;
}

static void fill_head(const struct stage *stage, struct godwit_reply *out)
{
    const struct attack_response *response = &stage->response;
    out->status = response->status;
    out->retry_after_s = response->retry_after_s;
    out->content_length =
        response->stated_size ? response->stated_size : (uint32_t)response->body_size;
    if (response->has_no_length || (response->is_endless && !response->stated_size))
        out->content_length = UINT32_MAX;
    out->range_from = response->range_from;
    out->range_total = response->range_total;
    out->is_other = response->etag && stage->tag[0] && strcmp(response->etag, stage->tag) != 0;
}

static godwit_err net_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                           struct godwit_reply *out)
{
    struct stage *stage = ctx;
    const struct attack_response *response = &stage->response;
    *size_out = 0;
    if (!stage->is_open) return GODWIT_ERR_NET;
    bool waits = stage->is_queued_device || response->is_silent;
    stage->is_queued_device = false;
    if (waits) return GODWIT_OK;
    fill_head(stage, out);
    if (is_over(stage)) return GODWIT_ERR_END;
    if (response->cuts && stage->taken >= response->cut_at) return GODWIT_ERR_NET;
    uint64_t size = arrived(stage);
    if (size > size_max) size = size_max;
    if (size > 16384) size = 16384;
    for (uint64_t i = 0; i < size; i++)
        data[i] = response->body[(stage->taken + i) % response->body_size];
    stage->taken += size;
    *size_out = (size_t)size;
    if (stage->attack.phase != ATTACK_DURING) return GODWIT_OK;
    struct attack_seen *seen = &stage->attack.seen;
    seen->bytes_taken += size;
    if (stage->taken > seen->bytes_max) seen->bytes_max = stage->taken;
    return GODWIT_OK;
}

static void net_close(void *ctx)
{
    struct stage *stage = ctx;
    stage->is_open = false;
}

static void net_trust(void *ctx, const uint8_t ca_sha256[2][32])
{
    struct stage *stage = ctx;
    memcpy(stage->attack.seen.trusted_ca, ca_sha256, sizeof stage->attack.seen.trusted_ca);
}

/* ---- a board's life ---- */

static void power_on(struct stage *stage, struct attack_fixture *fixture, enum attack_base base,
                     uint64_t seed)
{
    const struct board_options options = {
        .flash = &stage->flash,
        .net = {.ctx = stage,
                .start = net_start,
                .read = net_read,
                .close = net_close,
                .trust = net_trust},
        .bootloader = {.chip = fixture->chip, .has_rollback = true},
        .efuses = {.secure_version = stage->attack.secure_version},
        .mac = MAC,
        .initial_policy = fixture->initial_policies[base],
        .claim_token = fixture->claim_token,
        .random_seed = seed,
    };
    struct godwit_flash inner = flash_ram_port(&stage->ram);
    power_cut_init(&stage->power_cut, &inner);
    stage->flash = power_cut_port(&stage->power_cut);
    board_init(&stage->board, &options);
    board_power_on(&stage->board, GODWIT_RESET_POWER_ON);
}

/* Until the time, or until done says so; false: it turned in circles. */
static bool live_until(struct stage *stage, uint64_t end_ms,
                       bool (*is_done)(const struct attack *attack))
{
    while (stage->now_ms < end_ms && !stage->board.is_bricked) {
        if (is_done && is_done(&stage->attack)) return true;
        if (++stage->steps > STEPS_MAX) return false;
        uint64_t next_ms = board_step(&stage->board, stage->now_ms);
        stage->now_ms = next_ms < end_ms ? next_ms : end_ms;
    }
    return true;
}

static bool has_recovered(const struct attack *attack)
{
    return attack->seen.has_recovered;
}

/* One question behind the last event, so that a server's ear has heard it all. */
static bool live_on(struct stage *stage, uint64_t more_ms)
{
    return live_until(stage, stage->now_ms + more_ms, NULL);
}

/* ---- the base ---- */

static void first_flash(struct stage *stage, struct attack_fixture *fixture, enum attack_base base,
                        struct attack_state *state)
{
    struct attack_recipe recipe;
    attack_base_recipe(fixture, base, &recipe);
    if (base != BASE_NEW) recipe.has_policy = false; /* older than its first policy */
    memcpy(recipe.version, "0.9.0", sizeof "0.9.0");
    struct attack_file file = attack_file_make(fixture, &recipe);
    const struct board_layout layout = {.slot_size = SLOT_SIZE};
    struct godwit_flash flash;
    attack_must(!flash_ram_init(&stage->ram, FLASH_SIZE, 4, NULL), "making flash");
    flash = flash_ram_port(&stage->ram);
    attack_must(!board_provision(&flash, fixture->chip, &layout, file.data, file.size), "flashing");
    state->current = file;
    state->current.data = NULL;
    state->current.counter = ATTACK_COUNTER - 1;
    attack_file_free(&file);
}

void attack_board_make(struct attack_fixture *fixture, enum attack_base base)
{
    static const struct attack_case rows[BASES_COUNT] = {
        {.base = BASE_POLICY}, {.base = BASE_TWO}, {.base = BASE_RSA}, {.base = BASE_BASIC}};
    struct attack_board_base *made = &fixture->bases[base];
    if (made->is_made) return;
    struct stage *stage = calloc(1, sizeof *stage);
    attack_must(stage != NULL, "finding memory");
    first_flash(stage, fixture, base, &made->state);
    if (base != BASE_NEW) {
        attack_begin(&stage->attack, fixture, &rows[base], &made->state);
        attack_end(&stage->attack);
        struct attack_recipe recipe = attack_recipe(&stage->attack, 1);
        stage->attack.after = attack_genuine(&stage->attack, &recipe);
        power_on(stage, fixture, base, 0);
        attack_enter(&stage->attack, ATTACK_AFTER, 0);
        bool is_sound = live_until(stage, 2 * HOUR_MS, has_recovered) && live_on(stage, 120000);
        attack_must(is_sound && stage->attack.seen.has_recovered, "the honest update of a base");
        made->state.current = *stage->attack.after;
        made->state.current.data = NULL;
        if (base == BASE_BASIC) made->state.current.counter = ATTACK_COUNTER;
        board_power_off(&stage->board);
        attack_end(&stage->attack);
    }
    made->ram = stage->ram;
    made->now_ms = stage->now_ms;
    made->is_made = true;
    free(stage);
}

/* ---- what the flash says in the end ---- */

static bool flash_holds(const struct stage *stage, const struct godwit_partition *partition,
                        const struct attack_file *file)
{
    uint8_t sector[4096];
    for (size_t at = 0; at < file->size; at += sizeof sector) {
        size_t size = file->size - at < sizeof sector ? file->size - at : sizeof sector;
        if (stage->flash.read(stage->flash.ctx, partition->offset + (uint32_t)at, sector, size) ||
            memcmp(sector, file->data + at, size) != 0)
            return false;
    }
    return true;
}

/* The bootloader's own choice, from a copy of the flash: is it the partition that runs? */
static const char *look_at_choice(const struct stage *stage)
{
    struct flash_ram copy;
    struct boot boot;
    struct efuses efuses = stage->board.efuses;
    attack_must(!flash_ram_clone(&stage->ram, &copy), "copying flash");
    struct godwit_flash flash = flash_ram_port(&copy);
    godwit_err err = bootloader_run(&stage->board.options.bootloader, &flash, &efuses, &boot);
    flash_ram_deinit(&copy);
    if (err || !boot.boots) return "nothing boots any more";
    if (boot.partition.offset != stage->board.running.offset)
        return "otadata names another image than the one that runs";
    return NULL;
}

static const char *look_at_flash(const struct stage *stage)
{
    const struct attack *attack = &stage->attack;
    if (stage->board.is_bricked) return "the board is bricked";
    if (stage->ram.violations) return "flash was written over";
    if (stage->board.counters.panics || stage->board.counters.watchdogs) return "the board crashed";
    if (attack->seen.has_recovered && !flash_holds(stage, &stage->board.running, attack->after))
        return "what runs in the end is not the honest release, byte for byte";
    return look_at_choice(stage);
}

/* ---- a case ---- */

static const char *play(struct stage *stage)
{
    struct attack *attack = &stage->attack;
    const struct attack_case *row = attack->row;
    uint32_t during_s = row->during_s ? row->during_s : ATTACK_DURING_S;
    attack_enter(attack, ATTACK_BEFORE, stage->now_ms);
    if (row->before_s && !live_on(stage, (uint64_t)row->before_s * 1000)) return "it hung BEFORE";
    attack_enter(attack, ATTACK_DURING, stage->now_ms);
    uint32_t wear = stage->power_cut.operations;
    if (!live_on(stage, (uint64_t)during_s * 1000)) return "it hung: steps without end";
    attack->seen.wear = stage->power_cut.operations - wear;
    attack_enter(attack, ATTACK_AFTER, stage->now_ms);
    if (!live_until(stage, stage->now_ms + AFTER_MS, has_recovered)) return "it hung AFTER";
    if (!live_on(stage, 1000)) return "it hung in the end";
    return look_at_flash(stage);
}

static struct stage *open_stage(struct attack_fixture *fixture, const struct attack_case *row,
                                struct attack_state *state, bool is_loud, uint64_t seed)
{
    attack_board_make(fixture, row->base);
    const struct attack_board_base *base = &fixture->bases[row->base];
    struct stage *stage = calloc(1, sizeof *stage);
    attack_must(stage != NULL, "finding memory");
    attack_must(!flash_ram_clone(&base->ram, &stage->ram), "copying flash");
    *state = base->state;
    stage->now_ms = base->now_ms;
    attack_begin(&stage->attack, fixture, row, state);
    stage->attack.is_loud = is_loud;
    power_on(stage, fixture, row->base, seed);
    return stage;
}

static void close_stage(struct stage *stage, const char *wrong, struct attack_result *result)
{
    attack_check(&stage->attack, result);
    if (wrong && result->verdict == ATTACK_HELD) {
        result->verdict = ATTACK_FAILED;
        snprintf(result->why, sizeof result->why, "%s", wrong);
    }
    board_power_off(&stage->board);
    attack_end(&stage->attack);
    flash_ram_deinit(&stage->ram);
    free(stage);
}

void attack_board_play(struct attack_fixture *fixture, const struct attack_case *row, bool is_loud,
                       struct attack_result *result)
{
    struct attack_state state;
    struct stage *stage = open_stage(fixture, row, &state, is_loud, 1);
    close_stage(stage, play(stage), result);
}

/* ---- a medley ---- */

/* One case for some seconds or minutes; now and then the power goes at its end. */
static const char *play_part(struct stage *stage, size_t cases)
{
    struct attack *attack = &stage->attack;
    uint32_t index = attack_chance(attack) % (uint32_t)cases;
    if (!attack_change(attack, attack_case_at(index))) return NULL;
    uint64_t span_ms = UINT64_C(1) << attack_chance(attack) % 21; /* up to 17 minutes */
    if (!live_on(stage, span_ms)) return "it hung: steps without end";
    if (attack_chance(attack) % 4) return NULL;
    attack_report(attack, "---- the power goes and comes back");
    board_power_off(&stage->board);
    board_power_on(&stage->board, GODWIT_RESET_POWER_ON);
    return NULL;
}

static const char *play_medley(struct stage *stage, uint32_t seed)
{
    struct attack *attack = &stage->attack;
    const char *wrong = NULL;
    size_t cases = 0;
    while (attack_case_at(cases))
        cases++;
    attack_enter(attack, ATTACK_BEFORE, stage->now_ms);
    if (!live_on(stage, 600000)) return "it hung BEFORE";
    attack->random = seed;
    attack_enter(attack, ATTACK_DURING, stage->now_ms);
    for (uint32_t parts = 2 + attack_chance(attack) % 12; parts && !wrong; parts--)
        wrong = play_part(stage, cases);
    if (wrong) return wrong;
    attack_enter(attack, ATTACK_AFTER, stage->now_ms);
    if (!live_until(stage, stage->now_ms + WEEK_MS, has_recovered)) return "it hung AFTER";
    if (!live_on(stage, 1000)) return "it hung in the end";
    return look_at_flash(stage);
}

void attack_board_medley(struct attack_fixture *fixture, uint32_t seed, bool is_loud,
                         struct attack_result *result)
{
    static const struct attack_case rows[] = {
        {.name = "medley", .base = BASE_POLICY, .end = ATTACK_WHOLE},
        {.name = "medley-two", .base = BASE_TWO, .end = ATTACK_WHOLE},
        {.name = "medley-rsa", .base = BASE_RSA, .end = ATTACK_WHOLE},
    };
    const struct attack_case *row = &rows[seed % 8 < 6 ? 0 : seed % 8 - 5];
    struct attack_state state;
    struct stage *stage = open_stage(fixture, row, &state, is_loud, seed);
    const char *wrong = play_medley(stage, seed);
    stage->attack.row = row;
    close_stage(stage, wrong, result);
}
