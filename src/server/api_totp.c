/* One's own second factor: set up, proved by a first code, turned off. */
#include <stdio.h>

#include "base/text.h"
#include "server/handlers.h"
#include "server/people.h"
#include "server/problem.h"
#include "server/totp.h"

#define NEVER                     \
    {                             \
        500, "internal", "", NULL \
    }

/* ---- setting up ---- */

static godwit_err run_begin(struct people *people)
{
    godwit_err err = account_totp_begin(people->db, people->user, people->secret);
    return err == GODWIT_ERR_MISSING ? GODWIT_ERR_POLICY : err;
}

static json_t *view_begin(const struct people *people)
{
    char text[TOTP_SECRET_TEXT_MAX], uri[TOTP_URI_MAX];
    totp_secret_text(people->secret, text);
    totp_uri(people->secret, people->user, people->org, uri);
    return json_pack("{s:s, s:s}", "secret", text, "uri", uri);
}

static const struct people_operation BEGIN = {
    "second_factor_begun",
    AUDIT_FACTOR_BEGUN,
    run_begin,
    view_begin,
    201,
    NEVER,
    {409, "second-factor-on", "a second factor is on; turn it off first", NULL}};

void handle_totp_begin(struct http_request *request)
{
    struct people *people = people_make(request, &BEGIN);
    if (!people || !people_take_user(people, people->actor.user)) return;
    if (secret_random(people->secret, sizeof people->secret)) {
        problem_of_error(request, GODWIT_ERR_IO);
        return;
    }
    people_submit(people);
}

/* ---- turning on ---- */

static godwit_err run_confirm(struct people *people)
{
    struct account_login account;
    godwit_err err = account_login(people->db, people->user, people->org, &account);
    if (err || account.has_totp) return err ? err : GODWIT_ERR_POLICY;
    int64_t step = totp_step(account.totp_secret, people->name, people->now_s, account.totp_step);
    static const uint8_t NONE[ACCOUNT_TOTP_SIZE];
    if (step < 0 || !memcmp(account.totp_secret, NONE, sizeof NONE)) return GODWIT_ERR_MISSING;
    err = account_totp_use(people->db, people->user, step);
    if (!err)
        err = account_totp_turn_on(people->db, people->user, people->codes_sha256,
                                   ACCOUNT_RECOVERY_CODES);
    return err;
}

static json_t *view_codes(const struct people *people)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ACCOUNT_RECOVERY_CODES; i++)
        json_array_append_new(list, json_string(people->codes[i]));
    return json_pack("{s:o}", "recovery_codes", list);
}

static const struct people_operation CONFIRM = {
    "second_factor_on",
    AUDIT_FACTOR_ON,
    run_confirm,
    view_codes,
    200,
    {422, "wrong-code", "the code is wrong; type the six digits that the app shows now", "code"},
    {409, "second-factor-on", "a second factor is on; turn it off first", NULL}};

void handle_totp_confirm(struct http_request *request)
{
    json_t *body = body_object(request);
    struct people *people = body ? people_make(request, &CONFIRM) : NULL;
    const char *code = people ? body_text(request, body, "code", 6) : NULL;
    if (code) snprintf(people->name, sizeof people->name, "%s", code);
    json_decref(body);
    if (!code || !people_take_user(people, people->actor.user)) return;
    for (size_t i = 0; i < ACCOUNT_RECOVERY_CODES; i++)
        if (recovery_code_make(people->codes[i]) ||
            !recovery_code_digest(people->codes[i], people->codes_sha256[i])) {
            problem_of_error(request, GODWIT_ERR_IO);
            return;
        }
    people_submit(people);
}

/* ---- turning off ---- */

static godwit_err run_off(struct people *people)
{
    bool is_anywhere = people->actor.is_machine || !strcmp(people->user, people->actor.user);
    return account_totp_turn_off(people->db, is_anywhere ? NULL : people->org, people->user);
}

#define NOT_HOME                                                                             \
    {                                                                                        \
        404, "no-user",                                                                      \
            "there is no such user whom your organisation manages; `godwit user list` says " \
            "which",                                                                         \
            "user"                                                                           \
    }

static const struct people_operation OWN_OFF = {
    "second_factor_off", AUDIT_FACTOR_OFF, run_off, people_view_done, 200, NOT_HOME, NEVER};
static const struct people_operation OFF = {
    "second_factor_off", AUDIT_USER_FACTOR_OFF, run_off, people_view_done, 200, NOT_HOME, NEVER};

static void turn_off(struct http_request *request, const char *user,
                     const struct people_operation *operation)
{
    struct people *people = people_make(request, operation);
    if (people && people_take_user(people, user)) people_submit(people);
}

void handle_own_totp_off(struct http_request *request)
{
    turn_off(request, permission_actor(request)->user, &OWN_OFF);
}

void handle_user_totp_off(struct http_request *request)
{
    turn_off(request, http_param(request, "name"), &OFF);
}
