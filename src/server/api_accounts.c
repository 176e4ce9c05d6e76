/* Logging in, and letting devices join. */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/account.h"
#include "server/handlers.h"
#include "server/problem.h"
#include "server/secret.h"

#define SESSION_S (12 * 3600)
#define PASSWORD_MAX 256
/* A hash of nothing anyone knows: an unknown user takes as long as a wrong password. */
#define NOBODY                                             \
    "$argon2id$v=19$m=19456,t=2,p=1$Z29kd2l0bm9ib2R5ISEh$" \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* ---- login ---- */

struct login {
    struct change change; /* first: a change is a login */
    char user[33], token[80];
    int64_t now_s;
};

static godwit_err login_run(struct change *change)
{
    struct login *login = (struct login *)change;
    uint8_t digest[32];
    secret_sha256(login->token, strlen(login->token), digest);
    return account_add_token(&change->app->fleet, change->app->db, login->user, digest,
                             login->now_s, login->now_s + SESSION_S);
}

static void login_reply(struct change *change, godwit_err err)
{
    struct login *login = (struct login *)change;
    if (err) {
        problem_of_error(change->request, err);
        return;
    }
    LOG(INFO, "login", "user=\"%s\" peer=%s", login->user, change->request->peer);
    reply_json(change->request, 200,
               json_pack("{s:s, s:I}", "token", login->token, "expires",
                         (json_int_t)(login->now_s + SESSION_S)));
}

/* OK, TRUST (wrong), or BUSY (two hashes run already). */
static godwit_err check_password(struct app *app, const char *user, const char *password)
{
    char hash[SECRET_HASH_MAX];
    if (sem_trywait(&app->passwords)) return GODWIT_ERR_BUSY;
    struct db *db = app_reader_take(app);
    godwit_err err = db ? account_password(db, user, hash, sizeof hash) : GODWIT_ERR_IO;
    if (db) app_reader_give(app, db);
    bool good = password_is_good(err ? NOBODY : hash, password);
    sem_post(&app->passwords);
    return !err && good ? GODWIT_OK : GODWIT_ERR_TRUST;
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

static void log_in(struct http_request *request, struct login *login, const char *password)
{
    godwit_err err = check_password(request->app, login->user, password);
    if (err == GODWIT_ERR_BUSY) {
        problem(request, 503, "busy", "two passwords are being checked; try again in a second",
                NULL);
    } else if (err) {
        LOG(WARN, "login_refused", "peer=%s", request->peer);
        problem(request, 401, "wrong-password", "user or password is wrong", NULL);
    } else if (!make_session(login)) {
        problem_of_error(request, GODWIT_ERR_IO);
    } else {
        change_submit(&login->change, NULL);
    }
}

void handle_login(struct http_request *request)
{
    struct app *app = request->app;
    json_t *body = body_object(request);
    if (!body) return;
    struct login *login = arena_zalloc(request->arena, sizeof *login);
    const char *user = login ? body_text(request, body, "user", 32) : NULL;
    const char *password = user ? body_text(request, body, "password", PASSWORD_MAX) : NULL;
    if (password) {
        snprintf(login->user, sizeof login->user, "%s", user);
        login->now_s = clock_unix_s(app->clock);
        login->change.app = app;
        login->change.request = request;
        login->change.run = login_run;
        login->change.reply = login_reply;
        log_in(request, login, password);
    }
    json_decref(body);
}

/* ---- claims ---- */

struct claims {
    struct change change; /* first: a change is a claims */
    char product[33], claim[44];
    uint32_t count;
    bool known;
};

static godwit_err claims_run(struct change *change)
{
    struct claims *claims = (struct claims *)change;
    struct app *app = change->app;
    const struct product *product = product_find(&app->fleet.catalogue, claims->product);
    claims->known = product != NULL;
    if (!product) return GODWIT_OK;
    uint8_t digest[32];
    secret_sha256(claims->claim, strlen(claims->claim), digest);
    return claim_create(&app->fleet, app->db, product, claims->count, digest,
                        clock_unix_s(app->clock));
}

static void reply_no_product(struct http_request *request, const char *name)
{
    char detail[200];
    snprintf(detail, sizeof detail,
             "there is no product \"%s\" yet; upload its first image, which makes the product",
             name);
    problem(request, 404, "no-product", detail, "product");
}

static void claims_reply(struct change *change, godwit_err err)
{
    struct claims *claims = (struct claims *)change;
    if (err) {
        problem_of_error(change->request, err);
    } else if (!claims->known) {
        reply_no_product(change->request, claims->product);
    } else {
        char token[100], spki[44];
        secret_base64url(change->app->ca_sha256, spki);
        snprintf(token, sizeof token, "gw1.%s.%s", claims->claim, spki);
        LOG(INFO, "claim_created", "product=\"%s\" count=%u", claims->product, claims->count);
        reply_json(change->request, 201, json_pack("{s:s}", "token", token));
    }
}

/* "count": 1 … FLEET_CLAIM_COUNT_MAX, 1 when absent; 0: answered. */
static uint32_t read_count(struct http_request *request, const json_t *body)
{
    const json_t *member = json_object_get(body, "count");
    json_int_t count = member ? json_integer_value(member) : 1;
    if (count >= 1 && count <= FLEET_CLAIM_COUNT_MAX) return (uint32_t)count;
    problem(request, 422, "malformed", "\"count\" must be a number from 1 to 1000000", "count");
    return 0;
}

void handle_claims(struct http_request *request)
{
    json_t *body = body_object(request);
    if (!body) return;
    uint8_t secret[32];
    struct claims *claims = arena_zalloc(request->arena, sizeof *claims);
    const char *product = claims ? body_text(request, body, "product", 32) : NULL;
    if (product) claims->count = read_count(request, body);
    if (product && claims->count > 0 && !secret_random(secret, sizeof secret)) {
        snprintf(claims->product, sizeof claims->product, "%s", product);
        secret_base64url(secret, claims->claim);
        claims->change.app = request->app;
        claims->change.request = request;
        claims->change.run = claims_run;
        claims->change.reply = claims_reply;
        change_submit(&claims->change, NULL);
    }
    json_decref(body);
}

/* ---- seeds ---- */

void handle_seed(struct http_request *request)
{
    struct app *app = request->app;
    const char *name = http_param(request, "name");
    struct godwit_policy policy = {0};
    uint8_t bytes[GODWIT_POLICY_BYTES];
    fleet_lock(&app->fleet);
    const struct product *product = product_find(&app->fleet.catalogue, name);
    if (product) {
        policy = product->seed;
    }
    fleet_unlock(&app->fleet);
    if (!product) {
        reply_no_product(request, name);
        return;
    }
    /* The present key and the one before: a device that is built today outlives a change. */
    policy.deploy_keys_count = app->deploy_keys.count < 2 ? 1 : 2;
    memcpy(policy.deploy_keys, app->deploy_keys.points,
           policy.deploy_keys_count * sizeof *policy.deploy_keys);
    godwit_policy_encode(&policy, bytes);
    http_reply_copy(request, 200, "application/octet-stream", bytes, sizeof bytes);
}
