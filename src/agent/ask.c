/* ASK: the one question, and what its answer makes of us. Question and answer share the sector
 * buffer; no other state's bytes are in it then:
 *
 *     0      … 1792  the question's JSON, until the request is closed
 *     2048   … 3072  the answer's JSON */
#include "agent/internal.h"
#include "agent/sources.h"
#include "base/text.h"

#define POLL_MS 20u
#define ANSWER_TIMEOUT_MS 30000u

_Static_assert(GODWIT_CHECKIN_REQUEST_MAX <= GODWIT_REPLY_OFFSET, "the question fits");
_Static_assert(GODWIT_REPLY_OFFSET + GODWIT_CHECKIN_REPLY_MAX < GODWIT_SECTOR_SIZE, "both fit");

/* The running image's own words, by its application descriptor. */
static godwit_err describe(struct godwit_agent *agent, struct godwit_checkin *checkin)
{
    static const struct {
        uint8_t from, size; /* in the descriptor */
        uint16_t to;
    } fields[] = {
        {16, 32, offsetof(struct godwit_checkin, version)},
        {48, 32, offsetof(struct godwit_checkin, project)},
        {112, 32, offsetof(struct godwit_checkin, idf_version)},
        {180, 2, offsetof(struct godwit_checkin, mmu_page_log2)}, /* and flash_mode behind it */
    };
    _Static_assert(offsetof(struct godwit_checkin, flash_mode) ==
                       offsetof(struct godwit_checkin, mmu_page_log2) + 1,
                   "as in the descriptor");
    uint32_t description = agent->slots.running.offset + GODWIT_APP_DESC_OFFSET;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        uint8_t *to = (uint8_t *)checkin + fields[i].to;
        godwit_err err = godwit_flash_read(agent, description + fields[i].from, to, fields[i].size);
        if (err) return err;
    }
    return GODWIT_OK;
}

#define OUTCOME_AT(member, field)                                        \
    _Static_assert(offsetof(struct godwit_record, outcome_##field) -     \
                           offsetof(struct godwit_record, outcome_id) == \
                       offsetof(struct godwit_outcome, member),          \
                   #member)
OUTCOME_AT(rollout_id, rollout);
OUTCOME_AT(stage, stage);
OUTCOME_AT(reason, reason);
OUTCOME_AT(file_sha256, file);
OUTCOME_AT(detail, detail);
#define OUTCOME_SIZE (offsetof(struct godwit_outcome, detail) + GODWIT_RECORD_DETAIL_MAX)

static void fill_facts(const struct godwit_agent *agent, struct godwit_checkin *checkin)
{
    const struct godwit_system *system = agent->config.system;
    const struct godwit_device_facts *facts = &agent->facts;
    memcpy(checkin->device_id, facts->device_id, sizeof facts->device_id);
    checkin->chip_id = facts->chip->id;
    checkin->chip_revision = facts->chip_revision;
    checkin->block_revision = facts->block_revision;
    checkin->no_max_revision = facts->no_max_revision;
    checkin->no_max_block_revision = facts->no_max_block_revision;
    checkin->flash_size = agent->config.flash->size;
    checkin->slot_size = agent->slots.idle.size;
    checkin->free_heap = system->free_heap(system->ctx);
    checkin->secure_version = facts->secure_version;
    checkin->hardware_revision = facts->hardware_revision;
    checkin->reset = facts->reset;
}

/* What the ruling policy says; a malformed one says nothing. */
static __attribute__((noinline)) void fill_trust(const struct godwit_agent *agent,
                                                 struct godwit_checkin *checkin)
{
    struct godwit_policy policy;
    checkin->floor = agent->record.floor;
    if (godwit_policy_running(agent, &policy)) return;
    checkin->counter = policy.counter;
    checkin->floor = policy.floor;
    for (size_t i = 0; i < GODWIT_POLICY_DEPLOY_KEYS_MAX; i++)
        memcpy(checkin->deploy_keys + 8 * i, policy.deploy_keys[i], 8);
}

static godwit_err fill(struct godwit_agent *agent, struct godwit_checkin *checkin)
{
    const struct godwit_record *record = &agent->record;
    const struct godwit_held *runs = agent->on_trial ? &record->install : &record->running;
    memset(checkin, 0, sizeof *checkin);
    memcpy(checkin->nonce, agent->nonce, sizeof checkin->nonce);
    checkin->has_token = (!record->is_enrolled || agent->is_claiming) && agent->config.claim_token;
    if (checkin->has_token) memcpy(checkin->token, record->token, sizeof checkin->token);
    memcpy(checkin->agent_version, GODWIT_AGENT_VERSION, sizeof GODWIT_AGENT_VERSION);
    memcpy(checkin->image_sha256, runs->image_sha256, 32);
    memcpy(checkin->file_sha256, runs->file_sha256, 32);
    checkin->on_trial = agent->on_trial;
    memcpy(checkin->slot, agent->slots.label, sizeof checkin->slot);
    if (agent->is_verified) memcpy(checkin->idle_file_sha256, record->install.file_sha256, 32);
    if (record->install_step == GODWIT_STEP_FETCHING) checkin->progress = agent->best_offset;
    checkin->checkins = record->checkins;
    checkin->boots = record->boots;
    checkin->unwatched = record->flags & GODWIT_RECORD_IS_UNWATCHED;
    checkin->fresh_age_s = agent->now_s - agent->fresh_s;
    fill_facts(agent, checkin);
    fill_trust(agent, checkin);
    memcpy(&checkin->outcome, &record->outcome_id, OUTCOME_SIZE); /* id 0: it is left out */
    return describe(agent, checkin);
}

godwit_err godwit_question_begin(struct godwit_agent *agent)
{
    const struct godwit_net *net = agent->config.net;
    godwit_err err = GODWIT_OK;
    if (!agent->nonce_is_open) err = godwit_random(agent, agent->nonce, sizeof agent->nonce);
    if (err) return err;
    agent->nonce_is_open = true;
    agent->record.checkins++;
    err = fill(agent, &agent->work.checkin);
    if (err) return err;
    size_t size = 0;
    err = godwit_checkin_encode(&agent->work.checkin, (char *)agent->sector,
                                GODWIT_CHECKIN_REQUEST_MAX, &size);
    bool is_claim = agent->work.checkin.has_token;
    struct godwit_request request = {
        .method = "POST",
        .path = "/v1/checkin",
        .bearer = is_claim ? agent->config.claim_token : agent->strings.bearer,
        .body = (const char *)agent->sector,
        .body_size = size,
    };
    agent->reply_size = 0;
    agent->request_ms = agent->now_ms;
    if (!err) err = net->start(net->ctx, &request);
    agent->link_is_up = err == GODWIT_OK;
    return err;
}

godwit_err godwit_question_read(struct godwit_agent *agent, int *status_out,
                                uint32_t *retry_after_s_out)
{
    const struct godwit_net *net = agent->config.net;
    struct godwit_answer answer = {.content_length = UINT32_MAX};
    size_t got = 0;
    /* One byte more than allowed is room enough to see that it is too long. */
    size_t room = GODWIT_CHECKIN_REPLY_MAX + 1u - agent->reply_size;
    godwit_err err = net->read(net->ctx, agent->sector + GODWIT_REPLY_OFFSET + agent->reply_size,
                               room, &got, &answer);
    if (got) agent->reply_size += (uint32_t)got;
    *status_out = answer.status;
    *retry_after_s_out = answer.retry_after_s;
    agent->is_by_next_ca = answer.by_next_ca;
    agent->wake_ms = agent->now_ms + (got || err ? 0 : POLL_MS);
    if (agent->reply_size > GODWIT_CHECKIN_REPLY_MAX) return GODWIT_ERR_END;
    if (!err && agent->now_ms - agent->request_ms > ANSWER_TIMEOUT_MS) return GODWIT_ERR_NET;
    return err;
}

/* Waits for the server's interval, a tenth of it more or less, so that a fleet spreads out. */
static enum godwit_state rest(struct godwit_agent *agent)
{
    uint32_t tenth_ms = agent->interval_s * 100; /* at most a week's tenth: 32 bits are enough */
    godwit_agent_wait(agent, 9 * tenth_ms + (tenth_ms >> 7) * (godwit_random16(agent) >> 8), 0);
    return GODWIT_IDLE;
}

static enum godwit_state no_answer(struct godwit_agent *agent, uint32_t retry_after_s)
{
    godwit_agent_wait(agent, godwit_agent_backoff(agent, agent->failures), retry_after_s);
    if (agent->failures < UINT8_MAX) agent->failures++;
    return GODWIT_IDLE;
}

/* Takes the install into the record's RAM; flash follows when the first block is opened. */
static enum godwit_state accept(struct godwit_agent *agent,
                                const struct godwit_instruction *install)
{
    struct godwit_record *record = &agent->record;
    if (memcmp(install->file_sha256, record->running.file_sha256, 32) == 0) {
        agent->is_underway = false;
        return rest(agent); /* it runs already */
    }
    bool is_same = memcmp(install->file_sha256, record->install.file_sha256, 32) == 0 &&
                   install->file_size == record->install.size &&
                   record->install_slot == agent->slots.idle.offset;
    godwit_sources_offer(agent, is_same, &agent->work.reply);
    agent->is_underway = true;
    uint32_t valid_s = install->valid_s;
    if (valid_s == 0 || valid_s > GODWIT_INTERVAL_MAX_S) valid_s = GODWIT_INTERVAL_MAX_S;
    agent->valid_until_ms = agent->now_ms + valid_s * 1000;
    record->install_rollout = install->rollout_id;
    /* Its head was compared with another counter: it is compared again. */
    if (install->counter != record->install.counter) agent->is_verified = false;
    record->install.counter = install->counter;
    if (is_same && record->install_step >= GODWIT_STEP_FETCHED)
        return agent->is_verified ? GODWIT_SWITCH : GODWIT_VERIFY;
    if (is_same && record->install_step == GODWIT_STEP_FETCHING) return GODWIT_FETCH;
    memcpy(record->install.file_sha256, install->file_sha256, 32);
    memset(record->install.image_sha256, 0, 32);
    record->install.size = install->file_size;
    record->install_slot = agent->slots.idle.offset;
    record->install_sectors = 0;
    record->install_step = GODWIT_STEP_FETCHING;
    record->power_resets = 0;
    record->flags |= GODWIT_RECORD_IS_CALM; /* no crash leads back: the image before is gone */
    agent->is_verified = false;
    agent->best_offset = 0;
    return GODWIT_FETCH;
}

static enum godwit_state stay(struct godwit_agent *agent)
{
    agent->refusals = 0;
    if (!agent->is_underway) return rest(agent);
    agent->is_underway = false;
    return godwit_fail(agent, agent->is_verified ? GODWIT_STAGE_SWITCH : GODWIT_STAGE_DOWNLOAD,
                       GODWIT_REASON_WITHDRAWN, NULL, 0);
}

/* An answer that can not be believed: nothing in it names a file or rollout. */
static enum godwit_state refuse(struct godwit_agent *agent, enum godwit_reason reason)
{
    static const uint8_t none[32];
    return godwit_fail_of(agent, GODWIT_STAGE_ASK, reason, none, 0);
}

static enum godwit_state obey(struct godwit_agent *agent, const uint8_t *data)
{
    struct godwit_instruction instruction;
    uint32_t sequence;
    enum godwit_reason reason = godwit_judge_answer(agent, data, &instruction, &sequence);
    if (reason) return refuse(agent, reason);
    agent->fresh_s = agent->now_s;
    if (godwit_ca_note(agent, agent->work.reply.next_ca, &instruction))
        return refuse(agent, GODWIT_REASON_FLASH);
    if (instruction.flags & GODWIT_INSTRUCTION_STAY) return stay(agent);
    reason = godwit_judge_install(agent, &instruction, sequence);
    if (!reason) return accept(agent, &instruction);
    return godwit_fail_of(agent, GODWIT_STAGE_ASK, reason, instruction.file_sha256,
                          instruction.rollout_id);
}

/* What of the answer changes the record: the server's yes, and the outcome it has taken over. */
static godwit_err note_reply(struct godwit_agent *agent, const struct godwit_checkin_reply *reply)
{
    struct godwit_record *record = &agent->record;
    bool is_new = !reply->pending && !record->is_enrolled;
    bool is_acknowledged = record->outcome_id && reply->outcome_id == record->outcome_id;
    if (is_new) record->is_enrolled = true;
    if (!reply->pending) agent->is_claiming = false;
    if (is_acknowledged) record->outcome_id = 0;
    return is_new || is_acknowledged ? godwit_record_commit(agent) : GODWIT_OK;
}

static enum godwit_state judge_reply(struct godwit_agent *agent)
{
    struct godwit_checkin_reply *reply = &agent->work.reply;
    const char *text = (const char *)agent->sector + GODWIT_REPLY_OFFSET;
    agent->failures = 0;
    if (godwit_checkin_reply_decode(text, agent->reply_size, reply))
        return refuse(agent, GODWIT_REASON_REPLY_MALFORMED);
    agent->interval_s = reply->interval_s;
    agent->is_pending = reply->pending;
    if (note_reply(agent, reply)) return refuse(agent, GODWIT_REASON_FLASH);
    if (reply->pending) return rest(agent);
    return obey(agent, reply->instruction);
}

enum godwit_state godwit_state_ask(struct godwit_agent *agent)
{
    if (agent->phase == 0) {
        if (godwit_question_begin(agent)) {
            godwit_net_close(agent);
            return no_answer(agent, 0);
        }
        agent->phase = 1;
        return GODWIT_ASK;
    }
    int status;
    uint32_t retry_after_s;
    godwit_err err = godwit_question_read(agent, &status, &retry_after_s);
    if (err == GODWIT_OK) return GODWIT_ASK;
    godwit_net_close(agent);
    if (err == GODWIT_ERR_END && status == 200) return judge_reply(agent);
    /* A server that lost us gets the claim again, with the same token; one that only said so gets
     * the token again: a board whose claim is gone must not be locked out by one wrong answer. */
    if (status == 401) agent->is_claiming = !agent->is_claiming;
    return no_answer(agent, err == GODWIT_ERR_END ? retry_after_s : 0);
}
