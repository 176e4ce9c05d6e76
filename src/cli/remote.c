/* Transport only: one request over libcurl, and every way it can go wrong as one sentence.
 * Where the server is and whom to trust: remote_find.c. */
#include <curl/curl.h>
#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/exchange.h"
#include "cli/table.h"

#define PATH_ROOM 5000 /* a filter and the place of a page */
#define REPLY_SIZE_MAX (64u << 20)
#define CONNECT_TIMEOUT_S 10L
#define STALL_TIMEOUT_S 60L
#define PROGRESS_AFTER_MS 2000

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t reply_arrived(char *data, size_t one, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    size_t size = one * count, had = exchange->reply.size;
    long status = 0;
    if (exchange->stream) curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) {
        exchange->stream->take(exchange->stream, data, size);
        return size;
    }
    if (size > REPLY_SIZE_MAX - had) return 0;
    char *grown = realloc(exchange->reply.data, had + size + 1);
    if (!grown) return 0;
    memcpy(grown + had, data, size);
    exchange->reply.data = grown;
    exchange->reply.size += size;
    grown[had + size] = '\0';
    return size;
}

/* The ETag of the reply; one that is longer than ours are is none. */
static size_t header_arrived(char *line, size_t one, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    size_t size = one * count, skip = strlen("etag:");
    if (size < skip || strncasecmp(line, "etag:", skip) != 0) return size;
    while (skip < size && line[skip] == ' ')
        skip++;
    size_t end = size;
    while (end > skip && strchr("\r\n ", line[end - 1]))
        end--;
    bool fits = end - skip < ETAG_SIZE;
    snprintf(exchange->etag, ETAG_SIZE, "%.*s", fits ? (int)(end - skip) : 0, line + skip);
    return size;
}

/* Called with each piece of a stream and about once a second. */
static int stream_looked_at(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t total,
                            curl_off_t sent)
{
    (void)down_total, (void)down, (void)total, (void)sent;
    struct exchange *exchange = ctx;
    return !exchange->stream->look(exchange->stream);
}

static int progress_shown(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t total,
                          curl_off_t sent)
{
    (void)down_total, (void)down;
    struct exchange *exchange = ctx;
    total += exchange->file_from;
    sent += exchange->file_from;
    if (total <= 0 || now_ms() - exchange->begun_ms < PROGRESS_AFTER_MS) return 0;
    int percent = (int)(sent * 100 / total);
    if (percent == exchange->shown_percent) return 0;
    exchange->shown_percent = percent;
    char bar[31];
    for (int i = 0; i < 30; i++)
        bar[i] = i < percent * 30 / 100 ? '#' : '.';
    bar[30] = '\0';
    fprintf(stderr, "\r  %s %3d %% of %ld KiB", bar, percent, (long)(total / 1024));
    fflush(stderr);
    return 0;
}

/* ── what can go wrong, in words ───────────────────────────────────────────────────────────── */

void complain_ca(const char *file)
{
    fprintf(stderr,
            "godwit: the CA file %s holds no certificate in PEM form; give the server's tls/ca.pem "
            "with --ca FILE\n",
            file);
}

static const char *host_of(const struct remote *remote, char out[static 256])
{
    const char *host = strstr(remote->url, "://");
    host = host ? host + 3 : remote->url;
    size_t size = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    snprintf(out, 256, "%.*s", (int)size, host);
    return out;
}

/* The alternative names of the certificate that was shown, as OpenSSL writes them. */
static void names_of(CURL *easy, char *out, size_t size_max)
{
    static const char LABEL[] = "X509v3 Subject Alternative Name:";
    struct curl_certinfo *info = NULL;
    snprintf(out, size_max, "no name at all");
    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) || !info) return;
    if (info->num_of_certs < 1) return;
    for (struct curl_slist *line = info->certinfo[0]; line; line = line->next)
        if (!strncmp(line->data, LABEL, sizeof LABEL - 1)) {
            char *shown = shown_text(line->data + sizeof LABEL - 1);
            snprintf(out, size_max, "%s", shown);
            free(shown);
        }
}

/* Which of a certificate's faults it is: each has a cure of its own. */
static void complain_certificate(const struct remote *remote, CURL *easy, const char *error)
{
    long fault = X509_V_OK;
    char host[256], names[512];
    host_of(remote, host);
    curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &fault);
    switch (fault) {
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED: /* what libcurl leaves where OpenSSL was content: no name fits */
        names_of(easy, names, sizeof names);
        fprintf(stderr,
                "godwit: the certificate of %s is for %s, and not for %s; use one of those names, "
                "or start it with `godwit serve --name %s`\n",
                remote->url, names, host, host);
        return;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        fprintf(stderr,
                "godwit: the certificate of %s is over by this computer's clock; set the clock, or "
                "renew the file of --tls-cert there (`godwit serve` renews its own)\n",
                remote->url);
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        fprintf(stderr,
                "godwit: the certificate of %s begins later than this computer's clock says; set "
                "the clock\n",
                remote->url);
        return;
    default:
        fprintf(stderr,
                "godwit: %s does not prove to be the trusted server (%s); "
                "give its own CA with --ca FILE\n",
                remote->url, error);
    }
}

static void complain_transport(const struct remote *remote, CURL *easy, CURLcode code,
                               const char *error)
{
    if (!error[0]) error = curl_easy_strerror(code);
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        fprintf(stderr, "godwit: nothing answers at %s; is `godwit serve` running there?\n",
                remote->url);
        return;
    case CURLE_COULDNT_RESOLVE_HOST:
        fprintf(stderr, "godwit: no computer has the name in %s; check the address\n", remote->url);
        return;
    case CURLE_PEER_FAILED_VERIFICATION:
        complain_certificate(remote, easy, error);
        return;
    case CURLE_SSL_CACERT_BADFILE:
        complain_ca(remote->ca_file);
        return;
    case CURLE_OPERATION_TIMEDOUT:
        fprintf(stderr, "godwit: %s took too long to answer; try again\n", remote->url);
        return;
    default:
        fprintf(stderr, "godwit: talking to %s failed: %s\n", remote->url, error);
    }
}

/* Every text of a reply, in its place. */
static void texts_make_shown(json_t *json)
{
    size_t index;
    json_t *member;
    const char *name;
    if (json_is_string(json)) {
        char *shown = shown_text(json_string_value(json));
        json_string_set_nocheck(json, shown);
        free(shown);
    }
    json_array_foreach(json, index, member) texts_make_shown(member);
    if (json_is_object(json)) json_object_foreach(json, name, member) texts_make_shown(member);
}

static json_t *problem_of(const struct exchange *exchange)
{
    return exchange->reply.data ? json_loadb(exchange->reply.data, exchange->reply.size, 0, NULL)
                                : NULL;
}

static void complain_status(const struct remote *remote, const struct exchange *exchange)
{
    json_t *problem = problem_of(exchange);
    texts_make_shown(problem);
    const char *detail = json_text(problem, "detail");
    if (!detail[0]) detail = json_text(problem, "title");
    if (exchange->status == 401 && !strcmp(json_text(problem, "type"), "unauthorized"))
        fprintf(stderr, "godwit: %s does not know this session; log in with `godwit login %s`\n",
                remote->url, remote->url);
    else if (detail[0])
        fprintf(stderr, "godwit: %s\n", detail);
    else
        fprintf(stderr, "godwit: %s answered %s with status %ld\n", remote->url, exchange->path,
                exchange->status);
    json_decref(problem);
}

/* ── one exchange ──────────────────────────────────────────────────────────────────────────── */

static CURLcode body_set(CURL *easy, struct exchange *exchange)
{
    CURLcode bad = CURLE_OK;
    if (exchange->stream) {
        bad |= curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
        bad |= curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, stream_looked_at);
        bad |= curl_easy_setopt(easy, CURLOPT_XFERINFODATA, exchange);
    } else if (exchange->file) {
        bad |= curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        bad |= curl_easy_setopt(easy, CURLOPT_READDATA, exchange->file);
        bad |= curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
                                exchange->file_size - exchange->file_from);
        bad |= curl_easy_setopt(easy, CURLOPT_NOPROGRESS, isatty(2) ? 0L : 1L);
        bad |= curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, progress_shown);
        bad |= curl_easy_setopt(easy, CURLOPT_XFERINFODATA, exchange);
    } else if (exchange->json) {
        bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->json);
    }
    bad |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, exchange->method);
    return bad;
}

static CURLcode trust_set(CURL *easy, const struct remote *remote)
{
    CURLcode bad = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    bad |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
    if (!remote->ca_pem) return bad;
    struct curl_blob pem = {remote->ca_pem, strlen(remote->ca_pem), CURL_BLOB_NOCOPY};
    bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL); /* this CA and no other */
    bad |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    bad |= curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &pem);
    return bad;
}

/* "If-None-Match: …" and "Last-Event-ID: …": what one has already. */
static struct curl_slist *headers_of_had(const struct exchange *exchange)
{
    char line[ETAG_SIZE + 32];
    struct curl_slist *headers = NULL;
    snprintf(line, sizeof line, "If-None-Match: %s", exchange->etag ? exchange->etag : "");
    if (exchange->etag && exchange->etag[0]) headers = curl_slist_append(headers, line);
    if (!exchange->stream || !exchange->stream->last_id[0]) return headers;
    snprintf(line, sizeof line, "Last-Event-ID: %s", exchange->stream->last_id);
    return curl_slist_append(headers, line);
}

static struct curl_slist *headers_make(const struct remote *remote, const struct exchange *exchange)
{
    char bearer[sizeof remote->token + 32];
    const char *type = exchange->file ? "application/octet-stream" : "application/json";
    struct curl_slist *headers = headers_of_had(exchange);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", remote->token);
    if (remote->token[0]) headers = curl_slist_append(headers, bearer);
    snprintf(bearer, sizeof bearer, REMOTE_ORG_HEADER ": %s", remote->org);
    if (remote->org[0]) headers = curl_slist_append(headers, bearer);
    snprintf(bearer, sizeof bearer, "Content-Type: %s", type);
    if (exchange->file || exchange->json) headers = curl_slist_append(headers, bearer);
    snprintf(bearer, sizeof bearer, "Content-Range: bytes %lld-%lld/%lld",
             (long long)exchange->file_from, (long long)exchange->file_size - 1,
             (long long)exchange->file_size);
    if (exchange->is_part) headers = curl_slist_append(headers, bearer);
    return headers;
}

static CURLcode exchange_perform(const struct remote *remote, CURL *easy, struct exchange *exchange)
{
    char url[sizeof remote->url + PATH_ROOM];
    snprintf(url, sizeof url, "%s%s", remote->url, exchange->path);
    struct curl_slist *headers = headers_make(remote, exchange), *connect = NULL;
    CURLcode bad = curl_easy_setopt(easy, CURLOPT_URL, url);
    if (remote->connect[0]) {
        snprintf(url, sizeof url, "::%s", remote->connect);
        connect = curl_slist_append(NULL, url);
        bad |= curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect);
    }
    bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, reply_arrived);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error);
    bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, exchange->stream ? 0L : 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, STALL_TIMEOUT_S);
    if (exchange->etag) {
        bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_arrived);
        bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    }
    bad |= trust_set(easy, remote);
    bad |= body_set(easy, exchange);
    if (!bad) bad = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &exchange->status);
    curl_slist_free_all(headers);
    curl_slist_free_all(connect);
    return bad;
}

/* The former request for the file has not ended there yet. */
static bool is_passing(const struct exchange *exchange)
{
    json_t *problem = problem_of(exchange);
    const char *type = json_text(problem, "type");
    bool passes = !strcmp(type, "upload-busy") || !strcmp(type, "wrong-offset");
    json_decref(problem);
    return passes || exchange->status == 503;
}

/* Whether the caller goes on from this refusal, so that nobody hears of it. */
static bool goes_on(struct exchange *exchange)
{
    json_t *problem = exchange->expected ? problem_of(exchange) : NULL;
    exchange->is_expected = problem && !strcmp(json_text(problem, "type"), exchange->expected);
    json_decref(problem);
    return exchange->may_pass || exchange->is_expected ||
           (exchange->is_asked && exchange->status == 404);
}

/* Of a reply that came whole. */
static bool is_well(const struct remote *remote, struct exchange *exchange)
{
    if (exchange->status == 304 && exchange->etag) return true;
    if (exchange->status >= 200 && exchange->status <= 299) return true;
    if (!goes_on(exchange)) complain_status(remote, exchange);
    return false;
}

bool exchange_run(const struct remote *remote, struct exchange *exchange)
{
    exchange->begun_ms = now_ms();
    exchange->shown_percent = -1;
    CURL *easy = exchange->easy = curl_easy_init();
    CURLcode code = easy ? exchange_perform(remote, easy, exchange) : CURLE_OUT_OF_MEMORY;
    if (exchange->shown_percent >= 0) fputs("\r\033[K", stderr);
    /* A server that refuses an upload early may close while we still send: its reply counts. */
    bool is_lost = code && !(exchange->status >= 400 && exchange->reply.size);
    exchange->may_pass = exchange->is_quiet && (is_lost || is_passing(exchange));
    if (is_lost && exchange->cut && exchange->status == 200)
        fprintf(stderr, "godwit: %s\n", exchange->cut);
    else if (is_lost && !exchange->is_quiet)
        complain_transport(remote, easy, code, exchange->error);
    curl_easy_cleanup(easy);
    return !is_lost && is_well(remote, exchange);
}

bool exchange_json(const struct remote *remote, struct exchange *exchange, json_t **reply_out)
{
    bool is_good = exchange_run(remote, exchange);
    *reply_out = NULL;
    if (is_good && exchange->status != 304) {
        *reply_out = exchange->reply.data
                         ? json_loadb(exchange->reply.data, exchange->reply.size, 0, NULL)
                         : NULL;
        if (!*reply_out) {
            fprintf(stderr, "godwit: the server at %s is not a Godwit server\n", remote->url);
            is_good = false;
        }
        if (!remote->is_raw) texts_make_shown(*reply_out);
    }
    free(exchange->reply.data);
    return is_good;
}

bool remote_try(const struct remote *remote, const char *method, const char *path,
                const json_t *body, const char *expected, bool *is_expected_out, json_t **reply_out)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct exchange exchange = {.method = method, .path = path, .json = text, .expected = expected};
    bool is_good = exchange_json(remote, &exchange, reply_out);
    if (text) explicit_bzero(text, strlen(text)); /* passwords are among them */
    free(text);
    *is_expected_out = exchange.is_expected;
    return is_good;
}

enum remote_read remote_read(const struct remote *remote, const char *path,
                             char etag[static ETAG_SIZE], json_t **reply_out)
{
    struct exchange exchange = {.method = "GET", .path = path, .etag = etag, .is_quiet = true};
    bool is_good = exchange_json(remote, &exchange, reply_out);
    if (is_good) return *reply_out ? REMOTE_NEW : REMOTE_SAME;
    return exchange.may_pass ? REMOTE_LATER : REMOTE_FAILED;
}

bool remote_listen(const struct remote *remote, const char *path, struct remote_stream *stream,
                   bool *is_there_out)
{
    struct exchange exchange = {
        .method = "GET", .path = path, .stream = stream, .is_quiet = true, .is_asked = true};
    bool is_good = exchange_run(remote, &exchange);
    free(exchange.reply.data);
    *is_there_out = exchange.status >= 400;
    return is_good || exchange.may_pass || exchange.status == 404;
}

bool remote_download(const struct remote *remote, const char *path, uint8_t *data, size_t size)
{
    struct exchange exchange = {.method = "GET", .path = path};
    bool is_good = exchange_run(remote, &exchange);
    if (is_good && exchange.reply.size != size) {
        fprintf(stderr, "godwit: %s sent %zu bytes where %zu belong\n", remote->url,
                exchange.reply.size, size);
        is_good = false;
    }
    if (is_good) memcpy(data, exchange.reply.data, size);
    free(exchange.reply.data);
    return is_good;
}
