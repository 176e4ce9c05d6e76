/* Strata of a rollout: its devices by one thing that they have alike, as their chip or the release
 * that they came from. A release that fails on one stratum alone is stopped there, and continues
 * for the others.
 *
 * A stratum stops when its failures weigh as much as the bound of the brake (brake.h), and it
 * stands apart: that it fails more often than the rest is 1,000 times as likely as that all fail
 * alike (of those whose outcome is known; the ratio of likelihoods of Wilks, "The Large-Sample
 * Distribution of the Likelihood Ratio", Annals of Mathematical Statistics 9, 1938). Pure; none of
 * it takes a lock. */
#pragma once

#include "fleet/brake.h"

#define STRATA_MAX 64 /* of one rollout; what comes later is judged with the whole alone */

/* name, text id (SQL by number, JSON, CLI), as people call it */
#define STRATUM_KINDS(X)                                  \
    X(CHIP, "chip", "chip")                               \
    X(CHIP_REVISION, "chip-revision", "chip revision")    \
    X(HARDWARE, "hardware-revision", "hardware revision") \
    X(FROM, "from", "updates from")
#define STRATUM_KIND_ENUM(name, id, title) STRATUM_##name,
enum stratum_kind { STRATUM_KINDS(STRATUM_KIND_ENUM) STRATUM_KINDS_COUNT };
#undef STRATUM_KIND_ENUM

const char *stratum_kind_id(enum stratum_kind kind);
const char *stratum_kind_title(enum stratum_kind kind);

/* Which strata a device is in. */
struct strata_key {
    uint32_t value[STRATUM_KINDS_COUNT]; /* chip_id, revisions, releases.id (0: unknown) */
};

struct stratum {
    enum stratum_kind kind;
    uint32_t value;
    uint32_t offered, confirmed; /* of its devices */
    struct brake failed;         /* offer numbers in the whole rollout */
    struct brake doubt;          /* of these, and of those that are overdue; soft, silence.c */
    int64_t halted_s;            /* 0: it is not halted */
    bool is_doubtful;            /* as struct rollout has it, for these devices alone */
    bool is_moved;               /* not written yet, as so */
};

/* Zeros: none. */
struct strata {
    struct stratum *rows; /* in the order in which their first devices were offered it */
    size_t count;
    size_t closed_count; /* that are halted or doubtful */
};

/* A rollout without its strata. */
struct strata_whole {
    uint32_t offered, confirmed, failed; /* confirmed: soaking or succeeded */
    double p0;                           /* brake_p0 */
};

/* How a stratum is judged: it halts where both reach their bound. */
struct stratum_view {
    double weight, bound;
    double apart, apart_bound;
};

/* NULL: none of its devices was offered the release. */
struct stratum *strata_find(const struct strata *strata, enum stratum_kind kind, uint32_t value);
/* A device of these strata is offered the release for the first time. */
void strata_offer(struct strata *strata, const struct strata_key *key);
/* As it stands in the database. */
void strata_load(struct strata *strata, const struct stratum *row);
/* A device of these has confirmed the release (1), or has failed since (-1). */
void strata_confirm(struct strata *strata, const struct strata_key *key, int by);
/* A failure at that place of the rollout. False: it counts in a halted stratum alone, no more in
 * the whole. */
bool strata_fail(struct strata *strata, const struct strata_key *key, uint32_t offer_number);
/* The same of one that is overdue, or is so no more. */
bool strata_doubt(struct strata *strata, const struct strata_key *key, uint32_t offer_number);
void strata_undoubt(struct strata *strata, uint32_t offer_number);
/* It has not failed, and is not overdue. */
void strata_take_back(struct strata *strata, uint32_t offer_number);
/* The stratum for which a device of these is offered nothing: one that is halted, else one that is
 * doubtful; NULL: none. */
const struct stratum *strata_closed(const struct strata *strata, const struct strata_key *key);
struct stratum_view stratum_look(const struct stratum *stratum, const struct strata_whole *whole);
/* Whether it fails apart from the others. */
bool stratum_is_apart(const struct stratum_view *view);
/* The stratum that its failures halt; of several the one that stands apart most. NULL: none. */
struct stratum *strata_find_halting(const struct strata *strata, const struct strata_whole *whole);
/* Halts it: its failures are those of no other stratum any more, nor of the rollout's brakes. */
void strata_halt(struct strata *strata, struct stratum *stratum, int64_t now_s, struct brake *brake,
                 struct brake *doubt);
/* Which strata would halt if their overdue devices had failed. doubt: the rollout's, of which a
 * copy without theirs goes to rest_out, for the caller to free. True: one is so no more. */
bool strata_weigh_doubts(struct strata *strata, const struct strata_whole *whole,
                         const struct brake *doubt, struct brake *rest_out);
void strata_free(struct strata *strata);
