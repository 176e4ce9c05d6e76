/* Preloaded into a server: counts its system calls and allocations, and at the n-th of a kind kills
 * the process, lets the call fail, or makes it slow. Nothing of the service knows of it.
 *
 * TESTED_FAULTS names a file of 4,096 bytes, which the test maps too: so a fault is armed while the
 * server runs. Calls on files and folders count, not those on sockets, the first three descriptors
 * left out; without the variable nothing counts. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum call {
    CALL_WRITE,
    CALL_PWRITE,
    CALL_FSYNC,
    CALL_FDATASYNC,
    CALL_OPEN,
    CALL_RENAME,
    CALL_FTRUNCATE,
    CALL_UNLINK,
    CALL_MKDIR,
    CALL_READ,
    CALL_ACCEPT,
    CALL_ALLOC,
    CALL_COUNT
};

enum action { ACT_COUNT, ACT_KILL, ACT_FAIL, ACT_SLOW };

/* What became of the call before the process is killed, or fails. */
enum flavour { NOT_DONE, HALF_DONE, DONE };

/* As the test lays it out: twelve numbers, then the counts. */
struct control {
    atomic_uint calls; /* a bit for each kind that the fault is meant for */
    atomic_uint action, flavour;
    atomic_int countdown; /* 1: the next one */
    atomic_uint is_for_good, errno_told, delay_ms;
    atomic_uint hits;
    atomic_uint unused[4];
    atomic_uint counts[CALL_COUNT];
};

static struct control *control;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("TESTED_FAULTS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    if (at != MAP_FAILED) control = at;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* The fault of this call: COUNT where it has none. */
static enum action next(enum call call)
{
    if (!control) return ACT_COUNT;
    atomic_fetch_add(&control->counts[call], 1);
    enum action action = (enum action)atomic_load(&control->action);
    if (action == ACT_COUNT || !(atomic_load(&control->calls) & 1U << call)) return ACT_COUNT;
    int left = atomic_fetch_sub(&control->countdown, 1);
    if (left > 1 || (left < 1 && !atomic_load(&control->is_for_good))) return ACT_COUNT;
    atomic_fetch_add(&control->hits, 1);
    if (action == ACT_SLOW) {
        unsigned ms = atomic_load(&control->delay_ms);
        nanosleep(&(struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000}, NULL);
    }
    if (action == ACT_KILL && atomic_load(&control->flavour) == NOT_DONE) die();
    if (action == ACT_FAIL) errno = (int)atomic_load(&control->errno_told);
    return action;
}

/* After the call. */
static void ended(enum action action)
{
    if (action == ACT_KILL) die();
}

static bool is_half(enum action action)
{
    return action >= ACT_KILL && action <= ACT_FAIL && atomic_load(&control->flavour) == HALF_DONE;
}

static bool is_file(int fd)
{
    struct stat found;
    if (fd <= 2) return false;
    int kept = errno;
    bool is = !fstat(fd, &found) && (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode));
    errno = kept;
    return is;
}

/* The next definition of a name: the C library's. */
#define REAL(name) ((__typeof__(&(name)))real(#name))

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

/* ---- bytes ---- */

static ssize_t put(enum action action, ssize_t done, ssize_t half)
{
    ended(action);
    return is_half(action) ? half : done;
}

ssize_t write(int fd, const void *data, size_t size)
{
    enum action action = is_file(fd) ? next(CALL_WRITE) : ACT_COUNT;
    if (action == ACT_FAIL && !is_half(action)) return -1;
    ssize_t done = REAL(write)(fd, data, is_half(action) ? (size + 1) / 2 : size);
    return put(action, done, done);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    enum action action = is_file(fd) ? next(CALL_PWRITE) : ACT_COUNT;
    if (action == ACT_FAIL && !is_half(action)) return -1;
    ssize_t done = REAL(pwrite64)(fd, data, is_half(action) ? (size + 1) / 2 : size, at);
    return put(action, done, done);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return pwrite64(fd, data, size, at);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t at)
{
    enum action action = is_file(fd) ? next(CALL_READ) : ACT_COUNT;
    if (action == ACT_FAIL) return -1;
    ssize_t done = REAL(pread64)(fd, data, size, at);
    ended(action);
    return done;
}

ssize_t pread(int fd, void *data, size_t size, off_t at)
{
    return pread64(fd, data, size, at);
}

/* ---- what makes them last ---- */

/* A call whose arguments go on as they are. */
#define PASS(call, condition, type, name, ...)                     \
    do {                                                           \
        enum action action = (condition) ? next(call) : ACT_COUNT; \
        if (action == ACT_FAIL) return -1;                         \
        type done = REAL(name)(__VA_ARGS__);                       \
        ended(action);                                             \
        return done;                                               \
    } while (0)

int fsync(int fd)
{
    PASS(CALL_FSYNC, is_file(fd), int, fsync, fd);
}

int fdatasync(int fd)
{
    PASS(CALL_FDATASYNC, is_file(fd), int, fdatasync, fd);
}

int ftruncate64(int fd, off64_t size)
{
    PASS(CALL_FTRUNCATE, is_file(fd), int, ftruncate64, fd, size);
}

/* ---- names ---- */

int rename(const char *from, const char *to)
{
    PASS(CALL_RENAME, true, int, rename, from, to);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    PASS(CALL_RENAME, true, int, renameat, from_fd, from, to_fd, to);
}

int unlink(const char *path)
{
    PASS(CALL_UNLINK, true, int, unlink, path);
}

int unlinkat(int fd, const char *path, int flags)
{
    PASS(CALL_UNLINK, true, int, unlinkat, fd, path, flags);
}

int mkdir(const char *path, mode_t mode)
{
    PASS(CALL_MKDIR, true, int, mkdir, path, mode);
}

static mode_t mode_of(int flags, va_list list)
{
    return flags & O_CREAT ? (mode_t)va_arg(list, int) : 0;
}

int open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    PASS(CALL_OPEN, true, int, open64, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return open64(path, flags, mode);
}

int openat(int fd, const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    PASS(CALL_OPEN, true, int, openat, fd, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    enum action action = next(CALL_OPEN);
    if (action == ACT_FAIL) return NULL;
    FILE *done = REAL(fopen)(path, mode);
    ended(action);
    return done;
}

DIR *opendir(const char *path)
{
    enum action action = next(CALL_OPEN);
    if (action == ACT_FAIL) return NULL;
    DIR *done = REAL(opendir)(path);
    ended(action);
    return done;
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    PASS(CALL_ACCEPT, true, int, accept4, fd, address, size, flags);
}

/* ---- memory ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);

/* Only while a fault is meant for it: counting would slow every allocation. */
static bool is_short(void)
{
    return control && (atomic_load(&control->calls) & 1U << CALL_ALLOC) &&
           next(CALL_ALLOC) == ACT_FAIL;
}

void *malloc(size_t size)
{
    return is_short() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_short() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *at, size_t size)
{
    return is_short() ? NULL : __libc_realloc(at, size);
}
