/* The domain: products, releases, rollouts, devices, events, accounts. All of it but the events is
 * held in memory, so that an idle check-in touches no SQL; SQL is the truth and is read at start.
 *
 * Who may do what:
 *   - one lock guards the memory; it is held for microseconds, never over SQL, disk or signatures;
 *   - only the writer thread calls what changes a `struct db`, inside its transaction;
 *   - what a transaction changed is `uncommitted` until fleet_committed; a device touched by it is
 *     answered through the writer too, so no answer leaves ahead of the commit it stands on;
 *   - a failed statement or commit is followed by fleet_load: memory is the database's again. */
#pragma once

#include <pthread.h>

#include "fleet/model.h"
#include "store/store.h"

#define FLEET_ORG GODWIT_ORG
#define FLEET_SEQUENCE_AHEAD_MS 60000

struct claim {
    uint8_t claim_sha256[32];
    struct product *product;
    uint32_t count_max, used_count;
};

struct fleet {
    pthread_mutex_t lock;
    struct catalogue catalogue;
    struct device *devices, *dirty_devices;
    size_t devices_count;
    struct index devices_by_id, devices_by_token, claims_by_digest, tokens_by_digest;
    struct account_token *tokens_ended; /* account.c: they have left the index, not yet the table */
    uint64_t transaction, committed;  /* numbers; transaction > committed while one is open */
    uint64_t sequence, sequence_mark; /* last given; the highest that is committed */
    uint64_t sequence_next_mark;      /* becomes the mark with the commit */
};

/* Reads everything from the database; also after a failed commit. Not while a transaction is open.
 */
GODWIT_MUST_USE godwit_err fleet_load(struct fleet *fleet, struct db *db);
void fleet_init(struct fleet *fleet);
void fleet_deinit(struct fleet *fleet);
void fleet_lock(struct fleet *fleet);
void fleet_unlock(struct fleet *fleet);
/* The writer's frame round each transaction. */
void fleet_transaction_begun(struct fleet *fleet);
void fleet_committed(struct fleet *fleet);
/* The next sequence for an instruction, or 0 when the mark must be raised first. Lock held. */
uint64_t fleet_sequence(struct fleet *fleet, uint64_t now_ms);
/* Whether half of what the mark allows is used up. */
bool fleet_sequence_is_low(struct fleet *fleet, uint64_t now_ms);
/* Commits a mark one minute ahead of now. Writer. */
GODWIT_MUST_USE godwit_err fleet_raise_sequence(struct fleet *fleet, struct db *db,
                                                uint64_t now_ms);
