/* Uploads: the good file, and every bad one with its sentence; nothing of a refused file stays. */
#include "live.h"

#include <signal.h>
#include <sys/resource.h>

#include "base/crc.h"
#include "case.h"

#define SIGNATURE_AT 101 /* in an ECDSA P-256 block */
#define CRC_AT 1196

static void expect_refused(struct live *live, long status, const char *type, const char *words)
{
    if (live->status != status || strcmp(live_text(live, "type"), type))
        print_message("answer: %ld %s\n", live->status, live->body);
    assert_int_equal(live->status, status);
    assert_string_equal(live_text(live, "type"), type);
    assert_non_null(strstr(live_text(live, "detail"), words));
    assert_int_equal(live_blobs(live), live_count(live, "select count(*) from files"));
}

static void a_good_file_makes_product_and_release(void **state)
{
    struct live *live = *state;
    struct bytes file = live_image("thermostat", "1.0.0", live->key);
    assert_int_equal(live_upload(live, "", file.data, file.size), 201);
    assert_string_equal(live_text(live, "product"), "thermostat");
    assert_string_equal(live_text(live, "version"), "1.0.0");
    assert_string_equal(live_text(live, "chip"), "esp32c3");
    assert_int_equal(live_number(live, "size"), file.size);
    assert_true(json_is_true(json_object_get(live->json, "created_product")));
    json_t *block = json_array_get(json_object_get(live->json, "signatures"), 0);
    assert_string_equal(json_string_value(json_object_get(block, "scheme")), "ecdsa256");
    assert_int_equal(live_blobs(live), 1);
    assert_int_equal(live_upload(live, "", file.data, file.size), 200);
    assert_true(json_is_true(json_object_get(live->json, "existed")));
    assert_int_equal(live_blobs(live), 1);
    free(file.data);
}

static void unsigned_is_refused_and_open_is_chosen(void **state)
{
    struct live *live = *state;
    struct bytes file = live_image("thermostat", "1.0.0", NULL);
    live_upload(live, "", file.data, file.size);
    expect_refused(live, 422, "unsigned", "godwit sign");
    assert_int_equal(live_count(live, "select count(*) from products"), 0);
    assert_int_equal(live_upload(live, "?open=1", file.data, file.size), 201);
    free(file.data);
}

static void a_foreign_key_is_refused(void **state)
{
    struct live *live = *state;
    struct key *other = key_generate(GODWIT_SCHEME_ECDSA256);
    live_release(live, "1.0.0");
    struct bytes file = live_image("thermostat", "1.1.0", other);
    live_upload(live, "", file.data, file.size);
    expect_refused(live, 422, "signature-key", "sign it with the product's key");
    live_upload(live, "?open=1", file.data, file.size);
    expect_refused(live, 422, "signature-key", "product's key");
    free(file.data);
    struct bytes bare = live_image("thermostat", "1.1.0", NULL);
    live_upload(live, "?open=1", bare.data, bare.size);
    expect_refused(live, 422, "unsigned", "sign it");
    free(bare.data);
    key_close(other);
}

/* One byte of the body, of the signature, of the sector's padding; and cut or lengthened. */
static void damaged_files_are_refused_by_name(void **state)
{
    struct live *live = *state;
    struct bytes file = live_image("thermostat", "1.0.0", live->key);
    size_t sector = file.size - 4096;
    const struct {
        size_t at;
        const char *type;
    } flips[] = {
        {sector - 5, NULL},   /* padding or digest of the body: some fault is named */
        {sector + 900, NULL}, /* inside the block */
        {sector + 2000, "signature-format"}, /* behind it */
        {0, "not-an-image"},
    };
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        CASE(i);
        file.data[flips[i].at] ^= 0x40;
        live_upload(live, "", file.data, file.size);
        file.data[flips[i].at] ^= 0x40;
        assert_int_equal(live->status, 422);
        if (flips[i].type) assert_string_equal(live_text(live, "type"), flips[i].type);
        assert_int_equal(live_blobs(live), 0);
    }
    live_upload(live, "", file.data, 9000);
    expect_refused(live, 422, "truncated", "send it whole");
    live_upload(live, "", file.data, file.size - 1);
    assert_int_equal(live->status, 422);
    assert_int_equal(live_count(live, "select count(*) from files"), 0);
    free(file.data);
}

/* Well-formed blocks of a listed key that do not sign this file: one over other bytes, and one
 * whose signature has a bit turned and whose checksum is right again. */
static void forged_signatures_are_refused(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    struct bytes genuine = live_image("thermostat", "1.1.0", live->key),
                 other = live_image("thermostat", "1.2.0", live->key);
    assert_int_equal(genuine.size, other.size);
    uint8_t *block = genuine.data + genuine.size - 4096;
    uint8_t kept[4096];
    memcpy(kept, block, sizeof kept);
    memcpy(block, other.data + other.size - 4096, 4096);
    live_upload(live, "", genuine.data, genuine.size);
    expect_refused(live, 422, "signature-digest", "other bytes");
    memcpy(block, kept, sizeof kept);
    block[SIGNATURE_AT + 5] ^= 1;
    godwit_store32(block + CRC_AT, godwit_crc32(0, block, CRC_AT));
    live_upload(live, "", genuine.data, genuine.size);
    expect_refused(live, 422, "signature-bad", "does not verify");
    memcpy(block, kept, sizeof kept);
    assert_int_equal(live_upload(live, "", genuine.data, genuine.size), 201);
    free(genuine.data);
    free(other.data);
}

static void other_files_are_called_by_their_name(void **state)
{
    struct live *live = *state;
    const struct {
        const char *bytes, *words;
    } files[] = {
        {"\177ELF\1\1\1 this is a program", "ELF"},
        {"\037\213\010 gzip", "gzip"},
        {"<!DOCTYPE html><html><body>404", "web page"},
        {"just a text", "a text; send the application .bin"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        CASE(i);
        live_upload(live, "", files[i].bytes, strlen(files[i].bytes));
        expect_refused(live, 422, "not-an-image", files[i].words);
    }
}

static void oversize_is_refused(void **state)
{
    struct live *live = *state;
    size_t size = (16U << 20) + 4096 + 1;
    uint8_t *data = calloc(1, size);
    data[0] = 0xE9;
    live_upload(live, "", data, size);
    expect_refused(live, 413, "too-large", "16 MiB");
    memcpy(data, "\177ELF", 4); /* what it is comes first, also where it is not read whole */
    live_upload(live, "", data, size);
    expect_refused(live, 413, "too-large", "an ELF file; send the .bin");
    free(data);
}

/* A file whose project is another product here was sent by mistake. */
static void wrong_product_is_refused(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    struct bytes file = live_image("thermostat", "1.1.0", live->key);
    live_upload(live, "?product=kettle", file.data, file.size);
    expect_refused(live, 422, "wrong-product", "product thermostat, not kettle");
    assert_int_equal(live_count(live, "select count(*) from products"), 1);
    free(file.data);
    file = live_image("kettle", "1.0.0", live->key); /* no product, and no image is of it */
    live_upload(live, "?product=thermostat", file.data, file.size);
    expect_refused(live, 422, "wrong-product", "product kettle, not thermostat");
    live_upload(live, "?product=thermostat&other_project=1&version=2.0", file.data, file.size);
    assert_int_equal(live->status, 201);
    live_upload(live, "?product=thermostat&version=2.1", file.data, file.size); /* known by now */
    assert_int_equal(live->status, 201);
    free(file.data);
}

/* As of a prebuilt core, which writes its own names into every firmware. */
static void names_may_come_from_outside(void **state)
{
    struct live *live = *state;
    struct bytes file = live_image("arduino-lib-builder", "esp-idf: v4.4.6", live->key);
    live_upload(live, "?product=Ger%C3%A4t%20%231&version=2.0%20beta", file.data, file.size);
    assert_int_equal(live->status, 201);
    assert_string_equal(live_text(live, "product"), "Ger\xC3\xA4t #1");
    assert_string_equal(live_text(live, "version"), "2.0 beta");
    assert_string_equal(live_text(live, "project"), "arduino-lib-builder");
    static const char *const BAD[] = {"?product=a%2Fb", "?product=",      "?product=%1B%5B31m",
                                      "?version=%20",   "?version=a%0Ab", "?product=.."};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        live_upload(live, BAD[i], file.data, file.size);
        expect_refused(live, 422, "name", BAD[i][1] == 'p' ? "project name" : "version");
    }
    assert_int_equal(live_count(live, "select count(*) from products"), 1);
    free(file.data);
}

static bool warns(struct live *live, const char *words)
{
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(live->json, "warnings"), index,
                       one) if (strstr(json_string_value(one), words)) return true;
    return false;
}

static struct bytes draft(struct live *live, uint64_t seed)
{
    struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                   .project = "arduino-lib-builder",
                                   .version = "1.0.0",
                                   .seed = seed};
    struct bytes plain, file;
    enum godwit_reason reason;
    assert_int_equal(pack_image(&options, &plain.data, &plain.size), GODWIT_OK);
    assert_int_equal(image_sign(live->key, plain.data, plain.size, &file.data, &file.size, &reason),
                     GODWIT_OK);
    free(plain.data);
    return file;
}

static void a_replaced_draft_is_said(void **state)
{
    struct live *live = *state;
    char old[65];
    struct bytes first = draft(live, 1), second = draft(live, 2);
    live_upload(live, "", first.data, first.size);
    assert_true(json_is_false(json_object_get(live->json, "replaced")));
    assert_true(warns(live, "looks like one product"));
    snprintf(old, sizeof old, "%s", live_text(live, "image_sha256"));
    live_upload(live, "", second.data, second.size);
    assert_int_equal(live->status, 201);
    assert_true(json_is_true(json_object_get(live->json, "replaced")));
    assert_string_equal(live_text(live, "replaced_image_sha256"), old);
    assert_true(warns(live, "replaces the image that draft 1.0.0 held for ESP32-C3"));
    live_upload(live, "?version=1.0.1", first.data, first.size); /* beside it */
    assert_true(json_is_false(json_object_get(live->json, "replaced")));
    assert_int_equal(live_count(live, "select count(*) from releases"), 2);
    free(first.data), free(second.data);
}

/* A policy block inside that speaks of another product than the descriptor does. */
static void a_policy_of_another_product_is_refused(void **state)
{
    struct live *live = *state;
    struct godwit_policy policy = {
        .threshold = 1, .image_keys_count = 1, .hardware_mask = 1, .counter = 4};
    uint8_t bytes[GODWIT_POLICY_BYTES];
    assert_int_equal(key_digest(live->key, policy.image_keys[0]), GODWIT_OK);
    for (int right = 0; right < 2; right++) {
        assert_int_equal(
            godwit_product_id("default", right ? "thermostat" : "kettle", policy.product_id),
            GODWIT_OK);
        godwit_policy_encode(&policy, bytes);
        struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                       .project = "thermostat",
                                       .version = "1.0.0",
                                       .policy = bytes};
        struct bytes plain, file;
        enum godwit_reason reason;
        assert_int_equal(pack_image(&options, &plain.data, &plain.size), GODWIT_OK);
        assert_int_equal(
            image_sign(live->key, plain.data, plain.size, &file.data, &file.size, &reason),
            GODWIT_OK);
        live_upload(live, "", file.data, file.size);
        if (!right) expect_refused(live, 422, "wrong-product", "not made for the project");
        if (!right) live_upload(live, "?product=toaster", file.data, file.size);
        if (!right) expect_refused(live, 422, "wrong-product", "another product than 'toaster'");
        free(plain.data);
        free(file.data);
    }
    assert_int_equal(live->status, 201);
    assert_int_equal(live_number(live, "counter"), 4);
}

/* A policy can be made for a product that the project is not called after; it then says whose the
 * file is, the first time by --product, later by itself. */
static void a_policy_names_the_product(void **state)
{
    struct live *live = *state;
    struct godwit_policy policy = {.threshold = 1, .image_keys_count = 1};
    uint8_t bytes[GODWIT_POLICY_BYTES];
    assert_int_equal(key_digest(live->key, policy.image_keys[0]), GODWIT_OK);
    assert_int_equal(godwit_product_id("default", "lamp", policy.product_id), GODWIT_OK);
    for (policy.counter = 1; policy.counter < 3; policy.counter++) {
        godwit_policy_encode(&policy, bytes);
        struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                       .project = "arduino-lib-builder",
                                       .version = policy.counter == 1 ? "1" : "2",
                                       .policy = bytes};
        struct bytes plain, file;
        enum godwit_reason reason;
        assert_int_equal(pack_image(&options, &plain.data, &plain.size), GODWIT_OK);
        assert_int_equal(
            image_sign(live->key, plain.data, plain.size, &file.data, &file.size, &reason),
            GODWIT_OK);
        live_upload(live, policy.counter == 1 ? "?product=lamp" : "", file.data, file.size);
        assert_int_equal(live->status, 201);
        assert_string_equal(live_text(live, "product"), "lamp");
        free(plain.data), free(file.data);
    }
}

static void a_frozen_release_takes_no_other_image(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                  "{\"product\":\"thermostat\",\"version\":\"1.0.0\"}"),
                     201);
    struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                   .project = "thermostat",
                                   .version = "1.0.0",
                                   .seed = 99};
    struct bytes plain, file;
    enum godwit_reason reason;
    assert_int_equal(pack_image(&options, &plain.data, &plain.size), GODWIT_OK);
    assert_int_equal(image_sign(live->key, plain.data, plain.size, &file.data, &file.size, &reason),
                     GODWIT_OK);
    live_upload(live, "", file.data, file.size);
    expect_refused(live, 409, "frozen", "raise the version");
    free(plain.data);
    free(file.data);
}

/* No file of this process may grow over so much: 8 KiB stop the blob as a full disk would, 64 KiB
 * only the database, whose log is longer than that already (SQLite calls that a write error). */
static void a_full_disk_is_said_and_nothing_is_kept(void **state)
{
    struct live *live = *state;
    struct bytes file = live_image("thermostat", "1.0.0", live->key);
    static const struct {
        rlim_t limit;
        long status;
        const char *type, *words;
    } cases[] = {{8192, 507, "disk-full", "free some space"}, {65536, 500, "storage", "its log"}};
    struct rlimit before, tight;
    getrlimit(RLIMIT_FSIZE, &before);
    tight = before;
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < 2; i++) {
        tight.rlim_cur = cases[i].limit;
        setrlimit(RLIMIT_FSIZE, &tight);
        live_upload(live, "", file.data, file.size);
        setrlimit(RLIMIT_FSIZE, &before);
        expect_refused(live, cases[i].status, cases[i].type, cases[i].words);
        assert_int_equal(live_count(live, "select count(*) from products"), 0);
        assert_int_equal(live_request(live, "GET", "/api/v1/status", NULL), 200);
        assert_int_equal(json_array_size(json_object_get(live->json, "products")), 0);
    }
    assert_int_equal(live_upload(live, "", file.data, file.size), 201);
    free(file.data);
}

static void uploads_need_a_token(void **state)
{
    struct live *live = *state;
    struct call call = {"PUT", "/api/v1/images", "gwa.wrong", NULL, "x", 1};
    assert_int_equal(live_call(live, &call), 401);
    call.bearer = NULL;
    assert_int_equal(live_call(live, &call), 401);
    assert_int_equal(live_blobs(live), 0);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)
    const struct CMUnitTest tests[] = {
        LIVE(a_good_file_makes_product_and_release),
        LIVE(unsigned_is_refused_and_open_is_chosen),
        LIVE(a_foreign_key_is_refused),
        LIVE(damaged_files_are_refused_by_name),
        LIVE(forged_signatures_are_refused),
        LIVE(other_files_are_called_by_their_name),
        LIVE(oversize_is_refused),
        LIVE(wrong_product_is_refused),
        LIVE(names_may_come_from_outside),
        LIVE(a_replaced_draft_is_said),
        LIVE(a_policy_names_the_product),
        LIVE(a_policy_of_another_product_is_refused),
        LIVE(a_frozen_release_takes_no_other_image),
        LIVE(a_full_disk_is_said_and_nothing_is_kept),
        LIVE(uploads_need_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
