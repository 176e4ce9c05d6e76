/* Linked into tests that hold a server, or preloaded into one: what its connections read and write
 * inside TLS goes to a file, so that every answer that a test gets can be held to the OpenAPI
 * document afterwards (tests/answers/answers.py). Nothing of the service knows of it.
 *
 * TESTED_ANSWERS names a folder; without it nothing is kept. The file <pid>.tls holds pieces in the
 * order in which they passed: number of the connection, direction (0 read, 1 written), size, bytes.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

struct piece {
    uint32_t connection, is_written, size;
};

static struct {
    pthread_mutex_t mutex;
    pid_t owner;
    int fd, index;
    uint32_t connections;
} record = {.mutex = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .index = -1};

/* A child that forked gets a file of its own. */
static void open_file(const char *folder)
{
    char path[512];
    if (record.owner == getpid()) return;
    if (record.index < 0) record.index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    record.owner = getpid();
    snprintf(path, sizeof path, "%s/%d.tls", folder, (int)record.owner);
    record.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void keep(SSL *ssl, uint32_t is_written, const void *data, size_t size)
{
    const char *folder = getenv("TESTED_ANSWERS");
    if (!folder || !SSL_is_server(ssl)) return;
    pthread_mutex_lock(&record.mutex);
    open_file(folder);
    uintptr_t number = (uintptr_t)SSL_get_ex_data(ssl, record.index);
    if (!number) {
        number = ++record.connections;
        SSL_set_ex_data(ssl, record.index, (void *)number);
    }
    struct piece piece = {(uint32_t)number, is_written, (uint32_t)size};
    const struct iovec parts[] = {{&piece, sizeof piece}, {(void *)(uintptr_t)data, size}};
    if (record.fd >= 0 && writev(record.fd, parts, 2) < 0) perror(folder);
    pthread_mutex_unlock(&record.mutex);
}

int SSL_read(SSL *ssl, void *data, int size)
{
    int (*real)(SSL *, void *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "SSL_read");
    int taken = real(ssl, data, size);
    if (taken > 0) keep(ssl, 0, data, (size_t)taken);
    return taken;
}

int SSL_write_ex(SSL *ssl, const void *data, size_t size, size_t *written)
{
    int (*real)(SSL *, const void *, size_t, size_t *);
    *(void **)&real = dlsym(RTLD_NEXT, "SSL_write_ex");
    int good = real(ssl, data, size, written);
    if (good == 1) keep(ssl, 1, data, *written);
    return good;
}
