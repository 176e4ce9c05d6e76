/* All products, releases, rollouts, devices and tokens in memory, so that an idle check-in touches
 * no SQL; SQL is the truth and is read at start.
 *
 * Who may do what:
 *   - one lock guards the memory; it is held for microseconds, never over SQL, disk or signatures,
 *     and no hold grows with the number of devices: walks over them take it anew for each batch;
 *   - only the writer thread calls what changes a `struct db`, inside its transaction; it may read
 *     without the lock what only it changes (all but the facts of devices and what is soft);
 *   - what a transaction changed is `uncommitted` until fleet_committed; a device touched by it is
 *     answered through the writer too, so no reply leaves ahead of the commit it stands on;
 *   - a transaction that changed more than soft facts and failed is followed by fleet_load: memory
 *     is the database's again. Every pointer into the fleet is void then, so none is kept over the
 *     end of a transaction, nor without the lock by another thread than the writer. */
#pragma once

#include <pthread.h>

#include "fleet/model.h"
#include "fleet/shared.h"
#include "rt/pool.h"
#include "store/store.h"

#define FLEET_ORG GODWIT_ORG
/* For half of it devices are answered from memory while nothing can be written. */
#define FLEET_SEQUENCE_AHEAD_MS (2 * 3600000)
#define FLEET_SILENT_MAX 64    /* failures by silence that one look finds */
#define FLEET_PRUNED INT64_MAX /* no device is behind it: all old rollouts went */
#define FLEET_LISTED INT64_MAX /* so: all rows are written */

/* How long the lock was held; only where somebody asks for it. */
struct fleet_holds {
    uint64_t count, cpu_ns_max, wall_ns_max;
    uint64_t work_ns_max; /* of the smaller of both: each is what the work took, or more */
    uint64_t over_ms;     /* holds of more than a millisecond by the clock on the wall */
    /* private */
    uint64_t cpu_ns, wall_ns;
};

struct listing;

struct fleet {
    pthread_mutex_t lock;
    /* from the database */
    struct catalogue catalogue;
    struct device **devices; /* where all are there, in the order in which they joined */
    size_t devices_count, devices_room;
    size_t devices_max; /* how many stay in memory, see cache.h; 0: all. Set before fleet_load */
    size_t trim_hand, load_hand; /* cache.c */
    struct pool device_cells, member_cells;
    struct shared shared; /* values of devices */
    struct index devices_by_id, devices_by_token, claims_by_digest, tokens_by_digest;
    struct index factory_by_token;   /* who is expected, factory.h */
    struct index rotations_by_token; /* tokens that come next, identity.h */
    struct token *tokens_ended;      /* token.c: they have left the index, not yet the table */
    bool tokens_are_used;            /* token.c: a last use waits to be written */
    /* devices with facts to write, the first to be marked first; those being written now */
    struct device *dirty_first, *dirty_last, *in_flight;
    int64_t unnoted_from;             /* id of the last device that rollout_note_incompatible saw */
    int64_t unlisted_from;            /* the same of listing_sweep; FLEET_LISTED: it is done */
    int64_t unpruned_from;            /* the same of rollouts_prune; FLEET_PRUNED: it is done */
    uint32_t swept_rollout;           /* the newest rollout of which every row knows */
    uint32_t swept_next;              /* becomes that with the commit */
    uint64_t transaction, committed;  /* numbers; transaction > committed while one is open */
    uint64_t sequence, sequence_mark; /* last given; the highest that is committed */
    uint64_t sequence_next_mark;      /* becomes the mark with the commit */
    uint64_t listed_count;            /* rows of the lists that changed since the start */
    uint64_t joined_count;            /* devices that joined since the start; the writer's alone */
    int64_t silent[FLEET_SILENT_MAX]; /* rows of devices that silence_find found */
    size_t silent_count;
    int64_t listening_s, listened_s; /* since when, and when last; silence.c */
    size_t turned_away_count;        /* devices that turned somebody away; soft */
    int64_t clock_jumped_s; /* the wall clock after its last jump (rt/clock_watch.h); 0: none */
    bool is_clock_doubted;  /* nothing is deleted by age. Both under the lock */
    /* Told of each row of the lists that a transaction changes; NULL: nobody. Writer. */
    void (*on_listed)(void *ctx, const struct listing *listing);
    void *on_listed_ctx;
    struct fleet_holds *holds; /* NULL: not measured */
};

void fleet_init(struct fleet *fleet);
void fleet_deinit(struct fleet *fleet);
/* Reads everything from the database beside what is there, and puts it in its place under the lock;
 * also after a change that failed. Facts that are not written yet are kept. Writer; not while a
 * transaction is open. */
GODWIT_MUST_USE godwit_err fleet_load(struct fleet *fleet, struct db *db);
void fleet_lock(struct fleet *fleet);
void fleet_unlock(struct fleet *fleet);
/* The writer's frame round each transaction. aborted: it was rolled back; what was not written
 * stays dirty. */
void fleet_transaction_begun(struct fleet *fleet);
void fleet_committed(struct fleet *fleet);
void fleet_aborted(struct fleet *fleet);

typedef void fleet_visit(void *ctx, struct device *device);

/* Visits all devices that are in memory. The lock is taken for each few of them and
 * others get it between: what was seen of one may be old when the next is seen. Any thread. */
void fleet_each_device(struct fleet *fleet, fleet_visit *visit, void *ctx);

/* The next sequence for an instruction, or 0 when the mark must be raised first. Lock held. */
uint64_t fleet_sequence(struct fleet *fleet, uint64_t now_ms);
/* Whether half of what the mark allows is used up. */
bool fleet_sequence_is_low(struct fleet *fleet, uint64_t now_ms);
/* Commits a mark two hours ahead of now. Writer. */
GODWIT_MUST_USE godwit_err fleet_raise_sequence(struct fleet *fleet, struct db *db,
                                                uint64_t now_ms);
