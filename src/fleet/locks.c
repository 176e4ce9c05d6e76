/* A bench device is one with a tag, so that tools that know nothing of locks find and change them.
 * Its proof is its place in a rollout of the release that was undone: it confirmed the release, and
 * runs again what it ran before. Rejected: a list of bench devices, and events as a proof; both
 * would say again what stands elsewhere. */
#include "fleet/locks.h"

#include "formats/chip.h"

godwit_err locks_set(struct fleet *fleet, struct db *db, struct product *product,
                     const struct locks *locks)
{
    godwit_err err =
        db_run(db, "update products set needs_approval = $2, needs_bench = $3 where id = $1",
               DB_ARGS(db_int(product->id), db_int(locks->approval), db_int(locks->bench)));
    if (err) return err;
    fleet_lock(fleet);
    product->needs_approval = locks->approval;
    product->needs_bench = locks->bench;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

godwit_err bench_has(struct db *db, int64_t device, bool *has_out)
{
    int64_t found = 0;
    godwit_err err = db_run_returning(
        db, "select 1 from tags where device = $1 and tag_key = '" BENCH_TAG "' limit 1",
        DB_ARGS(db_int(device)), &found);
    *has_out = !err;
    return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
}

godwit_err bench_has_proven(struct db *db, const struct image *image, bool *has_out)
{
    int64_t found = 0;
    godwit_err err = db_run_returning(
        db,
        "select 1 from rollouts r join members m on m.rollout = r.id and m.state = $2"
        " join devices d on d.id = m.device and d.chip_id = $3"
        " join tags t on t.device = d.id and t.tag_key = '" BENCH_TAG "'"
        " where r.release = $1 limit 1",
        DB_ARGS(db_int(image->release->id), db_int(MEMBER_UNDONE), db_int(image->chip_id)), &found);
    *has_out = !err;
    return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
}
