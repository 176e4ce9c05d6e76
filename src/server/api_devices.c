/* Who runs what, and why; and the history of one device. */
#include <stdio.h>

#include "fleet/decide.h"
#include "fleet/device.h"
#include "fleet/event.h"
#include "server/device_list.h"
#include "server/handlers.h"
#include "server/pages.h"
#include "server/permission.h"
#include "server/precondition.h"
#include "server/problem.h"
#include "server/views.h"
#include "server/wait_rule.h"

#define EVENT_MEMBERS "event_id time kind stage reason sentence version detail"

/* ---- the list ---- */

/* NULL: the database failed. */
static json_t *view_rows(struct db *db, const struct list_device *rows, size_t count)
{
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *view = device_list_view(db, &rows[i]);
        if (!json_array_append_new(items, view)) continue;
        json_decref(items);
        return NULL;
    }
    return items;
}

static void reply_devices(struct http_request *request, const struct page *page,
                          const struct list_query *query)
{
    struct app *app = request->app;
    struct list_device *rows = arena_alloc(request->arena, query->limit * sizeof *rows);
    struct db *db = rows ? app_reader_take(app) : NULL;
    size_t count = 0;
    bool more = false;
    godwit_err err = db ? list_devices(db, query, rows, &count, &more) : GODWIT_ERR_IO;
    json_t *items = err ? NULL : view_rows(db, rows, count);
    if (db) app_reader_give(app, db);
    if (!items) {
        problem_of_error(request, err ? err : GODWIT_ERR_IO);
        return;
    }
    reply_json(request, 200, page_make(page, items, more ? &rows[count - 1].place : NULL));
}

void handle_devices(struct http_request *request)
{
    const char *sort = http_query(request, "sort"), *filter = http_query(request, "filter");
    struct list_query query;
    struct page page;
    char of[1600];
    snprintf(of, sizeof of, "devices by %s where %s", sort ? sort : "", filter ? filter : "");
    if (!device_list_read(request, &query) || !page_read(request, of, DEVICE_LIST_MEMBERS, &page))
        return;
    query.limit = page.limit;
    query.after = page.has_after ? &page.after : NULL;
    reply_devices(request, &page, &query);
}

/* ---- one ---- */

static json_t *view_facts(const struct device *device)
{
    const struct device_facts *facts = &device->facts;
    const struct running_image *running = facts->running;
    json_t *view = json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:o, s:s}", "project", running->project, "idf_version",
        running->idf_version, "agent_version", running->agent_version, "image_sha256",
        view_digest(running->image_sha256), "file_sha256", view_digest(running->file_sha256),
        "staged_file_sha256", view_digest(facts->staged_file_sha256), "reset",
        godwit_reset_name((enum godwit_reset)facts->reset));
    const struct {
        const char *name;
        uint32_t value;
    } numbers[] = {
        {"chip_revision", facts->chip_revision},
        {"block_revision", facts->block_revision},
        {"flash_mode", facts->flash_mode},
        {"mmu_page_log2", facts->mmu_page_log2},
        {"flash_size", facts->flash_size},
        {"slot_size", facts->slot_size},
        {"free_heap", facts->free_heap},
        {"secure_version", facts->secure_version},
        {"hardware_revision", facts->hardware_revision},
        {"counter", facts->counter},
        {"checkins", facts->checkins},
        {"boots", facts->boots},
        {"progress", facts->progress},
        {"rollback_floor", facts->rollback_floor},
        {"wait_s", wait_rule_s(device->wait_habit)},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(view, numbers[i].name, json_integer(numbers[i].value));
    json_object_set_new(view, "unwatched", json_boolean(facts->unwatched));
    return view;
}

static json_t *view_offer(const struct app *app, const struct device *device)
{
    struct decision decision = decide(device, &app->fleet.catalogue);
    if (decision.kind != DECIDE_INSTALL) return json_null();
    return json_pack("{s:I, s:s, s:o, s:I}", "rollout_id", (json_int_t)decision.rollout->id,
                     "version", decision.image->release->version, "file_sha256",
                     view_digest(decision.image->file_sha256), "size",
                     (json_int_t)decision.image->file_size);
}

void fetch_requested_device(struct http_request *request)
{
    uint8_t id[16];
    if (!device_id_parse(http_param(request, "id"), id))
        app_fetch_device(request->app, permission_org(request), id, NULL);
}

const struct device *requested_device(struct http_request *request)
{
    struct app *app = request->app;
    uint8_t id[16];
    if (device_id_parse(http_param(request, "id"), id)) return NULL;
    const struct device *device = device_find(&app->fleet, permission_org(request), id);
    return device && permission_sees(request, NULL, device->product->name) ? device : NULL;
}

void reply_no_device(struct http_request *request)
{
    problem(request, 404, "no-device",
            "there is no such device; `godwit devices` lists those that have claimed", NULL);
}

/* But name and tags. Lock held. */
static json_t *view_whole(const struct app *app, const struct device *device)
{
    json_t *view = view_device(app, device);
    json_object_set_new(view, "facts", view_facts(device));
    json_object_set_new(view, "offer", view_offer(app, device));
    json_object_set_new(view, "pending", view_pending(device));
    json_object_set_new(view, "turned_away", json_integer(device->turned_away_count));
    return view;
}

/* What the device says of itself, which is tagged dev., is not edited. */
static void mark_edited(json_t *view)
{
    json_t *tags = json_array(), *tag;
    size_t index;
    json_array_foreach(json_object_get(view, "tags"), index, tag)
    {
        if (strncmp(json_string_value(tag), "dev.", 4) != 0) json_array_append(tags, tag);
    }
    const char *state = json_string_value(json_object_get(view, "state"));
    precondition_mark(view,
                      json_pack("[O, O, b, o]", json_object_get(view, "name"),
                                json_object_get(view, "product"), !strcmp(state, "retired"), tags));
}

json_t *view_one_device(struct app *app, const struct device *device)
{
    fleet_lock(&app->fleet);
    json_t *view = view_whole(app, device);
    fleet_unlock(&app->fleet);
    if (!device_list_add_labels(app->db, device->id, view)) {
        mark_edited(view);
        return view;
    }
    json_decref(view);
    return NULL;
}

void handle_device(struct http_request *request)
{
    struct app *app = request->app;
    json_t *view = NULL;
    int64_t id = 0;
    fetch_requested_device(request);
    fleet_lock(&app->fleet);
    const struct device *device = requested_device(request);
    if (device) {
        id = device->id;
        view = view_whole(app, device);
    }
    fleet_unlock(&app->fleet);
    if (!view) {
        reply_no_device(request);
        return;
    }
    struct db *db = app_reader_take(app);
    godwit_err err = db ? device_list_add_labels(db, id, view) : GODWIT_ERR_IO;
    if (db) app_reader_give(app, db);
    if (err) {
        json_decref(view);
        problem_of_error(request, err);
    } else {
        mark_edited(view);
        reply_json(request, 200, view);
    }
}

static json_t *view_event(const struct event *event)
{
    return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s}", "event_id", (json_int_t)event->id,
                     "time", (json_int_t)event->time_s, "kind", event_kind_name(event->kind),
                     "stage", godwit_stage_name(event->stage), "reason", event_reason_id(event),
                     "sentence", event_sentence(event), "version", event->version, "detail",
                     event_detail(event));
}

static godwit_err read_events(struct db *db, int64_t device, const struct page *page,
                              struct event *events, size_t *count_out, int64_t *total_out)
{
    int64_t before = page->has_after ? page->after.id : INT64_MAX;
    godwit_err err = event_list(db, device, before, events, page->limit + 1, count_out);
    return err ? err : event_total(db, device, total_out);
}

static void reply_events(struct http_request *request, int64_t device)
{
    struct app *app = request->app;
    struct page page;
    char of[64];
    snprintf(of, sizeof of, "events of %lld", (long long)device);
    if (!page_read(request, of, EVENT_MEMBERS, &page)) return;
    struct event *events = arena_alloc(request->arena, (page.limit + 1) * sizeof *events);
    struct db *db = events ? app_reader_take(app) : NULL;
    size_t count = 0;
    int64_t total = 0;
    godwit_err err = db ? read_events(db, device, &page, events, &count, &total) : GODWIT_ERR_IO;
    if (db) app_reader_give(app, db);
    if (err) {
        problem_of_error(request, err);
        return;
    }
    bool more = count > page.limit;
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < page.limit; i++)
        json_array_append_new(list, view_event(&events[i]));
    const struct list_place last = {.id = more ? events[page.limit - 1].id : 0};
    json_t *reply = page_make(&page, list, more ? &last : NULL);
    json_object_set_new(reply, "total", json_integer(total));
    reply_json(request, 200, reply);
}

void handle_events(struct http_request *request)
{
    struct app *app = request->app;
    fetch_requested_device(request);
    fleet_lock(&app->fleet);
    const struct device *device = requested_device(request);
    int64_t id = device ? device->id : 0;
    fleet_unlock(&app->fleet);
    if (id)
        reply_events(request, id);
    else
        reply_no_device(request);
}
