/* One transfer is a curl easy handle with its buffer. Handles go back to a free list, so that ten
 * thousand idle devices hold none. The write callback takes a piece only into an empty buffer and
 * pauses otherwise; read() empties it and lets the transfer go on. */
#include "ports/host/host_net.h"
#include "ports/host/host_redirect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "formats/checkin.h"
#include "formats/instruction.h"

#define CONNECT_TIMEOUT_S 10L
#define STALL_TIMEOUT_S 30L

struct transfer {
    CURL *easy;
    struct curl_slist *headers;
    struct transfer *next; /* in the pool's free list */
    struct host_net *net;  /* NULL while free */
    struct godwit_request request;
    char url[HOST_URL_SIZE]; /* of the present hop, or where it goes next */
    unsigned hops;           /* redirects followed */
    bool is_moving;          /* the reply is a redirect that is followed: nobody is shown it */
    size_t moving_size;      /* of its body */
    struct godwit_reply reply;
    bool is_paused, is_done;
    CURLcode result; /* once done */
    size_t size, taken;
    char error[CURL_ERROR_SIZE];
    uint8_t buffer[CURL_MAX_WRITE_SIZE];
};

struct host_net_pool {
    CURLM *multi;
    struct host_net_config config;
    struct transfer *free;
};

static void net_wake(const struct host_net *net)
{
    if (net->wake) net->wake(net->wake_ctx);
}

/* ── what comes in ─────────────────────────────────────────────────────────────────────────── */

static uint32_t clamp(uint64_t size)
{
    return size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
}

/* "bytes 4096-8191/70000"; leaves the reply alone when malformed. */
static void content_range_parse(const char *text, struct godwit_reply *reply)
{
    if (strncmp(text, "bytes ", 6)) return;
    char *end;
    uint64_t from = strtoull(text + 6, &end, 10);
    if (*end != '-') return;
    const char *slash = strchr(end, '/');
    if (!slash) return;
    reply->range_from = clamp(from);
    reply->range_total = slash[1] == '*' ? 0 : clamp(strtoull(slash + 1, NULL, 10));
}

static const char *header_value(const struct transfer *transfer, const char *name)
{
    struct curl_header *header;
    if (curl_easy_header(transfer->easy, name, 0, CURLH_HEADER, -1, &header)) return NULL;
    return header->value;
}

/* Whether the header is the tag in quotes: a weak one promises nothing about bytes. */
static bool is_tag(const char *header, const char *tag)
{
    size_t size = strlen(tag);
    return header[0] == '"' && !strncmp(header + 1, tag, size) && !strcmp(header + 1 + size, "\"");
}

/* Without parameters; "" where the header is not there. */
static void word_read(const struct transfer *transfer, const char *name,
                      char out[static GODWIT_REPLY_WORD_SIZE])
{
    const char *value = header_value(transfer, name);
    snprintf(out, GODWIT_REPLY_WORD_SIZE, "%.*s", value ? (int)strcspn(value, "; \t") : 0,
             value ? value : "");
}

static void head_read(struct transfer *transfer)
{
    struct godwit_reply *reply = &transfer->reply;
    long status = 0;
    curl_off_t length = -1, retry = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry);
    reply->status = (int)status;
    reply->content_length = length < 0 ? UINT32_MAX : clamp((uint64_t)length);
    reply->retry_after_s = retry < 0 ? 0 : clamp((uint64_t)retry);
    const char *applied = header_value(transfer, "Preference-Applied");
    if (applied && !strncmp(applied, "wait=", 5))
        reply->wait_s = clamp(strtoull(applied + 5, NULL, 10));
    const char *range = header_value(transfer, "Content-Range");
    if (status == 206 && range) content_range_parse(range, reply);
    const char *tag = header_value(transfer, "ETag"), *asked = transfer->request.if_range;
    reply->is_other = tag && asked && !is_tag(tag, asked);
    word_read(transfer, "Content-Type", reply->content_type);
    word_read(transfer, "Content-Encoding", reply->content_coding);
    if (!strcasecmp(reply->content_coding, "identity")) reply->content_coding[0] = '\0';
    const char *location = header_value(transfer, "Location");
    transfer->is_moving =
        !strcmp(transfer->request.method, "GET") &&
        host_redirect(transfer->url, reply->status, location, transfer->hops, transfer->url);
}

static size_t body_arrived(char *data, size_t one, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    size_t size = one * count;
    if (!transfer->reply.status) head_read(transfer);
    if (transfer->is_moving) /* a long close notify is cut short */
        return (transfer->moving_size += size) > sizeof transfer->buffer ? 0 : size;
    if (transfer->size > transfer->taken || size > sizeof transfer->buffer) {
        transfer->is_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    memcpy(transfer->buffer, data, size);
    transfer->size = size;
    transfer->taken = 0;
    if (transfer->net) net_wake(transfer->net);
    return size;
}

static void failure_note(struct host_net *net, const char *sentence)
{
    snprintf(net->failure, sizeof net->failure, "%s", sentence);
    net->failures++;
}

/* Whom it believes, and what to do about it, behind curl's own words. */
static void distrust_put(struct host_net *net, const char *fault)
{
    if (net->trust.ca_path)
        snprintf(net->failure, sizeof net->failure,
                 "%s; only the CA in %s is believed: give this server's with --ca (tls/ca.pem in "
                 "its data folder)",
                 fault, net->trust.ca_path);
    else
        snprintf(net->failure, sizeof net->failure,
                 "%s; only the CA named by the claim token, or by the server since, is believed: "
                 "is --server the right one, and the token from it?",
                 fault);
}

static void failure_put(struct host_net *net, const struct transfer *transfer)
{
    int status = transfer->reply.status;
    const char *fault = transfer->error[0] ? transfer->error : curl_easy_strerror(transfer->result);
    bool is_to_server = host_is_same_origin(transfer->url, net->pool->config.url);
    net->failure[0] = '\0';
    if (transfer->result == CURLE_PEER_FAILED_VERIFICATION && is_to_server)
        distrust_put(net, fault);
    else if (transfer->result)
        snprintf(net->failure, sizeof net->failure, "%s", fault);
    else if (status == 401)
        snprintf(net->failure, sizeof net->failure,
                 "401, the server knows neither this device nor the claim, or it is used up");
    else if (status >= 400)
        snprintf(net->failure, sizeof net->failure, "the server replied %d", status);
    *(net->failure[0] ? &net->failures : &net->replies) += 1;
}

/* A check-in's reply that does not say its length may have been cut anywhere: TLS's own close
 * notify is not asked for by libcurl. A download is measured and hashed, so it may. */
static bool is_unmeasured(const struct transfer *transfer)
{
    const char *coding = header_value(transfer, "Transfer-Encoding");
    return transfer->request.body && transfer->reply.content_length == UINT32_MAX &&
           !(coding && !strcmp(coding, "chunked"));
}

static void transfer_done(struct transfer *transfer, CURLcode result)
{
    if (!result && is_unmeasured(transfer)) result = CURLE_PARTIAL_FILE;
    transfer->is_done = true;
    transfer->result = result;
    struct host_net *net = transfer->net;
    if (!net) return;
    failure_put(net, transfer);
    net_wake(net);
}

/* ── the port ──────────────────────────────────────────────────────────────────────────────── */

/* libcurl's hook before each request, on new and on kept connections. */
static int is_connected(void *ctx, char *to, char *from, int to_port, int from_port)
{
    struct transfer *transfer = ctx;
    (void)to, (void)from, (void)to_port, (void)from_port;
    transfer->reply.by_next_ca = host_trust_is_by_next_ca(transfer->easy);
    return CURL_PREREQFUNC_OK;
}

/* A mirror is anybody: the system's CAs, or none at all. The digest protects the bytes. */
static bool mirror_trust_apply(CURL *easy)
{
    CURLcode bad = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    return !bad;
}

/* To the server only, as its token. */
static bool proof_apply(const struct host_net_config *config, CURL *easy)
{
    if (!config->certificate) return true;
    CURLcode bad = curl_easy_setopt(easy, CURLOPT_SSLCERT, config->certificate);
    bad |= curl_easy_setopt(easy, CURLOPT_SSLKEY, config->key);
    return !bad;
}

static bool transfer_setup(struct transfer *transfer, struct host_trust *trust)
{
    CURL *easy = transfer->easy;
    CURLcode bad = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_arrived);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, STALL_TIMEOUT_S);
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, is_connected);
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    return !bad && (trust ? !host_trust_apply(trust, easy) : mirror_trust_apply(easy));
}

static struct transfer *transfer_take(struct host_net_pool *pool)
{
    struct transfer *transfer = pool->free;
    if (transfer) {
        pool->free = transfer->next;
        curl_easy_reset(transfer->easy); /* keeps the TLS session */
    } else {
        transfer = calloc(1, sizeof *transfer);
        if (!transfer) return NULL;
        transfer->easy = curl_easy_init();
    }
    transfer->next = NULL;
    transfer->headers = NULL;
    transfer->hops = 0;
    return transfer;
}

static void transfer_give(struct host_net_pool *pool, struct transfer *transfer)
{
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    transfer->net = NULL;
    transfer->next = pool->free;
    pool->free = transfer;
}

static bool header_add(struct transfer *transfer, const char *start, const char *rest)
{
    char line[512];
    int size = snprintf(line, sizeof line, "%s%s", start, rest);
    if (size < 0 || (size_t)size >= sizeof line) return false;
    struct curl_slist *more = curl_slist_append(transfer->headers, line);
    if (more) transfer->headers = more;
    return more;
}

static bool tag_add(struct transfer *transfer, const char *tag)
{
    char quoted[80];
    int size = snprintf(quoted, sizeof quoted, "\"%s\"", tag);
    return size > 0 && (size_t)size < sizeof quoted && header_add(transfer, "If-Range: ", quoted);
}

/* A held reply is silent for as long as was asked for. */
static bool wait_add(struct transfer *transfer, uint32_t wait_s)
{
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%u", wait_s);
    long silent_s = (long)wait_s + STALL_TIMEOUT_S;
    return header_add(transfer, "Prefer: wait=", seconds) &&
           !curl_easy_setopt(transfer->easy, CURLOPT_LOW_SPEED_TIME, silent_s);
}

static bool request_fill(struct transfer *transfer, bool is_to_server)
{
    const struct godwit_request *request = &transfer->request;
    char range[32];
    CURL *easy = transfer->easy;
    CURLcode bad = curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
    bool is_good = true;
    if (request->bearer && is_to_server)
        is_good = header_add(transfer, "Authorization: Bearer ", request->bearer);
    if (request->use_range) {
        snprintf(range, sizeof range, "%u-", (unsigned)request->range_from);
        is_good = is_good && header_add(transfer, "Range: bytes=", range);
    }
    is_good = is_good && header_add(transfer, "Accept-Encoding: identity", "");
    if (request->wait_s) is_good = is_good && wait_add(transfer, request->wait_s);
    if (request->if_range) is_good = is_good && tag_add(transfer, request->if_range);
    if (request->body) {
        is_good = is_good && header_add(transfer, "Content-Type: application/json", "");
        bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
        bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    }
    bad |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    return is_good && !bad;
}

/* One hop: the first, or where a redirect leads. */
static bool transfer_begin(struct transfer *transfer)
{
    struct host_net *net = transfer->net;
    bool is_to_server = host_is_same_origin(transfer->url, net->pool->config.url);
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    memset(&transfer->reply, 0, sizeof transfer->reply);
    transfer->is_moving = transfer->is_paused = transfer->is_done = false;
    transfer->size = transfer->taken = transfer->moving_size = 0;
    transfer->error[0] = '\0';
    return transfer->easy && transfer_setup(transfer, is_to_server ? &net->trust : NULL) &&
           (!is_to_server || proof_apply(&net->pool->config, transfer->easy)) &&
           request_fill(transfer, is_to_server) &&
           !curl_multi_add_handle(net->pool->multi, transfer->easy);
}

static void transfer_move(struct transfer *transfer)
{
    curl_multi_remove_handle(transfer->net->pool->multi, transfer->easy);
    curl_easy_reset(transfer->easy);
    transfer->hops++;
    if (!transfer_begin(transfer)) transfer_done(transfer, CURLE_FAILED_INIT);
}

static void net_close(void *ctx)
{
    struct host_net *net = ctx;
    struct transfer *transfer = net->transfer;
    if (!transfer) return;
    if (!transfer->is_done && !transfer->reply.status) failure_note(net, "nothing came in time");
    net->transfer = NULL;
    curl_multi_remove_handle(net->pool->multi, transfer->easy);
    transfer_give(net->pool, transfer);
}

static godwit_err net_start(void *ctx, const struct godwit_request *request)
{
    struct host_net *net = ctx;
    net_close(net);
    struct transfer *transfer = transfer_take(net->pool);
    if (!transfer) return GODWIT_ERR_NET;
    transfer->net = net;
    transfer->request = *request;
    const char *base = request->base ? request->base : net->pool->config.url;
    int size = snprintf(transfer->url, sizeof transfer->url, "%s%s", base, request->path);
    if (size < 0 || (size_t)size >= sizeof transfer->url || !transfer_begin(transfer)) {
        transfer_give(net->pool, transfer);
        failure_note(net, "libcurl refused the request");
        return GODWIT_ERR_NET;
    }
    net->transfer = transfer;
    return GODWIT_OK;
}

/* The agent has no use for it and carries nothing of it; who runs the device compares it with the
 * server's log (godwit audit verify --witness). TLS alone says that it is the server's. */
static void take_witness(struct host_net *net, const struct transfer *transfer)
{
    struct godwit_checkin_reply reply;
    struct godwit_instruction instruction;
    bool is_reply =
        transfer->taken == 0 && !strcmp(transfer->request.method, "POST") &&
        !godwit_checkin_reply_decode((const char *)transfer->buffer, transfer->size, &reply) &&
        reply.has_instruction;
    if (is_reply && !godwit_instruction_decode(reply.instruction, &instruction))
        memcpy(net->witness, instruction.checkpoint, sizeof net->witness);
}

static godwit_err net_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                           struct godwit_reply *reply)
{
    struct host_net *net = ctx;
    struct transfer *transfer = net->transfer;
    *size_out = 0;
    if (!transfer) return GODWIT_ERR_NET;
    if (transfer->is_moving) return GODWIT_OK;
    *reply = transfer->reply;
    size_t size = transfer->size - transfer->taken;
    if (size) {
        take_witness(net, transfer);
        if (size > size_max) size = size_max;
        memcpy(data, transfer->buffer + transfer->taken, size);
        transfer->taken += size;
        *size_out = size;
        return GODWIT_OK;
    }
    if (transfer->is_done) return transfer->result ? GODWIT_ERR_NET : GODWIT_ERR_END;
    if (transfer->is_paused) {
        transfer->is_paused = false;
        curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
    }
    return GODWIT_OK;
}

static void net_trust(void *ctx, const uint8_t ca_sha256[2][32])
{
    struct host_net *net = ctx;
    net->trust = net->pool->config.trust;
    host_trust_change(&net->trust, ca_sha256);
}

void host_net_init(struct host_net *net, struct host_net_pool *pool)
{
    memset(net, 0, sizeof *net);
    net->pool = pool;
    net->port = (struct godwit_net){net, net_start, net_read, net_close, net_trust};
    if (pool) net->trust = pool->config.trust; /* a test may have none */
}

/* ── the pool ──────────────────────────────────────────────────────────────────────────────── */

struct host_net_pool *host_net_pool_open(const struct host_net_config *config)
{
    struct host_net_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->config = *config;
    pool->multi = curl_multi_init();
    long connections = config->connections_max ? (long)config->connections_max : 1;
    if (!pool->multi ||
        curl_multi_setopt(pool->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections) ||
        curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, connections)) {
        host_net_pool_close(pool);
        return NULL;
    }
    return pool;
}

void host_net_pool_close(struct host_net_pool *pool)
{
    if (!pool) return;
    while (pool->free) {
        struct transfer *transfer = pool->free;
        pool->free = transfer->next;
        curl_easy_cleanup(transfer->easy);
        free(transfer);
    }
    if (pool->multi) curl_multi_cleanup(pool->multi);
    free(pool);
}

void host_net_pool_run(struct host_net_pool *pool, int wait_ms)
{
    int running, left;
    if (wait_ms > 0) curl_multi_poll(pool->multi, NULL, 0, wait_ms, NULL);
    curl_multi_perform(pool->multi, &running);
    for (CURLMsg *msg; (msg = curl_multi_info_read(pool->multi, &left));) {
        struct transfer *transfer;
        if (msg->msg != CURLMSG_DONE) continue;
        CURLcode result = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        if (!result && !transfer->reply.status) head_read(transfer);
        if (transfer->is_moving && transfer->net)
            transfer_move(transfer);
        else
            transfer_done(transfer, result);
    }
}
