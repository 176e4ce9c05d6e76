/* Losses of power on trial and inside confirming; see trial.h. */
#include "trial.h"

#include "story.h"

#define LOSSES_MAX 10
#define LOSSES_KEPT 5 /* what the bar asks */
#define LOSSES_PROMISED 8
#define SEEDS 6
#define WAIT_MS (2u * 3600 * 1000)

enum moment { AT_BOOT, AFTER_STEP, AFTER_CONTACT, HALF_WAY, NEAR_END, MOMENTS_COUNT };
enum causes { POWER_ON, BROWN_OUT, ALTERNATING, CAUSES_COUNT };

struct trial trial = {.lost_at = LOSSES_MAX + 1};

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

/* Of so many cases one is told. */
static bool is_skipped(uint32_t every)
{
    return trial.seen++ % every != 0;
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

/* The trial may end in peace now. */
static bool is_kept_after(uint32_t losses)
{
    bool is_kept = life_run() == LIFE_FINISHED;
    trial.kept += losses <= LOSSES_KEPT && is_kept;
    if (!is_kept && losses < trial.lost_at) trial.lost_at = losses;
    if (is_kept && downloaded() > trial.downloaded_max) trial.downloaded_max = downloaded();
    return is_kept;
}

static bool tell_cycles(struct exhaust *e, const struct story *story, uint32_t every)
{
    uint32_t losses = exhaust_pick(e, LOSSES_MAX + 1);
    enum moment moment = (enum moment)exhaust_pick(e, losses ? MOMENTS_COUNT : 1);
    uint32_t causes = exhaust_pick(e, losses ? CAUSES_COUNT : 1);
    if (is_skipped(every)) return true;
    if (!begin(story)) return false;
    life.device.link.received = 0;
    trial.kept_cases += losses <= LOSSES_KEPT;
    for (uint32_t i = 0; i < losses; i++) {
        if (!live_until(moment)) return i > LOSSES_PROMISED && is_set_aside();
        board_power_off(&life.device.board);
        life_power_on(cause_of(causes, i));
    }
    /* A loss before the agent's first step leaves no trace where the bootloader leaves none. */
    bool is_unseen = moment == AT_BOOT && story->is_unwatched;
    if (losses > LOSSES_PROMISED && !is_unseen) return is_set_aside();
    return is_kept_after(losses);
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

static bool tell_confirm(struct exhaust *e, const struct story *story, uint32_t every)
{
    if (!record(story)) return false;
    uint32_t count = tape.end - tape.begin - first_confirm, reboots = 0;
    uint32_t index = exhaust_pick(e, count);
    /* The first of them writes "confirmed": cut earlier it has not been. */
    enum saw_kind kind = SAW_AFTER;
    if (index) kind = (enum saw_kind)exhaust_pick(e, SAW_KINDS_COUNT);
    bool is_torn = kind != SAW_BEFORE && kind != SAW_AFTER;
    uint32_t seed = exhaust_pick(e, is_torn ? SEEDS : 1), causes = exhaust_pick(e, 2);
    if (is_skipped(every)) return true;
    tape_set_back(&tape, first_confirm + index);
    struct saw *saw = &life.device.saw;
    saw->cut_at = tape.begin + first_confirm + index + 1;
    saw->kind = kind;
    saw->seed = seed;
    life_watch_note("==== set back to right before the cut");
    if (life_run() != LIFE_CUT) return false;
    life_power_on(cause_of(causes, 0));
    bool is_kept = comes_back_alone(&reboots);
    if (is_kept && reboots > trial.reboots_max) trial.reboots_max = reboots;
    life.device.peer.is_silent = false;
    life.boots_max = UINT32_MAX;
    bool is_heard = is_kept && life_run() == LIFE_FINISHED;
    trial.confirms_kept += is_kept && reboots <= 1 && is_heard;
    trial.confirms++;
    return is_kept && reboots <= 1 && is_heard;
}

bool trial_tell(struct exhaust *e, uint32_t every)
{
    struct story story = {.scenario = 0};
    story.start = exhaust_pick(e, STORY_STARTS);
    story.is_unwatched = exhaust_pick(e, 2);
    story.size = exhaust_pick(e, STORY_SIZES);
    uint32_t seen = trial.seen;
    bool is_confirm = exhaust_pick(e, 2);
    bool is_good = is_confirm ? tell_confirm(e, &story, every) : tell_cycles(e, &story, every);
    trial.cases += seen % every == 0;
    return is_good && !life.device.ram.violations;
}
