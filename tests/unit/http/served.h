/* Whether a peer of the fixture's server is served or closed; for test_conn and test_conn_accept.
 */
#pragma once

#include "unit/http/fixture.h"

/* So many were accepted and none is left, however long a busy machine takes; one that never comes
 * ends with the test's own time limit. */
static inline struct http_stats wait_for_none(const struct fixture *fixture, uint64_t accepted)
{
    struct http_stats stats = {0};
    while (stats.connections < accepted) {
        http_stats(fixture->server, &stats);
        usleep(1000);
    }
    do {
        usleep(1000);
        http_stats(fixture->server, &stats);
    } while (stats.connections_open);
    return stats;
}

#define AUTHENTICATED \
    "POST /gated HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\nContent-Length: 5\r\n\r\nhello"
#define UNAUTHENTICATED "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"

/* Answered or closed: either is definite, however late it comes. */
static inline bool peer_is_served(int fd, const char *request)
{
    char reply[1024];
    peer_text(fd, request);
    peer_read(fd, reply, sizeof reply, "hello");
    return strstr(reply, "hello") != NULL;
}

static inline bool peer_is_closed(int fd)
{
    char byte;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, 60000) == 1 && recv(fd, &byte, 1, 0) <= 0;
}
