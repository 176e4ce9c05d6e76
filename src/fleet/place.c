/* A handful of rows a user, so that a login costs one look by key. */
#include "fleet/place.h"

#define DAY_S 86400

bool place_is_known(struct db *db, const char *user, const uint8_t place_sha256[static 32],
                    int64_t now_s)
{
    int64_t used_s = 0;
    godwit_err err = db_run_returning(
        db, "select used from login_places where user_name = $1 and place_sha256 = $2",
        DB_ARGS(db_text(user), db_blob(place_sha256, 32)), &used_s);
    return !err && used_s > now_s - PLACE_DAYS * DAY_S;
}

/* Whoever travels has many addresses: they push out no device, nor the other way round. Each use is
 * written, in the transaction of the login: by the hour, ten new addresses would push out the
 * office that was in use meanwhile. */
godwit_err place_note(struct db *db, const char *user, enum place_kind kind,
                      const uint8_t place_sha256[static 32], int64_t now_s)
{
    static const char *const KINDS[PLACE_KINDS] = {"device", "address"};
    godwit_err err = db_run(
        db,
        "insert into login_places (org, user_name, kind, place_sha256, used)"
        " select org, name, $4, $2, $3 from users where name = $1"
        " on conflict (user_name, place_sha256) do update set used = excluded.used",
        DB_ARGS(db_text(user), db_blob(place_sha256, 32), db_int(now_s), db_text(KINDS[kind])));
    if (err) return err;
    return db_run(
        db,
        "delete from login_places where user_name = $1 and kind = $4"
        " and place_sha256 <> $2 and place_sha256 not in (select place_sha256 from login_places"
        " where user_name = $1 and kind = $4 and place_sha256 <> $2"
        " order by used desc, place_sha256 limit $3)",
        DB_ARGS(db_text(user), db_blob(place_sha256, 32), db_int(PLACES_MAX - 1),
                db_text(KINDS[kind])));
}
