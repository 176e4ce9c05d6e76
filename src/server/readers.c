/* Read connections: a few rest for whoever comes next, and hold no memory while they do. */
#include <stdio.h>

#include "base/log.h"
#include "server/app.h"
#include "server/text_file.h"

struct db *app_reader_take(struct app *app)
{
    struct db *db = NULL;
    char path[512], note[256];
    pthread_mutex_lock(&app->readers_lock);
    if (app->readers_count > 0) db = app->readers[--app->readers_count];
    pthread_mutex_unlock(&app->readers_lock);
    if (db) return db;
    folder_path(app->settings->data, "godwit.db", path, sizeof path);
    if (!db_open(path, true, &db, note, sizeof note)) return db;
    GODWIT_LOG(ERROR, "reader_failed", "note=\"%s\"", note);
    return NULL;
}

/* One that could not end its snapshot, for want of memory, would show that for ever. */
void app_reader_give(struct app *app, struct db *db)
{
    bool is_idle = db_is_idle(db);
    db_rest(db);
    pthread_mutex_lock(&app->readers_lock);
    bool kept = is_idle && app->readers_count < APP_READERS_MAX;
    if (kept) app->readers[app->readers_count++] = db;
    pthread_mutex_unlock(&app->readers_lock);
    if (!kept) db_close(db);
}
