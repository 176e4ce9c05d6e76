/* Letting devices join: claim tokens, and the initial policy of an agent's build. */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/account.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/secret.h"

/* ---- claims ---- */

struct claims {
    struct change change; /* first: a change is a claims */
    char product[33], claim[44];
    uint32_t count;
    bool known;
};

static godwit_err claims_run(struct change *change)
{
    struct claims *claims = (struct claims *)change;
    struct app *app = change->app;
    const struct product *product =
        product_find(&app->fleet.catalogue, permission_org(change->request), claims->product);
    claims->known = product != NULL;
    if (!product) return GODWIT_OK;
    uint8_t digest[32];
    secret_sha256(claims->claim, strlen(claims->claim), digest);
    godwit_err err = claim_create(&app->fleet, app->db, product, claims->count, digest,
                                  clock_unix_s(app->clock));
    if (err) return err;
    char mark[17];
    godwit_hex_encode(digest, 8, mark);
    return change_audit(change, AUDIT_CLAIM_CREATED, claims->product, NULL,
                        json_pack("{s:s, s:I}", "claim", mark, "count", (json_int_t)claims->count));
}

static void reply_no_product(struct http_request *request, const char *name)
{
    char detail[200];
    snprintf(detail, sizeof detail,
             "there is no product \"%s\" yet; upload its first image, which makes the product",
             name);
    problem(request, 404, "no-product", detail, "product");
}

static void claims_reply(struct change *change, godwit_err err)
{
    struct claims *claims = (struct claims *)change;
    if (err) {
        problem_of_error(change->request, err);
    } else if (!claims->known) {
        reply_no_product(change->request, claims->product);
    } else {
        char token[100], spki[44];
        secret_base64url(change->app->ca_sha256, spki);
        snprintf(token, sizeof token, "gw1.%s.%s", claims->claim, spki);
        GODWIT_LOG(INFO, "claim_created", "product=\"%s\" count=%u", claims->product,
                   claims->count);
        reply_json(change->request, 201, json_pack("{s:s}", "token", token));
    }
}

/* "count": 1 … FLEET_CLAIM_COUNT_MAX, 1 when absent; 0: answered. */
static uint32_t read_count(struct http_request *request, const json_t *body)
{
    const json_t *member = json_object_get(body, "count");
    json_int_t count = member ? json_integer_value(member) : 1;
    if (count >= 1 && count <= FLEET_CLAIM_COUNT_MAX) return (uint32_t)count;
    problem(request, 422, "malformed", "\"count\" must be a number from 1 to 1000000", "count");
    return 0;
}

void handle_claims(struct http_request *request)
{
    json_t *body = body_object(request);
    if (!body) return;
    uint8_t secret[32];
    struct claims *claims = arena_zalloc(request->arena, sizeof *claims);
    const char *product = claims ? body_text(request, body, "product", 32) : NULL;
    if (product) claims->count = read_count(request, body);
    if (product && claims->count > 0 && !secret_random(secret, sizeof secret)) {
        snprintf(claims->product, sizeof claims->product, "%s", product);
        secret_base64url(secret, claims->claim);
        claims->change.app = request->app;
        claims->change.request = request;
        claims->change.run = claims_run;
        claims->change.reply = claims_reply;
        change_submit(&claims->change, NULL);
    }
    json_decref(body);
}

/* ---- seeds ---- */

void handle_initial_policy(struct http_request *request)
{
    struct app *app = request->app;
    const char *name = http_param(request, "name");
    struct godwit_policy policy = {0};
    uint8_t bytes[GODWIT_POLICY_BYTES];
    fleet_lock(&app->fleet);
    const struct product *product =
        product_find(&app->fleet.catalogue, permission_org(request), name);
    if (product) {
        policy = product->initial_policy;
    }
    fleet_unlock(&app->fleet);
    if (!product) {
        reply_no_product(request, name);
        return;
    }
    /* The present key and the one before: a device that is built today outlives a change. */
    policy.deploy_keys_count = app->deploy_keys.count < 2 ? 1 : 2;
    memcpy(policy.deploy_keys, app->deploy_keys.points,
           policy.deploy_keys_count * sizeof *policy.deploy_keys);
    godwit_policy_encode(&policy, bytes);
    http_reply_copy(request, 200, "application/octet-stream", bytes, sizeof bytes);
}
