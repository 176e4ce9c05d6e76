/* The frame of every change of people: run, refuse or reply. */
#include "server/people.h"

#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "server/password_rules.h"
#include "server/problem.h"

/* What a person needs to see what was changed, and no secret. */
static godwit_err audit(struct people *people, json_t *before)
{
    static const uint8_t NONE[TOKEN_MARK_SIZE];
    char mark[17] = "";
    bool is_token = memcmp(people->mark, NONE, sizeof NONE) != 0;
    godwit_hex_encode(people->mark, sizeof people->mark, mark);
    json_t *after = json_object();
    if (people->user[0]) json_object_set_new(after, "user", json_string(people->user));
    if (people->role) json_object_set_new(after, "role", json_string(role_name(people->role)));
    if (people->scopes) json_object_set_new(after, "scopes", json_integer(people->scopes));
    if (people->product[0]) json_object_set_new(after, "product", json_string(people->product));
    if (people->operation->action == AUDIT_ORG_SET)
        json_object_set_new(after, "second_factor_required", json_boolean(people->is_on));
    if (people->operation->action == AUDIT_ORG_CREATED)
        json_object_set_new(after, "org", json_string(people->name));
    if (json_object_size(after) == 0) {
        json_decref(after);
        after = NULL;
    }
    return change_audit(&people->change, people->operation->action, is_token ? mark : people->user,
                        before, after);
}

/* How a user stood, or an organisation; NULL: there is nothing to tell. */
static json_t *view_before(const struct people *people)
{
    struct account_login account;
    struct token_view token;
    if (people->operation->action == AUDIT_ORG_SET) {
        const struct org *org = org_find(&people->fleet->catalogue, people->org);
        return org ? json_pack("{s:b}", "second_factor_required", (int)org->totp_required) : NULL;
    }
    if (!*people->user && !token_of_mark(people->db, people->org, people->mark, &token))
        return json_pack("{s:s, s:s, s:s}", "user", token.user, "name", token.name, "product",
                         token.product);
    if (!*people->user || account_login(people->db, people->user, people->org, &account))
        return NULL;
    json_t *before = json_pack("{s:s, s:s, s:b}", "user", people->user, "role",
                               role_name(account.role), "second_factor", (int)account.has_totp);
    explicit_bzero(&account, sizeof account);
    return before;
}

static godwit_err run(struct change *change)
{
    struct people *people = (struct people *)change;
    people->fleet = &change->app->fleet;
    people->db = change->app->db;
    people->refusal = GODWIT_OK;
    json_t *before = view_before(people);
    godwit_err err = people->operation->run(people);
    if (!err) return audit(people, before);
    json_decref(before);
    if (err != GODWIT_ERR_MISSING && err != GODWIT_ERR_POLICY) return err;
    people->refusal = err;
    return GODWIT_OK;
}

static void refuse(struct http_request *request, const struct people_refusal *refusal)
{
    problem(request, refusal->status, refusal->type, refusal->detail, refusal->field);
}

static void reply(struct change *change, godwit_err err)
{
    struct people *people = (struct people *)change;
    const struct people_operation *operation = people->operation;
    if (err) {
        problem_of_error(change->request, err);
    } else if (people->refusal == GODWIT_ERR_MISSING) {
        refuse(change->request, &operation->missing);
    } else if (people->refusal) {
        refuse(change->request, &operation->policy);
    } else {
        GODWIT_LOG(INFO, operation->event, "org=\"%s\" user=\"%s\" by=\"%s\" peer=%s", people->org,
                   people->user, people->actor.user, change->request->peer);
        http_reply_header(change->request, "Cache-Control", "no-store");
        reply_json(change->request, operation->status, operation->view(people));
    }
    explicit_bzero(people->password, sizeof people->password);
    explicit_bzero(people->token, sizeof people->token);
}

struct people *people_make(struct http_request *request, const struct people_operation *operation)
{
    struct people *people = arena_zalloc(request->arena, sizeof *people);
    if (!people) {
        problem_busy(request);
        return NULL;
    }
    people->operation = operation;
    people->actor = *permission_actor(request);
    memcpy(people->org, people->actor.org, sizeof people->org);
    people->now_s = clock_unix_s(request->clock);
    people->change.app = request->app;
    people->change.request = request;
    people->change.run = run;
    people->change.reply = reply;
    return people;
}

void people_submit(struct people *people)
{
    change_submit(&people->change, NULL);
}

bool people_make_token(struct people *people)
{
    if (secret_token("gwa.", people->token)) {
        problem_of_error(people->change.request, GODWIT_ERR_IO);
        return false;
    }
    secret_sha256(people->token, strlen(people->token), people->digest);
    return true;
}

bool people_hash(struct people *people, const char *password)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    struct http_request *request = people->change.request;
    const char *fault = password ? password_fault(password, people->user) : NULL;
    if (fault) {
        problem(request, 422, "weak-password", fault, "password");
        return false;
    }
    godwit_err err = password ? GODWIT_OK : password_make(people->password);
    pthread_mutex_lock(&one_at_a_time); /* 19 MiB */
    if (!err)
        err = password_hash(password ? password : people->password, people->hash,
                            sizeof people->hash);
    pthread_mutex_unlock(&one_at_a_time);
    if (err) problem_of_error(request, GODWIT_ERR_IO);
    return !err;
}

bool people_take_user(struct people *people, const char *name)
{
    if (name && account_name_is_good(name)) {
        memcpy(people->user, name, strlen(name) + 1);
        return true;
    }
    problem(people->change.request, 422, "malformed",
            "a user's name has 1 to 32 letters, digits or \"._@+-\"", "user");
    return false;
}

bool people_take_mark(struct people *people, const char *type)
{
    const char *text = http_param(people->change.request, "id");
    if (!godwit_hex_decode(text, strlen(text), people->mark, sizeof people->mark)) return true;
    problem(people->change.request, 404, type, people->operation->missing.detail, NULL);
    return false;
}

json_t *people_view_done(const struct people *people)
{
    (void)people;
    return json_pack("{s:b}", "done", true);
}
