/* Types shared by the files of this folder only.
 *
 *   server ── loops ── connections ── at most one exchange each (a request and its reply)
 *
 * A connection belongs to its loop's thread. An exchange too, except while a handler has it; it
 * outlives its connection when the client leaves early. exchange_post alone hands it back. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "http/batch.h"
#include "http/bytes.h"
#include "http/http.h"
#include "http/limits.h"
#include "http/listener.h"
#include "http/proto.h"
#include "http/retry.h"
#include "http/tls.h"
#include "http/turn.h"

#define NET_READ_SIZE (64U * 1024U)       /* one read from the network */
#define NET_READ_SIZE_FIRST (16U * 1024U) /* the same before the client has authenticated */
#define NET_READ_SIZE_HANDSHAKE 2048U     /* … and before its handshake is over */
#define PLAIN_SIZE (16U * 1024U)          /* one TLS record; also one slice of plain input */
#define PENDING_MAX (16U * 1024U) /* more input is not read while a request is being answered */
#define PIECE_SIZE (64U * 1024U)  /* of a reply, handed to the network at once */
#define BODY_STEP (16U * 1024U)   /* progress that earns a new body deadline */
#define UPLOAD_FILL_MAX (HTTP_UPLOAD_WINDOW / 2)
#define UPLOAD_KICK (64U * 1024U) /* a worker is asked for once this much has come */
/* Read and dropped after an early refusal: a whole upload, so that who sends on still reads why. */
#define LINGER_BYTES (32U * 1024U * 1024U)
#define LINGER_MS 2000U
#define ADDRESS_SIZE 46U /* text of an IPv6 address */

/* --- exchange ----------------------------------------------------------------------------- */

enum exchange_event { EXCHANGE_REPLIED = 1, EXCHANGE_JOB_DONE = 2, EXCHANGE_STREAMS = 4 };

struct reply {
    int status;
    const char *content_type;
    const char *headers; /* "Name: value\r\n"…, in the arena */
    size_t headers_size;
    const uint8_t *data; /* NULL: from fd */
    uint64_t size;       /* of the body, also where HEAD leaves it out */
    uint64_t sent;       /* of the body */
    bool has_file, file_failed;
    int fd;
    uint64_t offset;
    uint8_t *piece; /* a piece of the file; PIECE_SIZE bytes */
    size_t piece_size;
};

enum upload_state {
    UPLOAD_NONE,
    UPLOAD_BEGINNING,
    UPLOAD_RUNNING,
    UPLOAD_ENDED, /* replied, finished or aborted: nothing else is called */
};

struct upload {
    enum upload_state state;
    struct bytes fill, work;
    bool body_complete, abort_wanted;
};

struct exchange {
    struct http_request request; /* first: handlers see only this */
    struct arena arena;
    struct loop *loop;
    struct conn *conn; /* NULL: the client has left */
    const struct http_route *route;
    char peer[ADDRESS_SIZE];
    uint8_t network[16];
    struct holding holding;
    bool keep_alive, http_1_0, expect_continue;
    bool job_running; /* a worker has it */
    bool reply_owed;  /* a handler was called that must reply */
    bool replied;     /* the loop knows the reply */
    int refusal;      /* status to answer with once the upload has been aborted; 0: none */
    const char *refusal_reason;
    uint64_t received; /* bytes of body */
    bool over;         /* sent, or nobody is there to take it */
    struct reply reply;
    struct bytes body;
    bool body_in_arena; /* small ones: then body.data is not ours to free */
    struct upload upload;
    http_handler *release; /* held or streamed, and nobody was told yet that it shall end */
    unsigned hold_ms;
    bool is_held;
    struct exchange *older, *newer; /* among those that its loop holds */
    struct stream *stream;          /* NULL: no streamed reply */
    struct produced *produced;      /* NULL: its body is not made while it is sent; produced.h */
    struct work_job job;
    void (*job_run)(struct exchange *exchange);
    struct exchange *next; /* in the loop's queue */
    unsigned posted;
};

/* NULL: no memory. */
struct exchange *exchange_open(struct conn *conn);
/* Frees it once nobody holds it: over, no job running, no reply owed. */
void exchange_release(struct exchange *exchange);
/* From any thread: tells the exchange's loop. */
void exchange_post(struct exchange *exchange, enum exchange_event event);
/* The same with the loop's mutex held. */
void exchange_queue(struct exchange *exchange, enum exchange_event event);
/* Whether its loop calls its handler just now: then what it does needs no queue. */
bool exchange_is_called(const struct exchange *exchange);
/* Nothing of the request is needed any more, only its reply. */
void exchange_give_back(struct exchange *exchange);
/* Head, route and body of the request; both return 0 or the status to refuse with. */
int exchange_head(struct exchange *exchange, const struct proto_head *head);
int exchange_body(struct exchange *exchange, const uint8_t *data, size_t size);
/* The request is complete: calls the handler, or lets the upload finish. */
void exchange_complete(struct exchange *exchange);
/* Whether more body may come now. */
bool exchange_wants_body(const struct exchange *exchange);
/* Next step of the upload, if one is due. */
void exchange_upload_step(struct exchange *exchange);
/* The client has left. */
void exchange_abandon(struct exchange *exchange);
/* Hands its next step to a worker: what was let in is also finished. */
void exchange_go_on(struct exchange *exchange, void (*run)(struct exchange *exchange));

/* --- routes, replies ---------------------------------------------------------------------- */

/* The route for method and path, with params and extra filled in; NULL: status_out is 404 or 405
 * (allow_out then lists the methods), or 400 for a malformed escape. */
const struct http_route *route_find(const struct http_route *routes, size_t routes_count,
                                    struct http_request *request, int *status_out, char *allow_out,
                                    size_t allow_size);
/* In place; false when malformed or when a NUL would appear. */
bool percent_decode(char *text, bool plus_is_space);

/* Answers with a problem of the engine's own. */
void reply_refusal(struct exchange *exchange, int status, const char *reason);
/* Whether a body follows the head. */
bool reply_has_body(const struct exchange *exchange);
/* The head of a reply into out; false: no memory. now is the text of the Date header. */
GODWIT_MUST_USE bool reply_head_write(const struct exchange *exchange, const char *now,
                                      struct bytes *out);

enum range_kind { RANGE_WHOLE, RANGE_PART, RANGE_NONE };
/* RFC 9110 section 14: what "Range: …" asks of size bytes; several ranges, other units and nonsense
 * mean WHOLE, a range behind the end NONE. */
enum range_kind range_parse(const char *value, uint64_t size, uint64_t *first_out,
                            uint64_t *last_out);
/* Whether a list like If-None-Match names the etag (weak comparison) or is "*". */
bool etag_listed(const char *list, const char *etag);
/* The same by strong comparison, as If-Match asks: a weak one (W/) is not meant. */
bool etag_listed_strongly(const char *list, const char *etag);

/* --- connections -------------------------------------------------------------------------- */

enum conn_phase {
    PHASE_HANDSHAKE,
    PHASE_IDLE,
    PHASE_HEAD,
    PHASE_BODY,
    PHASE_REPLY, /* a handler works: no deadline of ours */
    PHASE_HELD,
    PHASE_STREAM,
    PHASE_WRITE,
    PHASE_LINGER,
    PHASE_CLOSING
};

struct conn {
    uv_tcp_t tcp;
    uv_timer_t timer;
    struct loop *loop;
    struct conn *next, *prev;
    struct conn *newer, *older; /* among the unauthenticated of its loop */
    struct conn *turn_sooner, *turn_later;
    struct tls tls;
    struct proto proto;
    struct exchange *exchange; /* the request being read or answered */
    struct bytes raw, plain;   /* input that has to wait */
    struct holding holding;    /* of the budget, for these two */
    size_t writes_pending;
    uint64_t writes_done, requests;
    uint64_t came_ms;
    uint64_t deadline_ms, due_ms; /* of the timer: it is moved only when it would fire too late */
    uint64_t progress, linger_bytes, beats; /* beats: keep-alives of a stream */
    enum conn_phase phase;
    uint8_t handles_open;
    bool reading, eof, batched; /* batched: its last output waits in the loop's batch */
    bool is_tls;                /* tls itself is there once the first byte has come */
    bool waits_turn;            /* for what it has sent */
    bool authenticated;         /* a request has proved who the client is */
    bool request_complete;      /* its last byte was read */
    bool sending;               /* its reply is on the way */
    bool closing_after;         /* no further request on this connection */
    bool finishing;             /* nothing more is read; conn_advance closes */
    bool notified;              /* a TLS close notify was sent, or none is needed */
    bool lingering, established;
    bool is_proxy;  /* its requests are those of others */
    bool is_probed; /* the kernel looks now and then whether the peer is still there */
    struct peer *counted, *identity; /* its address and client in the limits; NULL: not counted */
    uint8_t address[16];             /* what the limits count: IPv4, or the /64 of IPv6 */
    char peer[ADDRESS_SIZE];
};

extern const struct proto_events conn_events;
/* The end of every event: nobody walks the input any more. */
void conn_advance(struct conn *conn);
void conn_event(struct exchange *exchange, unsigned posted);
/* Closes now if between requests; else after the reply. */
void conn_drain(struct conn *conn);
/* Its exchange is held or streamed, and shall end now. */
void conn_let_go(struct conn *conn);
void conn_abort(struct conn *conn);

/* conn_out.c. Any of these may close the connection: look at phase afterwards. */
void conn_flush(struct conn *conn);
/* Adds to the loop's out buffer; false: the connection is gone. */
bool conn_write(struct conn *conn, const void *data, size_t size);
/* The same for a piece of its stream, which is dropped. */
bool conn_write_piece(struct conn *conn, struct http_piece *piece);
void conn_on_written(uv_write_t *request, int status);
/* For conn_advance: sends the close notify, and closes once everything is written. */
void conn_finish(struct conn *conn);
/* Begins to send the reply, if there is one; goes on with it. */
void conn_try_reply(struct conn *conn);
void conn_send_on(struct conn *conn);
/* Answers with status as soon as nobody else has the exchange, then closes. */
void conn_refuse(struct conn *conn, int status, const char *reason);

/* --- loops -------------------------------------------------------------------------------- */

struct counters {
    _Atomic uint64_t connections, requests, refused_limit, refused_framing, handshakes, resumed,
        deadlines, displaced;
};

struct loop {
    uv_loop_t uv;
    struct listener listener;
    uv_async_t wake;
    uv_timer_t drain;
    uv_check_t turn;
    uv_idle_t busy;
    uv_timer_t again;
    struct turns turns;
    struct http_server *server;
    struct tls_context *tls, *tls_next; /* …_next: to be taken by on_wake; under the mutex */
    struct http_clients *clients_next;
    pthread_t thread; /* as the loop itself knows it */
    pthread_t joined; /* as http_close knows it */
    bool has_thread, draining, ending;
    struct conn *conns;
    struct conn *oldest, *newest; /* of the unauthenticated ones */
    unsigned usual_ms;            /* that a connection needs lately until it has authenticated */
    struct exchange *held_oldest, *held_newest;
    size_t exchanges;
    struct exchange *calling; /* being fed or handled on the loop: a reply needs no queue */
    pthread_mutex_t mutex;    /* the queue, and the request to drain */
    struct exchange *queue_first, *queue_last;
    bool drain_wanted;
    unsigned drain_ms;
    struct bytes out; /* being built for one connection */
    struct bytes head;
    struct batch batch;
    int64_t date_s;
    char date[32];
    struct counters counters;
    uint8_t net[NET_READ_SIZE];
    uint8_t plain[PLAIN_SIZE];
};

struct http_server {
    struct http_options options;
    struct clock clock;
    struct proto_limits proto_limits;
    struct peers *peers, *identities; /* by address, and by who they are */
    struct tls_tickets *tickets;
    struct budget budget;
    struct retry_count turned_away;
    uint64_t trimmed_ms, trimmed_closed; /* when memory was last given back, and after how many */
    _Atomic unsigned connections, unauthenticated, held, streams;
    unsigned loops_count;
    uint16_t port;
    struct loop *loops[];
};

static inline void count(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed); /* one writer: its loop */
}

const char *loop_date(struct loop *loop); /* the header's text, made once a second */
/* Called whenever a connection or exchange has gone: a draining loop may now end. */
void loop_check_end(struct loop *loop);
