/* Who is behind a proxy: the last address that it wrote, for those before it anybody may have
 * written. Some proxies write X-Forwarded-For, some Forwarded (RFC 7239), and either hands the
 * other one on as it came; so where both are there and differ, none is believed. */
#include <strings.h>

#include "http/forwarded.h"

/* The last header of this name: a proxy adds its own behind those that came. */
static const char *last_header(const struct http_request *request, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < request->headers_count; i++)
        if (!strcasecmp(request->headers[i].name, name)) value = request->headers[i].value;
    return value;
}

/* The last element of a list; commas inside quotes do not matter here, for no address has any. */
static const char *last_element(const char *list)
{
    const char *comma = strrchr(list, ',');
    return comma ? comma + 1 : list;
}

/* What follows "for=" in an element of Forwarded; NULL without one. */
static const char *for_value(const char *element)
{
    while (*element) {
        element += strspn(element, " \t;");
        if (!strncasecmp(element, "for=", 4)) return element + 4;
        element += strcspn(element, ";");
    }
    return NULL;
}

/* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80", "2001:db8::1", each with or without quotes. */
static bool address_read(const char *text, struct sockaddr_storage *address_out)
{
    char plain[ADDRESS_SIZE];
    text += strspn(text, " \t\"");
    bool in_brackets = *text == '[';
    if (in_brackets) text++;
    size_t size = strcspn(text, in_brackets ? "]" : " \t\";,");
    const char *colon = memchr(text, ':', size);
    if (colon && !in_brackets && !memchr(colon + 1, ':', size - (size_t)(colon + 1 - text)))
        size = (size_t)(colon - text); /* one colon: a port */
    if (size >= sizeof plain) return false;
    memcpy(plain, text, size);
    plain[size] = '\0';
    return !uv_ip4_addr(plain, 0, (struct sockaddr_in *)address_out) ||
           !uv_ip6_addr(plain, 0, (struct sockaddr_in6 *)address_out);
}

bool forwarded_find(const struct http_request *request, char text_out[static ADDRESS_SIZE],
                    uint8_t key_out[static 16])
{
    struct sockaddr_storage by_list = {0}, by_rfc = {0};
    const char *list = last_header(request, "X-Forwarded-For");
    const char *rfc = last_header(request, "Forwarded");
    if (!list && !rfc) return false;
    if (list && !address_read(last_element(list), &by_list)) return false;
    if (rfc && !(rfc = for_value(last_element(rfc)))) return false;
    if (rfc && !address_read(rfc, &by_rfc)) return false;
    if (list && rfc && memcmp(&by_list, &by_rfc, sizeof by_list) != 0) return false;
    const struct sockaddr_storage *found = list ? &by_list : &by_rfc;
    if (found->ss_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)found, text_out, ADDRESS_SIZE);
    else
        uv_ip4_name((const struct sockaddr_in *)found, text_out, ADDRESS_SIZE);
    peers_key((const struct sockaddr *)found, key_out);
    return true;
}

void forwarded_take(struct exchange *exchange)
{
    char text[ADDRESS_SIZE] = "";
    uint8_t key[16];
    if (!forwarded_find(&exchange->request, text, key)) return;
    memcpy(exchange->peer, text, sizeof exchange->peer);
    memcpy(exchange->network, key, sizeof exchange->network);
}

bool forwarded_is_proxy(const struct http_options *options, const char *peer)
{
    static const char mapped[] = "::ffff:";
    if (!options->trusted_proxy) return false;
    if (!strncasecmp(peer, mapped, sizeof mapped - 1)) peer += sizeof mapped - 1;
    return !strcmp(peer, options->trusted_proxy);
}
