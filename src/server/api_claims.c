/* Letting devices join: claim tokens, and the initial policy of an agent's build. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/claim.h"
#include "fleet/tags.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/pages.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/secret.h"
#include "server/views.h"

/* ---- making one ---- */

struct claims {
    struct change change; /* first: a change is a claims */
    char product[33], claim[44], tags[CLAIM_TAGS_SIZE];
    uint32_t count;
    int64_t lifetime_s; /* 0: for ever */
    uint8_t digest[32];
    bool is_known, is_full;
};

static godwit_err claims_run(struct change *change)
{
    struct claims *claims = (struct claims *)change;
    struct app *app = change->app;
    int64_t now_s = clock_unix_s(app->clock);
    const struct claim_terms terms = {
        .product =
            product_find(&app->fleet.catalogue, permission_org(change->request), claims->product),
        .count_max = claims->count,
        .expires_s = claims->lifetime_s ? now_s + claims->lifetime_s : 0,
        .tags = claims->tags};
    claims->is_known = terms.product && permission_sees(change->request, terms.product->org->name,
                                                        terms.product->name);
    if (!claims->is_known) return GODWIT_OK;
    secret_sha256(claims->claim, strlen(claims->claim), claims->digest);
    godwit_err err =
        claim_create(&app->fleet, app->db, &terms, claims->digest, now_s, &claims->is_full);
    if (err || claims->is_full) return err;
    char mark[2 * CLAIM_MARK_SIZE + 1];
    godwit_hex_encode(claims->digest, CLAIM_MARK_SIZE, mark);
    return change_audit(change, AUDIT_CLAIM_CREATED, claims->product, NULL,
                        json_pack("{s:s, s:s, s:I, s:I, s:s}", "product", claims->product, "claim",
                                  mark, "count", (json_int_t)claims->count, "lifetime_s",
                                  (json_int_t)claims->lifetime_s, "tags", claims->tags));
}

void reply_no_product(struct http_request *request, const char *name)
{
    char detail[200];
    snprintf(detail, sizeof detail,
             "there is no product \"%s\" yet; upload its first image, which makes the product",
             name);
    problem(request, 404, "no-product", detail, "product");
}

static void claims_reply(struct change *change, godwit_err err)
{
    const struct claims *claims = (const struct claims *)change;
    if (!err && !claims->is_known) {
        reply_no_product(change->request, claims->product);
        return;
    }
    if (!err && claims->is_full) {
        problem(change->request, 409, "too-many-claims",
                "there are 10000 claim tokens; end some of them with `godwit claim revoke`", NULL);
        return;
    }
    if (err) {
        problem_of_error(change->request, err);
        return;
    }
    char token[100], spki[44], mark[2 * CLAIM_MARK_SIZE + 1];
    secret_base64url(change->app->ca_sha256, spki);
    snprintf(token, sizeof token, "gw1.%s.%s", claims->claim, spki);
    godwit_hex_encode(claims->digest, CLAIM_MARK_SIZE, mark);
    GODWIT_LOG(INFO, "claim_created", "claim=%s product=\"%s\" count=%u", mark, claims->product,
               claims->count);
    reply_json(change->request, 201, json_pack("{s:s, s:s}", "token", token, "claim", mark));
}

bool read_tags(struct http_request *request, const json_t *body, char *out, size_t size_max)
{
    const json_t *tags = json_object_get(body, "tags");
    struct godwit_text text;
    char detail[120];
    godwit_text_init(&text, out, size_max);
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *tag = json_string_value(json_array_get(tags, i)), *fault = tag_fault(tag);
        godwit_text_add(&text, i ? " " : "");
        godwit_text_add(&text, tag);
        if (!fault) continue;
        snprintf(detail, sizeof detail, "the tag %s", fault);
        problem(request, 422, "malformed", detail, "tags");
        return false;
    }
    if (!text.overflow) return true;
    problem(request, 422, "malformed", "\"tags\" are longer than 519 bytes in all", "tags");
    return false;
}

void handle_claims(struct http_request *request)
{
    json_t *body = body_object(request);
    if (!body) return;
    uint8_t secret[32];
    struct claims *claims = arena_zalloc(request->arena, sizeof *claims);
    const char *product = claims ? body_text(request, body, "product", 32) : NULL;
    const json_t *count = json_object_get(body, "count");
    bool is_good = product && read_tags(request, body, claims->tags, sizeof claims->tags);
    if (is_good && secret_random(secret, sizeof secret))
        problem(request, 500, "internal", "the kernel gave no random bytes", NULL);
    else if (is_good) {
        snprintf(claims->product, sizeof claims->product, "%s", product);
        secret_base64url(secret, claims->claim);
        claims->count = count ? (uint32_t)json_integer_value(count) : 1;
        claims->lifetime_s = json_integer_value(json_object_get(body, "lifetime_s"));
        claims->change.app = request->app;
        claims->change.request = request;
        claims->change.run = claims_run;
        claims->change.reply = claims_reply;
        change_submit(&claims->change, NULL);
    }
    json_decref(body);
}

/* ---- ending one ---- */

struct revocation {
    struct change change; /* first: a change is a revocation */
    uint8_t mark[CLAIM_MARK_SIZE];
    bool is_done;
};

static godwit_err revocation_run(struct change *change)
{
    struct revocation *revocation = (struct revocation *)change;
    struct app *app = change->app;
    struct claim *claim =
        claim_by_mark(&app->fleet, permission_org(change->request), revocation->mark);
    revocation->is_done =
        claim && permission_sees(change->request, claim->product->org->name, claim->product->name);
    if (!revocation->is_done) return GODWIT_OK;
    char mark[2 * CLAIM_MARK_SIZE + 1];
    godwit_hex_encode(revocation->mark, CLAIM_MARK_SIZE, mark);
    godwit_err err = change_audit(change, AUDIT_CLAIM_REVOKED, claim->product->name,
                                  json_pack("{s:s, s:s, s:I, s:I}", "product", claim->product->name,
                                            "claim", mark, "count", (json_int_t)claim->count_max,
                                            "used", (json_int_t)claim->used_count),
                                  NULL);
    return err ? err : claim_revoke(&app->fleet, app->db, claim, clock_unix_s(app->clock));
}

static void reply_no_claim(struct http_request *request)
{
    problem(request, 404, "no-claim",
            "there is no such claim token, or it has ended; `godwit claim list` lists them", NULL);
}

static void revocation_reply(struct change *change, godwit_err err)
{
    const struct revocation *revocation = (const struct revocation *)change;
    char mark[2 * CLAIM_MARK_SIZE + 1];
    if (err) {
        problem_of_error(change->request, err);
    } else if (!revocation->is_done) {
        reply_no_claim(change->request);
    } else {
        godwit_hex_encode(revocation->mark, CLAIM_MARK_SIZE, mark);
        GODWIT_LOG(INFO, "claim_revoked", "claim=%s peer=%s", mark, change->request->peer);
        reply_json(change->request, 200, json_pack("{s:s}", "claim", mark));
    }
}

void handle_claim_revoke(struct http_request *request)
{
    const char *text = http_param(request, "claim");
    struct revocation *revocation = arena_zalloc(request->arena, sizeof *revocation);
    if (!revocation) {
        problem_busy(request);
        return;
    }
    if (godwit_hex_decode(text, strlen(text), revocation->mark, sizeof revocation->mark)) {
        reply_no_claim(request);
        return;
    }
    revocation->change.app = request->app;
    revocation->change.request = request;
    revocation->change.run = revocation_run;
    revocation->change.reply = revocation_reply;
    change_submit(&revocation->change, NULL);
}

/* ---- the list ---- */

static json_t *view_time(int64_t time_s)
{
    return time_s ? json_integer(time_s) : json_null();
}

static json_t *view_tags(const char *tags)
{
    json_t *list = json_array();
    for (size_t size; *tags; tags += size + (tags[size] == ' ')) {
        size = strcspn(tags, " ");
        json_array_append_new(list, json_stringn(tags, size));
    }
    return list;
}

static json_t *view_claim(const struct claim_row *row, int64_t now_s)
{
    char mark[2 * CLAIM_MARK_SIZE + 1];
    godwit_hex_encode(row->claim_sha256, CLAIM_MARK_SIZE, mark);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:I, s:o, s:o}", "claim", mark, "product",
                     row->product, "state", claim_state(row, now_s), "count",
                     (json_int_t)row->count_max, "used", (json_int_t)row->used_count, "tags",
                     view_tags(row->tags), "created", (json_int_t)row->created_s, "expires",
                     view_time(row->expires_s), "revoked", view_time(row->revoked_s));
}

/* "after" is where the page before ended: its last claim's time and digest. */
static bool read_after(const char *text, struct claim_row *after)
{
    *after = (struct claim_row){.created_s = INT64_MAX};
    if (!text) return true;
    char *end;
    after->created_s = strtoll(text, &end, 10);
    return *end == '.' && !godwit_hex_decode(end + 1, strlen(end + 1), after->claim_sha256, 32);
}

static json_t *view_next(const struct claim_row *last)
{
    char digest[65];
    godwit_hex_encode(last->claim_sha256, 32, digest);
    return json_sprintf("%lld.%s", (long long)last->created_s, digest);
}

void handle_claim_list(struct http_request *request)
{
    struct app *app = request->app;
    const struct actor *actor = permission_actor(request);
    struct claim_row after;
    size_t limit;
    if (!page_limit(request, &limit)) return;
    if (!read_after(http_query(request, "after"), &after)) {
        problem(request, 422, "malformed", "\"after\" is the \"next\" of the page before", "after");
        return;
    }
    size_t count = 0;
    struct claim_row *rows = arena_alloc(request->arena, limit * sizeof *rows);
    struct db *db = rows ? app_reader_take(app) : NULL;
    godwit_err err = db ? claim_list(db, actor->org, actor->product, &after, rows, limit, &count)
                        : GODWIT_ERR_IO;
    if (db) app_reader_give(app, db);
    if (err) {
        problem_of_error(request, err);
        return;
    }
    json_t *list = json_array();
    int64_t now_s = clock_unix_s(app->clock);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, view_claim(&rows[i], now_s));
    reply_json(request, 200,
               json_pack("{s:o, s:o}", "claims", list, "next",
                         count == limit ? view_next(&rows[count - 1]) : json_null()));
}

/* ---- initial policies ---- */

void handle_initial_policy(struct http_request *request)
{
    struct app *app = request->app;
    const char *name = http_param(request, "name");
    struct godwit_policy policy = {0};
    uint8_t bytes[GODWIT_POLICY_BYTES];
    fleet_lock(&app->fleet);
    const struct product *product =
        product_find(&app->fleet.catalogue, permission_org(request), name);
    if (product && !permission_sees(request, NULL, product->name)) product = NULL;
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
