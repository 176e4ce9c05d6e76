/* SQLite's view of the disk: one process, one connection at a time, so locks always succeed. It
 * says of itself what SQLite's own layer says on Linux: sectors of 4,096 bytes, and that bytes
 * beside those written stay (POWERSAFE_OVERWRITE). As there, syncing a new journal or WAL syncs the
 * folder; that syncing a new database names it durably is what Linux's file systems do. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "figures/vfs_disk.h"

#define REGIONS_MAX 64
#define NAME_IN_PATH(path) (strrchr(path, '/') ? strrchr(path, '/') + 1 : (path))

struct open_file {
    sqlite3_file base;
    unsigned serial;
    bool is_new;
    void *regions[REGIONS_MAX]; /* shared memory: gone with the power */
};

static struct {
    struct disk *disk;
    struct disk_trace *trace;
    unsigned serial;
    sqlite3_vfs *below;
} use;

unsigned vfs_serial(void)
{
    return ++use.serial;
}

static struct disk_file *file_of(sqlite3_file *file)
{
    return disk_find_serial(use.disk, ((struct open_file *)file)->serial);
}

static int do_close(sqlite3_file *file)
{
    struct open_file *open = (struct open_file *)file;
    for (size_t i = 0; i < REGIONS_MAX; i++)
        free(open->regions[i]);
    memset(open->regions, 0, sizeof open->regions);
    return SQLITE_OK;
}

static int do_read(sqlite3_file *file, void *out, int size, sqlite3_int64 at)
{
    const struct disk_file *found = file_of(file);
    size_t have = 0;
    if (found && (uint64_t)at < found->size) have = found->size - (size_t)at;
    if (have > (size_t)size) have = (size_t)size;
    if (have) memcpy(out, found->data + at, have);
    memset((char *)out + have, 0, (size_t)size - have);
    return have == (size_t)size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int do_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at)
{
    struct disk_file *found = file_of(file);
    if (!found) return SQLITE_IOERR_WRITE;
    disk_put(found, (uint64_t)at, data, (size_t)size);
    trace_add(use.trace, STEP_WRITE, found->serial, (uint64_t)at, data, (size_t)size);
    return SQLITE_OK;
}

static int do_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct disk_file *found = file_of(file);
    if (!found) return SQLITE_IOERR_TRUNCATE;
    disk_cut(found, (uint64_t)size);
    trace_add(use.trace, STEP_TRUNCATE, found->serial, (uint64_t)size, NULL, 0);
    return SQLITE_OK;
}

static int do_sync(sqlite3_file *file, int flags)
{
    struct open_file *open = (struct open_file *)file;
    (void)flags;
    trace_add(use.trace, STEP_SYNC, open->serial, 0, NULL, 0);
    if (open->is_new) trace_add(use.trace, STEP_SYNC_NAMES, 0, 0, NULL, 0);
    open->is_new = false;
    return SQLITE_OK;
}

static int do_size(sqlite3_file *file, sqlite3_int64 *out)
{
    const struct disk_file *found = file_of(file);
    *out = found ? (sqlite3_int64)found->size : 0;
    return SQLITE_OK;
}

static int do_lock(sqlite3_file *file, int level)
{
    (void)file, (void)level;
    return SQLITE_OK;
}

static int do_reserved(sqlite3_file *file, int *out)
{
    (void)file;
    *out = 0;
    return SQLITE_OK;
}

static int do_control(sqlite3_file *file, int op, void *arg)
{
    (void)file, (void)op, (void)arg;
    return SQLITE_NOTFOUND;
}

static int do_sector(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

static int do_character(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int do_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    struct open_file *open = (struct open_file *)file;
    if (region >= REGIONS_MAX) return SQLITE_IOERR_SHMMAP;
    if (!open->regions[region] && extend) open->regions[region] = calloc(1, (size_t)size);
    *out = open->regions[region];
    return SQLITE_OK;
}

static int do_map_lock(sqlite3_file *file, int offset, int count, int flags)
{
    (void)file, (void)offset, (void)count, (void)flags;
    return SQLITE_OK;
}

static void do_barrier(sqlite3_file *file)
{
    (void)file;
}

static int do_unmap(sqlite3_file *file, int deletes)
{
    (void)deletes;
    return do_close(file);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = do_close,
    .xRead = do_read,
    .xWrite = do_write,
    .xTruncate = do_truncate,
    .xSync = do_sync,
    .xFileSize = do_size,
    .xLock = do_lock,
    .xUnlock = do_lock,
    .xCheckReservedLock = do_reserved,
    .xFileControl = do_control,
    .xSectorSize = do_sector,
    .xDeviceCharacteristics = do_character,
    .xShmMap = do_map,
    .xShmLock = do_map_lock,
    .xShmBarrier = do_barrier,
    .xShmUnmap = do_unmap,
};

static int fs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                   int *flags_out)
{
    struct open_file *open = (struct open_file *)file;
    const char *name = path ? NAME_IN_PATH(path) : "";
    struct disk_file *found = path ? disk_find(use.disk, name) : NULL;
    (void)vfs;
    memset(open, 0, sizeof *open);
    if (!found && !(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
    if (!found) {
        found = disk_add(use.disk, name, vfs_serial());
        trace_add(use.trace, STEP_NAME, found->serial, 0, name, strlen(name));
        open->is_new = true;
    }
    open->serial = found->serial;
    open->base.pMethods = &METHODS;
    if (flags_out) *flags_out = flags;
    return SQLITE_OK;
}

static int fs_delete(sqlite3_vfs *vfs, const char *path, int syncs)
{
    struct disk_file *found = disk_find(use.disk, NAME_IN_PATH(path));
    (void)vfs;
    if (!found) return SQLITE_IOERR_DELETE_NOENT;
    trace_add(use.trace, STEP_UNNAME, found->serial, 0, found->name, strlen(found->name));
    if (syncs) trace_add(use.trace, STEP_SYNC_NAMES, 0, 0, NULL, 0);
    free(found->data);
    memset(found, 0, sizeof *found);
    return SQLITE_OK;
}

static int fs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    const struct disk_file *found = disk_find(use.disk, NAME_IN_PATH(path));
    (void)vfs, (void)flags;
    *out = found && (flags != SQLITE_ACCESS_EXISTS || found->size > 0);
    return SQLITE_OK;
}

static int fs_full(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    (void)vfs;
    sqlite3_snprintf(size, out, "%s", path);
    return SQLITE_OK;
}

static int fs_random(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    return use.below->xRandomness(use.below, size, out);
}

static int fs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return use.below->xSleep(use.below, us);
}

static int fs_time(sqlite3_vfs *vfs, double *out)
{
    (void)vfs;
    return use.below->xCurrentTime(use.below, out);
}

static sqlite3_vfs vfs = {.iVersion = 1,
                          .szOsFile = sizeof(struct open_file),
                          .mxPathname = 256,
                          .zName = "disk",
                          .xOpen = fs_open,
                          .xDelete = fs_delete,
                          .xAccess = fs_access,
                          .xFullPathname = fs_full,
                          .xRandomness = fs_random,
                          .xSleep = fs_sleep,
                          .xCurrentTime = fs_time};

void vfs_use(struct disk *disk, struct disk_trace *trace)
{
    if (!use.below) {
        use.below = sqlite3_vfs_find(NULL);
        sqlite3_vfs_register(&vfs, 1);
    }
    use.disk = disk;
    use.trace = trace;
}
