/* What the body says wins over the settings; null is as good as absent. */
#include "server/deploy_plan.h"

#include <stdio.h>

#include "server/problem.h"

static bool read_soak(struct http_request *request, const json_t *body, struct proof_plan *plan)
{
    const json_t *soak = json_object_get(body, "soak");
    if (!soak || json_is_null(soak)) return true;
    if (json_is_string(soak) && duration_parse(json_string_value(soak), &plan->soak_s)) return true;
    problem(request, 422, "malformed",
            "\"soak\" is a time of up to 30 days, as in 90s, 30m, 2h or 7d", "soak");
    return false;
}

bool deploy_plan_read(struct http_request *request, const json_t *body, struct deploy_plan *out)
{
    const struct settings *settings = ((struct app *)request->app)->settings;
    const json_t *gates = json_object_get(body, "gates");
    char note[160] = "\"gates\" must be a text";
    *out = (struct deploy_plan){.plan = {.soak_s = settings->soak_s}};
    out->has_gates = gates && !json_is_null(gates);
    const char *text = out->has_gates ? json_string_value(gates) : settings->gates;
    if (!out->has_gates && !text) text = "";
    if (text && !gates_parse(text, &out->plan, note, sizeof note))
        return read_soak(request, body, &out->plan);
    problem(request, 422, "malformed", note, "gates");
    return false;
}

bool deploy_plan_fit(struct deploy_plan *plan, uint32_t selected)
{
    plan->plan.is_careful = selected < SMALL_FLEET;
    return !plan->has_gates || gates_rise(&plan->plan, selected);
}
