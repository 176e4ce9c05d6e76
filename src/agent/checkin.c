/* CHECKIN: the one request, and what the device makes of its reply. Both share the sector buffer;
 * no other state's bytes are in it then:
 *
 *     0      … 2304  the request's JSON, until the request is closed
 *     2560   … 3584  the reply's JSON */
#include "agent/internal.h"
#include "agent/sources.h"
#include "base/text.h"
#include "base/version.h"

#define POLL_MS 20u
#define HELD_MS 1000u /* a reply of which nothing came is being held: looked for less often */
#define HELD_POLL_MS 160u
#define WAIT_FIRST_S 110u
#define REPLY_TIMEOUT_MS 30000u

_Static_assert(GODWIT_CHECKIN_REQUEST_MAX <= GODWIT_REPLY_OFFSET, "the request fits");
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

#define OUTCOME_AT(member, field)                                         \
    _Static_assert(offsetof(struct godwit_journal, outcome_##field) -     \
                           offsetof(struct godwit_journal, outcome_id) == \
                       offsetof(struct godwit_outcome, member),           \
                   #member)
OUTCOME_AT(rollout_id, rollout);
OUTCOME_AT(stage, stage);
OUTCOME_AT(reason, reason);
OUTCOME_AT(file_sha256, file);
OUTCOME_AT(detail, detail);
#define OUTCOME_SIZE (offsetof(struct godwit_outcome, detail) + GODWIT_JOURNAL_DETAIL_MAX)

static void fill_facts(const struct godwit_agent *agent, struct godwit_checkin *checkin)
{
    const struct godwit_system *system = agent->config.system;
    const struct godwit_device_facts *facts = &agent->facts;
    memcpy(checkin->device_id, facts->device_id, sizeof facts->device_id);
    checkin->chip_id = facts->chip->id;
    checkin->chip_revision = facts->chip_revision;
    checkin->block_revision = facts->block_revision;
    checkin->no_max = (uint8_t)(facts->no_max_revision | facts->no_max_block_revision << 1);
    checkin->flash_size = agent->config.flash->size;
    checkin->slot_size = agent->slots.inactive.size;
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
    checkin->rollback_floor = agent->journal.rollback_floor;
    if (godwit_policy_running(agent, &policy)) return;
    checkin->counter = policy.counter;
    checkin->rollback_floor = policy.rollback_floor;
    for (size_t i = 0; i < GODWIT_POLICY_DEPLOY_KEYS_MAX; i++)
        memcpy(checkin->deploy_keys + 8 * i, policy.deploy_keys[i], 8);
}

static __attribute__((noinline)) uint8_t *token_of(struct godwit_agent *agent, bool is_former)
{
    return agent->journal.tokens[!(agent->journal.flags & GODWIT_JOURNAL_IS_SECOND) == is_former];
}

void godwit_bearer_set(struct godwit_agent *agent)
{
    godwit_hex_encode(token_of(agent, agent->uses_former), GODWIT_TOKEN_SIZE,
                      agent->strings.bearer);
}

/* Too long a text is not said: what an application writes there must not keep its device away. */
static void fill_attributes(const char *attributes, struct godwit_checkin *checkin)
{
    struct godwit_text text;
    godwit_text_init(&text, checkin->attributes, sizeof checkin->attributes);
    if (attributes) godwit_text_add(&text, attributes);
}

static godwit_err fill(struct godwit_agent *agent, struct godwit_checkin *checkin)
{
    const struct godwit_journal *journal = &agent->journal;
    const struct godwit_slot_file *runs = agent->on_trial ? &journal->install : &journal->running;
    memset(checkin, 0, sizeof *checkin);
    memcpy(checkin->nonce, agent->nonce, sizeof checkin->nonce);
    checkin->has_token = !journal->is_enrolled || agent->is_claiming || agent->uses_former;
    if (checkin->has_token) godwit_digest_copy(checkin->token, token_of(agent, false));
    memcpy(checkin->agent_version, GODWIT_VERSION, sizeof GODWIT_VERSION);
    godwit_digest_copy(checkin->image_sha256, runs->image_sha256);
    godwit_digest_copy(checkin->file_sha256, runs->file_sha256);
    checkin->on_trial = agent->on_trial;
    memcpy(checkin->slot, agent->slots.label, sizeof checkin->slot);
    if (agent->is_verified)
        godwit_digest_copy(checkin->staged_file_sha256, journal->install.file_sha256);
    if (journal->install_step == GODWIT_STEP_FETCHING) checkin->progress = agent->best_offset;
    checkin->checkins = journal->checkins;
    checkin->boots = journal->boots;
    checkin->unwatched = journal->flags & GODWIT_JOURNAL_IS_UNWATCHED;
    checkin->fresh_age_s = agent->now_s - agent->fresh_s;
    fill_facts(agent, checkin);
    fill_trust(agent, checkin);
    fill_attributes(agent->config.attributes, checkin);
    memcpy(&checkin->outcome, &journal->outcome_id, OUTCOME_SIZE); /* id 0: it is left out */
    return describe(agent, checkin);
}

/* For how many seconds the reply may be held (RFC 7240): as long as the server said last. Not where
 * an install hangs on it, and not after two that came to nothing: a line that bears no silence gets
 * its replies at once then. */
static uint32_t wait_of(const struct godwit_agent *agent)
{
    uint32_t wait_s = agent->wait_s ? agent->wait_s : WAIT_FIRST_S;
    if (agent->on_trial || agent->is_underway || agent->failures > 1) return 0;
    return wait_s < agent->config.wait_s ? wait_s : agent->config.wait_s;
}

godwit_err godwit_request_begin(struct godwit_agent *agent)
{
    const struct godwit_net *net = agent->config.net;
    godwit_err err = GODWIT_OK;
    if (!agent->nonce_is_open) err = godwit_random(agent, agent->nonce, sizeof agent->nonce);
    if (err) return err;
    agent->nonce_is_open = true;
    agent->journal.checkins++;
    err = fill(agent, &agent->work.checkin);
    if (err) return err;
    size_t size = 0;
    err = godwit_checkin_encode(&agent->work.checkin, (char *)agent->sector,
                                GODWIT_CHECKIN_REQUEST_MAX, &size);
    godwit_bearer_set(agent);
    agent->asked_s = (uint16_t)wait_of(agent);
    bool is_claim =
        (!agent->journal.is_enrolled || agent->is_claiming) && agent->config.claim_token;
    struct godwit_request request = {
        .method = "POST",
        .path = "/v1/checkin",
        .bearer = is_claim ? agent->config.claim_token : agent->strings.bearer,
        .body = (const char *)agent->sector,
        .body_size = size,
        .wait_s = agent->asked_s,
    };
    agent->reply_size = 0;
    agent->request_ms = agent->now_ms;
    if (!err) err = net->start(net->ctx, &request);
    agent->link_is_up = err == GODWIT_OK;
    return err;
}

godwit_err godwit_request_read(struct godwit_agent *agent, int *status_out,
                               uint32_t *retry_after_s_out)
{
    const struct godwit_net *net = agent->config.net;
    struct godwit_reply reply = {.content_length = UINT32_MAX};
    size_t got = 0;
    /* One byte more than allowed is room enough to see that it is too long. */
    size_t room = GODWIT_CHECKIN_REPLY_MAX + 1u - agent->reply_size;
    godwit_err err = net->read(net->ctx, agent->sector + GODWIT_REPLY_OFFSET + agent->reply_size,
                               room, &got, &reply);
    if (got) agent->reply_size += (uint32_t)got;
    *status_out = reply.status;
    *retry_after_s_out = reply.retry_after_s;
    agent->is_by_next_ca = reply.by_next_ca;
    if (agent->reply_size > GODWIT_CHECKIN_REPLY_MAX) err = GODWIT_ERR_END;
    uint32_t passed_ms = agent->now_ms - agent->request_ms;
    if (!err && passed_ms > REPLY_TIMEOUT_MS + agent->asked_s * 1000u) err = GODWIT_ERR_NET;
    bool is_held = passed_ms >= HELD_MS && !agent->reply_size;
    uint32_t poll_ms = is_held ? HELD_POLL_MS : POLL_MS;
    agent->wake_ms = agent->now_ms + (got || err ? 0 : poll_ms);
    agent->wait_s = (uint16_t)reply.wait_s;
    return err;
}

/* Waits for the server's interval, a tenth of it more or less, so that a fleet spreads out. */
static enum godwit_state rest(struct godwit_agent *agent)
{
    uint32_t tenth_ms =
        agent->config.interval_s * 100; /* at most a week's tenth: 32 bits are enough */
    godwit_agent_wait(agent, 9 * tenth_ms + (tenth_ms >> 7) * (godwit_random16(agent) >> 8), 0);
    return GODWIT_STATE_IDLE;
}

/* Nothing to do: where the server holds replies, it is asked again at once. One that says so and
 * replies at once all the same is asked each second or two, not in a circle. */
static enum godwit_state rest_or_wait(struct godwit_agent *agent)
{
    if (!agent->wait_s || !agent->asked_s) return rest(agent);
    bool was_held = godwit_agent_is_past(agent, agent->request_ms + HELD_MS);
    godwit_agent_wait(agent, was_held ? 0 : godwit_agent_backoff(agent, 0), 0);
    return GODWIT_STATE_IDLE;
}

static enum godwit_state no_reply(struct godwit_agent *agent, uint32_t retry_after_s)
{
    godwit_agent_wait(agent, godwit_agent_backoff(agent, agent->failures), retry_after_s);
    if (agent->failures < UINT8_MAX) agent->failures++;
    return GODWIT_STATE_IDLE;
}

/* Takes the install into the journal's RAM; flash follows when the first block is opened. */
static enum godwit_state accept(struct godwit_agent *agent,
                                const struct godwit_instruction *install)
{
    struct godwit_journal *journal = &agent->journal;
    if (godwit_digest_is(install->file_sha256, journal->running.file_sha256)) {
        agent->is_underway = false;
        return rest(agent); /* it runs already */
    }
    bool is_same = godwit_digest_is(install->file_sha256, journal->install.file_sha256) &&
                   install->file_size == journal->install.size &&
                   journal->install_slot == agent->slots.inactive.offset;
    godwit_sources_offer(agent, is_same, &agent->work.reply);
    agent->is_underway = true;
    uint32_t valid_s = install->valid_s;
    if (valid_s == 0 || valid_s > GODWIT_INTERVAL_MAX_S) valid_s = GODWIT_INTERVAL_MAX_S;
    agent->valid_until_ms = agent->now_ms + valid_s * 1000;
    journal->install_rollout = install->rollout_id;
    /* Its head was compared with another counter: it is compared again. */
    if (install->counter != journal->install.counter) agent->is_verified = false;
    journal->install.counter = install->counter;
    if (is_same && journal->install_step >= GODWIT_STEP_FETCHED)
        return agent->is_verified ? GODWIT_STATE_SWITCH : GODWIT_STATE_VERIFY;
    if (is_same && journal->install_step == GODWIT_STEP_FETCHING) return GODWIT_STATE_FETCH;
    godwit_digest_copy(journal->install.file_sha256, install->file_sha256);
    godwit_digest_clear(journal->install.image_sha256);
    journal->install.size = install->file_size;
    journal->install_slot = agent->slots.inactive.offset;
    journal->install_sectors = 0;
    journal->install_step = GODWIT_STEP_FETCHING;
    journal->power_resets = 0;
    journal->flags |= GODWIT_JOURNAL_IS_CALM; /* no crash leads back: the image before is gone */
    agent->is_verified = false;
    agent->best_offset = 0;
    return GODWIT_STATE_FETCH;
}

static enum godwit_state stay(struct godwit_agent *agent)
{
    agent->refusals = 0;
    if (!agent->is_underway) return rest_or_wait(agent);
    agent->is_underway = false;
    return godwit_fail(agent, agent->is_verified ? GODWIT_STAGE_SWITCH : GODWIT_STAGE_DOWNLOAD,
                       GODWIT_REASON_WITHDRAWN);
}

/* A reply that can not be believed: nothing in it names a file or rollout. */
static enum godwit_state refuse(struct godwit_agent *agent, enum godwit_reason reason)
{
    static const uint8_t none[32];
    return godwit_fail_of(agent, GODWIT_STAGE_CHECKIN, reason, none, 0);
}

static enum godwit_state obey(struct godwit_agent *agent, const uint8_t *data)
{
    struct godwit_instruction instruction;
    uint32_t sequence;
    enum godwit_reason reason = godwit_check_instruction(agent, data, &instruction, &sequence);
    if (reason) return refuse(agent, reason);
    agent->fresh_s = agent->now_s;
    if (godwit_ca_note(agent, agent->work.reply.next_ca, &instruction))
        return refuse(agent, GODWIT_REASON_FLASH);
    if (!agent->is_ready) return rest(agent); /* nothing is installed over what was not read */
    if (instruction.flags & GODWIT_INSTRUCTION_NO_UPDATE) return stay(agent);
    reason = godwit_check_install(agent, &instruction, sequence);
    if (reason)
        return godwit_fail_of(agent, GODWIT_STAGE_CHECKIN, reason, instruction.file_sha256,
                              instruction.rollout_id);
    if (!godwit_retry_is_due(agent, &instruction)) return rest(agent);
    return accept(agent, &instruction);
}

/* A new token becomes the newest, and the present one stays as the former: the server hears the new
 * one by that, and either is enough to be known, wherever power is lost. */
static godwit_err make_token(struct godwit_agent *agent)
{
    godwit_err err = godwit_random(agent, token_of(agent, true), GODWIT_TOKEN_SIZE);
    if (err) return err;
    agent->journal.flags =
        (uint8_t)((agent->journal.flags ^ GODWIT_JOURNAL_IS_SECOND) | GODWIT_JOURNAL_HAS_FORMER);
    agent->uses_former = true;
    return GODWIT_OK;
}

/* What of the reply changes the journal: the server's yes, and the outcome it has taken over. */
static __attribute__((noinline)) enum godwit_reason
note_reply(struct godwit_agent *agent, const struct godwit_checkin_reply *reply)
{
    struct godwit_journal *journal = &agent->journal;
    bool is_new = !reply->pending && !journal->is_enrolled;
    bool is_acknowledged = journal->outcome_id && reply->outcome_id == journal->outcome_id;
    if (is_new) journal->is_enrolled = true;
    bool rotates = reply->rotate && !agent->uses_former;
    if (!reply->pending) agent->is_claiming = false;
    agent->uses_former = false;
    if (is_acknowledged) journal->outcome_id = 0;
    if (rotates && make_token(agent)) return GODWIT_REASON_NO_RANDOM;
    if (!is_new && !is_acknowledged && !rotates) return GODWIT_REASON_NONE;
    if (!godwit_journal_commit(agent)) return GODWIT_REASON_NONE;
    /* What flash did not keep is not told: after a reset nobody would know it. */
    if (rotates) journal->flags ^= GODWIT_JOURNAL_IS_SECOND;
    agent->uses_former = false;
    return GODWIT_REASON_FLASH;
}

static enum godwit_state check_reply(struct godwit_agent *agent)
{
    struct godwit_checkin_reply *reply = &agent->work.reply;
    const char *text = (const char *)agent->sector + GODWIT_REPLY_OFFSET;
    agent->failures = 0;
    if (godwit_checkin_reply_decode(text, agent->reply_size, reply))
        return refuse(agent, GODWIT_REASON_REPLY_MALFORMED);
    agent->config.interval_s = reply->interval_s;
    agent->is_pending = reply->pending;
    enum godwit_reason reason = note_reply(agent, reply);
    if (reason) return refuse(agent, reason);
    if (reply->pending) return rest(agent);
    return obey(agent, reply->instruction);
}

/* A server that lost us gets the claim again, with the same token; one that only said so gets the
 * token again: a board whose claim is gone must not be locked out by one wrong reply. Before both
 * comes the former token, where there is one: the newest may not have been heard, or a server from
 * an older backup has forgotten it. */
static __attribute__((noinline)) void try_another(struct godwit_agent *agent)
{
    agent->uses_former = !agent->uses_former && agent->journal.flags & GODWIT_JOURNAL_HAS_FORMER;
    if (!agent->uses_former) agent->is_claiming = !agent->is_claiming;
}

enum godwit_state godwit_state_checkin(struct godwit_agent *agent)
{
    if (agent->phase == 0) {
        if (godwit_request_begin(agent)) {
            godwit_net_close(agent);
            return no_reply(agent, 0);
        }
        agent->phase = 1;
        return GODWIT_STATE_CHECKIN;
    }
    int status;
    uint32_t retry_after_s;
    godwit_err err = godwit_request_read(agent, &status, &retry_after_s);
    if (err == GODWIT_OK) return GODWIT_STATE_CHECKIN;
    godwit_net_close(agent);
    if (err == GODWIT_ERR_END && status == 200) return check_reply(agent);
    if (status == 401) try_another(agent);
    return no_reply(agent, err == GODWIT_ERR_END ? retry_after_s : 0);
}
