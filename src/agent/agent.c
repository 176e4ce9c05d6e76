/* The state table and its runner. A state's work is one bounded piece and answers with the next
 * state; the table says which answers are allowed, so a look at it is a look at everything that
 * can happen, and only the runner changes the state. */
#include "agent/internal.h"
#include "base/text.h"

#define INTERVAL_DEFAULT_S 60u
#define BACKOFF_MS_MIN 2000u
#define BACKOFF_MS_MAX 300000u
#define HEALTH_DEFAULT_S 10u
#define HEALTH_MAX_S 300u /* well within a trial's deadline */
#define CALM_MS 3600000u
#define LATE_MS 10000u

_Static_assert(sizeof(void *) > 4 || sizeof(struct godwit_agent) <= 6144,
               "the RAM that we promise on a 32-bit chip");
static_assert(sizeof(struct godwit_agent) <= sizeof(struct godwit_agent_memory),
              "GODWIT_AGENT_SIZE in godwit.h is large enough");
/* NOLINTNEXTLINE(misc-redundant-expression): these are two types */
static_assert(_Alignof(struct godwit_agent) <= _Alignof(struct godwit_agent_memory),
              "struct godwit_agent_memory is aligned for it");

static enum godwit_state state_idle(struct godwit_agent *agent)
{
    struct godwit_journal *journal = &agent->journal;
    bool is_calm = journal->flags & GODWIT_JOURNAL_IS_CALM;
    if (!agent->is_ready) return GODWIT_STATE_BOOT;
    if (!is_calm && godwit_agent_is_past(agent, agent->start_ms + CALM_MS)) {
        journal->flags |= GODWIT_JOURNAL_IS_CALM;
        (void)!godwit_journal_commit(agent); /* else at the next wake of a later boot */
    }
    return GODWIT_STATE_CHECKIN;
}

static enum godwit_state state_report(struct godwit_agent *agent)
{
    bool is_written = !agent->outcome_is_new || godwit_journal_commit(agent) == GODWIT_OK;
    agent->outcome_is_new = false;
    agent->is_underway = false;
    if (agent->journal.outcome_reason == GODWIT_REASON_NONE) agent->refusals = 0;
    if (is_written && agent->refusals == 0) {
        agent->refusals = 1;
        return GODWIT_STATE_CHECKIN;
    }
    /* Failing again at once: no faster than a network that fails. */
    godwit_agent_wait(agent, godwit_agent_backoff(agent, agent->refusals), 0);
    if (agent->refusals < UINT8_MAX) agent->refusals++;
    return GODWIT_STATE_IDLE;
}

#define TO(state) (1u << GODWIT_STATE_##state)

static const char state_names[] =
    "boot\0idle\0check-in\0fetch\0verify\0switch\0trial\0rollback\0report";

static const struct {
    godwit_state_fn *work;
    unsigned next; /* states it may answer with */
} table[GODWIT_STATE_COUNT] = {
    [GODWIT_STATE_BOOT] = {godwit_state_boot, TO(BOOT) | TO(IDLE) | TO(CHECKIN) | TO(VERIFY) |
                                                  TO(TRIAL) | TO(ROLLBACK) | TO(REPORT)},
    [GODWIT_STATE_IDLE] = {state_idle, TO(CHECKIN) | TO(BOOT)},
    [GODWIT_STATE_CHECKIN] = {godwit_state_checkin, TO(CHECKIN) | TO(IDLE) | TO(FETCH) |
                                                        TO(VERIFY) | TO(SWITCH) | TO(REPORT)},
    [GODWIT_STATE_FETCH] = {godwit_state_fetch, TO(FETCH) | TO(VERIFY) | TO(CHECKIN) | TO(REPORT)},
    [GODWIT_STATE_VERIFY] = {godwit_state_verify,
                             TO(VERIFY) | TO(FETCH) | TO(CHECKIN) | TO(SWITCH) | TO(REPORT)},
    [GODWIT_STATE_SWITCH] = {godwit_state_switch, TO(BOOT) | TO(REPORT)},
    [GODWIT_STATE_TRIAL] = {godwit_state_trial, TO(TRIAL) | TO(REPORT) | TO(ROLLBACK)},
    [GODWIT_STATE_ROLLBACK] = {godwit_state_rollback, TO(ROLLBACK) | TO(BOOT) | TO(REPORT)},
    [GODWIT_STATE_REPORT] = {state_report, TO(CHECKIN) | TO(IDLE)},
};

enum godwit_state godwit_fail_of(struct godwit_agent *agent, enum godwit_stage stage,
                                 uint32_t reason, const uint8_t file_sha256[static 32],
                                 uint32_t rollout_id)
{
    struct godwit_journal *journal = &agent->journal;
    if (reason) agent->last_reason = reason;
    /* What came of an install is not lost to a reply that nobody can believe. */
    if (stage == GODWIT_STAGE_CHECKIN && journal->outcome_id &&
        journal->outcome_stage > GODWIT_STAGE_CHECKIN)
        return GODWIT_STATE_REPORT;
    if (journal->outcome_id && journal->outcome_stage == stage &&
        journal->outcome_reason == reason && journal->outcome_rollout == rollout_id &&
        godwit_digest_is(journal->outcome_file, file_sha256))
        return GODWIT_STATE_REPORT; /* said already, and not yet heard: no new write for it */
    journal->outcome_id = ++journal->outcome_count;
    journal->outcome_stage = stage;
    journal->outcome_reason = reason;
    journal->outcome_rollout = rollout_id;
    godwit_digest_copy(journal->outcome_file, file_sha256);
    memset(journal->outcome_detail, 0, sizeof journal->outcome_detail);
    agent->outcome_is_new = true;
    GODWIT_LOG(WARN, "outcome", "stage=%d reason=%u", (int)stage, (unsigned)reason);
    return GODWIT_STATE_REPORT;
}

enum godwit_state godwit_fail(struct godwit_agent *agent, enum godwit_stage stage, uint32_t reason)
{
    return godwit_fail_of(agent, stage, reason, agent->journal.install.file_sha256,
                          agent->journal.install_rollout);
}

void godwit_fail_detail(struct godwit_agent *agent, const char *note, const char *joint,
                        uint32_t number, const char *unit)
{
    struct godwit_text text;
    godwit_text_init(&text, agent->journal.outcome_detail, GODWIT_JOURNAL_DETAIL_MAX);
    godwit_text_add(&text, note);
    if (number == UINT32_MAX) return;
    godwit_text_add(&text, note[0] ? joint : joint + 2);
    godwit_text_add_u32(&text, number);
    godwit_text_add(&text, unit);
}

uint32_t godwit_agent_backoff(struct godwit_agent *agent, uint8_t failures)
{
    uint32_t wait_ms = failures < 8 ? BACKOFF_MS_MIN << failures : BACKOFF_MS_MAX;
    if (wait_ms > BACKOFF_MS_MAX) wait_ms = BACKOFF_MS_MAX;
    return wait_ms / 2 + ((wait_ms >> 9) * godwit_random16(agent) >> 8); /* stays in 32 bits */
}

enum godwit_state godwit_restart(struct godwit_agent *agent)
{
    agent->config.system->restart(agent->config.system->ctx);
    return GODWIT_STATE_BOOT;
}

enum godwit_state godwit_boot_again(struct godwit_agent *agent)
{
    agent->last_reason = GODWIT_REASON_FLASH;
    if (agent->tries >= GODWIT_BOOT_TRIES_MAX || ++agent->tries == GODWIT_BOOT_TRIES_MAX)
        return GODWIT_STATE_IDLE;
    godwit_agent_wait(agent, GODWIT_BOOT_RETRY_MS, 0);
    return GODWIT_STATE_BOOT;
}

void godwit_agent_wait(struct godwit_agent *agent, uint32_t wait_ms, uint32_t retry_after_s)
{
    if (retry_after_s > GODWIT_INTERVAL_MAX_S) retry_after_s = GODWIT_INTERVAL_MAX_S;
    if (wait_ms < retry_after_s * 1000) wait_ms = retry_after_s * 1000;
    agent->wake_ms = agent->now_ms + wait_ms;
}

bool godwit_agent_is_past(const struct godwit_agent *agent, uint32_t time_ms)
{
    return (int32_t)(agent->now_ms - time_ms) >= 0;
}

void godwit_agent_setup(struct godwit_agent *agent, const struct godwit_agent_config *config)
{
    memset(agent, 0, sizeof *agent);
    agent->config = *config;
    if (!agent->config.interval_s) agent->config.interval_s = INTERVAL_DEFAULT_S;
    if (!agent->config.health_s) agent->config.health_s = HEALTH_DEFAULT_S;
    if (agent->config.health_s > HEALTH_MAX_S) agent->config.health_s = HEALTH_MAX_S;
    agent->state = GODWIT_STATE_BOOT;
}

struct godwit_agent *godwit_agent_init(struct godwit_agent_memory *memory,
                                       const struct godwit_agent_config *config)
{
    struct godwit_agent *agent = (struct godwit_agent *)memory;
    godwit_agent_setup(agent, config);
    return agent;
}

/* The agent's own time goes on by what has passed since the last step. It knows when it asked to be
 * called: more than ten seconds beyond that, or less than nothing, is a clock that was set, and
 * counts as the wait that was asked for. So no leap makes it wait for years or give up at once, and
 * a clock that leaps at every step does not stop it. */
static void pass_time(struct godwit_agent *agent, uint32_t caller_ms)
{
    uint32_t passed_ms = caller_ms - agent->caller_ms;
    uint32_t requested_ms =
        godwit_agent_is_past(agent, agent->wake_ms) ? 0 : agent->wake_ms - agent->now_ms;
    agent->caller_ms = caller_ms;
    if (passed_ms > requested_ms + LATE_MS) passed_ms = requested_ms;
    agent->now_ms += passed_ms;
    uint32_t rest_ms = agent->second_ms + passed_ms;
    agent->now_s += rest_ms / 1000;
    agent->second_ms = (uint16_t)(rest_ms % 1000);
}

uint64_t godwit_agent_step(struct godwit_agent *agent, uint64_t now_ms)
{
    pass_time(agent, (uint32_t)now_ms);
    bool is_woken = agent->state == GODWIT_STATE_IDLE &&
                    atomic_load_explicit(&agent->is_woken, memory_order_acquire);
    if (!godwit_agent_is_past(agent, agent->wake_ms) && !is_woken)
        return now_ms + (agent->wake_ms - agent->now_ms);
    /* Before the work: a wake from now on is for another check-in. */
    if (agent->state == GODWIT_STATE_IDLE)
        atomic_store_explicit(&agent->is_woken, false, memory_order_relaxed);
    agent->wake_ms = agent->now_ms;
    enum godwit_state next = table[agent->state].work(agent);
    assert(table[agent->state].next & 1u << next);
    if (next != agent->state) {
        GODWIT_LOG(DEBUG, "state", "from=%s to=%s",
                   godwit_state_name((enum godwit_state)agent->state), godwit_state_name(next));
        agent->phase = 0;
    }
    agent->state = (uint8_t)next;
    return now_ms + (agent->wake_ms - agent->now_ms);
}

void godwit_agent_wake(struct godwit_agent *agent)
{
    atomic_store_explicit(&agent->is_woken, true, memory_order_release);
}

void godwit_agent_confirm(struct godwit_agent *agent)
{
    atomic_store_explicit(&agent->is_app_confirmed, true, memory_order_release);
}

void godwit_agent_get_status(const struct godwit_agent *agent, struct godwit_agent_status *out)
{
    const struct godwit_journal *journal = &agent->journal;
    memset(out, 0, sizeof *out);
    out->state = (enum godwit_state)agent->state;
    out->enrolled = journal->is_enrolled;
    out->on_trial = agent->on_trial;
    out->is_pending = agent->is_pending;
    if (agent->is_ready && journal->install_step == GODWIT_STEP_FETCHING) {
        out->progress = agent->best_offset;
        out->total = journal->install.size;
    }
    out->last_reason = agent->last_reason;
    out->boots = journal->boots;
    out->checkins = journal->checkins;
    memcpy(out->slot, agent->slots.label, sizeof out->slot);
}

const char *godwit_state_name(enum godwit_state state)
{
    return (unsigned)state < GODWIT_STATE_COUNT ? godwit_text_at(state_names, state) : "?";
}
