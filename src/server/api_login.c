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
#include "server/login_queue.h"
#include "server/problem.h"
#include "server/secret.h"

#define CHECKS_AT_ONCE 2 /* 19 MiB each */
#define SESSION_S (12 * 3600)
#define PASSWORD_MAX 256
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
    pthread_t threads[CHECKS_AT_ONCE];
    size_t threads_count;
};

struct login {            /* lives in its request's arena */
    struct change change; /* first: a change is a login */
    struct login_ticket ticket;
    char password[PASSWORD_MAX + 1], token[80];
    int64_t now_s;
    bool is_known; /* there is such a user */
};

/* ---- the session ---- */

static godwit_err login_run(struct change *change)
{
    struct login *login = (struct login *)change;
    uint8_t digest[32];
    secret_sha256(login->token, strlen(login->token), digest);
    godwit_err err = account_add_token(&change->app->fleet, change->app->db, login->ticket.user,
                                       digest, login->now_s, login->now_s + SESSION_S);
    if (err) return err;
    char actor[48], mark[17];
    snprintf(actor, sizeof actor, "user:%s", login->ticket.user);
    godwit_hex_encode(digest, 8, mark);
    change->actor = actor;
    err = change_audit(change, AUDIT_LOGIN, mark, NULL, NULL);
    change->actor = NULL;
    return err;
}

static void login_reply(struct change *change, godwit_err err)
{
    struct login *login = (struct login *)change;
    if (err) {
        problem_of_error(change->request, err);
        return;
    }
    GODWIT_LOG(INFO, "login", "user=\"%s\" peer=%s", login->ticket.user, change->request->peer);
    change->request->authenticated = true;
    reply_json(change->request, 200,
               json_pack("{s:s, s:I}", "token", login->token, "expires",
                         (json_int_t)login->now_s + SESSION_S));
}

static bool make_session(struct login *login)
{
    uint8_t secret[32];
    char hex[65];
    if (secret_random(secret, sizeof secret)) return false;
    godwit_hex_encode(secret, sizeof secret, hex);
    snprintf(login->token, sizeof login->token, "gws.%s", hex);
    return true;
}

/* ---- one check ---- */

/* OK; TRUST: wrong; else it could not be checked. */
static godwit_err check_password(struct app *app, struct login *login)
{
    char hash[SECRET_HASH_MAX];
    struct db *db = app_reader_take(app);
    if (!db) return GODWIT_ERR_IO;
    godwit_err err = account_password(db, login->ticket.user, hash, sizeof hash);
    app_reader_give(app, db);
    if (err && err != GODWIT_ERR_MISSING) return err;
    login->is_known = !err;
    bool is_good = password_is_good(err ? NOBODY : hash, login->password);
    return !err && is_good ? GODWIT_OK : GODWIT_ERR_TRUST;
}

static void check(struct logins *logins, struct login *login)
{
    struct http_request *request = login->change.request;
    godwit_err err = check_password(logins->app, login);
    explicit_bzero(login->password, sizeof login->password);
    if (!err || err == GODWIT_ERR_TRUST) {
        pthread_mutex_lock(&logins->mutex);
        login_queue_note(&logins->queue, &login->ticket, !err, clock_now_ms(logins->app->clock));
        pthread_mutex_unlock(&logins->mutex);
    }
    if (err == GODWIT_ERR_TRUST) {
        GODWIT_LOG(WARN, "login_refused", "peer=%s", request->peer);
        audit_login_refused(logins->app, login->is_known ? login->ticket.user : NULL,
                            request->peer);
        problem(request, 401, "wrong-password",
                "user or password is wrong; type both again, or use the server's own machine, "
                "where admin-token in its data directory lets the command line in",
                NULL);
    } else if (err || !make_session(login)) {
        problem_of_error(request, GODWIT_ERR_IO);
    } else {
        change_submit(&login->change, NULL);
    }
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
            "too many passwords wait to be checked; try again in a second, or log in on the "
            "server's own machine",
            NULL);
}

static void refuse_pause(struct http_request *request, unsigned pause_s)
{
    char seconds[16], detail[160];
    snprintf(seconds, sizeof seconds, "%u", pause_s);
    snprintf(detail, sizeof detail,
             "too many wrong passwords came from this address; try again in %u s, or log in on the "
             "server's own machine",
             pause_s);
    http_reply_header(request, "Retry-After", seconds);
    problem(request, 429, "too-many-wrong", detail, NULL);
}

static void wait_in_turn(struct logins *logins, struct login *login)
{
    struct http_request *request = login->change.request;
    struct login_ticket *displaced = NULL;
    unsigned pause_s = 0;
    login_address_parse(request->peer, &login->ticket.address);
    /* From here on another thread may answer it: nothing of it is touched but where it failed. */
    pthread_mutex_lock(&logins->mutex);
    enum login_entry entry = login_queue_add(
        &logins->queue, &login->ticket, clock_now_ms(logins->app->clock), &displaced, &pause_s);
    if (entry == LOGIN_WAITS) pthread_cond_signal(&logins->came);
    pthread_mutex_unlock(&logins->mutex);
    if (displaced) refuse_full(login_of(displaced)->change.request);
    if (entry == LOGIN_FULL) refuse_full(request);
    if (entry == LOGIN_PAUSES) refuse_pause(request, pause_s);
}

void handle_login(struct http_request *request)
{
    struct app *app = request->app;
    json_t *body = body_object(request);
    if (!body) return;
    struct login *login = arena_zalloc(request->arena, sizeof *login);
    if (!login) problem_busy(request);
    const char *user = login ? body_text(request, body, "user", 32) : NULL;
    const char *password = user ? body_text(request, body, "password", PASSWORD_MAX) : NULL;
    if (password) {
        snprintf(login->ticket.user, sizeof login->ticket.user, "%s", user);
        snprintf(login->password, sizeof login->password, "%s", password);
        login->now_s = clock_unix_s(app->clock);
        login->change.app = app;
        login->change.request = request;
        login->change.run = login_run;
        login->change.reply = login_reply;
        wait_in_turn(app->logins, login);
    }
    json_decref(body);
}
