/* GET /api/v1/devices/export over the wire: all rows once, whole or visibly not; and who stops it.
 */
#include "authz.h"

#define EXPORT "/api/v1/devices/export"
#define MANY 2000 /* more than fits between server and client */

static void run_sql(struct live *live, const char *sql, const struct db_value *values, size_t count)
{
    struct db_rows rows;
    assert_int_equal(db_query(live->app.db, &rows, sql, values, count), GODWIT_OK);
    assert_int_equal(db_next(&rows), GODWIT_ERR_END);
    db_rows_close(&rows);
}

/* The one device that there is, so many times more. */
static void copy_device(struct live *live, unsigned count)
{
    char id_text[16];
    live_settle(live);
    authz_begin(live);
    run_sql(live, "create temp table one as select * from devices", NULL, 0);
    for (unsigned n = 1; n <= count; n++) {
        uint8_t id[16] = {2, 0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n}, token[32] = {9};
        memcpy(token + 1, id, sizeof id);
        godwit_hex_encode(id, 6, id_text);
        const struct db_value values[] = {db_blob(id, 16), db_blob(token, 32), db_text(id_text)};
        run_sql(live,
                "update one set id = null, device_id = $1, token_sha256 = $2, id_text = $3,"
                " name = 'a name that makes the row long, for it is to fill what lies between'",
                values, 3);
        run_sql(live, "insert into devices select * from one", NULL, 0);
    }
    run_sql(live, "drop table one", NULL, 0);
    authz_commit(live);
}

static unsigned count_lines(const struct live *live)
{
    unsigned count = 0;
    for (size_t i = 0; i < live->body_size; i++)
        count += live->body[i] == '\n';
    return count;
}

static void every_device_comes_once(void **state)
{
    static struct authz authz;
    struct live *live = *state;
    authz_setup(&authz, live);
    copy_device(live, 620);
    assert_int_equal(live_request(live, "GET", EXPORT "?fields=device_id", NULL), 200);
    assert_int_equal(count_lines(live), 622);
    assert_memory_equal(live->body, "\"device_id\"\r\n\"020000000001\"\r\n", 29);
    for (unsigned n = 1; n <= 620; n++) { /* in their order, so each once */
        char line[32];
        snprintf(line, sizeof line, "\"02000000%04x\"\r\n", n);
        assert_memory_equal(live->body + 13 + 16 * (n - 1), line, 16);
    }
    assert_int_equal(live_request(live, "GET",
                                  EXPORT "?format=ndjson&fields=name,device_id&sort=-name"
                                         "&filter=id:02*",
                                  NULL),
                     200);
    assert_int_equal(count_lines(live), 620);
    assert_non_null(strstr(live->body, "{\"device_id\":\"02000000026c\",\"name\":\"a name"));
    assert_int_equal(app_exports(&live->app), 0);
}

static void hostile_texts_come_out_tame(void **state)
{
    static struct authz authz;
    struct live *live = *state;
    authz_setup(&authz, live);
    live_settle(live);
    authz_begin(live);
    run_sql(live,
            "update devices set name = '=cmd|''/C calc''!A0\x1b[2J\x7f', shown_version = '-1',"
            " last_seen = 1764527059",
            NULL, 0);
    run_sql(live,
            "insert into tags (org, device, tag, tag_name, tag_key)"
            " select org, id, 'site=Berlin', 'site', 'site=berlin' from devices",
            NULL, 0);
    run_sql(live,
            "insert into tags (org, device, tag, tag_name, tag_key)"
            " select org, id, 'beta', 'beta', 'beta' from devices",
            NULL, 0);
    authz_commit(live);
    assert_int_equal(live_request(live, "GET", EXPORT, NULL), 200);
    assert_int_equal(count_lines(live), 2);
    assert_null(strpbrk(live->body, "\x1b\x7f"));
    assert_non_null(strstr(live->body, ",\"'=cmd|'/C calc'!A0?[2J?\","));
    assert_non_null(strstr(live->body, ",\"'-1\","));
    assert_non_null(strstr(live->body, ",2025-11-30T18:24:19Z,"));
    assert_non_null(strstr(live->body, "\"beta site=Berlin\""));
    assert_int_equal(live_request(live, "GET", EXPORT "?format=ndjson", NULL), 200);
    assert_null(strpbrk(live->body, "\x1b\x7f"));
    assert_string_equal(live_text(live, "name"), "=cmd|'/C calc'!A0\x1b[2J\x7f");
    assert_int_equal(live_number(live, "last_seen"), 1764527059);
}

static void refusals(void **state)
{
    static const struct {
        const char *query, *type;
    } ROWS[] = {{"format=xml", "malformed"},
                {"fields=device_id,secret", "malformed"},
                {"sort=secret", "malformed"},
                {"filter=secret:1", "filter"}};
    struct live *live = *state;
    char path[96];
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        snprintf(path, sizeof path, EXPORT "?%s", ROWS[i].query);
        assert_int_equal(live_request(live, "GET", path, NULL), 422);
        assert_string_equal(live_text(live, "type"), ROWS[i].type);
    }
    assert_int_equal(app_exports(&live->app), 0);
}

static void so_many_at_a_time(void **state)
{
    struct live *live = *state;
    struct app *app = &live->app;
    char *slots[APP_EXPORTS_MAX];
    for (size_t i = 0; i < APP_EXPORTS_ORG_MAX; i++)
        assert_non_null(slots[i] = app_export_begin(app, FLEET_ORG));
    assert_int_equal(live_request(live, "GET", EXPORT, NULL), 503);
    assert_string_equal(live->retry, "1");
    assert_string_equal(live_text(live, "type"), "busy");
    app_export_end(app, slots[0]);
    assert_int_equal(live_request(live, "GET", EXPORT, NULL), 200);
    slots[0] = app_export_begin(app, "acme");
    for (size_t i = APP_EXPORTS_ORG_MAX; i < APP_EXPORTS_MAX; i++)
        assert_non_null(slots[i] = app_export_begin(app, i % 2 ? "acme" : "other"));
    assert_int_equal(app_exports(app), APP_EXPORTS_MAX);
    assert_int_equal(live_request(live, "GET", EXPORT, NULL), 503);
    for (size_t i = 0; i < APP_EXPORTS_MAX; i++)
        app_export_end(app, slots[i]);
    assert_int_equal(live_request(live, "GET", EXPORT, NULL), 200);
}

/* ---- one whose token ends meanwhile ---- */

struct taker {
    struct live *live;
    const char *bearer; /* ended with the first bytes; NULL: not */
    size_t size;
};

static int keep_small(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    int size = 16384;
    (void)ctx, (void)purpose;
    (void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return CURL_SOCKOPT_OK;
}

static size_t take(char *data, size_t one, size_t size, void *ctx)
{
    struct taker *taker = ctx;
    uint8_t digest[32];
    (void)data, (void)one;
    if (!taker->size && taker->bearer) {
        secret_sha256(taker->bearer, strlen(taker->bearer), digest);
        authz_begin(taker->live);
        assert_int_equal(token_end(&taker->live->app.fleet, taker->live->app.db, digest),
                         GODWIT_OK);
        authz_commit(taker->live);
    }
    taker->size += size;
    return size;
}

static CURLcode take_export(struct live *live, const char *bearer, struct taker *taker)
{
    char url[128], header[200];
    snprintf(url, sizeof url, "%s" EXPORT, live->url);
    snprintf(header, sizeof header, "Authorization: Bearer %s", bearer);
    struct curl_slist *headers = curl_slist_append(NULL, header);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CAINFO, live->ca);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, keep_small);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, taker);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return code;
}

static void an_ended_token_gets_no_further_page(void **state)
{
    static struct authz authz;
    struct live *live = *state;
    authz_setup(&authz, live);
    copy_device(live, MANY);
    struct taker whole = {.live = live}, cut = {.live = live};
    const char *bearer = authz_bearer(&authz, TOKEN_READ);
    assert_int_equal(take_export(live, bearer, &whole), CURLE_OK);
    cut.bearer = bearer;
    assert_int_equal(take_export(live, bearer, &cut), CURLE_PARTIAL_FILE);
    assert_in_range(cut.size, 1, whole.size - 1);
    while (app_exports(&live->app))
        sched_yield();
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)
    const struct CMUnitTest tests[] = {
        LIVE(every_device_comes_once), LIVE(hostile_texts_come_out_tame),         LIVE(refusals),
        LIVE(so_many_at_a_time),       LIVE(an_ended_token_gets_no_further_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
