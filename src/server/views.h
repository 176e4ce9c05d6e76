/* JSON views of the fleet, shared by the operator API. The fleet's lock is held by the
 * caller, but where it says otherwise. */
#pragma once

#include <jansson.h>

#include "server/counts.h"

json_t *view_digest(const uint8_t digest[static 32]); /* null for all zero */
/* All, without their devices, and all releases; both take the lock themselves. */
json_t *view_rollouts(struct app *app, const struct counts *counts);
json_t *view_releases(struct app *app);
/* One, with its devices or without; NULL: there is none. Both take the lock themselves. */
json_t *view_rollout(struct app *app, uint32_t rollout_id);
json_t *view_rollout_counts(struct app *app, uint32_t rollout_id);
json_t *view_device(const struct app *app, const struct device *device);
json_t *view_device_list(struct app *app);          /* all; takes the lock itself */
json_t *view_pending(const struct device *device);  /* tokens that wait, who asked last first */
json_t *view_pending_list(struct app *app);         /* of all devices; takes the lock itself */
void reply_no_device(struct http_request *request); /* 404; api_devices.c */
/* "tags" of a body: at most 16, joined by a space. False: answered; api_claims.c. */
bool read_tags(struct http_request *request, const json_t *body, char *out, size_t size_max);
void reply_no_product(struct http_request *request, const char *name); /* 404; api_claims.c */
/* "7cdfa1000001" */
void device_id_text(const uint8_t device_id[static 6], char out[static 13]);
/* FORMAT unless 12 hex digits. */
GODWIT_MUST_USE godwit_err device_id_parse(const char *text, uint8_t out[static 16]);
