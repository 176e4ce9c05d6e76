/* Organisations: each has its own people, products, devices and tokens, and sees nothing of the
 * others. The first one, FLEET_ORG, is there from the start. */
#pragma once

#include "fleet/fleet.h"

/* 1 to 32 of a-z, 0-9 and "-", a letter or digit first: it stands in paths, files and product ids.
 */
bool org_name_is_good(const char *name);
/* POLICY: the name is taken, or is no good. Writer. */
GODWIT_MUST_USE godwit_err org_create(struct fleet *fleet, struct db *db, const char *name,
                                      int64_t now_s);
/* Whether everybody who logs in to it needs a second factor. MISSING: there is none. Writer. */
GODWIT_MUST_USE godwit_err org_require_totp(struct fleet *fleet, struct db *db, const char *name,
                                            bool is_required);
