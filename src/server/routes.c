/* The one table of what the service answers: address, body, handler, who may call it, and what it
 * takes and says. docs/API.md and the OpenAPI document are made from it (operation.h). */
#include "server/handlers.h"
#include "server/operation.h"

#define BODY_MAX 65536
#define LOGIN_BODY_MAX 4096
#define FACTORY_BODY_MAX (256U << 10)
#define DEPLOY_BODY_MAX (1U << 20)
#define UPLOAD_MAX (64U << 20) /* the upload refuses far below this, with its own sentence */

static const struct permission ANYBODY = {.callers = CALLER_NOBODY};
static const struct permission DEVICE = {.callers = CALLER_DEVICE,
                                         .type = "unknown-token",
                                         .detail = "no device has this token; claim it first"};
static const struct permission MEMBER = {
    .callers = CALLER_DEVICE | CALLER_CLAIM,
    .type = "unknown-token",
    .detail = "no device has this token, or no such claim token was made; claim the device first"};
#define PERSON(least, one_of, ...)                                                     \
    {                                                                                  \
        .callers = CALLER_PERSON, .type = "unauthorized",                              \
        .detail = "this needs an API token that is good; get one with `godwit login`", \
        .need = {least, one_of}, __VA_ARGS__                                           \
    }

/* What a person must be at least, and which scope a token must have. */
static const struct permission READS = PERSON(ROLE_VIEWER, SCOPE_READ);
static const struct permission DEPLOYS = PERSON(ROLE_OPERATOR, SCOPE_DEPLOY);
/* Past the proof that a rollout waits for. */
static const struct permission SKIPS = PERSON(ROLE_OPERATOR, SCOPE_DEPLOY, .is_dangerous = true);
static const struct permission ADMITS = PERSON(ROLE_OPERATOR, SCOPE_DEVICES);
static const struct permission UPLOADS = PERSON(ROLE_RELEASER, SCOPE_UPLOAD);
static const struct permission DELETES = PERSON(ROLE_RELEASER, SCOPE_UPLOAD, .is_dangerous = true);
static const struct permission ADMINISTERS = PERSON(ROLE_ADMIN, SCOPE_ADMIN);
static const struct permission MANAGES = PERSON(ROLE_ADMIN, SCOPE_ADMIN, .is_dangerous = true);
/* Oneself: whoever is known, also one who has to set up a second factor first. */
static const struct permission ONESELF = PERSON(ROLE_VIEWER, 0);
static const struct permission OWN_TOKENS = PERSON(ROLE_VIEWER, SCOPE_ADMIN);
static const struct permission OWN_SECRETS =
    PERSON(ROLE_VIEWER, 0, .is_dangerous = true, .is_sessions = true);
/* Whoever can read the data directory. */
static const struct permission MACHINE = PERSON(ROLE_ADMIN, SCOPE_ADMIN, .is_machines = true);

static const struct permission HOOKS = PERSON(ROLE_ADMIN, SCOPE_ADMIN);
static const struct permission AUDITS = PERSON(ROLE_ADMIN, SCOPE_READ);

/* Of devices that show a certificate, or should. */
#define CERTIFICATE_TYPES                                                               \
    "certificate-needed certificate-untrusted certificate-revoked certificate-purpose " \
    "certificate-nameless certificate-early certificate-expired certificate-other"

/* The rest of a row is a `struct operation`: permission, name, sentence, then members by name. */
#define ROUTE(method, pattern, mode, body_max, handler, ...)                 \
    {                                                                        \
        HTTP_METHOD_##method, pattern, HTTP_##mode, body_max, handler, NULL, \
            &(const struct operation)                                        \
        {                                                                    \
            __VA_ARGS__                                                      \
        }                                                                    \
    }
#define UPLOAD(method, pattern, body_max, steps, ...)                         \
    {                                                                         \
        HTTP_METHOD_##method, pattern, HTTP_UPLOAD, body_max, NULL, &(steps), \
            &(const struct operation)                                         \
        {                                                                     \
            __VA_ARGS__                                                       \
        }                                                                     \
    }

const struct http_route ROUTES[] = {
    ROUTE(POST, "/v1/checkin", INLINE, GODWIT_CHECKIN_REQUEST_MAX, handle_checkin, &MEMBER,
          "checkIn", "A device says what it runs and hears what to do.", .body = "checkin_request",
          .replies = "200 checkin_reply; 400 malformed; "
                     "401 rejected claim-used-up claim-expired "
                     "token-taken; 403 " CERTIFICATE_TYPES " no-product; 429 too-many-reports; "
                     "503 certificate-stale"),
    ROUTE(GET, "/v1/image/{digest}", WORKER, 0, handle_image, &DEVICE, "fetchImage",
          "The bytes of an image, to a device that is offered it; in ranges too.",
          .replies = "200 octets; 206 octets; 304 empty; 403 " CERTIFICATE_TYPES "; 404 no-file; "
                     "409 not-offered; 416 range-behind-end; 503 certificate-stale"),
    ROUTE(GET, "/", INLINE, 0, handle_root, &ANYBODY, "root", "Says in words what is here.",
          .replies = "200 text"),
    ROUTE(GET, "/healthz", INLINE, 0, handle_health, &ANYBODY, "health",
          "Whether the server answers.", .replies = "200 text"),
    ROUTE(GET, "/readyz", INLINE, 0, handle_ready, &ANYBODY, "ready",
          "Whether the server takes changes.", .replies = "200 text; 503 not-ready"),
    ROUTE(GET, "/metrics", WORKER, 0, handle_metrics, &READS, "metrics",
          "Numbers to watch it by, in Prometheus' text format.", .replies = "200 text"),
    ROUTE(GET, "/api/v1/openapi.json", INLINE, 0, handle_openapi, &ANYBODY, "getOpenApi",
          "What the service takes and answers, as an OpenAPI 3.1 document.",
          .replies = "200 document"),
    ROUTE(POST, "/api/v1/login", WORKER, LOGIN_BODY_MAX, handle_login, &ANYBODY, "login",
          "A user and a password for a session: 7 days, 12 hours without use.",
          .body = "login_request",
          .replies = "200 session; 401 wrong-password wrong-code second-factor; "
                     "429 too-many-wrong"),
    ROUTE(POST, "/api/v1/logout", WORKER, 0, handle_logout, &ONESELF, "logout",
          "Ends the session that asks.", .replies = "200 done; 409 no-session"),
    ROUTE(GET, "/api/v1/session", WORKER, 0, handle_session, &ONESELF, "getSession",
          "Who asks, and what that may do.", .replies = "200 own_session"),
    ROUTE(POST, "/api/v1/session/reauthenticate", WORKER, LOGIN_BODY_MAX, handle_reauthenticate,
          &ONESELF, "reauthenticate", "The password again: ten minutes for what is dangerous.",
          .body = "proof_request",
          .replies = "200 proof; 401 wrong-password wrong-code second-factor; 409 no-session; "
                     "429 too-many-wrong"),
    ROUTE(PUT, "/api/v1/session/password", WORKER, LOGIN_BODY_MAX, handle_own_password,
          &OWN_SECRETS, "changePassword", "One's own; all other sessions and tokens end.",
          .body = "password_request", .replies = "200 password; 404 no-user; 422 weak-password"),
    ROUTE(POST, "/api/v1/session/second-factor", WORKER, 0, handle_totp_begin, &OWN_SECRETS,
          "beginSecondFactor", "A secret for an authenticator app; it counts once it is confirmed.",
          .replies = "201 second_factor; 409 second-factor-on"),
    ROUTE(POST, "/api/v1/session/second-factor/confirm", WORKER, LOGIN_BODY_MAX,
          handle_totp_confirm, &OWN_SECRETS, "confirmSecondFactor",
          "The first code turns it on; the recovery codes are shown this once.",
          .body = "code_request",
          .replies = "200 recovery_codes; 409 second-factor-on; 422 wrong-code"),
    ROUTE(DELETE, "/api/v1/session/second-factor", WORKER, 0, handle_own_totp_off, &OWN_SECRETS,
          "removeSecondFactor", "Turns one's own off.", .replies = "200 done; 404 no-user"),
    ROUTE(GET, "/api/v1/sessions", WORKER, 0, handle_sessions, &OWN_TOKENS, "listSessions",
          "One's own; an admin's list has those of everybody.", .replies = "200 sessions"),
    ROUTE(DELETE, "/api/v1/sessions/{id}", WORKER, 0, handle_session_end, &OWN_TOKENS, "endSession",
          "Ends a session at once.", .replies = "200 done; 404 no-session"),
    ROUTE(GET, "/api/v1/tokens", WORKER, 0, handle_tokens, &OWN_TOKENS, "listTokens",
          "API tokens: one's own; an admin's list has those of everybody.",
          .replies = "200 tokens"),
    ROUTE(POST, "/api/v1/tokens", WORKER, BODY_MAX, handle_token_create, &OWN_TOKENS, "makeToken",
          "An API token of one's own, which can do no more than oneself; it is shown this once.",
          .body = "token_request",
          .replies = "201 token_made; 403 reauthenticate not-here; 404 no-product; "
                     "409 too-many-tokens"),
    ROUTE(DELETE, "/api/v1/tokens/{id}", WORKER, 0, handle_token_revoke, &OWN_TOKENS, "revokeToken",
          "Ends an API token at once.", .replies = "200 done; 404 no-token"),
    ROUTE(GET, "/api/v1/users", WORKER, 0, handle_users, &ADMINISTERS, "listUsers",
          "The people of the organisation, by name.", .query = "after", .replies = "200 users"),
    ROUTE(POST, "/api/v1/users", WORKER, LOGIN_BODY_MAX, handle_user_create, &MANAGES, "makeUser",
          "A user with a role; without a password one is made and shown this once.",
          .body = "user_request",
          .replies = "201 user; 403 not-here; 404 no-user; 409 user-exists; 422 weak-password"),
    ROUTE(PUT, "/api/v1/users/{name}/role", WORKER, LOGIN_BODY_MAX, handle_user_role, &MANAGES,
          "setRole", "Another role, which holds at once.", .body = "role_request",
          .replies = "200 user; 404 no-user; 409 last-admin"),
    ROUTE(PUT, "/api/v1/users/{name}/password", WORKER, LOGIN_BODY_MAX, handle_user_password,
          &MANAGES, "setPassword", "A new password; sessions and tokens of the user end.",
          .body = "password_request", .replies = "200 password; 404 no-user; 422 weak-password"),
    ROUTE(DELETE, "/api/v1/users/{name}/second-factor", WORKER, 0, handle_user_totp_off, &MANAGES,
          "removeUserSecondFactor", "For who has lost it.",
          .replies = "200 done; 404 no-user; 422 malformed"),
    ROUTE(DELETE, "/api/v1/users/{name}", WORKER, 0, handle_user_remove, &MANAGES, "removeUser",
          "Takes a user out of the organisation, with sessions and tokens.",
          .replies = "200 done; 404 no-user; 409 last-admin; 422 malformed"),
    ROUTE(PUT, "/api/v1/org", WORKER, LOGIN_BODY_MAX, handle_org_settings, &MANAGES,
          "setOrganisation", "Whether its people need a second factor.", .body = "org_settings",
          .replies = "200 org"),
    ROUTE(GET, "/api/v1/orgs", WORKER, 0, handle_orgs, &MACHINE, "listOrganisations",
          "All organisations of the server.", .replies = "200 orgs; 403 not-here"),
    ROUTE(POST, "/api/v1/orgs", WORKER, LOGIN_BODY_MAX, handle_org_create, &MACHINE,
          "makeOrganisation", "An organisation with its first admin.", .body = "org_request",
          .replies = "201 org_made; 403 not-here; 409 org-exists user-exists"),
    UPLOAD(PUT, "/api/v1/images", UPLOAD_MAX, UPLOAD_IMAGE, &UPLOADS, "uploadImage",
           "Hands a firmware file to the server, which puts it into a release.",
           .query = "open product version other_project", .body = OCTETS,
           .replies = "200 upload; 201 upload; 409 frozen other-counter fewer-signatures "
                      "release-full; 413 too-large; 403 token-product; 422 *"),
    ROUTE(GET, "/api/v1/uploads/{sha256}", WORKER, 0, handle_upload_state, &UPLOADS, "getUpload",
          "How much of a file has come, which is sent in parts.",
          .replies = "200 upload_state; 404 no-upload"),
    UPLOAD(PUT, "/api/v1/uploads/{sha256}", UPLOAD_MAX, UPLOAD_PARTS, &UPLOADS, "uploadPart",
           "A part of a firmware file; the last one hands it to the server as uploadImage does.",
           .query = "open product version other_project Content-Range", .body = OCTETS,
           .replies =
               "200 upload; 201 upload; 202 upload_state; 409 wrong-offset upload-busy frozen "
               "other-counter fewer-signatures release-full; 413 too-large; 403 token-product; "
               "429 too-many-uploads; 422 *"),
    ROUTE(GET, "/api/v1/status", WORKER, 0, handle_status, &READS, "getStatus",
          "Everything at a glance.", .replies = "200 status"),
    ROUTE(GET, "/api/v1/releases", WORKER, 0, handle_releases, &READS, "listReleases",
          "Releases and their images, the newest first.", .query = "limit after fields",
          .replies = "200 releases; 422 other-list"),
    ROUTE(DELETE, "/api/v1/releases/{product}/{version}", WORKER, 0, handle_delete, &DELETES,
          "deleteRelease", "Takes a release away that no device needs.",
          .replies = "200 release_deleted; 404 no-release; 409 in-use bridge-release"),
    ROUTE(GET, "/api/v1/rollouts", WORKER, 0, handle_rollouts, &READS, "listRollouts",
          "Rollouts and how they go, the newest first.", .query = "limit after fields",
          .replies = "200 rollouts; 422 other-list"),
    ROUTE(POST, "/api/v1/rollouts", WORKER, DEPLOY_BODY_MAX, handle_deploy, &DEPLOYS, "deploy",
          "Rolls a release out to devices, or to all of its product.", .body = "deploy_request",
          .replies = "201 rollout; 404 no-release no-device; 409 deploy-key retired trust-reset "
                     "no-deploy-key retrusted-key overlaps no-image-for-chip bench no-return; 422 "
                     "wrong-product filter too-many-devices "
                     "gates-order"),
    ROUTE(GET, "/api/v1/rollouts/{id}", WORKER, 0, handle_rollout, &READS, "getRollout",
          "One rollout, and how it goes.", .replies = "200 rollout; 404 no-rollout"),
    ROUTE(POST, "/api/v1/rollouts/{id}/pause", WORKER, 0, handle_rollout_pause, &DEPLOYS,
          "pauseRollout", "Offers nothing of a rollout until it is resumed.",
          .replies = "200 rollout; 404 no-rollout; 409 halted undone unapproved"),
    ROUTE(POST, "/api/v1/rollouts/{id}/resume", WORKER, 0, handle_rollout_resume, &DEPLOYS,
          "resumeRollout", "Lets a paused rollout continue.",
          .replies = "200 rollout; 404 no-rollout; 409 halted undone unapproved"),
    ROUTE(POST, "/api/v1/rollouts/{id}/halt", WORKER, 0, handle_rollout_halt, &DEPLOYS,
          "haltRollout", "Ends a rollout: what it offered is withdrawn.",
          .replies = "200 rollout; 404 no-rollout; 409 undone"),
    ROUTE(POST, "/api/v1/rollouts/{id}/undo", WORKER, 0, handle_rollout_undo, &DEPLOYS,
          "undoRollout", "Ends a rollout, and sends devices back that confirmed the release.",
          .replies = "200 rollout; 404 no-rollout; 409 unapproved"),
    ROUTE(POST, "/api/v1/rollouts/{id}/skip", WORKER, 0, handle_rollout_skip, &SKIPS, "skipRollout",
          "Offers it to all that are left, without waiting for proof.",
          .replies = "200 rollout; 404 no-rollout; 409 halted undone unapproved"),
    ROUTE(POST, "/api/v1/rollouts/{id}/retry", WORKER, 0, handle_rollout_retry, &DEPLOYS,
          "retryRollout", "Offers it again to devices on which it failed.",
          .replies = "200 rollout; 404 no-rollout; 409 halted undone unapproved"),
    ROUTE(POST, "/api/v1/rollouts/{id}/approve", WORKER, 0, handle_rollout_approve, &DEPLOYS,
          "approveRollout", "Lets a rollout begin that waits for a second person.",
          .replies = "200 rollout; 404 no-rollout; 409 not-waiting own-rollout"),
    ROUTE(PUT, "/api/v1/rollouts/{id}/priority", WORKER, BODY_MAX, handle_rollout_priority,
          &DEPLOYS, "setPriority", "Which of several rollouts speaks to a device.",
          .body = "priority_request", .replies = "200 rollout; 404 no-rollout; 409 pinned"),
    ROUTE(GET, "/api/v1/rollouts/{id}/devices", WORKER, 0, handle_rollout_devices, &READS,
          "listRolloutDevices", "What each device makes of a rollout that selects it.",
          .query = "state limit after fields",
          .replies = "200 rollout_devices; 404 no-rollout; 422 other-list"),
    ROUTE(GET, "/api/v1/devices", WORKER, 0, handle_devices, &READS, "listDevices",
          "Devices: what each runs, and why.", .query = "filter sort limit after fields",
          .replies = "200 devices; 422 filter other-list"),
    ROUTE(GET, "/api/v1/filters/complete", WORKER, 0, handle_filter_complete, &READS,
          "completeFilter",
          "What can stand at the cursor of a filter: fields, or values that devices have.",
          .query = "text cursor", .replies = "200 completion; 422 malformed"),
    ROUTE(GET, "/api/v1/devices/export", WORKER, 0, handle_devices_export, &READS, "exportDevices",
          "All devices that a filter finds, in one answer: CSV, or a JSON object to a line.",
          .query = "format filter sort fields",
          .replies = "200 device_export; 422 filter; 505 http-too-old"),
    ROUTE(GET, "/api/v1/devices/{id}", WORKER, 0, handle_device, &READS, "getDevice",
          "One device with all that it reported.", .replies = "200 device; 404 no-device"),
    ROUTE(GET, "/api/v1/devices/{id}/why", WORKER, 0, handle_why, &READS, "getWhy",
          "Why a device is offered what it is, or nothing.", .query = "release",
          .replies = "200 why; 404 no-device no-release"),
    ROUTE(PATCH, "/api/v1/devices/{id}", WORKER, BODY_MAX, handle_device_edit, &ADMITS,
          "editDevice", "Gives a device a name, tags or another product.", .query = "If-Match",
          .body = "device_edit",
          .replies = "200 device; 404 no-device no-product; 409 too-many-tags; "
                     "412 changed-meanwhile"),
    ROUTE(POST, "/api/v1/devices/edit", WORKER, BODY_MAX, handle_devices_edit, &ADMITS,
          "editDevices",
          "Changes a batch of the devices that a filter finds; again with `next` for the rest.",
          .body = "devices_edit", .replies = "200 devices_edited; 404 no-product; 422 filter"),
    ROUTE(POST, "/api/v1/devices/{id}/retire", WORKER, 0, handle_retire, &ADMITS, "retireDevice",
          "Retires a device: it is told nothing, counts nowhere, and its token is void.",
          .query = "If-Match", .replies = "200 device; 404 no-device; 412 changed-meanwhile"),
    ROUTE(POST, "/api/v1/devices/{id}/reinstate", WORKER, 0, handle_reinstate, &ADMITS,
          "reinstateDevice", "Takes the retirement of a device back; its token is good again.",
          .query = "If-Match", .replies = "200 device; 404 no-device; 412 changed-meanwhile"),
    ROUTE(GET, "/api/v1/devices/{id}/events", WORKER, 0, handle_events, &READS, "listDeviceEvents",
          "The history of one device, the newest first.", .query = "limit after fields",
          .replies = "200 events; 404 no-device; 422 other-list"),
    ROUTE(GET, "/api/v1/pending", WORKER, 0, handle_pending, &READS, "listPending",
          "Tokens that wait to be let in under the id of a known device, the newest first.",
          .query = "limit after fields", .replies = "200 pending; 422 other-list"),
    ROUTE(POST, "/api/v1/devices/{id}/check-in-now", WORKER, 0, handle_check_in_now, &ADMITS,
          "checkInNow", "Answers the device at once if its check-in is held.",
          .replies = "200 woken; 404 no-device"),
    ROUTE(POST, "/api/v1/check-in-now", WORKER, DEPLOY_BODY_MAX, handle_check_in_now_many, &ADMITS,
          "checkInNowMany", "Answers each of these devices at once whose check-in is held.",
          .body = "wake_request", .replies = "200 woken; 404 no-device"),
    ROUTE(POST, "/api/v1/devices/{id}/accept", WORKER, BODY_MAX, handle_accept, &ADMITS,
          "acceptToken", "Lets a device in again by the token that waits.", .body = "token_choice",
          .replies = "200 device; 404 no-device; 409 other-token not-pending token-taken"),
    ROUTE(POST, "/api/v1/devices/{id}/reject", WORKER, BODY_MAX, handle_reject, &ADMITS,
          "rejectToken", "Sends the token that waits away for good.", .body = "token_choice",
          .replies = "200 device; 404 no-device; 409 other-token not-pending token-taken"),
    ROUTE(GET, "/api/v1/events/stream", WORKER, 0, handle_event_stream, &READS, "streamEvents",
          "What changes, as server-sent events: see docs/PROTOCOL.md.", .query = "Last-Event-ID",
          .replies = "200 event_stream"),
    ROUTE(POST, "/api/v1/devices/{id}/consent", WORKER, 0, handle_consent, &ADMITS, "consentDevice",
          "Agrees to the update of a device whose rollout asks for consent.",
          .replies = "200 done; 404 no-device; 409 no-rollout consent-not-asked"),
    ROUTE(POST, "/api/v1/devices/{id}/hold", WORKER, 0, handle_hold, &ADMITS, "holdDevice",
          "Holds a device as it is: it is offered nothing.", .replies = "200 done; 404 no-device"),
    ROUTE(DELETE, "/api/v1/devices/{id}/hold", WORKER, 0, handle_let_go, &ADMITS, "letDeviceGo",
          "Ends a hold.", .replies = "200 done; 404 no-device"),
    ROUTE(DELETE, "/api/v1/devices/{id}/pin", WORKER, 0, handle_unpin, &DEPLOYS, "unpinDevice",
          "Takes a device out of the rollouts that pin it to a release.",
          .replies = "200 done; 404 no-device; 409 not-pinned"),
    ROUTE(POST, "/api/v1/devices/{id}/undo", WORKER, 0, handle_device_undo, &DEPLOYS, "undoDevice",
          "Sends one device back to the release that it came from.",
          .replies = "200 done; 404 no-device; 409 not-confirmed"),
    ROUTE(PUT, "/api/v1/products/{name}/locks", WORKER, BODY_MAX, handle_locks, &MANAGES,
          "setLocks", "What a deploy of the product needs: a second person, a bench device.",
          .body = "locks", .replies = "200 locks; 404 no-product"),
    ROUTE(POST, "/api/v1/devices/{id}/clear", WORKER, BODY_MAX, handle_clear, &ADMITS, "clearFork",
          "Says that a forked device is one device again.",
          .replies = "200 fork_cleared; 404 no-device; 409 not-forked"),
    ROUTE(POST, "/api/v1/pending-tokens", WORKER, BODY_MAX, handle_choose_tokens, &ADMITS,
          "chooseTokens", "Lets in or sends away many tokens that wait, each with its result.",
          .body = "token_choices", .replies = "200 tokens_chosen"),
    ROUTE(POST, "/api/v1/rotations", WORKER, BODY_MAX, handle_rotate, &ADMITS, "rotateTokens",
          "Asks devices to make another token with their next check-in.",
          .body = "rotation_request", .replies = "200 rotation_asked; 404 no-device"),
    ROUTE(POST, "/api/v1/claims", WORKER, BODY_MAX, handle_claims, &ADMITS, "makeClaim",
          "Makes a claim token, by which devices join a product.", .body = "claim_request",
          .replies = "201 claim; 404 no-product; 409 too-many-claims"),
    ROUTE(GET, "/api/v1/claims", WORKER, 0, handle_claim_list, &ADMITS, "listClaims",
          "The claim tokens that were made, the newest first.", .query = "limit after",
          .replies = "200 claims; 422 malformed"),
    ROUTE(DELETE, "/api/v1/claims/{claim}", WORKER, 0, handle_claim_revoke, &ADMITS, "revokeClaim",
          "Ends a claim token; devices that joined by it stay.",
          .replies = "200 claim_revoked; 404 no-claim"),
    ROUTE(POST, "/api/v1/factory", WORKER, FACTORY_BODY_MAX, handle_factory_import, &ADMITS,
          "importFactoryList", "Lists devices that join without a claim, by lines of CSV.",
          .body = "factory_request",
          .replies = "200 factory_imported; 404 no-product; 409 other-token token-taken list-full; "
                     "422 bad-line too-many-lines"),
    ROUTE(GET, "/api/v1/factory", WORKER, 0, handle_factory_list, &ADMITS, "listFactoryList",
          "Devices that are listed and have not joined, by id.", .query = "limit after",
          .replies = "200 factory; 422 malformed"),
    ROUTE(DELETE, "/api/v1/factory/{id}", WORKER, 0, handle_factory_remove, &ADMITS,
          "removeFromFactoryList", "Takes a device off the factory list.",
          .replies = "200 factory_removed; 404 not-listed"),
    ROUTE(GET, "/api/v1/audit", WORKER, 0, handle_audit, &AUDITS, "listAudit",
          "Records of the audit log, the newest first; with `after` the oldest first.",
          .query = "limit after before actor action object",
          .replies = "200 audit_records; 422 malformed"),
    ROUTE(GET, "/api/v1/audit/checkpoints", WORKER, 0, handle_audit_checkpoints, &AUDITS,
          "listAuditCheckpoints", "Signed checkpoints of the audit log, the oldest first.",
          .query = "limit after", .replies = "200 audit_checkpoints; 422 malformed"),
    ROUTE(POST, "/api/v1/webhooks", WORKER, BODY_MAX, handle_webhook_add, &HOOKS, "addWebhook",
          "Makes a webhook, to which events are sent.", .body = "webhook_request",
          .replies = "201 webhook_made; 409 too-many-webhooks; 422 bad-webhook"),
    ROUTE(GET, "/api/v1/webhooks", WORKER, 0, handle_webhooks, &HOOKS, "listWebhooks",
          "The webhooks of the organisation.", .replies = "200 webhooks"),
    ROUTE(GET, "/api/v1/webhooks/{id}", WORKER, 0, handle_webhook, &HOOKS, "getWebhook",
          "One webhook, without its secret.", .replies = "200 webhook; 404 no-webhook"),
    ROUTE(PATCH, "/api/v1/webhooks/{id}", WORKER, BODY_MAX, handle_webhook_edit, &HOOKS,
          "editWebhook", "Points a webhook elsewhere, pauses it, or gives it another secret.",
          .query = "If-Match", .body = "webhook_edit",
          .replies = "200 webhook_edited; 404 no-webhook; 412 changed-meanwhile; 422 bad-webhook"),
    ROUTE(DELETE, "/api/v1/webhooks/{id}", WORKER, 0, handle_webhook_remove, &HOOKS,
          "removeWebhook", "Removes a webhook with all that waits for it.", .query = "If-Match",
          .replies = "200 webhook_removed; 404 no-webhook; 412 changed-meanwhile"),
    ROUTE(POST, "/api/v1/webhooks/{id}/test", WORKER, BODY_MAX, handle_webhook_test, &HOOKS,
          "testWebhook", "Sends an event `test` now.",
          .replies = "202 webhook_tested; 404 no-webhook"),
    ROUTE(GET, "/api/v1/webhooks/{id}/deliveries", WORKER, 0, handle_webhook_deliveries, &HOOKS,
          "listWebhookDeliveries", "What waits for a webhook, and how the last deliveries went.",
          .replies = "200 webhook_deliveries; 404 no-webhook"),
    ROUTE(GET, "/api/v1/products/{name}/initial-policy", WORKER, 0, handle_initial_policy, &READS,
          "getInitialPolicy", "The policy for the agent's build: 328 bytes, see docs/FORMATS.md.",
          .replies = "200 octets; 404 no-product"),
};
const size_t ROUTES_COUNT = sizeof ROUTES / sizeof *ROUTES;

/* For browsers. Nothing may run here yet, be framed, or be sent to from another site. */
#define HEADERS                                                                            \
    "Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; "   \
    "frame-ancestors 'none'\r\n"                                                           \
    "X-Frame-Options: DENY\r\n"                                                            \
    "Referrer-Policy: no-referrer\r\n"                                                     \
    "Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()\r\n" \
    "Cross-Origin-Resource-Policy: same-origin\r\n"

void routes_serve(struct app *app, struct http_options *options)
{
    /* With a certificate that browsers believe, they shall never come without TLS again. */
    bool is_public = app->settings->tls_cert && !app->settings->ca;
    options->headers =
        is_public ? HEADERS "Strict-Transport-Security: max-age=31536000\r\n" : HEADERS;
    options->bare = "/v1/"; /* devices */
    options->trusted_proxy = app->settings->trusted_proxy;
    options->app = app;
    options->routes = ROUTES;
    options->routes_count = ROUTES_COUNT;
    options->gate = permission_gate;
    options->workers = app->workers;
    options->clock = app->clock;
}
