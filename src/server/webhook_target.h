/* Where a webhook may go. An operator names a URL, and the server must not be made a way into the
 * network that it stands in: only https, only ports of the web, no credentials, and no address that
 * is not one of the public internet, whatever form or name it has. A name is looked up once, and
 * the connection goes to the very address that was checked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define WEBHOOK_URL_MAX 500
#define WEBHOOK_HOST_MAX 256

#define WEBHOOK_FAULTS(X)                                                                          \
    X(NONE, "", "")                                                                                \
    X(URL, "bad-url", "this is no URL; give https://HOST/PATH")                                    \
    X(SCHEME, "not-https", "a webhook goes over https alone")                                      \
    X(CREDENTIALS, "has-credentials",                                                              \
      "a URL with a user or password in it is refused; the signature shows who sends")             \
    X(PORT, "bad-port", "a webhook goes to port 443, 4443, 8443 or 9443")                          \
    X(ADDRESS, "not-public",                                                                       \
      "the host is, or its name leads to, an address that is not public; that could be a machine " \
      "beside this server")                                                                        \
    X(NAME, "no-such-host", "the host's name is not known; look for a slip, or at the server's DNS")

#define WEBHOOK_FAULT_ENUM(name, id, sentence) WEBHOOK_FAULT_##name,
enum webhook_fault { WEBHOOK_FAULTS(WEBHOOK_FAULT_ENUM) WEBHOOK_FAULTS_COUNT };
#undef WEBHOOK_FAULT_ENUM

const char *webhook_fault_id(enum webhook_fault fault);
const char *webhook_fault_sentence(enum webhook_fault fault);

struct webhook_target {
    char host[WEBHOOK_HOST_MAX]; /* as the connection names it; IPv6 with its brackets */
    uint16_t port;
};

/* may_loopback: for tests, with http and any port too, to this machine alone. */
enum webhook_fault webhook_target_parse(const char *text, bool may_loopback,
                                        struct webhook_target *out);
/* Whether an address is one of the public internet; with may_loopback whether it is this machine.
 */
bool webhook_address_is_allowed(const struct sockaddr *address, bool may_loopback);

/* getaddrinfo, or what a test puts in its place: the addresses of a host, at most count_max; 0:
 * unknown. */
typedef size_t webhook_resolver(const char *host, struct sockaddr_storage *out, size_t count_max);
size_t webhook_resolve(const char *host, struct sockaddr_storage *out, size_t count_max);

/* Looks the host up; one address that is not allowed refuses them all. */
enum webhook_fault webhook_target_find(const struct webhook_target *target, bool may_loopback,
                                       webhook_resolver *resolve, struct sockaddr_storage *out);
