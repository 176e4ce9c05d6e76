/* The network port against a real nginx over TLS: trust, framing, ranges and back pressure. */
#include "case.h"
#include "nginx.h"

static void test_trust_by_spki(void **state)
{
    (void)state;
    static const struct {
        enum site site;
        const char *known; /* whose key the device knows */
        bool is_trusted;
    } ROWS[] = {
        {GOOD, "ours", true},       {GOOD, "other", false},      {UNKNOWN, "ours", false},
        {UNKNOWN, "other", true},   {DRESSED_UP, "ours", false}, {DRESSED_UP, "other", true},
        {ELSEWHERE, "ours", false}, {GOOD, "good", false}, /* the leaf's key is no CA's */
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        struct host_trust trust = trust_by_spki(ROWS[i].known);
        int status;
        godwit_err err = status_of(ROWS[i].site, &trust, &status);
        if ((err == GODWIT_ERR_END && status == 200) != ROWS[i].is_trusted)
            fail_msg("site %s, known %s: err %d, status %d", SITE_NAMES[ROWS[i].site],
                     ROWS[i].known, err, status);
        if (!ROWS[i].is_trusted) assert_int_equal(err, GODWIT_ERR_NET);
    }
}

static void test_trust_by_file(void **state)
{
    (void)state;
    char ca[128];
    int status;
    struct host_trust trust = {.ca_path = ca};
    snprintf(ca, sizeof ca, "%s/ours.crt", folder);
    assert_int_equal(status_of(GOOD, &trust, &status), GODWIT_ERR_END);
    assert_int_equal(status, 200);
    assert_int_equal(status_of(UNKNOWN, &trust, &status), GODWIT_ERR_NET);
    assert_int_equal(status_of(DRESSED_UP, &trust, &status), GODWIT_ERR_NET);
    assert_int_equal(status_of(ELSEWHERE, &trust, &status), GODWIT_ERR_NET);
}

static void test_request_and_reply(void **state)
{
    (void)state;
    struct host_trust trust = trust_by_spki("ours");
    struct client client;
    char data[512];
    size_t size;
    struct godwit_reply reply;
    client_open(&client, GOOD, &trust);

    const struct godwit_request post = {
        .method = "POST", .path = "/echo", .bearer = "abc", .body = "{}", .body_size = 2};
    assert_int_equal(client_call(&client, &post, data, sizeof data, &size, &reply), GODWIT_ERR_END);
    data[size] = '\0';
    assert_starts_with(data, "POST|Bearer abc|||application/json|");
    assert_int_equal(reply.content_length, size);
    char connection[16];
    snprintf(connection, sizeof connection, "%s", strrchr(data, '|'));

    const struct godwit_request range = {
        .method = "GET", .path = "/echo", .use_range = true, .range_from = 5, .if_range = "e"};
    assert_int_equal(client_call(&client, &range, data, sizeof data, &size, &reply),
                     GODWIT_ERR_END);
    data[size] = '\0';
    assert_starts_with(data, "GET||bytes=5-|\"e\"||");
    /* nginx numbers connections: the second request came over the first one's. */
    assert_string_equal(strrchr(data, '|'), connection);

    const struct godwit_request busy = {.method = "GET", .path = "/busy"};
    assert_int_equal(client_call(&client, &busy, data, sizeof data, &size, &reply), GODWIT_ERR_END);
    assert_int_equal(reply.status, 503);
    assert_int_equal(reply.retry_after_s, 7);
    assert_string_equal(client.net.failure, "the server replied 503");

    const struct godwit_request torn = {.method = "GET", .path = "/torn"};
    assert_int_equal(client_call(&client, &torn, data, sizeof data, &size, &reply), GODWIT_ERR_NET);
    assert_true(client.net.failure[0]);
    assert_int_equal(client.net.replies, 2); /* each request counts once, as it ended */
    assert_int_equal(client.net.failures, 2);
    client_close(&client);
}

static void test_content_range(void **state)
{
    (void)state;
    struct host_trust trust = trust_by_spki("ours");
    struct client client;
    char data[64];
    size_t size;
    struct godwit_reply reply;
    client_open(&client, GOOD, &trust);
    const struct godwit_request request = {
        .method = "GET", .path = "/big", .use_range = true, .range_from = BIG_SIZE - 8};
    assert_int_equal(client_call(&client, &request, data, sizeof data, &size, &reply),
                     GODWIT_ERR_END);
    assert_int_equal(reply.status, 206);
    assert_int_equal(reply.range_from, BIG_SIZE - 8);
    assert_int_equal(reply.range_total, BIG_SIZE);
    assert_int_equal(reply.content_length, 8);
    assert_int_equal(size, 8);
    assert_int_equal(godwit_load32((uint8_t *)data), BIG_SIZE / 4 - 2);

    const struct godwit_request beyond = {
        .method = "GET", .path = "/big", .use_range = true, .range_from = BIG_SIZE};
    assert_int_equal(client_call(&client, &beyond, data, 1, &size, &reply), GODWIT_OK);
    assert_int_equal(reply.status, 416);
    client_close(&client);
}

/* A reader that stops holds the sender back instead of filling memory, and loses nothing. */
static void test_back_pressure(void **state)
{
    (void)state;
    struct host_trust trust = trust_by_spki("ours");
    struct client client;
    static uint8_t data[4096];
    struct godwit_reply reply;
    struct rusage before, after;
    const struct godwit_request request = {.method = "GET", .path = "/big"};
    client_open(&client, GOOD, &trust);
    const struct godwit_net *net = &client.net.port;
    assert_int_equal(net->start(net->ctx, &request), GODWIT_OK);
    for (int i = 0; i < 20; i++)
        host_net_pool_run(client.pool, 10);
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 50; i++)
        host_net_pool_run(client.pool, 10); /* nobody reads */
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 4096); /* KiB; the file has 24 MiB */

    uint32_t expected = 0;
    godwit_err err = GODWIT_OK;
    while (!err) {
        size_t size;
        err = net->read(net->ctx, data, sizeof data, &size, &reply);
        assert_int_equal(size % 4, 0);
        for (size_t i = 0; i < size; i += 4) {
            CASE(i);
            if (godwit_load32(data + i) != expected++) fail_msg("byte %u differs", expected * 4);
        }
        if (!err && !size) host_net_pool_run(client.pool, 100);
    }
    assert_int_equal(err, GODWIT_ERR_END);
    assert_int_equal(expected, BIG_SIZE / 4);
    client_close(&client);
}

static void test_close_in_the_middle(void **state)
{
    (void)state;
    struct host_trust trust = trust_by_spki("ours");
    struct client client;
    char data[4096];
    size_t size;
    struct godwit_reply reply;
    const struct godwit_request big = {.method = "GET", .path = "/big"};
    const struct godwit_request echo = {.method = "GET", .path = "/echo"};
    client_open(&client, GOOD, &trust);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(client_call(&client, &big, data, sizeof data, &size, &reply), GODWIT_OK);
        client.net.port.close(client.net.port.ctx);
        client.net.port.close(client.net.port.ctx);
        assert_int_equal(
            client.net.port.read(client.net.port.ctx, (uint8_t *)data, 1, &size, &reply),
            GODWIT_ERR_NET);
        assert_int_equal(client_call(&client, &echo, data, sizeof data, &size, &reply),
                         GODWIT_ERR_END);
        assert_starts_with(data, "GET|");
    }
    client_close(&client);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    struct host_trust trust = trust_by_spki("ours");
    int kept = ports[GOOD], status;
    ports[GOOD] = free_port();
    assert_int_equal(status_of(GOOD, &trust, &status), GODWIT_ERR_NET);
    ports[GOOD] = kept;
}

static void test_token(void **state)
{
    (void)state;
    struct host_trust trust;
    static const char GOOD_TOKEN[] = "gw1.x.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    assert_int_equal(host_trust_from_token(&trust, GOOD_TOKEN), GODWIT_OK);
    for (uint8_t i = 0; i < 32; i++) {
        CASE(i);
        assert_int_equal(trust.ca_sha256[0][i], i);
    }
    static const char *const BAD[] = {"",
                                      "gw1",
                                      "gw1.",
                                      "gw1..AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                                      "gw2.x.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                                      "gw1.x.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh",
                                      "gw1.x.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh88",
                                      "gw1.x.+AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        CASE(i);
        assert_int_equal(host_trust_from_token(&trust, BAD[i]), GODWIT_ERR_FORMAT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_trust_by_spki),
        cmocka_unit_test(test_trust_by_file),
        cmocka_unit_test(test_request_and_reply),
        cmocka_unit_test(test_content_range),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_close_in_the_middle),
        cmocka_unit_test(test_nobody_listens),
    };
    return cmocka_run_group_tests(tests, peer_start, peer_stop);
}
