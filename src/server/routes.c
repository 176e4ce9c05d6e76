/* The one table of what the service answers: address, body, handler, and who may call it. */
#include "server/handlers.h"
#include "server/permission.h"

#define BODY_MAX 65536
#define LOGIN_BODY_MAX 4096
#define DEPLOY_BODY_MAX (1U << 20)
#define UPLOAD_MAX (64U << 20) /* the upload refuses far below this, with its own sentence */

static const struct permission ANYBODY = {CALLER_NOBODY, NULL, NULL, {0}};
static const struct permission DEVICE = {
    CALLER_DEVICE, "unknown-token", "no device has this token; claim it first", {0}};
static const struct permission MEMBER = {
    CALLER_DEVICE | CALLER_CLAIM,
    "unknown-token",
    "no device has this token, or no such claim token was made; claim the device first",
    {0}};
#define PERSON(role, scopes)                                                     \
    {                                                                            \
        CALLER_PERSON, "unauthorized",                                           \
            "this needs an API token that is good; get one with `godwit login`", \
        {                                                                        \
            role, scopes                                                         \
        }                                                                        \
    }

/* What a person must be at least, and which scope a token must have. */
static const struct permission READS = PERSON(ROLE_VIEWER, SCOPE_READ);
static const struct permission DEPLOYS = PERSON(ROLE_OPERATOR, SCOPE_DEPLOY);
static const struct permission ADMITS = PERSON(ROLE_OPERATOR, SCOPE_DEVICES);
static const struct permission UPLOADS = PERSON(ROLE_RELEASER, SCOPE_UPLOAD);

#define ROUTE(method, pattern, mode, body_max, permission, handler)                      \
    {                                                                                    \
        HTTP_METHOD_##method, pattern, HTTP_##mode, body_max, handler, NULL, &permission \
    }

const struct http_route ROUTES[] = {
    ROUTE(POST, "/v1/checkin", INLINE, GODWIT_CHECKIN_REQUEST_MAX, MEMBER, handle_checkin),
    ROUTE(GET, "/v1/image/{digest}", WORKER, 0, DEVICE, handle_image),
    ROUTE(GET, "/healthz", INLINE, 0, ANYBODY, handle_health),
    ROUTE(POST, "/api/v1/login", WORKER, LOGIN_BODY_MAX, ANYBODY, handle_login),
    {HTTP_METHOD_PUT, "/api/v1/images", HTTP_UPLOAD, UPLOAD_MAX, NULL, &UPLOAD_IMAGE, &UPLOADS},
    ROUTE(GET, "/api/v1/status", WORKER, 0, READS, handle_status),
    ROUTE(GET, "/api/v1/releases", WORKER, 0, READS, handle_releases),
    ROUTE(DELETE, "/api/v1/releases/{product}/{version}", WORKER, 0, UPLOADS, handle_delete),
    ROUTE(GET, "/api/v1/rollouts", WORKER, 0, READS, handle_rollouts),
    ROUTE(POST, "/api/v1/rollouts", WORKER, DEPLOY_BODY_MAX, DEPLOYS, handle_deploy),
    ROUTE(GET, "/api/v1/rollouts/{id}", WORKER, 0, READS, handle_rollout),
    ROUTE(GET, "/api/v1/devices", WORKER, 0, READS, handle_devices),
    ROUTE(GET, "/api/v1/devices/{id}", WORKER, 0, READS, handle_device),
    ROUTE(GET, "/api/v1/devices/{id}/events", WORKER, 0, READS, handle_events),
    ROUTE(POST, "/api/v1/devices/{id}/accept", WORKER, BODY_MAX, ADMITS, handle_accept),
    ROUTE(POST, "/api/v1/devices/{id}/reject", WORKER, BODY_MAX, ADMITS, handle_reject),
    ROUTE(POST, "/api/v1/claims", WORKER, BODY_MAX, ADMITS, handle_claims),
    ROUTE(GET, "/api/v1/products/{name}/initial-policy", WORKER, 0, READS, handle_initial_policy),
};
const size_t ROUTES_COUNT = sizeof ROUTES / sizeof *ROUTES;

void routes_serve(struct app *app, struct http_options *options)
{
    options->app = app;
    options->routes = ROUTES;
    options->routes_count = ROUTES_COUNT;
    options->gate = permission_gate;
    options->workers = app->workers;
    options->clock = app->clock;
}
