/* From where a login comes: whether the user has logged in from there before, by the address or by
 * a secret that a browser keeps as a cookie and the command line with its session. Both buy a lane
 * of their own among those whose passwords are checked (login_budget.h), and nothing else. */
#pragma once

#include <jansson.h>

#include "fleet/place.h"
#include "http/http.h"
#include "server/login_queue.h"

#define LOGIN_PLACE_COOKIE "__Host-godwit-known"
#define LOGIN_PLACE_TOKEN_MAX 80 /* "gwk." and 64 hex digits, with its NUL */

struct login_place {
    uint8_t device_sha256[32], address_sha256[32];
    bool knows_device, knows_address, has_address;
    char made[LOGIN_PLACE_TOKEN_MAX]; /* the secret that this login brings; "": it has one */
};

/* given: what the body says, or NULL for the cookie. */
void login_place_find(struct http_request *request, struct db *db, const char *user,
                      const char *given, const struct login_address *address, int64_t now_s,
                      struct login_place *place_out);
/* The lanes of login_budget.h that are open to it, as bits. */
unsigned login_place_lanes(const struct login_place *place, const struct login_address *address);
/* Before login_place_note, outside the writer. */
GODWIT_MUST_USE godwit_err login_place_make(struct login_place *place);
/* The login went well. Writer. */
GODWIT_MUST_USE godwit_err login_place_note(const struct login_place *place, struct db *db,
                                            const char *user, int64_t now_s);
/* Hands the secret out, as a cookie or as a member of the reply. */
void login_place_reply(const struct login_place *place, struct http_request *request,
                       bool is_cookie, json_t *reply);
