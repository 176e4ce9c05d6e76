/* A service that listens on one address is reached at no other, so the others are not told to
 * whoever looks at its certificate. Link-local IPv6 addresses are of use with an interface only,
 * which no certificate can carry. */
#include "server/certificate_names.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

#define ADDRESSES_MAX 32

static const char DNS_LETTERS[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

bool is_any_address(const char *address)
{
    return !strcmp(address, "0.0.0.0") || !strcmp(address, "::");
}

static void add(char *out, const char *name)
{
    size_t used = strlen(out);
    if (!*name || used + strlen(name) + 2 > CERTIFICATE_NAMES_MAX) return;
    snprintf(out + used, CERTIFICATE_NAMES_MAX - used, "%s%s", used ? "," : "", name);
}

static void add_host(char *out)
{
    char name[256] = "";
    if (gethostname(name, sizeof name - 1)) return;
    size_t size = strlen(name);
    if (size > 63 || strspn(name, DNS_LETTERS) != size || name[0] == '-' || name[0] == '.') return;
    add(out, name);
}

static bool address_text(const struct sockaddr *address, char text[static INET6_ADDRSTRLEN])
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        return inet_ntop(AF_INET, &v4->sin_addr, text, INET6_ADDRSTRLEN);
    }
    if (address->sa_family != AF_INET6) return false;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) return false;
    return inet_ntop(AF_INET6, &v6->sin6_addr, text, INET6_ADDRSTRLEN);
}

static void add_machine(char *out)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all)) return;
    int count = 0;
    for (const struct ifaddrs *one = all; one && count < ADDRESSES_MAX; one = one->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        bool counts = one->ifa_addr && one->ifa_flags & IFF_UP && !(one->ifa_flags & IFF_LOOPBACK);
        if (!counts || !address_text(one->ifa_addr, text)) continue;
        add(out, text);
        count++;
    }
    freeifaddrs(all);
}

void certificate_names(const char *listen, const char *given, bool must,
                       char out[static CERTIFICATE_NAMES_MAX])
{
    bool is_any = is_any_address(listen);
    *out = 0;
    if (given) add(out, given);
    if (!is_any) add(out, listen);
    if (must) return;
    add_host(out);
    if (is_any) add_machine(out);
}
