/* What the service writes into its audit log, and how.
 *
 * A handler that changes something says so inside the run of its change, after the change went well
 * and before run returns:
 *
 *     return change_audit(change, AUDIT_CLAIM_CREATED, claims->product, NULL, after_json);
 *
 * and has a row in the table below; who, when and from where come from the request. Two things hold
 * it to that: a test wants a row for each route that is no GET (or a reason in its list why there
 * is none), and a change that wrote rows without such a call gets a record "unnamed" of its own,
 * which every test of a live server refuses. Values are small: what a person needs to see what was
 * changed, never a secret. */
#pragma once

#include <jansson.h>

#include "audit/trail.h"
#include "server/app.h"

/* name, text id (kept for ever: the log holds it), method and route or "", what was done. */
#define AUDIT_ACTIONS(X)                                                                           \
    X(UNNAMED, "unnamed", "", "something was changed by a request that says not what")             \
    X(SERVER_STARTED, "server.started", "",                                                        \
      "the service was started with these settings and keys")                                      \
    X(SERVER_RESTORED, "server.restored", "",                                                      \
      "the service was made of a backup; what was done after that backup is not in this log")      \
    X(LOGIN, "session.created", "POST /api/v1/login", "somebody logged in")                        \
    X(LOGIN_REFUSED, "login.refused", "POST /api/v1/login", "wrong passwords, summed up")          \
    X(IMAGE_UPLOADED, "image.uploaded", "PUT /api/v1/images", "a file was taken into a release")   \
    X(RELEASE_DELETED, "release.deleted", "DELETE /api/v1/releases/{product}/{version}",           \
      "a release was taken away")                                                                  \
    X(ROLLOUT_CREATED, "rollout.created", "POST /api/v1/rollouts", "a release was rolled out")     \
    X(ROLLOUT_FINISHED, "rollout.finished", "",                                                    \
      "each device that a rollout selects has an outcome, for the first time")                     \
    X(ROLLOUT_PAUSED, "rollout.paused", "POST /api/v1/rollouts/{id}/pause",                        \
      "a rollout offers nothing until it is resumed")                                              \
    X(ROLLOUT_RESUMED, "rollout.resumed", "POST /api/v1/rollouts/{id}/resume",                     \
      "a paused rollout continues")                                                                \
    X(ROLLOUT_HALTED, "rollout.halted", "POST /api/v1/rollouts/{id}/halt",                         \
      "a rollout was ended, by somebody or by its failures; what it offered is withdrawn")         \
    X(ROLLOUT_STRATUM_HALTED, "rollout.stratum-halted", "",                                        \
      "a rollout was ended for devices of one kind alone, by their failures")                      \
    X(ROLLOUT_UNDONE, "rollout.undone", "POST /api/v1/rollouts/{id}/undo",                         \
      "devices that confirmed it are sent back to what they came from")                            \
    X(ROLLOUT_SKIPPED, "rollout.skipped", "POST /api/v1/rollouts/{id}/skip",                       \
      "a rollout goes on without waiting for proof")                                               \
    X(ROLLOUT_APPROVED, "rollout.approved", "POST /api/v1/rollouts/{id}/approve",                  \
      "a second person let a rollout begin")                                                       \
    X(ROLLOUT_PRIORITY, "rollout.priority", "PUT /api/v1/rollouts/{id}/priority",                  \
      "a rollout got another priority")                                                            \
    X(PRODUCT_LOCKS, "product.locks", "PUT /api/v1/products/{name}/locks",                         \
      "what a deploy of a product needs was changed")                                              \
    X(ROLLOUT_RETRIED, "rollout.retried", "POST /api/v1/rollouts/{id}/retry",                      \
      "devices on which it failed are offered it again")                                           \
    X(DEVICE_ENROLLED, "device.enrolled", "POST /v1/checkin", "a device joined")                   \
    X(DEVICE_ACCEPTED, "device.accepted", "POST /api/v1/devices/{id}/accept",                      \
      "a device was let in with another token")                                                    \
    X(DEVICE_REJECTED, "device.rejected", "POST /api/v1/devices/{id}/reject",                      \
      "a token that asked for a device's id was rejected")                                         \
    X(DEVICE_EDITED, "device.edited", "PATCH /api/v1/devices/{id}",                                \
      "a device got another name, tags or product")                                                \
    X(DEVICES_EDITED, "devices.edited", "POST /api/v1/devices/edit",                               \
      "a batch of the devices that a filter finds was changed")                                    \
    X(DEVICE_RETIRED, "device.retired", "POST /api/v1/devices/{id}/retire",                        \
      "a device was retired; its token is void")                                                   \
    X(DEVICE_REINSTATED, "device.reinstated", "POST /api/v1/devices/{id}/reinstate",               \
      "the retirement of a device was taken back")                                                 \
    X(DEVICE_HELD, "device.held", "POST /api/v1/devices/{id}/hold", "a device is held as it is")   \
    X(DEVICE_LET_GO, "device.let-go", "DELETE /api/v1/devices/{id}/hold", "a hold has ended")      \
    X(DEVICE_UNPINNED, "device.unpinned", "DELETE /api/v1/devices/{id}/pin",                       \
      "a device is pinned to no release any more")                                                 \
    X(DEVICE_UNDONE, "device.undone", "POST /api/v1/devices/{id}/undo",                            \
      "a device is sent back to what it came from")                                                \
    X(DEVICE_CONSENTED, "device.consented", "POST /api/v1/devices/{id}/consent",                   \
      "somebody agreed to the update of a device")                                                 \
    X(CLAIM_CREATED, "claim.created", "POST /api/v1/claims", "a claim token was made")             \
    X(CLAIM_REVOKED, "claim.revoked", "DELETE /api/v1/claims/{claim}", "a claim token was ended")  \
    X(FACTORY_IMPORTED, "factory.imported", "POST /api/v1/factory",                                \
      "devices were listed that join without a claim")                                             \
    X(FACTORY_REMOVED, "factory.removed", "DELETE /api/v1/factory/{id}",                           \
      "a device was taken off the factory list")                                                   \
    X(WEBHOOK_CREATED, "webhook.created", "POST /api/v1/webhooks", "a webhook was made")           \
    X(WEBHOOK_EDITED, "webhook.edited", "PATCH /api/v1/webhooks/{id}",                             \
      "a webhook was pointed elsewhere, paused or given another secret")                           \
    X(WEBHOOK_REMOVED, "webhook.removed", "DELETE /api/v1/webhooks/{id}", "a webhook was removed") \
    X(WEBHOOK_TESTED, "webhook.tested", "POST /api/v1/webhooks/{id}/test",                         \
      "a test delivery was asked for")                                                             \
    X(WEBHOOK_GIVEN_UP, "webhook.given-up", "", "deliveries were given up")                        \
    X(ROTATION_ASKED, "rotation.asked", "POST /api/v1/rotations",                                  \
      "devices were asked for another token")                                                      \
    X(DEVICE_CLEARED, "device.cleared", "POST /api/v1/devices/{id}/clear",                         \
      "a forked device was said to be one again")                                                  \
    X(TOKENS_CHOSEN, "tokens.chosen", "POST /api/v1/pending-tokens",                               \
      "many tokens were accepted or rejected; each has its own record too")                        \
    X(LOGGED_OUT, "session.ended", "POST /api/v1/logout", "somebody logged out")                   \
    X(SESSION_ENDED, "session.ended-by", "DELETE /api/v1/sessions/{id}", "a session was ended")    \
    X(PROVED, "session.proved", "POST /api/v1/session/reauthenticate",                             \
      "a password was typed again")                                                                \
    X(TOKEN_CREATED, "token.created", "POST /api/v1/tokens", "an API token was made")              \
    X(TOKEN_REVOKED, "token.revoked", "DELETE /api/v1/tokens/{id}", "an API token was ended")      \
    X(USER_CREATED, "user.created", "POST /api/v1/users", "a user was made, or joined")            \
    X(USER_ROLE, "user.role", "PUT /api/v1/users/{name}/role", "a user got another role")          \
    X(USER_PASSWORD, "user.password", "PUT /api/v1/users/{name}/password",                         \
      "a user's password was set anew")                                                            \
    X(OWN_PASSWORD, "user.own-password", "PUT /api/v1/session/password",                           \
      "a user changed the own password")                                                           \
    X(USER_REMOVED, "user.removed", "DELETE /api/v1/users/{name}", "a user was taken out")         \
    X(FACTOR_BEGUN, "factor.begun", "POST /api/v1/session/second-factor",                          \
      "a user began to set up a second factor")                                                    \
    X(FACTOR_ON, "factor.on", "POST /api/v1/session/second-factor/confirm",                        \
      "a user has a second factor from now on")                                                    \
    X(FACTOR_OFF, "factor.off", "DELETE /api/v1/session/second-factor",                            \
      "a user turned the own second factor off")                                                   \
    X(USER_FACTOR_OFF, "user.factor-off", "DELETE /api/v1/users/{name}/second-factor",             \
      "a user's second factor was turned off by an admin")                                         \
    X(ORG_CREATED, "org.created", "POST /api/v1/orgs", "an organisation was made")                 \
    X(ORG_SET, "org.set", "PUT /api/v1/org", "what holds for an organisation was changed")         \
    X(LOG_PRUNED, "log.pruned", "", "records of this log went by age")

#define AUDIT_ACTION_ENUM(name, id, route, sentence) AUDIT_##name,
enum audit_action { AUDIT_ACTIONS(AUDIT_ACTION_ENUM) AUDIT_ACTIONS_COUNT };
#undef AUDIT_ACTION_ENUM

const char *audit_action_id(enum audit_action action);
const char *audit_action_route(enum audit_action action);
const char *audit_action_sentence(enum audit_action action);

/* Adds the record of a change, inside its run. object: what was changed, as people name it; before
 * and after may be NULL and are freed here. An error of it is run's to return. */
GODWIT_MUST_USE godwit_err change_audit(struct change *change, enum audit_action action,
                                        const char *object, json_t *before, json_t *after);
/* The same of what the service itself does. Writer, in a transaction. */
GODWIT_MUST_USE godwit_err app_audit(struct app *app, enum audit_action action, const char *object,
                                     json_t *before, json_t *after);

/* The same of what whoever can write the data directory did while the service was stopped. In a
 * transaction. */
GODWIT_MUST_USE godwit_err audit_by_machine(struct db *db, int64_t now_s, const char *org,
                                            enum audit_action action, const char *object,
                                            json_t *after);

/* The same of one organisation, whose listeners hear of it. */
GODWIT_MUST_USE godwit_err app_audit_of(struct app *app, const char *org, enum audit_action action,
                                        const char *object, json_t *after);

/* A wrong password; bounded: it goes into the summary that the next tick writes, at most one record
 * a minute for an organisation. org: where the user is at home; user: NULL where there is no such
 * user, for people type passwords there; the first organisation hears of it. Any thread. */
void audit_login_refused(struct app *app, const char *org, const char *user, const char *address);

/* ---- for app.c ---- */

/* server.started, with what is different from the start before. Writer's connection, before the
 * threads. */
GODWIT_MUST_USE godwit_err audit_start(struct app *app);
/* The summary of wrong passwords, a checkpoint where one is due, what is old. Writer, in a
 * transaction. more: call again soon. */
GODWIT_MUST_USE godwit_err audit_tick(struct app *app, bool *more_out);
/* A checkpoint of all that is there, whether due or not. Writer, in a transaction. */
GODWIT_MUST_USE godwit_err audit_checkpoint_now(struct app *app);
/* After the commit of an audit_tick: instructions carry its checkpoint from now on. Writer. */
void audit_committed(struct app *app);
void audit_close(struct app *app);
