/* The URL is taken apart by libcurl, which also makes the connection: two parsers that disagree are
 * the classic way in. Of IPv6 only what is given out as global unicast is allowed, less what leads
 * elsewhere from there; of IPv4 all but the registry of special addresses (RFC 6890). */
#include "server/webhook_target.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES_MAX 16

static const struct {
    const char *id, *sentence;
} FAULTS[] = {
#define WEBHOOK_FAULT_ROW(name, id, sentence) {id, sentence},
    WEBHOOK_FAULTS(WEBHOOK_FAULT_ROW)
#undef WEBHOOK_FAULT_ROW
};

const char *webhook_fault_id(enum webhook_fault fault)
{
    return FAULTS[fault].id;
}

const char *webhook_fault_sentence(enum webhook_fault fault)
{
    return FAULTS[fault].sentence;
}

/* Without the brackets of IPv6. */
static void bare_host(const char *host, char out[static WEBHOOK_HOST_MAX])
{
    snprintf(out, WEBHOOK_HOST_MAX, "%s", *host == '[' ? host + 1 : host);
    out[strcspn(out, "]")] = 0;
}

/* ---- the URL ---- */

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool is_there = !curl_url_get(url, part, &text, 0);
    curl_free(text);
    return is_there;
}

static bool copy_part(CURLU *url, CURLUPart part, unsigned flags, char *out, size_t size_max)
{
    char *text = NULL;
    bool is_there = !curl_url_get(url, part, &text, flags) && strlen(text) < size_max;
    if (is_there) memcpy(out, text, strlen(text) + 1);
    curl_free(text);
    return is_there;
}

static bool is_web_port(unsigned long port)
{
    return port == 443 || port == 4443 || port == 8443 || port == 9443;
}

static enum webhook_fault take_apart(CURLU *url, bool may_loopback, struct webhook_target *out)
{
    char scheme[8] = "", port[8] = "";
    if (!copy_part(url, CURLUPART_SCHEME, 0, scheme, sizeof scheme)) return WEBHOOK_FAULT_SCHEME;
    if (strcmp(scheme, "https") && !(may_loopback && !strcmp(scheme, "http")))
        return WEBHOOK_FAULT_SCHEME;
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        return WEBHOOK_FAULT_CREDENTIALS;
    if (!copy_part(url, CURLUPART_HOST, 0, out->host, sizeof out->host) ||
        !copy_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof port))
        return WEBHOOK_FAULT_URL;
    unsigned long number = strtoul(port, NULL, 10);
    out->port = (uint16_t)number;
    if (has_part(url, CURLUPART_ZONEID)) return WEBHOOK_FAULT_ADDRESS;
    return may_loopback || is_web_port(number) ? WEBHOOK_FAULT_NONE : WEBHOOK_FAULT_PORT;
}

/* An address that stands there as such is judged at once; a name is only at each delivery, for this
 * is called where nobody may wait for a resolver. */
static bool is_other_address(const char *host, bool may_loopback)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    char bare[WEBHOOK_HOST_MAX];
    bare_host(host, bare);
    if (getaddrinfo(bare, NULL, &hints, &found)) return false;
    bool is_other = !webhook_address_is_allowed(found->ai_addr, may_loopback);
    freeaddrinfo(found);
    return is_other;
}

enum webhook_fault webhook_target_parse(const char *text, bool may_loopback,
                                        struct webhook_target *out)
{
    *out = (struct webhook_target){0};
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at > '~' || *at == '\\') return WEBHOOK_FAULT_URL;
    if (strlen(text) > WEBHOOK_URL_MAX) return WEBHOOK_FAULT_URL;
    CURLU *url = curl_url();
    if (!url) abort();
    enum webhook_fault fault = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME)
                                   ? WEBHOOK_FAULT_URL
                                   : take_apart(url, may_loopback, out);
    curl_url_cleanup(url);
    if (!fault && is_other_address(out->host, may_loopback)) fault = WEBHOOK_FAULT_ADDRESS;
    return fault;
}

/* ---- addresses ---- */

struct range {
    uint8_t prefix[16];
    unsigned bits;
};

static const struct range V4_SPECIAL[] = {
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10},
    {{127}, 8},
    {{169, 254}, 16},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 88, 99}, 24},
    {{192, 168}, 16},
    {{198, 18}, 15},
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    {{224}, 4},
    {{240}, 4},
};
static const struct range V6_GLOBAL = {{0x20}, 3};
static const struct range V6_SPECIAL[] = {
    {{0x20, 0x01}, 23},             /* protocols, Teredo among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4: an IPv4 address inside */
    {{0x3f, 0xff}, 20},             /* documentation */
};

static bool is_in(const uint8_t *address, const struct range *range)
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return !memcmp(address, range->prefix, whole) &&
           (!rest || !((address[whole] ^ range->prefix[whole]) & mask));
}

static bool is_in_any(const uint8_t *address, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_in(address, &ranges[i])) return true;
    return false;
}

bool webhook_address_is_allowed(const struct sockaddr *address, bool may_loopback)
{
    static const struct in6_addr LOOPBACK = IN6ADDR_LOOPBACK_INIT;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        const uint8_t *bytes = (const uint8_t *)&v4.sin_addr;
        if (may_loopback) return bytes[0] == 127;
        return !is_in_any(bytes, V4_SPECIAL, sizeof V4_SPECIAL / sizeof *V4_SPECIAL);
    }
    if (address->sa_family != AF_INET6) return false;
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    if (may_loopback) return !memcmp(&v6.sin6_addr, &LOOPBACK, sizeof LOOPBACK);
    const uint8_t *bytes = v6.sin6_addr.s6_addr;
    return is_in(bytes, &V6_GLOBAL) &&
           !is_in_any(bytes, V6_SPECIAL, sizeof V6_SPECIAL / sizeof *V6_SPECIAL);
}

/* ---- names ---- */

size_t webhook_resolve(const char *host, struct sockaddr_storage *out, size_t count_max)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char bare[WEBHOOK_HOST_MAX];
    size_t count = 0;
    bare_host(host, bare);
    if (getaddrinfo(bare, NULL, &hints, &found)) return 0;
    for (const struct addrinfo *at = found; at && count < count_max; at = at->ai_next)
        if (at->ai_addrlen <= sizeof *out) memcpy(&out[count++], at->ai_addr, at->ai_addrlen);
    freeaddrinfo(found);
    return count;
}

enum webhook_fault webhook_target_find(const struct webhook_target *target, bool may_loopback,
                                       webhook_resolver *resolve, struct sockaddr_storage *out)
{
    struct sockaddr_storage found[ADDRESSES_MAX];
    memset(found, 0, sizeof found);
    size_t count = resolve(target->host, found, ADDRESSES_MAX);
    if (count == 0) return WEBHOOK_FAULT_NAME;
    for (size_t i = 0; i < count; i++)
        if (!webhook_address_is_allowed((const struct sockaddr *)&found[i], may_loopback))
            return WEBHOOK_FAULT_ADDRESS;
    *out = found[0];
    return WEBHOOK_FAULT_NONE;
}
