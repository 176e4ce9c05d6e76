/* The protocol adapter for Godwit's own check-in: the hot path.
 *
 * On the loop: decode → find the device → take its facts → decide → sign → encode; no SQL. Only
 * what must be committed first (device_take says so) goes through the writer, and is answered after
 * the commit by the same code. Malformed bytes change nothing. Who calls, permission.h has found.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "fleet/cache.h"
#include "fleet/device.h"
#include "fleet/factory.h"
#include "fleet/identity.h"
#include "fleet/proof.h"
#include "fleet/silence.h"
#include "server/audit_log.h"
#include "server/device_certificate.h"
#include "server/device_refuse.h"
#include "server/device_send.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/secret.h"
#include "server/views.h"
#include "server/wait_rule.h"

#define PENDING_INTERVAL_S 60

/* One check-in that goes through the writer. */
struct pending {
    struct change change; /* first: a change is a pending */
    struct godwit_checkin checkin;
    bool is_claim;
    uint64_t proof; /* generation of the certificate that names the device; 0: it has none */
    uint8_t claim_sha256[32], token_sha256[32];
    uint8_t told_sha256[32]; /* of the token that comes next; zero: none was told */
    unsigned place;          /* in the queue of its address */
    enum claim_result claim;
    bool is_known;  /* there is a device with the token */
    bool is_asleep; /* it was not in memory, and is asked now what else is asked on the loop */
    enum take_result taken;
    uint32_t asked_s; /* how long it may be held, as the device says; 0: not at all */
    uint32_t wait_s;  /* how long it is held now */
    uint32_t due_s;   /* until it can prove that it has soaked; 0: it does not soak */
    bool is_resumed;  /* it was held */
    char org[33];     /* of the device, where it is held */
};

/* One that is held. */
struct held {
    struct waiter waiter; /* first */
    struct pending pending;
};

/* ---- the reply ---- */

/* False: the sequence mark must be raised first. */
static bool compose(struct app *app, struct device *device, const struct godwit_checkin *checkin,
                    struct device_reply *device_reply)
{
    bool ready = device_reply_compose(&app->fleet, device, checkin, app_now_ms(app), device_reply);
    memcpy(device_reply->instruction.checkpoint, app->checkpoint, sizeof app->checkpoint);
    memcpy(device_reply->instruction.next_ca, app->next_ca,
           sizeof device_reply->instruction.next_ca);
    return ready;
}

/* Each change of mind once; the same reply again is not said. */
static void log_decision(const struct device_reply *device_reply)
{
    char mac[13];
    if (!device_reply->is_news) return;
    device_id_text(device_reply->instruction.device_id, mac);
    bool installs = device_reply->instruction.flags & GODWIT_INSTRUCTION_INSTALL;
    GODWIT_LOG(INFO, "decision", "device=%s tells=%s reason=%s rollout=%u", mac,
               installs ? "install" : "no-update", decision_reason_id(device_reply->reason),
               device_reply->rollout_id);
}

/* What the device may ask for next time. */
static void name_wait(struct http_request *request, const struct pending *pending)
{
    char text[24];
    if (!pending->asked_s || !pending->wait_s) return;
    snprintf(text, sizeof text, "wait=%u", pending->wait_s);
    http_reply_header(request, "Preference-Applied", text);
}

/* One that was held has been there all the time: its absence teaches nothing of how often it comes.
 * Lock held. */
static void find_wait(struct app *app, struct device *device, struct pending *pending,
                      int64_t now_s)
{
    uint32_t learnt_s = wait_rule_s(device->wait_habit), max_s = app->settings->wait_s;
    pending->due_s = proof_due_s(device, now_s);
    if (pending->due_s && pending->due_s < max_s) max_s = pending->due_s;
    pending->wait_s = learnt_s < max_s ? learnt_s : max_s;
    if (pending->is_resumed) device_is_seen(&app->fleet, device, now_s);
}

static void send_instruction(struct http_request *request, const struct device_reply *device_reply,
                             const struct pending *pending)
{
    struct app *app = request->app;
    struct godwit_checkin_reply reply = {.interval_s = app->settings->interval_s,
                                         .outcome_id = pending->checkin.outcome.id,
                                         .has_instruction = true,
                                         .rotate = device_reply->rotates};
    if (pending->due_s && pending->due_s < reply.interval_s) reply.interval_s = pending->due_s;
    name_wait(request, pending);
    memcpy(reply.next_ca, app->next_ca, sizeof reply.next_ca);
    request->authenticated = true;
    log_decision(device_reply);
    if (device_reply->instruction.flags & GODWIT_INSTRUCTION_INSTALL)
        checkin_name_mirrors(app->settings, &reply);
    if (deploy_keys_sign(&app->deploy_keys, device_reply, reply.instruction))
        problem(request, 500, "internal", "the instruction could not be signed", NULL);
    else
        checkin_send(request, &reply);
}

/* ---- through the writer ---- */

static struct claim_request claim_request_of(const struct pending *pending)
{
    bool has_claim = !godwit_all(pending->claim_sha256, sizeof pending->claim_sha256, 0);
    return (struct claim_request){has_claim ? pending->claim_sha256 : NULL, pending->token_sha256,
                                  &pending->checkin};
}

static struct token_use token_use_of(const struct pending *pending)
{
    bool is_told = !godwit_all(pending->told_sha256, sizeof pending->told_sha256, 0);
    return (struct token_use){pending->token_sha256, is_told ? pending->told_sha256 : NULL};
}

static godwit_err record_enrolment(struct pending *pending, const struct device *device)
{
    char id[13];
    device_id_text(device->device_id, id);
    return change_audit(&pending->change, AUDIT_DEVICE_ENROLLED, id, NULL,
                        json_pack("{s:s}", "product", device->product->name));
}

/* Whether a device that was brought in has nothing to record, or too much. */
static bool is_idle(struct pending *pending, struct device *device, int64_t now_s)
{
    struct fleet *fleet = &pending->change.app->fleet;
    fleet_lock(fleet);
    pending->taken = device_take(fleet, device, &pending->checkin, now_s);
    fleet_unlock(fleet);
    return pending->taken != TAKE_RECORD;
}

/* Whether it may check in, under the id that it says. */
static bool is_checked_in(const struct device *device, const struct pending *pending)
{
    return !device->is_retired && !memcmp(device->device_id, pending->checkin.device_id, 16);
}

/* Who it is by its token, else by what lets it join. */
static godwit_err look_up(struct pending *pending, int64_t now_s, struct device **device_out)
{
    struct app *app = pending->change.app;
    struct fleet *fleet = &app->fleet;
    const struct claim_request wanted = claim_request_of(pending);
    if (pending->is_claim)
        return device_claim(fleet, app->db, &wanted, now_s, &pending->claim, device_out);
    godwit_err err = device_fetch_with_token(fleet, app->db, wanted.token_sha256, device_out);
    if (!err && !*device_out)
        err = device_join_listed(fleet, app->db, wanted.token_sha256, wanted.checkin, now_s,
                                 device_out);
    bool is_open = !*device_out || !is_checked_in(*device_out, pending);
    if (!err && is_open && pending->proof)
        err = device_join_certified(fleet, app->db, &wanted, now_s, &pending->claim, device_out);
    return err;
}

/* The device that is to be recorded; NULL: none is, see is_known. */
static godwit_err find_device(struct pending *pending, int64_t now_s, struct device **device_out)
{
    struct app *app = pending->change.app;
    struct device *device = NULL;
    uint64_t joined_count = app->fleet.joined_count;
    godwit_err err = look_up(pending, now_s, &device);
    *device_out = NULL;
    if (device && !is_checked_in(device, pending)) device = NULL;
    pending->is_known = device != NULL;
    if (err || !device) return err;
    bool is_new = app->fleet.joined_count != joined_count;
    const struct token_use use = token_use_of(pending);
    bool is_moved = !is_new && identity_is_changed(device, &use);
    bool may_idle = pending->is_asleep && !is_new && !is_moved;
    err = is_new ? record_enrolment(pending, device)
                 : identity_record(&app->fleet, app->db, device, &use, now_s);
    if (may_idle && is_idle(pending, device, now_s)) return err;
    *device_out = device;
    return err;
}

static godwit_err pending_run(struct change *change)
{
    struct pending *pending = (struct pending *)change;
    struct app *app = change->app;
    int64_t now_s = clock_unix_s(app->clock);
    struct device *device;
    pending->taken = TAKE_DONE;
    godwit_err err = find_device(pending, now_s, &device);
    if (!err && device) err = device_record(&app->fleet, app->db, device, &pending->checkin, now_s);
    uint64_t now_ms = app_now_ms(app);
    if (!err && fleet_sequence_is_low(&app->fleet, now_ms))
        err = fleet_raise_sequence(&app->fleet, app->db, now_ms);
    return err;
}

static void reply_device(struct pending *pending)
{
    struct app *app = pending->change.app;
    struct device_reply device_reply;
    fleet_lock(&app->fleet);
    struct device *device = device_find_by_token(&app->fleet, pending->token_sha256);
    bool ready = device && compose(app, device, &pending->checkin, &device_reply);
    if (device) find_wait(app, device, pending, clock_unix_s(app->clock));
    int64_t product = device ? device->product->id : 0;
    fleet_unlock(&app->fleet);
    if (ready)
        send_instruction(pending->change.request, &device_reply, pending);
    else
        problem_busy(pending->change.request);
    waiting_wake(app->waiting, product); /* it may have left a place in its rollout */
}

/* Of a claim that brings no device in. */
static void send_turned_down(struct http_request *request, enum claim_result result)
{
    const struct godwit_checkin_reply wait = {.pending = true, .interval_s = PENDING_INTERVAL_S};
    if (result == CLAIM_PENDING)
        checkin_send(request, &wait);
    else
        refuse_claim(request, result);
}

static void pending_reply(struct change *change, godwit_err err)
{
    struct pending *pending = (struct pending *)change;
    address_queue_leave(&change->app->queued, pending->place);
    if (err)
        problem_busy(change->request);
    else if (pending->taken == TAKE_TOO_MANY)
        refuse_too_many(change->request, clock_unix_s(change->app->clock));
    else if (pending->is_known)
        reply_device(pending);
    else if (pending->is_claim || pending->proof)
        send_turned_down(change->request, pending->claim);
    else
        refuse_unknown(change->request);
}

static void pending_abandon(struct change *change)
{
    address_queue_leave(&change->app->queued, ((struct pending *)change)->place);
}

static void submit(struct http_request *request, const struct pending *template)
{
    struct app *app = request->app;
    struct pending *pending = arena_alloc(request->arena, sizeof *pending);
    unsigned place;
    if (!pending || !address_queue_enter(&app->queued, request->peer_network, &place)) {
        problem_busy(request);
        return;
    }
    *pending = *template;
    pending->place = place;
    pending->change.app = request->app;
    pending->change.request = request;
    pending->change.is_device = true;
    pending->change.run = pending_run;
    pending->change.reply = pending_reply;
    change_submit(&pending->change, pending_abandon);
}

/* ---- held ---- */

static void check_in(struct http_request *request, struct pending *pending);

/* Nobody reads it, but each request has its reply. */
static void answer_nobody(struct app *app, struct waiter *waiter)
{
    waiting_learn(&app->fleet, waiter, true);
    waiting_let_go(&app->fleet, ((struct held *)waiter)->pending.org,
                   ((struct held *)waiter)->pending.checkin.device_id);
    problem_busy(waiter->request);
    free(waiter);
}

void checkin_answer(struct waiter *waiter)
{
    struct held *held = (struct held *)waiter;
    struct app *app = waiter->request->app;
    uint64_t proof = held->pending.proof;
    held->pending.is_resumed = true;
    /* CAs or revocations have changed, and its certificate was not looked at since. */
    if (proof && proof != atomic_load(&app->device_trust.generation))
        certificate_refuse(waiter->request, CERTIFICATE_STALE);
    else
        check_in(waiter->request, &held->pending);
    waiting_let_go(&app->fleet, held->pending.org, held->pending.checkin.device_id);
    free(held);
}

static void release(struct http_request *request)
{
    struct app *app = request->app;
    struct waiter *waiter = waiting_take(app->waiting, request);
    if (!waiter) return;
    if (request->is_gone) {
        answer_nobody(app, waiter);
        return;
    }
    waiting_learn(&app->fleet, waiter, false);
    checkin_answer(waiter);
}

/* A report is acknowledged, a trial proves that it reaches us, and a claim is answered: at once. */
static bool may_wait(const struct pending *pending, const struct device_reply *device_reply)
{
    const struct godwit_checkin *checkin = &pending->checkin;
    return pending->asked_s && pending->wait_s && !pending->is_resumed && !device_reply->rotates &&
           !checkin->outcome.id && !checkin->has_token && !checkin->on_trial &&
           !(device_reply->instruction.flags & GODWIT_INSTRUCTION_INSTALL);
}

/* Of a device that device_hold has. False: there is no room, and it is answered at once. */
static bool hold(struct http_request *request, struct pending *pending, int64_t product,
                 uint64_t mark)
{
    struct app *app = request->app;
    struct held *held = malloc(sizeof *held);
    uint32_t wait_s = pending->asked_s < pending->wait_s ? pending->asked_s : pending->wait_s;
    uint32_t hold_ms = wait_rule_hold_ms(wait_s, godwit_load32(pending->token_sha256));
    request->authenticated = true;
    if (!held || !http_hold(request, hold_ms, release)) {
        free(held);
        waiting_let_go(&app->fleet, pending->org, pending->checkin.device_id);
        pending->asked_s = 0;
        return false;
    }
    held->waiter = (struct waiter){.request = request, .product = product, .hold_ms = hold_ms};
    memcpy(held->waiter.token_sha256, pending->token_sha256, sizeof held->waiter.token_sha256);
    held->pending = *pending;
    struct waiter *before = waiting_add(app->waiting, &held->waiter, mark);
    if (before) answer_nobody(app, before);
    return true;
}

/* ---- on the loop ---- */

/* Only what adds a row goes to the writer; what a wish to join comes to else is said at once. */
static enum claim_result ask_to_join(struct app *app, const struct pending *pending,
                                     device_join_check *check, bool *must_write_out)
{
    const struct claim_request wanted = claim_request_of(pending);
    fleet_lock(&app->fleet);
    enum claim_result result =
        check(&app->fleet, &wanted, clock_unix_s(app->clock), must_write_out);
    fleet_unlock(&app->fleet);
    return result;
}

static void join_certified(struct http_request *request, struct pending *pending)
{
    bool must_write;
    enum claim_result result =
        ask_to_join(request->app, pending, device_certified_check, &must_write);
    if (must_write)
        submit(request, pending);
    else
        send_turned_down(request, result);
}

/* The device is not in memory: the writer knows whether it is in the database, or listed. */
static void look_further(struct http_request *request, struct pending *pending, bool is_expected)
{
    pending->is_asleep = fleet_is_partial(&((struct app *)request->app)->fleet);
    if (is_expected || pending->is_asleep)
        submit(request, pending);
    else if (pending->proof)
        join_certified(request, pending);
    else
        refuse_unknown(request);
}

/* Whether its token changes, or two seem to have it; one that was held has been looked at before.
 */
static bool moves_identity(struct device *device, const struct pending *pending, int64_t now_s)
{
    const struct token_use use = token_use_of(pending);
    bool is_fork = !pending->is_resumed && identity_watch(device, &pending->checkin, now_s);
    return is_fork || identity_is_changed(device, &use);
}

static enum take_result take_checkin(struct fleet *fleet, struct device *device,
                                     const struct pending *pending, int64_t now_s)
{
    if (pending->is_resumed && identity_is_stale(device, &pending->checkin)) return TAKE_STALE;
    bool is_moved = moves_identity(device, pending, now_s);
    enum take_result taken = device_take(fleet, device, &pending->checkin, now_s);
    if (!is_moved || taken != TAKE_DONE) return taken;
    return device_may_record(device, now_s) ? TAKE_RECORD : TAKE_TOO_MANY;
}

/* The reply, where the writer has nothing to do first, and whether it is held. Lock held. */
static bool find_reply(struct app *app, struct device *device, struct pending *pending,
                       struct device_reply *reply_out, bool *waits_out)
{
    if (!compose(app, device, &pending->checkin, reply_out)) return false;
    *waits_out = may_wait(pending, reply_out);
    if (!*waits_out) return true;
    snprintf(pending->org, sizeof pending->org, "%s", device->product->org->name);
    device_hold(device);
    return true;
}

static void check_in(struct http_request *request, struct pending *pending)
{
    struct app *app = request->app;
    struct device_reply device_reply;
    const struct godwit_checkin *checkin = &pending->checkin;
    enum take_result taken = TAKE_DONE;
    int64_t now_s = clock_unix_s(app->clock), product = 0;
    uint64_t mark = waiting_mark(app->waiting);
    bool ready = false, waits = false;
    fleet_lock(&app->fleet);
    struct device *device = device_find_by_token(&app->fleet, pending->token_sha256);
    bool is_expected =
        !device && factory_find(&app->fleet, pending->token_sha256, checkin->device_id);
    if (device && memcmp(device->device_id, checkin->device_id, 16)) device = NULL;
    if (device) product = device->product->id;
    if (device) find_wait(app, device, pending, now_s);
    if (device) taken = take_checkin(&app->fleet, device, pending, now_s);
    if (device && taken == TAKE_DONE)
        ready = find_reply(app, device, pending, &device_reply, &waits);
    fleet_unlock(&app->fleet);
    if (!device)
        look_further(request, pending, is_expected);
    else if (taken == TAKE_STALE)
        problem_busy(request);
    else if (taken == TAKE_TOO_MANY)
        refuse_too_many(request, now_s);
    else if (!ready)
        submit(request, pending);
    else if (!waits || !hold(request, pending, product, mark))
        send_instruction(request, &device_reply, pending);
}

static void claim(struct http_request *request, struct pending *pending)
{
    struct app *app = request->app;
    bool must_write;
    secret_sha256(pending->checkin.token, sizeof pending->checkin.token, pending->token_sha256);
    enum claim_result result = ask_to_join(app, pending, device_claim_check, &must_write);
    pending->is_claim = must_write;
    pending->is_asleep = must_write && fleet_is_partial(&app->fleet);
    if (must_write)
        submit(request, pending);
    else if (result == CLAIM_ACCEPTED)
        check_in(request, pending);
    else
        send_turned_down(request, result);
}

void handle_checkin(struct http_request *request)
{
    struct pending pending = {0};
    bool is_claim = permission_caller(request) == CALLER_CLAIM;
    pending.asked_s = wait_rule_asked(http_header(request, "Prefer"));
    godwit_err err = godwit_checkin_decode((const char *)request->body.data, request->body.size,
                                           &pending.checkin);
    if (err || (is_claim && !pending.checkin.has_token)) {
        problem(request, 400, "malformed",
                "the check-in is not what the protocol says; see docs/PROTOCOL.md, section 1.2",
                NULL);
        return;
    }
    const struct device_proof *proof = permission_proof(request);
    if (proof && memcmp(proof->device_id, pending.checkin.device_id, sizeof proof->device_id)) {
        certificate_refuse(request, CERTIFICATE_OTHER);
        return;
    }
    pending.proof = proof ? proof->generation : 0;
    memcpy(is_claim ? pending.claim_sha256 : pending.token_sha256, permission_digest(request), 32);
    if (!is_claim && pending.checkin.has_token)
        secret_sha256(pending.checkin.token, sizeof pending.checkin.token, pending.told_sha256);
    if (is_claim)
        claim(request, &pending);
    else
        check_in(request, &pending);
}
