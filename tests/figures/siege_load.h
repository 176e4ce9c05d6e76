/* What the honest half (figure_siege_load.c) and the attackers (siege_load_attack.c) share:
 * blocking TLS clients with a source address of their own. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer {
    int fd; /* -1: not connected */
    SSL *ssl;
    char reply[8192];
    int status;       /* of the last reply; 0: none came */
    const char *body; /* in reply */
};

/* Where the server is, and whom to believe; set once. */
extern uint16_t server_port;
extern SSL_CTX *client_ctx;

uint64_t now_us(void);
void sleep_us(uint64_t us);
/* TCP from this address of the machine; -1 when it is refused. */
int tcp_open(const char *source, int patience_s);
/* TCP and TLS; false when either fails. session NULL: a full handshake. */
bool peer_open(struct peer *peer, const char *source, SSL_SESSION *session);
void peer_close(struct peer *peer);
bool peer_send(struct peer *peer, const void *data, size_t size);
/* Head and body of one reply; false when the connection ends before. */
bool peer_receive(struct peer *peer);

/* One check-in as bytes: bearer, and a token of 64 digits or NULL. */
struct checkin_facts {
    uint32_t device;     /* its id follows from it */
    uint32_t outcome_id; /* 0: none */
    uint64_t nonce;
    const char *bearer, *token;
};
size_t checkin_write(char *out, size_t size, const struct checkin_facts *facts);

/* Runs one attack until the time is over and so much was sent at least; false: there is none of
 * this name. Prints one line. */
bool attack_run(const char *name, unsigned seconds, unsigned least, const char *source,
                const char *secret);
