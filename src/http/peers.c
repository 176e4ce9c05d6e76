/* How many connections each address has, and how many of them have not authenticated: a chained
 * hash under one mutex, touched two or three times in a connection's life. */
#include <stdlib.h>

#include "http/internal.h"

#define BUCKETS 4096U

struct peer {
    struct peer *next;
    uint8_t address[16];
    unsigned authenticated;
    _Atomic unsigned unauthenticated; /* read without the mutex */
};

struct peers {
    pthread_mutex_t mutex;
    _Atomic unsigned crowd; /* addresses that have unauthenticated connections */
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

void peers_key(const struct sockaddr *address, uint8_t key_out[static 16])
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
    memset(key_out, 0, 16);
    if (address->sa_family != AF_INET6) {
        memcpy(key_out, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        memcpy(key_out, v6->sin6_addr.s6_addr + 12, 4);
    } else {
        memcpy(key_out, &v6->sin6_addr, 8);
        key_out[15] = 6; /* no IPv4 address looks like that */
    }
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

/* Called with the mutex. */
static void unauthenticated_more(struct peers *peers, struct peer *peer)
{
    if (peer->unauthenticated++ == 0) peers->crowd++;
}

static void unauthenticated_less(struct peers *peers, struct peer *peer)
{
    if (--peer->unauthenticated == 0) peers->crowd--;
}

const char *peers_add(struct peers *peers, const uint8_t address[16], unsigned max,
                      struct peer **peer_out)
{
    const char *limit = NULL;
    pthread_mutex_lock(&peers->mutex);
    struct peer **at = peer_find(peers, address);
    if (!*at && (*at = calloc(1, sizeof **at))) memcpy((*at)->address, address, 16);
    struct peer *peer = *at;
    if (!peer)
        limit = "memory";
    else if (peer->unauthenticated >= max)
        limit = "address_unauthenticated_max";
    else
        unauthenticated_more(peers, peer);
    pthread_mutex_unlock(&peers->mutex);
    *peer_out = limit ? NULL : peer;
    return limit;
}

bool peers_authenticated(struct peers *peers, struct peer *peer, unsigned max)
{
    pthread_mutex_lock(&peers->mutex);
    bool room = peer->authenticated < max;
    if (room) {
        peer->authenticated++;
        unauthenticated_less(peers, peer);
    }
    pthread_mutex_unlock(&peers->mutex);
    return room;
}

void peers_drop(struct peers *peers, struct peer *peer, bool authenticated)
{
    pthread_mutex_lock(&peers->mutex);
    if (authenticated)
        peer->authenticated--;
    else
        unauthenticated_less(peers, peer);
    if (!peer->authenticated && !peer->unauthenticated) {
        *peer_find(peers, peer->address) = peer->next;
        free(peer);
    }
    pthread_mutex_unlock(&peers->mutex);
}

bool peers_is(const struct peer *peer, const uint8_t address[16])
{
    return !memcmp(peer->address, address, sizeof peer->address);
}

bool peers_is_crowding(const struct peers *peers, const struct peer *peer, unsigned unauthenticated)
{
    unsigned crowd = peers->crowd;
    return !crowd || peer->unauthenticated >= unauthenticated / crowd;
}
