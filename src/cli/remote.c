/* Transport only: one request over libcurl, and every way it can go wrong as one sentence.
 * Where the server is and whom to trust: remote_find.c. */
#include "cli/remote.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/text.h"
#include "cli/table.h"
#include "formats/image.h"

#define PATH_ROOM 5000 /* a filter and the place of a page */
#define REPLY_SIZE_MAX (64u << 20)
#define CONNECT_TIMEOUT_S 10L
#define STALL_TIMEOUT_S 60L
#define PROGRESS_AFTER_MS 2000
#define AT_ONCE_MAX (256 << 10) /* bytes of a file that is not worth parts */
#define TRIES_MAX 20
#define PAUSE_MAX_S 10

struct buffer {
    char *data;
    size_t size;
};

/* One request and its reply. */
struct exchange {
    const char *method, *path;
    const char *json;                /* body text, or NULL */
    FILE *file;                      /* body file, or NULL */
    curl_off_t file_from, file_size; /* from where on it is sent, to its end */
    bool is_part;                    /* Content-Range says so */
    bool is_asked;                   /* 404 is an answer, too */
    bool is_quiet, may_pass;         /* not complained of, for it may go better the next time */
    struct buffer reply;
    long status;
    int64_t begun_ms;
    int shown_percent;
    char error[CURL_ERROR_SIZE];
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t reply_arrived(char *data, size_t one, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    struct buffer *reply = &exchange->reply;
    size_t size = one * count;
    if (size > REPLY_SIZE_MAX - reply->size) return 0;
    char *grown = realloc(reply->data, reply->size + size + 1);
    if (!grown) return 0;
    memcpy(grown + reply->size, data, size);
    reply->data = grown;
    reply->size += size;
    grown[reply->size] = '\0';
    return size;
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

static void complain_status(const struct remote *remote, const struct exchange *exchange)
{
    json_t *problem = exchange->reply.data
                          ? json_loadb(exchange->reply.data, exchange->reply.size, 0, NULL)
                          : NULL;
    texts_make_shown(problem);
    const char *detail = json_text(problem, "detail");
    if (!detail[0]) detail = json_text(problem, "title");
    if (exchange->status == 401 && strcmp(exchange->path, "/api/v1/login"))
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
    if (exchange->file) {
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

static struct curl_slist *headers_make(const struct remote *remote, const struct exchange *exchange)
{
    char bearer[sizeof remote->token + 32];
    const char *type = exchange->file ? "application/octet-stream" : "application/json";
    struct curl_slist *headers = NULL;
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", remote->token);
    if (remote->token[0]) headers = curl_slist_append(headers, bearer);
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
    bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, STALL_TIMEOUT_S);
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
    json_t *problem = exchange->reply.data
                          ? json_loadb(exchange->reply.data, exchange->reply.size, 0, NULL)
                          : NULL;
    const char *type = json_text(problem, "type");
    bool passes = !strcmp(type, "upload-busy") || !strcmp(type, "wrong-offset");
    json_decref(problem);
    return passes || exchange->status == 503;
}

/* True on 2xx; the reply is the caller's to free in any case. */
static bool exchange_run(const struct remote *remote, struct exchange *exchange)
{
    exchange->begun_ms = now_ms();
    exchange->shown_percent = -1;
    CURL *easy = curl_easy_init();
    CURLcode code = easy ? exchange_perform(remote, easy, exchange) : CURLE_OUT_OF_MEMORY;
    if (exchange->shown_percent >= 0) fputs("\r\033[K", stderr);
    /* A server that refuses an upload early may close while we still send: its reply counts. */
    bool is_lost = code && !(exchange->status >= 400 && exchange->reply.size);
    exchange->may_pass = exchange->is_quiet && (is_lost || is_passing(exchange));
    if (is_lost && !exchange->is_quiet) complain_transport(remote, easy, code, exchange->error);
    curl_easy_cleanup(easy);
    if (is_lost) return false;
    if (exchange->status < 200 || exchange->status > 299) {
        bool is_said = exchange->may_pass || (exchange->is_asked && exchange->status == 404);
        if (!is_said) complain_status(remote, exchange);
        return false;
    }
    return true;
}

static bool exchange_json(const struct remote *remote, struct exchange *exchange,
                          json_t **reply_out)
{
    bool is_good = exchange_run(remote, exchange);
    if (is_good) {
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

bool remote_call(const struct remote *remote, const char *method, const char *path,
                 const json_t *body, json_t **reply_out)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct exchange exchange = {.method = method, .path = path, .json = text};
    bool is_good = exchange_json(remote, &exchange, reply_out);
    free(text);
    return is_good;
}

/* fault: errno of opening it; 0: it was opened, and is none that has a size. */
static void complain_file(const char *file, int fault)
{
    if (fault == ENOENT)
        fprintf(stderr, "godwit: there is no file %s; give the path of the .bin to upload\n", file);
    else if (fault)
        fprintf(stderr, "godwit: %s can not be read: %s\n", file, strerror(fault));
    else
        fprintf(stderr, "godwit: %s is no plain file; give the path of the .bin to upload\n", file);
}

/* "/api/v1/uploads/<SHA-256>?…"; false after a printed line. */
static bool parts_path(const char *path, FILE *file, char *out, size_t size)
{
    struct godwit_hash hash;
    uint8_t digest[32], piece[4096];
    char hex[65];
    size_t got;
    godwit_hash_init(&hash, GODWIT_SHA256);
    while ((got = fread(piece, 1, sizeof piece, file)) > 0)
        godwit_hash_update(&hash, piece, got);
    if (ferror(file) || godwit_hash_peek(&hash, digest)) {
        fprintf(stderr, "godwit: the file can not be read to its end\n");
        return false;
    }
    godwit_hex_encode(digest, sizeof digest, hex);
    const char *query = strchr(path, '?');
    snprintf(out, size, "/api/v1/uploads/%s%s", hex, query ? query : "");
    return true;
}

/* How much of it the server has; false: it did not say. */
static bool parts_ask(const struct remote *remote, const char *path, bool is_quiet,
                      struct exchange *part)
{
    struct exchange asked = {.method = "GET", .path = path, .is_asked = true, .is_quiet = is_quiet};
    part->file_from = 0;
    bool is_good = exchange_run(remote, &asked);
    json_t *reply = is_good ? json_loadb(asked.reply.data, asked.reply.size, 0, NULL) : NULL;
    if (reply) part->file_from = (curl_off_t)json_number(reply, "received");
    json_decref(reply);
    free(asked.reply.data);
    if (part->file_from >= part->file_size) part->file_from = 0;
    part->may_pass = asked.may_pass;
    return is_good || asked.status == 404;
}

/* What is cut is continued, as long as the server was reached at first. */
static bool upload_parts(const struct remote *remote, struct exchange *part, json_t **reply_out)
{
    bool is_good = false;
    part->is_part = true;
    for (unsigned tries = 0; tries <= TRIES_MAX; tries++) {
        bool is_last = tries == TRIES_MAX;
        part->is_quiet = !is_last;
        part->reply = (struct buffer){0};
        bool is_asked = parts_ask(remote, part->path, tries > 0 && !is_last, part) &&
                        !fseeko(part->file, part->file_from, SEEK_SET);
        if (is_asked) is_good = exchange_json(remote, part, reply_out);
        if (is_good || !part->may_pass) return is_good;
        fprintf(stderr, "godwit: the upload was cut; continuing\n");
        nanosleep(&(struct timespec){.tv_sec = tries < PAUSE_MAX_S ? tries : PAUSE_MAX_S,
                                     .tv_nsec = 200000000},
                  NULL);
    }
    return false;
}

bool remote_upload(const struct remote *remote, const char *path, const char *file,
                   json_t **reply_out)
{
    struct stat facts;
    struct exchange exchange = {.method = "PUT", .path = path, .file = fopen(file, "rb")};
    if (!exchange.file || fstat(fileno(exchange.file), &facts) || !S_ISREG(facts.st_mode)) {
        complain_file(file, exchange.file ? 0 : errno);
        if (exchange.file) fclose(exchange.file);
        return false;
    }
    exchange.file_size = facts.st_size;
    char parts[600];
    bool is_large = facts.st_size > AT_ONCE_MAX && facts.st_size <= GODWIT_IMAGE_SIZE_MAX;
    bool is_good = !is_large || parts_path(path, exchange.file, parts, sizeof parts);
    if (is_large) exchange.path = parts;
    if (is_good) is_good = (is_large ? upload_parts : exchange_json)(remote, &exchange, reply_out);
    fclose(exchange.file);
    return is_good;
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

/* ── answers ───────────────────────────────────────────────────────────────────────────────── */

bool json_print(const json_t *json)
{
    /* A terminal obeys some characters beyond ASCII; a program that reads this gets them all. */
    size_t flags = JSON_INDENT(2) | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0);
    if (!json_dumpf(json, stdout, flags) && putchar('\n') != EOF && !fflush(stdout)) return true;
    perror("godwit: writing the reply");
    return false;
}

const char *json_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

unsigned long long json_number(const json_t *object, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(object, name));
    return number < 0 ? 0 : (unsigned long long)number;
}

const char *ago_text(uint64_t time_s, char *out, size_t size_max)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } UNITS[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    int64_t age = (int64_t)time(NULL) - (int64_t)time_s;
    snprintf(out, size_max, "%s", time_s ? "now" : "never");
    for (size_t i = 0; time_s && i < sizeof UNITS / sizeof *UNITS; i++) {
        if (age < UNITS[i].seconds) continue;
        snprintf(out, size_max, "%lld %s ago", (long long)(age / UNITS[i].seconds), UNITS[i].unit);
        break;
    }
    return out;
}
