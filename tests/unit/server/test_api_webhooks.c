/* Webhooks from the API to a receiver on loopback: signed deliveries of what was committed, another
 * try after a failure, nothing to others. */
#include "case.h"
#include "fake_device.h"

#include <arpa/inet.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <unistd.h>

#include "server/webhook_store.h"

#define REQUESTS_MAX 16

/* ---- the receiver ---- */

static struct {
    int fd;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t mutex;
    size_t count;
    int status;
    char requests[REQUESTS_MAX][8192];
} receiver = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static size_t read_request(int fd, char *out, size_t size_max)
{
    size_t used = 0;
    struct pollfd wait = {fd, POLLIN, 0};
    out[0] = 0;
    while (used + 1 < size_max && poll(&wait, 1, 5000) > 0) {
        ssize_t size = read(fd, out + used, size_max - used - 1);
        if (size <= 0) break;
        used += (size_t)size;
        out[used] = 0;
        const char *body = strstr(out, "\r\n\r\n"), *length = strstr(out, "Content-Length: ");
        if (body && length && strlen(body + 4) >= strtoul(length + 16, NULL, 10)) break;
    }
    return used;
}

static void *receive(void *ctx)
{
    (void)ctx;
    for (int fd; (fd = accept(receiver.fd, NULL, NULL)) >= 0;) {
        char request[8192], answer[64];
        read_request(fd, request, sizeof request);
        pthread_mutex_lock(&receiver.mutex);
        if (receiver.count < REQUESTS_MAX)
            memcpy(receiver.requests[receiver.count++], request, sizeof request);
        int size = snprintf(answer, sizeof answer, "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n",
                            receiver.status);
        pthread_mutex_unlock(&receiver.mutex);
        (void)!write(fd, answer, (size_t)size);
        close(fd);
    }
    return NULL;
}

static int setup(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    receiver.fd = socket(AF_INET, SOCK_STREAM, 0);
    receiver.count = 0;
    receiver.status = 200;
    assert_int_equal(bind(receiver.fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(receiver.fd, 16), 0);
    getsockname(receiver.fd, (struct sockaddr *)&address, &size);
    receiver.port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&receiver.thread, NULL, receive, NULL), 0);
    live_setup(state);
    ((struct live *)*state)->settings.webhook_loopback = true;
    return 0;
}

static int teardown(void **state)
{
    int status = live_teardown(state);
    shutdown(receiver.fd, SHUT_RDWR);
    pthread_join(receiver.thread, NULL);
    close(receiver.fd);
    return status;
}

static size_t received(void)
{
    pthread_mutex_lock(&receiver.mutex);
    size_t count = receiver.count;
    pthread_mutex_unlock(&receiver.mutex);
    return count;
}

static bool has_received(size_t count)
{
    for (int i = 0; i < 6000; i++) {
        if (received() >= count) return true;
        usleep(10000);
    }
    return false;
}

/* ---- asking ---- */

static char hook[17], secret[65];

static void add(struct live *live, const char *events)
{
    char body[300];
    snprintf(body, sizeof body, "{\"url\":\"http://127.0.0.1:%u/hook\",\"events\":\"%s\"}",
             receiver.port, events);
    assert_int_equal(live_request(live, "POST", "/api/v1/webhooks", body), 201);
    snprintf(hook, sizeof hook, "%s", live_text(live, "webhook"));
    snprintf(secret, sizeof secret, "%s", live_text(live, "secret"));
}

static long of_hook(struct live *live, const char *method, const char *tail)
{
    char path[80];
    snprintf(path, sizeof path, "/api/v1/webhooks/%s%s", hook, tail);
    return live_request(live, method, path, strcmp(method, "POST") ? NULL : "{}");
}

static const json_t *delivery(struct live *live, size_t index)
{
    assert_int_equal(of_hook(live, "GET", "/deliveries"), 200);
    return json_array_get(json_object_get(live->json, "items"), index);
}

static const char *state_of(struct live *live, size_t index)
{
    return json_string_value(json_object_get(delivery(live, index), "state"));
}

static bool becomes(struct live *live, const char *member, json_int_t value)
{
    for (int i = 0; i < 6000; i++) {
        if (json_integer_value(json_object_get(delivery(live, 0), member)) == value) return true;
        usleep(10000);
    }
    return false;
}

static void tick(struct live *live)
{
    app_tick(&live->app);
    for (int i = 0; i < 6000 && atomic_load(&live->app.flushing); i++)
        usleep(10000);
}

static void header(const char *request, const char *name, char *out, size_t size_max)
{
    const char *at = strstr(request, name);
    assert_non_null(at);
    at += strlen(name) + 2;
    snprintf(out, size_max, "%.*s", (int)strcspn(at, "\r"), at);
}

/* As a receiver does it. */
static void assert_signed(const char *request)
{
    char time_text[32], signature[80], text[8192], hex[65];
    uint8_t key[32], digest[32];
    header(request, "Godwit-Timestamp", time_text, sizeof time_text);
    header(request, "Godwit-Signature", signature, sizeof signature);
    snprintf(text, sizeof text, "%s.%s", time_text, strstr(request, "\r\n\r\n") + 4);
    assert_int_equal(godwit_hex_decode(secret, 64, key, 32), GODWIT_OK);
    HMAC(EVP_sha256(), key, 32, (uint8_t *)text, strlen(text), digest, NULL);
    godwit_hex_encode(digest, 32, hex);
    assert_memory_equal(signature, "v1=", 3);
    assert_string_equal(signature + 3, hex);
}

/* While the service is stopped. */
static void at_rest(const struct live *live, const char *sql)
{
    char path[FILE_PATH_MAX], note[100];
    struct db *db;
    folder_path(live->data, "godwit.db", path, sizeof path);
    assert_int_equal(db_open(path, false, &db, note, sizeof note), GODWIT_OK);
    assert_int_equal(db_run(db, sql, NULL, 0), GODWIT_OK);
    db_close(db);
}

/* ---- tests ---- */

static void what_happens_arrives_signed(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    add(live, "image.* device.enrolled");
    live_release(live, "1.1.0");
    tick(live);
    assert_true(has_received(1));
    const char *request = receiver.requests[0];
    assert_memory_equal(request, "POST /hook HTTP/1.1\r\n", 21);
    assert_non_null(strstr(request, "Godwit-Event: image.uploaded\r\n"));
    assert_non_null(strstr(request, "\"object\":\"thermostat 1.1.0\""));
    assert_null(strstr(request, "127.0.0.1\"")); /* where the change came from */
    assert_signed(request);
    char claim[128];
    struct fake_device fake = fake_make(1);
    live_claim(live, 1, claim);
    fake_enrol(live, &fake, claim);
    tick(live);
    assert_true(has_received(2));
    assert_non_null(strstr(receiver.requests[1], "\"event\":\"device.enrolled\""));
    assert_true(becomes(live, "tries", 1));
    assert_string_equal(state_of(live, 0), "delivered");
    assert_int_equal(live_count(live, "select count(*) from webhook_outbox"), 2); /* each once */
}

static void a_failure_is_tried_again(void **state)
{
    struct live *live = *state;
    add(live, "image.*");
    receiver.status = 500;
    live_release(live, "1.0.0");
    tick(live);
    assert_true(has_received(1));
    assert_true(becomes(live, "tries", 1));
    assert_string_equal(state_of(live, 0), "waiting");
    assert_int_equal(json_integer_value(json_object_get(delivery(live, 0), "status")), 500);
    receiver.status = 204;
    live_stop(live);
    at_rest(live, "update webhook_outbox set due = 0");
    live_start(live); /* what waited waits on */
    assert_true(has_received(2));
    char first[40], second[40];
    header(receiver.requests[0], "Godwit-Delivery", first, sizeof first);
    header(receiver.requests[1], "Godwit-Delivery", second, sizeof second);
    assert_string_equal(first, second);
    assert_true(becomes(live, "tries", 2));
    assert_string_equal(state_of(live, 0), "delivered");
}

static void the_test_button(void **state)
{
    struct live *live = *state;
    add(live, "rollout.*");
    assert_int_equal(of_hook(live, "POST", "/test"), 202);
    assert_true(has_received(1));
    assert_non_null(strstr(receiver.requests[0], "\"event\":\"test\""));
    assert_signed(receiver.requests[0]);
}

static long patch(struct live *live, const char *body)
{
    char path[80];
    snprintf(path, sizeof path, "/api/v1/webhooks/%s", hook);
    return live_request(live, "PATCH", path, body);
}

static void paused_it_waits(void **state)
{
    struct live *live = *state;
    add(live, "image.*");
    assert_int_equal(patch(live, "{\"paused\":true}"), 200);
    assert_true(json_is_true(json_object_get(live->json, "paused")));
    live_release(live, "1.0.0");
    tick(live);
    assert_string_equal(state_of(live, 0), "waiting");
    usleep(50000);
    assert_int_equal(received(), 0);
    assert_int_equal(patch(live, "{\"paused\":false}"), 200);
    assert_true(has_received(1));
    assert_non_null(strstr(receiver.requests[0], "image.uploaded"));
}

/* Both secrets sign for a day, then the new one alone. */
static void another_secret(void **state)
{
    struct live *live = *state;
    char former[65], both[160];
    add(live, "image.*");
    memcpy(former, secret, sizeof former);
    assert_int_equal(patch(live, "{\"new_secret\":true}"), 200);
    snprintf(secret, sizeof secret, "%s", live_text(live, "secret"));
    assert_string_not_equal(secret, former);
    assert_int_equal(of_hook(live, "GET", ""), 200);
    assert_null(strstr(live->body, secret));
    assert_int_equal(of_hook(live, "POST", "/test"), 202);
    assert_true(has_received(1));
    header(receiver.requests[0], "Godwit-Signature", both, sizeof both);
    assert_int_equal(strlen(both), 2 * 67 + 2);
    assert_memory_equal(both + 67, ", v1=", 5);
    memmove(strstr(receiver.requests[0], ", v1="), "\r\n          ", 12); /* the first alone */
    assert_signed(receiver.requests[0]);
    assert_true(becomes(live, "tries", 1));
    live_stop(live);
    at_rest(live, "update webhooks set former_until = 1");
    live_start(live);
    assert_int_equal(of_hook(live, "POST", "/test"), 202);
    assert_true(has_received(2));
    assert_signed(receiver.requests[1]);
}

static void edited(void **state)
{
    struct live *live = *state;
    static const struct {
        const char *body;
        long status;
    } CASES[] = {
        {"{}", 422},
        {"{\"url\":\"https://10.0.0.1:22/\"}", 422},
        {"{\"url\":\"https://u@example.com/\",\"paused\":true}", 422},
        {"{\"events\":\"DROP\"}", 422},
        {"{\"paused\":1}", 422},
        {"{\"url\":\"https://example.com/b\",\"events\":\"a.b\"}", 200},
    };
    char etag[90];
    add(live, "image.*");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CASE(i);
        assert_int_equal(patch(live, CASES[i].body), CASES[i].status);
    }
    assert_int_equal(of_hook(live, "GET", ""), 200);
    assert_string_equal(live_text(live, "url"), "https://example.com/b");
    assert_string_equal(live_text(live, "events"), "a.b");
    assert_true(json_is_false(json_object_get(live->json, "paused")));
    snprintf(etag, sizeof etag, "If-Match: %s", live->etag);
    assert_int_equal(patch(live, "{\"events\":\"c.d\"}"), 200);
    char path[80];
    snprintf(path, sizeof path, "/api/v1/webhooks/%s", hook);
    struct call stale = {"DELETE", path, live->admin, etag, NULL, 0};
    assert_int_equal(live_call(live, &stale), 412);
    assert_int_equal(of_hook(live, "DELETE", ""), 200);
    assert_int_equal(patch(live, "{\"events\":\"c.d\"}"), 404);
}

static void removed_and_unknown(void **state)
{
    struct live *live = *state;
    add(live, "*");
    assert_int_equal(of_hook(live, "DELETE", ""), 200);
    assert_int_equal(of_hook(live, "DELETE", ""), 404);
    assert_int_equal(of_hook(live, "GET", "/deliveries"), 404);
    assert_int_equal(of_hook(live, "POST", "/test"), 404);
    live_release(live, "1.0.0");
    tick(live);
    assert_int_equal(received(), 0);
    assert_int_equal(live_count(live, "select count(*) from webhook_outbox"), 0);
}

static void asked_wrongly(void **state)
{
    struct live *live = *state;
    static const struct {
        const char *body, *type;
    } CASES[] = {
        {"{\"url\":\"https://u@example.com/\"}", "bad-webhook"},
        {"{\"url\":\"ftp://example.com/\"}", "bad-webhook"},
        {"{\"url\":\"https://example.com/ x\"}", "bad-webhook"},
        {"{\"url\":\"https://example.com/\",\"events\":\" \"}", "malformed"},
        {"{\"url\":\"https://example.com/\",\"events\":\"DROP\"}", "malformed"},
        {"{\"events\":\"*\"}", "malformed"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        assert_int_equal(live_request(live, "POST", "/api/v1/webhooks", CASES[i].body), 422);
        assert_string_equal(live_text(live, "type"), CASES[i].type);
    }
    for (int i = 0; i < WEBHOOKS_MAX; i++)
        add(live, "*");
    assert_int_equal(
        live_request(live, "POST", "/api/v1/webhooks", "{\"url\":\"https://example.com/\"}"), 409);
    assert_int_equal(live_request(live, "GET", "/api/v1/webhooks", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(live->json, "items")), WEBHOOKS_MAX);
    assert_null(strstr(live->body, "secret"));
}

static void events_by_name(void **state)
{
    (void)state;
    assert_true(webhook_wants("*", "rollout.created"));
    assert_true(webhook_wants("a.b rollout.*", "rollout.created"));
    assert_true(webhook_wants("a.b rollout.created", "rollout.created"));
    assert_false(webhook_wants("a.b rollout", "rollout.created"));
    assert_false(webhook_wants("rollout.created.x", "rollout.created"));
    assert_false(webhook_wants("", "rollout.created"));
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE(what_happens_arrives_signed),
        LIVE(a_failure_is_tried_again),
        LIVE(the_test_button),
        LIVE(paused_it_waits),
        LIVE(another_secret),
        LIVE(edited),
        LIVE(removed_and_unknown),
        LIVE(asked_wrongly),
        cmocka_unit_test(events_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
