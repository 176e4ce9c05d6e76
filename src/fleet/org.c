/* Organisations are few; they stand in a list, the newest first. */
#include "fleet/org.h"

#include "fleet/memory.h"

bool org_name_is_good(const char *name)
{
    static const char GOOD[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t size = strlen(name);
    return size >= 1 && size <= 32 && name[0] != '-' && name[strspn(name, GOOD)] == 0;
}

void org_link(struct fleet *fleet, struct org *org)
{
    struct catalogue *catalogue = &fleet->catalogue;
    org->number = catalogue->orgs ? catalogue->orgs->number + 1 : 1;
    org->next = catalogue->orgs;
    catalogue->orgs = org;
}

godwit_err org_create(struct fleet *fleet, struct db *db, const char *name, int64_t now_s)
{
    if (!org_name_is_good(name) || org_find(&fleet->catalogue, name)) return GODWIT_ERR_POLICY;
    godwit_err err = db_run(db, "insert into orgs (org, created) values ($1, $2)",
                            DB_ARGS(db_text(name), db_int(now_s)));
    if (err) return err;
    struct org *org = fleet_alloc(sizeof *org);
    memcpy(org->name, name, strlen(name));
    fleet_lock(fleet);
    org_link(fleet, org);
    fleet_unlock(fleet);
    return GODWIT_OK;
}

godwit_err org_require_totp(struct fleet *fleet, struct db *db, const char *name, bool is_required)
{
    struct org *org = org_find(&fleet->catalogue, name);
    if (!org) return GODWIT_ERR_MISSING;
    godwit_err err = db_run(db, "update orgs set totp_required = $2 where org = $1",
                            DB_ARGS(db_text(name), db_int(is_required)));
    if (err) return err;
    fleet_lock(fleet);
    org->totp_required = is_required;
    fleet_unlock(fleet);
    return GODWIT_OK;
}
