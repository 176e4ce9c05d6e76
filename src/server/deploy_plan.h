/* How a rollout is to grow, as a deploy says it or the service is set. */
#pragma once

#include "fleet/gates.h"
#include "http/http.h"
#include "server/app.h"

struct deploy_plan {
    struct proof_plan plan;
    bool has_gates; /* given, and not the service's own */
};

/* "soak" and "gates" of the body, else the service's. False: answered. */
bool deploy_plan_read(struct http_request *request, const json_t *body, struct deploy_plan *out);
/* For so many devices; whether gates that were given make sense for them. */
bool deploy_plan_fit(struct deploy_plan *plan, uint32_t selected);
