/* Why a device gets what it gets. The lock is held for one device, and for a look through releases.
 */
#include "fleet/device.h"
#include "fleet/why.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"

static json_t *view_why(const struct device *device, const struct why *why)
{
    char id[13];
    device_id_text(device->device_id, id);
    json_t *view = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:I}", "device_id", id, "product",
                             device->product->name, "reason", decision_reason_id(why->reason),
                             "sentence", decision_reason_sentence(why->reason), "state",
                             decision_reason_state(why->reason), "reply",
                             why->installs ? "install" : "no-update", "is_waiting", why->is_waiting,
                             "rollout_id", (json_int_t)why->rollout);
    if (*why->version) json_object_set_new(view, "version", json_string(why->version));
    if (why->expected_s) json_object_set_new(view, "expected", json_integer(why->expected_s));
    if (why->rollout)
        json_object_set_new(view, "rollout_state",
                            json_string(rollout_state_name(why->rollout_state)));
    return view;
}

/* NULL: there is no such release of the device's product. Lock held. */
static json_t *look(struct http_request *request, const struct device *device)
{
    struct app *app = request->app;
    uint32_t interval_s = app->settings->interval_s;
    int64_t now_s = clock_unix_s(app->clock);
    const char *version = http_query(request, "release");
    struct why why;
    if (version) {
        struct release *release = release_find(&app->fleet.catalogue, permission_org(request),
                                               device->product->name, version);
        if (!release) return NULL;
        why = why_of_release(&app->fleet, device, release, interval_s, now_s);
    } else {
        why = why_of(&app->fleet, device, interval_s, now_s);
    }
    return view_why(device, &why);
}

void handle_why(struct http_request *request)
{
    struct app *app = request->app;
    fetch_requested_device(request);
    fleet_lock(&app->fleet);
    const struct device *device = requested_device(request);
    json_t *view = device ? look(request, device) : NULL;
    fleet_unlock(&app->fleet);
    if (!device)
        reply_no_device(request);
    else if (!view)
        problem(request, 404, "no-release",
                "the device's product has no such release; `godwit status` lists them", "release");
    else
        reply_json(request, 200, view);
}
