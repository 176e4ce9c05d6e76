/* Numbered scripts bring a database to the present schema. A script and its number go in one
 * transaction, so that power loss leaves the version before, never a half. A database that ran
 * other scripts under these numbers is refused. The number is kept in a table of our own rather
 * than in SQLite's user_version, so that PostgreSQL keeps it the same way. */
#include "store/store.h"

#define VERSION_TABLE                                                                        \
    "create table if not exists schema_version (org text not null, number integer not null," \
    " name text not null, primary key (org, number))"

godwit_err db_version(struct db *db, int *version_out)
{
    *version_out = 0;
    godwit_err err = db_script(db, VERSION_TABLE);
    if (err) return err;
    struct db_rows rows;
    err = db_query(db, &rows, "select coalesce(max(number), 0) from schema_version", NULL, 0);
    if (!err) err = db_next(&rows);
    if (!err) *version_out = (int)db_column_int(&rows, 0);
    db_rows_close(&rows);
    return err;
}

static godwit_err apply(struct db *db, const struct migration *migration)
{
    godwit_err err = db_begin(db);
    if (err) return err;
    err = db_script(db, migration->sql);
    if (!err)
        err = db_run(db, "insert into schema_version (org, number, name) values ('', $1, $2)",
                     DB_ARGS(db_int(migration->number), db_text(migration->name)));
    if (!err) err = db_commit(db);
    if (err) db_rollback(db);
    return err;
}

/* POLICY: it ran a script that is not among ours. */
static godwit_err check_history(struct db *db, const struct migration *migrations, size_t count)
{
    struct db_rows rows;
    godwit_err err = db_query(db, &rows, "select number, name from schema_version", NULL, 0);
    while (!err && !(err = db_next(&rows))) {
        char name[64];
        int64_t number = db_column_int(&rows, 0);
        db_column_text(&rows, 1, name, sizeof name);
        if (number < 1 || number > (int64_t)count || strcmp(name, migrations[number - 1].name) != 0)
            err = GODWIT_ERR_POLICY;
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

godwit_err db_migrate(struct db *db, const struct migration *migrations, size_t count)
{
    int version = 0;
    godwit_err err = db_version(db, &version);
    if (!err) err = check_history(db, migrations, count);
    for (size_t i = (size_t)version; i < count && !err; i++)
        err = apply(db, &migrations[i]);
    return err;
}
