/* A bearer says by its form what it is, so each is looked up in one place only; what it is good for
 * is the row's to say. */
#include "server/permission.h"

#include <assert.h>

#include "fleet/account.h"
#include "fleet/device.h"
#include "server/app.h"
#include "server/device_token.h"
#include "server/problem.h"

#define CLAIM_PREFIX "gw1."
#define CLAIM_SIZE_MAX 64

struct found {
    enum caller caller;
    uint8_t digest[32];
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

static enum caller find_operator(struct app *app, const char *bearer, uint8_t digest_out[static 32])
{
    secret_sha256(bearer, strlen(bearer), digest_out);
    fleet_lock(&app->fleet);
    bool is_good = account_token_is_good(&app->fleet, digest_out, clock_unix_s(app->clock));
    fleet_unlock(&app->fleet);
    return is_good ? CALLER_OPERATOR : CALLER_NOBODY;
}

static enum caller find_device(struct app *app, const char *bearer, uint8_t digest_out[static 32])
{
    if (device_token_digest(bearer, digest_out)) return CALLER_NOBODY;
    fleet_lock(&app->fleet);
    bool is_known = device_find_by_token(&app->fleet, digest_out) != NULL;
    fleet_unlock(&app->fleet);
    return is_known ? CALLER_DEVICE : CALLER_NOBODY;
}

static enum caller find(struct app *app, const char *bearer, uint8_t digest_out[static 32])
{
    if (!bearer) return CALLER_NOBODY;
    if (begins(bearer, CLAIM_PREFIX)) return find_claim(app, bearer, digest_out);
    if (begins(bearer, "gws.") || begins(bearer, "gwa."))
        return find_operator(app, bearer, digest_out);
    return find_device(app, bearer, digest_out);
}

bool permission_gate(struct http_request *request)
{
    const struct permission *permission = request->route_extra;
    assert(permission);
    if (!permission->callers) return true;
    struct found *found = arena_zalloc(request->arena, sizeof *found);
    if (!found) {
        problem_busy(request);
        return false;
    }
    found->caller = find(request->app, http_bearer(request), found->digest);
    if (!(permission->callers & found->caller)) {
        problem(request, 401, permission->type, permission->detail, NULL);
        return false;
    }
    request->authenticated = found->caller != CALLER_CLAIM;
    request->user = found;
    return true;
}

enum caller permission_caller(const struct http_request *request)
{
    return ((const struct found *)request->user)->caller;
}

const uint8_t *permission_digest(const struct http_request *request)
{
    return ((const struct found *)request->user)->digest;
}
