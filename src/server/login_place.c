/* An address stands in the database as a digest, like the secrets: who reads the table learns
 * little of where people are. */
#include "server/login_place.h"

#include <stdio.h>

#include "server/secret.h"
#include "server/session.h"

#define DAY_S 86400

static void address_digest(const struct login_address *address, uint8_t digest_out[static 32])
{
    uint8_t text[24] = "address:";
    memcpy(text + 8, address->bytes, 16);
    secret_sha256(text, sizeof text, digest_out);
}

void login_place_find(struct http_request *request, struct db *db, const char *user,
                      const char *given, const struct login_address *address, int64_t now_s,
                      struct login_place *place_out)
{
    *place_out = (struct login_place){.has_address = !address->is_local};
    const char *token = given ? given : session_cookie_named(request, LOGIN_PLACE_COOKIE "=");
    address_digest(address, place_out->address_sha256);
    if (place_out->has_address)
        place_out->knows_address = place_is_known(db, user, place_out->address_sha256, now_s);
    if (!token || strncmp(token, "gwk.", 4)) return;
    secret_sha256(token, strlen(token), place_out->device_sha256);
    place_out->knows_device = place_is_known(db, user, place_out->device_sha256, now_s);
}

unsigned login_place_lanes(const struct login_place *place, const struct login_address *address)
{
    return 1U << LOGIN_UNKNOWN | (unsigned)place->knows_device << LOGIN_DEVICE |
           (unsigned)place->knows_address << LOGIN_ADDRESS |
           (unsigned)address->is_local << LOGIN_LOCAL;
}

godwit_err login_place_make(struct login_place *place)
{
    if (place->knows_device) return GODWIT_OK;
    godwit_err err = secret_token("gwk.", place->made);
    if (err) return err;
    secret_sha256(place->made, strlen(place->made), place->device_sha256);
    return GODWIT_OK;
}

godwit_err login_place_note(const struct login_place *place, struct db *db, const char *user,
                            int64_t now_s)
{
    godwit_err err = place_note(db, user, PLACE_DEVICE, place->device_sha256, now_s);
    return err || !place->has_address
               ? err
               : place_note(db, user, PLACE_ADDRESS, place->address_sha256, now_s);
}

void login_place_reply(const struct login_place *place, struct http_request *request,
                       bool is_cookie, json_t *reply)
{
    char line[200];
    if (!place->made[0]) return;
    if (!is_cookie) {
        json_object_set_new(reply, "known", json_string(place->made));
        return;
    }
    snprintf(line, sizeof line,
             LOGIN_PLACE_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=%d",
             place->made, PLACE_DAYS * DAY_S);
    http_reply_header(request, "Set-Cookie", line);
}
