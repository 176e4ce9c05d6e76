/* Losses of power on trial and inside confirming; see trial.h. */
#include "trial.h"

#include "scenario.h"

#define LOSSES_MAX 10
#define LOSSES_KEPT 5 /* what the bar asks */
#define LOSSES_PROMISED 8
#define SEEDS 6
#define WAIT_MS (2u * 3600 * 1000)

enum time { AT_BOOT, AFTER_STEP, AFTER_CONTACT, HALF_WAY, NEAR_END, TIMES_COUNT };
enum causes { POWER_ON, BROWN_OUT, ALTERNATING, CAUSES_COUNT };

struct trial trial = {.lost_at = LOSSES_MAX + 1};

static struct recording recording;
static uint32_t first_confirm; /* operation on the tape */

/* ---- common ---- */

static enum godwit_reset cause_of(uint32_t causes, uint32_t number)
{
    bool is_dip = causes == BROWN_OUT || (causes == ALTERNATING && number % 2);
    return is_dip ? GODWIT_RESET_BROWN_OUT : GODWIT_RESET_POWER_ON;
}

/* The life before is over; its copies on the tape are worth nothing then. */
static bool begin(const struct scenario *scenario)
{
    static bool is_open;
    if (is_open) lifetime_close();
    is_open = true;
    return scenario_begin(scenario);
}

/* Of so many cases one is told. */
static bool is_skipped(uint32_t every)
{
    return trial.seen++ % every != 0;
}

static bool runs_offered(void)
{
    return lifetime_file_running() == (int)lifetime.offered;
}

static double downloaded(void)
{
    return (double)lifetime.device.link.received / (double)lifetime.files[lifetime.offered]->size;
}

/* ---- losses while on trial ---- */

static bool has_come(enum time time, uint32_t checkins)
{
    const struct board *board = &lifetime.device.board;
    uint64_t age_ms = lifetime.device.now_ms - board->boot_ms;
    switch (time) {
    case AT_BOOT:
        return true;
    case AFTER_STEP:
        return board->step_ms != UINT64_MAX;
    case AFTER_CONTACT:
        return lifetime.device.peer.checkins > checkins && board->contact_ms != UINT64_MAX;
    case HALF_WAY:
        return age_ms >= 5000;
    default:
        return age_ms >= 9000;
    }
}

/* Lives on until the trial has come to the moment; false when there was none. Time goes in small
 * steps, so that no moment is missed. */
static bool live_until(enum time time)
{
    uint64_t end_ms = lifetime.device.now_ms + WAIT_MS;
    uint32_t checkins = lifetime.device.peer.checkins;
    while (lifetime.device.now_ms < end_ms) {
        uint64_t before_ms = lifetime.device.now_ms;
        if (!device_step(&lifetime.device)) return false;
        lifetime_watch_step();
        if (lifetime.device.now_ms > before_ms + 500) lifetime.device.now_ms = before_ms + 500;
        if (lifetime.device.peer.is_confirmed) return false;
        if (lifetime.device.board.is_started && runs_offered() && has_come(time, checkins))
            return true;
    }
    return false;
}

/* Nine losses are too many: what the server hears, and what comes of a second offer. */
static bool is_quarantined(void)
{
    struct peer *peer = &lifetime.device.peer;
    uint64_t end_ms = lifetime.device.now_ms + WAIT_MS;
    bool has_heard = false;
    peer->offers_always = true;
    while (lifetime.device.now_ms < end_ms && device_step(&lifetime.device)) {
        lifetime_watch_step();
        has_heard |= peer->outcome.stage == GODWIT_STAGE_ROLLED_BACK &&
                     peer->outcome.reason == GODWIT_REASON_TRIAL_POWER;
        if (has_heard && peer->outcome.reason == GODWIT_REASON_QUARANTINED)
            return lifetime_file_running() == (int)lifetime.confirmed && downloaded() <= 1.0;
    }
    return false;
}

/* The trial may end in peace now. */
static bool is_kept_after(uint32_t losses)
{
    bool is_kept = lifetime_run() == LIFETIME_FINISHED;
    trial.kept += losses <= LOSSES_KEPT && is_kept;
    if (!is_kept && losses < trial.lost_at) trial.lost_at = losses;
    if (is_kept && downloaded() > trial.downloaded_max) trial.downloaded_max = downloaded();
    return is_kept;
}

static bool play_cycles(struct exhaust *e, const struct scenario *scenario, uint32_t every)
{
    uint32_t losses = exhaust_pick(e, LOSSES_MAX + 1);
    enum time time = (enum time)exhaust_pick(e, losses ? TIMES_COUNT : 1);
    uint32_t causes = exhaust_pick(e, losses ? CAUSES_COUNT : 1);
    if (is_skipped(every)) return true;
    if (!begin(scenario)) return false;
    lifetime.device.link.received = 0;
    trial.kept_cases += losses <= LOSSES_KEPT;
    for (uint32_t i = 0; i < losses; i++) {
        if (!live_until(time)) return i > LOSSES_PROMISED && is_quarantined();
        board_power_off(&lifetime.device.board);
        lifetime_power_on(cause_of(causes, i));
    }
    /* A loss before the agent's first step leaves no trace where the bootloader leaves none. */
    bool is_unseen = time == AT_BOOT && scenario->is_unwatched;
    if (losses > LOSSES_PROMISED && !is_unseen) return is_quarantined();
    return is_kept_after(losses);
}

/* ---- cuts inside confirm ---- */

/* Records the scenario once; confirming begins with the first operation of a trial under way. */
static bool journal(const struct scenario *scenario)
{
    static struct scenario told;
    static bool has_offered;
    struct godwit_agent_status status;
    if (has_offered && !memcmp(&told, scenario, sizeof told)) return true;
    has_offered = true;
    told = *scenario;
    recording_clear(&recording);
    bool is_good = begin(scenario) && recording_add(&recording) == LIFETIME_FINISHED;
    first_confirm = 0;
    for (uint32_t i = 0; i < recording.count && !first_confirm; i++) {
        board_status(&recording.copies[i].device.board, &status);
        if (status.on_trial)
            first_confirm = recording.copies[i].device.power_cut.operations - recording.begin;
    }
    return is_good && first_confirm;
}

/* With the server silent: runs the new image, VALID; *reboots_out behind the power-on. */
static bool comes_back_alone(uint32_t *reboots_out)
{
    uint64_t end_ms = lifetime.device.now_ms + WAIT_MS;
    uint32_t boots = lifetime.device.board.counters.boots;
    lifetime.device.peer.is_silent = true;
    do {
        if (!device_step(&lifetime.device)) return false;
        lifetime_watch_step();
        struct godwit_agent_status status;
        board_status(&lifetime.device.board, &status);
        *reboots_out = lifetime.device.board.counters.boots - boots - 1;
        if (lifetime.device.board.is_started && status.state != GODWIT_STATE_BOOT &&
            !status.on_trial && runs_offered() && lifetime_is_valid())
            return true;
    } while (lifetime.device.now_ms < end_ms);
    return false;
}

static bool play_confirm(struct exhaust *e, const struct scenario *scenario, uint32_t every)
{
    if (!journal(scenario)) return false;
    uint32_t count = recording.end - recording.begin - first_confirm, reboots = 0;
    uint32_t index = exhaust_pick(e, count);
    /* The first of them writes "confirmed": cut earlier it has not been. */
    enum power_cut_kind kind = POWER_CUT_AFTER;
    if (index) kind = (enum power_cut_kind)exhaust_pick(e, POWER_CUT_KINDS_COUNT);
    bool is_torn = kind != POWER_CUT_BEFORE && kind != POWER_CUT_AFTER;
    uint32_t seed = exhaust_pick(e, is_torn ? SEEDS : 1), causes = exhaust_pick(e, 2);
    if (is_skipped(every)) return true;
    recording_set_back(&recording, first_confirm + index);
    struct power_cut *power_cut = &lifetime.device.power_cut;
    power_cut->cut_at = recording.begin + first_confirm + index + 1;
    power_cut->kind = kind;
    power_cut->seed = seed;
    lifetime_watch_note("==== set back to right before the cut");
    if (lifetime_run() != LIFETIME_CUT) return false;
    lifetime_power_on(cause_of(causes, 0));
    bool is_kept = comes_back_alone(&reboots);
    if (is_kept && reboots > trial.reboots_max) trial.reboots_max = reboots;
    lifetime.device.peer.is_silent = false;
    lifetime.boots_max = UINT32_MAX;
    bool is_heard = is_kept && lifetime_run() == LIFETIME_FINISHED;
    trial.confirms_kept += is_kept && reboots <= 1 && is_heard;
    trial.confirms++;
    return is_kept && reboots <= 1 && is_heard;
}

bool trial_play(struct exhaust *e, uint32_t every)
{
    struct scenario scenario = {.kind = 0};
    scenario.start = exhaust_pick(e, SCENARIO_STARTS);
    scenario.is_unwatched = exhaust_pick(e, 2);
    scenario.size = exhaust_pick(e, SCENARIO_SIZES);
    uint32_t seen = trial.seen;
    bool is_confirm = exhaust_pick(e, 2);
    bool is_good =
        is_confirm ? play_confirm(e, &scenario, every) : play_cycles(e, &scenario, every);
    trial.cases += seen % every == 0;
    return is_good && !lifetime.device.ram.violations;
}
