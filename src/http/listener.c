/* The socket is looked at by uv_poll, and connections are accepted here, because uv_listen tries
 * again at once, for ever and on the loop, where accept fails for want of descriptors or memory;
 * with its spare descriptor it takes whoever waits and closes him at once, so that he comes back at
 * once.
 *
 * Here a failure of that kind pauses the loop's accepting for a moment. Who comes meanwhile waits
 * in the kernel's queue and is served once there is room; connections that are there go on.
 * limits.c sees to it that connections alone never take the last descriptors. */
#include "http/listener.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "http/internal.h"

#define BACKLOG 1024
#define PAUSE_MS 250U
#define TOLD_EACH_MS 10000U

int listener_address(const char *text, uint16_t port, struct sockaddr_storage *address_out)
{
    if (strchr(text, ':')) return uv_ip6_addr(text, port, (struct sockaddr_in6 *)address_out);
    return uv_ip4_addr(text, port, (struct sockaddr_in *)address_out);
}

static socklen_t size_of(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

/* A socket that is bound there, or libuv's error, which is negative. */
static int bound(const struct sockaddr_storage *address, int type, bool is_shared)
{
    const int on = 1, off = 0;
    int fd = socket(address->ss_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return uv_translate_sys_error(errno);
    bool is_good = !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (is_shared) is_good &= !setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address->ss_family == AF_INET6)
        is_good &= !setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (is_good && !bind(fd, (const struct sockaddr *)address, size_of(address))) return fd;
    int failed = uv_translate_sys_error(errno);
    close(fd);
    return failed;
}

int listener_probe(const struct sockaddr_storage *address)
{
    int fd = bound(address, SOCK_STREAM, false);
    if (fd < 0) return fd;
    close(fd);
    return 0;
}

/* --- accepting ----------------------------------------------------------------------------- */

static void look(struct listener *listener);

static void on_pause_over(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    loop->listener.is_paused = false;
    look(&loop->listener);
}

static void pause_for(struct loop *loop, int error)
{
    struct listener *listener = &loop->listener;
    uint64_t now_ms = uv_now(&loop->uv);
    listener->failed++;
    if (!listener->told_ms || now_ms - listener->told_ms >= TOLD_EACH_MS) {
        GODWIT_LOG(WARN, "http_accept_failed", "error=%s failed=%llu",
                   uv_err_name(uv_translate_sys_error(error)),
                   (unsigned long long)listener->failed);
        listener->told_ms = now_ms;
        listener->failed = 0;
    }
    listener->is_paused = true;
    uv_poll_stop(&listener->poll);
    uv_timer_start(&listener->pause, on_pause_over, PAUSE_MS, 0);
}

/* The connection itself went, or what it came with; the next one is another's. */
static bool is_of_one(int error)
{
    return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
           error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH ||
           error == EOPNOTSUPP || error == ENETUNREACH;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct loop *loop = poll->data;
    (void)events;
    if (status < 0) {
        pause_for(loop, -status);
        return;
    }
    while (turn_accepts(loop)) {
        int fd = accept4(loop->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            conn_accept(loop, fd);
            continue;
        }
        if (is_of_one(errno)) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) pause_for(loop, errno);
        return;
    }
    uv_poll_stop(poll); /* the turn had its share: listener_resume */
}

static void look(struct listener *listener)
{
    if (listener->is_open && !listener->is_paused)
        uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

void listener_resume(struct listener *listener)
{
    look(listener);
}

/* --- its life ------------------------------------------------------------------------------ */

int listener_open(struct loop *loop, const struct sockaddr_storage *address)
{
    struct listener *listener = &loop->listener;
    int fd = bound(address, SOCK_STREAM | SOCK_NONBLOCK, true);
    if (fd < 0) return fd;
    int failed = listen(fd, BACKLOG) ? uv_translate_sys_error(errno) : 0;
    if (!failed) failed = uv_poll_init(&loop->uv, &listener->poll, fd);
    if (failed) {
        close(fd);
        return failed;
    }
    uv_timer_init(&loop->uv, &listener->pause);
    listener->poll.data = listener->pause.data = loop;
    listener->fd = fd;
    listener->is_open = true;
    look(listener);
    return 0;
}

uint16_t listener_port(const struct listener *listener)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(listener->fd, (struct sockaddr *)&address, &size)) return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

void listener_close(struct listener *listener)
{
    if (!listener->is_open) return;
    listener->is_open = false;
    uv_close((uv_handle_t *)&listener->poll, NULL);
    uv_close((uv_handle_t *)&listener->pause, NULL);
    close(listener->fd);
}
