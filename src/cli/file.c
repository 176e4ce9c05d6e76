/* Writing goes through a temporary file in the same folder, because only a rename inside one file
 * system is all or nothing. */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk/disk.h"

static bool complain(const char *command, const char *path, const char *sentence)
{
    fprintf(stderr, "godwit %s: %s: %s\n", command, path, sentence);
    return false;
}

bool file_read(const char *command, const char *path, size_t size_max, uint8_t **data, size_t *size)
{
    godwit_err err = strcmp(path, "-") ? disk_read(path, size_max, data, size)
                                       : disk_read_stream(stdin, size_max, data, size);
    if (!err) return true;
    if (err != GODWIT_ERR_SPACE) return complain(command, path, strerror(errno));
    char sentence[80];
    snprintf(sentence, sizeof sentence, "larger than the %zu MiB that can be looked at",
             size_max >> 20);
    return complain(command, path, sentence);
}

static bool write_stdout(const char *command, const uint8_t *data, size_t size)
{
    if (fwrite(data, 1, size, stdout) == size && fflush(stdout) == 0) return true;
    return complain(command, "standard output", strerror(errno));
}

/* A file beside it, by its descriptor; a pipe or a device is none that a file may replace, and is
 * itself written to, with "" for the temporary one. -1 after a printed line. */
static int open_place(const char *command, const char *path, char *temporary, size_t size)
{
    struct stat facts;
    temporary[0] = '\0';
    if (!stat(path, &facts) && !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) {
        int open_fd = open(path, O_WRONLY | O_CLOEXEC);
        if (open_fd < 0) (void)complain(command, path, strerror(errno));
        return open_fd;
    }
    int length = snprintf(temporary, size, "%s.XXXXXX", path);
    bool fits = length > 0 && (size_t)length < size;
    int fd = fits ? mkostemp(temporary, O_CLOEXEC) : -1;
    if (fd < 0) (void)complain(command, path, strerror(fits ? errno : ENAMETOOLONG));
    return fd;
}

/* Puts it in the place of the old one, or leaves nothing of it. is_written: else errno says why
 * not.
 */
static bool close_place(const char *command, const char *path, const char *temporary, int fd,
                        mode_t mode, bool is_written)
{
    bool is_file = *temporary;
    bool ok = is_written && (!is_file || (!fsync(fd) && fchmod(fd, mode) == 0));
    int fault = errno;
    if (close(fd) != 0 && ok) ok = false, fault = errno;
    if (ok && is_file && rename(temporary, path) != 0) ok = false, fault = errno;
    if (ok) return true;
    if (is_file) unlink(temporary);
    return complain(command, path, strerror(fault));
}

static bool write_file(const char *command, const char *path, const uint8_t *data, size_t size,
                       mode_t mode)
{
    char temporary[PATH_MAX];
    if (!strcmp(path, "-")) return write_stdout(command, data, size);
    int fd = open_place(command, path, temporary, sizeof temporary);
    return fd >= 0 &&
           close_place(command, path, temporary, fd, mode, !disk_write_all(fd, data, size));
}

static mode_t mode_of_users(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

bool file_write(const char *command, const char *path, const uint8_t *data, size_t size)
{
    return write_file(command, path, data, size, mode_of_users());
}

bool file_write_secret(const char *command, const char *path, const uint8_t *data, size_t size)
{
    return write_file(command, path, data, size, 0600);
}

bool file_begin(struct file_pieces *file, const char *command, const char *path)
{
    *file = (struct file_pieces){.fd = STDOUT_FILENO, .command = command, .path = path};
    if (!strcmp(path, "-")) return true;
    file->fd = open_place(command, path, file->temporary, sizeof file->temporary);
    return file->fd >= 0;
}

bool file_end(struct file_pieces *file, bool is_whole)
{
    if (file->fd == STDOUT_FILENO) return is_whole;
    if (is_whole)
        return close_place(file->command, file->path, file->temporary, file->fd, mode_of_users(),
                           true);
    close(file->fd);
    if (file->temporary[0]) unlink(file->temporary);
    return false;
}
