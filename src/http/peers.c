/* How many connections each address has, and how many of them have not authenticated: a chained
 * hash under one mutex, touched three times in a connection's life. */
#include <stdlib.h>

#include "http/internal.h"

#define BUCKETS 4096U

struct peer {
    struct peer *next;
    uint8_t address[16];
    unsigned count, unauthenticated;
};

struct peers {
    pthread_mutex_t mutex;
    struct peer *buckets[BUCKETS];
};

/* Addresses are bounded by connections_max, so a chain that an attacker makes long costs
 * microseconds; the low bits of the address are what differs inside one network. */
static struct peer **peer_find(struct peers *peers, const uint8_t address[16])
{
    uint64_t mixed = (godwit_load64(address) ^ godwit_load64(address + 8)) * 0x9e3779b97f4a7c15U;
    struct peer **at = &peers->buckets[(mixed >> 40) % BUCKETS];
    while (*at && memcmp((*at)->address, address, 16) != 0)
        at = &(*at)->next;
    return at;
}

struct peers *peers_open(void)
{
    struct peers *peers = calloc(1, sizeof *peers);
    if (!peers) abort();
    pthread_mutex_init(&peers->mutex, NULL);
    return peers;
}

void peers_close(struct peers *peers)
{
    if (!peers) return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (peers->buckets[i]) {
            struct peer *peer = peers->buckets[i];
            peers->buckets[i] = peer->next;
            free(peer);
        }
    }
    pthread_mutex_destroy(&peers->mutex);
    free(peers);
}

const char *peers_add(struct peers *peers, const uint8_t address[16],
                      const struct http_limits *limits)
{
    const char *limit = NULL;
    pthread_mutex_lock(&peers->mutex);
    struct peer **at = peer_find(peers, address), *peer = *at;
    if (!peer) {
        peer = *at = calloc(1, sizeof *peer);
        if (peer) memcpy(peer->address, address, 16);
    }
    if (!peer)
        limit = "memory";
    else if (peer->count >= limits->address_max)
        limit = "address_max";
    else if (peer->unauthenticated >= limits->address_unauthenticated_max)
        limit = "address_unauthenticated_max";
    else
        peer->count++, peer->unauthenticated++;
    pthread_mutex_unlock(&peers->mutex);
    return limit;
}

void peers_authenticated(struct peers *peers, const uint8_t address[16])
{
    pthread_mutex_lock(&peers->mutex);
    struct peer *peer = *peer_find(peers, address);
    if (peer) peer->unauthenticated--;
    pthread_mutex_unlock(&peers->mutex);
}

void peers_drop(struct peers *peers, const uint8_t address[16], bool authenticated)
{
    pthread_mutex_lock(&peers->mutex);
    struct peer **at = peer_find(peers, address);
    struct peer *peer = *at;
    if (peer && !authenticated) peer->unauthenticated--;
    if (peer && --peer->count == 0) {
        *at = peer->next;
        free(peer);
    }
    pthread_mutex_unlock(&peers->mutex);
}
