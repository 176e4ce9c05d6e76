/* Flash in a file: the file is the chip, byte for byte, so that `godwit flash`, esptool and a text
 * editor's hex view agree with the device. The file is mapped; its blocks are reserved first, since
 * a full disk under a mapping would kill the program instead of failing a call. */
#include "emu/emu.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk/disk.h"
#include "emu/nor.h"

static godwit_err file_read(void *ctx, uint32_t offset, uint8_t *data, size_t size)
{
    struct flash_file *file = ctx;
    nor_check(file->size, offset, size, 1);
    memcpy(data, file->bytes + offset, size);
    return GODWIT_OK;
}

static godwit_err file_write(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    struct flash_file *file = ctx;
    nor_check(file->size, offset, size, file->write_size);
    if (!nor_program(file->bytes + offset, data, size)) file->violations++;
    return GODWIT_OK;
}

static godwit_err file_erase(void *ctx, uint32_t offset, size_t size)
{
    struct flash_file *file = ctx;
    nor_check(file->size, offset, size, FLASH_ERASE_SIZE);
    memset(file->bytes + offset, 0xFF, size);
    return GODWIT_OK;
}

/* Size as found, or as asked for a file that we have just made. */
static godwit_err resolve_size(struct flash_file *file, int fd, bool is_new)
{
    struct stat st;
    if (is_new) {
        int number = posix_fallocate(fd, 0, file->size);
        if (number) errno = number;
        return number ? disk_error(number) : GODWIT_OK;
    }
    if (fstat(fd, &st)) return disk_error(errno);
    if (st.st_size <= 0 || st.st_size > INT32_MAX || st.st_size % FLASH_ERASE_SIZE)
        return GODWIT_ERR_FORMAT;
    if (file->size && st.st_size != file->size) return GODWIT_ERR_FORMAT;
    file->size = (uint32_t)st.st_size;
    return GODWIT_OK;
}

static godwit_err map(struct flash_file *file, int fd, bool is_new)
{
    if (flock(fd, LOCK_EX | LOCK_NB)) return disk_error(errno);
    godwit_err err = resolve_size(file, fd, is_new);
    if (err) return err;
    void *bytes = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) return disk_error(errno);
    file->bytes = bytes;
    if (is_new) memset(file->bytes, 0xFF, file->size);
    return GODWIT_OK;
}

godwit_err flash_file_open(struct flash_file *file, const char *path, uint32_t size,
                           uint32_t write_size)
{
    *file = (struct flash_file){.size = size, .write_size = write_size, .fd = -1};
    bool is_new = false;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && size) {
        is_new = true;
        /* A device keeps its token in it: for its owner alone. */
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (fd < 0) return disk_error(errno);
    godwit_err err = map(file, fd, is_new);
    file->fd = fd; /* held for its lock */
    if (!err) return GODWIT_OK;
    int number = errno;
    if (is_new) unlink(path);
    flash_file_close(file);
    errno = number;
    return err;
}

void flash_file_close(struct flash_file *file)
{
    if (file->bytes) munmap(file->bytes, file->size);
    if (file->fd >= 0) close(file->fd);
    *file = (struct flash_file){.fd = -1};
}

struct godwit_flash flash_file_port(struct flash_file *file)
{
    return (struct godwit_flash){.ctx = file,
                                 .size = file->size,
                                 .erase_size = FLASH_ERASE_SIZE,
                                 .write_size = file->write_size,
                                 .read = file_read,
                                 .write = file_write,
                                 .erase = file_erase};
}
