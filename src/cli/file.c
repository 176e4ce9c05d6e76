/* Reading grows a buffer, because a pipe has no size to ask for; writing goes through a temporary
 * file in the same folder, because only a rename inside one file system is all or nothing. */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool complain(const char *command, const char *path, const char *sentence)
{
    fprintf(stderr, "godwit %s: %s: %s\n", command, path, sentence);
    return false;
}

/* One byte over size_max is enough to know that there is too much. */
static bool read_all(FILE *file, size_t size_max, uint8_t **data, size_t *size)
{
    size_t room = 0;
    for (;;) {
        if (*size == room) {
            room = room ? 2 * room : 65536;
            if (room > size_max + 1) room = size_max + 1;
            uint8_t *more = *size > size_max ? NULL : realloc(*data, room);
            if (!more) return true;
            *data = more;
        }
        size_t got = fread(*data + *size, 1, room - *size, file);
        if (got == 0) return !ferror(file);
        *size += got;
    }
}

bool file_read(const char *command, const char *path, size_t size_max, uint8_t **data, size_t *size)
{
    *data = NULL, *size = 0;
    bool is_stdin = !strcmp(path, "-");
    FILE *file = is_stdin ? stdin : fopen(path, "rbe");
    if (!file) return complain(command, path, strerror(errno));
    bool ok = read_all(file, size_max, data, size);
    int fault = errno;
    if (!is_stdin) fclose(file);
    if (ok && *data && *size <= size_max) return true;
    free(*data);
    *data = NULL;
    if (!ok) return complain(command, path, strerror(fault));
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

static bool write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, data, size);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        data += done;
        size -= (size_t)done;
    }
    return fsync(fd) == 0;
}

bool file_write(const char *command, const char *path, const uint8_t *data, size_t size)
{
    if (!strcmp(path, "-")) return write_stdout(command, data, size);
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (length < 0 || (size_t)length >= sizeof temporary)
        return complain(command, path, strerror(ENAMETOOLONG));
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) return complain(command, path, strerror(errno));
    mode_t mask = umask(0);
    umask(mask);
    bool ok = write_all(fd, data, size) && fchmod(fd, 0666 & ~mask) == 0;
    int fault = errno;
    if (close(fd) != 0 && ok) ok = false, fault = errno;
    if (ok && rename(temporary, path) != 0) ok = false, fault = errno;
    if (ok) return true;
    unlink(temporary);
    return complain(command, path, strerror(fault));
}
