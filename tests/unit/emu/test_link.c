/* The lossy link over a net that always has one more byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "emu/emu.h"

struct source {
    uint32_t starts, closes, given;
};

static godwit_err source_start(void *ctx, const struct godwit_request *request)
{
    struct source *source = ctx;
    (void)request;
    source->starts++;
    return GODWIT_OK;
}

static godwit_err source_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                              struct godwit_reply *reply)
{
    struct source *source = ctx;
    memset(data, 'x', size_max);
    source->given += (uint32_t)size_max;
    *size_out = size_max;
    reply->status = 200;
    return GODWIT_OK;
}

static void source_close(void *ctx)
{
    struct source *source = ctx;
    source->closes++;
}

static struct source source;
static struct link under_test;
static struct godwit_net net;
static const struct godwit_request GET = {.method = "GET", .path = "/v1/image/00"};
static const struct godwit_request POST = {.method = "POST", .path = "/v1/checkin"};

static int setup(void **state)
{
    const struct godwit_net inner = {&source, source_start, source_read, source_close, NULL};
    (void)state;
    source = (struct source){0};
    link_init(&under_test, &inner);
    net = link_port(&under_test);
    return 0;
}

static size_t read_some(size_t want, godwit_err expected)
{
    uint8_t data[256];
    size_t got = 99;
    struct godwit_reply reply = {0};
    assert_int_equal(net.read(net.ctx, data, want, &got, &reply), expected);
    return got;
}

static void drops_once_at_its_byte(void **state)
{
    (void)state;
    under_test.is_cutting = true;
    under_test.drop_at = 150;
    assert_int_equal(net.start(net.ctx, &GET), GODWIT_OK);
    assert_int_equal(read_some(100, GODWIT_OK), 100);
    assert_int_equal(read_some(100, GODWIT_OK), 50);
    assert_int_equal(read_some(100, GODWIT_ERR_NET), 0);
    assert_int_equal(read_some(100, GODWIT_ERR_NET), 0); /* broken until the next start */
    assert_int_equal(under_test.drops, 1);
    assert_int_equal(source.closes, 1);
    net.close(net.ctx);
    assert_int_equal(net.start(net.ctx, &GET), GODWIT_OK);
    assert_int_equal(read_some(200, GODWIT_OK), 200);
    assert_int_equal(under_test.received, 350);
}

static void drops_before_the_first_byte(void **state)
{
    (void)state;
    under_test.is_cutting = true;
    assert_int_equal(net.start(net.ctx, &GET), GODWIT_OK);
    assert_int_equal(read_some(100, GODWIT_ERR_NET), 0);
    assert_int_equal(source.given, 0);
}

static void ends_early_when_told(void **state)
{
    (void)state;
    under_test.is_cutting = under_test.ends_early = true;
    under_test.drop_at = 10;
    assert_int_equal(net.start(net.ctx, &GET), GODWIT_OK);
    assert_int_equal(read_some(100, GODWIT_OK), 10);
    assert_int_equal(read_some(100, GODWIT_ERR_END), 0);
}

static void only_downloads_count(void **state)
{
    (void)state;
    under_test.is_cutting = true;
    under_test.drop_at = 10;
    assert_int_equal(net.start(net.ctx, &POST), GODWIT_OK);
    assert_int_equal(read_some(100, GODWIT_OK), 100);
    assert_int_equal(under_test.received, 0);
    assert_int_equal(under_test.drops, 0);
}

static void can_be_down_and_slow(void **state)
{
    (void)state;
    under_test.piece_max = 7;
    assert_int_equal(net.start(net.ctx, &GET), GODWIT_OK);
    assert_int_equal(read_some(100, GODWIT_OK), 7);
    under_test.is_down = true;
    assert_int_equal(read_some(100, GODWIT_ERR_NET), 0);
    net.close(net.ctx);
    assert_int_equal(net.start(net.ctx, &GET), GODWIT_ERR_NET);
    assert_int_equal(source.starts, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(drops_once_at_its_byte, setup),
        cmocka_unit_test_setup(drops_before_the_first_byte, setup),
        cmocka_unit_test_setup(ends_early_when_told, setup),
        cmocka_unit_test_setup(only_downloads_count, setup),
        cmocka_unit_test_setup(can_be_down_and_slow, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
