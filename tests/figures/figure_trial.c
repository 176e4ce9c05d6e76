/* figure trial: power is lost 0 to 10 times while the new image is on trial, at several moments of
 * it, and in every way at each flash operation of confirming; told from every start, by both
 * bootloaders, with each write unit.
 *
 *   cycles   up to eight losses the new image stays and is fetched once; the ninth ends it: flown
 *            back, cause named, and the same file is refused from then on
 *   confirm  once the record says confirmed, the image runs VALID after at most one more reboot,
 * with a server that does not answer; when it answers again it hears of it
 *
 *     figure_trial --replay CHOICES   one case, step by step:
 *         start . bootloader . write unit . 0 . losses . moment . causes
 *         start . bootloader . write unit . 1 . operation . kind . seed . cause */
#include <stdlib.h>

#include "exhaust.h"
#include "story.h"

#define LOSSES_MAX 10
#define LOSSES_KEPT 5 /* what the bar asks; the agent promises eight */
#define SEEDS 6
#define FAILURES_SHOWN 20
#define WAIT_MS (2u * 3600 * 1000)

enum moment { AT_BOOT, AFTER_STEP, AFTER_CONTACT, HALF_WAY, NEAR_END, MOMENTS_COUNT };
enum causes { POWER_ON, BROWN_OUT, ALTERNATING, CAUSES_COUNT };

static struct figure {
    uint32_t cases, cycles, kept, kept_cases, lost_at, confirms, confirms_kept, failures;
    uint32_t reboots_max;
    double downloaded_max;
} figure = {.lost_at = LOSSES_MAX + 1};

static struct tape tape;
static uint32_t first_confirm; /* operation on the tape */

/* ---- common ---- */

static enum godwit_reset cause_of(uint32_t causes, uint32_t number)
{
    bool is_dip = causes == BROWN_OUT || (causes == ALTERNATING && number % 2);
    return is_dip ? GODWIT_RESET_BROWN_OUT : GODWIT_RESET_POWER_ON;
}

/* The life before is over; its copies on the tape are worth nothing then. */
static bool begin(const struct story *story)
{
    static bool is_open;
    if (is_open) life_close();
    is_open = true;
    return story_begin(story);
}

static bool runs_offered(void)
{
    return life_file_running() == (int)life.offered;
}

static double downloaded(void)
{
    return (double)life.device.link.received / (double)life.files[life.offered]->size;
}

/* ---- losses while on trial ---- */

static bool has_come(enum moment moment, uint32_t checkins)
{
    const struct board *board = &life.device.board;
    uint64_t age_ms = life.device.now_ms - board->boot_ms;
    switch (moment) {
    case AT_BOOT:
        return true;
    case AFTER_STEP:
        return board->step_ms != UINT64_MAX;
    case AFTER_CONTACT:
        return life.device.peer.checkins > checkins && board->contact_ms != UINT64_MAX;
    case HALF_WAY:
        return age_ms >= 5000;
    default:
        return age_ms >= 9000;
    }
}

/* Lives on until the trial has come to the moment; false when there was none. Time goes in small
 * steps, so that no moment is missed. */
static bool live_until(enum moment moment)
{
    uint64_t end_ms = life.device.now_ms + WAIT_MS;
    uint32_t checkins = life.device.peer.checkins;
    while (life.device.now_ms < end_ms) {
        uint64_t before_ms = life.device.now_ms;
        if (!device_step(&life.device)) return false;
        life_watch_step();
        if (life.device.now_ms > before_ms + 500) life.device.now_ms = before_ms + 500;
        if (life.device.peer.is_confirmed) return false;
        if (life.device.board.is_started && runs_offered() && has_come(moment, checkins))
            return true;
    }
    return false;
}

/* Nine losses are too many: what the server hears, and what comes of a second offer. */
static bool is_set_aside(void)
{
    struct peer *peer = &life.device.peer;
    uint64_t end_ms = life.device.now_ms + WAIT_MS;
    bool has_heard = false;
    peer->offers_always = true;
    while (life.device.now_ms < end_ms && device_step(&life.device)) {
        life_watch_step();
        has_heard |= peer->outcome.stage == GODWIT_STAGE_FLOWN_BACK &&
                     peer->outcome.reason == GODWIT_REASON_TRIAL_POWER;
        if (has_heard && peer->outcome.reason == GODWIT_REASON_SET_ASIDE)
            return life_file_running() == (int)life.confirmed && downloaded() <= 1.0;
    }
    return false;
}

static bool tell_cycles(struct exhaust *e, const struct story *story)
{
    uint32_t losses = exhaust_pick(e, LOSSES_MAX + 1);
    enum moment moment = (enum moment)exhaust_pick(e, losses ? MOMENTS_COUNT : 1);
    uint32_t causes = exhaust_pick(e, losses ? CAUSES_COUNT : 1);
    if (!begin(story)) return false;
    life.device.link.received = 0;
    for (uint32_t i = 0; i < losses; i++) {
        if (!live_until(moment)) return i > LOSSES_KEPT && is_set_aside();
        board_power_off(&life.device.board);
        life_power_on(cause_of(causes, i));
    }
    /* A loss before the agent's first step leaves no trace where the bootloader leaves none. */
    bool is_unseen = moment == AT_BOOT && story->is_unwatched;
    if (losses > 8 && !is_unseen) return is_set_aside();
    bool is_kept = life_run() == LIFE_FINISHED;
    figure.kept_cases += losses <= LOSSES_KEPT;
    figure.kept += losses <= LOSSES_KEPT && is_kept;
    if (!is_kept && losses < figure.lost_at) figure.lost_at = losses;
    if (is_kept && downloaded() > figure.downloaded_max) figure.downloaded_max = downloaded();
    return is_kept;
}

/* ---- cuts inside confirm ---- */

/* Records the story once; confirming begins with the first operation of a trial under way. */
static bool record(const struct story *story)
{
    static struct story told;
    static bool has_told;
    struct godwit_agent_status status;
    if (has_told && !memcmp(&told, story, sizeof told)) return true;
    has_told = true;
    told = *story;
    tape_clear(&tape);
    bool is_good = begin(story) && tape_record(&tape) == LIFE_FINISHED;
    first_confirm = 0;
    for (uint32_t i = 0; i < tape.count && !first_confirm; i++) {
        board_status(&tape.copies[i].device.board, &status);
        if (status.on_trial) first_confirm = tape.copies[i].device.saw.operations - tape.begin;
    }
    return is_good && first_confirm;
}

/* With the server silent: runs the new image, VALID; *reboots_out behind the power-on. */
static bool comes_back_alone(uint32_t *reboots_out)
{
    uint64_t end_ms = life.device.now_ms + WAIT_MS;
    uint32_t boots = life.device.board.counters.boots;
    life.device.peer.is_silent = true;
    do {
        if (!device_step(&life.device)) return false;
        life_watch_step();
        struct godwit_agent_status status;
        board_status(&life.device.board, &status);
        *reboots_out = life.device.board.counters.boots - boots - 1;
        if (life.device.board.is_started && status.state != GODWIT_BOOT && !status.on_trial &&
            runs_offered() && life_is_valid())
            return true;
    } while (life.device.now_ms < end_ms);
    return false;
}

static bool tell_confirm(struct exhaust *e, const struct story *story)
{
    if (!record(story)) return false;
    uint32_t count = tape.end - tape.begin - first_confirm, reboots = 0;
    uint32_t index = exhaust_pick(e, count);
    /* The first of them writes "confirmed": cut earlier it has not been. */
    enum saw_kind kind = SAW_AFTER;
    if (index) kind = (enum saw_kind)exhaust_pick(e, SAW_KINDS_COUNT);
    bool is_torn = kind != SAW_BEFORE && kind != SAW_AFTER;
    uint32_t seed = exhaust_pick(e, is_torn ? SEEDS : 1), causes = exhaust_pick(e, 2);
    tape_set_back(&tape, first_confirm + index);
    struct saw *saw = &life.device.saw;
    saw->cut_at = tape.begin + first_confirm + index + 1;
    saw->kind = kind;
    saw->seed = seed;
    life_watch_note("==== set back to right before the cut");
    if (life_run() != LIFE_CUT) return false;
    life_power_on(cause_of(causes, 0));
    bool is_kept = comes_back_alone(&reboots);
    if (is_kept && reboots > figure.reboots_max) figure.reboots_max = reboots;
    life.device.peer.is_silent = false;
    life.boots_max = UINT32_MAX;
    bool is_heard = is_kept && life_run() == LIFE_FINISHED;
    figure.confirms_kept += is_kept && reboots <= 1 && is_heard;
    figure.confirms++;
    return is_kept && reboots <= 1 && is_heard;
}

/* ---- the walk ---- */

static bool tell(struct exhaust *e)
{
    struct story story = {.scenario = 0};
    story.start = exhaust_pick(e, STORY_STARTS);
    story.is_unwatched = exhaust_pick(e, 2);
    story.size = exhaust_pick(e, STORY_SIZES);
    bool is_good = exhaust_pick(e, 2) ? tell_confirm(e, &story) : tell_cycles(e, &story);
    figure.cases++;
    if (life.device.ram.violations) is_good = false;
    return is_good;
}

static void print_choices(const struct exhaust *e, FILE *out)
{
    fprintf(out, "--replay ");
    for (uint32_t i = 0; i < e->used; i++)
        fprintf(out, "%s%u", i ? "." : "", e->picked[i]);
    fprintf(out, "\n");
}

static int replay(const char *choices)
{
    struct exhaust e = {0};
    exhaust_give_all(&e, choices);
    (void)exhaust_next(&e);
    life_watch(stdout);
    bool is_good = tell(&e);
    life_watch(NULL);
    print_choices(&e, stdout);
    printf("%s\n", is_good ? "as it should be" : "not as it should be");
    return !is_good;
}

static double percent(uint32_t part, uint32_t whole)
{
    return whole ? 100.0 * part / whole : 0;
}

int main(int argc, char **argv)
{
    struct exhaust e = {0};
    story_open();
    if (argc == 3 && !strcmp(argv[1], "--replay")) return replay(argv[2]);
    while (exhaust_next(&e))
        if (!tell(&e) && figure.failures++ < FAILURES_SHOWN) print_choices(&e, stderr);
    story_close();
    printf("figure trial cases=%u kept=%.4g%% downloaded=%.2fx k_max_kept=%u confirm_cuts=%u "
           "confirm_kept=%.4g%% reboots_max=%u failed=%u\n",
           figure.cases, percent(figure.kept, figure.kept_cases), figure.downloaded_max,
           figure.lost_at - 1 < 8 ? figure.lost_at - 1 : 8, figure.confirms,
           percent(figure.confirms_kept, figure.confirms), figure.reboots_max, figure.failures);
    return figure.failures || figure.downloaded_max > 1.0;
}
