/* Power lost at every step of a disk with a cache, under the real store (src/store): SQLite with
 * its own settings, migrations, blobs. What was not synced is dropped, torn into 512-byte sectors,
 * or reaches the disk in another order (figures/vfs_disk.h). Each disk that may be left is opened
 * by the same store: the database is whole, what was committed is there and no half of what was
 * not, each blob that a row names is there with all its bytes. Every tenth time the power is lost
 * once more while the database recovers.
 *
 *     figure_vfs [POINTS]
 *
 * points: disks that were opened. Bars: points >= 100,000, lost = 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "figures/vfs_disk.h"
#include "fleet/schema.h"
#include "store/store.h"
#include "temp_dir.h"

#define POINTS_BAR 100000U
#define ROUNDS_MAX 400 /* transactions of the work */
#define KEPT 20        /* rows that stay */
#define BLOB_EVERY 10
#define BODY_MAX 9000
#define CHECKPOINT "pragma wal_autocheckpoint = 60" /* pages; 1,000 would make them rare here */

static size_t points, lost, said;
static uint8_t body[BODY_MAX];

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "vfs: %s failed\n", what);
    exit(2);
}

static size_t body_size(int64_t n)
{
    return 100 + (size_t)((uint64_t)n * 2654435761U % (BODY_MAX - 100));
}

static const uint8_t *body_of(int64_t n, size_t size)
{
    for (size_t i = 0; i < size; i++)
        body[i] = (uint8_t)((uint64_t)n * 31 + i * 7 + (i >> 8));
    return body;
}

/* ---- what is done, once, and written down ---- */

static const char TABLES[] =
    "create table item (n integer primary key, body blob not null, sha256 blob);"
    "create index item_by_sha256 on item (sha256);"
    "create table total (id integer primary key, n integer not null, size integer not null);"
    "insert into total (id, n, size) values (1, 0, 0);";

static bool put_blob(struct blobs *blobs, int64_t n, uint8_t sha256[static 32])
{
    struct blob_writer writer;
    size_t size = body_size(n) / 2;
    return !blob_begin(blobs, &writer) &&
           !godwit_sink_write(&writer.sink, body_of(n, body_size(n)), size) &&
           !godwit_sink_write(&writer.sink, body + size, body_size(n) - size) &&
           !godwit_sink_finish(&writer.sink) && !blob_commit(&writer, sha256);
}

/* As an upload is: rows, the blob's name, commit. */
static bool work_once(struct db *db, struct blobs *blobs, int64_t n)
{
    uint8_t sha256[32];
    size_t size = body_size(n);
    struct db_value digest = {0};
    if (db_begin(db)) return false;
    if (n % BLOB_EVERY == 0) {
        if (!put_blob(blobs, n, sha256)) return false;
        digest = db_blob(sha256, sizeof sha256);
    }
    return !db_run(db, "insert into item (n, body, sha256) values ($1, $2, $3)",
                   DB_ARGS(db_int(n), db_blob(body_of(n, size), size), digest)) &&
           !db_run(db, "update total set n = $1, size = size + $2",
                   DB_ARGS(db_int(n), db_int((int64_t)size))) &&
           !db_run(db, "delete from item where n <= $1", DB_ARGS(db_int(n - KEPT))) &&
           !db_commit(db);
}

static void work(struct disk_trace *trace, const char *folder, int rounds)
{
    char path[96], note[200];
    struct blobs blobs;
    struct db *db;
    must(!db_open("disk.db", false, &db, note, sizeof note), "opening");
    must(!db_script(db, TABLES) && !db_script(db, CHECKPOINT), "the tables");
    snprintf(path, sizeof path, "%s/blobs", folder);
    must(!blobs_open(&blobs, path), "the folder");
    blobs_watch(trace, blobs.dir_fd);
    trace_add(trace, STEP_ACKNOWLEDGED, 0, 0, NULL, 0);
    for (int n = 1; n <= rounds; n++) {
        must(work_once(db, &blobs, n), "a transaction");
        trace_add(trace, STEP_ACKNOWLEDGED, 0, (uint64_t)n, NULL, 0);
    }
    db_close(db);
    blobs_watch(NULL, -1);
    blobs_close(&blobs);
}

static void migrate(struct disk_trace *trace)
{
    char note[200];
    struct db *db;
    must(!db_open("disk.db", false, &db, note, sizeof note), "opening");
    for (size_t count = 1; count <= SCHEMA_COUNT; count++) {
        must(!db_migrate(db, SCHEMA, count), "a migration");
        trace_add(trace, STEP_ACKNOWLEDGED, 0, count, NULL, 0);
    }
    db_close(db);
}

/* ---- what is found afterwards ---- */

/* Between what was acknowledged and what was begun: the number that the database is at. */
typedef int64_t find_number(struct db *db, struct disk *disk);

static int64_t one_number(struct db *db, const char *sql)
{
    int64_t number = -1;
    return db_run_returning(db, sql, NULL, 0, &number) ? -1 : number;
}

static bool is_whole(struct db *db)
{
    struct db_rows rows;
    char text[16] = "";
    godwit_err err = db_query_text(db, &rows, "pragma integrity_check", NULL, 0);
    if (!err && !db_next(&rows)) db_column_text(&rows, 0, text, sizeof text);
    db_rows_close(&rows);
    return !strcmp(text, "ok");
}

static bool is_named_blob_whole(struct disk *disk, const uint8_t sha256[static 32], int64_t n)
{
    char name[65];
    godwit_hex_encode(sha256, 32, name);
    const struct disk_file *file = disk_find(disk, name);
    return file && file->size == body_size(n) &&
           !memcmp(file->data, body_of(n, file->size), file->size);
}

/* The bytes of one row, and of the blob that it names. */
static bool is_row_right(const struct db_rows *rows, struct disk *disk)
{
    static uint8_t found[BODY_MAX];
    uint8_t sha256[32];
    int64_t n = db_column_int(rows, 0);
    size_t size = db_column_size(rows, 1);
    if (size != body_size(n)) return false;
    db_column_blob(rows, 1, found, size);
    if (memcmp(found, body_of(n, size), size) != 0) return false;
    if (n % BLOB_EVERY) return true;
    db_column_blob(rows, 2, sha256, sizeof sha256);
    return is_named_blob_whole(disk, sha256, n);
}

static int64_t work_number(struct db *db, struct disk *disk)
{
    struct db_rows rows;
    int64_t at = one_number(db, "select n from total"), count = 0, size = 0;
    for (int64_t n = 1; n <= at; n++)
        size += (int64_t)body_size(n);
    if (at < 0 || one_number(db, "select size from total") != size) return -1;
    godwit_err err = db_query(db, &rows, "select n, body, sha256 from item order by n", NULL, 0);
    bool is_right = !err;
    while (is_right && !db_next(&rows)) {
        is_right = is_row_right(&rows, disk) && db_column_int(&rows, 0) > at - KEPT;
        count++;
    }
    db_rows_close(&rows);
    return is_right && count == (at < KEPT ? at : KEPT) ? at : -1;
}

static int64_t version_number(struct db *db, struct disk *disk)
{
    int version = -1;
    (void)disk;
    return db_version(db, &version) ? -1 : version;
}

static void complain(const char *what, enum loss loss, size_t step, int64_t at, int64_t least)
{
    static const char *const LOSSES[] = {"all", "none", "sectors", "writes", "the latest"};
    lost++;
    if (said++ < 20)
        printf("%s: %s lost at step %zu: the database is at %lld, %lld was acknowledged\n", what,
               LOSSES[loss], step, (long long)at, (long long)least);
}

struct scenario {
    const char *name;
    find_number *find;
    struct disk_trace trace;
    size_t first; /* no power is lost before this step */
};

/* Opens the disk as the service does; -1: it is not right. */
static int64_t number_of(const struct scenario *scenario, struct disk *disk,
                         struct disk_trace *trace)
{
    char note[200];
    struct db *db = NULL;
    vfs_use(disk, trace);
    if (db_open("disk.db", false, &db, note, sizeof note)) {
        printf("%s\n", note);
        return -1;
    }
    int64_t at = is_whole(db) ? scenario->find(db, disk) : -1;
    db_close(db);
    vfs_use(disk, NULL);
    points++;
    return at;
}

/* The power goes again, at a step of the recovery. */
static int64_t number_after_two(const struct scenario *scenario, const struct disk *left,
                                uint64_t seed)
{
    struct disk_trace trace = {0};
    struct disk_state state = {.trace = &trace};
    struct disk disk;
    disk_copy(&state.sure, left);
    disk_copy(&disk, left);
    int64_t at = number_of(scenario, &disk, &trace);
    disk_free(&disk);
    size_t steps = trace.count ? seed % (trace.count + 1) : 0;
    while (state.at < steps)
        state_step(&state);
    state_lose(&state, LOSE_SECTORS, seed, &disk);
    int64_t second = number_of(scenario, &disk, NULL);
    if (second < at) at = second;
    disk_free(&disk);
    state_free(&state);
    trace_free(&trace);
    return at;
}

static void lose(const struct scenario *scenario, const struct disk_state *state, enum loss loss,
                 uint64_t seed, int64_t least)
{
    struct disk disk;
    state_lose(state, loss, seed, &disk);
    int64_t at =
        seed % 10 ? number_of(scenario, &disk, NULL) : number_after_two(scenario, &disk, seed / 10);
    if (at < least || at > least + 1) complain(scenario->name, loss, state->at, at, least);
    disk_free(&disk);
}

/* times: at each step, in each way. */
static void lose_everywhere(const struct scenario *scenario, size_t times, size_t points_max)
{
    struct disk_state state = {.trace = &scenario->trace};
    uint64_t seed = 1;
    int64_t least = 0;
    while (state.at < scenario->trace.count && points < points_max) {
        const struct disk_step *step = &scenario->trace.steps[state.at];
        if (step->kind == STEP_ACKNOWLEDGED) least = (int64_t)step->at;
        state_step(&state);
        if (state.at < scenario->first || step->kind == STEP_ACKNOWLEDGED) continue;
        lose(scenario, &state, LOSE_ALL, seed++, least);
        if (!state.open_count) continue; /* nothing can be lost */
        lose(scenario, &state, LOSE_NONE, seed++, least);
        for (size_t i = 0; i < times; i++)
            for (enum loss loss = LOSE_SECTORS; loss < LOSS_COUNT; loss++)
                lose(scenario, &state, loss, seed++, least);
    }
    state_free(&state);
}

static void play(struct scenario *scenario, const char *folder, int rounds)
{
    struct disk disk = {0};
    vfs_use(&disk, &scenario->trace);
    if (folder)
        work(&scenario->trace, folder, rounds);
    else
        migrate(&scenario->trace);
    disk_free(&disk);
    while (folder && scenario->trace.steps[scenario->first].kind != STEP_ACKNOWLEDGED)
        scenario->first++; /* its tables are made by then */
}

int main(int argc, char **argv)
{
    size_t wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : POINTS_BAR;
    bool is_short = wanted < POINTS_BAR;
    struct scenario migrations = {.name = "migrations", .find = version_number};
    struct scenario everyday = {.name = "work", .find = work_number};
    char folder[64];
    temp_dir_make(folder);
    play(&migrations, NULL, 0);
    play(&everyday, folder, is_short ? ROUNDS_MAX / 10 : ROUNDS_MAX);
    temp_dir_drop(folder);
    lose_everywhere(&migrations, is_short ? 0 : 2, is_short ? wanted / 3 : SIZE_MAX);
    printf("migrations: %zu steps, %zu points\n", migrations.trace.count, points);
    size_t work_steps = everyday.trace.count - everyday.first, left = wanted > points;
    size_t times = is_short ? 1 : 1 + (left ? (wanted - points) / (2 * work_steps) : 0);
    lose_everywhere(&everyday, times, is_short ? wanted : SIZE_MAX);
    printf("work: %zu steps, %zu points in all\n", work_steps, points);
    printf("figure vfs points=%zu lost=%zu\n", points, lost);
    trace_free(&migrations.trace);
    trace_free(&everyday.trace);
    return lost || points < wanted;
}
