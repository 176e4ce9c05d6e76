/* What a deploy of a product needs (fleet/locks.h). */
#include "fleet/locks.h"

#include <stdio.h>

#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/views.h"

struct locking {
    struct change change; /* first: a change is a locking */
    char product[33];
    struct locks locks;
    bool is_known;
};

json_t *view_locks(const struct locks *locks)
{
    return json_pack("{s:b, s:b}", "approval", locks->approval, "bench", locks->bench);
}

static godwit_err locking_run(struct change *change)
{
    struct locking *locking = (struct locking *)change;
    struct app *app = change->app;
    const char *org = permission_org(change->request);
    struct product *product = product_find(&app->fleet.catalogue, org, locking->product);
    if (product && !permission_sees(change->request, org, product->name)) product = NULL;
    locking->is_known = product != NULL;
    if (!product) return GODWIT_OK;
    const struct locks before = {product->needs_approval, product->needs_bench};
    godwit_err err = locks_set(&app->fleet, app->db, product, &locking->locks);
    return err ? err
               : change_audit(change, AUDIT_PRODUCT_LOCKS, product->name, view_locks(&before),
                              view_locks(&locking->locks));
}

static void locking_reply(struct change *change, godwit_err err)
{
    const struct locking *locking = (const struct locking *)change;
    if (err)
        problem_of_error(change->request, err);
    else if (!locking->is_known)
        reply_no_product(change->request, locking->product);
    else
        reply_json(change->request, 200, view_locks(&locking->locks));
}

void handle_locks(struct http_request *request)
{
    json_t *body = body_object(request);
    if (!body) return;
    struct locking *locking = arena_zalloc(request->arena, sizeof *locking);
    if (locking) {
        snprintf(locking->product, sizeof locking->product, "%s", http_param(request, "name"));
        locking->locks.approval = json_is_true(json_object_get(body, "approval"));
        locking->locks.bench = json_is_true(json_object_get(body, "bench"));
        locking->change.app = request->app;
        locking->change.request = request;
        locking->change.run = locking_run;
        locking->change.reply = locking_reply;
    }
    json_decref(body);
    if (locking)
        change_submit(&locking->change, NULL);
    else
        problem_busy(request);
}
