/* FETCH: resume after drops and resets, answers that must not be stitched, and giving up. */
#include "case.h"
#include "device_test.h"

static struct device device;
static struct firmware file;

static int setup(void **state)
{
    (void)state;
    file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device_begin(&device);
    assert_true(device_run(&device, done_checked_in, 60));
    peer_offer(&device.peer, file.data, file.size, 5);
    godwit_agent_wake(&device.board.agent);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(file.data);
    device_end(&device);
    return 0;
}

static void drops_cost_not_one_byte(void **state)
{
    (void)state;
    static const uint64_t points[] = {0, 1, 4095, 4096, 4097, 30000, 65535, 65536, 65537, 69631};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        CASE(i);
        struct pack_options options = firmware_options("1.2.0");
        options.seed = 100 + i; /* a file that no slot holds yet */
        struct firmware other = firmware_sign(firmware_pack(&options), 0);
        peer_offer(&device.peer, other.data, other.size, (uint32_t)i + 10);
        device.link.received = 0;
        device.link.drop_at = points[i];
        device.link.is_cutting = true;
        uint32_t requests = device.peer.image_requests;
        assert_true(device_run(&device, done_confirmed, 900));
        assert_int_equal(device.peer.image_requests - requests, 2);
        assert_int_equal(device.link.received, other.size);
        device.peer.file = NULL;
        free(other.data);
    }
}

static void a_false_end_is_a_drop(void **state)
{
    (void)state;
    device.link.is_cutting = device.link.ends_early = true;
    device.link.drop_at = 20000;
    assert_true(device_run(&device, done_confirmed, 900));
    assert_int_equal(device.peer.image_requests, 2);
}

static uint32_t wanted;
static bool done_received(const struct device *at)
{
    return at->link.received >= wanted;
}

static void a_reset_costs_at_most_two_sectors(void **state)
{
    (void)state;
    device.link.piece_max = 1000;
    for (wanted = 500; wanted < FIRMWARE_SIZE; wanted += 12000) {
        assert_true(device_run(&device, done_received, 300));
        device_power_cycle(&device);
    }
    assert_true(device_run(&device, done_confirmed, 900));
    assert_in_range(device.link.received, FIRMWARE_SIZE, FIRMWARE_SIZE + 6 * 2 * 4096);
    assert_int_equal(device.board.counters.boots, 8); /* six cuts, and the switch */
}

/* The server has another file under the same offer after the cut: never two halves as one. */
static void a_changed_file_starts_again_from_its_first_byte(void **state)
{
    (void)state;
    struct pack_options options = firmware_options("1.1.0");
    options.seed = 77;
    struct firmware other = firmware_sign(firmware_pack(&options), 0);
    wanted = 30000;
    assert_true(device_run(&device, done_received, 300));
    device_power_cycle(&device);
    peer_offer(&device.peer, other.data, other.size, 6);
    uint64_t before = device.link.received;
    assert_true(device_run(&device, done_confirmed, 900));
    assert_int_equal(device.link.received - before, other.size);
    assert_memory_equal(device.peer.last.file_sha256, device.peer.file_sha256, 32);
    free(other.data);
}

/* A net that answers what the test says, wrapped round the peer's. */
static struct {
    struct godwit_net inner;
    int status;      /* of ranged answers; 0: as it is */
    uint32_t shift;  /* added to Content-Range's start */
    uint32_t length; /* Content-Length instead; 0: as it is */
    bool ignores_ranges, hides_length, is_image;
    uint32_t extra; /* bytes behind the body */
    uint32_t ranged;
} liar;

static godwit_err liar_start(void *ctx, const struct godwit_request *request)
{
    (void)ctx;
    struct godwit_request copy = *request;
    liar.is_image = !strncmp(request->path, "/v1/image/", 10);
    liar.ranged += request->use_range;
    if (request->use_range) assert_non_null(request->if_range);
    if (liar.ignores_ranges) copy.use_range = false;
    return liar.inner.start(liar.inner.ctx, &copy);
}

static godwit_err liar_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                            struct godwit_reply *reply)
{
    (void)ctx;
    godwit_err err = liar.inner.read(liar.inner.ctx, data, size_max, size_out, reply);
    if (!liar.is_image || !reply->status) return err;
    if (reply->status == 206) {
        if (liar.status) reply->status = liar.status;
        reply->range_from += liar.shift;
    }
    if (liar.length) reply->content_length = liar.length;
    if (liar.hides_length) reply->content_length = UINT32_MAX;
    if (err == GODWIT_ERR_END && liar.extra && size_max) {
        liar.extra--;
        *data = 0;
        *size_out = 1;
        return GODWIT_OK;
    }
    return err;
}

static void liar_close(void *ctx)
{
    (void)ctx;
    liar.inner.close(liar.inner.ctx);
}

static void use_liar(void)
{
    memset(&liar, 0, sizeof liar);
    liar.inner = device.board.options.net;
    device.board.options.net = (struct godwit_net){NULL, liar_start, liar_read, liar_close, NULL};
}

static void a_whole_reply_to_a_range_starts_anew(void **state)
{
    (void)state;
    use_liar();
    liar.ignores_ranges = true;
    device.link.is_cutting = true;
    device.link.drop_at = 30001;
    assert_true(device_run(&device, done_confirmed, 900));
    assert_int_equal(liar.ranged, 1);
    assert_int_equal(device.link.received, 30001 + FIRMWARE_SIZE);
}

/* Nothing of it is taken; the only source there is is then asked for the whole. */
static void a_range_from_elsewhere_is_not_taken(void **state)
{
    (void)state;
    use_liar();
    liar.shift = 16;
    device.link.is_cutting = true;
    device.link.drop_at = 30001;
    assert_true(device_run(&device, done_confirmed, 900));
    assert_int_equal(liar.ranged, 1);
    assert_in_range(device.link.received, 30001 + FIRMWARE_SIZE, 34097 + FIRMWARE_SIZE);
}

static void a_longer_body_is_refused(void **state)
{
    (void)state;
    use_liar();
    liar.length = FIRMWARE_SIZE + 1;
    assert_true(device_run(&device, done_outcome, 300));
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_BODY_DIFFERS);
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_DOWNLOAD);
}

static void a_longer_body_is_refused_also_without_a_length(void **state)
{
    (void)state;
    use_liar();
    liar.hides_length = true;
    liar.extra = 1;
    assert_true(device_run(&device, done_outcome, 300));
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_BODY_DIFFERS);
}

static void no_length_at_all_is_fine(void **state)
{
    (void)state;
    use_liar();
    liar.hides_length = true;
    assert_true(device_run(&device, done_confirmed, 600));
}

static void a_refusal_of_the_range_is_reported(void **state)
{
    (void)state;
    use_liar();
    liar.status = 416;
    device.link.is_cutting = true;
    device.link.drop_at = 30001;
    assert_true(device_run(&device, done_outcome, 600));
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_DOWNLOAD_REFUSED);
    assert_string_equal(device.peer.outcome.detail, "status 416");
}

static void a_missing_file_is_reported(void **state)
{
    (void)state;
    device.peer.image_status = 404;
    assert_true(device_run(&device, done_outcome, 300));
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_DOWNLOAD_REFUSED);
    assert_string_equal(device.peer.outcome.detail, "status 404");
    assert_int_equal(device.peer.outcome.rollout_id, 5);
}

static void a_busy_server_is_tried_ten_times(void **state)
{
    (void)state;
    device.peer.image_status = 503;
    assert_true(device_run(&device, done_outcome, 3600));
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_DOWNLOAD);
}

/* 409: no longer what the server wants; the next answer is "stay", and progress is kept. */
static void a_withdrawn_file_is_left_and_its_bytes_are_kept(void **state)
{
    (void)state;
    wanted = 40000;
    assert_true(device_run(&device, done_received, 300));
    device.peer.file = NULL;
    device.link.is_cutting = true;
    device.link.drop_at = 50000;
    assert_true(device_run(&device, done_outcome, 600));
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_WITHDRAWN);
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_DOWNLOAD);
    assert_in_range(device.peer.last.progress, 50000 - 2 * 4096, 50000);
    uint64_t before = device.link.received;
    peer_offer(&device.peer, file.data, file.size, 7);
    assert_true(device_run(&device, done_confirmed, 900));
    assert_in_range(device.link.received - before, FIRMWARE_SIZE - 50000,
                    FIRMWARE_SIZE - 50000 + 2 * 4096);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(drops_cost_not_one_byte),
        TEST(a_false_end_is_a_drop),
        TEST(a_reset_costs_at_most_two_sectors),
        TEST(a_changed_file_starts_again_from_its_first_byte),
        TEST(a_whole_reply_to_a_range_starts_anew),
        TEST(a_range_from_elsewhere_is_not_taken),
        TEST(a_longer_body_is_refused),
        TEST(a_longer_body_is_refused_also_without_a_length),
        TEST(no_length_at_all_is_fine),
        TEST(a_refusal_of_the_range_is_reported),
        TEST(a_missing_file_is_reported),
        TEST(a_busy_server_is_tried_ten_times),
        TEST(a_withdrawn_file_is_left_and_its_bytes_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
