/* The server of the attacks: an honest one, whose answers a case's hooks then bend. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "sim/attack.h"

#define UNIX_MS UINT64_C(1790000000000) /* where the server's clock begins */
#define INTERVAL_S 60
#define VALID_S 3600
#define IMAGE_PATH "/v1/image/"
#define CHECKIN_PATH "/v1/checkin"

void attack_report(const struct attack *attack, const char *format, ...)
{
    if (!attack->is_loud) return;
    va_list args;
    va_start(args, format);
    printf("%10.1f s  ", (double)(attack->now_ms - attack->begin_ms) / 1000);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

uint32_t attack_chance(struct attack *attack)
{
    attack->random = attack->random * 1664525u + 1013904223u; /* Knuth's line, good enough here */
    return attack->random >> 8;
}

bool attack_is_request(const struct attack_request *request)
{
    return !strcmp(request->path, CHECKIN_PATH) && request->body;
}

/* ---- files ---- */

static struct attack_file *keep(struct attack *attack, struct attack_file file)
{
    attack_must(attack->files_count < ATTACK_FILES_MAX, "keeping a file");
    attack->files[attack->files_count] = file;
    return &attack->files[attack->files_count++];
}

struct attack_recipe attack_recipe(const struct attack *attack, uint32_t ahead)
{
    struct attack_recipe recipe;
    attack_base_recipe(attack->fixture, attack->row->base, &recipe);
    recipe.policy.counter = attack->state->current.counter + ahead;
    if (attack->row->base == BASE_BASIC) recipe.policy.counter = 0;
    snprintf(recipe.version, sizeof recipe.version, "1.%u.0",
             attack->state->current.counter + ahead - ATTACK_COUNTER);
    return recipe;
}

/* By members: what fills the gaps between them is anything. */
static bool is_same(const struct attack_recipe *a, const struct attack_recipe *b)
{
    uint8_t policies[2][GODWIT_POLICY_BYTES];
    godwit_policy_encode(&a->policy, policies[0]);
    godwit_policy_encode(&b->policy, policies[1]);
    return !strcmp(a->version, b->version) && a->chip == b->chip &&
           a->secure_version == b->secure_version && a->has_policy == b->has_policy &&
           !memcmp(policies[0], policies[1], sizeof policies[0]) && a->signers == b->signers;
}

struct attack_file *attack_genuine(struct attack *attack, const struct attack_recipe *recipe)
{
    struct attack_recipe plain = attack_recipe(attack, 1);
    struct attack_file *file = keep(attack, attack_file_make(attack->fixture, recipe));
    file->is_plain = is_same(&plain, recipe);
    return file;
}

struct attack_file *attack_forged(struct attack *attack, const struct attack_recipe *recipe)
{
    attack_must(!(recipe->signers & ~(attack->row->holds | KEYS_OF_THIEF)),
                "signing with a key that the thief does not hold");
    return keep(attack, attack_file_make(attack->fixture, recipe));
}

struct attack_file *attack_copy(struct attack *attack, const struct attack_file *file)
{
    struct attack_file copy = *file;
    copy.is_plain = false;
    copy.data = malloc(file->size + 2 * GODWIT_SIGSECTOR_SIZE); /* room to append */
    attack_must(copy.data != NULL, "finding memory");
    memset(copy.data, 0xFF, file->size + 2 * GODWIT_SIGSECTOR_SIZE);
    memcpy(copy.data, file->data, file->size);
    return keep(attack, copy);
}

/* ---- instructions ---- */

struct godwit_instruction attack_instruction(struct attack *attack, const struct attack_file *file,
                                             uint8_t flags)
{
    struct attack_state *state = attack->state;
    uint64_t unix_ms = UNIX_MS + attack->now_ms;
    state->sequence = unix_ms > state->sequence ? unix_ms : state->sequence + 1;
    struct godwit_instruction instruction = {
        .sequence = state->sequence,
        .server_time_ms = unix_ms,
        .valid_s = VALID_S,
        .flags = flags,
    };
    memcpy(instruction.device_id, attack->seen.last.device_id, 16);
    memcpy(instruction.nonce, attack->seen.last.nonce, 16);
    memcpy(instruction.product_id, attack->fixture->product_id, 16);
    if (!file) return instruction;
    instruction.file_size = (uint32_t)file->size;
    memcpy(instruction.file_sha256, file->file_sha256, 32);
    instruction.counter = file->counter;
    instruction.secure_version = file->secure_version;
    instruction.chip_id = file->chip_id;
    memcpy(instruction.product_id, file->product_id, 16);
    instruction.rollout_id = 1 + (uint32_t)attack->phase;
    return instruction;
}

void attack_instruct(struct attack *attack, enum attack_key signer,
                     const struct godwit_instruction *instruction,
                     uint8_t data_out[static GODWIT_INSTRUCTION_SIZE])
{
    uint8_t digest[32];
    size_t size = 0;
    godwit_instruction_encode(instruction, data_out);
    attack_must(!godwit_instruction_digest(data_out, digest) &&
                    !key_sign(attack->fixture->keys[signer], digest, 32,
                              data_out + GODWIT_INSTRUCTION_BODY_SIZE, &size),
                "signing an instruction");
}

/* ---- requests ---- */

static const struct attack_file *offered(const struct attack *attack)
{
    if (attack->phase == ATTACK_BEFORE) return attack->before;
    return attack->phase == ATTACK_DURING ? attack->offer : attack->after;
}

static bool is_running(const struct attack *attack, const struct attack_file *file)
{
    return file && !memcmp(attack->seen.last.image_sha256, file->image_sha256, 32);
}

static void call_strange(struct attack *attack, const char *what, const uint8_t *digest)
{
    char hex[17];
    godwit_hex_encode(digest, 8, hex);
    attack_report(attack, "     ! %s: %s", what, hex);
    if (attack->seen.has_strange) return;
    attack->seen.has_strange = true;
    snprintf(attack->seen.strange, sizeof attack->seen.strange, "%s (%s…)", what, hex);
}

/* What runs must be what may run; what is held as verified must not be the thief's. */
static void look_at_images(struct attack *attack)
{
    const struct godwit_checkin *last = &attack->seen.last;
    bool is_welcome = is_running(attack, &attack->state->current);
    for (size_t i = 0; i < attack->files_count; i++) {
        const struct attack_file *file = &attack->files[i];
        is_welcome |= file->is_welcome && is_running(attack, file);
        if (!file->is_welcome && !memcmp(last->staged_file_sha256, file->file_sha256, 32))
            call_strange(attack, "a file was held as good that must not be", file->file_sha256);
    }
    if (!is_welcome) call_strange(attack, "an image runs that must not", last->image_sha256);
}

static void note_outcome(struct attack *attack)
{
    const struct godwit_outcome *outcome = &attack->seen.last.outcome;
    if (!outcome->id || outcome->id == attack->outcome_id) return;
    attack->outcome_id = outcome->id;
    attack->seen.outcomes++;
    if (attack->phase == ATTACK_DURING && outcome->reason < 128) {
        attack->seen.reasons[outcome->reason / 64] |= UINT64_C(1) << outcome->reason % 64;
        if (!attack->seen.first_reason) attack->seen.first_reason = outcome->reason;
    }
    attack_report(attack, "     outcome %u: %s, %s %s", outcome->id,
                  godwit_stage_name(outcome->stage), godwit_reason_id(outcome->reason),
                  outcome->detail);
}

static void note_request(struct attack *attack)
{
    struct attack_seen *seen = &attack->seen;
    const struct godwit_checkin *last = &seen->last;
    seen->requests++;
    if (attack->phase == ATTACK_DURING) seen->during_requests++;
    bool is_first_after = attack->phase == ATTACK_AFTER && !seen->after_request_ms;
    if (is_first_after) seen->after_request_ms = attack->now_ms;
    if ((attack->phase == ATTACK_DURING || is_first_after) &&
        last->fresh_age_s > seen->fresh_age_max_s)
        seen->fresh_age_max_s = last->fresh_age_s;
    attack_report(attack, "ask  question %u: runs %s%s (counter %u), fresh %u s ago",
                  seen->requests, last->version, last->on_trial ? " on trial" : "", last->counter,
                  last->fresh_age_s);
    look_at_images(attack);
    note_outcome(attack);
    if (last->on_trial) return;
    if (attack->phase == ATTACK_DURING && is_running(attack, attack->offer))
        seen->has_installed = true;
    if (attack->phase == ATTACK_AFTER && is_running(attack, attack->after))
        seen->has_recovered = true;
}

/* Whose key signs now; in a thief's hands only a key that his case gives him. The honest server's
 * own is also there for who only bends what it said. */
static enum attack_key signer_of(const struct attack *attack)
{
    const struct attack_case *row = attack->row;
    if (attack->phase == ATTACK_BEFORE) return KEY_DEPLOY;
    if (attack->phase == ATTACK_AFTER) return attack->after_signer;
    enum attack_key signer = attack->signer;
    bool is_held = signer >= KEY_THIEF || row->holds & KEY_BIT(signer);
    bool is_honest = signer == KEY_DEPLOY || signer == KEY_DEPLOY_NEXT;
    attack_must(is_held || (is_honest && !row->instruct),
                "instructing with a key that the thief does not hold");
    return signer;
}

static void write_instruction(struct attack *attack, struct godwit_checkin_reply *reply)
{
    const struct attack_file *file = offered(attack);
    bool is_hostile = attack->phase == ATTACK_DURING;
    if (attack->seen.last.on_trial || is_running(attack, file)) file = NULL;
    uint8_t flags = file ? GODWIT_INSTRUCTION_INSTALL : GODWIT_INSTRUCTION_NO_UPDATE;
    if (file && is_hostile) flags |= attack->flags;
    if (file && attack->phase == ATTACK_AFTER) flags |= attack->after_flags;
    struct godwit_instruction instruction = attack_instruction(attack, file, flags);
    enum attack_key signer = signer_of(attack);
    if (is_hostile && attack->row->instruct) attack->row->instruct(attack, &instruction);
    attack_instruct(attack, signer, &instruction, reply->instruction);
    reply->has_instruction = true;
    attack_report(attack, "     %s%s, sequence %llu", file ? "install " : "no-update",
                  file ? file->version : "", (unsigned long long)instruction.sequence);
}

static void record(struct attack *attack, size_t size, bool is_install)
{
    if (attack->recording_count == ATTACK_RECORDING_MAX || attack->phase == ATTACK_AFTER) return;
    struct attack_recording *recording = &attack->recording[attack->recording_count++];
    recording->size = size < sizeof recording->text ? size : sizeof recording->text;
    memcpy(recording->text, attack->reply, recording->size);
    recording->is_install = is_install;
}

/* The bearer must be the claim once, then the token of that claim. */
static bool is_admitted(struct attack *attack, const struct attack_request *request)
{
    struct attack_state *state = attack->state;
    const struct godwit_checkin *last = &attack->seen.last;
    char hex[65];
    if (!request->bearer) return false;
    bool is_claim = !strcmp(request->bearer, attack->fixture->claim_token);
    if (is_claim && attack->claim_is_gone && attack->phase == ATTACK_AFTER) return false;
    if (is_claim && last->has_token) {
        memcpy(state->token, last->token, 32);
        memcpy(state->device_id, last->device_id, 16);
        state->is_enrolled = true;
        return true;
    }
    godwit_hex_encode(state->token, 32, hex);
    return state->is_enrolled && !strcmp(request->bearer, hex);
}

static void reply_request(struct attack *attack, const struct attack_request *request,
                          struct attack_response *response)
{
    const struct attack_case *row = attack->row;
    size_t size = 0;
    response->status = 400;
    if (godwit_checkin_decode(request->body, request->body_size, &attack->seen.last)) return;
    response->status = 401;
    if (!is_admitted(attack, request)) return;
    if (attack->row->base == BASE_NEW && !attack->state->current.version[0])
        memcpy(attack->state->current.image_sha256, attack->seen.last.image_sha256, 32);
    note_request(attack);
    struct godwit_checkin_reply reply = {.interval_s = attack->interval_s,
                                         .outcome_id = attack->seen.last.outcome.id};
    if (attack->phase == ATTACK_DURING)
        memcpy(reply.sources, attack->sources, sizeof reply.sources);
    write_instruction(attack, &reply);
    if (attack->phase == ATTACK_DURING && row->reply) row->reply(attack, &reply);
    attack_must(!godwit_checkin_reply_encode(&reply, attack->reply, sizeof attack->reply, &size),
                "writing a reply");
    record(attack, size,
           reply.has_instruction && reply.instruction[5] & GODWIT_INSTRUCTION_INSTALL);
    response->status = 200;
    response->body = (const uint8_t *)attack->reply;
    response->body_size = size;
}

/* ---- images ---- */

static void reply_image(struct attack *attack, const struct attack_request *request,
                        struct attack_response *response)
{
    const struct attack_file *file = offered(attack);
    if (attack->phase == ATTACK_DURING && attack->serve) file = attack->serve;
    attack->seen.image_requests++;
    if (attack->phase == ATTACK_DURING) attack->seen.during_images++;
    if (request->base) attack->seen.mirror_requests++;
    if (request->use_range) attack->seen.resumed++;
    attack_report(attack, "get  %s%.26s… from %u", request->base ? request->base : "",
                  request->path, request->use_range ? request->range_from : 0);
    response->status = 404;
    if (!file) return;
    char hex[65];
    godwit_hex_encode(file->file_sha256, 32, hex);
    response->status = 409; /* an honest server knows what it offers */
    if (attack->phase != ATTACK_DURING && !strstr(request->path, hex)) return;
    response->status = 200;
    response->body = file->data;
    response->body_size = file->size;
    if (!request->use_range || request->range_from >= file->size) return;
    response->status = 206;
    response->body += request->range_from;
    response->body_size -= request->range_from;
    response->range_from = request->range_from;
    response->range_total = (uint32_t)file->size;
}

/* ---- a request ---- */

/* The token goes to the server alone, in its header; only a claim carries it in the body. */
static void look_for_leaks(struct attack *attack, const struct attack_request *request)
{
    char hex[65];
    godwit_hex_encode(attack->state->token, 32, hex);
    bool is_claim = request->bearer && !strcmp(request->bearer, attack->fixture->claim_token);
    bool is_elsewhere = request->base || !strcmp(request->path, ATTACK_ELSEWHERE_PATH);
    bool leaks = is_elsewhere && request->bearer;
    if (attack->state->is_enrolled)
        leaks |= strstr(request->path, hex) != NULL ||
                 (request->body && !is_claim && memmem(request->body, request->body_size, hex, 64));
    if (leaks) attack_report(attack, "     ! a secret goes where it must not");
    attack->seen.has_leaked |= leaks;
}

void attack_request(struct attack *attack, const struct attack_request *request,
                    struct attack_response *response)
{
    const struct attack_case *row = attack->row;
    bool is_image = !strncmp(request->path, IMAGE_PATH, strlen(IMAGE_PATH)) ||
                    !strcmp(request->path, ATTACK_ELSEWHERE_PATH) || request->base;
    *response = (struct attack_response){.status = 404};
    attack->now_ms = request->now_ms;
    look_for_leaks(attack, request);
    if (attack_is_request(request))
        reply_request(attack, request, response);
    else if (is_image)
        reply_image(attack, request, response);
    else
        attack->seen.strays++;
    if (attack->phase == ATTACK_DURING && row->response) row->response(attack, request, response);
    if (response->status != 200 && response->status != 206)
        attack_report(attack, "     answered %d", response->status);
}

/* ---- the life of a case ---- */

static void begin_spoilt(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    struct attack_file *genuine = attack_genuine(attack, &recipe);
    struct attack_file *file = attack_copy(attack, genuine);
    attack->row->spoil(attack, file);
    attack_file_restate(file);
    attack->offer = file;
}

void attack_begin(struct attack *attack, struct attack_fixture *fixture,
                  const struct attack_case *row, struct attack_state *state)
{
    *attack = (struct attack){.fixture = fixture, .row = row, .state = state};
    attack->interval_s = INTERVAL_S;
    attack->signer = attack->after_signer = KEY_DEPLOY;
    attack->random = 1;
    struct attack_recipe recipe = attack_recipe(attack, 50);
    attack->after = attack_genuine(attack, &recipe);
    if (row->spoil)
        begin_spoilt(attack);
    else if (row->begin)
        row->begin(attack);
}

/* A case that begins with a history of its own, or ends on another release, is no part of a medley.
 */
static bool is_for_medley(const struct attack_case *row, enum attack_base base)
{
    return row->base == base && row->end != ATTACK_INSTALLED && row->number != 2 &&
           row->before_s <= 1800 && !(row->flags & ATTACK_IS_CONTROL);
}

bool attack_change(struct attack *attack, const struct attack_case *row)
{
    const struct attack_file *after = attack->after;
    if (!is_for_medley(row, attack->row->base) || attack->files_count + 6 > ATTACK_FILES_MAX)
        return false;
    attack->row = row;
    attack->offer = attack->serve = NULL;
    attack->signer = KEY_DEPLOY;
    attack->flags = 0;
    attack->memory = 0;
    attack->interval_s = INTERVAL_S;
    memset(attack->sources, 0, sizeof attack->sources);
    if (row->spoil)
        begin_spoilt(attack);
    else if (row->begin)
        row->begin(attack);
    attack->after = after;
    attack->after_signer = KEY_DEPLOY_NEXT; /* some thief may have used up the other */
    if (attack->offer)
        attack->files[attack->offer - attack->files].is_welcome = attack->offer->is_plain;
    if (attack->before) attack->offer = NULL; /* a case with a history that this board has not */
    attack->before = NULL;
    attack_report(attack, "---- now %s: %s", row->name, row->sentence);
    return true;
}

void attack_end(struct attack *attack)
{
    for (size_t i = 0; i < attack->files_count; i++)
        attack_file_free(&attack->files[i]);
    attack->files_count = 0;
}

void attack_enter(struct attack *attack, enum attack_phase phase, uint64_t now_ms)
{
    static const char *const NAMES[] = {"an honest server", "the thief", "the honest server again"};
    attack->phase = phase;
    attack->now_ms = now_ms;
    if (phase == ATTACK_BEFORE) attack->begin_ms = now_ms;
    if (phase == ATTACK_BEFORE && attack->before)
        attack->files[attack->before - attack->files].is_welcome = true;
    bool may_install = attack->row->end >= ATTACK_WHOLE && attack->offer;
    if (phase == ATTACK_DURING && may_install)
        attack->files[attack->offer - attack->files].is_welcome = true;
    if (phase == ATTACK_AFTER) {
        if (attack->after) attack->files[attack->after - attack->files].is_welcome = true;
        attack->seen.after_begin_ms = now_ms;
    }
    attack_report(attack, "---- %s", NAMES[phase]);
}

bool attack_has_reason(const struct attack *attack, uint32_t reason)
{
    return reason < 128 && attack->seen.reasons[reason / 64] >> reason % 64 & 1;
}
