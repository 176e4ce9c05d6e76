/* What a certificate lets a device do, and what not; by the pure verdict, and at a live server. */
#include "server/device_certificate.h"

#include "case.h"
#include "fake_device.h"

#define NOW_S 1800000000
#define ID_ONE "7cdfa1000001"

/* ---- the verdict ---- */

static enum certificate_verdict judge(enum client_state state, int64_t from_s, int64_t until_s,
                                      bool is_required, bool is_doubted)
{
    const struct http_client client = {.state = state, .from_s = from_s, .until_s = until_s};
    const struct certificate_facts facts = {&client, is_required, is_doubted, NOW_S};
    return certificate_judge(&facts);
}

static void the_verdict(void **state)
{
    (void)state;
    static const struct {
        enum client_state state;
        enum certificate_verdict verdict;
    } ROWS[] = {
        {CLIENT_GOOD, CERTIFICATE_GOOD},         {CLIENT_UNTRUSTED, CERTIFICATE_UNTRUSTED},
        {CLIENT_REVOKED, CERTIFICATE_REVOKED},   {CLIENT_PURPOSE, CERTIFICATE_PURPOSE},
        {CLIENT_NAMELESS, CERTIFICATE_NAMELESS}, {CLIENT_STALE, CERTIFICATE_STALE},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        for (unsigned flags = 0; flags < 4; flags++) {
            CASE(i);
            assert_int_equal(judge(ROWS[i].state, NOW_S, NOW_S, flags & 1, flags & 2),
                             ROWS[i].verdict);
        }
    assert_int_equal(judge(CLIENT_NONE, 0, 0, false, false), CERTIFICATE_ABSENT);
    assert_int_equal(judge(CLIENT_NONE, 0, 0, true, false), CERTIFICATE_NEEDED);
    assert_int_equal(judge(CLIENT_NONE, 0, 0, true, true), CERTIFICATE_NEEDED);
}

/* By a clock that is doubted nothing is refused for its dates. */
static void dates(void **state)
{
    (void)state;
    assert_int_equal(judge(CLIENT_GOOD, NOW_S + 1, NOW_S + 9, false, false), CERTIFICATE_EARLY);
    assert_int_equal(judge(CLIENT_GOOD, NOW_S, NOW_S, false, false), CERTIFICATE_GOOD);
    assert_int_equal(judge(CLIENT_GOOD, 0, NOW_S - 1, false, false), CERTIFICATE_EXPIRED);
    assert_int_equal(judge(CLIENT_GOOD, NOW_S + 1, NOW_S + 9, false, true), CERTIFICATE_GOOD);
    assert_int_equal(judge(CLIENT_GOOD, 0, NOW_S - 1, false, true), CERTIFICATE_GOOD);
    /* Dates that can not be read are over. */
    assert_int_equal(judge(CLIENT_GOOD, INT64_MAX, INT64_MIN, false, false), CERTIFICATE_EARLY);
}

/* ---- a live server ---- */

static char ca[128], crl[128];

static void shell(const struct live *live, const char *command)
{
    char whole[1500];
    snprintf(whole, sizeof whole, "cd %s && { %s; } 2>log", live->dir, command);
    assert_int_equal(system(whole), 0); /* NOLINT: fixed commands of this test */
}

static int setup(void **state)
{
    live_setup(state);
    struct live *live = *state;
    live_stop(live);
    folder_path(live->dir, "maker.pem", ca, sizeof ca);
    folder_path(live->dir, "maker.crl", crl, sizeof crl);
    shell(live,
          "new='openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30';"
          "$new -keyout maker.key -out maker.pem -subj /CN=Maker && for n in 1 2; do $new "
          "-CA maker.pem -CAkey maker.key -keyout $n.key -out $n.pem -subj /CN=7cdfa100000$n "
          "-addext basicConstraints=critical,CA:FALSE || exit 1; done; printf '[ca]\\n"
          "default_ca=m\\n[m]\\ndatabase=index\\ncertificate=maker.pem\\nprivate_key=maker.key\\n"
          "default_md=sha256\\ndefault_crl_days=9\\n' >cnf; touch index;"
          "openssl ca -config cnf -gencrl -out maker.crl");
    live->settings.device_ca = ca;
    live->settings.device_crl = crl;
    live_start(live);
    live_release(live, "1.0.0");
    return 0;
}

/* The certificate of this device on all connections from now on; 0: none. */
static void prove(struct live *live, unsigned n)
{
    static char proof[128], key[128];
    folder_path(live->dir, n == 1 ? "1.pem" : "2.pem", proof, sizeof proof);
    folder_path(live->dir, n == 1 ? "1.key" : "2.key", key, sizeof key);
    live->proof = n ? proof : NULL;
    live->proof_key = n ? key : NULL;
}

static void assert_refused(struct live *live, long status, int expected, const char *type)
{
    assert_int_equal(status, expected);
    assert_string_equal(live_text(live, "type"), type);
    assert_true(strlen(live_text(live, "detail")) > 20);
}

static void joins_without_a_claim(void **state)
{
    struct live *live = *state;
    struct fake_device fake = fake_make(1), other = fake_make(2);
    assert_refused(live, fake_checkin(live, &fake, fake.bearer), 401, "unknown-token");
    prove(live, 1);
    memcpy(fake.checkin.project, "unknown", 8);
    assert_refused(live, fake_checkin(live, &fake, fake.bearer), 403, "no-product");
    memcpy(fake.checkin.project, "thermostat", 11);
    assert_refused(live, fake_checkin(live, &other, other.bearer), 403, "certificate-other");
    assert_int_equal(live_count(live, "select count(*) from devices"), 0);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_true(fake.reply.has_instruction);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(live_count(live, "select count(*) from devices"), 1);
    assert_int_equal(live_count(live, "select count(*) from events where kind = 0 and detail ="
                                      " 'by its certificate'"),
                     1);
    prove(live, 0); /* it has joined, and its token is as good as any */
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    live->settings.device_ca_required = true;
    assert_refused(live, fake_checkin(live, &fake, fake.bearer), 403, "certificate-needed");
    prove(live, 1);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
}

static void speaks_for_one_device(void **state)
{
    struct live *live = *state;
    char claim[128];
    struct fake_device fake = fake_make(1), other = fake_make(2);
    live_claim(live, 2, claim);
    fake_enrol(live, &other, claim);
    prove(live, 1);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    /* The other's id, its token, both; a claim for it. */
    assert_refused(live, fake_checkin(live, &other, other.bearer), 403, "certificate-other");
    assert_refused(live, fake_checkin(live, &other, fake.bearer), 403, "certificate-other");
    assert_refused(live, fake_checkin(live, &fake, other.bearer), 401, "token-taken");
    other.checkin.has_token = true;
    assert_refused(live, fake_checkin(live, &other, claim), 403, "certificate-other");
    other.checkin.has_token = false;
    /* Its image. */
    prove(live, 0);
    live_release(live, "1.1.0");
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                  "{\"product\":\"thermostat\",\"version\":\"1.1.0\"}"),
                     201);
    assert_int_equal(fake_checkin(live, &other, other.bearer), 200);
    assert_true(fake_is_offered(&other));
    assert_int_equal(fake_fetch(live, &other, NULL), 200);
    prove(live, 1);
    assert_refused(live, fake_fetch(live, &other, NULL), 403, "certificate-other");
    prove(live, 2);
    assert_int_equal(fake_fetch(live, &other, NULL), 200);
}

/* Whoever has the certificate and another token is not let in under a device that has joined. */
static void another_token_waits(void **state)
{
    struct live *live = *state;
    struct fake_device fake = fake_make(1), again = fake_make(1);
    memset(again.checkin.token, 0x55, sizeof again.checkin.token);
    godwit_hex_encode(again.checkin.token, sizeof again.checkin.token, again.bearer);
    prove(live, 1);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(fake_checkin(live, &again, again.bearer), 200);
    assert_true(again.reply.pending);
    assert_false(again.reply.has_instruction);
    assert_int_equal(live_count(live, "select count(*) from pending_tokens"), 1);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_true(fake.reply.has_instruction);
}

static void retired(void **state)
{
    struct live *live = *state;
    struct fake_device fake = fake_make(1);
    prove(live, 1);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(live_request(live, "POST", "/api/v1/devices/" ID_ONE "/retire", NULL), 200);
    assert_refused(live, fake_checkin(live, &fake, fake.bearer), 401, "rejected");
    assert_int_equal(live_count(live, "select count(*) from devices"), 1);
}

static void *ask_held(void *ctx)
{
    struct live *live = ctx;
    struct fake_device fake = fake_make(1);
    fake.header = "Prefer: wait=100";
    fake.checkin.has_token = false;
    fake.checkin.nonce[1] = 9;
    (void)fake_checkin(live, &fake, fake.bearer);
    return NULL;
}

/* While its certificate is revoked; it is answered by what wakes it, and not with an instruction.
 */
static void held(void **state)
{
    struct live *live = *state;
    static struct live second; /* another connection */
    pthread_t thread;
    struct fake_device fake = fake_make(1);
    prove(live, 1);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    second = *live;
    second.curl = curl_easy_init();
    second.body = NULL;
    second.json = NULL;
    pthread_create(&thread, NULL, ask_held, &second);
    while (!waiting_count(live->app.waiting))
        ;
    shell(live, "openssl ca -config cnf -revoke 1.pem && openssl ca -config cnf -gencrl -out new "
                "&& mv new maker.crl");
    device_trust_tick(&live->app, live->server, false);
    live_release(live, "1.1.0");
    prove(live, 0);
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                  "{\"product\":\"thermostat\",\"version\":\"1.1.0\"}"),
                     201);
    pthread_join(thread, NULL);
    assert_refused(&second, second.status, 503, "certificate-stale");
    assert_string_equal(second.retry, "1");
    prove(live, 1);
    unsigned tries = 0;
    while (fake_checkin(live, &fake, fake.bearer) == 503 && tries < 10)
        tries++;
    assert_refused(live, live->status, 403, "certificate-revoked");
    curl_easy_cleanup(second.curl);
    free(second.body);
    json_decref(second.json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict),
        cmocka_unit_test(dates),
        cmocka_unit_test_setup_teardown(joins_without_a_claim, setup, live_teardown),
        cmocka_unit_test_setup_teardown(speaks_for_one_device, setup, live_teardown),
        cmocka_unit_test_setup_teardown(another_token_waits, setup, live_teardown),
        cmocka_unit_test_setup_teardown(retired, setup, live_teardown),
        cmocka_unit_test_setup_teardown(held, setup, live_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
