/* What changes of webhooks have in common: api_webhooks.c, api_webhook_edit.c. */
#pragma once

#include <jansson.h>

#include "server/app.h"
#include "server/webhook_store.h"

struct hook {
    struct change change; /* first: a change is a hook */
    struct webhook webhook;
    bool is_known, is_full, is_stale;
    char delivery[WEBHOOK_ID_SIZE];
    struct webhook_edit {
        bool has_pause, is_paused, rotates;
        char url[WEBHOOK_URL_MAX + 1], events[WEBHOOK_EVENTS_MAX + 1]; /* "": it stays */
        uint8_t secret[WEBHOOK_SECRET_SIZE];
    } edit;
};

/* NULL: answered. */
struct hook *hook_make(struct http_request *request, godwit_err (*run)(struct change *),
                       void (*reply)(struct change *, godwit_err));
/* The one that the path names into hook->webhook; is_known says whether it is there. Writer. */
GODWIT_MUST_USE godwit_err hook_find(struct hook *hook);
/* A body's "url" and "events", if they are good. False: answered. */
bool hook_read_url(struct hook *hook, const char *url);
bool hook_read_events(struct http_request *request, const char *events);
json_t *view_webhook(const struct webhook *webhook);
void reply_no_webhook(struct http_request *request);
/* What webhook_read failed by: MISSING is the reply above. */
void reply_webhook_error(struct http_request *request, godwit_err err);
