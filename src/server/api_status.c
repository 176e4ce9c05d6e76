/* Everything at a glance, and whether the server lives. */
#include "base/text.h"
#include "fleet/bridge.h"
#include "fleet/decide.h"
#include "fleet/pending.h"
#include "server/handlers.h"
#include "server/problem.h"
#include "server/views.h"

#define TRUSTED_KEYS_MAX 32 /* of one product, that some device obeys at present */

/* How many devices obey each image key: who drops the old one looks here before. */
struct trusted {
    const uint8_t *keys[TRUSTED_KEYS_MAX];
    json_int_t devices[TRUSTED_KEYS_MAX];
    size_t count;
};

static void count_key(struct trusted *trusted, const uint8_t key[static 32])
{
    size_t at = 0;
    while (at < trusted->count && memcmp(trusted->keys[at], key, 32))
        at++;
    if (at == TRUSTED_KEYS_MAX) return;
    if (at == trusted->count) trusted->keys[trusted->count++] = key;
    trusted->devices[at]++;
}

static json_t *view_trust(const struct fleet *fleet, const struct product *product)
{
    struct trusted trusted = {.count = 0};
    json_t *list = json_array();
    for (size_t i = 0; i < product->seed.image_keys_count; i++)
        trusted.keys[trusted.count++] = product->seed.image_keys[i];
    for (const struct device *device = fleet->devices; device; device = device->next) {
        if (device->product != product) continue;
        const struct godwit_policy *policy = bridge_here(device, &fleet->catalogue).policy;
        for (size_t i = 0; policy && i < policy->image_keys_count; i++)
            count_key(&trusted, policy->image_keys[i]);
    }
    for (size_t i = 0; i < trusted.count; i++)
        json_array_append_new(list, json_pack("{s:o, s:I}", "key", view_digest(trusted.keys[i]),
                                              "devices", trusted.devices[i]));
    return list;
}

static json_t *view_product(const struct fleet *fleet, const struct product *product)
{
    json_t *keys = json_array();
    for (size_t i = 0; i < product->seed.image_keys_count; i++)
        json_array_append_new(keys, view_digest(product->seed.image_keys[i]));
    return json_pack("{s:s, s:b, s:o, s:I, s:o}", "name", product->name, "open", product->open,
                     "image_keys", keys, "devices", (json_int_t)product->devices_count, "trust",
                     view_trust(fleet, product));
}

static json_t *view_devices(const struct fleet *fleet)
{
    json_int_t on_trial = 0, undecided = 0, pending = 0;
    for (struct device *device = fleet->devices; device; device = device->next) {
        on_trial += device->facts.on_trial;
        pending += pending_newest(device) != NULL;
    }
    for (struct rollout *rollout = fleet->catalogue.rollouts; rollout; rollout = rollout->next)
        undecided += rollout->undecided_count;
    return json_pack("{s:I, s:I, s:I, s:I}", "total", (json_int_t)fleet->devices_count, "on_trial",
                     on_trial, "undecided", undecided, "pending", pending);
}

/* By which key each device is answered: an old one that none needs may go. */
static json_t *view_deploy_keys(const struct fleet *fleet)
{
    json_int_t counts[FLEET_DEPLOY_KEYS_MAX] = {0};
    json_t *list = json_array();
    for (struct device *device = fleet->devices; device; device = device->next) {
        int key = bridge_deploy_key(device, &fleet->catalogue);
        if (key >= 0) counts[key]++;
    }
    for (size_t i = 0; i < fleet->catalogue.deploy_keys_count; i++) {
        char hex[17];
        godwit_hex_encode(fleet->catalogue.deploy_keys[i], 8, hex);
        json_array_append_new(list, json_pack("{s:s, s:I}", "key", hex, "devices", counts[i]));
    }
    return list;
}

void handle_status(struct http_request *request)
{
    struct app *app = request->app;
    json_t *products = json_array(), *releases = json_array();
    fleet_lock(&app->fleet);
    for (struct product *product = app->fleet.catalogue.products; product; product = product->next)
        json_array_append_new(products, view_product(&app->fleet, product));
    for (struct release *release = app->fleet.catalogue.releases; release; release = release->next)
        json_array_append_new(releases, view_release(release));
    json_t *rollouts = view_rollouts(app);
    json_t *devices = view_devices(&app->fleet);
    json_t *deploy_keys = view_deploy_keys(&app->fleet);
    json_t *pending = view_pending_list(&app->fleet);
    fleet_unlock(&app->fleet);
    json_int_t uptime = clock_unix_s(app->clock) - app->started_s;
    reply_json(request, 200,
               json_pack("{s:{s:s, s:I}, s:o, s:o, s:o, s:o, s:o, s:o}", "server", "version",
                         GODWIT_VERSION, "uptime_s", uptime, "products", products, "releases",
                         releases, "rollouts", rollouts, "devices", devices, "deploy_keys",
                         deploy_keys, "pending", pending));
}

void handle_health(struct http_request *request)
{
    http_reply(request, 200, "text/plain", "ok\n", 3);
}
