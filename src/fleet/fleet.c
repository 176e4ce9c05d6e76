/* The fleet in memory: its lock, its indexes, walks over its devices, what is dirty, and the
 * sequence of instructions. */
#include "fleet/fleet.h"

#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "fleet/account.h"
#include "fleet/cache.h"
#include "fleet/claim.h"
#include "fleet/factory.h"
#include "fleet/identity.h"
#include "fleet/memory.h"
#include "fleet/pending.h"
#include "fleet/site.h"

#define DEVICES_MIN 256
#define BATCH_MAX 256 /* devices that are looked at under one hold of the lock */
#define BATCH_NS 50000

void *fleet_alloc(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory) abort();
    return memory;
}

bool fleet_same_secret(const uint8_t a[static 32], const uint8_t b[static 32])
{
    uint8_t difference = 0;
    for (size_t i = 0; i < 32; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

static void indexes_init(struct fleet *fleet)
{
    index_init(&fleet->devices_by_id, offsetof(struct device, org), sizeof(uint32_t) + 16);
    /* Secrets are looked up by a digest and then compared in constant time: those that devices make
     * themselves by all of it, since two may begin alike, and what people name by its first eight
     * bytes by these. */
    index_init(&fleet->devices_by_token, offsetof(struct device, token_sha256), 32);
    index_init(&fleet->catalogue.rollouts_by_id, offsetof(struct rollout, id), sizeof(uint32_t));
    index_init(&fleet->catalogue.files_by_digest, offsetof(struct file, org),
               sizeof(uint32_t) + 32);
    index_init(&fleet->catalogue.images_by_digest, offsetof(struct image, image_sha256), 32);
    index_init(&fleet->catalogue.sites, offsetof(struct site, key), sizeof(uint32_t));
    index_init(&fleet->claims_by_digest, offsetof(struct claim, claim_sha256), 8);
    index_init(&fleet->rotations_by_token, offsetof(struct rotation, next_sha256), 32);
    index_init(&fleet->factory_by_token, offsetof(struct factory_entry, token_sha256), 8);
    index_init(&fleet->tokens_by_digest, offsetof(struct token, token_sha256), 8);
}

void fleet_init(struct fleet *fleet)
{
    memset(fleet, 0, sizeof *fleet);
    pthread_mutex_init(&fleet->lock, NULL);
    shared_init(&fleet->shared);
    pool_init(&fleet->device_cells, sizeof(struct device));
    pool_init(&fleet->member_cells, sizeof(struct member));
    indexes_init(fleet);
}

#define FREE_LIST(type, list, free_one)                              \
    do {                                                             \
        for (struct type *item = (list), *next; item; item = next) { \
            next = item->next;                                       \
            free_one(item);                                          \
        }                                                            \
        (list) = NULL;                                               \
    } while (0)

void fleet_deinit(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->devices_count; i++)
        device_free(fleet, fleet->devices[i]);
    pool_deinit(&fleet->device_cells);
    pool_deinit(&fleet->member_cells);
    shared_deinit(&fleet->shared);
    free(fleet->devices);
    FREE_LIST(rollout, fleet->catalogue.rollouts, rollout_free);
    FREE_LIST(release, fleet->catalogue.releases, free);
    FREE_LIST(product, fleet->catalogue.products, free);
    FREE_LIST(org, fleet->catalogue.orgs, free);
    index_deinit(&fleet->catalogue.rollouts_by_id, false);
    index_deinit(&fleet->devices_by_id, false);
    index_deinit(&fleet->devices_by_token, false);
    index_deinit(&fleet->catalogue.files_by_digest, true);
    index_deinit(&fleet->catalogue.images_by_digest, false);
    index_deinit(&fleet->catalogue.sites, true);
    index_deinit(&fleet->claims_by_digest, true);
    index_deinit(&fleet->factory_by_token, true);
    index_deinit(&fleet->rotations_by_token, false);
    tokens_deinit(fleet);
    pthread_mutex_destroy(&fleet->lock);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void fleet_lock(struct fleet *fleet)
{
    pthread_mutex_lock(&fleet->lock);
    struct fleet_holds *holds = fleet->holds;
    if (!holds) return;
    holds->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    holds->wall_ns = clock_ns(CLOCK_MONOTONIC);
}

void fleet_unlock(struct fleet *fleet)
{
    struct fleet_holds *holds = fleet->holds;
    if (holds) {
        uint64_t wall_ns = clock_ns(CLOCK_MONOTONIC) - holds->wall_ns;
        uint64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - holds->cpu_ns;
        holds->count++;
        uint64_t work_ns = cpu_ns < wall_ns ? cpu_ns : wall_ns;
        holds->over_ms += wall_ns > 1000000;
        if (work_ns > holds->work_ns_max) holds->work_ns_max = work_ns;
        if (wall_ns > holds->wall_ns_max) holds->wall_ns_max = wall_ns;
        if (cpu_ns > holds->cpu_ns_max) holds->cpu_ns_max = cpu_ns;
    }
    pthread_mutex_unlock(&fleet->lock);
}

/* ---- devices ---- */

/* A batch ends where its devices are many or have taken long. Between two, whoever waits gets the
 * lock: without the pause this thread would mostly take it again before another woke up. */
void fleet_each_device(struct fleet *fleet, fleet_visit *visit, void *ctx)
{
    const struct timespec pause = {.tv_nsec = 20000};
    for (size_t at = 0;;) {
        fleet_lock(fleet);
        uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + BATCH_NS;
        size_t end = at + BATCH_MAX < fleet->devices_count ? at + BATCH_MAX : fleet->devices_count;
        while (at < end && clock_ns(CLOCK_MONOTONIC) < until_ns)
            visit(ctx, fleet->devices[at++]);
        bool is_end = at == fleet->devices_count;
        fleet_unlock(fleet);
        if (is_end) return;
        nanosleep(&pause, NULL);
    }
}

void fleet_reserve_device(struct fleet *fleet)
{
    struct index by_id, by_token, *wide_id = &fleet->devices_by_id,
                                  *wide_token = &fleet->devices_by_token;
    if (fleet->devices_count < fleet->devices_room) return;
    size_t room = fleet->devices_room ? 2 * fleet->devices_room : DEVICES_MIN;
    struct device **devices = fleet_alloc(room * sizeof *devices);
    if (fleet->devices_count)
        memcpy(devices, fleet->devices, fleet->devices_count * sizeof *devices);
    void *const old[] = {fleet->devices, wide_id->slots, wide_token->slots};
    bool widens_id = index_widen(wide_id, &by_id),
         widens_token = index_widen(wide_token, &by_token);
    fleet_lock(fleet);
    fleet->devices = devices;
    fleet->devices_room = room;
    if (widens_id) *wide_id = by_id;
    if (widens_token) *wide_token = by_token;
    fleet_unlock(fleet);
    free(old[0]);
    if (widens_id) free(old[1]);
    if (widens_token) free(old[2]);
}

void fleet_mark_dirty(struct fleet *fleet, struct device *device)
{
    if (device->is_dirty) return;
    device->is_dirty = true;
    device->dirty_next = NULL;
    if (fleet->dirty_first)
        fleet->dirty_last->dirty_next = device;
    else
        fleet->dirty_first = device;
    fleet->dirty_last = device;
}

/* ---- transactions ---- */

void fleet_transaction_begun(struct fleet *fleet)
{
    devices_trim(fleet);
    fleet_lock(fleet);
    fleet->transaction++;
    fleet_unlock(fleet);
}

void fleet_committed(struct fleet *fleet)
{
    fleet_lock(fleet);
    fleet->committed = fleet->transaction;
    fleet->swept_rollout = fleet->swept_next;
    fleet->sequence_mark = fleet->sequence_next_mark;
    fleet->in_flight = NULL;
    fleet_unlock(fleet);
}

/* What was in flight was not written. */
void fleet_aborted(struct fleet *fleet)
{
    bool more = true;
    while (more) {
        fleet_lock(fleet);
        for (size_t i = 0; i < BATCH_MAX && fleet->in_flight; i++) {
            fleet_mark_dirty(fleet, fleet->in_flight);
            fleet->in_flight = fleet->in_flight->in_flight_next;
        }
        more = fleet->in_flight != NULL;
        fleet->committed = fleet->transaction;
        fleet->sequence_next_mark = fleet->sequence_mark;
        fleet->unnoted_from = 0;
        fleet->unlisted_from = 0;
        fleet->swept_next = fleet->swept_rollout;
        fleet_unlock(fleet);
    }
    struct rollout *rollout = fleet->catalogue.rollouts;
    for (; rollout; rollout = rollout->next) {
        rollout->is_moved = true;
        for (size_t i = 0; i < rollout->strata.count; i++)
            rollout->strata.rows[i].is_moved = true;
    }
}

/* ---- the sequence ---- */

uint64_t fleet_sequence(struct fleet *fleet, uint64_t now_ms)
{
    uint64_t next = fleet->sequence + 1 > now_ms ? fleet->sequence + 1 : now_ms;
    if (next > fleet->sequence_mark) return 0;
    fleet->sequence = next;
    return next;
}

bool fleet_sequence_is_low(struct fleet *fleet, uint64_t now_ms)
{
    fleet_lock(fleet);
    uint64_t from = fleet->sequence > now_ms ? fleet->sequence : now_ms;
    bool is_low = fleet->sequence_mark < from + FLEET_SEQUENCE_AHEAD_MS / 2;
    fleet_unlock(fleet);
    return is_low;
}

godwit_err fleet_raise_sequence(struct fleet *fleet, struct db *db, uint64_t now_ms)
{
    fleet_lock(fleet);
    uint64_t from = fleet->sequence > now_ms ? fleet->sequence : now_ms;
    fleet_unlock(fleet);
    int64_t mark = (int64_t)(from + FLEET_SEQUENCE_AHEAD_MS);
    godwit_err err = db_run(db,
                            "insert into sequence_mark (org, mark) values ($1, $2)"
                            " on conflict (org) do update set mark = excluded.mark",
                            DB_ARGS(db_text(FLEET_ORG), db_int(mark)));
    if (err) return err;
    fleet_lock(fleet);
    fleet->sequence_next_mark = (uint64_t)mark;
    fleet_unlock(fleet);
    return GODWIT_OK;
}
