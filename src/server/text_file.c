/* Small files by temporary name, fsync and rename, so that a cut leaves the old or the new. */
#include "server/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "disk/disk.h"

void folder_path(const char *folder, const char *name, char *out, size_t size_max)
{
    snprintf(out, size_max, "%s/%s", folder, name);
}

bool path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

uint64_t path_room(const char *path)
{
    char folder[FILE_PATH_MAX];
    struct statvfs disk;
    snprintf(folder, sizeof folder, "%s", path);
    while (statvfs(folder, &disk)) { /* not made yet: the nearest folder above that is */
        char *slash = strrchr(folder, '/');
        if (errno != ENOENT || !strcmp(folder, ".") || !strcmp(folder, "/")) return UINT64_MAX;
        if (slash == folder)
            folder[1] = '\0';
        else if (slash)
            *slash = '\0';
        else
            memcpy(folder, ".", 2);
    }
    if (disk.f_blocks == 0) return UINT64_MAX;               /* no disk, as /proc */
    bool has_files = disk.f_files == 0 || disk.f_favail > 0; /* some count no files */
    return has_files ? (uint64_t)disk.f_bavail * disk.f_frsize : 0;
}

bool path_has_room(const char *path, uint64_t size)
{
    return path_room(path) >= size;
}

godwit_err text_file_write(const char *path, const char *text, unsigned mode)
{
    char temporary[FILE_PATH_MAX + 128];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return disk_error(errno);
    godwit_err err = disk_write_all(fd, text, strlen(text));
    if (!err && fsync(fd)) err = disk_error(errno);
    if (close(fd) && !err) err = disk_error(errno);
    if (!err && rename(temporary, path)) err = disk_error(errno);
    if (err) unlink(temporary);
    return err;
}

godwit_err text_file_read(const char *path, char *out, size_t size_max)
{
    uint8_t *text;
    size_t size;
    godwit_err err = disk_read(path, size_max - 1, &text, &size);
    if (err) return err;
    memcpy(out, text, size + 1);
    free(text);
    return GODWIT_OK;
}
