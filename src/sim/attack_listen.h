/* A TLS listener that may lie: it frames its answers by hand, so that lengths, headers and breaks
 * are the case's and not an honest engine's. One thread; made for one board at a time. */
#pragma once

#include "http/tls.h"
#include "sim/attack.h"

#define ATTACK_CONNS_MAX 8

struct attack_conn {
    int fd; /* -1: free */
    struct tls tls;
    struct bytes in, request, out; /* ciphertext, plaintext, ciphertext */
    size_t out_sent;
    /* the reply that is being sent */
    bool is_answering, has_head, closes, is_chunked;
    struct attack_response response;
    char tag[80];
    uint64_t sent, begin_ms;
};

struct attack_listener {
    void *ctx;
    void (*ask)(void *ctx, const struct attack_request *request, struct attack_response *response);
    void (*overheard)(void *ctx, const char *line); /* somebody came without TLS */
    const char *host, *other_host; /* for redirects to the plain port, and to another name */
    uint16_t port, plain_port;
    /* private */
    int fd, plain_fd;
    struct tls_tickets *tickets;
    struct tls_context *context;
    struct attack_conn conns[ATTACK_CONNS_MAX];
};

/* ctx, ask, overheard and host are set by the caller before. False: note says why. */
bool attack_listener_open(struct attack_listener *listener, const char *address, uint16_t port,
                          const char *certificate, const char *key, char *note, size_t note_size);
void attack_listener_close(struct attack_listener *listener);
/* Serves for at most wait_ms. */
void attack_listener_step(struct attack_listener *listener, int wait_ms);
