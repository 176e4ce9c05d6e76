/* A live server in this process, asked over TLS on loopback by libcurl; files by our own packer and
 * signer; a device that speaks through the codecs of formats/. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <curl/curl.h>
#include <dirent.h>
#include <jansson.h>

#include "base/text.h"
#include "emu/pack.h"
#include "fleet/device.h"
#include "fleet/event.h"
#include "fleet/listing.h"
#include "server/app.h"
#include "server/text_file.h"
#include "temp_dir.h"

struct live {
    char dir[64], data[96], url[64], ca[128], admin[80], password[32], note[600];
    struct settings settings;
    struct app app;
    struct http_server *server;
    CURL *curl;
    const char *proof, *proof_key; /* files of a client's certificate and its key; NULL: none */
    struct key *key;
    /* of the last reply */
    long status;
    char *body;
    size_t body_size;
    char etag[80], range[80], retry[16], applied[32];
    json_t *json;
    bool is_stream; /* of which the first bytes were taken */
};

static inline void live_start(struct live *live)
{
    assert_int_equal(
        app_open(&live->app, &live->settings, live->note, sizeof live->note, live->password),
        GODWIT_OK);
    struct http_options options = {.certificate = live->app.cert_path,
                                   .key = live->app.key_path,
                                   .address = "127.0.0.1",
                                   .clients = live->app.device_trust.clients,
                                   .loops = 2};
    routes_serve(&live->app, &options);
    assert_int_equal(http_open(&options, live->note, sizeof live->note, &live->server), GODWIT_OK);
    snprintf(live->url, sizeof live->url, "https://127.0.0.1:%u", http_port(live->server));
    char path[FILE_PATH_MAX];
    folder_path(live->data, "admin-token", path, sizeof path);
    assert_int_equal(text_file_read(path, live->admin, sizeof live->admin), GODWIT_OK);
    live->admin[strcspn(live->admin, "\n")] = 0;
    live->curl = curl_easy_init();
}

static inline void live_stop(struct live *live)
{
    curl_easy_cleanup(live->curl);
    http_close(live->server, 1000);
    app_close(&live->app);
}

static inline int live_setup(void **state)
{
    static struct live live;
    memset(&live, 0, sizeof live);
    temp_dir_make(live.dir);
    snprintf(live.data, sizeof live.data, "%s/data", live.dir);
    snprintf(live.ca, sizeof live.ca, "%s/tls/ca.pem", live.data);
    const char *devices_max = getenv("LIVE_DEVICES_MAX"); /* as a server whose memory is small */
    live.settings = (struct settings){
        .data = live.data,
        .interval_s = 7,
        .wait_s = 100,
        .devices_max = devices_max ? (uint32_t)strtoul(devices_max, NULL, 10) : 0};
    live.key = key_generate(GODWIT_SCHEME_ECDSA256);
    live_start(&live);
    *state = &live;
    return 0;
}

static inline int64_t live_count(struct live *live, const char *sql)
{
    struct db *db = app_reader_take(&live->app);
    struct db_rows rows;
    assert_non_null(db);
    assert_int_equal(db_query(db, &rows, sql, NULL, 0), GODWIT_OK);
    assert_int_equal(db_next(&rows), GODWIT_OK);
    int64_t count = db_column_int(&rows, 0);
    db_rows_close(&rows);
    app_reader_give(&live->app, db);
    return count;
}

static inline int live_teardown(void **state)
{
    struct live *live = *state;
    int64_t unnamed = live_count(live, "select count(*) from audit where action = 'unnamed'");
    live_stop(live);
    key_close(live->key);
    free(live->body);
    json_decref(live->json);
    temp_dir_drop(live->dir);
    if (unnamed)
        print_error("a request changed rows and told the audit log nothing: change_audit\n");
    return unnamed ? -1 : 0;
}

static inline size_t live_take(char *data, size_t one, size_t size, void *ctx)
{
    struct live *live = ctx;
    (void)one;
    live->body = realloc(live->body, live->body_size + size + 1);
    memcpy(live->body + live->body_size, data, size);
    live->body_size += size;
    live->body[live->body_size] = 0;
    return live->is_stream ? 0 : size;
}

static inline size_t live_head(char *data, size_t one, size_t size, void *ctx)
{
    struct live *live = ctx;
    char line[256];
    (void)one;
    snprintf(line, sizeof line, "%.*s", (int)size, data);
    live->is_stream |= strncmp(line, "Content-Type: text/event-stream", 31) == 0;
    sscanf(line, "ETag: %79[^\r\n]", live->etag);
    sscanf(line, "Content-Range: %79[^\r\n]", live->range);
    sscanf(line, "Retry-After: %15[^\r\n]", live->retry);
    sscanf(line, "Preference-Applied: %31[^\r\n]", live->applied);
    return size;
}

struct call {
    const char *method, *path, *bearer, *header;
    const void *body;
    size_t body_size;
};

static inline long live_call(struct live *live, const struct call *call)
{
    char url[512], bearer[300];
    struct curl_slist *headers = NULL;
    free(live->body);
    json_decref(live->json);
    live->body = NULL, live->json = NULL, live->body_size = 0;
    live->etag[0] = live->range[0] = live->retry[0] = live->applied[0] = 0;
    live->is_stream = false;
    snprintf(url, sizeof url, "%s%s", live->url, call->path);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", call->bearer ? call->bearer : "");
    if (call->bearer) headers = curl_slist_append(headers, bearer);
    if (call->header) headers = curl_slist_append(headers, call->header);
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_reset(live->curl);
    curl_easy_setopt(live->curl, CURLOPT_URL, url);
    curl_easy_setopt(live->curl, CURLOPT_CAINFO, live->ca);
    curl_easy_setopt(live->curl, CURLOPT_SSLCERT, live->proof);
    curl_easy_setopt(live->curl, CURLOPT_SSLKEY, live->proof_key);
    curl_easy_setopt(live->curl, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(live->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(live->curl, CURLOPT_WRITEFUNCTION, live_take);
    curl_easy_setopt(live->curl, CURLOPT_WRITEDATA, live);
    curl_easy_setopt(live->curl, CURLOPT_HEADERFUNCTION, live_head);
    curl_easy_setopt(live->curl, CURLOPT_HEADERDATA, live);
    curl_easy_setopt(live->curl, CURLOPT_TIMEOUT, 20L);
    if (call->body) {
        curl_easy_setopt(live->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_size);
        curl_easy_setopt(live->curl, CURLOPT_POSTFIELDS, call->body);
    }
    CURLcode code = curl_easy_perform(live->curl);
    curl_slist_free_all(headers);
    if (live->is_stream && code == CURLE_WRITE_ERROR) code = CURLE_OK;
    if (code) print_message("%s %s: %s\n", call->method, call->path, curl_easy_strerror(code));
    assert_int_equal(code, CURLE_OK);
    curl_easy_getinfo(live->curl, CURLINFO_RESPONSE_CODE, &live->status);
    if (live->body) live->json = json_loadb(live->body, live->body_size, 0, NULL);
    return live->status;
}

/* As an operator; body NULL for none. */
static inline long live_request(struct live *live, const char *method, const char *path,
                                const char *body)
{
    struct call call = {method, path, live->admin, NULL, body, body ? strlen(body) : 0};
    return live_call(live, &call);
}

static inline const char *live_text(const struct live *live, const char *name)
{
    const char *text = json_string_value(json_object_get(live->json, name));
    return text ? text : "";
}

static inline json_int_t live_number(const struct live *live, const char *name)
{
    return json_integer_value(json_object_get(live->json, name));
}

static inline size_t live_blobs(const struct live *live)
{
    char path[FILE_PATH_MAX];
    size_t count = 0;
    folder_path(live->data, "blobs", path, sizeof path);
    DIR *folder = opendir(path);
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* ---- files ---- */

struct bytes {
    uint8_t *data;
    size_t size;
};

static inline struct bytes live_image(const char *project, const char *version,
                                      const struct key *key)
{
    struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                   .project = project,
                                   .version = version,
                                   .size = 16384,
                                   .seed = 1};
    struct bytes plain, sealed;
    enum godwit_reason reason;
    assert_int_equal(pack_image(&options, &plain.data, &plain.size), GODWIT_OK);
    if (!key) return plain;
    assert_int_equal(image_sign(key, plain.data, plain.size, &sealed.data, &sealed.size, &reason),
                     GODWIT_OK);
    free(plain.data);
    return sealed;
}

static inline long live_upload(struct live *live, const char *query, const void *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "/api/v1/images%s", query);
    struct call call = {"PUT", path, live->admin, NULL, data, size};
    return live_call(live, &call);
}

/* Packs, signs, uploads; expects 201. The caller frees the bytes. */
static inline struct bytes live_release_file(struct live *live, const char *version)
{
    struct bytes file = live_image("thermostat", version, live->key);
    assert_int_equal(live_upload(live, "", file.data, file.size), 201);
    return file;
}

static inline void live_release(struct live *live, const char *version)
{
    free(live_release_file(live, version).data);
}

/* A claim token for the product thermostat. */
static inline void live_claim(struct live *live, unsigned count, char out[static 128])
{
    char body[64];
    snprintf(body, sizeof body, "{\"product\":\"thermostat\",\"count\":%u}", count);
    assert_int_equal(live_request(live, "POST", "/api/v1/claims", body), 201);
    snprintf(out, 128, "%s", live_text(live, "token"));
}

/* What lists say stands on all that has happened: flushed, and swept. */
static inline void live_settle(struct live *live)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    for (int i = 0;; i++) {
        assert_true(i < 60000);
        app_tick(&live->app);
        while (atomic_load(&live->app.flushing))
            nanosleep(&pause, NULL);
        fleet_lock(&live->app.fleet);
        bool is_settled = listing_is_settled(&live->app.fleet) && !live->app.fleet.dirty_first;
        fleet_unlock(&live->app.fleet);
        if (is_settled) return;
    }
}
