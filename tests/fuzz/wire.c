/* libuv and tls.h, driven by wire.h. Only what src/http calls; each as libuv documents it:
 * callbacks never come from inside a call but uv_read's, closing is told later, writes keep their
 * order. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "http/internal.h"
#include "wire.h"
#include "wire_tls.h"

#define TIMERS_MAX 16U
#define CLOSINGS_MAX 32U
#define KERNEL_MAX (256U * 1024U)
#define HOOKS_MAX 4U
#define TICK_NS 40000U

struct wire {
    uv_stream_t *stream; /* NULL: nobody is connected */
    uv_alloc_cb alloc;
    uv_read_cb read; /* NULL: the server does not read now */
    uv_write_t *write;
    uv_write_cb written;
    size_t window;
    size_t kernel_at, kernel_size; /* in kernels: sent by the client, not read yet */
    bool end, reset, told;
    struct record_state *tls;
};

static struct wire wires[WIRES];
static uint8_t kernels[WIRES][KERNEL_MAX];
static uv_timer_t *timers[TIMERS_MAX];
static struct {
    uv_handle_t *handle;
    uv_close_cb closed;
    uv_write_t *write; /* cancelled by the closing, and told just before it */
    uv_write_cb written;
} closings[CLOSINGS_MAX];
static size_t closings_count;
static uv_poll_t *listener;
static uv_poll_cb on_connection;
static uv_async_t *wake;
static uv_async_cb on_wake;
static bool wake_sent;
static unsigned connecting = WIRES;
static uint64_t now_ms = 1000;
static uint64_t ticks; /* each look at the fine clock moves it */
static uv_prepare_t *prepares[HOOKS_MAX];
static uv_check_t *checks[HOOKS_MAX];
static size_t prepares_count, checks_count;

static struct wire *wire_of(const void *stream)
{
    for (unsigned i = 0; i < WIRES; i++)
        if (wires[i].stream == stream) return &wires[i];
    return NULL;
}

void wire_tls_link(const uv_tcp_t *tcp, struct record_state *state)
{
    struct wire *wire = wire_of(tcp);
    FUZZ_CHECK(wire);
    wire->tls = state;
}

/* --- driven by the fuzzer ------------------------------------------------------------------ */

/* The server is told of an end once it has read all that came before. */
static void wire_move(unsigned number)
{
    struct wire *wire = &wires[number];
    while (wire->stream && wire->read && wire->kernel_size) {
        uv_buf_t buffer;
        wire->alloc((uv_handle_t *)wire->stream, 65536, &buffer);
        size_t size = wire->kernel_size < buffer.len ? wire->kernel_size : buffer.len;
        memcpy(buffer.base, kernels[number] + wire->kernel_at, size);
        wire->kernel_at += size;
        wire->kernel_size -= size;
        wire->read(wire->stream, (ssize_t)size, &buffer);
    }
    if (!wire->stream || !wire->read || wire->kernel_size || !wire->end || wire->told) return;
    uv_buf_t none = {0};
    wire->told = true;
    wire->read(wire->stream, wire->reset ? UV_ECONNRESET : UV_EOF, &none);
}

bool wire_open(unsigned number)
{
    struct wire *wire = &wires[number];
    if (wire->stream || !on_connection) return false;
    if (closings_count > CLOSINGS_MAX / 2) wire_closed(); /* no loop owes so many */
    *wire = (struct wire){.window = SIZE_MAX};
    connecting = number;
    on_connection(listener, 0, UV_READABLE);
    bool is_taken = connecting == WIRES;
    FUZZ_CHECK(is_taken || !on_connection); /* else it is left to the kernel, and gives up */
    connecting = WIRES;
    return is_taken;
}

void wire_feed(unsigned number, const uint8_t *data, size_t size)
{
    struct wire *wire = &wires[number];
    if (!wire->stream || wire->end) return;
    if (!wire->kernel_size) wire->kernel_at = 0;
    if (size > KERNEL_MAX - wire->kernel_at - wire->kernel_size) return;
    memcpy(kernels[number] + wire->kernel_at + wire->kernel_size, data, size);
    wire->kernel_size += size;
    wire_move(number);
}

void wire_end(unsigned number, bool reset)
{
    struct wire *wire = &wires[number];
    wire->end = true;
    if (reset) wire->reset = true, wire->kernel_size = 0;
    wire_move(number);
}

void wire_window(unsigned number, size_t size)
{
    wires[number].window = size;
}

void wire_written(unsigned number, bool failed)
{
    struct wire *wire = &wires[number];
    uv_write_t *request = wire->write;
    if (!request) return;
    wire->write = NULL;
    wire->written(request, failed ? UV_EPIPE : 0);
    wire_move(number);
}

void wire_tls_end(unsigned number, bool broken)
{
    struct record_state *tls = wires[number].tls;
    if (tls && wires[number].stream) *(broken ? &tls->broken : &tls->ended) = true;
}

void wire_wake(void)
{
    if (!wake_sent) return;
    wake_sent = false;
    on_wake(wake);
    for (unsigned i = 0; i < WIRES; i++)
        wire_move(i);
}

/* The newest first, as in libuv. */
void wire_turn(void)
{
    for (size_t i = checks_count; i > 0; i--)
        checks[i - 1]->check_cb(checks[i - 1]);
    for (size_t i = prepares_count; i > 0; i--)
        prepares[i - 1]->prepare_cb(prepares[i - 1]);
}

void wire_closed(void)
{
    wire_turn();
    while (closings_count) {
        uv_handle_t *handle = closings[0].handle;
        uv_close_cb closed = closings[0].closed;
        if (closings[0].write) closings[0].written(closings[0].write, UV_ECANCELED);
        memmove(closings, closings + 1, --closings_count * sizeof *closings);
        if (closed) closed(handle);
    }
}

void wire_time(uint64_t ms)
{
    wire_turn();
    now_ms += ms;
    for (unsigned i = 0; i < TIMERS_MAX; i++) {
        uv_timer_t *timer = timers[i];
        if (!timer || timer->timeout > now_ms) continue;
        timers[i] = NULL;
        timer->timer_cb(timer);
    }
}

void wire_end_all(void)
{
    for (unsigned i = 0; i < WIRES; i++) {
        if (!wires[i].stream) continue;
        wire_end(i, true);
        if (!wires[i].stream) continue;
        wires[i].reset =
            true; /* who does not read hears of it when it writes, or by its deadline */
        wire_written(i, true);
    }
    wire_closed();
}

/* --- libuv: the loop ----------------------------------------------------------------------- */

int uv_loop_init(uv_loop_t *loop)
{
    memset(loop, 0, sizeof *loop);
    return 0;
}

int uv_loop_close(uv_loop_t *loop)
{
    (void)loop;
    return 0;
}

int uv_run(uv_loop_t *loop, uv_run_mode mode)
{
    (void)loop, (void)mode; /* the fuzzer runs it */
    return 0;
}

uint64_t uv_now(const uv_loop_t *loop)
{
    (void)loop;
    return now_ms;
}

uint64_t uv_hrtime(void)
{
    return now_ms * 1000000 + (ticks += TICK_NS);
}

int uv_prepare_init(uv_loop_t *loop, uv_prepare_t *prepare)
{
    (void)loop;
    prepare->type = UV_PREPARE;
    return 0;
}

int uv_prepare_start(uv_prepare_t *prepare, uv_prepare_cb called)
{
    FUZZ_CHECK(prepares_count < HOOKS_MAX);
    prepare->prepare_cb = called;
    prepares[prepares_count++] = prepare;
    return 0;
}

int uv_check_init(uv_loop_t *loop, uv_check_t *check)
{
    (void)loop;
    check->type = UV_CHECK;
    return 0;
}

int uv_check_start(uv_check_t *check, uv_check_cb called)
{
    FUZZ_CHECK(checks_count < HOOKS_MAX);
    check->check_cb = called;
    checks[checks_count++] = check;
    return 0;
}

/* It only keeps the loop from sleeping. */
int uv_idle_init(uv_loop_t *loop, uv_idle_t *idle)
{
    (void)loop;
    idle->type = UV_IDLE;
    return 0;
}

int uv_idle_start(uv_idle_t *idle, uv_idle_cb called)
{
    (void)idle, (void)called;
    return 0;
}

int uv_idle_stop(uv_idle_t *idle)
{
    (void)idle;
    return 0;
}

int uv_async_init(uv_loop_t *loop, uv_async_t *async, uv_async_cb called)
{
    (void)loop;
    wake = async;
    on_wake = called;
    return 0;
}

int uv_async_send(uv_async_t *async)
{
    (void)async;
    wake_sent = true;
    return 0;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
    (void)loop;
    timer->type = UV_TIMER;
    return 0;
}

static unsigned timer_place(const uv_timer_t *timer)
{
    unsigned at = 0;
    while (at < TIMERS_MAX && timers[at] != timer)
        at++;
    return at;
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb called, uint64_t timeout, uint64_t repeat)
{
    FUZZ_CHECK(repeat == 0);
    unsigned at = timer_place(timer);
    if (at == TIMERS_MAX) at = timer_place(NULL);
    FUZZ_CHECK(at < TIMERS_MAX);
    timers[at] = timer;
    timer->timer_cb = called;
    timer->timeout = now_ms + timeout;
    return 0;
}

void uv_close(uv_handle_t *handle, uv_close_cb closed)
{
    struct wire *wire = handle->type == UV_TIMER ? NULL : wire_of(handle);
    if (handle->type == UV_TIMER) {
        unsigned at = timer_place((uv_timer_t *)handle);
        if (at < TIMERS_MAX) timers[at] = NULL;
    }
    for (size_t i = 0; i < closings_count; i++)
        FUZZ_CHECK(closings[i].handle != handle); /* closed twice */
    FUZZ_CHECK(closings_count < CLOSINGS_MAX);
    closings[closings_count].handle = handle;
    closings[closings_count].closed = closed;
    closings[closings_count].write = wire ? wire->write : NULL;
    closings[closings_count++].written = wire ? wire->written : NULL;
    if (!wire) return;
    wire->stream = NULL, wire->read = NULL, wire->write = NULL, wire->tls = NULL;
}

/* --- libuv: streams ------------------------------------------------------------------------ */

uv_buf_t uv_buf_init(char *base, unsigned size)
{
    return (uv_buf_t){.base = base, .len = size};
}

int uv_tcp_init(uv_loop_t *loop, uv_tcp_t *tcp)
{
    (void)loop;
    tcp->type = UV_TCP;
    return 0;
}

int uv_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd)
{
    (void)loop, (void)fd;
    poll->type = UV_POLL;
    return 0;
}

int uv_poll_start(uv_poll_t *poll, int events, uv_poll_cb called)
{
    (void)events;
    listener = poll;
    on_connection = called;
    return 0;
}

int uv_poll_stop(uv_poll_t *poll)
{
    (void)poll;
    on_connection = NULL;
    return 0;
}

int uv_tcp_getpeername(const uv_tcp_t *tcp, struct sockaddr *name, int *size)
{
    (void)size;
    return uv_ip4_addr(wire_of(tcp) == &wires[0] ? "192.0.2.1" : "192.0.2.2", 4000,
                       (struct sockaddr_in *)name);
}

int uv_tcp_nodelay(uv_tcp_t *tcp, int enable)
{
    (void)tcp, (void)enable;
    return 0;
}

int uv_tcp_keepalive(uv_tcp_t *tcp, int enable, unsigned delay)
{
    (void)tcp, (void)enable, (void)delay;
    return 0;
}

int uv_send_buffer_size(uv_handle_t *handle, int *value)
{
    (void)handle, (void)value;
    return 0;
}

/* No descriptor: whoever closes it closes nothing. */
int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    (void)fd, (void)address, (void)size, (void)flags;
    if (connecting < WIRES) return INT_MAX - (int)connecting;
    errno = EAGAIN;
    return -1;
}

int uv_tcp_open(uv_tcp_t *tcp, uv_os_sock_t fd)
{
    FUZZ_CHECK(connecting < WIRES && fd == INT_MAX - (int)connecting);
    wires[connecting].stream = (uv_stream_t *)tcp;
    connecting = WIRES;
    return 0;
}

int uv_read_start(uv_stream_t *stream, uv_alloc_cb alloc, uv_read_cb read)
{
    struct wire *wire = wire_of(stream);
    FUZZ_CHECK(wire);
    wire->alloc = alloc;
    wire->read = read;
    return 0;
}

int uv_read_stop(uv_stream_t *stream)
{
    struct wire *wire = wire_of(stream);
    if (wire) wire->read = NULL;
    return 0;
}

int uv_try_write(uv_stream_t *stream, const uv_buf_t buffers[], unsigned count)
{
    struct wire *wire = wire_of(stream);
    FUZZ_CHECK(wire && count == 1 && !wire->write);
    if (wire->reset) return UV_EPIPE;
    size_t size = buffers[0].len < wire->window ? buffers[0].len : wire->window;
    static uint8_t taken[KERNEL_MAX];
    for (size_t at = 0; at < size; at += sizeof taken) /* each byte is really there */
        memcpy(taken, buffers[0].base + at, size - at < sizeof taken ? size - at : sizeof taken);
    return size ? (int)size : UV_EAGAIN;
}

int uv_write(uv_write_t *request, uv_stream_t *stream, const uv_buf_t buffers[], unsigned count,
             uv_write_cb written)
{
    struct wire *wire = wire_of(stream);
    FUZZ_CHECK(wire && count == 1 && buffers[0].len > 0);
    if (wire->reset || wire->write) return UV_EPIPE;
    wire->write = request;
    wire->written = written;
    return 0;
}

int uv_shutdown(uv_shutdown_t *request, uv_stream_t *stream, uv_shutdown_cb called)
{
    struct wire *wire = wire_of(stream);
    FUZZ_CHECK(wire && !wire->write);
    called(request, 0); /* earlier than libuv, which no one may rely on */
    return 0;
}
