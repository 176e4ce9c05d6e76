/* Clients on a poller, none of which waits for another; for figure_slow_load and figure_herd_load.
 * The devices are those of wake.py. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load.h"

enum client_state { CLIENT_CLOSED, CLIENT_CONNECTING, CLIENT_ASKING, CLIENT_OPEN };

struct client {
    int fd;
    SSL *ssl;
    enum client_state state;
};

/* Set by clients_setup. */
extern SSL_CTX *clients_tls;

/* Once, first: as many files as the machine allows; the program is killed after time_max_s. */
void clients_setup(const char *port, const char *ca, unsigned time_max_s);
/* Begins to connect from this address; on the poller it comes up at each change, as a pointer to
 * the client. receive_size: of the socket's buffer, 0 as it comes. False: there is no socket. */
bool client_open(struct client *client, uint32_t address, int receive_size, int poller);
/* Once it is connected, or before its first SSL_connect. */
bool client_begin_tls(struct client *client);
void client_close(struct client *client);
/* Whether the call of OpenSSL that gave this result has to be made again later. */
bool client_is_unfinished(const struct client *client, int result);

/* The check-in of a device of wake.py, whole; returns its size. */
size_t checkin_of(uint32_t number, char *out, size_t size_max);
