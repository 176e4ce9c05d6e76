/* The calls of store/blob_dir.c, which the linker leads here: they do what they do, in a real
 * folder, and are written down. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "figures/vfs_disk.h"

int __real_openat(int dir_fd, const char *name, int flags, ...);
ssize_t __real_write(int fd, const void *data, size_t size);
int __real_fsync(int fd);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_unlinkat(int dir_fd, const char *name, int flags);

int __wrap_openat(int dir_fd, const char *name, int flags, ...);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __wrap_fsync(int fd);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_unlinkat(int dir_fd, const char *name, int flags);

static struct {
    struct disk_trace *trace;
    int dir_fd, fd; /* one is written at a time */
    unsigned serial;
    uint64_t at;
} watched = {.dir_fd = -1, .fd = -1};

void blobs_watch(struct disk_trace *trace, int dir_fd)
{
    watched.trace = trace;
    watched.dir_fd = dir_fd;
    watched.fd = -1;
}

int __wrap_openat(int dir_fd, const char *name, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? (mode_t)va_arg(list, int) : 0;
    va_end(list);
    int fd = __real_openat(dir_fd, name, flags, mode);
    if (fd < 0 || dir_fd != watched.dir_fd || !(flags & O_CREAT)) return fd;
    watched.fd = fd;
    watched.serial = vfs_serial();
    watched.at = 0;
    trace_add(watched.trace, STEP_NAME, watched.serial, 0, name, strlen(name));
    return fd;
}

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    ssize_t done = __real_write(fd, data, size);
    if (fd != watched.fd || done <= 0) return done;
    trace_add(watched.trace, STEP_WRITE, watched.serial, watched.at, data, (size_t)done);
    watched.at += (uint64_t)done;
    return done;
}

int __wrap_fsync(int fd)
{
    if (fd == watched.fd) trace_add(watched.trace, STEP_SYNC, watched.serial, 0, NULL, 0);
    if (fd == watched.dir_fd) trace_add(watched.trace, STEP_SYNC_NAMES, 0, 0, NULL, 0);
    return __real_fsync(fd);
}

/* Only what was written last is renamed. */
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    if (to_fd == watched.dir_fd)
        trace_add(watched.trace, STEP_NAME, watched.serial, 0, to, strlen(to));
    return __real_renameat(from_fd, from, to_fd, to);
}

/* Only what was not renamed, and that has one name; a blob that is dropped stays, which is no loss.
 */
int __wrap_unlinkat(int dir_fd, const char *name, int flags)
{
    return __real_unlinkat(dir_fd, name, flags);
}
