/* libcurl could follow by itself, but would then choose the trust and the headers of each hop by
 * its own rules and not by ours. Its parser of addresses is used, so that what is judged here is
 * what is connected to there. */
#include "ports/host/host_redirect.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "godwit_port.h"

static bool is_same_part(CURLU *one, CURLU *other, CURLUPart part)
{
    char *a = NULL, *b = NULL;
    bool is_same = !curl_url_get(one, part, &a, CURLU_DEFAULT_PORT) &&
                   !curl_url_get(other, part, &b, CURLU_DEFAULT_PORT) && !strcasecmp(a, b);
    curl_free(a);
    curl_free(b);
    return is_same;
}

bool host_is_same_origin(const char *one, const char *other)
{
    CURLU *a = curl_url(), *b = curl_url();
    bool is_same = a && b && !curl_url_set(a, CURLUPART_URL, one, 0) &&
                   !curl_url_set(b, CURLUPART_URL, other, 0) &&
                   is_same_part(a, b, CURLUPART_SCHEME) && is_same_part(a, b, CURLUPART_HOST) &&
                   is_same_part(a, b, CURLUPART_PORT);
    curl_url_cleanup(a);
    curl_url_cleanup(b);
    return is_same;
}

static bool is_scheme(CURLU *url, const char *name)
{
    char *scheme = NULL;
    bool is = !curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) && !strcmp(scheme, name);
    curl_free(scheme);
    return is;
}

static bool has_user(CURLU *url)
{
    char *user = NULL;
    bool has = !curl_url_get(url, CURLUPART_USER, &user, 0);
    curl_free(user);
    return has;
}

static bool copy(CURLU *url, char *to)
{
    char *text = NULL;
    if (curl_url_get(url, CURLUPART_URL, &text, 0)) return false;
    size_t size = strlen(text) + 1;
    if (size <= HOST_URL_SIZE) memcpy(to, text, size);
    curl_free(text);
    return size <= HOST_URL_SIZE;
}

/* url is where it came from; becomes where it goes. */
static bool move(CURLU *url, const char *location)
{
    bool was_safe = is_scheme(url, "https");
    if (curl_url_set(url, CURLUPART_URL, location, 0)) return false;
    if (curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) || has_user(url)) return false;
    return is_scheme(url, "https") || (!was_safe && is_scheme(url, "http"));
}

bool host_redirect(const char *from, int status, const char *location, unsigned hops, char *to)
{
    bool asks = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (!asks || hops >= GODWIT_REDIRECTS_MAX || !location || !*location) return false;
    CURLU *url = curl_url();
    bool goes =
        url && !curl_url_set(url, CURLUPART_URL, from, 0) && move(url, location) && copy(url, to);
    curl_url_cleanup(url);
    return goes;
}
