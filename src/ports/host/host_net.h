/* The agent's network port over libcurl. A pool is one curl multi: all devices of a process share
 * it and its kept connections; run it between the steps of the agents. Nothing in the port itself
 * waits. A body is buffered 16 KiB at most: while an agent does not read, its download is paused
 * and TCP holds the server back. */
#pragma once

#include "godwit_port.h"
#include "ports/host/host_trust.h"

#define HOST_FAILURE_SIZE 512 /* two sentences with a path */

struct host_net_pool;

struct host_net_config {
    const char *url; /* "https://host:port", no path; must outlive the pool */
    struct host_trust trust;
    const char *certificate, *key; /* PEM files by which it proves its id to the server; or NULL */
    uint32_t connections_max;      /* 0: 1 */
};

/* NULL when libcurl refuses. */
struct host_net_pool *host_net_pool_open(const struct host_net_config *config);
/* Every host_net of the pool must be closed by then. */
void host_net_pool_close(struct host_net_pool *pool);
/* Moves bytes, after waiting for at most wait_ms until there are some. */
void host_net_pool_run(struct host_net_pool *pool, int wait_ms);

/* The network of one device. Zeroed is closed. */
struct host_net {
    struct godwit_net port; /* what the agent takes */
    /* Called out of host_net_pool_run when read() has news; may be NULL. */
    void (*wake)(void *ctx);
    void *wake_ctx;
    char failure[HOST_FAILURE_SIZE]; /* words for a request that broke or was refused; "" after a
                                        good one */
    uint8_t witness[16]; /* checkpoint of the server's audit log, of the last instruction that came
                            in one piece; zero: none */
    uint32_t failures, replies; /* requests that ended so, and well */

    /* private from here */
    struct host_net_pool *pool;
    struct transfer *transfer;
    struct host_trust trust; /* the pool's, until the agent's journal says more */
};

void host_net_init(struct host_net *net, struct host_net_pool *pool);
