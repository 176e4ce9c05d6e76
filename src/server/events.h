/* What changed, told to whoever listens (`GET /api/v1/events/stream`).
 *
 * The writer notes what its transaction changes; with the commit the notes wait in a short queue,
 * where a newer one of the same object takes the older one's place. A thread of its own takes them
 * out ten times a second, numbers them, keeps the newest in a ring and sends them. So nobody waits
 * for a listener: neither the writer nor a check-in. Where more has changed than is told one by
 * one, listeners hear `reset`: read again what you show. */
#pragma once

#include <jansson.h>

#include "fleet/listing.h"
#include "http/http.h"

#define EVENTS_QUEUE_MAX 256 /* notes between two looks; more are a reset */
#define EVENTS_RING 1024     /* a listener that comes back may have missed so many */
#define EVENT_TEXT_MAX 320

struct app;
struct events;

/* Threads begin with open and end with close, which also ends all streams. */
GODWIT_MUST_USE godwit_err events_open(struct app *app);
void events_close(struct events *events);

/* Writer, in a transaction. action: "rollout.created", whose first part is the kind; object: as the
 * audit log names it; after: what is told of it, its "product" too, or NULL. */
void events_note(struct events *events, const char *org, const char *action, const char *object,
                 const json_t *after);
/* fleet.on_listed: a row of the lists has changed. */
void events_note_device(void *events, const struct listing *listing);
/* Writer: how the transaction ended. */
void events_committed(struct events *events);
void events_aborted(struct events *events);
