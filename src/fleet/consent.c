/* Consent stands in the row of the device's member, which is made where there is none yet. */
#include "fleet/consent.h"

#include "fleet/listing.h"
#include "fleet/memory.h"

static enum consent_result look(const struct device *device, const struct rollout *rollout)
{
    bool may_offer =
        rollout && (rollout->state == ROLLOUT_RUNNING || rollout->state == ROLLOUT_PAUSED);
    if (!may_offer || device->is_retired) return CONSENT_NO_ROLLOUT;
    if (!rollout->guards.needs_consent) return CONSENT_NOT_ASKED;
    const struct member *member = device_member(device, rollout);
    return member && member->has_consent ? CONSENT_KNOWN : CONSENT_GIVEN;
}

/* A device that has no place in the rollout yet gets one, as one that is on its list has. */
static void remember(struct fleet *fleet, struct device *device, struct rollout *rollout)
{
    struct member *member = device_member(device, rollout);
    if (member)
        member->has_consent = true;
    else
        member_add(fleet, device, &(struct member){.rollout = rollout, .has_consent = true});
    device->changed_in = fleet->transaction;
}

godwit_err consent_give(struct fleet *fleet, struct db *db, struct device *device,
                        enum consent_result *result_out, uint32_t *rollout_out)
{
    const struct rollout *speaks = device_rollout(device);
    *result_out = look(device, speaks);
    *rollout_out = speaks ? speaks->id : 0;
    if (*result_out != CONSENT_GIVEN) return GODWIT_OK;
    godwit_err err = db_run(db,
                            "insert into members (org, rollout, device, offer_number, state,"
                            " has_consent) values ($1, $2, $3, 0, $4, 1)"
                            " on conflict (rollout, device) do update set has_consent = 1",
                            DB_ARGS(db_text(device->product->org->name), db_int(speaks->id),
                                    db_int(device->id), db_int(MEMBER_SELECTED)));
    if (err) return err;
    fleet_lock(fleet);
    remember(fleet, device, rollout_find(&fleet->catalogue, speaks->id));
    fleet_unlock(fleet);
    return listing_renew(fleet, db, device);
}
