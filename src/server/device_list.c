/* One reading of a request for each that lists devices, so that none shows more than another. */
#include "server/device_list.h"

#include <stdio.h>

#include "fleet/tags.h"
#include "server/device_filter.h"
#include "server/permission.h"
#include "server/problem.h"

/* `sort`: a name, "-" before it for the other way. False: answered with 422. */
static bool read_sort(struct http_request *request, struct list_query *query)
{
    const char *sort = http_query(request, "sort");
    if (!sort) sort = "device_id";
    query->is_descending = *sort == '-';
    query->order = list_order_find(sort + query->is_descending);
    if (query->order) return true;
    char detail[256] = "";
    size_t used = (size_t)snprintf(detail, sizeof detail, "`sort` is not one of:");
    const struct list_order *order;
    for (size_t i = 0; (order = list_order_at(i)) != NULL && used < sizeof detail; i++)
        used += (size_t)snprintf(detail + used, sizeof detail - used, " %s", order->name);
    problem(request, 422, "malformed", detail, "sort");
    return false;
}

/* What the caller may see of what the filter finds; a token may be good for one product alone.
 * False: answered with 422 or 503. */
static bool read_where(struct http_request *request, struct list_query *query)
{
    const struct actor *actor = permission_actor(request);
    const struct filter_sql *filter = filter_read(request, LIST_WHERE_FIRST);
    if (!filter) return false;
    query->filter = filter;
    query->where = filter->text;
    query->values = filter->values;
    query->values_count = filter->values_count;
    if (!*actor->product) return true;
    size_t count = filter->values_count, size = strlen(filter->text) + 64;
    char *where = arena_alloc(request->arena, size);
    struct db_value *values = arena_alloc(request->arena, (count + 1) * sizeof *values);
    if (!where || !values) {
        problem_busy(request);
        return false;
    }
    snprintf(where, size, "(product_name = $%zu and %s)", LIST_WHERE_FIRST + count, filter->text);
    memcpy(values, filter->values, count * sizeof *values);
    values[count] = db_text(actor->product);
    query->where = where;
    query->values = values;
    query->values_count = count + 1;
    return true;
}

bool device_list_read(struct http_request *request, struct list_query *out)
{
    *out = (struct list_query){.org = permission_org(request)};
    return read_sort(request, out) && read_where(request, out);
}

godwit_err device_list_add_labels(struct db *db, int64_t device, json_t *view)
{
    struct device_labels labels;
    json_t *tags = json_array();
    godwit_err err = device_labels(db, device, &labels);
    for (size_t i = 0; i < labels.tags_count && !err; i++)
        json_array_append_new(tags, json_string(labels.tags[i]));
    if (!err) json_object_set_new(view, "name", json_string(labels.name));
    json_object_set_new(view, "tags", tags);
    return err;
}

json_t *device_list_view(struct db *db, const struct list_device *row)
{
    json_t *view = view_listed_device(row);
    if (!device_list_add_labels(db, row->id, view)) return view;
    json_decref(view);
    return NULL;
}
