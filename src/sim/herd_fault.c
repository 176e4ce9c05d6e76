/* Each draw takes the next number of the device's own sequence, so what happens to one depends on
 * what it did itself, and not on how many others there are. */
#include "sim/herd_fault.h"

#define MINUTE_MS (UINT64_C(60) * 1000)
#define HOUR_MS (60 * MINUTE_MS)
#define CUT_OPERATIONS 48 /* about as many as an install does, with confirming */
#define REST_OPERATIONS 4
#define TROUBLE_BYTES 13000      /* a little more than a file has */
#define DRAW_PURPOSE 0x80000000u /* and up: not those of scenarios */

static uint64_t draw(struct unit *unit, uint64_t below)
{
    return herd_chance(unit->herd, herd_index(unit), DRAW_PURPOSE + unit->draws++, below);
}

static bool strikes(struct unit *unit, uint16_t per_mille)
{
    return !unit->herd->is_calm && per_mille && draw(unit, 1000) < per_mille;
}

/* From below to above, small ones as often as large ones. */
static uint64_t draw_span(struct unit *unit, uint64_t least_ms, unsigned doublings)
{
    uint64_t span_ms = least_ms << draw(unit, doublings);
    return span_ms + draw(unit, span_ms);
}

void herd_fault_line(struct unit *unit)
{
    if (strikes(unit, unit->herd->options.faults.slow))
        unit->line.bytes_per_s = 100 + (uint32_t)draw(unit, 2000);
}

void herd_fault_request(struct unit *unit, bool is_image)
{
    const struct herd_faults *faults = &unit->herd->options.faults;
    struct herd_line *line = &unit->line;
    line->trouble = is_image && line->break_at ? TROUBLE_BREAK : TROUBLE_NONE;
    if (line->trouble) {
        line->trouble_at = line->break_at;
        line->break_at = 0;
        return;
    }
    if (!strikes(unit, is_image ? faults->trouble_image : faults->trouble_checkin)) return;
    line->trouble = (enum herd_trouble)(1 + draw(unit, TROUBLE_COUNT - 1));
    line->trouble_at = draw(unit, is_image ? TROUBLE_BYTES : GODWIT_CHECKIN_REPLY_MAX);
    unit->herd->troubles[line->trouble]++;
}

static void cut(struct unit *unit, uint32_t operations)
{
    struct power_cut *injector = &unit->cut;
    injector->cut_at = injector->operations + 1 + (uint32_t)draw(unit, operations);
    injector->kind = (enum power_cut_kind)draw(unit, POWER_CUT_KINDS_COUNT);
    injector->seed = draw(unit, UINT64_MAX);
}

uint64_t herd_fault_dark_ms(struct unit *unit)
{
    return draw_span(unit, 1000, 12); /* up to two hours */
}

static void jump(struct unit *unit)
{
    uint64_t by_ms = draw_span(unit, MINUTE_MS, 20); /* up to four years */
    unit->jump_ms = unit->herd->server->now_ms + draw(unit, HOUR_MS);
    unit->jump_by_ms = draw(unit, 2) ? by_ms : 0 - by_ms;
    unit->herd->jumps++;
}

static void line_down(struct unit *unit)
{
    unit->line.down_until_ms = unit->herd->server->now_ms + draw_span(unit, MINUTE_MS, 9);
    unit->line.has_link = draw(unit, 2);
    unit->herd->downs++;
}

static void dark(struct unit *unit)
{
    unit->off_ms = unit->herd->server->now_ms + draw(unit, 2 * MINUTE_MS);
    unit->on_ms = unit->off_ms + draw_span(unit, HOUR_MS, 7); /* up to five days */
    unit->herd->darks++;
}

void herd_fault_answered(struct unit *unit, const struct herd_answer *answer)
{
    const struct herd_faults *faults = &unit->herd->options.faults;
    bool installs = answer->file != NULL;
    if (strikes(unit, installs ? faults->cut_install : faults->cut_rest))
        cut(unit, installs ? CUT_OPERATIONS : REST_OPERATIONS);
    if (strikes(unit, faults->jump)) jump(unit);
    if (strikes(unit, faults->line_down)) line_down(unit);
    if (unit->off_ms == HERD_NEVER && strikes(unit, faults->dark)) dark(unit);
}
