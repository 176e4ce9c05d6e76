/* The wiring handed to each handler; there are no globals. One app is one data directory. */
#pragma once

#include <stdatomic.h>

#include "fleet/fleet.h"
#include "http/http.h"
#include "rt/clock_watch.h"
#include "server/address_queue.h"
#include "server/api_doc.h"
#include "server/deploy_keys.h"
#include "server/device_trust.h"
#include "server/given_chain.h"
#include "server/server.h"
#include "server/shown_certificate.h"
#include "server/waiting.h"

#define APP_READERS_MAX 4
#define APP_EXPORTS_MAX 8       /* that run at a time … */
#define APP_EXPORTS_ORG_MAX 4   /* … and of one organisation */
#define APP_ROOM_MIN (1U << 20) /* bytes a start may need: keys, schema, the database's journal */

/* What `serve` was told; see settings.c. */
struct settings {
    char *file_text; /* of --settings; others point into it */
    const char *data, *listen, *tls_cert, *tls_key, *ca, *name, *trusted_proxy;
    const char *web_listen, *web_cert, *web_key;
    const char *device_ca, *device_crl;
    const char *mirrors[GODWIT_SOURCES_MAX]; /* base addresses; NULL: none */
    uint32_t interval_s, loops, audit_days, history_days;
    uint32_t reserve_mib;    /* of the disk that uploads leave free */
    uint32_t rotate_days;    /* a device's token is changed when it is older; 0: only on request */
    uint32_t wait_s;         /* the longest that a check-in is held; 0: none is */
    uint32_t soak_s;         /* of a rollout that says nothing else, and … */
    const char *gates;       /* … its gates; NULL: none */
    uint32_t devices_max;    /* that stay in memory, fleet/cache.h; 0: all */
    bool device_ca_required; /* no device without a certificate of device_ca */
    bool webhook_loopback;   /* for tests: webhooks go to this machine alone, by http too */
};

struct app {
    uint32_t selection_last; /* rollout_selection.c */
    const struct settings *settings;
    const struct clock *clock;
    struct fleet fleet;
    struct blobs blobs;
    struct db *db; /* the writer's */
    struct writer *writer;
    struct work_pool *workers;
    struct deploy_keys deploy_keys; /* the fleet knows their public halves */
    uint8_t ca_sha256[32];          /* of the CA's SubjectPublicKeyInfo */
    uint8_t next_ca[32]; /* the same of the CA that devices shall take next; zero: none */
    char cert_path[512], key_path[512], ca_path[512];
    struct shown_certificate shown;
    struct device_trust device_trust;
    struct given_chain chain; /* of --tls-cert; zero: our own is shown */
    int lock_fd;
    bool is_data_open; /* others can look into the data directory */
    int64_t started_s;
    struct address_queue queued; /* check-ins that wait for the writer */
    struct logins *logins;
    struct http_server *web; /* --web-listen; NULL: pages live on the port of devices */
    struct events *events;
    int uploads_fd; /* the folder of unfinished files; upload_parts.c */
    struct api_doc api_doc;
    struct audit_log *audit;
    struct webhooks *webhooks;
    uint8_t checkpoint[16]; /* of the audit log, as instructions carry it; under the fleet's lock */
    struct waiting *waiting;            /* held check-ins */
    _Atomic(struct http_server *) http; /* NULL: it does not listen yet, or in tests; for numbers */
    /* private: app.c */
    int64_t aged_s;                 /* when old tokens were looked for; writer */
    uint64_t collected_ms;          /* counted, when orphaned files were looked for; 0: not yet */
    struct clock_watch clock_watch; /* under the lock of the fleet */
    int64_t clock_written_s;        /* the writer's, clock_guard.c */
    bool is_changed;                /* more than soft facts, in the open transaction */
    atomic_bool is_ailing;          /* the last one was not written, see probe() */
    bool flushes_on;                /* the last flush left some */
    pthread_mutex_t readers_lock;
    struct db *readers[APP_READERS_MAX];
    size_t readers_count;
    char exports[APP_EXPORTS_MAX][33]; /* whose they are; "": none; under readers_lock too */
    struct writer_job flush_job;
    atomic_bool flushing;
};

/* Opens the data directory: lock, database, blobs, keys, certificate, first account. The note is
 * one line that says what is wrong and what to do. password_out is filled on the first start, else
 * empty. */
GODWIT_MUST_USE godwit_err app_open(struct app *app, const struct settings *settings,
                                    char *note_out, size_t note_size, char password_out[static 32]);
/* What to say where the disk has no room for a start. */
void app_note_full(const char *data, char *note_out, size_t note_size);
/* Writes what waits, flushes facts, closes. Safe on a zeroed or half-opened app. */
void app_close(struct app *app);
/* Every few seconds: facts to the database, and the sequence mark ahead of the clock. */
void app_tick(struct app *app);
/* server.json, once the address is known; connect: where to dial instead of looking the name in the
 * url up, or "". */
GODWIT_MUST_USE godwit_err app_announce(struct app *app, const char *url, const char *connect);

/* A read connection of one's own until it is given back; NULL when the database can not be opened.
 */
struct db *app_reader_take(struct app *app);
void app_reader_give(struct app *app, struct db *db);
/* A place among the exports that run, until it is given back; NULL: there are as many as may be. */
char *app_export_begin(struct app *app, const char *org);
void app_export_end(struct app *app, char *slot);
size_t app_exports(struct app *app);

/* One change asked for by a request: run inside the writer's transaction, then reply after the
 * commit. run may be called twice (rt/work.h), and tells the audit log what it changed by
 * change_audit (audit_log.h). reply gets err where nothing was kept, and finds no pointer into the
 * fleet in what run left: it copies ids and looks them up. Lives in the request's arena. */
struct change {
    struct writer_job job;
    struct app *app;
    struct http_request *request;
    godwit_err (*run)(struct change *change);
    void (*reply)(struct change *change, godwit_err err);
    const char *actor; /* who asks, where the gate does not know; NULL: whom it has found */
    const char *org;   /* with actor: of which organisation */
    bool is_device;    /* a device's own doing: its history is the record of it */
    bool is_recorded;  /* set by change_audit */
    /* private: app.c */
    void (*abandon)(struct change *change);
    struct keyed *keyed; /* server/idempotency.h */
    bool is_known;
};

/* Answers 503 by itself when the writer is full, and what the first was replied where the request
 * brings an Idempotency-Key for the second time; then it calls abandon first, if given. */
void change_submit(struct change *change, void (*abandon)(struct change *change));

/* Where not all devices are in memory: brings this one in, and waits for it. device_id NULL: the
 * one with the token. Whether there is one is looked up as ever. On a worker thread, without the
 * lock.
 */
void app_fetch_device(struct app *app, const char *org, const uint8_t *device_id,
                      const uint8_t *token_sha256);

/* Gives decisions the time; with each tick. decision_clock.c */
void decision_clock_tick(struct app *app);
/* Tells of rollouts that have finished. Writer, in a transaction; rollout_finish.c. */
GODWIT_MUST_USE godwit_err rollouts_tick(struct app *app);

/* Wall clock in ms, for sequences. */
uint64_t app_now_ms(const struct app *app);

/* ---- routes.c ---- */

extern const struct http_route ROUTES[];
extern const size_t ROUTES_COUNT;
/* Fills in what a server of this app needs: routes with their gate, workers, clock. */
void routes_serve(struct app *app, struct http_options *options);
