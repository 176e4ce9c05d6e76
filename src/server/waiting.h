/* Check-ins that are held until there is something to say: who waits, and who has to hear.
 *
 * A held check-in costs its connection and one block of memory; no thread, no row, no lock. Whoever
 * changes what devices of a product are told says so here (waiting_wake), after the commit. A
 * thread of its own then looks at those that wait, a few at a time under the fleet's lock, and
 * answers those for whom there is something by the code that answers any check-in. So a deploy to
 * ten thousand costs them one look each, and a rollout's pace still decides who is offered. */
#pragma once

#include "fleet/fleet.h"
#include "http/http.h"

struct waiting;

/* One held check-in; first in the holder's own struct. */
struct waiter {
    struct http_request *request; /* its user is the waiter, while it waits */
    uint8_t token_sha256[32];
    int64_t product; /* id */
    uint64_t since_ms;
    uint32_t hold_ms;
    /* private */
    struct wait_queue *queue;
    struct waiter *prev, *next;
};

/* Answers one that was taken out: its request is owed a reply. On the waker's thread, on a loop or
 * in a handler. Whoever called frees nothing: the waiter is the callee's. */
typedef void waiting_answer(struct waiter *waiter);

GODWIT_MUST_USE godwit_err waiting_open(struct fleet *fleet, waiting_answer *answer,
                                        struct waiting **waiting_out);
/* Nobody waits any more: the HTTP server is closed. NULL is fine. */
void waiting_close(struct waiting *waiting);

/* To be read before the decision that there is nothing to say. */
uint64_t waiting_mark(struct waiting *waiting);
/* From now on it may be taken out by anybody. What was waked since the mark is looked at again. The
 * one of the same token that waited before comes back; its connection is taken for dead. */
struct waiter *waiting_add(struct waiting *waiting, struct waiter *waiter, uint64_t mark);
/* Takes out what waits with this request; NULL: somebody else has it. */
struct waiter *waiting_take(struct waiting *waiting, struct http_request *request);
/* Something has changed for devices of the product; returns at once. From any thread, without the
 * fleet's lock. */
void waiting_wake(struct waiting *waiting, int64_t product);
/* So for devices of all products. */
void waiting_wake_all(struct waiting *waiting);
/* Answers the device with this token now, whatever there is to say; false: it does not wait. */
bool waiting_wake_device(struct waiting *waiting, const uint8_t token_sha256[static 32]);
/* What the end of a hold tells of the device's line; taken out before. Without the fleet's lock. */
void waiting_learn(struct fleet *fleet, const struct waiter *waiter, bool died);
/* The end of what device_hold began, by its id: its token may have changed since. Without the
 * fleet's lock. */
void waiting_let_go(struct fleet *fleet, const char *org, const uint8_t device_id[static 16]);
/* How long it has waited. */
uint64_t waiting_age_ms(const struct waiter *waiter);
size_t waiting_count(struct waiting *waiting);
