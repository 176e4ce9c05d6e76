/* Logging in. A password is checked on a thread of its own kind, never on a loop and never on a
 * worker: those that wait for their turn hold no thread. Whose turn it is: login_queue.h. */
#include "server/logins.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/account.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/login_place.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/secret.h"
#include "server/session.h"
#include "server/totp.h"

#define CHECKS_AT_ONCE 2 /* 19 MiB each */
#define PASSWORD_MAX 256
#define CODE_MAX 32
/* A hash of nothing anyone knows: an unknown user takes as long as a wrong password. */
#define NOBODY                                             \
    "$argon2id$v=19$m=19456,t=2,p=1$Z29kd2l0bm9ib2R5ISEh$" \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

struct logins {
    struct app *app;
    pthread_mutex_t mutex;
    pthread_cond_t came;
    bool is_ending;
    struct login_queue queue;
    struct login_budget budget;
    pthread_t threads[CHECKS_AT_ONCE];
    size_t threads_count;
};

/* A password that is checked: for a session, or again for one that is there. */
struct login {            /* lives in its request's arena */
    struct change change; /* first: a change is a login */
    struct login_ticket ticket;
    struct login_claim claim;
    struct login_place place;
    struct account_login account;
    char wanted[ACCESS_NAME_MAX]; /* organisation; "": the user's home */
    char password[PASSWORD_MAX + 1], code[CODE_MAX + 1], token[80];
    char known[LOGIN_PLACE_TOKEN_MAX];
    char rehash[SECRET_HASH_MAX]; /* "": the one that is kept is good enough */
    uint8_t proves[32];           /* the session that is proved; has_session */
    bool has_session, wants_cookie, is_replay;
    int64_t step; /* of its code; 0: none */
    bool has_recovery;
    uint8_t recovery_sha256[32];
    int64_t now_s;
    bool is_known; /* there is such a user */
};

/* ---- the session ---- */

static godwit_err use_factor(struct login *login)
{
    struct db *db = login->change.app->db;
    const char *user = login->ticket.user;
    godwit_err err = GODWIT_OK;
    if (login->step) err = account_totp_use(db, user, login->step);
    if (login->has_recovery) err = account_recovery_use(db, user, login->recovery_sha256);
    login->is_replay = err == GODWIT_ERR_MISSING;
    return err;
}

/* The gate does not know who comes here. */
static godwit_err audit_login(struct login *login, const uint8_t digest[static 32])
{
    struct change *change = &login->change;
    char actor[48], mark[17];
    snprintf(actor, sizeof actor, "user:%s", login->ticket.user);
    godwit_hex_encode(digest, 8, mark);
    change->actor = actor;
    change->org = login->account.org;
    godwit_err err = change_audit(change, AUDIT_LOGIN, mark, NULL, NULL);
    change->actor = change->org = NULL;
    return err;
}

static godwit_err login_run(struct change *change)
{
    struct login *login = (struct login *)change;
    struct app *app = change->app;
    uint8_t digest[32];
    godwit_err err = use_factor(login);
    if (login->is_replay) return GODWIT_OK;
    if (!err && login->rehash[0]) err = account_rehash(app->db, login->ticket.user, login->rehash);
    if (err) return err;
    if (login->has_session) {
        err = token_prove(&app->fleet, app->db, login->proves, login->now_s);
        return err ? err : change_audit(change, AUDIT_PROVED, login->ticket.user, NULL, NULL);
    }
    secret_sha256(login->token, strlen(login->token), digest);
    bool lacks_factor = login->account.needs_totp && !login->account.has_totp;
    const struct token_new made = {.org = login->account.org,
                                   .user = login->ticket.user,
                                   .name = change->request->peer,
                                   .product = "",
                                   .kind = TOKEN_SESSION,
                                   .scopes = lacks_factor ? 0 : SCOPE_ALL,
                                   .token_sha256 = digest,
                                   .now_s = login->now_s,
                                   .expires_s = login->now_s + SESSION_MAX_S,
                                   .is_proved = true};
    err = token_add(&app->fleet, app->db, &made);
    if (!err) err = login_place_note(&login->place, app->db, login->ticket.user, login->now_s);
    return err ? err : audit_login(login, digest);
}

static void set_cookie(struct http_request *request, const char *token)
{
    char line[200];
    snprintf(line, sizeof line,
             SESSION_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=%d", token,
             SESSION_MAX_S);
    http_reply_header(request, "Set-Cookie", line);
}

static void reply_session(struct login *login)
{
    struct http_request *request = login->change.request;
    const struct account_login *account = &login->account;
    json_t *reply = json_pack("{s:s, s:s, s:s, s:I, s:b}", "user", login->ticket.user, "org",
                              account->org, "role", role_name(account->role), "expires",
                              (json_int_t)login->now_s + SESSION_MAX_S, "needs_second_factor",
                              account->needs_totp && !account->has_totp);
    char csrf[65];
    session_csrf(login->token, csrf);
    if (login->wants_cookie) {
        set_cookie(request, login->token);
        json_object_set_new(reply, "csrf", json_string(csrf));
    } else {
        json_object_set_new(reply, "token", json_string(login->token));
    }
    login_place_reply(&login->place, request, login->wants_cookie, reply);
    http_reply_header(request, "Cache-Control", "no-store");
    reply_json(request, 200, reply);
}

static void refuse_code(struct http_request *request)
{
    problem(request, 401, "wrong-code",
            "the code is wrong or was used before; wait for the next six digits, or take another "
            "recovery code",
            "code");
}

static void login_reply(struct change *change, godwit_err err)
{
    struct login *login = (struct login *)change;
    if (err) {
        problem_of_error(change->request, err);
        return;
    }
    if (login->is_replay) {
        refuse_code(change->request);
        return;
    }
    GODWIT_LOG(INFO, login->has_session ? "reauthenticated" : "login", "user=\"%s\" peer=%s",
               login->ticket.user, change->request->peer);
    change->request->authenticated = true;
    if (login->has_session)
        reply_json(change->request, 200,
                   json_pack("{s:I}", "proved_until", (json_int_t)login->now_s + PROOF_S));
    else
        reply_session(login);
}

static bool make_session(struct login *login)
{
    return !secret_token("gws.", login->token) && !login_place_make(&login->place);
}

/* ---- one check ---- */

/* OK; TRUST: wrong; else it could not be checked. A hash of weaker parameters is made anew. */
static godwit_err check_password(struct app *app, struct login *login)
{
    struct db *db = app_reader_take(app);
    if (!db) return GODWIT_ERR_IO;
    const char *org = login->has_session ? permission_org(login->change.request) : login->wanted;
    godwit_err err = account_login(db, login->ticket.user, org, &login->account);
    app_reader_give(app, db);
    if (err && err != GODWIT_ERR_MISSING) return err;
    login->is_known = !err;
    const char *hash = err ? NOBODY : login->account.password_hash;
    bool is_good = password_is_good(hash, login->password);
    if (err || !is_good) return GODWIT_ERR_TRUST;
    if (!password_hash_is_strong(hash))
        err = password_hash(login->password, login->rehash, sizeof login->rehash);
    return err;
}

/* Only once the password was right, so that it tells nothing of it. OK; POLICY: it asks for a code;
 * TRUST: the code is wrong. */
static godwit_err check_factor(struct login *login)
{
    const struct account_login *account = &login->account;
    if (!account->has_totp) return GODWIT_OK;
    if (!login->code[0]) return GODWIT_ERR_POLICY;
    int64_t step = totp_step(account->totp_secret, login->code, login->now_s, account->totp_step);
    if (step > 0) {
        login->step = step;
        return GODWIT_OK;
    }
    login->has_recovery = recovery_code_digest(login->code, login->recovery_sha256);
    return login->has_recovery ? GODWIT_OK : GODWIT_ERR_TRUST;
}

static void refuse_login(struct http_request *request)
{
    problem(request, 401, "wrong-password",
            "user or password is wrong; type both again, or use the server's own machine, "
            "where admin-token in its data directory lets the command line in",
            NULL);
}

static void note(struct logins *logins, const struct login *login, bool is_good)
{
    pthread_mutex_lock(&logins->mutex);
    login_queue_note(&logins->queue, &login->ticket, is_good, clock_now_ms(logins->app->clock));
    if (is_good) login_budget_give(&logins->budget, &login->claim);
    pthread_mutex_unlock(&logins->mutex);
}

static void check(struct logins *logins, struct login *login)
{
    struct http_request *request = login->change.request;
    godwit_err err = check_password(logins->app, login);
    bool is_wrong = err == GODWIT_ERR_TRUST;
    explicit_bzero(login->password, sizeof login->password);
    if (!err) err = check_factor(login);
    if (!err || err == GODWIT_ERR_TRUST) note(logins, login, !err);
    if (err == GODWIT_ERR_TRUST) {
        GODWIT_LOG(WARN, "login_refused", "peer=%s", request->peer);
        bool is_known = login->is_known;
        audit_login_refused(logins->app, is_known ? login->account.home : FLEET_ORG,
                            is_known ? login->ticket.user : NULL, request->peer);
    }
    if (is_wrong)
        refuse_login(request);
    else if (err == GODWIT_ERR_TRUST)
        refuse_code(request);
    else if (err == GODWIT_ERR_POLICY)
        problem(request, 401, "second-factor",
                "this user has a second factor; send the six digits of the app as \"code\", or one "
                "of the recovery codes",
                "code");
    else if (err || !make_session(login))
        problem_of_error(request, GODWIT_ERR_IO);
    else
        change_submit(&login->change, NULL);
}

static struct login *login_of(struct login_ticket *ticket)
{
    return (struct login *)((char *)ticket - offsetof(struct login, ticket));
}

static void *check_in_turn(void *ctx)
{
    struct logins *logins = ctx;
    pthread_mutex_lock(&logins->mutex);
    for (;;) {
        struct login_ticket *ticket = login_queue_take(&logins->queue);
        if (!ticket && logins->is_ending) break;
        if (!ticket) {
            pthread_cond_wait(&logins->came, &logins->mutex);
            continue;
        }
        pthread_mutex_unlock(&logins->mutex);
        check(logins, login_of(ticket));
        pthread_mutex_lock(&logins->mutex);
    }
    pthread_mutex_unlock(&logins->mutex);
    return NULL;
}

godwit_err logins_open(struct app *app)
{
    struct logins *logins = calloc(1, sizeof *logins);
    if (!logins) abort();
    logins->app = app;
    login_budget_init(&logins->budget);
    pthread_mutex_init(&logins->mutex, NULL);
    pthread_cond_init(&logins->came, NULL);
    app->logins = logins;
    while (logins->threads_count < CHECKS_AT_ONCE) {
        if (pthread_create(&logins->threads[logins->threads_count], NULL, check_in_turn, logins))
            return GODWIT_ERR_IO;
        logins->threads_count++;
    }
    return GODWIT_OK;
}

void logins_close(struct logins *logins)
{
    if (!logins) return;
    pthread_mutex_lock(&logins->mutex);
    logins->is_ending = true;
    pthread_cond_broadcast(&logins->came);
    pthread_mutex_unlock(&logins->mutex);
    for (size_t i = 0; i < logins->threads_count; i++)
        pthread_join(logins->threads[i], NULL);
    pthread_cond_destroy(&logins->came);
    pthread_mutex_destroy(&logins->mutex);
    free(logins);
}

/* ---- the request ---- */

static void refuse_full(struct http_request *request)
{
    GODWIT_LOG(WARN, "login_queue_full", "peer=%s", request->peer);
    problem(request, 503, "busy",
            "too many passwords wait to be checked; try again when Retry-After says, or log in on "
            "the server's own machine",
            NULL);
}

static void refuse_pause(struct http_request *request, unsigned pause_s, const char *what)
{
    char seconds[16], detail[240];
    snprintf(seconds, sizeof seconds, "%u", pause_s);
    snprintf(detail, sizeof detail,
             "too many wrong passwords %s; try again in %u s, from a browser or command line that "
             "has logged in before, or on the server's own machine",
             what, pause_s);
    http_reply_header(request, "Retry-After", seconds);
    problem(request, 429, "too-many-wrong", detail, NULL);
}

/* A session is as good as a device that is known: its own password is asked for. */
static void find_place(struct login *login)
{
    struct http_request *request = login->change.request;
    struct login_ticket *ticket = &login->ticket;
    login_address_parse(request->peer, &ticket->address);
    struct db *db = app_reader_take(login->change.app);
    if (!db) return; /* as an unknown one */
    login_place_find(request, db, ticket->user, login->known[0] ? login->known : NULL,
                     &ticket->address, login->now_s, &login->place);
    app_reader_give(login->change.app, db);
    if (login->has_session) login->place.knows_device = true;
}

/* Whether a password may be checked for it at all. With the lock. */
static bool take_claim(struct logins *logins, struct login *login, uint64_t now_ms,
                       unsigned *wait_s_out)
{
    struct login_ticket *ticket = &login->ticket;
    bool is_apart = login->place.knows_device || ticket->address.is_local;
    bool is_taken = login_budget_take(
        &logins->budget, ticket->user, login_place_lanes(&login->place, &ticket->address),
        is_apart ? NULL : ticket->address.bytes, now_ms, &login->claim, wait_s_out);
    ticket->lane = login->claim.lane;
    return is_taken;
}

static void wait_in_turn(struct logins *logins, struct login *login)
{
    struct http_request *request = login->change.request;
    struct login_ticket *displaced = NULL;
    unsigned pause_s = 0;
    find_place(login);
    /* From here on another thread may answer it: nothing of it is touched but where it failed. */
    pthread_mutex_lock(&logins->mutex);
    uint64_t now_ms = clock_now_ms(logins->app->clock);
    bool has_claim = take_claim(logins, login, now_ms, &pause_s);
    enum login_entry entry = LOGIN_FULL;
    if (has_claim)
        entry = login_queue_add(&logins->queue, &login->ticket, now_ms, &displaced, &pause_s);
    if (has_claim && entry != LOGIN_WAITS) login_budget_give(&logins->budget, &login->claim);
    if (displaced) login_budget_give(&logins->budget, &login_of(displaced)->claim);
    if (entry == LOGIN_WAITS) pthread_cond_signal(&logins->came);
    pthread_mutex_unlock(&logins->mutex);
    if (!has_claim) {
        refuse_pause(request, pause_s, "were tried for this user or came from this address");
        return;
    }
    if (displaced) refuse_full(login_of(displaced)->change.request);
    if (entry == LOGIN_FULL) refuse_full(request);
    if (entry == LOGIN_PAUSES) refuse_pause(request, pause_s, "came from this address");
}

/* What both ways have in common; NULL: answered. The caller frees the body. */
static struct login *login_make(struct http_request *request, json_t *body)
{
    struct app *app = request->app;
    struct login *login = arena_zalloc(request->arena, sizeof *login);
    if (!login) {
        problem_busy(request);
        return NULL;
    }
    const char *password = body_text(request, body, "password", PASSWORD_MAX);
    if (!password) return NULL;
    snprintf(login->password, sizeof login->password, "%s", password);
    const char *code = json_string_value(json_object_get(body, "code"));
    if (code) snprintf(login->code, sizeof login->code, "%s", code);
    login->now_s = clock_unix_s(app->clock);
    login->change.app = app;
    login->change.request = request;
    login->change.run = login_run;
    login->change.reply = login_reply;
    return login;
}

void handle_login(struct http_request *request)
{
    struct app *app = request->app;
    json_t *body = body_object(request);
    if (!body) return;
    struct login *login = login_make(request, body);
    const char *user = login ? body_text(request, body, "user", 32) : NULL;
    const char *org = json_string_value(json_object_get(body, "org"));
    if (user) {
        snprintf(login->ticket.user, sizeof login->ticket.user, "%s", user);
        snprintf(login->wanted, sizeof login->wanted, "%s", org ? org : "");
        login->wants_cookie = json_is_true(json_object_get(body, "cookie"));
        const char *known = json_string_value(json_object_get(body, "known"));
        snprintf(login->known, sizeof login->known, "%s", known ? known : "");
    }
    json_decref(body);
    if (user) wait_in_turn(app->logins, login);
}

/* The password once more, for what is dangerous. A token has none to be asked for. */
void handle_reauthenticate(struct http_request *request)
{
    const struct actor *actor = permission_actor(request);
    json_t *body = actor->is_session ? body_object(request) : NULL;
    if (!actor->is_session)
        problem(
            request, 409, "no-session",
            "only a session of a person is asked for its password again; an API token needs none",
            NULL);
    if (!body) return;
    struct login *login = login_make(request, body);
    if (login) {
        memcpy(login->ticket.user, actor->user, sizeof login->ticket.user);
        memcpy(login->proves, permission_digest(request), sizeof login->proves);
        login->has_session = true;
    }
    json_decref(body);
    if (login) wait_in_turn(((struct app *)request->app)->logins, login);
}
