/* Three defences against another site's page that lets a browser speak for its user: the cookie is
 * SameSite=Lax, the browser says where a request comes from (Sec-Fetch-Site, or Origin in older
 * ones), and what changes something carries a header whose value only the service's pages know. */
#include "server/session.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "server/problem.h"
#include "server/secret.h"

void session_csrf(const char *token, char out[static 65])
{
    char text[160];
    uint8_t digest[32];
    snprintf(text, sizeof text, "godwit-csrf:%s", token);
    secret_sha256(text, strlen(text), digest);
    godwit_hex_encode(digest, sizeof digest, out);
}

const char *session_cookie_named(struct http_request *request, const char *name)
{
    size_t name_size = strlen(name);
    const char *at = http_header(request, "Cookie");
    while (at && strncmp(at, name, name_size) != 0) {
        at = strchr(at, ';');
        if (at) at += 1 + strspn(at + 1, " ");
    }
    if (!at) return NULL;
    at += name_size;
    size_t size = strcspn(at, "; ");
    char *token = size && size < 100 ? arena_zalloc(request->arena, size + 1) : NULL;
    if (token) memcpy(token, at, size);
    return token;
}

const char *session_cookie(struct http_request *request)
{
    return session_cookie_named(request, SESSION_COOKIE "=");
}

/* By Sec-Fetch-Site, which no page can forge; else by Origin, whose host must be the request's. */
static bool is_same_origin(const struct http_request *request, bool is_write)
{
    const char *site = http_header(request, "Sec-Fetch-Site");
    if (site) return !strcmp(site, "same-origin") || (!is_write && !strcmp(site, "none"));
    const char *origin = http_header(request, "Origin"), *host = http_header(request, "Host");
    if (!origin) return !is_write;
    const char *name = strstr(origin, "://");
    return name && host && !strcasecmp(name + 3, host);
}

static bool has_header(const struct http_request *request, const char *token)
{
    char right[65];
    const char *given = http_header(request, SESSION_CSRF_HEADER);
    unsigned char difference = 0;
    session_csrf(token, right);
    if (!given || strlen(given) != 64) return false;
    for (size_t i = 0; i < 64; i++)
        difference |= (unsigned char)(given[i] ^ right[i]);
    return difference == 0;
}

bool session_is_own_site(struct http_request *request, const char *token)
{
    bool is_write = request->method != HTTP_METHOD_GET && request->method != HTTP_METHOD_HEAD;
    if (is_same_origin(request, is_write) && (!is_write || has_header(request, token))) return true;
    problem(request, 403, "cross-site",
            "a request by cookie must come from the service's own pages and carry the header "
            "X-Godwit-CSRF; programs use an API token instead",
            NULL);
    return false;
}
