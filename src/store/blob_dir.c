/* Blobs in a folder. A blob gets its name, the SHA-256 of its bytes, only when all of them are on
 * disk: temporary name → fsync → rename → fsync of the folder. So a name is a promise, a cut leaves
 * at most a temporary file (cleared at the next start), and the same bytes twice are one file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "disk/disk.h"
#include "store/store.h"

#define TEMPORARY "new-"

static void clear_leftovers(int dir_fd)
{
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (!strncmp(entry->d_name, TEMPORARY, strlen(TEMPORARY)))
            unlinkat(dir_fd, entry->d_name, 0);
    closedir(dir);
}

godwit_err blobs_open(struct blobs *blobs, const char *path)
{
    blobs->dir_fd = -1;
    if (mkdir(path, 0700) && errno != EEXIST) return disk_error(errno);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return disk_error(errno);
    clear_leftovers(fd);
    blobs->dir_fd = fd;
    return GODWIT_OK;
}

void blobs_close(struct blobs *blobs)
{
    if (blobs->dir_fd >= 0) close(blobs->dir_fd);
    blobs->dir_fd = -1;
}

static godwit_err writer_write(struct godwit_sink *sink, const uint8_t *data, size_t size)
{
    struct blob_writer *writer = (struct blob_writer *)sink;
    godwit_hash_update(&writer->hash, data, size);
    writer->size += size;
    return disk_write_all(writer->fd, data, size);
}

static godwit_err writer_finish(struct godwit_sink *sink)
{
    struct blob_writer *writer = (struct blob_writer *)sink;
    return fsync(writer->fd) ? disk_error(errno) : GODWIT_OK;
}

static void writer_abort(struct godwit_sink *sink)
{
    blob_abort((struct blob_writer *)sink);
}

static const struct godwit_sink_ops WRITER_OPS = {writer_write, writer_finish, writer_abort};

godwit_err blob_begin(struct blobs *blobs, struct blob_writer *writer)
{
    uint8_t random[16];
    *writer = (struct blob_writer){.sink = {.ops = &WRITER_OPS}, .blobs = blobs, .fd = -1};
    godwit_hash_init(&writer->hash, GODWIT_SHA256);
    if (getentropy(random, sizeof random)) return GODWIT_ERR_IO;
    char hex[2 * sizeof random + 1];
    godwit_hex_encode(random, sizeof random, hex);
    snprintf(writer->name, sizeof writer->name, TEMPORARY "%s", hex);
    writer->fd = openat(blobs->dir_fd, writer->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return writer->fd < 0 ? disk_error(errno) : GODWIT_OK;
}

static void blob_name(const uint8_t sha256[static 32], char name_out[static 65])
{
    godwit_hex_encode(sha256, 32, name_out);
}

godwit_err blob_commit(struct blob_writer *writer, uint8_t sha256_out[static 32])
{
    char name[65];
    godwit_err err = godwit_hash_peek(&writer->hash, sha256_out);
    if (err) return err;
    blob_name(sha256_out, name);
    int dir_fd = writer->blobs->dir_fd;
    if (!writer->is_named && renameat(dir_fd, writer->name, dir_fd, name)) return disk_error(errno);
    if (writer->fd >= 0) close(writer->fd);
    writer->fd = -1;
    writer->is_named = true;
    return fsync(dir_fd) ? disk_error(errno) : GODWIT_OK;
}

void blob_abort(struct blob_writer *writer)
{
    if (!writer->blobs || writer->fd < 0) return;
    close(writer->fd);
    writer->fd = -1;
    unlinkat(writer->blobs->dir_fd, writer->name, 0);
}

godwit_err blob_open(const struct blobs *blobs, const uint8_t sha256[static 32], int *fd_out,
                     uint64_t *size_out)
{
    char name[65];
    struct stat stat;
    blob_name(sha256, name);
    int fd = openat(blobs->dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return disk_error(errno);
    if (fstat(fd, &stat)) {
        close(fd);
        return GODWIT_ERR_IO;
    }
    *fd_out = fd;
    *size_out = (uint64_t)stat.st_size;
    return GODWIT_OK;
}

static bool is_older(int dir_fd, const char *name, int64_t than_s)
{
    struct stat stat;
    return !fstatat(dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) && stat.st_ctime < than_s;
}

size_t blobs_collect(struct blobs *blobs, int64_t older_than_s, blob_keep *keep, void *ctx)
{
    size_t count = 0;
    uint8_t sha256[32];
    int copy = openat(blobs->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) return 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t size = strlen(entry->d_name);
        if (godwit_hex_decode(entry->d_name, size, sha256, sizeof sha256)) continue;
        if (!is_older(blobs->dir_fd, entry->d_name, older_than_s) || keep(ctx, sha256)) continue;
        count += !unlinkat(blobs->dir_fd, entry->d_name, 0);
    }
    closedir(dir);
    return count;
}

godwit_err blob_drop(struct blobs *blobs, const uint8_t sha256[static 32])
{
    char name[65];
    blob_name(sha256, name);
    return unlinkat(blobs->dir_fd, name, 0) ? disk_error(errno) : GODWIT_OK;
}

godwit_err lock_file(const char *path, int *fd_out)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return disk_error(errno);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        godwit_err err = disk_error(errno);
        close(fd);
        return err;
    }
    *fd_out = fd;
    return GODWIT_OK;
}
