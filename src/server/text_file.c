/* Small files by temporary name, fsync and rename, so that a cut leaves the old or the new. */
#include "server/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

void folder_path(const char *folder, const char *name, char *out, size_t size_max)
{
    snprintf(out, size_max, "%s/%s", folder, name);
}

bool path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool path_has_room(const char *path, uint64_t size)
{
    char folder[FILE_PATH_MAX];
    struct statvfs disk;
    snprintf(folder, sizeof folder, "%s", path);
    while (statvfs(folder, &disk)) { /* not made yet: the nearest folder above that is */
        char *slash = strrchr(folder, '/');
        if (errno != ENOENT || !strcmp(folder, ".") || !strcmp(folder, "/")) return true;
        if (slash == folder)
            folder[1] = '\0';
        else if (slash)
            *slash = '\0';
        else
            memcpy(folder, ".", 2);
    }
    if (disk.f_blocks == 0) return true;                     /* no disk, as /proc */
    bool has_files = disk.f_files == 0 || disk.f_favail > 0; /* some count no files */
    return has_files && (uint64_t)disk.f_bavail * disk.f_frsize >= size;
}

static godwit_err last_error(void)
{
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) return GODWIT_ERR_SPACE;
    return errno == ENOENT ? GODWIT_ERR_MISSING : GODWIT_ERR_IO;
}

static godwit_err write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t taken = write(fd, text, size);
        if (taken < 0 && errno == EINTR) continue;
        if (taken < 0) return last_error();
        text += taken;
        size -= (size_t)taken;
    }
    return fsync(fd) ? last_error() : GODWIT_OK;
}

godwit_err text_file_write(const char *path, const char *text, unsigned mode)
{
    char temporary[FILE_PATH_MAX + 128];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return last_error();
    godwit_err err = write_all(fd, text, strlen(text));
    if (close(fd) && !err) err = last_error();
    if (!err && rename(temporary, path)) err = last_error();
    if (err) unlink(temporary);
    return err;
}

godwit_err text_file_read(const char *path, char *out, size_t size_max)
{
    FILE *file = fopen(path, "r");
    if (!file) return last_error();
    size_t size = fread(out, 1, size_max, file);
    bool good = !ferror(file);
    fclose(file);
    if (!good) return GODWIT_ERR_IO;
    if (size == size_max) return GODWIT_ERR_SPACE;
    out[size] = 0;
    return GODWIT_OK;
}
