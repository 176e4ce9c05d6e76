/* The list of handlers; routes.c says who may call them, and nobody else comes so far. */
#pragma once

#include "server/app.h"

/* device_native.c, content.c */
void handle_checkin(struct http_request *request);
void handle_image(struct http_request *request);
void checkin_answer(struct waiter *waiter); /* one that was held */

/* upload.c */
extern const struct http_upload UPLOAD_IMAGE;

/* upload_parts.c */
extern const struct http_upload UPLOAD_PARTS;
void handle_upload_state(struct http_request *request);

/* events.c */
void handle_event_stream(struct http_request *request);

/* api_doc.c */
void handle_openapi(struct http_request *request);

/* api_login.c */
void handle_login(struct http_request *request);
void handle_reauthenticate(struct http_request *request);

/* api_sessions.c, api_users.c, api_totp.c */
void handle_session(struct http_request *request);
void handle_logout(struct http_request *request);
void handle_sessions(struct http_request *request);
void handle_session_end(struct http_request *request);
void handle_tokens(struct http_request *request);
void handle_token_create(struct http_request *request);
void handle_token_revoke(struct http_request *request);
void handle_users(struct http_request *request);
void handle_user_create(struct http_request *request);
void handle_user_role(struct http_request *request);
void handle_user_password(struct http_request *request);
void handle_own_password(struct http_request *request);
void handle_user_remove(struct http_request *request);
void handle_orgs(struct http_request *request);
void handle_org_create(struct http_request *request);
void handle_org_settings(struct http_request *request);
void handle_totp_begin(struct http_request *request);
void handle_totp_confirm(struct http_request *request);
void handle_own_totp_off(struct http_request *request);
void handle_user_totp_off(struct http_request *request);

/* api_*.c */
void handle_rotate(struct http_request *request);
void handle_consent(struct http_request *request);
void handle_hold(struct http_request *request);
void handle_let_go(struct http_request *request);
void handle_unpin(struct http_request *request);
void handle_device_undo(struct http_request *request);
void handle_locks(struct http_request *request);
void handle_clear(struct http_request *request);
void handle_choose_tokens(struct http_request *request);
void handle_claims(struct http_request *request);
void handle_claim_list(struct http_request *request);
void handle_claim_revoke(struct http_request *request);
void handle_factory_import(struct http_request *request);
void handle_factory_list(struct http_request *request);
void handle_factory_remove(struct http_request *request);
void handle_initial_policy(struct http_request *request);
void handle_status(struct http_request *request);
void handle_releases(struct http_request *request);
void handle_delete(struct http_request *request);
void handle_why(struct http_request *request);
void handle_rollouts(struct http_request *request);
void handle_rollout(struct http_request *request);
void handle_rollout_pause(struct http_request *request);
void handle_rollout_resume(struct http_request *request);
void handle_rollout_halt(struct http_request *request);
void handle_rollout_undo(struct http_request *request);
void handle_rollout_skip(struct http_request *request);
void handle_rollout_retry(struct http_request *request);
void handle_rollout_approve(struct http_request *request);
void handle_rollout_priority(struct http_request *request);
void handle_rollout_devices(struct http_request *request);
void handle_deploy(struct http_request *request);
void handle_devices(struct http_request *request);
void handle_filter_complete(struct http_request *request);
void handle_device(struct http_request *request);
void handle_devices_export(struct http_request *request);
void handle_events(struct http_request *request);
void handle_check_in_now(struct http_request *request);
void handle_check_in_now_many(struct http_request *request);
void handle_pending(struct http_request *request);
void handle_accept(struct http_request *request);
void handle_reject(struct http_request *request);
void handle_device_edit(struct http_request *request);
void handle_devices_edit(struct http_request *request);
void handle_retire(struct http_request *request);
void handle_reinstate(struct http_request *request);
void handle_audit(struct http_request *request);
void handle_audit_checkpoints(struct http_request *request);

/* api_health.c */
void handle_root(struct http_request *request);
void handle_webhook_add(struct http_request *request);
void handle_webhook(struct http_request *request);
void handle_webhook_edit(struct http_request *request);
void handle_webhooks(struct http_request *request);
void handle_webhook_remove(struct http_request *request);
void handle_webhook_test(struct http_request *request);
void handle_webhook_deliveries(struct http_request *request);
void handle_health(struct http_request *request);
void handle_ready(struct http_request *request);
void handle_metrics(struct http_request *request);
