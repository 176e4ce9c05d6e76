/* The people of an organisation, and organisations themselves. */
#include <stdio.h>

#include "fleet/org.h"
#include "server/handlers.h"
#include "server/people.h"
#include "server/problem.h"

#define NO_USER                                                                        \
    {                                                                                  \
        404, "no-user", "there is no such user; `godwit user list` lists them", "user" \
    }
#define LAST_ADMIN                                                                            \
    {                                                                                         \
        409, "last-admin",                                                                    \
            "an organisation keeps at least one admin; make another user admin first", "role" \
    }
#define NOT_HOME                                                                                   \
    {                                                                                              \
        404, "no-user",                                                                            \
            "there is no such user whom your organisation manages; `godwit user list` says which", \
            "user"                                                                                 \
    }
#define NEVER                     \
    {                             \
        500, "internal", "", NULL \
    }

/* ---- making ---- */

static godwit_err run_create(struct people *people)
{
    const struct account_new made = {people->org, people->user, people->hash, people->role,
                                     people->now_s};
    return people->is_all ? account_join(people->fleet, people->db, &made)
                          : account_create(people->db, &made);
}

static json_t *view_user(const struct people *people)
{
    json_t *view = json_pack("{s:s, s:s, s:s}", "user", people->user, "org", people->org, "role",
                             role_name(people->role));
    if (people->password[0]) json_object_set_new(view, "password", json_string(people->password));
    return view;
}

static const struct people_operation CREATE = {"user_created",
                                               AUDIT_USER_CREATED,
                                               run_create,
                                               view_user,
                                               201,
                                               NO_USER,
                                               {409, "user-exists",
                                                "this name is taken on this server; take another, "
                                                "or let whoever runs the server add that user "
                                                "to your organisation",
                                                "user"}};

/* "role": one of the names. False: answered. */
static bool take_role(struct people *people, const json_t *body)
{
    const char *text = json_string_value(json_object_get(body, "role"));
    people->role = text ? role_parse(text) : ROLE_NONE;
    if (people->role) return true;
    problem(people->change.request, 422, "malformed",
            "\"role\" must be viewer, operator, releaser or admin", "role");
    return false;
}

/* "join": an existing user gets into one more organisation; only whoever runs the server sees those
 * of all. False: answered. */
static bool take_join(struct people *people, const json_t *body)
{
    people->is_all = json_is_true(json_object_get(body, "join"));
    if (!people->is_all || people->actor.is_machine) return true;
    problem(people->change.request, 403, "not-here",
            "a user of another organisation is added on the server's own machine", "join");
    return false;
}

void handle_user_create(struct http_request *request)
{
    json_t *body = body_object(request);
    struct people *people = body ? people_make(request, &CREATE) : NULL;
    bool is_good = people && take_role(people, body) && take_join(people, body) &&
                   people_take_user(people, json_string_value(json_object_get(body, "user")));
    if (is_good && !people->is_all)
        is_good = people_hash(people, json_string_value(json_object_get(body, "password")));
    json_decref(body);
    if (is_good) people_submit(people);
}

/* ---- changing ---- */

static godwit_err run_role(struct people *people)
{
    return account_set_role(people->fleet, people->db, people->org, people->user, people->role);
}

static const struct people_operation SET_ROLE = {"user_role", AUDIT_USER_ROLE, run_role,  view_user,
                                                 200,         NO_USER,         LAST_ADMIN};

void handle_user_role(struct http_request *request)
{
    json_t *body = body_object(request);
    struct people *people = body ? people_make(request, &SET_ROLE) : NULL;
    bool is_good =
        people && take_role(people, body) && people_take_user(people, http_param(request, "name"));
    json_decref(body);
    if (is_good) people_submit(people);
}

/* Whoever runs the server helps everybody; an admin those of the own organisation. Oneself keeps
 * the session in which it is done. */
static godwit_err run_password(struct people *people)
{
    bool is_own = !strcmp(people->user, people->actor.user);
    bool is_anywhere = people->actor.is_machine || is_own;
    return account_set_password(people->fleet, people->db, is_anywhere ? NULL : people->org,
                                people->user, people->hash, is_own ? people->digest : NULL);
}

static json_t *view_password(const struct people *people)
{
    json_t *view = json_pack("{s:s}", "user", people->user);
    if (people->password[0]) json_object_set_new(view, "password", json_string(people->password));
    return view;
}

static const struct people_operation OWN_PASSWORD = {
    "own_password", AUDIT_OWN_PASSWORD, run_password, view_password, 200, NOT_HOME, NEVER};
static const struct people_operation SET_PASSWORD = {
    "user_password", AUDIT_USER_PASSWORD, run_password, view_password, 200, NOT_HOME, NEVER};

static void set_password(struct http_request *request, const char *user,
                         const struct people_operation *operation)
{
    json_t *body = body_object(request);
    struct people *people = body ? people_make(request, operation) : NULL;
    bool is_good = people && people_take_user(people, user) &&
                   people_hash(people, json_string_value(json_object_get(body, "password")));
    json_decref(body);
    if (!is_good) return;
    memcpy(people->digest, permission_digest(request), sizeof people->digest);
    people_submit(people);
}

void handle_user_password(struct http_request *request)
{
    set_password(request, http_param(request, "name"), &SET_PASSWORD);
}

void handle_own_password(struct http_request *request)
{
    set_password(request, permission_actor(request)->user, &OWN_PASSWORD);
}

static godwit_err run_remove(struct people *people)
{
    return account_remove(people->fleet, people->db, people->org, people->user);
}

static const struct people_operation REMOVE = {
    "user_removed", AUDIT_USER_REMOVED, run_remove, people_view_done, 200, NO_USER, LAST_ADMIN};

void handle_user_remove(struct http_request *request)
{
    struct people *people = people_make(request, &REMOVE);
    if (people && people_take_user(people, http_param(request, "name"))) people_submit(people);
}

/* ---- listing ---- */

void handle_users(struct http_request *request)
{
    struct app *app = request->app;
    const char *after = http_query(request, "after");
    struct account_view *views = arena_alloc(request->arena, PEOPLE_LIST_MAX * sizeof *views);
    struct db *db = views ? app_reader_take(app) : NULL;
    size_t count = 0;
    godwit_err err = db ? account_list(db, permission_org(request), after ? after : "", views,
                                       PEOPLE_LIST_MAX, &count)
                        : GODWIT_ERR_IO;
    if (db) app_reader_give(app, db);
    if (err) {
        problem_of_error(request, err);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b, s:I}", "user", views[i].user,
                                              "role", role_name(views[i].role), "second_factor",
                                              views[i].has_totp, "managed",
                                              !strcmp(views[i].home, permission_org(request)),
                                              "created", (json_int_t)views[i].made_s));
    json_t *reply = json_pack("{s:o}", "users", list);
    if (count == PEOPLE_LIST_MAX)
        json_object_set_new(reply, "next", json_string(views[count - 1].user));
    reply_json(request, 200, reply);
}

/* ---- organisations ---- */

static godwit_err run_org(struct people *people)
{
    const struct account_new admin = {people->name, people->user, people->hash, ROLE_ADMIN,
                                      people->now_s};
    char known[ACCOUNT_HASH_MAX];
    godwit_err err = account_password(people->db, people->user, known, sizeof known);
    if (err != GODWIT_ERR_MISSING) return err ? err : GODWIT_ERR_MISSING;
    err = org_create(people->fleet, people->db, people->name, people->now_s);
    return err ? err : account_create(people->db, &admin);
}

static json_t *view_org(const struct people *people)
{
    return json_pack("{s:s, s:s, s:s}", "org", people->name, "user", people->user, "password",
                     people->password);
}

static const struct people_operation CREATE_ORG = {
    "org_created",
    AUDIT_ORG_CREATED,
    run_org,
    view_org,
    201,
    {409, "user-exists", "the name of its admin is taken on this server; take another", "admin"},
    {409, "org-exists",
     "an organisation's name has 1 to 32 of a-z, 0-9 and \"-\" and is there once; take another",
     "org"}};

void handle_org_create(struct http_request *request)
{
    json_t *body = body_object(request);
    struct people *people = body ? people_make(request, &CREATE_ORG) : NULL;
    const char *name = people ? body_text(request, body, "org", 32) : NULL;
    bool is_good = name &&
                   people_take_user(people, json_string_value(json_object_get(body, "admin"))) &&
                   people_hash(people, NULL);
    if (is_good) snprintf(people->name, sizeof people->name, "%s", name);
    json_decref(body);
    if (is_good) people_submit(people);
}

void handle_orgs(struct http_request *request)
{
    struct app *app = request->app;
    json_t *list = json_array();
    fleet_lock(&app->fleet);
    for (const struct org *org = app->fleet.catalogue.orgs; org; org = org->next)
        json_array_append_new(list, json_pack("{s:s, s:b}", "org", org->name,
                                              "second_factor_required", org->totp_required));
    fleet_unlock(&app->fleet);
    reply_json(request, 200, json_pack("{s:o}", "orgs", list));
}

static godwit_err run_require(struct people *people)
{
    godwit_err err = org_require_totp(people->fleet, people->db, people->org, people->is_on);
    return err || !people->is_on ? err
                                 : token_end_factorless(people->fleet, people->db, people->org);
}

static json_t *view_require(const struct people *people)
{
    return json_pack("{s:s, s:b}", "org", people->org, "second_factor_required", people->is_on);
}

static const struct people_operation REQUIRE = {
    "org_second_factor", AUDIT_ORG_SET, run_require, view_require, 200, NEVER, NEVER};

/* Sessions of people without one end: they log in again, and are asked to set one up. */
void handle_org_settings(struct http_request *request)
{
    json_t *body = body_object(request);
    struct people *people = body ? people_make(request, &REQUIRE) : NULL;
    if (people) people->is_on = json_is_true(json_object_get(body, "second_factor_required"));
    json_decref(body);
    if (people) people_submit(people);
}
