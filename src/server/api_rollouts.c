/* How rollouts go. */
#include <stdio.h>
#include <stdlib.h>

#include "server/handlers.h"
#include "server/pages.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"

#define ROLLOUT_MEMBERS                                                                           \
    "rollout_id product version state is_targeted selected offered queued in_progress succeeded " \
    "failed incompatible up_to_date halted superseded not_seen expected created allow_downgrade " \
    "again state_by state_since soaking undoing undone soak gates gates_open is_skipped "         \
    "window tz per_site consent battery_min"
#define MEMBER_MEMBERS "device_id state reason sentence"

struct counts_query rollouts_query(struct http_request *request)
{
    struct app *app = request->app;
    fleet_lock(&app->fleet);
    uint32_t swept = app->fleet.swept_rollout;
    fleet_unlock(&app->fleet);
    return (struct counts_query){.org = permission_org(request),
                                 .product = permission_actor(request)->product,
                                 .before = INT64_MAX,
                                 .limit = LIST_LIMIT,
                                 .swept = swept};
}

/* False: answered. */
static bool read_counts(struct http_request *request, const struct counts_query *query,
                        struct counts *counts)
{
    struct db *db = app_reader_take(request->app);
    godwit_err err = db ? counts_read(db, query, counts) : GODWIT_ERR_IO;
    if (db) app_reader_give(request->app, db);
    if (!err) return true;
    if (db) counts_free(counts);
    problem_of_error(request, err);
    return false;
}

void handle_rollouts(struct http_request *request)
{
    struct page page;
    struct counts counts;
    struct counts_query query = rollouts_query(request);
    if (!page_read(request, "rollouts", ROLLOUT_MEMBERS, &page)) return;
    query.limit = page.limit + 1;
    if (page.has_after) query.before = page.after.id;
    if (!read_counts(request, &query, &counts)) return;
    bool more = counts.rollouts_count > page.limit;
    json_t *list = json_array();
    for (size_t i = 0; i < counts.rollouts_count && i < page.limit; i++)
        json_array_append_new(list, view_rollout(&counts.rollouts[i]));
    const struct list_place last = {.id = more ? counts.rollouts[page.limit - 1].id : 0};
    counts_free(&counts);
    reply_json(request, 200, page_make(&page, list, more ? &last : NULL));
}

void reply_no_rollout(struct http_request *request)
{
    problem(
        request, 404, "no-rollout",
        "there is no such rollout; old ones are not kept, `godwit rollout list` lists the others",
        NULL);
}

uint32_t rollout_param(struct http_request *request)
{
    const char *text = http_param(request, "id");
    bool is_number =
        text[strspn(text, "0123456789")] == '\0'; /* strtoul also takes "+1" and " 1" */
    unsigned long id = strtoul(text, NULL, 10);
    return is_number && id <= UINT32_MAX ? (uint32_t)id : 0;
}

/* False: answered. */
static bool read_rollout(struct http_request *request, uint32_t id, struct rollout_counts *out)
{
    struct counts counts;
    struct counts_query query = rollouts_query(request);
    query.only = id ? (int64_t)id : -1; /* 0 would be all */
    if (!read_counts(request, &query, &counts)) return false;
    bool is_there = counts.rollouts_count == 1;
    if (is_there) *out = counts.rollouts[0];
    counts_free(&counts);
    if (!is_there) reply_no_rollout(request);
    return is_there;
}

/* False: memory does not have it. */
static bool take_outlook(struct app *app, uint32_t id, struct outlook *out, json_t **strata_out)
{
    fleet_lock(&app->fleet);
    const struct rollout *rollout = rollout_find(&app->fleet.catalogue, id);
    if (rollout) *out = outlook_of(rollout);
    if (rollout) *strata_out = view_strata(&app->fleet.catalogue, rollout);
    fleet_unlock(&app->fleet);
    return rollout != NULL;
}

void reply_rollout(struct http_request *request, int status, uint32_t id)
{
    struct rollout_counts counts;
    struct outlook outlook;
    if (!read_rollout(request, id, &counts)) return;
    json_t *view = view_rollout(&counts), *strata;
    if (take_outlook(request->app, id, &outlook, &strata)) {
        view_outlook(view, &outlook);
        json_object_set_new(view, "strata", strata);
    }
    reply_json(request, status, view);
}

void handle_rollout(struct http_request *request)
{
    reply_rollout(request, 200, rollout_param(request));
}

static void reply_members(struct http_request *request, const struct page *page,
                          const struct members_query *query)
{
    struct list_member *rows = arena_alloc(request->arena, query->limit * sizeof *rows);
    struct db *db = rows ? app_reader_take(request->app) : NULL;
    size_t count = 0;
    bool more = false;
    godwit_err err = db ? list_members(db, query, rows, &count, &more) : GODWIT_ERR_IO;
    if (db) app_reader_give(request->app, db);
    if (err) {
        problem_of_error(request, err);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, view_member(&rows[i]));
    const struct list_place last = {.id = more ? rows[count - 1].id : 0};
    reply_json(request, 200, page_make(page, list, more ? &last : NULL));
}

void handle_rollout_devices(struct http_request *request)
{
    struct rollout_counts counts;
    struct page page;
    char of[96];
    const char *state = http_query(request, "state");
    if (state && !list_members_has_state(state)) {
        problem(request, 422, "malformed",
                "`state` must be queued, in-progress, succeeded, failed, incompatible, halted or "
                "up-to-date",
                "state");
        return;
    }
    if (!read_rollout(request, rollout_param(request), &counts)) return;
    snprintf(of, sizeof of, "devices of %u %s", counts.id, state ? state : "");
    if (!page_read(request, of, MEMBER_MEMBERS, &page)) return;
    const struct members_query query = {.org = permission_org(request),
                                        .rollout = &counts,
                                        .is_swept = counts.id <= rollouts_query(request).swept,
                                        .state = state,
                                        .after = page.has_after ? page.after.id : 0,
                                        .limit = page.limit};
    reply_members(request, &page, &query);
}
