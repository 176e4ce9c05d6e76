/* Everything at a glance. */
#include "base/text.h"
#include "base/version.h"
#include "server/handlers.h"
#include "server/problem.h"
#include "server/views.h"

static json_t *view_trust(const struct product_counts *counts)
{
    json_t *list = json_array();
    for (size_t i = 0; i < counts->keys_count; i++)
        json_array_append_new(list, json_pack("{s:o, s:I}", "key", view_digest(counts->keys[i]),
                                              "devices", (json_int_t)counts->key_devices[i]));
    return list;
}

static json_t *view_product(const struct product *product, const struct product_counts *counts)
{
    json_t *keys = json_array();
    for (size_t i = 0; i < product->initial_policy.image_keys_count; i++)
        json_array_append_new(keys, view_digest(product->initial_policy.image_keys[i]));
    return json_pack("{s:s, s:b, s:o, s:I, s:o}", "name", product->name, "open", product->open,
                     "image_keys", keys, "devices", (json_int_t)product->devices_count, "trust",
                     view_trust(counts));
}

/* Products never go and new ones come in front, so what was counted is still there. */
static json_t *view_products(struct app *app, const struct counts *counts)
{
    json_t *list = json_array();
    for (size_t i = 0; i < counts->products_count; i++) {
        fleet_lock(&app->fleet);
        const struct product *product = app->fleet.catalogue.products;
        while (product && product->id != counts->products[i].id)
            product = product->next;
        const struct product copy = product ? *product : (struct product){0};
        fleet_unlock(&app->fleet);
        if (product) json_array_append_new(list, view_product(&copy, &counts->products[i]));
    }
    return list;
}

static json_t *view_devices(struct app *app, const struct counts *counts)
{
    json_int_t in_progress = 0;
    fleet_lock(&app->fleet);
    const struct rollout *rollout = app->fleet.catalogue.rollouts;
    for (; rollout; rollout = rollout->next)
        in_progress += rollout->in_progress_count + rollout->away_count;
    fleet_unlock(&app->fleet);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "total", (json_int_t)counts->devices,
                     "on_trial", (json_int_t)counts->on_trial, "in_progress", in_progress,
                     "pending", (json_int_t)counts->pending, "turned_away",
                     (json_int_t)counts->turned_away, "unknown_release",
                     (json_int_t)counts->unknown_release);
}

/* By which key each device is answered: an old one that none needs may go. */
static json_t *view_deploy_keys(struct app *app, const struct counts *counts)
{
    const struct catalogue *catalogue = &app->fleet.catalogue;
    json_t *list = json_array();
    fleet_lock(&app->fleet);
    for (size_t i = 0; i < catalogue->deploy_keys_count; i++) {
        char hex[17];
        godwit_hex_encode(catalogue->deploy_keys[i], 8, hex);
        json_array_append_new(list, json_pack("{s:s, s:I}", "key", hex, "devices",
                                              (json_int_t)counts->deploy_keys[i]));
    }
    fleet_unlock(&app->fleet);
    return list;
}

void handle_status(struct http_request *request)
{
    struct app *app = request->app;
    struct counts counts = counts_make(app);
    json_int_t uptime = clock_unix_s(app->clock) - app->started_s;
    json_t *status = json_pack(
        "{s:{s:s, s:I}, s:o, s:o, s:o, s:o, s:o, s:o}", "server", "version", GODWIT_VERSION,
        "uptime_s", uptime, "products", view_products(app, &counts), "releases", view_releases(app),
        "rollouts", view_rollouts(app, &counts), "devices", view_devices(app, &counts),
        "deploy_keys", view_deploy_keys(app, &counts), "pending", view_pending_list(app));
    counts_free(&counts);
    reply_json(request, 200, status);
}
