/* The guards of a rollout in JSON: as a deploy asks for them, and as they are shown. */
#pragma once

#include <jansson.h>

#include "fleet/guards.h"
#include "http/http.h"

/* From the body of a deploy, whose schema was checked. False: answered. */
bool guards_take(struct http_request *request, const json_t *body, struct rollout_guards *out);
/* Adds a member for each: `window`, `tz`, `per_site`, `consent`, `battery_min`. */
void guards_add(json_t *view, const struct rollout_guards *guards);
