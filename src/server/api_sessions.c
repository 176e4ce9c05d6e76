/* Sessions and API tokens: who one is, what there is, and how each ends. */
#include <stdio.h>

#include "server/handlers.h"
#include "server/people.h"
#include "server/problem.h"
#include "server/session.h"

#define DAY_S (24 * 3600)
#define TOKEN_DAYS 90 /* by default */
#define TOKEN_DAYS_MAX 3650

#define NEVER                     \
    {                             \
        500, "internal", "", NULL \
    }

static json_t *view_scopes(unsigned scopes)
{
    json_t *list = json_array();
    for (unsigned n = 0; scope_name(n); n++)
        if (scopes & scope_parse(scope_name(n)))
            json_array_append_new(list, json_string(scope_name(n)));
    return list;
}

static void mark_text(const uint8_t mark[static TOKEN_MARK_SIZE], char out[static 17])
{
    godwit_hex_encode(mark, TOKEN_MARK_SIZE, out);
}

/* ---- one's own ---- */

void handle_session(struct http_request *request)
{
    const struct actor *actor = permission_actor(request);
    char mark[17], csrf[65];
    mark_text(permission_digest(request), mark);
    json_t *view = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:I}", "id", mark, "user", actor->user,
                             "org", actor->org, "role", role_name(actor->role), "product",
                             actor->product, "scopes", view_scopes(actor->scopes), "proved_until",
                             (json_int_t)(actor->proved_s ? actor->proved_s + PROOF_S : 0));
    const char *cookie = http_bearer(request) ? NULL : session_cookie(request);
    if (cookie) {
        session_csrf(cookie, csrf);
        json_object_set_new(view, "csrf", json_string(csrf));
    }
    http_reply_header(request, "Cache-Control", "no-store");
    reply_json(request, 200, view);
}

static godwit_err run_logout(struct people *people)
{
    return token_end(people->fleet, people->db, people->digest);
}

static const struct people_operation LOGOUT = {
    "logout", AUDIT_LOGGED_OUT, run_logout, people_view_done, 200, NEVER, NEVER};

void handle_logout(struct http_request *request)
{
    if (!permission_actor(request)->is_session) {
        problem(request, 409, "no-session",
                "this is no session; an API token ends by `godwit token revoke`", NULL);
        return;
    }
    struct people *people = people_make(request, &LOGOUT);
    if (!people) return;
    memcpy(people->digest, permission_digest(request), sizeof people->digest);
    memcpy(people->mark, people->digest, sizeof people->mark);
    memcpy(people->user, people->actor.user, sizeof people->user);
    http_reply_header(request, "Set-Cookie",
                      SESSION_COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    people_submit(people);
}

/* ---- lists and ends ---- */

/* An admin sees and ends those of everybody in the organisation. */
static bool sees_all(const struct actor *actor)
{
    return actor->role == ROLE_ADMIN && (actor->scopes & SCOPE_ADMIN);
}

static json_t *view_token(const struct token_view *token)
{
    char mark[17];
    mark_text(token->mark, mark);
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I}", "id", mark, "user", token->user,
                     "name", token->name, "product", token->product, "scopes",
                     view_scopes(token->scopes), "created", (json_int_t)token->made_s, "expires",
                     (json_int_t)token->expires_s, "used", (json_int_t)token->used_s);
}

static void reply_list(struct http_request *request, enum token_kind kind, const char *name)
{
    struct app *app = request->app;
    const struct actor *actor = permission_actor(request);
    struct token_view *views = arena_alloc(request->arena, PEOPLE_LIST_MAX * sizeof *views);
    struct db *db = views ? app_reader_take(app) : NULL;
    size_t count = 0;
    godwit_err err = db ? token_list(db, actor->org, sees_all(actor) ? NULL : actor->user, kind,
                                     views, PEOPLE_LIST_MAX, &count)
                        : GODWIT_ERR_IO;
    if (db) app_reader_give(app, db);
    if (err) {
        problem_of_error(request, err);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, view_token(&views[i]));
    reply_json(request, 200, json_pack("{s:o}", name, list));
}

void handle_sessions(struct http_request *request)
{
    reply_list(request, TOKEN_SESSION, "sessions");
}

void handle_tokens(struct http_request *request)
{
    reply_list(request, TOKEN_API, "tokens");
}

static godwit_err run_end(struct people *people)
{
    return token_end_marked(people->fleet, people->db, people->org,
                            sees_all(&people->actor) ? NULL : people->actor.user, people->kind,
                            people->mark);
}

static const struct people_operation END_SESSION = {
    "session_ended",
    AUDIT_SESSION_ENDED,
    run_end,
    people_view_done,
    200,
    {404, "no-session", "there is no such session; `godwit session list` lists them", NULL},
    NEVER};
static const struct people_operation END_TOKEN = {
    "token_revoked",
    AUDIT_TOKEN_REVOKED,
    run_end,
    people_view_done,
    200,
    {404, "no-token", "there is no such API token; `godwit token list` lists them", NULL},
    NEVER};

static void end(struct http_request *request, const struct people_operation *operation,
                enum token_kind kind)
{
    struct people *people = people_make(request, operation);
    if (!people || !people_take_mark(people, operation->missing.type)) return;
    people->kind = kind;
    people_submit(people);
}

void handle_session_end(struct http_request *request)
{
    end(request, &END_SESSION, TOKEN_SESSION);
}

void handle_token_revoke(struct http_request *request)
{
    end(request, &END_TOKEN, TOKEN_API);
}

/* ---- making an API token ---- */

static godwit_err run_token(struct people *people)
{
    struct account_login account;
    godwit_err err = account_login(people->db, people->user, people->org, &account);
    if (err) return err;
    if (people->product[0] &&
        !product_find(&people->fleet->catalogue, people->org, people->product))
        return GODWIT_ERR_MISSING;
    const struct token_new made = {.org = people->org,
                                   .user = people->user,
                                   .name = people->name,
                                   .product = people->product,
                                   .kind = TOKEN_API,
                                   .scopes = people->scopes,
                                   .token_sha256 = people->digest,
                                   .now_s = people->now_s,
                                   .expires_s = people->expires_s};
    return token_add(people->fleet, people->db, &made);
}

static json_t *view_made(const struct people *people)
{
    char mark[17];
    mark_text(people->digest, mark);
    return json_pack("{s:s, s:s, s:s, s:o, s:I}", "id", mark, "token", people->token, "user",
                     people->user, "scopes", view_scopes(people->scopes), "expires",
                     (json_int_t)people->expires_s);
}

static const struct people_operation CREATE = {
    "token_created",
    AUDIT_TOKEN_CREATED,
    run_token,
    view_made,
    201,
    {404, "no-product", "there is no such user or product in your organisation", "product"},
    {409, "too-many-tokens", "a user has at most 100 API tokens; revoke one first", NULL}};

/* "scopes": names, one at least. False: answered. */
static bool take_scopes(struct people *people, const json_t *list)
{
    size_t index;
    const json_t *item;
    bool is_good = json_array_size(list) > 0;
    json_array_foreach(list, index, item)
    {
        unsigned scope = json_is_string(item) ? scope_parse(json_string_value(item)) : 0;
        is_good = is_good && scope;
        people->scopes |= scope;
    }
    if (!is_good)
        problem(people->change.request, 422, "malformed",
                "\"scopes\" must be a list of read, upload, deploy, devices or admin", "scopes");
    return is_good;
}

/* "days": 1 to 3650, 90 when absent. False: answered. */
static bool take_days(struct people *people, const json_t *member)
{
    json_int_t days = member ? json_integer_value(member) : TOKEN_DAYS;
    people->expires_s = people->now_s + days * DAY_S;
    if (days >= 1 && days <= TOKEN_DAYS_MAX) return true;
    problem(people->change.request, 422, "malformed", "\"days\" must be a number from 1 to 3650",
            "days");
    return false;
}

/* Everybody makes tokens of their own, which can do no more than they; this machine makes them for
 * whom it names. False: answered. */
static bool take_owner(struct people *people, const json_t *body)
{
    const char *user = json_string_value(json_object_get(body, "user"));
    if (user && !people->actor.is_machine && strcmp(user, people->actor.user) != 0) {
        problem(people->change.request, 403, "not-here",
                "a token for another user is made on the server's own machine", "user");
        return false;
    }
    return people_take_user(people, user ? user : people->actor.user);
}

static void take_text(const json_t *body, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(body, name));
    snprintf(out, size, "%s", text ? text : "");
}

void handle_token_create(struct http_request *request)
{
    json_t *body = body_object(request);
    struct people *people = body ? people_make(request, &CREATE) : NULL;
    bool is_good = people && take_scopes(people, json_object_get(body, "scopes")) &&
                   take_days(people, json_object_get(body, "days")) && take_owner(people, body);
    if (is_good) {
        take_text(body, "name", people->name, sizeof people->name);
        take_text(body, "product", people->product, sizeof people->product);
    }
    json_decref(body);
    /* What an admin's token can do an intruder at an open desk shall not leave behind. */
    if (is_good && people->scopes & SCOPE_ADMIN) is_good = permission_is_proved(request);
    if (!is_good || !people_make_token(people)) return;
    memcpy(people->mark, people->digest, sizeof people->mark);
    people_submit(people);
}
