/* Over the wire: claim tokens that end, and the factory list. */
#include "fake_device.h"
#include "fleet/claim.h"
#include "server/secret.h"

static char token[128], mark[17];

static void make(struct live *live, const char *body)
{
    assert_int_equal(live_request(live, "POST", "/api/v1/claims", body), 201);
    snprintf(token, sizeof token, "%s", live_text(live, "token"));
    snprintf(mark, sizeof mark, "%s", live_text(live, "claim"));
}

static const json_t *first_claim(struct live *live)
{
    assert_int_equal(live_request(live, "GET", "/api/v1/claims", NULL), 200);
    return json_array_get(json_object_get(live->json, "claims"), 0);
}

static void made_listed_revoked(void **state)
{
    struct live *live = *state;
    struct fake_device one = fake_make(1), two = fake_make(2);
    char path[64];
    live_release(live, "1.0.0");
    make(live, "{\"product\":\"thermostat\",\"count\":5,\"lifetime_s\":3600,"
               "\"tags\":[\"site=berlin\",\"kitchen\"]}");
    fake_enrol(live, &one, token);
    const json_t *claim = first_claim(live);
    assert_string_equal(json_string_value(json_object_get(claim, "claim")), mark);
    assert_string_equal(json_string_value(json_object_get(claim, "state")), "open");
    assert_int_equal(json_integer_value(json_object_get(claim, "used")), 1);
    assert_int_equal(json_array_size(json_object_get(claim, "tags")), 2);
    assert_int_equal(json_integer_value(json_object_get(claim, "expires")) -
                         json_integer_value(json_object_get(claim, "created")),
                     3600);
    snprintf(path, sizeof path, "/api/v1/claims/%s", mark);
    assert_int_equal(live_request(live, "DELETE", path, NULL), 200);
    assert_int_equal(live_request(live, "DELETE", path, NULL), 404);
    assert_string_equal(live_text(live, "type"), "no-claim");
    assert_int_equal(fake_checkin(live, &two, token), 401);
    assert_int_equal(fake_checkin(live, &one, one.bearer), 200); /* its devices stay */
    assert_string_equal(json_string_value(json_object_get(first_claim(live), "state")), "revoked");
}

static void asked_wrongly(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    static const char *const BODIES[] = {
        "{\"product\":\"thermostat\",\"count\":0}",
        "{\"product\":\"thermostat\",\"count\":1000001}",
        "{\"product\":\"thermostat\",\"count\":\"5\"}",
        "{\"product\":\"thermostat\",\"lifetime_s\":0}",
        "{\"product\":\"thermostat\",\"lifetime_s\":-5}",
        "{\"product\":\"thermostat\",\"lifetime_s\":1e9}",
        "{\"product\":\"thermostat\",\"lifetime_s\":99999999999}",
        "{\"product\":\"thermostat\",\"tags\":\"x\"}",
        "{\"product\":\"thermostat\",\"tags\":[\"\"]}",
        "{\"product\":\"thermostat\",\"tags\":[\"two words\"]}",
        "{\"product\":\"thermostat\",\"tags\":[\"a,b\"]}",
        "{\"product\":\"thermostat\",\"tags\":[\"dev.site=x\"]}",
        "{\"product\":\"thermostat\",\"tags\":[\"a\\u0000b\"]}",
        "{\"product\":\"thermostat\",\"tags\":[\"\\u001b[2J\"]}",
        "{\"product\":\"thermostat\",\"tags\":[1,2]}",
        ("{\"product\":\"thermostat\",\"tags\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\","
         "\"9\",\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\"]}"),
    };
    for (size_t i = 0; i < sizeof BODIES / sizeof *BODIES; i++) {
        assert_int_equal(live_request(live, "POST", "/api/v1/claims", BODIES[i]), 422);
        assert_string_equal(live_text(live, "type"), "malformed");
    }
    assert_int_equal(live_count(live, "select count(*) from claims"), 0);
    static const char *const PAGES[] = {"?limit=0", "?limit=501", "?limit=x", "?after=1",
                                        "?after=1.abcd"};
    for (size_t i = 0; i < sizeof PAGES / sizeof *PAGES; i++) {
        char path[64];
        snprintf(path, sizeof path, "/api/v1/claims%s", PAGES[i]);
        assert_int_equal(live_request(live, "GET", path, NULL), 422);
    }
    assert_int_equal(live_request(live, "DELETE", "/api/v1/claims/xyz", NULL), 404);
}

static void page_by_page(void **state)
{
    struct live *live = *state;
    char path[160] = "/api/v1/claims?limit=2", seen[5][17];
    size_t count = 0;
    live_release(live, "1.0.0");
    for (int i = 0; i < 5; i++)
        make(live, "{\"product\":\"thermostat\"}");
    for (size_t page = 0; page < 3; page++) {
        assert_int_equal(live_request(live, "GET", path, NULL), 200);
        const json_t *claims = json_object_get(live->json, "claims");
        for (size_t i = 0; i < json_array_size(claims); i++)
            snprintf(seen[count++], 17, "%s",
                     json_string_value(json_object_get(json_array_get(claims, i), "claim")));
        snprintf(path, sizeof path, "/api/v1/claims?limit=2&after=%s", live_text(live, "next"));
    }
    assert_int_equal(count, 5);
    assert_true(json_is_null(json_object_get(live->json, "next")));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(seen[i], seen[k]);
}

/* ---- the factory list ---- */

/* "device_id,token_sha256" of a fake device. */
static void line_of(const struct fake_device *fake, char out[static 96])
{
    uint8_t digest[32];
    secret_sha256(fake->checkin.token, 32, digest);
    godwit_hex_encode(fake->checkin.device_id, 6, out);
    out[12] = ',';
    godwit_hex_encode(digest, 32, out + 13);
}

static long import(struct live *live, const char *csv, int first_line)
{
    json_t *body = json_pack("{s:s, s:s, s:i, s:[s]}", "product", "thermostat", "csv", csv,
                             "first_line", first_line, "tags", "line=2");
    char *text = json_dumps(body, 0);
    long status = live_request(live, "POST", "/api/v1/factory", text);
    free(text);
    json_decref(body);
    return status;
}

static void joins_by_the_list(void **state)
{
    struct live *live = *state;
    struct fake_device fake = fake_make(1), other = fake_make(2);
    char csv[96];
    live_release(live, "1.0.0");
    line_of(&fake, csv);
    fake.checkin.has_token = other.checkin.has_token = false;
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 401);
    assert_int_equal(import(live, csv, 1), 200);
    assert_int_equal(live_number(live, "added"), 1);
    assert_int_equal(fake_checkin(live, &other, other.bearer), 401);
    assert_int_equal(fake_checkin(live, &other, fake.bearer), 401); /* a stolen token, another id */
    assert_string_equal(live_text(live, "type"), "unknown-token");
    assert_int_equal(live_request(live, "GET", "/api/v1/factory", NULL), 200);
    assert_int_equal(live_number(live, "total"), 1);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_true(fake.reply.has_instruction);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(live_request(live, "GET", "/api/v1/factory", NULL), 200);
    assert_int_equal(live_number(live, "total"), 0);
    assert_int_equal(live_count(live, "select count(*) from devices"), 1);
}

/* A token of the list opens nothing else, least of all an image. */
static void only_to_join(void **state)
{
    struct live *live = *state;
    struct fake_device fake = fake_make(1);
    char csv[96], path[96];
    struct bytes file = live_release_file(live, "1.0.0");
    uint8_t digest[32];
    line_of(&fake, csv);
    assert_int_equal(import(live, csv, 1), 200);
    secret_sha256(file.data, file.size, digest);
    snprintf(path, sizeof path, "/v1/image/");
    godwit_hex_encode(digest, 32, path + strlen(path));
    struct call call = {"GET", path, fake.bearer, NULL, NULL, 0};
    assert_true(live_call(live, &call) >= 400);
    free(file.data);
}

static void refused_lines(void **state)
{
    struct live *live = *state;
    struct fake_device fake = fake_make(1);
    char csv[96], claim[128];
    live_release(live, "1.0.0");
    live_claim(live, 1, claim);
    assert_int_equal(import(live, "7cdfa1000001", 41), 422);
    assert_string_equal(live_text(live, "type"), "bad-line");
    assert_string_equal(live_text(live, "detail"),
                        "line 41: there must be a token's digest behind the id");
    fake_enrol(live, &fake, claim);
    memset(fake.checkin.token, 9, 32);
    line_of(&fake, csv);
    assert_int_equal(import(live, csv, 3), 409);
    assert_string_equal(live_text(live, "type"), "other-token");
    assert_int_equal(
        live_request(live, "POST", "/api/v1/factory", "{\"product\":\"x\",\"csv\":\"\"}"), 404);
    assert_int_equal(live_request(live, "POST", "/api/v1/factory", "{\"product\":\"x\"}"), 422);
    assert_int_equal(live_request(live, "DELETE", "/api/v1/factory/7cdfa1000001", NULL), 404);
    assert_string_equal(live_text(live, "type"), "not-listed");
    assert_int_equal(live_request(live, "GET", "/api/v1/factory?after=zz", NULL), 422);
    assert_int_equal(live_count(live, "select count(*) from factory"), 0);
}

static void taken_off(void **state)
{
    struct live *live = *state;
    struct fake_device fake = fake_make(1);
    char csv[96];
    live_release(live, "1.0.0");
    line_of(&fake, csv);
    assert_int_equal(import(live, csv, 1), 200);
    assert_int_equal(live_request(live, "DELETE", "/api/v1/factory/7cdfa1000001", NULL), 200);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(made_listed_revoked, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(asked_wrongly, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(page_by_page, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(joins_by_the_list, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(only_to_join, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(refused_lines, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(taken_off, live_setup, live_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
