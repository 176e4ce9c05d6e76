/* Releases as operators see them; uploading is intake.c. */
#include "server/handlers.h"
#include "server/problem.h"
#include "server/views.h"

void handle_releases(struct http_request *request)
{
    struct app *app = request->app;
    json_t *list = json_array();
    fleet_lock(&app->fleet);
    for (struct release *release = app->fleet.releases; release; release = release->next)
        json_array_append_new(list, view_release(release));
    fleet_unlock(&app->fleet);
    reply_json(request, 200, json_pack("{s:o}", "releases", list));
}
