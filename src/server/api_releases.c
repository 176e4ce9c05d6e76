/* Releases as operators see them, and take them away; uploading is upload.c. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "fleet/decide.h"
#include "fleet/remove.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/pages.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"

#define RELEASE_MEMBERS "product version counter state images"

void handle_releases(struct http_request *request)
{
    struct page page;
    int64_t last = 0;
    bool more;
    if (!page_read(request, "releases", RELEASE_MEMBERS, &page)) return;
    const struct releases_query query = {.org = permission_org(request),
                                         .product = permission_actor(request)->product,
                                         .before = page.has_after ? page.after.id : INT64_MAX,
                                         .limit = page.limit};
    json_t *list = view_releases(request->app, &query, &last, &more);
    const struct list_place place = {.id = last};
    reply_json(request, 200, page_make(&page, list, more ? &place : NULL));
}

/* ---- delete ---- */

struct removal {
    struct change change; /* first: a change is a removal */
    char product[33], version[33];
    bool is_known;
    struct remove_verdict verdict;
};

static godwit_err record_removal(struct removal *removal)
{
    char object[80];
    json_t *files = json_array();
    for (size_t i = 0; i < removal->verdict.files_count; i++)
        json_array_append_new(files, view_digest(removal->verdict.files[i]));
    snprintf(object, sizeof object, "%s %s", removal->product, removal->version);
    return change_audit(&removal->change, AUDIT_RELEASE_DELETED, object,
                        json_pack("{s:s, s:s, s:o}", "product", removal->product, "version",
                                  removal->version, "files", files),
                        NULL);
}

static godwit_err removal_run(struct change *change)
{
    struct removal *removal = (struct removal *)change;
    struct app *app = change->app;
    struct release *release = release_find(&app->fleet.catalogue, permission_org(change->request),
                                           removal->product, removal->version);
    if (release && !permission_sees(change->request, NULL, release->product->name)) release = NULL;
    removal->is_known = release != NULL;
    free(removal->verdict.files); /* of a first run */
    removal->verdict.files = NULL;
    if (!release) return GODWIT_OK;
    godwit_err err = release_remove(&app->fleet, app->db, release, &removal->verdict);
    return err || removal->verdict.result != REMOVE_DONE ? err : record_removal(removal);
}

/* Behind the commit; what was uploaded anew meanwhile keeps its bytes. */
static void drop_blobs(struct app *app, const struct remove_verdict *verdict)
{
    for (size_t i = 0; i < verdict->files_count; i++) {
        fleet_lock(&app->fleet);
        bool is_named = file_is_named(&app->fleet.catalogue, verdict->files[i]);
        fleet_unlock(&app->fleet);
        if (!is_named) (void)!blob_drop(&app->blobs, verdict->files[i]);
    }
}

static void refuse_removal(const struct removal *removal)
{
    struct http_request *request = removal->change.request;
    const struct remove_verdict *verdict = &removal->verdict;
    char detail[320], id[13];
    device_id_text(verdict->device_id, id);
    if (verdict->result == REMOVE_IN_USE && verdict->devices_count) {
        snprintf(
            detail, sizeof detail,
            "%zu device%s run%s %s %s or are offered it, %s among them; roll another release out "
            "first",
            verdict->devices_count, verdict->devices_count == 1 ? "" : "s",
            verdict->devices_count == 1 ? "s" : "", removal->product, removal->version, id);
        problem(request, 409, "in-use", detail, "version");
    } else if (verdict->result == REMOVE_IN_USE) {
        problem(request, 409, "in-use",
                "devices that join are offered it; roll another release out first", "version");
    } else if (verdict->result == REMOVE_NEEDED) {
        snprintf(detail, sizeof detail,
                 "%zu device%s, %s among them, come%s to what is rolled out by way of %s %s alone; "
                 "it can go when they are there",
                 verdict->devices_count, verdict->devices_count == 1 ? "" : "s", id,
                 verdict->devices_count == 1 ? "s" : "", removal->product, removal->version);
        problem(request, 409, "bridge-release", detail, "version");
    } else {
        snprintf(detail, sizeof detail,
                 "trust changed at %s %s: its policy hands keys on, and a device that was away "
                 "may stand on it, or come over it alone; it stays",
                 removal->product, removal->version);
        problem(request, 409, "bridge-release", detail, "version");
    }
}

static void reply_no_release(struct http_request *request)
{
    problem(request, 404, "no-release", "there is no such release; `godwit status` lists them",
            "version");
}

static void removal_reply(struct change *change, godwit_err err)
{
    struct removal *removal = (struct removal *)change;
    struct http_request *request = change->request;
    const struct remove_verdict verdict = removal->verdict;
    if (err) {
        problem_of_error(request, err);
    } else if (!removal->is_known) {
        reply_no_release(request);
    } else if (verdict.result != REMOVE_DONE) {
        refuse_removal(removal);
    } else {
        GODWIT_LOG(INFO, "release_deleted", "product=\"%s\" version=\"%s\" files=%zu",
                   removal->product, removal->version, verdict.files_count);
        drop_blobs(change->app, &verdict);
        reply_json(request, 200,
                   json_pack("{s:s, s:s, s:I}", "product", removal->product, "version",
                             removal->version, "files", (json_int_t)verdict.files_count));
    }
    free(verdict.files);
}

void handle_delete(struct http_request *request)
{
    const char *product = http_param(request, "product"), *version = http_param(request, "version");
    struct removal *removal = arena_zalloc(request->arena, sizeof *removal);
    if (!removal) {
        problem_busy(request);
        return;
    }
    if (strlen(product) >= sizeof removal->product || strlen(version) >= sizeof removal->version) {
        reply_no_release(request); /* cut to fit it could be another one's name */
        return;
    }
    snprintf(removal->product, sizeof removal->product, "%s", product);
    snprintf(removal->version, sizeof removal->version, "%s", version);
    removal->change.app = request->app;
    removal->change.request = request;
    removal->change.run = removal_run;
    removal->change.reply = removal_reply;
    change_submit(&removal->change, NULL);
}
