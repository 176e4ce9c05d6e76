/* The one table of what the server answers, and the one gate in front of operators' handlers. */
#include "fleet/account.h"
#include "server/handlers.h"
#include "server/problem.h"
#include "server/secret.h"

#define BODY_MAX 65536
#define UPLOAD_MAX (64U << 20) /* the intake refuses far below this, with its own sentence */

bool operator_allowed(struct http_request *request)
{
    struct app *app = request->app;
    const char *bearer = http_bearer(request);
    bool good = false;
    if (bearer) {
        uint8_t digest[32];
        secret_sha256(bearer, strlen(bearer), digest);
        fleet_lock(&app->fleet);
        good = account_token_is_good(&app->fleet, digest, clock_unix_s(app->clock));
        fleet_unlock(&app->fleet);
    }
    if (!good)
        problem(request, 401, "unauthorized",
                "this needs an API token that is good; get one with `godwit login`", NULL);
    return good;
}

/* route_extra is the handler behind the gate. */
struct guarded {
    http_handler *handle;
};

static void guarded(struct http_request *request)
{
    const struct guarded *behind = request->route_extra;
    if (operator_allowed(request)) behind->handle(request);
}

#define OPEN(method, pattern, mode, body_max, handler)                            \
    {                                                                             \
        HTTP_METHOD_##method, pattern, HTTP_##mode, body_max, handler, NULL, NULL \
    }
#define OPERATOR(method, pattern, body_max, handler)                         \
    {                                                                        \
        HTTP_METHOD_##method, pattern, HTTP_WORKER, body_max, guarded, NULL, \
            &(const struct guarded)                                          \
        {                                                                    \
            handler                                                          \
        }                                                                    \
    }

const struct http_route ROUTES[] = {
    OPEN(POST, "/v1/checkin", INLINE, GODWIT_CHECKIN_REQUEST_MAX, handle_checkin),
    OPEN(GET, "/v1/image/{digest}", WORKER, 0, handle_image),
    OPEN(GET, "/healthz", INLINE, 0, handle_health),
    OPEN(POST, "/api/v1/login", WORKER, BODY_MAX, handle_login),
    {HTTP_METHOD_PUT, "/api/v1/images", HTTP_UPLOAD, UPLOAD_MAX, NULL, &UPLOAD_IMAGE, NULL},
    OPERATOR(GET, "/api/v1/status", 0, handle_status),
    OPERATOR(GET, "/api/v1/releases", 0, handle_releases),
    OPERATOR(DELETE, "/api/v1/releases/{product}/{version}", 0, handle_delete),
    OPERATOR(GET, "/api/v1/rollouts", 0, handle_rollouts),
    OPERATOR(POST, "/api/v1/rollouts", 1U << 20, handle_deploy),
    OPERATOR(GET, "/api/v1/rollouts/{id}", 0, handle_rollout),
    OPERATOR(GET, "/api/v1/devices", 0, handle_devices),
    OPERATOR(GET, "/api/v1/devices/{id}", 0, handle_device),
    OPERATOR(GET, "/api/v1/devices/{id}/events", 0, handle_events),
    OPERATOR(POST, "/api/v1/devices/{id}/accept", BODY_MAX, handle_accept),
    OPERATOR(POST, "/api/v1/devices/{id}/reject", BODY_MAX, handle_reject),
    OPERATOR(POST, "/api/v1/claims", BODY_MAX, handle_claims),
    OPERATOR(GET, "/api/v1/products/{name}/seed", 0, handle_seed),
};
const size_t ROUTES_COUNT = sizeof ROUTES / sizeof *ROUTES;
