/* `make figure-verbs`: pause, resume, halt and undo against a real agent that stands anywhere in an
 * update. What it shall come to is one table; the figure plays
 *
 *     each cell of it;
 *     each pair of verbs, the second said when the device rests after the first;
 *     each pair of verbs said at once, before the device hears of either: the last counts that is
 *     not refused, for a halt is an end and an undo one that nothing takes back;
 *     undo where what the device came from is not in its other slot, or below what it may run;
 *     the same release once more, after it was halted;
 *
 * and checks what runs, the device's place in the rollout, the rollout's counts, what was fetched
 * after the verb, and that the next release reaches the device all the same.
 *
 *     figure_verbs [--control]     the control: a pause is taken for no pause */
#include <stdio.h>
#include <string.h>

#include "fleet/turn.h"
#include "verbs.h"

/* ---- the table ---- */

#define IS_OLD(place_, then_, words_)                         \
    {                                                         \
        .place = (place_), .then = (then_), .words = (words_) \
    }
#define IS_NEW(fetched_, words_)                                                               \
    {                                                                                          \
        .runs_new = true, .place = MEMBER_SUCCEEDED, .fetched = (fetched_), .then = CONFIRMED, \
        .words = (words_)                                                                      \
    }
#define IS_BACK(words_)                                         \
    {                                                           \
        .place = MEMBER_UNDONE, .then = BACK, .words = (words_) \
    }

static const struct expected TABLE[STANDINGS][VERBS] = {
    [UNAWARE] = {[PAUSE] = IS_OLD(NO_PLACE, UNAWARE, "gets nothing"),
                 [RESUME] = IS_NEW(THE_WHOLE, "is offered it"),
                 [HALT] = IS_OLD(NO_PLACE, BARRED, "is never offered it"),
                 [UNDO] = IS_OLD(NO_PLACE, BARRED, "nothing")},
    [OFFERED] = {[PAUSE] = IS_OLD(MEMBER_IN_PROGRESS, OFFERED, "is told to stay"),
                 [RESUME] = IS_NEW(THE_WHOLE, "goes on"),
                 [HALT] = IS_OLD(MEMBER_SELECTED, BARRED, "withdrawn"),
                 [UNDO] = IS_OLD(MEMBER_SELECTED, BARRED, "withdrawn")},
    [DOWNLOADING] = {[PAUSE] = IS_OLD(MEMBER_IN_PROGRESS, DOWNLOADING, "keeps what it has"),
                     [RESUME] = IS_NEW(THE_REST, "goes on from there"),
                     [HALT] = IS_OLD(MEMBER_SELECTED, BARRED, "withdrawn"),
                     [UNDO] = IS_OLD(MEMBER_SELECTED, BARRED, "withdrawn")},
    [VERIFIED] = {[PAUSE] = IS_OLD(MEMBER_IN_PROGRESS, VERIFIED, "does not switch"),
                  [RESUME] = IS_NEW(NOTHING, "switches"),
                  [HALT] = IS_OLD(MEMBER_SELECTED, BARRED, "withdrawn"),
                  [UNDO] = IS_OLD(MEMBER_SELECTED, BARRED, "withdrawn")},
    [ON_TRIAL] = {[PAUSE] = IS_NEW(NOTHING, "decides by itself"),
                  [RESUME] = IS_NEW(NOTHING, "decides by itself"),
                  [HALT] = IS_NEW(NOTHING, "decides by itself"),
                  [UNDO] = IS_BACK("confirms, goes back")},
    [CONFIRMED] = {[PAUSE] = IS_NEW(NOTHING, "unchanged"),
                   [RESUME] = IS_NEW(NOTHING, "unchanged"),
                   [HALT] = IS_NEW(NOTHING, "unchanged"),
                   [UNDO] = IS_BACK("flips back")},
    [DARK] = {[PAUSE] = IS_OLD(MEMBER_IN_PROGRESS, DOWNLOADING, "keeps what it has"),
              [RESUME] = IS_NEW(THE_REST, "goes on from there"),
              [HALT] = IS_OLD(MEMBER_SELECTED, BARRED, "withdrawn"),
              [UNDO] = IS_OLD(MEMBER_SELECTED, BARRED, "withdrawn")},
};

/* An undo of what a device has confirmed, by how it was made. */
static const struct expected UNDONE[MAKES] = {
    [OVER_THE_AIR] = IS_BACK("flips to its other slot, and fetches nothing"),
    [BY_CABLE] = {.place = MEMBER_UNDONE,
                  .fetched = THE_WHOLE,
                  .words = "fetches what came by cable, as any other release"},
    [FLOOR] = IS_NEW(NOTHING, "stays: what it came from is below the rollback floor"),
    [SECURE] = IS_BACK("flips back: no restart has raised the secure version yet"),
    [RESTARTED] = IS_NEW(NOTHING, "stays: what it came from is below the secure version"),
};

/* The release that was halted is deployed once more: what is in flash is not fetched again. */
static const struct expected AGAIN[VERIFIED + 1] = {
    [UNAWARE] = IS_NEW(THE_WHOLE, "fetches the whole"),
    [OFFERED] = IS_NEW(THE_WHOLE, "fetches the whole"),
    [DOWNLOADING] = IS_NEW(THE_REST, "fetches the rest"),
    [VERIFIED] = IS_NEW(NOTHING, "fetches nothing"),
};

/* ---- the control ---- */

static bool has_no_pause;
enum decision_reason __real_turn_check(const struct turn *turn);
enum decision_reason __wrap_turn_check(const struct turn *turn);

enum decision_reason __wrap_turn_check(const struct turn *turn)
{
    enum decision_reason reason = __real_turn_check(turn);
    return has_no_pause && reason == DECISION_PAUSED ? DECISION_OFFERED : reason;
}

/* ---- playing ---- */

#define TEXT_MAX 240
#define TOLD_MAX 50

struct count {
    unsigned cells, wrong;
    char texts[TOLD_MAX][TEXT_MAX]; /* of what is wrong, for below the table */
};

/* What comes after the second of two verbs, where the first was met. */
static struct expected expect_second(const struct expected *first, enum verb verb, bool is_refused)
{
    struct expected expected = *first;
    if (!is_refused && first->then < STANDINGS) return TABLE[first->then][verb];
    expected.fetched = NOTHING;
    return expected;
}

static bool is_refused(enum verb first, enum verb second)
{
    return (first == UNDO && second != UNDO) ||
           (first == HALT && (second == PAUSE || second == RESUME));
}

/* Nothing: right. */
static void judge(struct scene *scene, const struct expected *expected, char *wrong, size_t size)
{
    scene_check(scene, expected, wrong, size);
    if (!*wrong && !scene_is_free(scene)) snprintf(wrong, size, "the next release does not arrive");
}

static void tell(struct count *count, const char *what, const struct expected *expected,
                 const char *wrong)
{
    count->cells++;
    if (!*wrong) return;
    if (count->wrong < TOLD_MAX)
        snprintf(count->texts[count->wrong], TEXT_MAX, "%s: shall be \"%s\", but %s", what,
                 expected->words, wrong);
    count->wrong++;
}

static void play_one(enum standing standing, enum verb verb, struct count *count)
{
    static struct scene scene;
    char wrong[80], what[80];
    scene_open(&scene, OVER_THE_AIR, standing);
    bool was_said = scene_say(&scene, verb);
    scene_rest(&scene);
    judge(&scene, &TABLE[standing][verb], wrong, sizeof wrong);
    if (!was_said) snprintf(wrong, sizeof wrong, "it was refused");
    snprintf(what, sizeof what, "%s, %s", STANDING_NAMES[standing], VERB_NAMES[verb]);
    tell(count, what, &TABLE[standing][verb], wrong);
    scene_close(&scene);
}

static void play_pair(enum standing standing, enum verb first, enum verb second, bool is_at_once,
                      struct count *count)
{
    static struct scene scene;
    char wrong[80], what[80];
    bool refused = is_refused(first, second);
    struct expected expected = expect_second(&TABLE[standing][first], second, refused);
    if (is_at_once) expected = TABLE[standing][refused ? first : second];
    scene_open(&scene, OVER_THE_AIR, standing);
    (void)scene_say(&scene, first);
    if (!is_at_once) scene_rest(&scene);
    bool was_said = scene_say(&scene, second);
    scene_rest(&scene);
    judge(&scene, &expected, wrong, sizeof wrong);
    if (was_said == refused)
        snprintf(wrong, sizeof wrong, "the second was %s", was_said ? "not refused" : "refused");
    snprintf(what, sizeof what, "%s, %s%s%s", STANDING_NAMES[standing], VERB_NAMES[first],
             is_at_once ? " and at once " : ", later ", VERB_NAMES[second]);
    tell(count, what, &expected, wrong);
    scene_close(&scene);
}

static void play_undo(enum make make, struct count *count)
{
    static struct scene scene;
    char wrong[80];
    scene_open(&scene, make, CONFIRMED);
    (void)scene_say(&scene, UNDO);
    scene_rest(&scene);
    scene_check(&scene, &UNDONE[make], wrong, sizeof wrong);
    tell(count, "undone", &UNDONE[make], wrong);
    printf("  %s\n", UNDONE[make].words);
    scene_close(&scene);
}

static void play_again(enum standing standing, struct count *count)
{
    static struct scene scene;
    char wrong[80];
    scene_open(&scene, OVER_THE_AIR, standing);
    (void)scene_say(&scene, HALT);
    scene_rest(&scene);
    scene_deploy_again(&scene);
    scene_rest(&scene);
    judge(&scene, &AGAIN[standing], wrong, sizeof wrong);
    tell(count, "deployed again", &AGAIN[standing], wrong);
    printf("  %-12s %s\n", STANDING_NAMES[standing], AGAIN[standing].words);
    scene_close(&scene);
}

/* ---- the table that is printed ---- */

static void play_row(enum standing standing, struct count *count)
{
    printf("%-12s", STANDING_NAMES[standing]);
    for (enum verb verb = 0; verb < VERBS; verb++) {
        unsigned wrong = count->wrong;
        char text[40];
        play_one(standing, verb, count);
        snprintf(text, sizeof text, "%s%s", count->wrong > wrong ? "WRONG " : "",
                 TABLE[standing][verb].words);
        printf("| %-20s", text);
    }
    unsigned wrong = count->wrong, pairs = VERBS * VERBS * 2;
    for (unsigned i = 0; i < pairs; i++)
        play_pair(standing, i / VERBS % VERBS, i % VERBS, i >= VERBS * VERBS, count);
    printf("| %u of %u\n", pairs - (count->wrong - wrong), pairs);
}

int main(int argc, char **argv)
{
    static struct count count;
    has_no_pause = argc > 1 && !strcmp(argv[1], "--control");
    printf("%-12s| %-20s| %-20s| %-20s| %-20s| pairs of verbs\n", "", VERB_NAMES[PAUSE],
           VERB_NAMES[RESUME], VERB_NAMES[HALT], VERB_NAMES[UNDO]);
    for (enum standing standing = 0; standing < STANDINGS; standing++)
        play_row(standing, &count);
    puts("an undo, once it is confirmed:");
    for (enum make make = 0; make < MAKES; make++)
        play_undo(make, &count);
    puts("once more, after a halt that found it:");
    for (enum standing standing = UNAWARE; standing <= VERIFIED; standing++)
        play_again(standing, &count);
    for (unsigned i = 0; i < count.wrong && i < TOLD_MAX; i++)
        printf("WRONG %s\n", count.texts[i]);
    printf("figure verbs cells=%u wrong=%u\n", count.cells, count.wrong);
    return count.wrong ? 1 : 0;
}
