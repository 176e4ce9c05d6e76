/* Webhooks and their outbox in SQL; nothing of HTTP. */
#pragma once

#include "fleet/access.h"
#include "server/webhook_send.h"
#include "store/store.h"

#define WEBHOOK_ID_SIZE 17     /* 16 hex digits and a NUL */
#define WEBHOOK_FORMER_S 86400 /* so long a former secret signs too */
#define WEBHOOKS_MAX 20        /* of one organisation */
#define WEBHOOK_EVENTS_MAX 300
#define WEBHOOK_BODY_MAX 4096
#define WEBHOOK_WAITING_MAX 1000 /* of one webhook; the oldest is given up for one more */
#define WEBHOOK_KEPT 100         /* finished deliveries of one webhook that are shown */

struct webhook {
    char id[WEBHOOK_ID_SIZE], org[ACCESS_NAME_MAX];
    char url[WEBHOOK_URL_MAX + 1], events[WEBHOOK_EVENTS_MAX + 1];
    uint8_t secret[WEBHOOK_SECRET_SIZE];
    uint8_t former_secret[WEBHOOK_SECRET_SIZE]; /* signs too until then */
    int64_t former_until_s;                     /* 0: there is none */
    int64_t created_s;
    bool is_paused; /* what is for it waits */
};

struct webhook_row { /* of the outbox */
    char id[WEBHOOK_ID_SIZE], webhook[WEBHOOK_ID_SIZE], event[64];
    char state[16], note[128];
    int64_t created_s, due_s, tries, status;
};

/* Whether a webhook's list of events has this one. */
bool webhook_wants(const char *events, const char *event);

typedef void webhook_take(void *ctx, const struct webhook *webhook);
typedef void webhook_row_take(void *ctx, const struct webhook_row *row);

/* org NULL: of all organisations. Any connection. */
GODWIT_MUST_USE godwit_err webhook_list(struct db *db, const char *org, webhook_take *take,
                                        void *ctx);
/* MISSING: this organisation has no such one. */
GODWIT_MUST_USE godwit_err webhook_read(struct db *db, const char *org, const char *id,
                                        struct webhook *out);
/* The first one of a service begins with what happens from now on. Writer. */
GODWIT_MUST_USE godwit_err webhook_add(struct db *db, const struct webhook *webhook);
/* URL, events, secrets and pause, as they are given. Writer. */
GODWIT_MUST_USE godwit_err webhook_change(struct db *db, const struct webhook *webhook);
/* With all that waits for it. Writer. */
GODWIT_MUST_USE godwit_err webhook_remove(struct db *db, const struct webhook *webhook);

/* Puts a delivery into the outbox; id_out names it. Writer. */
GODWIT_MUST_USE godwit_err webhook_enqueue(struct db *db, const struct webhook *webhook,
                                           const char *event, const char *body, int64_t now_s,
                                           char id_out[static WEBHOOK_ID_SIZE]);
/* Gives up what waits beyond the bound and forgets what is finished beyond its own. given_up_out:
 * how many. Writer. */
GODWIT_MUST_USE godwit_err webhook_trim(struct db *db, const struct webhook *webhook,
                                        int64_t *given_up_out);
/* The newest deliveries first. Any connection. */
GODWIT_MUST_USE godwit_err webhook_deliveries(struct db *db, const struct webhook *webhook,
                                              size_t limit, webhook_row_take *take, void *ctx);

/* What is due, oldest first; MISSING: nothing, and due_out says when to look again (INT64_MAX:
 * nothing waits). Any connection. */
GODWIT_MUST_USE godwit_err webhook_next(struct db *db, int64_t now_s, struct webhook *webhook_out,
                                        struct webhook_row *row_out,
                                        char body_out[static WEBHOOK_BODY_MAX + 1],
                                        int64_t *due_out);
/* How a try went. One that failed waits longer each time, and with it all that waits for the same
 * webhook, so that a dead one costs one try; after the last it is given up. Writer. */
GODWIT_MUST_USE godwit_err webhook_note(struct db *db, const struct webhook_row *row,
                                        const struct webhook_outcome *outcome, int64_t now_s,
                                        bool *given_up_out);

/* The places of the two sources up to which the outbox was filled. */
struct webhook_cursor {
    int64_t audit, events;
};
GODWIT_MUST_USE godwit_err webhook_cursor_read(struct db *db, struct webhook_cursor *out);
GODWIT_MUST_USE godwit_err webhook_cursor_write(struct db *db, const struct webhook_cursor *cursor);
