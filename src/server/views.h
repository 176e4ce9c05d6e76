/* JSON views of the fleet, shared by the operator API. */
#pragma once

#include <jansson.h>

#include "fleet/list_members.h"
#include "fleet/list_pending.h"
#include "fleet/outlook.h"
#include "server/app.h"

json_t *view_digest(const uint8_t digest[static 32]); /* null for all zero */
/* What a request may see of rollouts: api_rollouts.c. */
struct counts_query rollouts_query(struct http_request *request);
/* The number of the rollout that the address names; 0: it is none. */
uint32_t rollout_param(struct http_request *request);
/* Replies with that rollout, as it is now, or with 404. */
void reply_rollout(struct http_request *request, int status, uint32_t id);
void reply_no_rollout(struct http_request *request);
json_t *view_rollout(const struct rollout_counts *counts);
/* What it does next, as members of its view. */
void view_outlook(json_t *view, const struct outlook *outlook);
/* Its strata in which devices have failed, or are waited for. Lock held. */
json_t *view_strata(const struct catalogue *catalogue, const struct rollout *rollout);
json_t *view_member(const struct list_member *member);
struct locks;
json_t *view_locks(const struct locks *locks); /* api_locks.c */
/* Of one organisation and, unless "", one product. */
struct releases_query {
    const char *org, *product;
    int64_t before; /* only those of lower id; INT64_MAX: all */
    size_t limit;
};
/* The newest first; takes the lock for one at a time. last_out: the id of the last, where there is
 * one; more_out: there are others behind it. */
json_t *view_releases(struct app *app, const struct releases_query *query, int64_t *last_out,
                      bool *more_out);
json_t *view_listed_device(const struct list_device *row);
/* What its row says or will say; lock held. */
json_t *view_device(const struct app *app, const struct device *device);
/* All of one, as handle_device sends it; NULL: the database failed. Writer. */
json_t *view_one_device(struct app *app, const struct device *device);
json_t *view_waiting(const struct list_pending *row); /* api_pending.c */
json_t *view_pending(const struct device *device);    /* tokens that wait, who asked last first;
                                                         lock held */
void reply_no_device(struct http_request *request);   /* 404; api_devices.c */
/* Brings the device of the path into memory, where it is not there. */
void fetch_requested_device(struct http_request *request);
/* NULL: the id is malformed or unknown, or of a product that the caller does not see. Lock held. */
const struct device *requested_device(struct http_request *request);
/* "tags" of a body: at most 16, joined by a space. False: answered; api_claims.c. */
bool read_tags(struct http_request *request, const json_t *body, char *out, size_t size_max);
void reply_no_product(struct http_request *request, const char *name); /* 404; api_claims.c */
