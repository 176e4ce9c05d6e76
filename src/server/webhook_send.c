/* Three guards stand between a name and a machine that it must not reach: the addresses are checked
 * when the name is looked up, the connection is pinned to one of them, and the address of each
 * socket is checked once more as it is opened, whatever libcurl came by it. No proxy of the
 * environment is asked, for it would look the name up itself. */
#include "server/webhook_send.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define CONNECT_MS 5000

void webhook_signature(const uint8_t secret[static WEBHOOK_SECRET_SIZE], int64_t now_s,
                       const char *body, char out[static 68])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = sizeof digest;
    size_t room = strlen(body) + 32;
    char *text = malloc(room);
    if (!text) abort();
    int used = snprintf(text, room, "%lld.%s", (long long)now_s, body);
    if (!HMAC(EVP_sha256(), secret, WEBHOOK_SECRET_SIZE, (const uint8_t *)text, (size_t)used,
              digest, &size))
        abort();
    free(text);
    memcpy(out, "v1=", 3);
    godwit_hex_encode(digest, 32, out + 3);
}

/* ---- libcurl's calls ---- */

struct transfer {
    const struct webhook_delivery *delivery;
    size_t answered;
    bool is_blocked;
};

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = ctx;
    (void)purpose;
    if (!webhook_address_is_allowed(&address->addr, transfer->delivery->may_loopback)) {
        transfer->is_blocked = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The answer's words are of no use; one that is long ends the transfer. */
static size_t take_answer(char *data, size_t one, size_t size, void *ctx)
{
    struct transfer *transfer = ctx;
    (void)data;
    (void)one;
    transfer->answered += size;
    return transfer->answered > WEBHOOK_ANSWER_MAX ? 0 : size;
}

static int look_up_from_work(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct transfer *transfer = ctx;
    (void)a, (void)b, (void)c, (void)d;
    return transfer->delivery->is_ending && atomic_load(transfer->delivery->is_ending);
}

static struct curl_slist *pin(const struct webhook_target *target,
                              const struct sockaddr_storage *address)
{
    char text[INET6_ADDRSTRLEN] = "", line[WEBHOOK_HOST_MAX + INET6_ADDRSTRLEN + 16];
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    bool is_v4 = address->ss_family == AF_INET;
    inet_ntop(address->ss_family, is_v4 ? (const void *)&v4->sin_addr : &v6->sin6_addr, text,
              sizeof text);
    snprintf(line, sizeof line, "%s:%u:%s%s%s", target->host, target->port, is_v4 ? "" : "[", text,
             is_v4 ? "" : "]");
    return curl_slist_append(NULL, line);
}

static struct curl_slist *make_headers(const struct webhook_delivery *delivery)
{
    char line[200], signature[68], former[68] = "";
    bool is_former = delivery->former_secret;
    webhook_signature(delivery->secret, delivery->now_s, delivery->body, signature);
    if (is_former)
        webhook_signature(delivery->former_secret, delivery->now_s, delivery->body, former);
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    snprintf(line, sizeof line, "Godwit-Timestamp: %lld", (long long)delivery->now_s);
    headers = curl_slist_append(headers, line);
    snprintf(line, sizeof line, "Godwit-Signature: %s%s%s", signature, is_former ? ", " : "",
             former);
    headers = curl_slist_append(headers, line);
    snprintf(line, sizeof line, "Godwit-Event: %.60s", delivery->event);
    headers = curl_slist_append(headers, line);
    snprintf(line, sizeof line, "Godwit-Delivery: %.60s", delivery->id);
    return curl_slist_append(headers, line);
}

static void set_up(CURL *curl, const struct webhook_delivery *delivery, struct transfer *transfer,
                   struct curl_slist *headers, struct curl_slist *pinned)
{
    curl_easy_setopt(curl, CURLOPT_URL, delivery->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, delivery->may_loopback ? "https,http" : "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "godwit-webhook");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)WEBHOOK_HOLD_MS);
    curl_easy_setopt(curl, CURLOPT_RESOLVE, pinned);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_up_from_work);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, delivery->body);
}

static void judge(CURLcode code, long status, const struct transfer *transfer,
                  struct webhook_outcome *out)
{
    bool is_long = code == CURLE_WRITE_ERROR && transfer->answered > WEBHOOK_ANSWER_MAX;
    out->status = (int)status;
    out->is_delivered = (code == CURLE_OK || is_long) && status >= 200 && status < 300;
    if (out->is_delivered) return;
    if (transfer->is_blocked)
        snprintf(out->note, sizeof out->note, "%s", webhook_fault_id(WEBHOOK_FAULT_ADDRESS));
    else if (code != CURLE_OK && !is_long)
        snprintf(out->note, sizeof out->note, "%s", curl_easy_strerror(code));
    else if (status >= 300 && status < 400)
        snprintf(out->note, sizeof out->note, "answered %ld; redirects are not followed", status);
    else
        snprintf(out->note, sizeof out->note, "answered %ld", status);
}

static void post(const struct webhook_delivery *delivery, const struct webhook_target *target,
                 const struct sockaddr_storage *address, struct webhook_outcome *out)
{
    struct transfer transfer = {.delivery = delivery};
    long status = 0;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = make_headers(delivery), *pinned = pin(target, address);
    if (!curl || !headers || !pinned) abort();
    set_up(curl, delivery, &transfer, headers, pinned);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    judge(code, status, &transfer, out);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    curl_slist_free_all(pinned);
}

void webhook_send(const struct webhook_delivery *delivery, struct webhook_outcome *out)
{
    struct webhook_target target;
    struct sockaddr_storage address;
    *out = (struct webhook_outcome){0};
    enum webhook_fault fault = webhook_target_parse(delivery->url, delivery->may_loopback, &target);
    out->is_final = fault != WEBHOOK_FAULT_NONE;
    if (!fault)
        fault = webhook_target_find(&target, delivery->may_loopback, delivery->resolve, &address);
    if (fault)
        snprintf(out->note, sizeof out->note, "%s", webhook_fault_id(fault));
    else
        post(delivery, &target, &address, out);
}
