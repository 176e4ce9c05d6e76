/* Products are few: their names are copied under the lock, so that a wrong one gets its sentence.
 */
#include "server/device_filter.h"

#include <stdio.h>

#include "fleet/decision_reason.h"
#include "server/app.h"
#include "server/permission.h"
#include "server/problem.h"

#define PRODUCTS_MAX 1000

struct known {
    size_t products_count;
    char (*products)[33];
};

static const char *known_at(void *ctx, enum filter_field field, size_t index)
{
    const struct known *known = ctx;
    if (field == FILTER_PRODUCT)
        return index < known->products_count ? known->products[index] : NULL;
    if (field == FILTER_REASON && index < DECISION_REASON_COUNT)
        return decision_reason_id((enum decision_reason)index);
    return NULL;
}

/* False: there are so many that none is called wrong. */
static bool take_products(struct http_request *request, struct known *known)
{
    struct app *app = request->app;
    known->products = arena_alloc(request->arena, PRODUCTS_MAX * sizeof *known->products);
    if (!known->products) return false;
    bool is_whole = true;
    fleet_lock(&app->fleet);
    const struct product *product = app->fleet.catalogue.products;
    for (; product && is_whole; product = product->next) {
        if (strcmp(product->org->name, permission_org(request)) != 0) continue;
        is_whole = known->products_count < PRODUCTS_MAX;
        if (is_whole) memcpy(known->products[known->products_count++], product->name, 33);
    }
    fleet_unlock(&app->fleet);
    return is_whole;
}

const struct filter_sql *filter_read(struct http_request *request, size_t first)
{
    return filter_read_text(request, "filter", http_query(request, "filter"), first);
}

const struct filter_sql *filter_read_text(struct http_request *request, const char *field,
                                          const char *text, size_t first)
{
    struct known known = {0};
    struct filter_fault fault;
    struct filter *filter = arena_zalloc(request->arena, sizeof *filter);
    struct filter_sql *sql = arena_alloc(request->arena, sizeof *sql);
    if (!filter || !sql) {
        problem_busy(request);
        return NULL;
    }
    bool is_known = text && take_products(request, &known);
    const struct filter_world world = {
        .now_s = clock_unix_s(request->clock), .known = is_known ? known_at : NULL, .ctx = &known};
    if (text && filter_parse(text, &world, filter, &fault)) {
        problem(request, 422, "filter", fault.sentence, field);
        return NULL;
    }
    filter_sql(filter, first, sql);
    return sql;
}
