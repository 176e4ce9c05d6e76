/* A connection's way in, and who has to leave for it.
 *
 * A connection is unauthenticated until a request on it has proved who the client is. Those are
 * few: so many in all, fewer from one address. Where they are full, the one that has been
 * unauthenticated for longest is closed for the newcomer, so that nobody who sits there idle locks
 * others out; one whose request is being answered stays. Each loop closes only its own, which
 * spares the others a lock and does not matter, because the kernel spreads connections evenly.
 *
 * Rejected: refusing the newcomer (a thousand idle connections then keep everybody out until their
 * deadlines). */
#include <unistd.h>

#include "base/log.h"
#include "http/forwarded.h"
#include "http/held.h"

#define USUAL_RISES 4U /* a slow one counts for a fourth … */
#define USUAL_FALLS 16U
#define USUAL_STEP_MS 100U
#define YOUNG_TIMES 4U

/* --- the unauthenticated ------------------------------------------------------------------- */

static void unauthenticated_link(struct conn *conn)
{
    struct loop *loop = conn->loop;
    conn->older = loop->newest;
    if (conn->older)
        conn->older->newer = conn;
    else
        loop->oldest = conn;
    loop->newest = conn;
}

static void unauthenticated_unlink(struct conn *conn)
{
    struct loop *loop = conn->loop;
    if (conn->newer)
        conn->newer->older = conn->older;
    else
        loop->newest = conn->older;
    if (conn->older)
        conn->older->newer = conn->newer;
    else
        loop->oldest = conn->newer;
    conn->newer = conn->older = NULL;
}

/* It waits for us, not we for it. */
static bool is_owed(const struct conn *conn)
{
    return conn->phase == PHASE_REPLY || conn->waits_turn;
}

/* What the slower ones of the last need; one of them hardly moves it, however long it took. */
static void usual_learn(struct loop *loop, uint64_t took_ms)
{
    uint64_t most_ms = 2 * (uint64_t)loop->usual_ms + USUAL_STEP_MS;
    if (took_ms > most_ms) took_ms = most_ms;
    uint64_t of = took_ms > loop->usual_ms ? USUAL_RISES : USUAL_FALLS;
    loop->usual_ms = (unsigned)((loop->usual_ms * (of - 1) + took_ms) / of);
}

bool conn_may_come(const struct loop *loop)
{
    const struct http_server *server = loop->server;
    const struct http_limits *limits = &server->options.limits;
    unsigned here = atomic_load(&server->unauthenticated);
    if (!here || here + server->loops_count <= limits->unauthenticated_max) return true;
    const struct conn *oldest = loop->oldest;
    while (oldest && is_owed(oldest))
        oldest = oldest->newer;
    uint64_t patience_ms = YOUNG_TIMES * (uint64_t)loop->usual_ms;
    if (patience_ms < limits->young_ms) patience_ms = limits->young_ms;
    return oldest && uv_now(&loop->uv) - oldest->came_ms >= patience_ms;
}

void conn_authenticated(struct conn *conn)
{
    struct http_server *server = conn->loop->server;
    if (conn->authenticated || !conn->counted) return;
    const struct http_limits *limits = &server->options.limits;
    unsigned max = conn->is_proxy ? limits->connections_max : limits->address_max;
    if (!peers_authenticated(server->peers, conn->counted, max)) return;
    conn->authenticated = true;
    usual_learn(conn->loop, uv_now(&conn->loop->uv) - conn->came_ms);
    unauthenticated_unlink(conn);
    atomic_fetch_sub(&server->unauthenticated, 1);
}

/* A proxy's requests are those of many. A connection that shows another token is another's now. */
bool conn_identify(struct conn *conn, const struct http_request *request)
{
    struct peers *identities = conn->loop->server->identities;
    if (!request->identity || conn->is_proxy) return true;
    if (conn->identity && peers_is(conn->identity, request->identity)) return true;
    if (conn->identity) peers_drop(identities, conn->identity, false);
    return !peers_add(identities, request->identity, request->identity_max, &conn->identity);
}

void conn_leave(struct conn *conn)
{
    struct http_server *server = conn->loop->server;
    if (conn->identity) peers_drop(server->identities, conn->identity, false);
    conn->identity = NULL;
    if (!conn->counted) return;
    peers_drop(server->peers, conn->counted, conn->authenticated);
    conn->counted = NULL;
    atomic_fetch_sub(&server->connections, 1);
    if (conn->authenticated) return;
    unauthenticated_unlink(conn);
    atomic_fetch_sub(&server->unauthenticated, 1);
}

/* Closes the one that has been unauthenticated for longest: of this address, or (NULL) of those
 * that have more than their share, so that an attacker with few addresses displaces himself. */
static bool make_room(struct loop *loop, const uint8_t *address)
{
    struct http_server *server = loop->server;
    unsigned all = atomic_load(&server->unauthenticated);
    struct conn *leaves = NULL;
    for (struct conn *conn = loop->oldest; conn; conn = conn->newer) {
        if (is_owed(conn)) continue;
        if (address && memcmp(conn->address, address, sizeof conn->address) != 0) continue;
        if (!leaves) leaves = conn;
        if (!address && !peers_is_crowding(server->peers, conn->counted, all)) continue;
        leaves = conn;
        break;
    }
    if (!leaves) return false;
    count(&loop->counters.displaced);
    conn_abort(leaves);
    return true;
}

/* --- counting ------------------------------------------------------------------------------ */

static void conn_address(struct conn *conn)
{
    struct sockaddr_storage peer = {0};
    int size = sizeof peer;
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&peer, &size)) return;
    peers_key((const struct sockaddr *)&peer, conn->address);
    if (peer.ss_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)&peer, conn->peer, sizeof conn->peer);
    else
        uv_ip4_name((const struct sockaddr_in *)&peer, conn->peer, sizeof conn->peer);
    conn->is_proxy = forwarded_is_proxy(&conn->loop->server->options, conn->peer);
}

/* The name of the limit that one more connection passes; NULL: it is counted for its address. */
static const char *limit_passed(struct conn *conn)
{
    struct http_server *server = conn->loop->server;
    const struct http_limits *limits = &server->options.limits;
    if (atomic_load(&server->connections) >= limits->connections_max) return "connections_max";
    if (atomic_load(&server->unauthenticated) >= limits->unauthenticated_max)
        return "unauthenticated_max";
    unsigned max =
        conn->is_proxy ? limits->unauthenticated_max : limits->address_unauthenticated_max;
    return peers_add(server->peers, conn->address, max, &conn->counted);
}

#define ADMIT_TRIES 8

/* Takes the connection into account; false when a limit is passed and nobody can leave for it. The
 * place that one has left may be another loop's by then: so it is tried again. */
static bool conn_admit(struct conn *conn)
{
    struct loop *loop = conn->loop;
    held_shed(loop);
    const char *limit = limit_passed(conn);
    if (limit) {
        bool of_address = !strncmp(limit, "address", 7);
        GODWIT_LOG(WARN, "http_connections_full", "peer=%s limit=%s", conn->peer, limit);
        for (unsigned i = 0; limit && i < ADMIT_TRIES; i++)
            if (make_room(loop, of_address ? conn->address : NULL)) limit = limit_passed(conn);
    }
    if (limit) {
        count(&loop->counters.refused_limit);
        return false;
    }
    atomic_fetch_add(&loop->server->connections, 1);
    atomic_fetch_add(&loop->server->unauthenticated, 1);
    unauthenticated_link(conn);
    return true;
}

/* Sets up what was accepted; false when it has to be closed again. */
static bool conn_begin(struct conn *conn, int fd)
{
    struct loop *loop = conn->loop;
    if (uv_tcp_open(&conn->tcp, fd)) {
        close(fd);
        return false;
    }
    conn_address(conn);
    if (!conn_admit(conn)) return false;
    count(&loop->counters.connections);
    uv_tcp_nodelay(&conn->tcp, 1);
    proto_init(&conn->proto, &loop->server->proto_limits, &conn_events, conn);
    conn->is_tls = loop->tls != NULL;
    return true;
}

void conn_accept(struct loop *loop, int fd)
{
    struct conn *conn = calloc(1, sizeof *conn);
    if (!conn) {
        close(fd);
        return;
    }
    conn->loop = loop;
    conn->came_ms = uv_now(&loop->uv);
    conn->phase = PHASE_LINGER; /* anything but what comes next */
    conn->due_ms = UINT64_MAX;
    conn->handles_open = 2;
    conn->next = loop->conns;
    if (conn->next) conn->next->prev = conn;
    loop->conns = conn;
    uv_tcp_init(&loop->uv, &conn->tcp);
    uv_timer_init(&loop->uv, &conn->timer);
    conn->tcp.data = conn->timer.data = conn;
    if (conn_begin(conn, fd))
        conn_advance(conn);
    else
        conn_abort(conn);
}
