/* The walk over all cuts of a story; see power.h.
 *
 * Method: the choices in front change least often, so what they led to is kept on tapes: one of the
 * uncut story, one of the life after the first cut. A case costs its last part alone. */
#include "power.h"

#include <stdlib.h>

#include "emu/chance.h"

#define WINDOW 40u     /* operations from the story's end in which all pairs are told */
#define THIRD_AFTER 24 /* a third cut falls so many operations behind the second, at most */

static const enum godwit_reset CAUSES[] = {GODWIT_RESET_POWER_ON, GODWIT_RESET_BROWN_OUT};

struct cut {
    uint32_t operation; /* index on its tape */
    enum saw_kind kind;
    uint32_t seed;
    uint32_t cause;
};

static struct teller {
    bool has_story, has_first;
    struct story story;
    struct cut first, second;
    struct tape told, recovered; /* of the uncut story; of what followed the first cut */
    enum life_end end, first_end;
    bool is_pair, is_triple; /* the last case */
    uint32_t place[2];       /* offsets in flash of its cuts */
} teller;

static void forget(void)
{
    if (teller.has_story) life_close();
    tape_clear(&teller.told);
    tape_clear(&teller.recovered);
    teller = (struct teller){0};
}

static void take_story(const struct story *story)
{
    if (teller.has_story && !memcmp(&teller.story, story, sizeof *story)) return;
    forget();
    teller.has_story = true;
    teller.story = *story;
    teller.end = story_begin(story) ? tape_record(&teller.told) : LIFE_UNFINISHED;
}

static bool is_torn(enum saw_kind kind)
{
    return kind != SAW_BEFORE && kind != SAW_AFTER;
}

/* Sets life back, cuts, and powers on again; the life's end where the cut itself ended it. */
static enum life_end cut(const struct tape *tape, const struct cut *c)
{
    enum life_end end;
    life_watch_note("==== set back to right before the cut");
    tape_set_back(tape, c->operation);
    struct saw *saw = &life.device.saw;
    saw->cut_at = tape->begin + c->operation + 1;
    saw->kind = c->kind;
    saw->seed = c->seed;
    end = life_run();
    teller.place[tape == &teller.recovered] = life.device.saw.cut_offset;
    if (end == LIFE_CUT) life_power_on(CAUSES[c->cause]);
    return end;
}

static enum life_end take_first(const struct cut *c, bool goes_on)
{
    if (teller.has_first && !memcmp(&teller.first, c, sizeof *c)) return teller.first_end;
    teller.has_first = true;
    teller.first = *c;
    teller.first_end = cut(&teller.told, c);
    if (teller.first_end == LIFE_CUT)
        teller.first_end = goes_on ? tape_record(&teller.recovered) : life_run();
    else
        teller.recovered.begin = teller.recovered.end = 0;
    return teller.first_end;
}

/* Every pair near the story's end; in front of that only some. */
static bool has_pairs(const struct power_scope *scope, const struct cut *c)
{
    uint32_t operations = teller.told.end - teller.told.begin;
    if (!scope->pairs_every || c->seed || c->cause) return false;
    return (c->operation + WINDOW >= operations || c->operation % 3 == 0) &&
           (c->operation + teller.story.start + c->kind) % scope->pairs_every == 0;
}

static uint32_t kinds(const struct power_scope *scope)
{
    return scope->kinds ? scope->kinds : SAW_KINDS_COUNT;
}

static enum life_end tell_third(const struct power_scope *scope, const struct cut *second,
                                uint32_t number)
{
    struct saw *saw = &life.device.saw;
    uint64_t chance = mix64((uint64_t)second->operation << 8 ^ second->kind ^ number << 16);
    saw->cut_at = saw->operations + 1 + (uint32_t)(chance % THIRD_AFTER);
    saw->kind = (enum saw_kind)((chance >> 32) % kinds(scope));
    saw->seed = chance;
    enum life_end end = life_run();
    if (end != LIFE_CUT) return end; /* it was over before */
    life_power_on(CAUSES[chance >> 60 & 1]);
    return life_run();
}

/* Some pairs are cut a third time. */
static enum life_end tell_second(struct exhaust *e, const struct power_scope *scope, uint32_t index,
                                 struct power_counts *counts)
{
    const struct cut *first = &teller.first;
    uint32_t turn = exhaust_pick(e, scope->kinds_again) * (kinds(scope) / scope->kinds_again);
    struct cut c = {.operation = index};
    c.kind = (enum saw_kind)((first->operation + index + first->kind + turn) % kinds(scope));
    c.seed = first->operation + 1;
    c.cause = index & 1;
    bool may_third = (first->operation + index + turn) % 8 == 0;
    bool is_third = exhaust_pick(e, may_third ? 2 : 1);
    teller.second = c;
    teller.is_pair = true;
    teller.is_triple = is_third;
    enum life_end end = cut(&teller.recovered, &c);
    counts->pairs += !is_third;
    counts->triples += is_third;
    if (end != LIFE_CUT) return end;
    return is_third ? tell_third(scope, &c, first->operation) : life_run();
}

static struct story pick_story(struct exhaust *e)
{
    struct story story;
    story.scenario = exhaust_pick(e, STORY_SCENARIOS);
    story.start = exhaust_pick(e, STORY_STARTS);
    story.is_unwatched = exhaust_pick(e, 2);
    story.size = exhaust_pick(e, STORY_SIZES);
    return story;
}

/* One case. */
static enum life_end tell(struct exhaust *e, const struct power_scope *scope,
                          struct power_counts *counts)
{
    struct story story = pick_story(e);
    if (!story_exists(&story)) return LIFE_FINISHED;
    take_story(&story);
    uint32_t operations = teller.told.end - teller.told.begin;
    if (teller.end != LIFE_FINISHED || !operations) return teller.end;
    struct cut c = {.operation = exhaust_pick(e, operations)};
    c.kind = (enum saw_kind)exhaust_pick(e, kinds(scope));
    c.seed = exhaust_pick(e, is_torn(c.kind) ? scope->seeds : 1);
    c.cause = exhaust_pick(e, 2);
    bool pairs = has_pairs(scope, &c);
    teller.is_pair = teller.is_triple = false;
    enum life_end end = take_first(&c, pairs);
    uint32_t more = pairs ? teller.recovered.end - teller.recovered.begin : 0;
    uint32_t again = exhaust_pick(e, 1 + more);
    if (again) return tell_second(e, scope, again - 1, counts);
    counts->singles++;
    return end;
}

/* ---- tasks ---- */

static void give_task(struct exhaust *e, uint32_t task)
{
    exhaust_give(e, task / (STORY_SIZES * 2 * STORY_STARTS));
    exhaust_give(e, task / (STORY_SIZES * 2) % STORY_STARTS);
    exhaust_give(e, task / STORY_SIZES % 2);
    exhaust_give(e, task % STORY_SIZES);
}

static struct story story_of(uint32_t task)
{
    struct exhaust e = {0};
    give_task(&e, task);
    (void)exhaust_next(&e);
    return pick_story(&e);
}

uint32_t power_tasks_count(void)
{
    return STORY_SCENARIOS * STORY_STARTS * 2 * STORY_SIZES;
}

static void print_cut(const struct cut *c, uint32_t place, const char *word, FILE *out)
{
    fprintf(out, "%s %s at ", word, saw_kind_name(c->kind));
    story_print_place(place, out);
}

static void print_case(const struct exhaust *e, enum life_end end, FILE *out)
{
    story_print(&teller.story, out);
    if (teller.has_first) print_cut(&teller.first, teller.place[0], ", cut", out);
    if (teller.is_pair) print_cut(&teller.second, teller.place[1], " and", out);
    if (teller.is_triple) fprintf(out, " and once more");
    fprintf(out, ": %s: --replay ", life_end_name(end));
    for (uint32_t i = 0; i < e->used; i++)
        fprintf(out, "%s%u", i ? "." : "", e->picked[i]);
    fprintf(out, "\n");
}

static bool is_same_task(const struct exhaust *e, const uint32_t *first)
{
    return !memcmp(e->picked, first, POWER_TASK_CHOICES * sizeof *first);
}

void power_tell_task(uint32_t task, const struct power_scope *scope, FILE *out,
                     uint32_t failures_max, struct power_counts *counts)
{
    struct exhaust e = {0};
    uint32_t first[POWER_TASK_CHOICES], failures = 0;
    struct story story = story_of(task);
    if (!story_exists(&story)) return;
    give_task(&e, task);
    memcpy(first, e.picked, sizeof first);
    while (exhaust_next(&e) && is_same_task(&e, first)) {
        enum life_end end = tell(&e, scope, counts);
        counts->cases++;
        counts->ends[end]++;
        if (end == LIFE_FINISHED || end == LIFE_STATELESS) continue;
        if (failures++ < failures_max) print_case(&e, end, out);
        if (failures == scope->failures_max) break;
    }
    forget();
}

enum life_end power_replay(const char *choices, const struct power_scope *scope, FILE *out)
{
    struct exhaust e = {0};
    struct power_counts counts = {0};
    exhaust_give_all(&e, choices);
    (void)exhaust_next(&e);
    forget();
    life_watch(out);
    enum life_end end = tell(&e, scope, &counts);
    life_watch(NULL);
    print_case(&e, end, out);
    forget();
    return end;
}
