/* Uploads in parts: in order, over a restart, bounded, and judged as any other when they are whole.
 */
#include "fake_device.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/secret.h"
#include "server/upload_parts.h"

struct sent {
    struct bytes file;
    char path[160];
};

static struct sent sent_make(struct live *live, const char *version)
{
    struct sent sent = {.file = live_image("thermostat", version, live->key)};
    uint8_t digest[32];
    char hex[65];
    secret_sha256(sent.file.data, sent.file.size, digest);
    godwit_hex_encode(digest, 32, hex);
    snprintf(sent.path, sizeof sent.path, "/api/v1/uploads/%s", hex);
    return sent;
}

static long part(struct live *live, const struct sent *sent, size_t first, size_t size,
                 const char *range)
{
    char header[128];
    if (range)
        snprintf(header, sizeof header, "Content-Range: %s", range);
    else
        snprintf(header, sizeof header, "Content-Range: bytes %zu-%zu/%zu", first, first + size - 1,
                 sent->file.size);
    struct call call = {"PUT", sent->path, live->admin, header, sent->file.data + first, size};
    return live_call(live, &call);
}

static size_t unfinished(const struct live *live)
{
    char path[FILE_PATH_MAX];
    size_t count = 0;
    folder_path(live->data, "uploads", path, sizeof path);
    DIR *folder = opendir(path);
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void parts_make_a_file(void **state)
{
    struct live *live = *state;
    struct sent sent = sent_make(live, "1.0.0");
    assert_int_equal(live_request(live, "GET", sent.path, NULL), 404);
    assert_int_equal(part(live, &sent, 0, 5000, NULL), 202);
    assert_int_equal(live_number(live, "received"), 5000);
    assert_int_equal(live_request(live, "GET", sent.path, NULL), 200);
    assert_int_equal(live_number(live, "received"), 5000);
    assert_int_equal(part(live, &sent, 0, 5000, NULL), 409);
    assert_string_equal(live_text(live, "type"), "wrong-offset");
    assert_int_equal(part(live, &sent, 5001, 100, NULL), 409);
    live_stop(live);
    live_start(live);
    assert_int_equal(part(live, &sent, 5000, 1, NULL), 202);
    assert_int_equal(part(live, &sent, 5001, sent.file.size - 5001, NULL), 201);
    assert_string_equal(live_text(live, "version"), "1.0.0");
    assert_int_equal(unfinished(live), 0);
    assert_int_equal(live_blobs(live), 1);
    assert_int_equal(part(live, &sent, 0, sent.file.size, NULL), 200); /* once more, at once */
    assert_true(json_is_true(json_object_get(live->json, "existed")));
    assert_int_equal(unfinished(live), 0);
    free(sent.file.data);
}

static void other_bytes_are_dropped(void **state)
{
    struct live *live = *state;
    struct sent sent = sent_make(live, "1.0.0");
    sent.file.data[100] ^= 1;
    assert_int_equal(part(live, &sent, 0, sent.file.size, NULL), 422);
    assert_string_equal(live_text(live, "type"), "wrong-digest");
    assert_int_equal(unfinished(live), 0);
    assert_int_equal(live_blobs(live), 0);
    free(sent.file.data);
    /* One that is no image is judged as ever. */
    struct sent other = {.file = {calloc(1, 3000), 3000}};
    uint8_t digest[32];
    char hex[65];
    secret_sha256(other.file.data, other.file.size, digest);
    godwit_hex_encode(digest, 32, hex);
    snprintf(other.path, sizeof other.path, "/api/v1/uploads/%s", hex);
    assert_int_equal(part(live, &other, 0, 3000, NULL), 422);
    assert_string_equal(live_text(live, "type"), "not-an-image");
    assert_int_equal(unfinished(live) + live_blobs(live), 0);
    free(other.file.data);
}

static void ranges_that_are_none(void **state)
{
    static const struct {
        const char *range;
        long status;
    } CASES[] = {
        {"bytes 0-9/100", 202},
        {"bytes 0-9/5", 422},
        {"bytes 9-0/100", 422},
        {"bytes 0-8/100", 422}, /* the body has ten bytes */
        {"bytes 0-10/100", 422},
        {"bytes */100", 422},
        {"bytes 0-9/*", 422},
        {"items 0-9/100", 422},
        {"bytes 0-9/100 ", 409}, /* trimmed by HTTP; the first case's bytes are there */
        {"bytes +0-9/100", 422},
        {"bytes 0-9/2147483647", 413},
        {"bytes 0-9/2147483648", 413},
        {"bytes 0-9/4294967295", 413},
        {"bytes 0-9/4294967296", 413},
        {"bytes 0-9/18446744073709551615", 413},
        {"bytes 0-9/18446744073709551616", 422},
        {"bytes 18446744073709551606-18446744073709551615/18446744073709551616", 422},
        {"bytes 0-9/10737418240", 413},
        {"", 422},
    };
    struct live *live = *state;
    struct sent sent = sent_make(live, "1.0.0");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        long status = part(live, &sent, 0, 10, CASES[i].range);
        if (status != CASES[i].status) print_message("%s: %ld\n", CASES[i].range, status);
        assert_int_equal(status, CASES[i].status);
    }
    snprintf(sent.path, sizeof sent.path, "/api/v1/uploads/..%%2f..%%2fgodwit.db");
    assert_int_equal(part(live, &sent, 0, 10, NULL), 422);
    assert_int_equal(live_request(live, "GET", sent.path, NULL), 404);
    free(sent.file.data);
}

static void they_are_bounded_and_go(void **state)
{
    struct live *live = *state;
    struct sent sent = sent_make(live, "1.0.0");
    for (int i = 0; i <= UPLOAD_PARTS_ORG_MAX; i++) {
        snprintf(sent.path, sizeof sent.path, "/api/v1/uploads/%064x", i);
        assert_int_equal(part(live, &sent, 0, 10, NULL), i < UPLOAD_PARTS_ORG_MAX ? 202 : 429);
    }
    assert_int_equal(unfinished(live), UPLOAD_PARTS_ORG_MAX);
    upload_parts_sweep(&live->app);
    assert_int_equal(unfinished(live), UPLOAD_PARTS_ORG_MAX);
    char path[FILE_PATH_MAX];
    folder_path(live->data, "uploads", path, sizeof path);
    DIR *folder = opendir(path);
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            assert_int_equal(utimensat(dirfd(folder), entry->d_name, old, 0), 0);
    closedir(folder);
    upload_parts_sweep(&live->app);
    assert_int_equal(unfinished(live), 0);
    free(sent.file.data);
}

static void expect_reserved(struct live *live)
{
    assert_int_equal(live->status, 507);
    assert_string_equal(live_text(live, "type"), "disk-full");
    assert_non_null(strstr(live_text(live, "detail"), "--reserve"));
    assert_int_equal(unfinished(live) + live_blobs(live), 0);
}

/* The server was killed between the last byte and the verdict. */
static void a_whole_one_that_was_not_judged_is_sent_anew(void **state)
{
    struct live *live = *state;
    struct sent sent = sent_make(live, "1.0.0");
    assert_int_equal(part(live, &sent, 0, 5000, NULL), 202);
    int fd = openat(live->app.uploads_fd, ".", O_RDONLY | O_DIRECTORY);
    DIR *folder = fdopendir(fd);
    for (struct dirent *entry; (entry = readdir(folder));) {
        int one = *entry->d_name == '.' ? -1 : openat(fd, entry->d_name, O_WRONLY);
        if (one < 0) continue;
        assert_int_equal(ftruncate(one, (off_t)sent.file.size), 0);
        close(one);
    }
    closedir(folder);
    assert_int_equal(part(live, &sent, 5000, 10, NULL), 409);
    assert_int_equal(part(live, &sent, 0, 6000, NULL), 202);
    assert_int_equal(part(live, &sent, 6000, sent.file.size - 6000, NULL), 201);
    assert_int_equal(unfinished(live), 0);
    free(sent.file.data);
}

/* What is reserved is more than any disk has: no upload begins, devices are written down as ever.
 */
static void what_is_reserved_is_left_to_devices(void **state)
{
    struct live *live = *state;
    struct sent sent = sent_make(live, "1.0.0");
    char claim[128];
    live->settings.reserve_mib = UINT32_MAX;
    live_upload(live, "", sent.file.data, sent.file.size);
    expect_reserved(live);
    part(live, &sent, 0, 5000, NULL);
    expect_reserved(live);
    live_request(live, "GET", "/metrics", NULL);
    assert_non_null(strstr(live->body, "godwit_disk_reserve_bytes 4503599626321920\n"));
    assert_non_null(strstr(live->body, "godwit_disk_free_bytes "));
    live->settings.reserve_mib = 1;
    assert_int_equal(part(live, &sent, 0, 5000, NULL), 202);
    live->settings.reserve_mib = UINT32_MAX;
    assert_int_equal(part(live, &sent, 5000, 5000, NULL), 507);
    live->settings.reserve_mib = 1;
    assert_int_equal(part(live, &sent, 5000, sent.file.size - 5000, NULL), 201);
    live->settings.reserve_mib = UINT32_MAX;
    live_claim(live, 1, claim);
    struct fake_device fake = fake_make(1);
    fake_enrol(live, &fake, claim);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    free(sent.file.data);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)
    const struct CMUnitTest tests[] = {
        LIVE(parts_make_a_file),
        LIVE(other_bytes_are_dropped),
        LIVE(ranges_that_are_none),
        LIVE(they_are_bounded_and_go),
        LIVE(a_whole_one_that_was_not_judged_is_sent_anew),
        LIVE(what_is_reserved_is_left_to_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
