/* Each rule of trust against a TLS server in a thread of this process, with certificates and a
 * clock made for the row. */
#include "case.h"
#include "fixture.h"

/* One row: who is known is always the CA. */
struct row {
    const char *what;
    struct wanted ca, middle, leaf; /* middle.name NULL: none */
    long clock_s;                   /* 0: NOW_S */
    bool is_believed;
};

static const struct row ROWS[] = {
    {"all good", .is_believed = true},
    {"the leaf has ended", .leaf = {.to_s = YESTERDAY}},
    {"the leaf begins tomorrow", .leaf = {.from_s = TOMORROW}},
    {"the CA has ended", .ca = {.to_s = YESTERDAY}, .is_believed = true},
    {"the CA begins tomorrow", .ca = {.from_s = TOMORROW}, .is_believed = true},
    {"both have ended", .ca = {.to_s = YESTERDAY}, .leaf = {.to_s = YESTERDAY}},
    {"a CA between", .middle = {.name = "middle", .is_ca = true}, .is_believed = true},
    {"a CA between has ended", .middle = {.name = "middle", .is_ca = true, .to_s = YESTERDAY}},
    {"a CA between, the known one has ended", .ca = {.to_s = YESTERDAY},
     .middle = {.name = "middle", .is_ca = true}, .is_believed = true},
    {"one that is no CA between", .middle = {.name = "middle"}},
    {"another address", .leaf = {.names = "IP:127.0.0.2"}},
    {"a name, no address", .leaf = {.names = "DNS:localhost"}},
    {"the address as a name", .leaf = {.names = "DNS:127.0.0.1"}},
    {"no name but the subject", .leaf = {.name = "127.0.0.1", .names = "URI:https://127.0.0.1"}},
    {"among several names", .leaf = {.names = "DNS:a.example,IP:10.0.0.1,IP:127.0.0.1"},
     .is_believed = true},
    {"for servers", .leaf = {.usage = "serverAuth"}, .is_believed = true},
    {"for clients only", .leaf = {.usage = "clientAuth"}},
    {"no clock", .clock_s = 1, .is_believed = true},
    {"no clock, the leaf begins after the build", .clock_s = 1, .leaf = {.from_s = YESTERDAY},
     .is_believed = true},
    {"no clock, the leaf ended before the build", .clock_s = 1,
     .leaf = {.to_s = HOST_BUILT_S - DAY_S}},
    {"no clock, the leaf ended after the build", .clock_s = 1,
     .leaf = {.to_s = HOST_BUILT_S + DAY_S}, .is_believed = true},
    {"no clock, another address", .clock_s = 1, .leaf = {.names = "IP:127.0.0.2"}},
    {"ten years later", .clock_s = FAR_AHEAD - DAY_S, .is_believed = true},
    {"the day after", .clock_s = FAR_AHEAD + DAY_S},
};

static void each_rule_holds(void **state)
{
    (void)state;
    struct site site;
    site_open(&site, 0);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        struct wanted wanted = ROWS[i].ca;
        struct client client;
        struct host_trust trust = {0};
        wanted.name = "CA";
        wanted.is_ca = true;
        struct identity ca = make(&wanted), middle = {NULL, NULL};
        wanted = ROWS[i].middle;
        wanted.issuer = &ca;
        if (wanted.name) middle = make(&wanted);
        wanted = ROWS[i].leaf;
        if (!wanted.name) wanted.name = "leaf";
        wanted.issuer = middle.cert ? &middle : &ca;
        if (!wanted.names) wanted.names = "IP:127.0.0.1";
        struct identity leaf = make(&wanted);
        show(&site, &leaf, (X509 *[]){ca.cert, middle.cert, NULL});
        pin(trust.ca_sha256[0], &ca);
        client_open(&client, &site, "127.0.0.1", &trust, ROWS[i].clock_s ? ROWS[i].clock_s : NOW_S);
        int requests = site.requests;
        if (ask(&client, NULL) != ROWS[i].is_believed)
            fail_msg("%s: %s", ROWS[i].what, client.net.failure);
        assert_int_equal(site.requests - requests, ROWS[i].is_believed); /* not a byte of it */
        client_close(&client);
        drop(&leaf), drop(&middle), drop(&ca);
    }
    site_close(&site);
}

static void only_the_known_key_is_the_ca(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct identity ca = ca_of("CA"), same_name = ca_of("CA");
    struct identity leaf = leaf_of(&ca), impostor = leaf_of(&same_name);
    struct identity self = make(&(struct wanted){.name = "leaf", .names = "IP:127.0.0.1"});
    struct identity self_ca =
        make(&(struct wanted){.name = "leaf", .names = "IP:127.0.0.1", .is_ca = true});
    struct identity by_leaf = leaf_of(&leaf);
    const struct {
        const char *what;
        const struct identity *leaf;
        X509 *chain[4];
        bool is_believed;
    } rows[] = {
        {"the CA is sent", &leaf, {ca.cert}, true},
        {"the CA is not sent", &leaf, {NULL}, false},
        {"it stands among others", &leaf, {same_name.cert, ca.cert}, true},
        {"another CA of the same name", &impostor, {same_name.cert}, false},
        {"… and the known one beside it", &impostor, {same_name.cert, ca.cert}, false},
        {"by itself", &self, {NULL}, false},
        {"by itself, and the known CA beside it", &self, {ca.cert}, false},
        {"by itself, and says it is a CA", &self_ca, {ca.cert}, false},
        {"by a leaf of the known CA", &by_leaf, {leaf.cert, ca.cert}, false},
    };
    struct host_trust trust = {0};
    pin(trust.ca_sha256[0], &ca);
    site_open(&site, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        show(&site, rows[i].leaf, rows[i].chain);
        client_open(&client, &site, "127.0.0.1", &trust, NOW_S);
        if (ask(&client, NULL) != rows[i].is_believed)
            fail_msg("%s: %s", rows[i].what, client.net.failure);
        client_close(&client);
    }
    /* Nobody is known: nobody is believed. */
    memset(&trust, 0, sizeof trust);
    show(&site, &leaf, (X509 *[]){ca.cert, NULL});
    client_open(&client, &site, "127.0.0.1", &trust, NOW_S);
    assert_false(ask(&client, NULL));
    client_close(&client);
    site_close(&site);
    drop(&ca), drop(&same_name), drop(&leaf), drop(&impostor);
    drop(&self), drop(&self_ca), drop(&by_leaf);
}

/* The known key in the leaf itself: it must be a CA's, and then its dates are a leaf's. */
static void the_known_key_may_be_the_leafs(void **state)
{
    (void)state;
    static const struct {
        bool is_ca;
        long to_s;
        bool is_believed;
    } rows[] = {{false, 0, false}, {true, 0, true}, {true, YESTERDAY, false}};
    struct site site;
    site_open(&site, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        struct client client;
        struct host_trust trust = {0};
        struct identity leaf = make(&(struct wanted){
            .name = "leaf", .names = "IP:127.0.0.1", .is_ca = rows[i].is_ca, .to_s = rows[i].to_s});
        pin(trust.ca_sha256[0], &leaf);
        show(&site, &leaf, NULL);
        client_open(&client, &site, "127.0.0.1", &trust, NOW_S);
        if (ask(&client, NULL) != rows[i].is_believed)
            fail_msg("row %zu: %s", i, client.net.failure);
        client_close(&client);
        drop(&leaf);
    }
    site_close(&site);
}

/* a → b: before the switch, behind it, and who is believed when. */
static void the_next_ca_is_noticed(void **state)
{
    (void)state;
    struct site site;
    struct identity a = ca_of("CA"), b = ca_of("CA"), leaf_a = leaf_of(&a), leaf_b = leaf_of(&b);
    struct identity cross =
        make(&(struct wanted){.name = "CA", .issuer = &a, .key = b.key, .is_ca = true});
    const struct {
        const struct identity *leaf;
        X509 *chain[3];
        const struct identity *present, *next;
        bool is_believed, is_by_next;
    } rows[] = {
        {&leaf_a, {a.cert}, &a, &b, true, false},
        {&leaf_a, {a.cert}, &b, NULL, false, false},            /* revoked: no anchor any more */
        {&leaf_b, {cross.cert, a.cert}, &a, NULL, true, false}, /* slept */
        {&leaf_b, {cross.cert, a.cert}, &a, &b, true, true},
        {&leaf_b, {cross.cert, a.cert}, &b, NULL, true, false}, /* has changed */
        {&leaf_b, {b.cert}, &a, &b, true, true},                /* without a cross */
        {&leaf_b, {b.cert}, &a, NULL, false, false},
        {&leaf_a, {cross.cert, a.cert}, &b, NULL, false, false}, /* the former one dressed up */
        {&leaf_a, {a.cert, b.cert}, &a, &b, true, false},        /* b beside it proves nothing */
    };
    site_open(&site, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        struct client client;
        bool is_by_next;
        show(&site, rows[i].leaf, rows[i].chain);
        client_open(&client, &site, "127.0.0.1", &(struct host_trust){0}, NOW_S);
        trust_now(&client, rows[i].present, rows[i].next);
        if (ask(&client, &is_by_next) != rows[i].is_believed)
            fail_msg("row %zu: %s", i, client.net.failure);
        if (rows[i].is_believed && is_by_next != rows[i].is_by_next) fail_msg("row %zu", i);
        client_close(&client);
    }
    site_close(&site);
    drop(&a), drop(&b), drop(&leaf_a), drop(&leaf_b), drop(&cross);
}

/* What was proven to one trust is not handed to another: no session, no kept connection. */
static void a_changed_trust_proves_anew(void **state)
{
    (void)state;
    struct identity a = ca_of("CA"), b = ca_of("CA"), leaf = leaf_of(&a);
    for (int round = 0; round < 4; round++) {
        struct site site;
        struct client client;
        bool is_by_next;
        site_open(&site, round & 1 ? TLS1_2_VERSION : 0);
        site.keeps = round & 2;
        show(&site, &leaf, (X509 *[]){a.cert, NULL});
        client_open(&client, &site, "127.0.0.1", &(struct host_trust){0}, NOW_S);
        trust_now(&client, &b, &a);
        for (int i = 0; i < 3; i++) { /* also resumed or kept, it is the next one's word */
            assert_true(ask(&client, &is_by_next));
            assert_true(is_by_next);
        }
        int proven = site.handshakes - site.resumed;
        if (!site.keeps) assert_in_range(site.resumed, 1, 2); /* the test sees resumption at work */
        if (site.keeps) assert_int_equal(site.handshakes, 1);
        trust_now(&client, &a, NULL);
        assert_true(ask(&client, &is_by_next));
        assert_false(is_by_next);
        assert_int_equal(site.handshakes - site.resumed, proven + 1);
        int requests = site.requests;
        trust_now(&client, &b, NULL);
        assert_false(ask(&client, NULL));
        assert_int_equal(site.requests, requests);
        client_close(&client);
        site_close(&site);
    }
    drop(&a), drop(&b), drop(&leaf);
}

/* The CA as a file, as a developer gives it, until the journal knows a CA. */
static void a_file_is_the_present_one(void **state)
{
    (void)state;
    char path[] = "/tmp/godwit-trust-XXXXXX";
    struct site site;
    struct client client;
    bool is_by_next;
    struct identity old = make(&(struct wanted){.name = "CA", .is_ca = true, .to_s = YESTERDAY});
    struct identity b = ca_of("CA"), leaf = leaf_of(&old), leaf_b = leaf_of(&b);
    FILE *file = fdopen(mkstemp(path), "w");
    PEM_write_X509(file, old.cert);
    fclose(file);
    site_open(&site, 0);
    SSL_CTX_set_num_tickets(site.ctx, 0); /* each connection proves itself */
    show(&site, &leaf, NULL);             /* the CA itself is not sent */
    client_open(&client, &site, "127.0.0.1", &(struct host_trust){.ca_path = path}, NOW_S);
    assert_true(ask(&client, NULL));
    trust_now(&client, NULL, &b);
    assert_true(ask(&client, &is_by_next));
    assert_false(is_by_next);
    show(&site, &leaf_b, (X509 *[]){b.cert, NULL});
    assert_true(ask(&client, &is_by_next));
    assert_true(is_by_next);
    trust_now(&client, &b, NULL);
    assert_true(ask(&client, NULL));
    show(&site, &leaf, NULL);
    trust_now(&client, &b, NULL);
    assert_false(ask(&client, NULL)); /* the file is the former one now */
    client_close(&client);
    site_close(&site);
    unlink(path);
    drop(&old), drop(&b), drop(&leaf), drop(&leaf_b);
}

static void weak_protocols_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what, *ciphers;
        int version;
        bool is_believed;
    } rows[] = {
        {"TLS 1.3", NULL, TLS1_3_VERSION, true},
        {"TLS 1.2, AEAD", "ECDHE-ECDSA-AES128-GCM-SHA256", TLS1_2_VERSION, true},
        {"TLS 1.2, ChaCha", "ECDHE-ECDSA-CHACHA20-POLY1305", TLS1_2_VERSION, true},
        {"TLS 1.2, CBC", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA", TLS1_2_VERSION, false},
        {"TLS 1.2, no encryption", "ECDHE-ECDSA-NULL-SHA:eNULL", TLS1_2_VERSION, false},
        {"TLS 1.1", "ALL:@SECLEVEL=0", TLS1_1_VERSION, false},
        {"TLS 1.0", "ALL:@SECLEVEL=0", TLS1_VERSION, false},
    };
    struct identity ca = ca_of("CA"), leaf = leaf_of(&ca);
    struct host_trust trust = {0};
    pin(trust.ca_sha256[0], &ca);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        struct site site;
        struct client client;
        site_open(&site, rows[i].version);
        SSL_CTX_set_min_proto_version(site.ctx, rows[i].version < TLS1_2_VERSION ? TLS1_VERSION
                                                                                 : rows[i].version);
        if (rows[i].ciphers)
            assert_int_equal(SSL_CTX_set_cipher_list(site.ctx, rows[i].ciphers), 1);
        show(&site, &leaf, (X509 *[]){ca.cert, NULL});
        client_open(&client, &site, "127.0.0.1", &trust, NOW_S);
        if (ask(&client, NULL) != rows[i].is_believed)
            fail_msg("%s: %s", rows[i].what, client.net.failure);
        client_close(&client);
        site_close(&site);
    }
    drop(&ca), drop(&leaf);
}

static void renegotiation_is_declined(void **state)
{
    (void)state;
    struct identity ca = ca_of("CA"), leaf = leaf_of(&ca);
    struct host_trust trust = {0};
    struct site site;
    struct client client;
    pin(trust.ca_sha256[0], &ca);
    site_open(&site, TLS1_2_VERSION);
    site.renegotiates = true;
    show(&site, &leaf, (X509 *[]){ca.cert, NULL});
    client_open(&client, &site, "127.0.0.1", &trust, NOW_S);
    assert_false(ask(&client, NULL));
    client_close(&client);
    site_close(&site);
    assert_int_equal(site.requests, 1);
    assert_int_equal(site.hellos, 1);
    drop(&ca), drop(&leaf);
}

/* A reply to a request says its length: by whom the connection was ended is anybody's guess. */
static void a_reply_without_a_length_is_a_break(void **state)
{
    (void)state;
    static const struct {
        const char *says, *body;
        bool is_answered;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok", "{}", false},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok", NULL, true}, /* measured otherwise */
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", "{}", true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok", "{}", false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "{}", true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "{}", false},
    };
    struct identity ca = ca_of("CA"), leaf = leaf_of(&ca);
    struct host_trust trust = {0};
    pin(trust.ca_sha256[0], &ca);
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        CASE(i);
        struct site site;
        struct client client;
        site_open(&site, 0);
        site.says = rows[i / 2].says;
        site.is_rude = i % 2;
        show(&site, &leaf, (X509 *[]){ca.cert, NULL});
        client_open(&client, &site, "127.0.0.1", &trust, NOW_S);
        client.body = rows[i / 2].body;
        if (ask(&client, NULL) != rows[i / 2].is_answered)
            fail_msg("row %zu: %s", i, client.net.failure);
        client_close(&client);
        site_close(&site);
    }
    drop(&ca), drop(&leaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_holds),
        cmocka_unit_test(only_the_known_key_is_the_ca),
        cmocka_unit_test(the_known_key_may_be_the_leafs),
        cmocka_unit_test(the_next_ca_is_noticed),
        cmocka_unit_test(a_changed_trust_proves_anew),
        cmocka_unit_test(a_file_is_the_present_one),
        cmocka_unit_test(weak_protocols_are_refused),
        cmocka_unit_test(renegotiation_is_declined),
        cmocka_unit_test(a_reply_without_a_length_is_a_break),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
