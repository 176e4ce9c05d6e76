/* Clients on a poller: connecting, TLS, and what a device of wake.py asks. */
#include "tls_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "formats/checkin.h"

SSL_CTX *clients_tls;
static uint16_t server_port;

void clients_setup(const char *port, const char *ca, unsigned time_max_s)
{
    files_allow();
    alarm(time_max_s);
    signal(SIGPIPE, SIG_IGN);
    server_port = (uint16_t)strtoul(port, NULL, 10);
    clients_tls = SSL_CTX_new(TLS_client_method());
    must(clients_tls && SSL_CTX_load_verify_locations(clients_tls, ca, NULL) == 1, "no CA");
    SSL_CTX_set_max_proto_version(clients_tls, TLS1_2_VERSION);
    SSL_CTX_set_mode(clients_tls, SSL_MODE_RELEASE_BUFFERS);
}

static int socket_open(uint32_t address, int receive_size)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server_port)}, from = to;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(address);
    from.sin_port = 0;
    if (fd < 0) return -1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (receive_size) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_size, sizeof receive_size);
    if (!bind(fd, (struct sockaddr *)&from, sizeof from) &&
        (!connect(fd, (struct sockaddr *)&to, sizeof to) || errno == EINPROGRESS))
        return fd;
    close(fd);
    return -1;
}

bool client_open(struct client *client, uint32_t address, int receive_size, int poller)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = client};
    client->fd = socket_open(address, receive_size);
    if (client->fd < 0) return false;
    client->state = CLIENT_CONNECTING;
    if (!epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &event)) return true;
    client_close(client);
    return false;
}

bool client_begin_tls(struct client *client)
{
    if (!client->ssl) client->ssl = SSL_new(clients_tls);
    return client->ssl && SSL_set_fd(client->ssl, client->fd) == 1;
}

void client_close(struct client *client)
{
    if (client->state == CLIENT_CLOSED) return;
    SSL_free(client->ssl);
    close(client->fd);
    client->ssl = NULL;
    client->state = CLIENT_CLOSED;
}

bool client_is_unfinished(const struct client *client, int result)
{
    int code = SSL_get_error(client->ssl, result);
    return code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE;
}

/* As wake.py made it: SHA-256 of "wake device N". */
static void token_of(uint32_t number, char hex[static 65])
{
    struct godwit_hash hash;
    uint8_t digest[32];
    char name[32];
    snprintf(name, sizeof name, "wake device %u", number);
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, (const uint8_t *)name, strlen(name));
    must(godwit_hash_peek(&hash, digest) == GODWIT_OK, "no digest");
    godwit_hex_encode(digest, sizeof digest, hex);
}

size_t checkin_of(uint32_t number, char *out, size_t size_max)
{
    struct godwit_checkin checkin = {
        .device_id = {2, 0, 0, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number},
        .agent_version = "0.2.0",
        .project = "wake",
        .version = "1.0.0",
        .slot = "ota_0",
        .chip_id = 5,
        .chip_revision = 3,
        .flash_size = 4194304,
        .slot_size = 1740800};
    char body[GODWIT_CHECKIN_REQUEST_MAX + 1], hex[65];
    size_t size;
    memset(checkin.image_sha256, 0x11, 32);
    memcpy(checkin.nonce, &number, sizeof number);
    must(!godwit_checkin_encode(&checkin, body, sizeof body, &size), "the check-in does not fit");
    token_of(number, hex);
    int written = snprintf(out, size_max,
                           "POST /v1/checkin HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
                           "Content-Length: %zu\r\n\r\n%.*s",
                           hex, size, (int)size, body);
    must(written > 0 && (size_t)written < size_max, "the request does not fit");
    return (size_t)written;
}
