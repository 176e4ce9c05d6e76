/* A loop's own listening socket, and how connections are taken from it. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop;

/* Zeroed: closed. */
struct listener {
    int fd;
    bool is_open, is_paused;
    uv_poll_t poll;
    uv_timer_t pause;
    uint64_t failed; /* since it was told last */
    uint64_t told_ms;
};

/* "127.0.0.1" or "::"; other than 0: it is no address. */
int listener_address(const char *text, uint16_t port, struct sockaddr_storage *address_out);
/* Whether nobody listens there: 0, or libuv's error. SO_REUSEPORT would let a second server of the
 * same user in silently, so an ordinary socket asks first. */
int listener_probe(const struct sockaddr_storage *address);
/* Of this loop; 0, or libuv's error. It goes on until listener_close. */
int listener_open(struct loop *loop, const struct sockaddr_storage *address);
uint16_t listener_port(const struct listener *listener);
/* Goes on where the loop's turn had had its share of new connections. */
void listener_resume(struct listener *listener);
void listener_close(struct listener *listener);
