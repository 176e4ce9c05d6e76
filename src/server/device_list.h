/* The list of devices, as GET /api/v1/devices shows it and .../export hands it on: what of it a
 * request asks for, and how a row looks. */
#pragma once

#include "filter/sql.h"
#include "server/views.h"

#define DEVICE_LIST_MEMBERS                                                               \
    "device_id product chip version slot state on_trial last_seen reason cause sentence " \
    "rollout_id name tags"

/* `filter` and `sort` of the request, and what the caller may see: a query from the start, but for
 * its limit. It lives as long as the request's arena. False: answered with 422 or 503. */
bool device_list_read(struct http_request *request, struct list_query *out);
/* A row with its name and tags; NULL: the database failed. */
json_t *device_list_view(struct db *db, const struct list_device *row);
/* Name and tags, which lie in the database alone. device: devices.id */
GODWIT_MUST_USE godwit_err device_list_add_labels(struct db *db, int64_t device, json_t *view);
