/* http/conn and all behind it (exchange, routes, workers, replies, limits): up to three connections
 * of one server, played as the input says. Requests come pipelined, cut anywhere, half-closed and
 * reset; workers, the one who answers later, the network and the clock each move only when the
 * input says so, which makes every order of theirs an input. Nothing may be left when all have
 * gone: no connection, no request, no counted byte; every handler that was begun was ended exactly
 * once.
 *
 * The input: one byte of settings, then steps. A step is one byte, whose low four bits say what and
 * whose high bits on which connection or how much; some take more bytes. */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "http/internal.h"
#include "wire.h"

#define HELD_MAX 64U
#define FILE_SIZE 100000U

/* --- handlers ------------------------------------------------------------------------------ */

static struct http_request *held[HELD_MAX]; /* answered later, oldest first */
static unsigned held_count, uploads_begun, uploads_ended;
static int file_fd;

static void echo(struct http_request *request)
{
    http_reply_header(request, "X-Fuzz", request->path);
    http_reply_copy(request, 200, "text/plain", request->body.data, request->body.size);
}

static void hold(struct http_request *request)
{
    if (held_count == HELD_MAX)
        http_reply(request, 503, NULL, NULL, 0);
    else
        held[held_count++] = request;
}

/* Held by the engine, or streamed: in the same list, so that the same steps end it. */
static struct http_request *streams[HELD_MAX];
static unsigned streams_count;
static struct http_piece *piece;

static bool list_take(struct http_request **list, unsigned *count_at, unsigned which)
{
    if (which >= *count_at) return false;
    memmove(list + which, list + which + 1, (--*count_at - which) * sizeof *list);
    return true;
}

static unsigned list_find(struct http_request **list, unsigned list_count,
                          const struct http_request *request)
{
    unsigned which = 0;
    while (which < list_count && list[which] != request)
        which++;
    return which;
}

static void wait_over(struct http_request *request)
{
    if (list_take(held, &held_count, list_find(held, held_count, request)))
        http_reply_copy(request, 200, "text/plain", "over", 4);
}

static void wait_long(struct http_request *request)
{
    unsigned hold_ms = http_query(request, "ms") ? 100 : 30000;
    if (held_count == HELD_MAX || !http_hold(request, hold_ms, wait_over))
        http_reply(request, 503, NULL, NULL, 0);
    else
        held[held_count++] = request;
}

static void stream_over(struct http_request *request)
{
    if (list_take(streams, &streams_count, list_find(streams, streams_count, request)))
        http_stream_end(request);
}

static void stream(struct http_request *request)
{
    const struct http_stream_options options = {"text/event-stream", ":\n\n", 7000};
    http_reply_header(request, "X-Fuzz", request->path);
    if (streams_count == HELD_MAX)
        http_reply(request, 503, NULL, NULL, 0);
    else if (http_stream_begin(request, &options, stream_over))
        streams[streams_count++] = request;
}

/* Sends to one or to all, or ends one. */
static void stream_step(unsigned what)
{
    if (!streams_count) return;
    struct http_request *request = streams[what % streams_count];
    if ((what & 12) == 12) {
        list_take(streams, &streams_count, what % streams_count);
        http_stream_end(request);
    } else {
        for (unsigned i = 0; i < streams_count; i++)
            if (what & 8 || streams[i] == request) http_stream_send(streams[i], piece);
    }
}

static void big(struct http_request *request)
{
    char *data = arena_zalloc(request->arena, 150000);
    http_reply(request, 200, "text/plain", data, data ? 150000 : 0);
}

static void file(struct http_request *request)
{
    http_reply_file(request, &(struct http_file){dup(file_fd), FILE_SIZE, "image/x", "\"e\""});
}

static void name(struct http_request *request)
{
    const char *id = http_param(request, "id"), *query = http_query(request, "q");
    http_reply_problem(request, &(struct http_problem){.status = 422,
                                                       .type = "fuzz",
                                                       .title = http_status_title(422),
                                                       .detail = id ? id : "",
                                                       .field = query});
}

static void upload_begin(struct http_request *request)
{
    if (http_query(request, "no"))
        http_reply(request, 403, NULL, NULL, 0);
    else
        uploads_begun++;
}

static void upload_write(struct http_request *request, const uint8_t *data, size_t size)
{
    if (!size || data[0] != '!') return;
    uploads_ended++;
    http_reply(request, 422, "text/plain", "no", 2);
}

static void upload_finish(struct http_request *request)
{
    uploads_ended++;
    if (http_query(request, "later"))
        hold(request);
    else
        http_reply(request, 201, "text/plain", "yes", 3);
}

static void upload_abort(struct http_request *request)
{
    (void)request;
    uploads_ended++;
}

static bool gate(struct http_request *request)
{
    request->authenticated = http_bearer(request) != NULL;
    if (!request->route_extra || request->authenticated) return true;
    http_reply(request, 401, "text/plain", "no", 2);
    return false;
}

static const struct http_upload upload = {upload_begin, upload_write, upload_finish, upload_abort};
static const struct http_route routes[] = {
    {HTTP_METHOD_GET, "/i", HTTP_INLINE, 0, echo, NULL, NULL},
    {HTTP_METHOD_POST, "/i", HTTP_INLINE, 9000, echo, NULL, NULL},
    {HTTP_METHOD_POST, "/w", HTTP_WORKER, 9000, echo, NULL, NULL},
    {HTTP_METHOD_GET, "/h", HTTP_INLINE, 0, hold, NULL, NULL},
    {HTTP_METHOD_POST, "/wh", HTTP_WORKER, 9000, hold, NULL, NULL},
    {HTTP_METHOD_GET, "/l", HTTP_INLINE, 0, wait_long, NULL, NULL},
    {HTTP_METHOD_GET, "/s", HTTP_INLINE, 0, stream, NULL, NULL},
    {HTTP_METHOD_GET, "/ws", HTTP_WORKER, 0, stream, NULL, NULL},
    {HTTP_METHOD_GET, "/b", HTTP_WORKER, 0, big, NULL, NULL},
    {HTTP_METHOD_GET, "/f", HTTP_WORKER, 0, file, NULL, NULL},
    {HTTP_METHOD_GET, "/n/{id}", HTTP_INLINE, 0, name, NULL, NULL},
    {HTTP_METHOD_PUT, "/u", HTTP_UPLOAD, 200000, NULL, &upload, NULL},
    {HTTP_METHOD_PUT, "/g", HTTP_UPLOAD, 200000, NULL, &upload, "gated"},
    {HTTP_METHOD_POST, "/g", HTTP_WORKER, 9000, echo, NULL, "gated"},
};

/* --- what clients like to send ------------------------------------------------------------- */

#define HEAD " HTTP/1.1\r\nHost: h\r\n"
#define BEARER "Authorization: Bearer t\r\n"
static const char *const pieces[] = {
    "GET /i" HEAD "\r\n",
    "POST /w" HEAD "Content-Length: 3\r\n\r\nabc",
    "POST /wh" HEAD "Content-Length: 3\r\n\r\nabc",
    "GET /h" HEAD "\r\n",
    "GET /b" HEAD "\r\n",
    "GET /f" HEAD "Range: bytes=70000-\r\n\r\n",
    "HEAD /f" HEAD "If-None-Match: \"e\"\r\n\r\n",
    "GET /n/%41b?q=%20" HEAD "\r\n",
    "PUT /u" HEAD "Content-Length: 4\r\n\r\n",
    "PUT /g?later=1" HEAD BEARER "Content-Length: 140000\r\n\r\n",
    "PUT /u?no=1" HEAD "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    "PUT /u" HEAD BEARER "Transfer-Encoding: chunked\r\n\r\n",
    "4000\r\n",
    "\r\n0\r\n\r\n",
    "POST /g" HEAD BEARER "Content-Length: 9000\r\n\r\n",
    "POST /g" HEAD "Content-Length: 9000\r\n\r\n",
    "POST /i" HEAD "Content-Length: 9001\r\n\r\n",
    "POST /i" HEAD "Content-Length: 18446744073709551615\r\n\r\n",
    "GET /none" HEAD "\r\n",
    "POST /none" HEAD "Content-Length: 2\r\n\r\n",
    "NONSENSE\r\n\r\n",
    "GET /i HTTP/1.0\r\n\r\n",
    "GET /i" HEAD "Connection: close\r\n\r\n",
    "\x16!",
    "GET /l" HEAD BEARER "\r\n",
    "GET /l?ms=1" HEAD "\r\n",
    "GET /s" HEAD BEARER "\r\n",
    "GET /ws" HEAD "\r\n",
    "GET /s HTTP/1.0\r\n\r\n",
    "HEAD /ws" HEAD "\r\n",
};
#define PIECES (sizeof pieces / sizeof *pieces)

/* --- the server ---------------------------------------------------------------------------- */

static struct work_pool *pool;
static struct http_server *server;

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* One server for all inputs; its thread ends at once, because libuv's part of it is ours. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char note[200];
    struct http_options options = {.loops = 1,
                                   .certificate = "-",
                                   .key = "-",
                                   .routes = routes,
                                   .routes_count = sizeof routes / sizeof *routes,
                                   .gate = gate,
                                   .limits = {.connections_max = 4,
                                              .unauthenticated_max = 2,
                                              .young_ms = 50,
                                              .input_max = 160000,
                                              .head_max = 2048,
                                              .arena_max = 200000}};
    (void)argc, (void)argv;
    FUZZ_CHECK(!work_pool_open(0, 3, &pool));
    options.workers = pool;
    FUZZ_CHECK(!http_open(&options, note, sizeof note, &server));
    pthread_join(server->loops[0]->joined, NULL);
    server->loops[0]->thread = pthread_self();
    static const char many[9000] = "data: ";
    piece = http_piece_new(many, sizeof many);
    file_fd = memfd_create("file", 0);
    FUZZ_CHECK(file_fd >= 0 && !ftruncate(file_fd, FILE_SIZE));
    return 0;
}

static void reply_held(unsigned which)
{
    if (!held_count) return;
    which %= held_count;
    struct http_request *request = held[which];
    list_take(held, &held_count, which);
    request->authenticated = which & 1;
    http_reply(request, 200, "text/plain", "late", 4);
}

/* --- the input ----------------------------------------------------------------------------- */

struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t take(struct input *input)
{
    if (!input->size) return 0;
    input->size--;
    return *input->data++;
}

/* Bytes from the input itself, from the list above, or many of one kind. */
static void feed(struct input *input, unsigned step, unsigned wire, unsigned more)
{
    static uint8_t many[16384];
    uint8_t which = take(input);
    if (step == 1) {
        size_t size = which < input->size ? which : input->size;
        wire_feed(wire, input->data, size);
        input->data += size;
        input->size -= size;
    } else if (step == 2) {
        for (unsigned i = 0; i <= more; i++)
            wire_feed(wire, (const uint8_t *)pieces[which % PIECES],
                      strlen(pieces[which % PIECES]));
    } else {
        memset(many, which, sizeof many);
        wire_feed(wire, many, sizeof many >> (2 * more));
    }
}

static void play(struct input *input)
{
    uint8_t byte = take(input);
    unsigned wire = (byte >> 4) % WIRES, more = byte >> 6;
    switch (byte & 15) {
    case 0:
        wire_open(wire);
        break;
    case 1:
    case 2:
    case 3:
        feed(input, byte & 15, wire, more);
        break;
    case 4:
        wire_end(wire, more & 1);
        break;
    case 5:
        work_pool_step(pool);
        break;
    case 6:
        reply_held(byte >> 4);
        break;
    case 7:
        wire_wake();
        break;
    case 8:
        wire_window(wire, more == 3 ? SIZE_MAX : (size_t)take(input) << (4 * more));
        break;
    case 9:
        wire_written(wire, more == 3);
        break;
    case 10:
        wire_time((uint64_t)(byte >> 4) * 2500);
        break;
    case 11:
        wire_closed();
        break;
    case 12:
        wire_tls_end(wire, more & 1);
        break;
    case 13:
        stream_step(byte >> 4);
        break;
    case 14:
        wire_turn();
        break;
    default: /* a quiet moment: all that waits happens */
        while (work_pool_step(pool))
            wire_wake();
        wire_wake();
        wire_closed();
        wire_turn(); /* those who wait for a turn that is not spent */
    }
}

/* Everybody leaves; what is still worked on is finished, and nothing is left. */
static void leave(void)
{
    struct loop *loop = server->loops[0];
    for (unsigned i = 0; i < 3 || loop->conns || loop->exchanges; i++) {
        FUZZ_CHECK(i < 1000); /* something waits for ever */
        wire_end_all();
        while (held_count)
            reply_held(0);
        while (streams_count)
            stream_step(12);
        while (work_pool_step(pool)) {
        }
        wire_wake();
        wire_time(40000);
        wire_closed();
    }
    FUZZ_CHECK(uploads_begun == uploads_ended);
    FUZZ_CHECK(!server->connections && !server->unauthenticated);
    FUZZ_CHECK(!server->held && !server->streams && !loop->held_oldest && !loop->held_newest);
    FUZZ_CHECK(!loop->turns.waiting && !loop->batch.count);
    FUZZ_CHECK(!loop->oldest && !loop->newest && !loop->queue_first);
    FUZZ_CHECK(!server->budget.used && !server->budget.unauthenticated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tls_context *context;
    struct input input = {data, size};
    struct loop *loop = server->loops[0];
    if (loop->tls) context = loop->tls;
    uint8_t settings = take(&input);
    loop->tls = settings & 1 ? context : NULL;
    wire_record(settings >> 1 ? (size_t)(settings >> 1) << ((settings >> 1) & 7) : 1);
    wire_open(0);
    while (input.size)
        play(&input);
    leave();
    return 0;
}
