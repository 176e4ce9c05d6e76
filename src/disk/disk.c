/* Reading grows a buffer, because a pipe has no size to ask for. */
#include "disk/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_SIZE 4096

godwit_err disk_error(int fault)
{
    switch (fault) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return GODWIT_ERR_SPACE;
    case ENOENT:
    case ENOTDIR:
        return GODWIT_ERR_MISSING;
    case EWOULDBLOCK:
        return GODWIT_ERR_BUSY;
    default:
        return GODWIT_ERR_IO;
    }
}

godwit_err disk_write_all(int fd, const void *data, size_t size)
{
    const uint8_t *next = data;
    while (size > 0) {
        ssize_t taken = write(fd, next, size);
        if (taken < 0 && errno == EINTR) continue;
        if (taken < 0) return disk_error(errno);
        next += taken;
        size -= (size_t)taken;
    }
    return GODWIT_OK;
}

/* One byte over size_max is enough to know that there is too much. */
godwit_err disk_read_stream(FILE *file, size_t size_max, uint8_t **data_out, size_t *size_out)
{
    uint8_t *data = NULL;
    size_t size = 0, room = 0, got;
    do {
        if (size == room) {
            room = room ? 2 * room : FIRST_SIZE;
            if (room > size_max + 1) room = size_max + 1;
            uint8_t *more = realloc(data, room + 1);
            if (!more) abort();
            data = more;
        }
        got = fread(data + size, 1, room - size, file);
        size += got;
    } while (got > 0 && size <= size_max);
    data[size] = 0;
    *data_out = data;
    *size_out = size;
    if (!ferror(file) && size <= size_max) return GODWIT_OK;
    int fault = ferror(file) ? errno : EFBIG;
    free(data);
    *data_out = NULL;
    errno = fault;
    return disk_error(fault);
}

godwit_err disk_read(const char *path, size_t size_max, uint8_t **data_out, size_t *size_out)
{
    *data_out = NULL, *size_out = 0;
    FILE *file = fopen(path, "rbe");
    if (!file) return disk_error(errno);
    godwit_err err = disk_read_stream(file, size_max, data_out, size_out);
    int fault = errno;
    fclose(file);
    errno = fault;
    return err;
}
