/* A bearer says by its form what it is, so each is looked up in one place only; what it is good for
 * is the row's to say. */
#include "server/permission.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "fleet/account.h"
#include "fleet/cache.h"
#include "fleet/claim.h"
#include "fleet/device.h"
#include "fleet/factory.h"
#include "server/app.h"
#include "server/device_certificate.h"
#include "server/device_token.h"
#include "server/operation.h"
#include "server/precondition.h"
#include "server/problem.h"
#include "server/session.h"

#define DEVICE_CONNECTIONS_MAX 16U /* it needs one or two; others were lost on the way */

#define CLAIM_PREFIX "gw1."
#define CLAIM_SIZE_MAX 64

struct found {
    enum caller caller;
    uint8_t digest[32];
    struct actor actor;
    struct device_proof proof;
};

static bool begins(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

/* "gw1.<claim>.<spki>": the first part is the secret, the rest is for the device. */
static enum caller find_claim(struct app *app, const char *bearer, uint8_t digest_out[static 32])
{
    const char *claim = bearer + strlen(CLAIM_PREFIX);
    size_t size = strcspn(claim, ".");
    if (size == 0 || size > CLAIM_SIZE_MAX) return CALLER_NOBODY;
    secret_sha256(claim, size, digest_out);
    fleet_lock(&app->fleet);
    bool is_known = claim_find(&app->fleet, digest_out) != NULL;
    fleet_unlock(&app->fleet);
    return is_known ? CALLER_CLAIM : CALLER_NOBODY;
}

static enum caller find_person(struct app *app, const char *bearer, struct found *found)
{
    secret_sha256(bearer, strlen(bearer), found->digest);
    fleet_lock(&app->fleet);
    bool is_good = token_actor(&app->fleet, found->digest, clock_unix_s(app->clock), &found->actor);
    fleet_unlock(&app->fleet);
    return is_good ? CALLER_PERSON : CALLER_NOBODY;
}

static enum caller find_device(struct app *app, const char *bearer, struct found *found)
{
    if (device_token_digest(bearer, found->digest)) return CALLER_NOBODY;
    fleet_lock(&app->fleet);
    /* Where not all are in memory, the handler asks the database. By a certificate it may join. */
    bool is_known = found->proof.generation || fleet_is_partial(&app->fleet) ||
                    device_find_by_token(&app->fleet, found->digest) != NULL ||
                    factory_expects(&app->fleet, found->digest);
    fleet_unlock(&app->fleet);
    return is_known ? CALLER_DEVICE : CALLER_NOBODY;
}

static enum caller find(struct app *app, const char *bearer, struct found *found)
{
    if (!bearer) return CALLER_NOBODY;
    if (begins(bearer, CLAIM_PREFIX)) return find_claim(app, bearer, found->digest);
    if (begins(bearer, "gws.") || begins(bearer, "gwa.")) return find_person(app, bearer, found);
    return find_device(app, bearer, found);
}

/* ---- the certificate of a device ---- */

/* Where it is not taken: it is answered. */
static bool check_certificate(struct http_request *request, struct device_proof *proof)
{
    struct app *app = request->app;
    struct http_client client;
    if (!app->settings->device_ca) return true;
    http_client(request, &client);
    fleet_lock(&app->fleet);
    const struct certificate_facts facts = {&client, app->settings->device_ca_required,
                                            app->fleet.is_clock_doubted, clock_unix_s(app->clock)};
    fleet_unlock(&app->fleet);
    enum certificate_verdict verdict = certificate_judge(&facts);
    if (verdict == CERTIFICATE_ABSENT) return true;
    if (verdict != CERTIFICATE_GOOD) {
        GODWIT_LOG(INFO, "device_certificate_refused", "peer=%s type=%s why=\"%s\"", request->peer,
                   certificate_type(verdict), client.why ? client.why : "");
        certificate_refuse(request, verdict);
        return false;
    }
    memcpy(proof->device_id, client.id, sizeof proof->device_id);
    proof->generation = client.generation;
    return true;
}

/* ---- what a person lacks ---- */

static void refuse_scope(struct http_request *request, const struct actor *actor)
{
    if (actor->scopes)
        problem(request, 403, "scope-missing",
                "this API token has not the scope that this needs; make one with it by `godwit "
                "token add`",
                NULL);
    else
        problem(request, 403, "second-factor-needed",
                "your organisation asks for a second factor; set one up with `godwit user factor`, "
                "then log in again",
                NULL);
}

static bool check_need(struct http_request *request, const struct actor *actor,
                       const struct access_need *need)
{
    char detail[200];
    switch (access_check(actor, need, NULL)) {
    case GATE_ALLOWED:
        return true;
    case GATE_SCOPE_MISSES:
        refuse_scope(request, actor);
        return false;
    default:
        snprintf(detail, sizeof detail,
                 "this needs the role %s and you are %s; ask an admin of your organisation",
                 role_name(need->role), role_name(actor->role));
        problem(request, 403, "role-too-low", detail, NULL);
        return false;
    }
}

/* The time of a proof from ahead of a clock that went back is none. */
static bool is_proved(struct http_request *request, const struct actor *actor)
{
    int64_t age_s = clock_unix_s(request->clock) - actor->proved_s;
    if (!actor->is_session || (age_s < PROOF_S && age_s > -TOKEN_CLOCK_SLACK_S)) return true;
    problem(request, 403, "reauthenticate",
            "this needs your password again, typed within the last 10 minutes; log in again with "
            "`godwit login`, or send it to /api/v1/session/reauthenticate",
            NULL);
    return false;
}

static bool check_session(struct http_request *request, const struct actor *actor)
{
    if (actor->is_session) return true;
    problem(request, 403, "session-only",
            "an API token can not do this; log in with `godwit login` as the user", NULL);
    return false;
}

static bool check_machine(struct http_request *request, const struct actor *actor)
{
    if (actor->is_machine) return true;
    problem(request, 403, "not-here",
            "this is done on the server's own machine, as whoever can read its data directory",
            NULL);
    return false;
}

/* Of a person that is known: whether that is enough for the row; else it is answered. */
static bool check_person(struct http_request *request, const struct permission *permission,
                         const struct actor *actor)
{
    if (permission->is_machines && !check_machine(request, actor)) return false;
    if (permission->is_sessions && !check_session(request, actor)) return false;
    if (!check_need(request, actor, &permission->need)) return false;
    return !permission->is_dangerous || is_proved(request, actor);
}

/* The machine's own token is of the first organisation, and may speak for any: whoever has it can
 * read the database. */
static bool take_org(struct http_request *request, struct actor *actor)
{
    const char *name = http_header(request, PERMISSION_ORG_HEADER);
    struct app *app = request->app;
    if (!name || !actor->is_machine) return true;
    fleet_lock(&app->fleet);
    const struct org *org = org_find(&app->fleet.catalogue, name);
    if (org) memcpy(actor->org, org->name, sizeof actor->org);
    fleet_unlock(&app->fleet);
    if (!org)
        problem(request, 404, "no-org",
                "there is no such organisation; `godwit org list` lists them", NULL);
    return org;
}

/* ---- the gate ---- */

/* What was shown: a bearer, else a cookie. */
static const char *shown_token(struct http_request *request, bool *is_cookie_out)
{
    const char *bearer = http_bearer(request);
    *is_cookie_out = false;
    if (bearer) return bearer;
    const char *token = session_cookie(request);
    *is_cookie_out = token != NULL;
    return token;
}

/* What the engine needs to know of whoever was found. */
static void take_caller(struct http_request *request, struct found *found)
{
    bool is_proven = found->proof.generation != 0;
    request->authenticated = found->caller != CALLER_CLAIM || is_proven;
    request->user = found;
    if (found->caller == CALLER_DEVICE || is_proven) {
        request->identity = is_proven ? found->proof.device_id : found->digest;
        request->identity_max = DEVICE_CONNECTIONS_MAX;
    }
}

/* Whom the bearer names, where the row lets that one in; else it is answered. */
static bool find_caller(struct http_request *request, const struct permission *permission,
                        struct found *found)
{
    bool is_cookie;
    const char *token = shown_token(request, &is_cookie);
    found->caller = find(request->app, token, found);
    if (is_cookie && found->caller != CALLER_PERSON) found->caller = CALLER_NOBODY;
    if (permission->callers & found->caller)
        return !is_cookie || session_is_own_site(request, token);
    problem(request, 401, permission->type, permission->detail, NULL);
    return false;
}

bool permission_gate(struct http_request *request)
{
    const struct operation *operation = request->route_extra;
    assert(operation && operation->permission);
    const struct permission *permission = operation->permission;
    if (!permission->callers) return true;
    struct found *found = arena_zalloc(request->arena, sizeof *found);
    if (!found) {
        problem_busy(request);
        return false;
    }
    bool is_devices = permission->callers & (CALLER_DEVICE | CALLER_CLAIM);
    if (is_devices && !check_certificate(request, &found->proof)) return false;
    if (!find_caller(request, permission, found)) return false;
    take_caller(request, found);
    if (found->caller != CALLER_PERSON) return true;
    return take_org(request, &found->actor) && check_person(request, permission, &found->actor) &&
           precondition_may_be_met(request);
}

bool permission_is_proved(struct http_request *request)
{
    return is_proved(request, permission_actor(request));
}

bool permission_lasts(const struct http_request *request)
{
    struct app *app = request->app;
    const struct operation *operation = request->route_extra;
    const struct found *found = request->user;
    struct actor now;
    fleet_lock(&app->fleet);
    bool is_good = token_actor(&app->fleet, found->digest, clock_unix_s(app->clock), &now);
    fleet_unlock(&app->fleet);
    /* The machine's own token may speak for another organisation than its own. */
    bool is_of_org = now.is_machine || !strcmp(now.org, found->actor.org);
    return is_good && is_of_org && !strcmp(now.product, found->actor.product) &&
           access_check(&now, &operation->permission->need, NULL) == GATE_ALLOWED;
}

enum caller permission_caller(const struct http_request *request)
{
    return ((const struct found *)request->user)->caller;
}

const uint8_t *permission_digest(const struct http_request *request)
{
    return ((const struct found *)request->user)->digest;
}

const struct device_proof *permission_proof(const struct http_request *request)
{
    const struct found *found = request->user;
    return found->proof.generation ? &found->proof : NULL;
}

bool permission_is_person(const struct http_request *request)
{
    return request->user && permission_caller(request) == CALLER_PERSON;
}

const struct actor *permission_actor(const struct http_request *request)
{
    return &((const struct found *)request->user)->actor;
}

const char *permission_org(const struct http_request *request)
{
    return permission_actor(request)->org;
}

bool permission_sees(const struct http_request *request, const char *org, const char *product)
{
    const struct access_object object = {org, product};
    return access_check(permission_actor(request), NULL, &object) == GATE_ALLOWED;
}
