/* Cases of attacks 2, 3, 8 and 13: what was true once. */
#include "sim/attack_rows.h"

#define DAY_S 86400u
#define ALLOWED 0x10000u /* with the flag that allows a downgrade */
#define COUNTER_LIES 0x20000u
#define YEAR_2100_MS UINT64_C(4102444800000)

/* ---- 2: rollback ---- */

static void offer_older(struct attack *attack)
{
    uint32_t counter = attack->row->param & 0xFFFF;
    struct attack_recipe recipe = attack_recipe(attack, 0);
    recipe.policy.counter = counter;
    if (recipe.policy.rollback_floor > counter) recipe.policy.rollback_floor = counter;
    memcpy(recipe.version, "0.5.0", sizeof "0.5.0");
    struct attack_file *file = attack_genuine(attack, &recipe);
    if (attack->row->param & COUNTER_LIES) file->counter = ATTACK_COUNTER + 1;
    attack->offer = file;
    if (attack->row->param & ALLOWED) attack->flags = GODWIT_INSTRUCTION_ALLOW_DOWNGRADE;
}

/* A genuine release whose policy lowers the rollback floor: the counter is high enough. */
static void offer_lower_rollback_floor(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    recipe.policy.rollback_floor = 1;
    attack->offer = attack_genuine(attack, &recipe);
}

/* First an honest release that raises the rollback floor to itself, then the one before it. */
static void raise_rollback_floor(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    recipe.policy.rollback_floor = recipe.policy.counter;
    attack->before = attack_genuine(attack, &recipe);
    attack->after = NULL;
    struct attack_recipe after = attack_recipe(attack, 60);
    after.policy.rollback_floor = recipe.policy.rollback_floor;
    attack->after = attack_genuine(attack, &after);
    offer_older(attack);
}

static void offer_no_policy(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    uint32_t counter = recipe.policy.counter;
    recipe.has_policy = false;
    struct attack_file *file = attack_genuine(attack, &recipe);
    file->counter = attack->row->param ? 0 : counter;
    attack->offer = file;
    attack->flags = GODWIT_INSTRUCTION_ALLOW_DOWNGRADE;
}

/* The chip's own counter stands at two: what is below can never run again. */
static void offer_below_fuse(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 51);
    attack->secure_version = recipe.secure_version = 2;
    attack->after = attack_genuine(attack, &recipe);
    recipe = attack_recipe(attack, 1);
    recipe.secure_version = 1;
    struct attack_file *file = attack_genuine(attack, &recipe);
    if (attack->row->param & COUNTER_LIES) file->secure_version = 2;
    attack->offer = file;
}

/* The mirror hands out the older release under the new one's name. */
static void serve_older(struct attack *attack)
{
    attack_offer_next(attack);
    const struct attack_file *next = attack->offer;
    offer_older(attack);
    attack->serve = attack->offer;
    attack->offer = next;
}

static void flip_allow(struct attack *attack, struct godwit_checkin_reply *reply)
{
    (void)attack;
    reply->instruction[5] ^= GODWIT_INSTRUCTION_ALLOW_DOWNGRADE;
}

/* ---- 3 and 13: freeze and replay ---- */

static void replay(struct attack *attack, const struct attack_request *request,
                   struct attack_response *response)
{
    if (!attack_is_request(request) || !attack->recording_count) return;
    uint32_t index =
        attack->row->param ? attack_chance(attack) % (uint32_t)attack->recording_count : 0;
    attack_send_text(attack, response, attack->recording[index].text,
                     attack->recording[index].size);
}

static void slow_requests(struct attack *attack)
{
    attack->interval_s = 600;
}

static void update_first(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    attack->before = attack_genuine(attack, &recipe);
}

/* The genuine answer, and from then on again and again the same. */
static void replay_own(struct attack *attack, const struct attack_request *request,
                       struct attack_response *response)
{
    if (!attack_is_request(request)) return;
    size_t newest = attack->recording_count ? attack->recording_count - 1 : 0;
    if (attack->memory++ == 0) attack->random = (uint32_t)newest;
    const struct attack_recording *recording = &attack->recording[attack->random];
    attack_send_text(attack, response, recording->text, recording->size);
}

static void other_device_no_update(struct attack *attack, struct godwit_instruction *instruction)
{
    (void)attack;
    instruction->device_id[0] ^= 2;
}

static void other_nonce(struct attack *attack, struct godwit_instruction *instruction)
{
    memset(instruction->nonce, (int)attack->row->param, sizeof instruction->nonce);
}

static void always(struct attack *attack, const struct attack_request *request,
                   struct attack_response *response)
{
    if (!attack_is_request(request)) return;
    response->status = (int)attack->row->param;
    if (response->status != 200) response->body_size = 0;
}

static void pend(struct attack *attack, struct godwit_checkin_reply *reply)
{
    (void)attack;
    reply->pending = true;
    reply->has_instruction = false;
}

static void no_update_unsigned(struct attack *attack, struct godwit_checkin_reply *reply)
{
    (void)attack;
    memset(reply->instruction + GODWIT_INSTRUCTION_BODY_SIZE, 0, 64);
}

static void forget_claim(struct attack *attack)
{
    attack->claim_is_gone = true;
}

/* The device says for how long it has heard nothing that it could believe. */
static const char *age_grows(const struct attack *attack)
{
    uint32_t during_s = attack->row->during_s ? attack->row->during_s : ATTACK_DURING_S;
    if (attack->is_live) during_s = 2; /* as long as a case takes there at least */
    if (attack->seen.fresh_age_max_s + (attack->is_live ? 2 : 900) < during_s)
        return "the age of the last fresh reply did not grow";
    return NULL;
}

static const char *was_requested_often(const struct attack *attack)
{
    return attack->seen.during_requests < 1000 ? "it did not ask a thousand times" : NULL;
}

/* ---- 8: fast-forward ---- */

static void to_the_end(struct attack *attack, struct godwit_instruction *instruction)
{
    uint32_t left = attack->memory < 8 ? 8 - attack->memory++ : 0; /* an update asks twice */
    instruction->sequence = UINT64_MAX - left;
    instruction->server_time_ms = YEAR_2100_MS;
}

static void counter_to_the_end(struct attack *attack, struct godwit_instruction *instruction)
{
    to_the_end(attack, instruction);
    instruction->counter = UINT32_MAX;
}

static void future(struct attack *attack, struct godwit_instruction *instruction)
{
    (void)attack;
    instruction->server_time_ms = YEAR_2100_MS;
}

static void use_up_next(struct attack *attack)
{
    attack_offer_next(attack);
    attack->after_signer = KEY_DEPLOY_NEXT; /* which the release lists beside the stolen one */
}

static void use_up_refused(struct attack *attack)
{
    offer_older(attack);
    attack->after_signer = KEY_DEPLOY_NEXT;
}

static void list_next_keys(struct attack *attack, struct attack_recipe *recipe)
{
    memcpy(recipe->policy.deploy_keys[0], attack->fixture->points[KEY_DEPLOY_NEXT], 64);
    memcpy(recipe->policy.deploy_keys[1], attack->fixture->points[KEY_DEPLOY_RETIRED], 64);
}

/* The stolen key is driven to its end; then a release, sent with the next key, drops it. */
static void use_up_then_rotate(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    list_next_keys(attack, &recipe);
    attack->offer = attack_genuine(attack, &recipe);
    attack->signer = KEY_DEPLOY_NEXT;
    attack->after_signer = KEY_DEPLOY_RETIRED; /* listed by now, never used before */
}

static void use_up_at_first(struct attack *attack, struct godwit_checkin_reply *reply)
{
    if (attack->memory++ >= 3) return;
    struct godwit_instruction instruction =
        attack_instruction(attack, attack->offer, GODWIT_INSTRUCTION_INSTALL);
    instruction.sequence = UINT64_MAX;
    instruction.chip_id ^= 1; /* refused, but believed */
    attack_instruct(attack, KEY_DEPLOY, &instruction, reply->instruction);
}

static void drop_key_first(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    list_next_keys(attack, &recipe);
    attack->before = attack_genuine(attack, &recipe);
    recipe = attack_recipe(attack, 2);
    list_next_keys(attack, &recipe);
    attack->offer = attack_genuine(attack, &recipe);
    attack->after_signer = KEY_DEPLOY_NEXT;
}

static void reuse_sequence(struct attack *attack, struct godwit_instruction *instruction)
{
    (void)attack;
    instruction->sequence = 1;
}

/* Once; then the board is left alone to come back. */
static void sleep_long(struct attack *attack, struct godwit_checkin_reply *reply)
{
    if (attack->memory++ == 0) reply->interval_s = GODWIT_INTERVAL_MAX_S;
}

static void retry_late(struct attack *attack, const struct attack_request *request,
                       struct attack_response *response)
{
    if (!attack_is_request(request) || attack->memory++ > 0) return;
    response->status = 503;
    response->body_size = 0;
    response->retry_after_s = UINT32_MAX;
}

static const char *came_back(const struct attack *attack)
{
    return attack->seen.during_requests < 2 ? "it did not ask again within eight days" : NULL;
}

static void bad_interval(struct attack *attack, const struct attack_request *request,
                         struct attack_response *response)
{
    static const char *const TEXTS[] = {"{\"interval_s\": 4294967295, \"pending\": true}",
                                        "{\"interval_s\": 0, \"pending\": true}",
                                        "{\"interval_s\": -1, \"pending\": true}"};
    if (!attack_is_request(request)) return;
    const char *text = TEXTS[attack->row->param];
    attack_send_text(attack, response, text, strlen(text));
}

/* clang-format off */
const struct attack_case ATTACK_TIME[] = {
    {2, "S", "older-unasked", "the release before this one, without a word of downgrade",
     REFUSED(R(DOWNGRADE)), SERVER, .param = 9, .begin = offer_older},
    {2, "-", "older-allowed", "nobody attacks: an undo within the rollback floor is an undo",
     INSTALLED, CONTROL, SERVER, .param = 9 | ALLOWED, .begin = offer_older},
    {2, "-", "older-at-floor", "… down to the rollback floor itself", INSTALLED, CONTROL, SERVER,
     .param = 8 | ALLOWED, .begin = offer_older},
    {2, "S", "older-7", "the release just below the rollback floor, downgrade allowed",
     REFUSED(R(BELOW_ROLLBACK_FLOOR)), LIVE, SERVER, .param = 7 | ALLOWED, .begin = offer_older},
    {2, "S", "older-5", "… two below it", REFUSED(R(BELOW_ROLLBACK_FLOOR)), SERVER,
     .param = 5 | ALLOWED, .begin = offer_older},
    {2, "S", "older-1", "the very first release, downgrade allowed",
     REFUSED(R(BELOW_ROLLBACK_FLOOR)), SERVER, .param = 1 | ALLOWED, .begin = offer_older},
    {2, "S", "older-0", "a release that counts from zero, downgrade allowed",
     REFUSED(R(BELOW_ROLLBACK_FLOOR)), SERVER, .param = ALLOWED, .begin = offer_older},
    {2, "S", "older-7-unasked", "… below the rollback floor, without a word",
     REFUSED(R(BELOW_ROLLBACK_FLOOR), R(DOWNGRADE)), SERVER, .param = 7, .begin = offer_older},
    {2, "S", "older-lie", "a release below the rollback floor, announced as the next one",
     REFUSED(R(COUNTER_DIFFERS), R(BODY_DIFFERS)), LIVE, SERVER, .param = 7 | COUNTER_LIES,
     .begin = offer_older},
    {2, "S", "older-lie-first", "the very first release, announced as the next one",
     REFUSED(R(COUNTER_DIFFERS), R(BODY_DIFFERS)), SERVER, .param = 1 | COUNTER_LIES | ALLOWED,
     .begin = offer_older},
    {2, "S", "older-raised", "the release before one that raised the rollback floor to itself",
     REFUSED(R(BELOW_ROLLBACK_FLOOR)), SERVER, .param = 10 | ALLOWED, .before_s = 600,
     .begin = raise_rollback_floor},
    {2, "S", "older-no-policy", "a release from before the first policy",
     REFUSED(R(POLICY_MISSING)), LIVE, SERVER, .begin = offer_no_policy},
    {2, "S", "older-no-policy-0", "… with its counter of zero, where the rollback floor is zero",
     REFUSED(R(POLICY_MISSING)), .base = BASE_RSA, SERVER, .param = 1, .begin = offer_no_policy},
    {2, "K", "older-lower-floor", "a new release whose policy would lower the rollback floor",
     REFUSED(R(POLICY_ROLLBACK_FLOOR)), SERVER, .begin = offer_lower_rollback_floor},
    {2, "S", "older-fuse", "a release below the secure version programmed into the chip",
     REFUSED(R(SECURE_VERSION)), SERVER, .begin = offer_below_fuse},
    {2, "S", "older-fuse-lie", "… said to be of the programmed version", REFUSED(R(SECURE_VERSION)),
     SERVER, .param = COUNTER_LIES, .begin = offer_below_fuse},
    {2, "M", "older-served", "the mirror sends the older release instead of the new one",
     REFUSED(R(COUNTER_DIFFERS), R(BODY_DIFFERS), R(FILE_DIGEST)), .param = 9,
     .begin = serve_older},
    {2, "N", "older-flag-flipped", "the downgrade flag set in a genuine instruction on its way",
     REFUSED(R(INSTRUCTION_SIGNATURE)), .param = 9, .begin = offer_older, .reply = flip_allow},

    {3, "N", "freeze-replay", "yesterday's signed stay, again and again",
     REFUSED(R(INSTRUCTION_NONCE)), .before_s = DAY_S, .during_s = DAY_S, .begin = slow_requests,
     .response = replay, BELIEF(age_grows)},
    {3, "N", "freeze-replay-minutes", "the stay of some minutes ago",
     REFUSED(R(INSTRUCTION_NONCE)), LIVE, .before_s = 600, .during_s = 7200, .response = replay,
     BELIEF(age_grows)},
    {3, "N", "freeze-last-stay", "the newest stay, from its second delivery on",
     REFUSED(R(INSTRUCTION_NONCE)), .during_s = 7200, .response = replay_own, BELIEF(age_grows)},
    {3, "N", "freeze-other-device", "the stay that the server gave another device",
     REFUSED(R(INSTRUCTION_DEVICE)), LIVE, SERVER, .during_s = 7200,
     .instruct = other_device_no_update, BELIEF(age_grows)},
    {3, "N", "freeze-zero-nonce", "a stay that answers no request", REFUSED(R(INSTRUCTION_NONCE)),
     SERVER, .during_s = 7200, .instruct = other_nonce, BELIEF(age_grows)},
    {3, "N", "freeze-unsigned", "a stay without a signature", REFUSED(R(INSTRUCTION_SIGNATURE)),
     LIVE, .during_s = 7200, .reply = no_update_unsigned, BELIEF(age_grows)},
    {3, "N", "freeze-pending", "for ever: not accepted yet", KEPT, .during_s = DAY_S,
     .reply = pend, BELIEF(age_grows)},
    {3, "N", "freeze-503", "for ever: busy", KEPT, .during_s = DAY_S, .param = 503,
     .response = always, BELIEF(age_grows)},
    {3, "N", "freeze-304", "for ever: not modified", KEPT, .during_s = DAY_S, .param = 304,
     .response = always, BELIEF(age_grows)},
    {3, "N", "freeze-204", "for ever: no content", KEPT, .during_s = DAY_S, .param = 204,
     .response = always, BELIEF(age_grows)},
    {3, "N", "freeze-401", "for ever: who are you", KEPT, .during_s = DAY_S, .param = 401,
     .response = always, BELIEF(age_grows)},
    {3, "N", "freeze-401-for-good", "a day of \"who are you\"; the claim has run out since", KEPT,
     .during_s = DAY_S, .param = 401, .begin = forget_claim, .response = always, BELIEF(age_grows)},
    {3, "-", "freeze-none", "nobody attacks: a day of stays, then a release", INSTALLED, CONTROL,
     .before_s = DAY_S, .begin = attack_offer_next},

    {8, "S", "forward-install", "an install with the last sequence number there is, year 2100",
     INSTALLED, CONTROL, SERVER, .begin = use_up_next, .instruct = to_the_end},
    {8, "S", "forward-refused", "a refused install with the last sequence number",
     REFUSED(R(BELOW_ROLLBACK_FLOOR)), SERVER, .param = 7 | ALLOWED, .begin = use_up_refused,
     .instruct = to_the_end},
    {8, "S", "forward-counter", "a release counter of 2^32 - 1 in the instruction",
     REFUSED(R(COUNTER_DIFFERS), R(BODY_DIFFERS)), SERVER, .begin = use_up_next,
     .instruct = counter_to_the_end},
    {8, "S", "forward-stay", "a stay with the last sequence number, year 2100", KEPT, SERVER,
     .instruct = to_the_end},
    {8, "S", "forward-year", "an install of the year 2100: time is no reason to refuse", INSTALLED,
     CONTROL, SERVER, .begin = attack_offer_next, .instruct = future},
    {8, "S", "forward-rotate", "the key at its end, then a release that drops it: healed",
     INSTALLED, CONTROL, SERVER, .during_s = 7200, .begin = use_up_then_rotate,
     .reply = use_up_at_first},
    {8, "S", "forward-dropped", "the stolen key after the release that dropped it",
     REFUSED(R(INSTRUCTION_SIGNATURE)), SERVER, .before_s = 600, .begin = drop_key_first},
    {8, "S", "forward-backward", "an install with a sequence number of long ago",
     REFUSED(R(INSTRUCTION_SEQUENCE)), SERVER, .begin = attack_offer_next,
     .instruct = reuse_sequence},
    {8, "S", "forward-sleep", "ask again in a week: at most a week", KEPT, .during_s = 9 * DAY_S,
     .reply = sleep_long, .check = came_back},
    {8, "S", "forward-retry", "ask again in 136 years: at most a week", KEPT,
     .during_s = 9 * DAY_S, .response = retry_late, .check = came_back},
    {8, "S", "forward-interval", "an interval of 136 years", REFUSED(R(REPLY_MALFORMED)), LIVE,
     .response = bad_interval},
    {8, "S", "forward-interval-0", "an interval of nothing", REFUSED(R(REPLY_MALFORMED)),
     .param = 1, .response = bad_interval},
    {8, "S", "forward-interval-minus", "an interval below nothing", REFUSED(R(REPLY_MALFORMED)),
     .param = 2, .response = bad_interval},

    {13, "N", "replay-stays", "recorded stays in random order, a thousand times",
     REFUSED(R(INSTRUCTION_NONCE)), .before_s = 1800, .during_s = 4 * DAY_S, .param = 1,
     .response = replay, .check = was_requested_often},
    {13, "N", "replay-install", "everything that made the last update, a thousand times",
     REFUSED(R(INSTRUCTION_NONCE)), .before_s = 1800, .during_s = 4 * DAY_S, .param = 1,
     .begin = update_first, .response = replay, .check = was_requested_often},
    {13, "N", "replay-offer", "one genuine offer, delivered for ever", WHOLE, .during_s = 7200,
     .begin = attack_offer_next, .response = replay_own},
    {13, "S", "replay-sequence", "a new instruction under the last one's number",
     REFUSED(R(INSTRUCTION_SEQUENCE)), SERVER, .begin = attack_offer_next,
     .instruct = reuse_sequence},
    {13, "-", "replay-none", "nobody attacks: each reply is given once", INSTALLED, CONTROL,
     .before_s = 1800, .begin = attack_offer_next},
    {0}};
/* clang-format on */
