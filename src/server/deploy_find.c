/* The devices of a deploy: a list, or what a filter finds; and those that come first. */
#include <stdio.h>

#include "fleet/cache.h"
#include "server/deploy.h"
#include "server/permission.h"
#include "server/problem.h"

static enum deploy_fault look_at_devices(struct deploy *deploy, const struct release *release)
{
    struct app *app = deploy->change.app;
    for (size_t i = 0; i < deploy->targets_count; i++) {
        const uint8_t *device_id = deploy->found[i].device_id;
        if (device_fetch(&app->fleet, app->db, permission_org(deploy->change.request), device_id,
                         &deploy->devices[i]))
            return DEPLOY_NO_DEVICE;
        memcpy(deploy->fault_id, device_id, 16);
        if (!deploy->devices[i]) return DEPLOY_NO_DEVICE;
        if (deploy->devices[i]->is_retired) return DEPLOY_RETIRED;
        if (deploy->devices[i]->product != release->product) return DEPLOY_OTHER_PRODUCT;
    }
    return DEPLOY_FINE;
}

/* Those of the product that the filter finds now; one that fits it later is not selected. */
static godwit_err find_by_filter(struct deploy *deploy)
{
    const struct found_query query = {.org = permission_org(deploy->change.request),
                                      .product = deploy->product,
                                      .filter = deploy->filter};
    if (!deploy->filter) return GODWIT_OK;
    godwit_err err = found_list(deploy->change.app->db, &query, DEPLOY_TARGETS_MAX + 1,
                                deploy->found, &deploy->targets_count);
    if (deploy->targets_count == 0) deploy->fault = DEPLOY_NONE_FOUND;
    if (deploy->targets_count > DEPLOY_TARGETS_MAX) deploy->fault = DEPLOY_TOO_MANY_FOUND;
    return err;
}

static bool is_target(const struct deploy *deploy, const struct device *device)
{
    bool is_selected = !deploy->targets;
    for (size_t i = 0; i < deploy->targets_count && !is_selected; i++)
        is_selected = deploy->devices[i] == device;
    return is_selected;
}

/* Who comes first, of those that are selected. */
static godwit_err find_first(struct deploy *deploy)
{
    struct app *app = deploy->change.app;
    const struct found_query query = {.org = permission_org(deploy->change.request),
                                      .product = deploy->product,
                                      .filter = deploy->first_filter};
    size_t found = 0;
    deploy->first_count = 0;
    if (!deploy->first_filter) return GODWIT_OK;
    godwit_err err = found_list(app->db, &query, DEPLOY_FIRST_MAX + 1, deploy->first_found, &found);
    if (found > DEPLOY_FIRST_MAX) deploy->fault = DEPLOY_TOO_MANY_FIRST;
    for (size_t i = 0; i < found && !err && !deploy->fault; i++) {
        struct device *device;
        err = device_fetch_row(&app->fleet, app->db, deploy->first_found[i].id, &device);
        if (!err && device && is_target(deploy, device))
            deploy->first[deploy->first_count++] = device;
    }
    if (!err && !deploy->fault && !deploy->first_count) deploy->fault = DEPLOY_NONE_FIRST;
    return err;
}

godwit_err deploy_find(struct deploy *deploy, const struct release *release)
{
    godwit_err err = find_by_filter(deploy);
    if (!err && !deploy->fault) deploy->fault = look_at_devices(deploy, release);
    return err || deploy->fault ? err : find_first(deploy);
}

/* ---- what is asked for ---- */

/* False: answered. */
static bool make_room(struct deploy *deploy, size_t count)
{
    struct arena *arena = deploy->change.request->arena;
    deploy->targets = true;
    deploy->found = arena_alloc(arena, count * sizeof *deploy->found);
    deploy->devices = arena_alloc(arena, count * sizeof *deploy->devices);
    if (deploy->found && deploy->devices) return true;
    problem_busy(deploy->change.request);
    return false;
}

/* "devices": absent, null, or a list of ids. False: answered. */
static bool read_list(struct deploy *deploy, const json_t *list)
{
    struct http_request *request = deploy->change.request;
    size_t count = json_array_size(list);
    bool good = json_is_array(list) && count > 0 && count <= DEPLOY_TARGETS_MAX;
    if (good && !make_room(deploy, count)) return false;
    deploy->targets_count = count;
    for (size_t i = 0; i < count && good; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        good = text && !device_id_parse(text, deploy->found[i].device_id);
    }
    if (!good)
        problem(request, 422, "malformed",
                "\"devices\" must be a list of 1 to 10000 device ids, each 12 hex digits",
                "devices");
    return good;
}

/* "devices" or "filter", or neither. False: answered. */
static bool read_targets(struct deploy *deploy, const json_t *body)
{
    struct http_request *request = deploy->change.request;
    const json_t *list = json_object_get(body, "devices");
    const char *filter = json_string_value(json_object_get(body, "filter"));
    bool has_list = list && !json_is_null(list);
    if (has_list && filter) {
        problem(request, 422, "malformed", "give \"devices\" or \"filter\", not both", "filter");
        return false;
    }
    if (has_list) return read_list(deploy, list);
    if (!filter) return true;
    deploy->filter = filter_read_text(request, "filter", filter, FOUND_FIRST);
    return deploy->filter && make_room(deploy, DEPLOY_TARGETS_MAX + 1);
}

/* "first": a filter. False: answered. */
static bool read_first(struct deploy *deploy, const json_t *body)
{
    struct http_request *request = deploy->change.request;
    const char *filter = json_string_value(json_object_get(body, "first"));
    if (!filter) return true;
    deploy->first_filter = filter_read_text(request, "first", filter, FOUND_FIRST);
    if (!deploy->first_filter) return false;
    deploy->first_found =
        arena_alloc(request->arena, (DEPLOY_FIRST_MAX + 1) * sizeof *deploy->first_found);
    deploy->first = arena_alloc(request->arena, (DEPLOY_FIRST_MAX + 1) * sizeof *deploy->first);
    if (deploy->first_found && deploy->first) return true;
    problem_busy(request);
    return false;
}

bool deploy_read_flag(struct http_request *request, const json_t *body, const char *name, bool *out)
{
    const json_t *member = json_object_get(body, name);
    *out = json_is_true(member);
    if (!member || json_is_null(member) || json_is_boolean(member)) return true;
    char detail[64];
    snprintf(detail, sizeof detail, "\"%s\" must be true or false", name);
    problem(request, 422, "malformed", detail, name);
    return false;
}

/* One that is for all of a product takes newcomers in anyway. False: answered. */
static bool read_continuous(struct deploy *deploy, const json_t *body)
{
    struct http_request *request = deploy->change.request;
    const char *filter = json_string_value(json_object_get(body, "filter"));
    bool is_continuous;
    if (!deploy_read_flag(request, body, "continuous", &is_continuous)) return false;
    if (is_continuous && filter) deploy->selection = arena_text(request->arena, filter);
    if (!is_continuous || deploy->selection) return true;
    problem(request, 422, "malformed",
            "\"continuous\" needs a \"filter\"; a rollout to all of a product takes in who joins "
            "later anyway",
            "continuous");
    return false;
}

bool deploy_read_devices(struct deploy *deploy, const json_t *body)
{
    return read_targets(deploy, body) && read_first(deploy, body) && read_continuous(deploy, body);
}
