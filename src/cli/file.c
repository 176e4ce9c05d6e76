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

static bool write_file(const char *command, const char *path, const uint8_t *data, size_t size,
                       mode_t mode)
{
    if (!strcmp(path, "-")) return write_stdout(command, data, size);
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (length < 0 || (size_t)length >= sizeof temporary)
        return complain(command, path, strerror(ENAMETOOLONG));
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) return complain(command, path, strerror(errno));
    bool ok = !disk_write_all(fd, data, size) && !fsync(fd) && fchmod(fd, mode) == 0;
    int fault = errno;
    if (close(fd) != 0 && ok) ok = false, fault = errno;
    if (ok && rename(temporary, path) != 0) ok = false, fault = errno;
    if (ok) return true;
    unlink(temporary);
    return complain(command, path, strerror(fault));
}

bool file_write(const char *command, const char *path, const uint8_t *data, size_t size)
{
    mode_t mask = umask(0);
    umask(mask);
    return write_file(command, path, data, size, 0666 & ~mask);
}

bool file_write_secret(const char *command, const char *path, const uint8_t *data, size_t size)
{
    return write_file(command, path, data, size, 0600);
}
