/* Places from which a user has logged in before: an address, or a browser or command line by a
 * secret that it was given then. They let nobody in; what comes from one of them is checked apart
 * from what comes from elsewhere, which can not use up what it may try (server/login_budget.h). */
#pragma once

#include "store/store.h"

enum place_kind { PLACE_DEVICE, PLACE_ADDRESS, PLACE_KINDS };

#define PLACES_MAX 10  /* of a user and kind; for one more the one not used for longest goes */
#define PLACE_DAYS 180 /* so long without a login, and it is forgotten */

/* Whether the user has logged in from there. Any connection. */
bool place_is_known(struct db *db, const char *user, const uint8_t place_sha256[static 32],
                    int64_t now_s);
/* It has, just now. Writer. */
GODWIT_MUST_USE godwit_err place_note(struct db *db, const char *user, enum place_kind kind,
                                      const uint8_t place_sha256[static 32], int64_t now_s);
