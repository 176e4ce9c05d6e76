/* The walk over all cuts of a scenario; see power.h.
 *
 * Method: the choices in front change least often, so what they led to is kept on tapes: one of the
 * uncut story, one of the life after the first cut. A case costs its last part alone. */
#include "power.h"

#include <stdlib.h>

#include "emu/chance.h"

#define WINDOW 40u     /* operations from the scenario's end in which all pairs are told */
#define THIRD_AFTER 24 /* a third cut falls so many operations behind the second, at most */

static const enum godwit_reset CAUSES[] = {GODWIT_RESET_POWER_ON, GODWIT_RESET_BROWN_OUT};

struct cut {
    uint32_t operation; /* index on its tape */
    enum power_cut_kind kind;
    uint32_t seed;
    uint32_t cause;
};

static struct teller {
    bool has_scenario, has_first;
    struct scenario scenario;
    struct cut first, second;
    struct recording told, recovered; /* of the uncut story; of what followed the first cut */
    enum lifetime_end end, first_end;
    bool is_pair, is_triple; /* the last case */
    uint32_t place[2];       /* offsets in flash of its cuts */
} teller;

static void forget(void)
{
    if (teller.has_scenario) lifetime_close();
    recording_clear(&teller.told);
    recording_clear(&teller.recovered);
    teller = (struct teller){0};
}

static void take_scenario(const struct scenario *scenario)
{
    if (teller.has_scenario && !memcmp(&teller.scenario, scenario, sizeof *scenario)) return;
    forget();
    teller.has_scenario = true;
    teller.scenario = *scenario;
    teller.end = scenario_begin(scenario) ? recording_add(&teller.told) : LIFETIME_UNFINISHED;
}

static bool is_torn(enum power_cut_kind kind)
{
    return kind != POWER_CUT_BEFORE && kind != POWER_CUT_AFTER;
}

/* Sets life back, cuts, and powers on again; the life's end where the cut itself ended it. */
static enum lifetime_end cut(const struct recording *recording, const struct cut *c)
{
    enum lifetime_end end;
    lifetime_watch_note("==== set back to right before the cut");
    recording_set_back(recording, c->operation);
    struct power_cut *power_cut = &lifetime.device.power_cut;
    power_cut->cut_at = recording->begin + c->operation + 1;
    power_cut->kind = c->kind;
    power_cut->seed = c->seed;
    end = lifetime_run();
    teller.place[recording == &teller.recovered] = lifetime.device.power_cut.cut_offset;
    if (end == LIFETIME_CUT) lifetime_power_on(CAUSES[c->cause]);
    return end;
}

static enum lifetime_end take_first(const struct cut *c, bool goes_on)
{
    if (teller.has_first && !memcmp(&teller.first, c, sizeof *c)) return teller.first_end;
    teller.has_first = true;
    teller.first = *c;
    teller.first_end = cut(&teller.told, c);
    if (teller.first_end == LIFETIME_CUT)
        teller.first_end = goes_on ? recording_add(&teller.recovered) : lifetime_run();
    else
        teller.recovered.begin = teller.recovered.end = 0;
    return teller.first_end;
}

/* Every pair near the scenario's end; in front of that only some. */
static bool has_pairs(const struct power_scope *scope, const struct cut *c)
{
    uint32_t operations = teller.told.end - teller.told.begin;
    if (!scope->pairs_every || c->seed || c->cause) return false;
    return (c->operation + WINDOW >= operations || c->operation % 3 == 0) &&
           (c->operation + teller.scenario.start + c->kind) % scope->pairs_every == 0;
}

static uint32_t kinds(const struct power_scope *scope)
{
    return scope->kinds ? scope->kinds : POWER_CUT_KINDS_COUNT;
}

static enum lifetime_end play_third(const struct power_scope *scope, const struct cut *second,
                                    uint32_t number)
{
    struct power_cut *power_cut = &lifetime.device.power_cut;
    uint64_t chance = mix64((uint64_t)second->operation << 8 ^ second->kind ^ number << 16);
    power_cut->cut_at = power_cut->operations + 1 + (uint32_t)(chance % THIRD_AFTER);
    power_cut->kind = (enum power_cut_kind)((chance >> 32) % kinds(scope));
    power_cut->seed = chance;
    enum lifetime_end end = lifetime_run();
    if (end != LIFETIME_CUT) return end; /* it was over before */
    lifetime_power_on(CAUSES[chance >> 60 & 1]);
    return lifetime_run();
}

/* Some pairs are cut a third time. */
static enum lifetime_end play_second(struct exhaust *e, const struct power_scope *scope,
                                     uint32_t index, struct power_counts *counts)
{
    const struct cut *first = &teller.first;
    uint32_t turn = exhaust_pick(e, scope->kinds_again) * (kinds(scope) / scope->kinds_again);
    struct cut c = {.operation = index};
    c.kind = (enum power_cut_kind)((first->operation + index + first->kind + turn) % kinds(scope));
    c.seed = first->operation + 1;
    c.cause = index & 1;
    bool may_third = (first->operation + index + turn) % 8 == 0;
    bool is_third = exhaust_pick(e, may_third ? 2 : 1);
    teller.second = c;
    teller.is_pair = true;
    teller.is_triple = is_third;
    enum lifetime_end end = cut(&teller.recovered, &c);
    counts->pairs += !is_third;
    counts->triples += is_third;
    if (end != LIFETIME_CUT) return end;
    return is_third ? play_third(scope, &c, first->operation) : lifetime_run();
}

static struct scenario pick_scenario(struct exhaust *e)
{
    struct scenario scenario;
    scenario.kind = exhaust_pick(e, SCENARIO_KINDS);
    scenario.start = exhaust_pick(e, SCENARIO_STARTS);
    scenario.is_unwatched = exhaust_pick(e, 2);
    scenario.size = exhaust_pick(e, SCENARIO_SIZES);
    return scenario;
}

/* One case. */
static enum lifetime_end tell(struct exhaust *e, const struct power_scope *scope,
                              struct power_counts *counts)
{
    struct scenario scenario = pick_scenario(e);
    if (!scenario_exists(&scenario)) return LIFETIME_FINISHED;
    take_scenario(&scenario);
    uint32_t operations = teller.told.end - teller.told.begin;
    if (teller.end != LIFETIME_FINISHED || !operations) return teller.end;
    struct cut c = {.operation = exhaust_pick(e, operations)};
    c.kind = (enum power_cut_kind)exhaust_pick(e, kinds(scope));
    c.seed = exhaust_pick(e, is_torn(c.kind) ? scope->seeds : 1);
    c.cause = exhaust_pick(e, 2);
    bool pairs = has_pairs(scope, &c);
    teller.is_pair = teller.is_triple = false;
    enum lifetime_end end = take_first(&c, pairs);
    uint32_t more = pairs ? teller.recovered.end - teller.recovered.begin : 0;
    uint32_t again = exhaust_pick(e, 1 + more);
    if (again) return play_second(e, scope, again - 1, counts);
    counts->singles++;
    return end;
}

/* ---- tasks ---- */

static void give_task(struct exhaust *e, uint32_t task)
{
    exhaust_give(e, task / (SCENARIO_SIZES * 2 * SCENARIO_STARTS));
    exhaust_give(e, task / (SCENARIO_SIZES * 2) % SCENARIO_STARTS);
    exhaust_give(e, task / SCENARIO_SIZES % 2);
    exhaust_give(e, task % SCENARIO_SIZES);
}

static struct scenario scenario_of(uint32_t task)
{
    struct exhaust e = {0};
    give_task(&e, task);
    (void)exhaust_next(&e);
    return pick_scenario(&e);
}

uint32_t power_tasks_count(void)
{
    return SCENARIO_KINDS * SCENARIO_STARTS * 2 * SCENARIO_SIZES;
}

static void print_cut(const struct cut *c, uint32_t place, const char *word, FILE *out)
{
    fprintf(out, "%s %s at ", word, power_cut_kind_name(c->kind));
    scenario_print_place(place, out);
}

static void print_case(const struct exhaust *e, enum lifetime_end end, FILE *out)
{
    scenario_print(&teller.scenario, out);
    if (teller.has_first) print_cut(&teller.first, teller.place[0], ", cut", out);
    if (teller.is_pair) print_cut(&teller.second, teller.place[1], " and", out);
    if (teller.is_triple) fprintf(out, " and once more");
    fprintf(out, ": %s: --replay ", lifetime_end_name(end));
    for (uint32_t i = 0; i < e->used; i++)
        fprintf(out, "%s%u", i ? "." : "", e->picked[i]);
    fprintf(out, "\n");
}

static bool is_same_task(const struct exhaust *e, const uint32_t *first)
{
    return !memcmp(e->picked, first, POWER_TASK_CHOICES * sizeof *first);
}

void power_play_task(uint32_t task, const struct power_scope *scope, FILE *out,
                     uint32_t failures_max, struct power_counts *counts)
{
    struct exhaust e = {0};
    uint32_t first[POWER_TASK_CHOICES], failures = 0;
    struct scenario scenario = scenario_of(task);
    if (!scenario_exists(&scenario)) return;
    give_task(&e, task);
    memcpy(first, e.picked, sizeof first);
    while (exhaust_next(&e) && is_same_task(&e, first)) {
        enum lifetime_end end = tell(&e, scope, counts);
        counts->cases++;
        counts->ends[end]++;
        if (end == LIFETIME_FINISHED || end == LIFETIME_STATELESS) continue;
        if (failures++ < failures_max) print_case(&e, end, out);
        if (failures == scope->failures_max) break;
    }
    forget();
}

enum lifetime_end power_replay(const char *choices, const struct power_scope *scope, FILE *out)
{
    struct exhaust e = {0};
    struct power_counts counts = {0};
    exhaust_give_all(&e, choices);
    (void)exhaust_next(&e);
    forget();
    lifetime_watch(out);
    enum lifetime_end end = tell(&e, scope, &counts);
    lifetime_watch(NULL);
    print_case(&e, end, out);
    forget();
    return end;
}
