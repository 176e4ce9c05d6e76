/* Everything at a glance. Numbers come from the kept counts; of lists it shows the newest rows, and
 * the lists themselves have the others. */
#include "base/text.h"
#include "base/version.h"
#include "fleet/list_pending.h"
#include "fleet/locks.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"

#define KEYS_MAX 32 /* of one product, that some device obeys at present */

/* ---- products ---- */

/* How many devices obey each image key: who drops the old one looks here before. */
struct trust {
    size_t keys_count;
    uint8_t keys[KEYS_MAX][32];
    int64_t devices[KEYS_MAX];
};

static void count_policy(struct trust *trust, const struct godwit_policy *policy, int64_t devices)
{
    for (size_t i = 0; i < policy->image_keys_count; i++) {
        size_t at = 0;
        while (at < trust->keys_count && memcmp(trust->keys[at], policy->image_keys[i], 32) != 0)
            at++;
        if (at == KEYS_MAX) continue;
        if (at == trust->keys_count)
            memcpy(trust->keys[trust->keys_count++], policy->image_keys[i], 32);
        trust->devices[at] += devices;
    }
}

static const struct image *find_image(const struct catalogue *catalogue,
                                      const struct product *product, int64_t id)
{
    const struct image *image = NULL;
    const struct release *release = catalogue->releases;
    for (; id > 0 && release && !image; release = release->next)
        if (release->product == product) image = release_image(release, id);
    return image;
}

/* Devices that run an image obey its policy, the others what they were built with. Takes the lock
 * for one image at a time. */
static void count_trust(struct app *app, const struct product *product, const struct counts *counts,
                        struct trust *trust)
{
    count_policy(trust, &product->initial_policy, 0);
    for (size_t i = 0; i < counts->images_count; i++) {
        if (strcmp(counts->images[i].product, product->name) != 0) continue;
        struct godwit_policy policy = product->initial_policy;
        bool is_known = true;
        fleet_lock(&app->fleet);
        const struct catalogue *catalogue = &app->fleet.catalogue;
        const struct product *now = product_find(catalogue, product->org->name, product->name);
        const struct image *image = find_image(catalogue, now, counts->images[i].image);
        if (image) is_known = image->trust.is_known;
        if (image && image->trust.has_policy) policy = image->trust.policy;
        fleet_unlock(&app->fleet);
        if (is_known) count_policy(trust, &policy, counts->images[i].count);
    }
}

static json_t *view_product(struct app *app, const struct product *product,
                            const struct counts *counts)
{
    struct trust trust = {0};
    json_int_t devices = 0;
    json_t *keys = json_array(), *list = json_array();
    count_trust(app, product, counts, &trust);
    for (size_t i = 0; i < counts->images_count; i++)
        if (!strcmp(counts->images[i].product, product->name)) devices += counts->images[i].count;
    for (size_t i = 0; i < product->initial_policy.image_keys_count; i++)
        json_array_append_new(keys, view_digest(product->initial_policy.image_keys[i]));
    for (size_t i = 0; i < trust.keys_count; i++)
        json_array_append_new(list, json_pack("{s:o, s:I}", "key", view_digest(trust.keys[i]),
                                              "devices", (json_int_t)trust.devices[i]));
    const struct locks locks = {product->needs_approval, product->needs_bench};
    return json_pack("{s:s, s:b, s:o, s:I, s:o, s:o}", "name", product->name, "open", product->open,
                     "image_keys", keys, "devices", devices, "trust", list, "locks",
                     view_locks(&locks));
}

/* The first of the organisation whose id is lower; the newest come first. */
static bool take_product(struct http_request *request, int64_t before, struct product *copy_out)
{
    struct app *app = request->app;
    fleet_lock(&app->fleet);
    const struct product *product = app->fleet.catalogue.products;
    while (product &&
           (product->id >= before || !permission_sees(request, product->org->name, product->name)))
        product = product->next;
    if (product) *copy_out = *product;
    fleet_unlock(&app->fleet);
    return product != NULL;
}

/* An organisation's name is never changed, nor taken away from the one that a product has. */
static json_t *view_products(struct http_request *request, const struct counts *counts)
{
    struct product product;
    json_t *list = json_array();
    for (int64_t before = INT64_MAX; take_product(request, before, &product); before = product.id)
        json_array_append_new(list, view_product(request->app, &product, counts));
    return list;
}

/* ---- the rest ---- */

static json_t *view_devices(struct app *app, const struct counts *counts)
{
    fleet_lock(&app->fleet);
    json_int_t turned_away = (json_int_t)app->fleet.turned_away_count;
    fleet_unlock(&app->fleet);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "total", (json_int_t)counts->devices,
                     "on_trial", (json_int_t)counts->on_trial, "in_progress",
                     (json_int_t)counts->in_progress, "pending", (json_int_t)counts->pending,
                     "turned_away", turned_away, "unknown_release",
                     (json_int_t)counts->unknown_release);
}

/* By which key each device is answered: an old one that none needs may go. */
static json_t *view_deploy_keys(struct app *app, const struct counts *counts)
{
    const struct catalogue *catalogue = &app->fleet.catalogue; /* its keys are set once */
    json_t *list = json_array();
    for (size_t i = 0; i < catalogue->deploy_keys_count; i++) {
        char hex[17];
        godwit_hex_encode(catalogue->deploy_keys[i], 8, hex);
        json_array_append_new(list, json_pack("{s:s, s:I}", "key", hex, "devices",
                                              (json_int_t)counts->deploy_keys[i]));
    }
    return list;
}

static json_t *view_newest_releases(struct http_request *request)
{
    int64_t last;
    bool more;
    const struct releases_query query = {.org = permission_org(request),
                                         .product = permission_actor(request)->product,
                                         .before = INT64_MAX,
                                         .limit = LIST_LIMIT};
    return view_releases(request->app, &query, &last, &more);
}

static json_t *view_status(struct http_request *request, const struct counts *counts,
                           const struct list_pending *waiting, size_t waiting_count)
{
    struct app *app = request->app;
    json_t *rollouts = json_array(), *pending = json_array();
    for (size_t i = 0; i < counts->rollouts_count; i++)
        json_array_append_new(rollouts, view_rollout(&counts->rollouts[i]));
    for (size_t i = 0; i < waiting_count; i++)
        json_array_append_new(pending, view_waiting(&waiting[i]));
    json_int_t uptime = clock_unix_s(app->clock) - app->started_s;
    return json_pack("{s:{s:s, s:I}, s:o, s:o, s:o, s:o, s:o, s:o}", "server", "version",
                     GODWIT_VERSION, "uptime_s", uptime, "products", view_products(request, counts),
                     "releases", view_newest_releases(request), "rollouts", rollouts, "devices",
                     view_devices(app, counts), "deploy_keys", view_deploy_keys(app, counts),
                     "pending", pending);
}

void handle_status(struct http_request *request)
{
    struct app *app = request->app;
    struct counts counts = {0};
    size_t waiting = 0;
    const struct counts_query query = rollouts_query(request);
    struct list_pending *rows = arena_alloc(request->arena, LIST_LIMIT * sizeof *rows);
    struct db *db = rows ? app_reader_take(app) : NULL;
    godwit_err err = db ? counts_read(db, &query, &counts) : GODWIT_ERR_IO;
    if (!err) err = list_pending(db, query.org, INT64_MAX, rows, LIST_LIMIT, &waiting);
    if (db) app_reader_give(app, db);
    if (err)
        problem_of_error(request, err);
    else
        reply_json(request, 200, view_status(request, &counts, rows, waiting));
    counts_free(&counts);
}
