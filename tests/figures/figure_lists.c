/* Pages of a large fleet, as an operator gets them: rows made with the project's own schema, then
 * GET /api/v1/devices over HTTP at the server's own code in this process, in each order with each
 * filter, first, middle and last page in both directions. A time is that of the whole request.
 * `figure_lists COUNT` measures a fleet of another size alone.
 *
 * p95_ms is by the clock on the wall and what the bars hold for; what a request took of the
 * processor is printed beside it, for a machine that does other things meanwhile.
 *
 * wrong: rows that the filter does not take or that are out of order, and groups of devices whose
 * kept count is not what is counted.
 *
 * hold_us: the longest hold of the fleet's lock by these requests, in the quietest of the orders:
 * see figure_flush.c for why the quietest. Each order's is printed. */
#include <arpa/inet.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "filter/filter.h"
#include "fleet/list.h"
#include "fleet/listing.h"
#include "server/app.h"
#include "server/text_file.h"
#include "temp_dir.h"

enum { TIMES_MAX = 20000, ORDERS_MAX = 16, REPLY_MAX = 1 << 20 };
#define P95_100K_MS_MAX 50
#define P95_1M_MS_MAX 200
#define HOLD_US_MAX 100U

/* One that finds many and one that finds few, for each field that devices are found by. */
static const char *const FILTERS[] = {
    "",
    "state:up-to-date",
    "state:failed",
    "-state:up-to-date",
    "state:failed,queued",
    "reason:queued",
    "reason:failed-before",
    "cause:trial-panic",
    "chip:esp32s3",
    "chip:esp32h2",
    "slot:ota_1",
    "product:thermostat",
    "version:<1.3",
    "version:1.11",
    "version:>9",
    "name:n77",
    "name:n7*",
    "name:*7007",
    "id:356465333637",
    "tag:ring=early",
    "tag:site=berlin",
    "idf:v5.1",
    "idf:v4*",
    "agent:0.2.0",
    "seen:<1h",
    "seen:>1d",
    "joined:<1h",
    "joined:>1d",
    "chip:esp32s3 state:failed",
    "n77",
};
#define FILTERS_COUNT (sizeof FILTERS / sizeof *FILTERS)

static struct app app;
static char admin[80];
static int connection, devices_count;
static int64_t now_s;
static double times[TIMES_MAX], work[TIMES_MAX], longest[FILTERS_COUNT];
static size_t times_count, wrong;

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "lists: %s failed\n", what);
    exit(2);
}

static double clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

/* ---- the fleet ---- */

static void run_sql(struct db *db, const char *format, int count)
{
    static char sql[2400];
    snprintf(sql, sizeof sql, format, count, (long long)now_s, (long long)now_s);
    must(!db_script(db, sql), db_note(db));
}

/* "1.0" to "1.11", and the keys that they are sorted by. */
static void add_versions(struct db *db)
{
    char key[VERSION_KEY_MAX], hex[2 * VERSION_KEY_MAX], version[16], sql[600];
    must(!db_script(db, "create temp table versions (n integer primary key, version, key)"),
         "a table");
    for (int i = 0; i < 12; i++) {
        snprintf(version, sizeof version, "1.%d", i);
        version_key(version, key);
        godwit_hex_encode((const uint8_t *)key, strlen(key), hex);
        snprintf(sql, sizeof sql, "insert into versions values (%d, '%s', cast(x'%s' as text))", i,
                 version, hex);
        must(!db_script(db, sql), db_note(db));
    }
}

/* As check-ins would leave them: most are well, few have failed, and what is rare is rare. They
 * have joined one after another, a minute apart. */
static void make_fleet(struct db *db, int count)
{
    must(!db_begin(db), "begin");
    add_versions(db);
    run_sql(db,
            "insert into products (org, name, product_id, open, created)"
            " values ('default', 'thermostat', zeroblob(16), 0, 0);"
            "create temp table numbers as with recursive n(i) as (select 1 union all select i + 1"
            " from n where i < %d) select i, printf('%%06x', i * 7919 %% 16777213) as id from n;"
            "insert into devices (org, device_id, id_text, token_sha256, product, created,"
            " last_seen, slot, on_trial, product_name, shown_version, version_key, chip, state,"
            " reason, cause, rollout, rollout_state, name, name_key, image_sha256, file_sha256,"
            " agent_version, idf_version)"
            " select 'default', cast(id || '0000000000' as blob), lower(hex(id)),"
            " cast(printf('%%032d', i) as blob), 1, %lld - 60 * ((select max(i) from numbers) - i),"
            " %lld - i * 31 %% 900000, 'ota_' || (i %% 2), i %% 997 = 0, 'thermostat', v.version,"
            " v.key, case i %% 3 when 0 then 'esp32s3' else 'esp32c3' end, case when i %% 5000 = 0"
            " then 'failed' when i %% 50 = 0 then 'queued' else 'up-to-date' end, case when"
            " i %% 5000 = 0 then 'failed-before' when i %% 50 = 0 then 'queued' else 'up-to-date'"
            " end, case when i %% 5000 = 0 then 'trial-panic' else '' end, 1, 'up-to-date',"
            " 'n' || i, 'n' || i, zeroblob(32), zeroblob(32), '0.2.0', 'v5.1'"
            " from numbers join versions v on v.n = i %% 12",
            count);
    must(!db_script(db, "insert into tags (org, device, tag_name, tag_key, tag) select 'default',"
                        " id, 'site', 'site=berlin', 'site=berlin' from devices where id % 3 = 0"
                        " union all select 'default', id, 'ring', 'ring=early', 'ring=early'"
                        " from devices where id % 1000 = 0"),
         db_note(db));
    must(!listing_recount(db), "counting");
    must(!db_commit(db), "commit");
}

/* ---- what a reply says ---- */

struct seen {
    char text[VERSION_KEY_MAX]; /* of what the list is sorted by; bytes that sort */
    int64_t number;
};

static const char *member(const json_t *row, const char *name)
{
    const json_t *value = json_object_get(row, name);
    must(value, name);
    return json_is_null(value) ? "" : json_string_value(value);
}

static struct seen key_of(const json_t *row, const struct list_order *order)
{
    struct seen seen = {.number = 0};
    char key[VERSION_KEY_MAX];
    const json_t *value = json_object_get(row, order->name);
    if (json_is_string(value))
        snprintf(seen.text, sizeof seen.text, "%s", json_string_value(value));
    else
        seen.number = json_is_true(value) ? 1 : json_integer_value(value);
    if (strcmp(order->name, "version") != 0) return seen;
    version_key(seen.text, key);
    snprintf(seen.text, sizeof seen.text, "%s", key);
    return seen;
}

/* What the list does not say is the same of all devices, or goes with the name's number. */
static bool is_taken(const json_t *row, const struct filter *filter)
{
    const char *tags[4];
    size_t i, tags_count = 0;
    json_t *tag;
    json_array_foreach(json_object_get(row, "tags"), i, tag) tags[tags_count++] =
        json_string_value(tag);
    const char *name = member(row, "name");
    const struct filter_facts facts = {
        .id = member(row, "device_id"),
        .name = name,
        .product = member(row, "product"),
        .version = member(row, "version"),
        .state = member(row, "state"),
        .reason = member(row, "reason"),
        .cause = member(row, "cause"),
        .chip = member(row, "chip"),
        .slot = member(row, "slot"),
        .idf = "v5.1",
        .agent = "0.2.0",
        .last_seen_s = json_integer_value(json_object_get(row, "last_seen")),
        .joined_s = now_s - 60 * (devices_count - strtol(name + 1, NULL, 10)),
        .tags = tags,
        .tags_count = tags_count,
    };
    return filter_matches(filter, &facts);
}

/* filters: the same before and after the request, between which the second may have changed. */
static void check(const json_t *items, const struct list_order *order, bool is_descending,
                  const struct filter filters[static 2])
{
    struct seen last = {.number = 0}, seen;
    size_t i;
    json_t *row;
    json_array_foreach(items, i, row)
    {
        seen = key_of(row, order);
        int way = i ? strcmp(last.text, seen.text) : 0;
        if (i && !way) way = (last.number > seen.number) - (last.number < seen.number);
        wrong += is_descending ? way < 0 : way > 0;
        wrong += !is_taken(row, &filters[0]) && !is_taken(row, &filters[1]);
        last = seen;
    }
}

/* ---- requests ---- */

static void connect_to(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection = socket(AF_INET, SOCK_STREAM, 0);
    must(!connect(connection, (struct sockaddr *)&to, sizeof to), "connecting");
}

/* The body, in a buffer of its own. */
static char *get(const char *path)
{
    static char reply[REPLY_MAX];
    char request[4096], *end = NULL;
    size_t have = 0, size = SIZE_MAX;
    int length =
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, admin);
    must(write(connection, request, (size_t)length) == length, "sending");
    while (!end || have < size) {
        ssize_t got = read(connection, reply + have, sizeof reply - have - 1);
        must(got > 0, "receiving");
        have += (size_t)got;
        reply[have] = '\0';
        if (end || !(end = strstr(reply, "\r\n\r\n"))) continue;
        const char *says = strcasestr(reply, "content-length:");
        must(says && !strncmp(reply + 9, "200", 3), reply);
        size = (size_t)(end + 4 - reply) + strtoul(says + 15, NULL, 10);
    }
    return end + 4;
}

/* As in a query: what is no letter or digit is written by its number. */
static void put_encoded(char *out, const char *text)
{
    for (; *text; text++, out += strlen(out))
        snprintf(out, 4, isalnum((unsigned char)*text) ? "%c" : "%%%02X", (uint8_t)*text);
    *out = '\0';
}

struct asked {
    const struct list_order *order;
    bool is_descending;
    size_t filter;
};

static void read_filter(const char *text, struct filter *filter)
{
    const struct filter_world world = {.now_s = clock_unix_s(&clock_real)};
    struct filter_fault fault;
    must(!filter_parse(text, &world, filter, &fault), fault.sentence);
}

static void page(const struct asked *asked, const struct list_place *after)
{
    static struct filter filters[2];
    char path[4096], of[1600], cursor[LIST_CURSOR_MAX] = "", sort[40], text[400];
    const char *found = FILTERS[asked->filter];
    read_filter(found, &filters[0]);
    put_encoded(text, found);
    snprintf(sort, sizeof sort, "%s%s", asked->is_descending ? "-" : "", asked->order->name);
    snprintf(of, sizeof of, "devices by %s where %s of default", sort, found);
    if (after) list_cursor_write(of, after, cursor);
    snprintf(path, sizeof path, "/api/v1/devices?sort=%s&filter=%s%s%s", sort, text,
             after ? "&after=" : "", cursor);
    double begun = clock_ms(CLOCK_MONOTONIC), work_begun = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    const char *body = get(path);
    double worked = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - work_begun;
    must(times_count < TIMES_MAX, "room");
    work[times_count] = worked;
    times[times_count++] = clock_ms(CLOCK_MONOTONIC) - begun;
    if (worked > longest[asked->filter]) longest[asked->filter] = worked;
    read_filter(found, &filters[1]);
    json_t *reply = json_loads(body, 0, NULL);
    must(reply, "reading JSON");
    check(json_object_get(reply, "items"), asked->order, asked->is_descending, filters);
    json_decref(reply);
}

/* ---- the figure ---- */

/* The row that has so many before it in the order. */
static struct list_place place_at(struct db *db, const struct list_order *order, int skip)
{
    struct list_place place = {.id = 0};
    struct db_rows found;
    char sql[200];
    bool is_bytes = order->kind == LIST_BYTES;
    snprintf(sql, sizeof sql,
             "select id, %s%s%s from devices where org = 'default' order by %s, id limit 1"
             " offset %d",
             is_bytes ? "lower(hex(" : "", order->column, is_bytes ? "))" : "", order->column,
             skip);
    must(!db_query_text(db, &found, sql, NULL, 0) && !db_next(&found), "a place");
    place.id = db_column_int(&found, 0);
    db_column_text(&found, 1, place.key, sizeof place.key);
    db_rows_close(&found);
    return place;
}

static void measure_order(struct db *db, const struct list_order *order)
{
    const struct list_place early = place_at(db, order, 50),
                            middle = place_at(db, order, devices_count / 2),
                            late = place_at(db, order, devices_count - 50);
    for (size_t filter = 0; filter < FILTERS_COUNT; filter++)
        for (int down = 0; down < 2; down++) {
            const struct asked asked = {order, down, filter};
            page(&asked, NULL);
            page(&asked, &middle);
            page(&asked, down ? &early : &late);
        }
}

/* The holds from here on are told to another window; NULL: to none. */
static void count_holds_in(struct fleet_holds *window)
{
    pthread_mutex_lock(&app.fleet.lock); /* not fleet_lock(): this hold is none of them */
    app.fleet.holds = window;
    pthread_mutex_unlock(&app.fleet.lock);
}

/* The longest hold in the quietest order. */
static uint64_t measure(struct db *db)
{
    struct fleet_holds windows[ORDERS_MAX] = {{.count = 0}};
    const struct list_order *order;
    uint64_t quietest_us = UINT64_MAX;
    printf("%d devices: the longest hold of each order in us:", devices_count);
    for (size_t i = 0; (order = list_order_at(i)) != NULL; i++) {
        count_holds_in(&windows[i]);
        measure_order(db, order);
        count_holds_in(NULL);
        uint64_t us = windows[i].work_ns_max / 1000;
        must(windows[i].count > 0, "a hold");
        if (us < quietest_us) quietest_us = us;
        printf(" %lu", (unsigned long)us);
        fflush(stdout);
    }
    printf("\n");
    return quietest_us;
}

static void count_wrong(struct db *db)
{
    struct db_rows found;
    static const char SQL[] =
        "select count(*) from (select product_name, rollout, state, reason, sum(n) from (select"
        " product_name, rollout, state, reason, count as n from device_counts union all select"
        " product_name, rollout, state, reason, -1 from devices) group by product_name, rollout,"
        " state, reason having sum(n) <> 0)";
    must(!db_query(db, &found, SQL, NULL, 0) && !db_next(&found), "counting");
    wrong += (size_t)db_column_int(&found, 0);
    db_rows_close(&found);
}

static int by_time(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double sum_up(void)
{
    qsort(times, times_count, sizeof *times, by_time);
    qsort(work, times_count, sizeof *work, by_time);
    double p95 = times[times_count * 95 / 100];
    printf("%d devices: %zu pages, p50 %.1f ms, p95 %.1f ms, longest %.1f ms; of the processor p50"
           " %.1f ms, p95 %.1f ms, longest %.1f ms, of each filter:",
           devices_count, times_count, times[times_count / 2], p95, times[times_count - 1],
           work[times_count / 2], work[times_count * 95 / 100], work[times_count - 1]);
    for (size_t i = 0; i < FILTERS_COUNT; i++)
        printf("%s '%s' %.0f", i ? "," : "", FILTERS[i], longest[i]);
    printf("\n");
    return p95;
}

static void open_app(const struct settings *settings)
{
    char note[600], password[32];
    must(!app_open(&app, settings, note, sizeof note, password), note);
}

static double run(int count, uint64_t *hold_us)
{
    char dir[64], data[96], path[FILE_PATH_MAX], note[256];
    struct http_server *server = NULL;
    struct http_options options = {.address = "127.0.0.1", .loops = 1};
    temp_dir_make(dir);
    snprintf(data, sizeof data, "%s/data", dir);
    const struct settings settings = {.data = data, .interval_s = 60};
    devices_count = count;
    now_s = clock_unix_s(&clock_real);
    times_count = 0;
    memset(longest, 0, sizeof longest);
    open_app(&settings);
    make_fleet(app.db, count);
    app_close(&app);
    open_app(&settings);
    routes_serve(&app, &options);
    must(!http_open(&options, note, sizeof note, &server), note);
    folder_path(data, "admin-token", path, sizeof path);
    must(!text_file_read(path, admin, sizeof admin), "reading the token");
    admin[strcspn(admin, "\n")] = '\0';
    connect_to(http_port(server));
    uint64_t us = measure(app.db);
    if (us > *hold_us) *hold_us = us;
    count_wrong(app.db);
    close(connection);
    http_close(server, 1000);
    app_close(&app);
    temp_dir_drop(dir);
    return sum_up();
}

int main(int argc, char **argv)
{
    uint64_t hold_us = 0;
    if (argc > 1) {
        int count = (int)strtol(argv[1], NULL, 10);
        double p95 = run(count, &hold_us);
        printf("figure lists devices=%d p95_ms=%.1f hold_us=%lu wrong=%zu\n", count, p95,
               (unsigned long)hold_us, wrong);
        return wrong > 0;
    }
    double small = run(100000, &hold_us), large = run(1000000, &hold_us);
    printf("figure lists p95_ms_100k=%.1f p95_ms_1m=%.1f hold_us=%lu wrong=%zu\n", small, large,
           (unsigned long)hold_us, wrong);
    return small > P95_100K_MS_MAX || large > P95_1M_MS_MAX || hold_us > HOLD_US_MAX || wrong;
}
