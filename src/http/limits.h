/* How much one server holds at once: limits.c fits the numbers to the machine and keeps the budget
 * of input, peers.c counts connections by address. */
#pragma once

#include <netinet/in.h>
#include <stdatomic.h>

#include "http/http.h"

/* Fills in defaults, and fits them to the files that may be open; limits_open raises that number
 * for this process as far as it goes. */
void limits_fit(struct http_limits *limits, uint64_t files);
void limits_open(struct http_limits *limits);

/* Bytes of input that a server holds for all its connections; the unauthenticated ones together
 * have a quarter of it. */
struct budget {
    size_t max;
    _Atomic size_t used, unauthenticated;
};

/* What one connection or exchange holds of it. */
struct holding {
    size_t size;
    bool unauthenticated;
};

/* Makes it size bytes; false when there is no room for more (less always works). */
GODWIT_MUST_USE bool budget_hold(struct budget *budget, struct holding *holding, size_t size,
                                 bool authenticated);

/* --- peers.c ------------------------------------------------------------------------------- */

struct conn;
struct loop;
struct peers;
struct peer; /* one address */

/* What counts as one address: IPv4 as it is, also where it comes inside IPv6; of IPv6 the /64,
 * which is what one customer gets. */
void peers_key(const struct sockaddr *address, uint8_t key_out[static 16]);
struct peers *peers_open(void);
void peers_close(struct peers *peers);
/* One more of this address, unauthenticated; else the name of the limit that it would pass. */
const char *peers_add(struct peers *peers, const uint8_t address[16], unsigned max,
                      struct peer **peer_out);
/* False: max of its address have authenticated already, and it stays what it is. */
bool peers_authenticated(struct peers *peers, struct peer *peer, unsigned max);
void peers_drop(struct peers *peers, struct peer *peer, bool authenticated);
bool peers_is(const struct peer *peer, const uint8_t address[16]);
/* Whether it has at least its share of all the unauthenticated connections. */
bool peers_is_crowding(const struct peers *peers, const struct peer *peer,
                       unsigned unauthenticated);

/* --- conn_accept.c --- */

/* A connection, which is closed where it can not be served. */
void conn_accept(struct loop *loop, int fd);
/* Whether there is room for one more, or one that would have to leave for it has had its time. */
bool conn_may_come(const struct loop *loop);
void conn_authenticated(struct conn *conn);
/* Out of the limits; for conn_abort. */
void conn_leave(struct conn *conn);
/* False: its client has as many connections as it may. */
bool conn_identify(struct conn *conn, const struct http_request *request);
