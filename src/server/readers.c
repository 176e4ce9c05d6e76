/* Read connections: a few rest for whoever comes next, and hold no memory while they do. And how
 * many read everything at a time. */
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

char *app_export_begin(struct app *app, const char *org)
{
    char *slot = NULL;
    size_t of_org = 0;
    pthread_mutex_lock(&app->readers_lock);
    for (size_t i = 0; i < APP_EXPORTS_MAX; i++) {
        if (!*app->exports[i]) slot = app->exports[i];
        of_org += !strcmp(app->exports[i], org);
    }
    if (of_org >= APP_EXPORTS_ORG_MAX) slot = NULL;
    if (slot) snprintf(slot, sizeof app->exports[0], "%s", org);
    pthread_mutex_unlock(&app->readers_lock);
    return slot;
}

void app_export_end(struct app *app, char *slot)
{
    pthread_mutex_lock(&app->readers_lock);
    *slot = '\0';
    pthread_mutex_unlock(&app->readers_lock);
}

size_t app_exports(struct app *app)
{
    size_t count = 0;
    pthread_mutex_lock(&app->readers_lock);
    for (size_t i = 0; i < APP_EXPORTS_MAX; i++)
        count += *app->exports[i] != '\0';
    pthread_mutex_unlock(&app->readers_lock);
    return count;
}
