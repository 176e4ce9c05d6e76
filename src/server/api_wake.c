/* "Check in now": who waits is answered at once, whatever there is to say. Nothing is written; a
 * device that does not wait checks in by its interval as ever. */
#include "fleet/device.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"

struct tally {
    json_int_t woken, not_waiting;
};

/* False: there is no such device. */
static bool wake(struct http_request *request, const char *text, struct tally *tally)
{
    struct app *app = request->app;
    uint8_t id[16], token_sha256[32];
    if (!text || device_id_parse(text, id)) return false;
    fleet_lock(&app->fleet);
    const struct device *device = device_find(&app->fleet, permission_org(request), id);
    if (device && !permission_sees(request, NULL, device->product->name)) device = NULL;
    if (device) memcpy(token_sha256, device->token_sha256, sizeof token_sha256);
    fleet_unlock(&app->fleet);
    if (!device) return false;
    if (waiting_wake_device(app->waiting, token_sha256))
        tally->woken++;
    else
        tally->not_waiting++;
    return true;
}

static void reply_tally(struct http_request *request, const struct tally *tally)
{
    reply_json(request, 200,
               json_pack("{s:I, s:I}", "woken", tally->woken, "not_waiting", tally->not_waiting));
}

void handle_check_in_now(struct http_request *request)
{
    struct tally tally = {0};
    if (wake(request, http_param(request, "id"), &tally))
        reply_tally(request, &tally);
    else
        reply_no_device(request);
}

void handle_check_in_now_many(struct http_request *request)
{
    struct tally tally = {0};
    json_t *body = body_object(request);
    if (!body) return;
    const json_t *list = json_object_get(body, "devices");
    size_t count = json_array_size(list), i = 0;
    while (i < count && wake(request, json_string_value(json_array_get(list, i)), &tally))
        i++;
    json_decref(body);
    if (i == count)
        reply_tally(request, &tally);
    else
        reply_no_device(request);
}
