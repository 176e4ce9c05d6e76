/* The history of each device: what happened to it, kept in SQL alone. The newest lines are kept,
 * for as long as the service is told to, and how many there ever were. */
#pragma once

#include "formats/checkin.h"
#include "store/store.h"

/* name, text id (JSON, CLI), what happened where no reason says more. The order stands in SQL. */
#define EVENT_KINDS(X)                                                                      \
    X(ENROLLED, "enrolled", "it joined with a claim token")                                 \
    X(OFFERED, "offered", "it is offered this version")                                     \
    X(CONFIRMED, "confirmed", "it runs this version and has confirmed it")                  \
    X(FAILED, "failed", "it did not install this version")                                  \
    X(AGAIN, "again", "it did not install this version yet and is offered it again")        \
    X(REPORTED, "reported", "it reports an install that belongs to no rollout in progress") \
    X(CHANGED, "changed", "it runs this version, which no rollout offered to it")           \
    X(CONFLICT, "conflict", "another token asked to join under this id and was not let in") \
    X(BRIDGED, "bridged",                                                                   \
      "it runs this version, a bridge release on the way to the one rolled out")            \
    X(NOTICE, "notice", "it reports something that is no install")                          \
    X(ACCEPTED, "accepted", "an operator accepted another token; the one before is void")   \
    X(REJECTED, "rejected", "an operator rejected another token")                           \
    X(NOT_OFFERED, "not-offered", "it is not offered this version")                         \
    X(NAMED, "named", "an operator gave it this name, or took it away")                     \
    X(TAGGED, "tagged", "an operator changed its tags")                                     \
    X(RETIRED, "retired", "an operator retired it; its token is void")                      \
    X(REINSTATED, "reinstated", "an operator took its retirement back; its token is good")  \
    X(TRANSFERRED, "transferred", "an operator moved it to another product")                \
    X(ROTATED, "rotated", "it uses another token, which it made; the one before is void")   \
    X(FORKED, "forked", "two devices seem to use its identity; it is offered nothing")      \
    X(CLEARED, "cleared", "an operator says that it is one device again")                   \
    X(WITHDRAWN, "withdrawn",                                                               \
      "the rollout was halted, and it is not offered this version any more")                \
    X(SUCCEEDED, "succeeded", "it has run this version for as long as its rollout asks")    \
    X(UNDO, "undo", "its rollout was undone, and it is sent back to this version")          \
    X(UNDONE, "undone", "its rollout was undone, and it runs what it came from")

#define EVENTS_KEPT 200 /* of one device */

#define EVENT_KIND_ENUM(name, id, sentence) EVENT_##name,
enum event_kind { EVENT_KINDS(EVENT_KIND_ENUM) EVENT_KIND_COUNT };
#undef EVENT_KIND_ENUM

#define EVENT_REPORT_SIZE 16

struct event {
    int64_t id, time_s;
    enum event_kind kind;
    enum godwit_stage stage;
    uint32_t reason;
    char version[33];
    char detail[GODWIT_DETAIL_MAX];
    uint8_t report[EVENT_REPORT_SIZE]; /* which report made it, for event_add; zeros: none did */
};

const char *event_kind_name(enum event_kind kind);
/* What happened, for a person: the reason's sentence, else the kind's. */
const char *event_sentence(const struct event *event);
/* Text id of the reason. NOT_OFFERED has one of decide.h, which stands in its detail. */
const char *event_reason_id(const struct event *event);
/* The device's own words, or what more there is to say. */
const char *event_detail(const struct event *event);
/* Records and logs it. Writer. id is unused. */
GODWIT_MUST_USE godwit_err event_add(struct db *db, int64_t device,
                                     const uint8_t device_id[static 16], const struct event *event);
/* Whether a report made a line of the device's history since then. Writer. */
GODWIT_MUST_USE godwit_err event_has_report(struct db *db, int64_t device,
                                            const uint8_t report[static EVENT_REPORT_SIZE],
                                            int64_t since_s, bool *has_out);
/* Newest first, only those of lower id than before; any connection. */
GODWIT_MUST_USE godwit_err event_list(struct db *db, int64_t device, int64_t before,
                                      struct event *out, size_t count_max, size_t *count_out);
/* How many lines the device's history ever had; any connection. */
GODWIT_MUST_USE godwit_err event_total(struct db *db, int64_t device, int64_t *total_out);
/* Drops up to count_max lines of all devices that are older; more_out: there may be others. Totals
 * stay. Writer. */
GODWIT_MUST_USE godwit_err events_prune(struct db *db, int64_t before_s, size_t count_max,
                                        bool *more_out);
