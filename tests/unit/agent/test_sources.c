/* Several sources for one digest: who is asked, who is penalised, who is dropped, and that no bad
 * byte of one of them costs the update. */
#include "case.h"
#include "device_test.h"
#include "wire.h"

static struct device device;
static struct wire wire;
static struct firmware file;

/* The server and two mirrors; a claimed device, and an offer that it has not heard of yet. */
static int setup(void **state)
{
    (void)state;
    file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device_prepare(&device, firmware_key(0));
    wire_init(&wire, &device.options.net, &device.now_ms);
    device.options.net = wire_port(&wire);
    device_start(&device);
    assert_true(device_run(&device, done_checked_in, 60));
    peer_offer(&device.peer, file.data, file.size, 5);
    wire_mirrors(device.peer.sources, 2);
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

static struct wire_turn *turn(enum wire_place place)
{
    return &wire.turns[place];
}

static void turn_all(struct wire_turn every)
{
    for (int i = WIRE_IMAGE; i < WIRE_CHECKIN; i++)
        wire.turns[i] = every;
}

static void assert_requests(uint32_t server, uint32_t first, uint32_t second)
{
    assert_int_equal(wire.requests[WIRE_IMAGE], server);
    assert_int_equal(wire.requests[WIRE_MIRROR_1], first);
    assert_int_equal(wire.requests[WIRE_MIRROR_2], second);
}

static void confirm(uint32_t within_s)
{
    assert_true(device_run(&device, done_confirmed, within_s));
    assert_int_equal(device.peer.outcomes, 1); /* "confirmed" at most: nothing else was reported */
}

static void fails_with(enum godwit_reason reason, uint32_t within_s)
{
    assert_true(device_run(&device, done_outcome, within_s));
    assert_int_equal(device.peer.outcome.reason, reason);
}

static void the_server_comes_first(void **state)
{
    (void)state;
    confirm(300);
    assert_requests(1, 0, 0);
}

/* A status that says no: at once to the next, which goes on where the last one stood. */
static void one_that_refuses_is_dropped(void **state)
{
    (void)state;
    static const int statuses[] = {404, 403, 302, 304, 400, 416, 204, 100};
    turn(WIRE_MIRROR_1)->status = 401; /* a mirror's 401 is a refusal like any other */
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        CASE(i);
        struct pack_options options = firmware_options("1.2.0");
        options.seed = 900 + i;
        struct firmware other = firmware_sign(firmware_pack(&options), 0);
        peer_offer(&device.peer, other.data, other.size, (uint32_t)i + 10);
        wire.turns[WIRE_IMAGE] =
            (struct wire_turn){.status_of_ranges = statuses[i], .cuts = 1, .cut_at = 20000};
        memset(wire.requests, 0, sizeof wire.requests);
        wire.received = 0;
        assert_true(device_run(&device, done_confirmed, 900));
        assert_requests(2, 1, 1);
        assert_int_equal(wire.received, FIRMWARE_SIZE);
        device.peer.file = NULL;
        free(other.data);
    }
}

static void nobody_has_it(void **state)
{
    (void)state;
    turn_all((struct wire_turn){.status = 404});
    fails_with(GODWIT_REASON_DOWNLOAD_REFUSED, 60);
    assert_string_equal(device.peer.outcome.detail, "status 404");
    assert_requests(1, 1, 1);
}

/* Links break: the first break is nobody's fault, the second in a row is the source's. */
static void one_that_is_away_is_left(void **state)
{
    (void)state;
    turn(WIRE_IMAGE)->fails_start = true;
    turn(WIRE_MIRROR_1)->is_lost = turn(WIRE_MIRROR_1)->is_mute = true;
    confirm(300);
    assert_requests(2, 1, 1);
}

static void breaks_with_progress_change_nothing(void **state)
{
    (void)state;
    for (uint32_t at = 5000; at < FIRMWARE_SIZE; at += 5000) {
        *turn(WIRE_IMAGE) = (struct wire_turn){.cuts = 1, .cut_at = at};
        uint32_t before = wire.played;
        while (wire.played == before)
            device_run(&device, NULL, 1);
    }
    confirm(300);
    assert_requests(14, 0, 0);
    assert_int_equal(wire.received, FIRMWARE_SIZE);
}

static void other_bytes_from_one_are_fetched_again_from_another(void **state)
{
    (void)state;
    *turn(WIRE_IMAGE) = (struct wire_turn){.flip_at = 50000, .flip_every = 16, .flip_mask = 1};
    confirm(300);
    assert_requests(1, 1, 0);
    assert_int_equal(wire.received, 2 * FIRMWARE_SIZE);
}

static void two_of_three_corrupt(void **state)
{
    (void)state;
    for (int good = WIRE_IMAGE; good < WIRE_CHECKIN; good++) {
        CASE(good);
        struct pack_options options = firmware_options("1.2.0");
        options.seed = 700 + (uint64_t)good;
        struct firmware other = firmware_sign(firmware_pack(&options), 0);
        peer_offer(&device.peer, other.data, other.size, (uint32_t)good + 10);
        turn_all((struct wire_turn){.flip_at = 4096, .flip_every = 8192, .flip_mask = 0x80});
        memset(turn((enum wire_place)good), 0, sizeof(struct wire_turn));
        memset(wire.requests, 0, sizeof wire.requests);
        assert_true(device_run(&device, done_confirmed, 900));
        assert_requests(1, good >= WIRE_MIRROR_1, good >= WIRE_MIRROR_2);
        device.peer.file = NULL;
        free(other.data);
    }
}

static void all_are_corrupt(void **state)
{
    (void)state;
    turn_all((struct wire_turn){.flip_at = 0x10100, .flip_every = 16, .flip_mask = 1});
    fails_with(GODWIT_REASON_FILE_DIGEST, 300);
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_VERIFY);
    assert_requests(1, 1, 1);
}

static void wrong_first_bytes_cost_no_erase(void **state)
{
    (void)state;
    *turn(WIRE_IMAGE) = (struct wire_turn){.flips = 1, .flip_mask = 1};
    *turn(WIRE_MIRROR_1) = (struct wire_turn){.flips = 1, .flip_at = 12, .flip_mask = 1};
    confirm(300);
    assert_requests(1, 1, 1);
    assert_int_equal(wire.received, 2 * 4096 + FIRMWARE_SIZE);
}

/* Two had part in a bad file: neither is condemned, and the next download has one source. */
static void who_of_two_was_it(void **state)
{
    (void)state;
    turn(WIRE_IMAGE)->cuts = 2;
    turn(WIRE_IMAGE)->cut_at = 20000;
    turn(WIRE_IMAGE)->times = 2; /* the first two requests; then it is sound */
    *turn(WIRE_MIRROR_1) = (struct wire_turn){.flip_at = 50000, .flip_every = 16, .flip_mask = 1};
    *turn(WIRE_MIRROR_2) = *turn(WIRE_MIRROR_1);
    confirm(900);
    /* server twice, mirror 1 the rest: bad, unproven; mirror 2: bad; then one of the two alone */
    assert_int_equal(wire.requests[WIRE_MIRROR_2], 1);
    assert_in_range(wire.requests[WIRE_IMAGE], 3, 4);
    assert_in_range(wire.requests[WIRE_MIRROR_1], 1, 2);
}

/* … even when that one drops: the other does not go on with it, but begins anew. */
static void a_suspect_is_not_helped_out(void **state)
{
    (void)state;
    device.peer.sources[1][0] = 0;
    *turn(WIRE_IMAGE) = (struct wire_turn){.cuts = 2, .cut_at = 20000};
    *turn(WIRE_MIRROR_1) = (struct wire_turn){.flip_at = 50000, .flip_every = 16, .flip_mask = 1};
    while (wire.requests[WIRE_MIRROR_1] < 2)
        device.now_ms = board_step(&device.board, device.now_ms);
    turn(WIRE_MIRROR_1)->cuts = 2;
    turn(WIRE_MIRROR_1)->cut_at = 30000;
    confirm(900);
    assert_requests(3, 3, 0);
    assert_int_equal(wire.received, FIRMWARE_SIZE + 30000 + FIRMWARE_SIZE);
}

/* What an earlier boot fetched may be anybody's: fetched anew before anybody is blamed. */
static uint32_t wanted;
static bool done_received(const struct device *at)
{
    (void)at;
    return wire.received >= wanted;
}

static void bytes_of_an_earlier_boot_condemn_nobody(void **state)
{
    (void)state;
    device.peer.sources[0][0] = 0; /* the server alone */
    *turn(WIRE_IMAGE) = (struct wire_turn){.flips = 1, .flip_at = 8192, .flip_mask = 1};
    wanted = 30000;
    device.link.piece_max = 1000;
    assert_true(device_run(&device, done_received, 300));
    device_power_cycle(&device);
    confirm(900);
    assert_in_range(wire.received, 2 * FIRMWARE_SIZE, 2 * FIRMWARE_SIZE + 8192);
}

static void a_length_that_is_not_the_files(void **state)
{
    (void)state;
    turn(WIRE_IMAGE)->length = 1;
    turn(WIRE_MIRROR_1)->length = (uint32_t)-1;
    confirm(300);
    assert_requests(1, 1, 1);
    assert_in_range(wire.received, FIRMWARE_SIZE,
                    FIRMWARE_SIZE + 2 * 4096); /* one reading of each */
}

static void a_body_without_end(void **state)
{
    (void)state;
    *turn(WIRE_IMAGE) = (struct wire_turn){.hides_length = true, .extra = UINT32_MAX};
    confirm(300);
    assert_requests(1, 1, 0);
    assert_int_equal(wire.received, 2 * FIRMWARE_SIZE + 1);
}

static void wrong_ranges_move_on_without_a_byte_lost(void **state)
{
    (void)state;
    static const struct wire_turn turns[] = {{.shift = 1},
                                             {.shift = (uint32_t)-1},
                                             {.total = 1},
                                             {.is_other = true},
                                             {.lies_about_ranges = true}};
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        CASE(i);
        struct pack_options options = firmware_options("1.2.0");
        options.seed = 800 + i;
        struct firmware other = firmware_sign(firmware_pack(&options), 0);
        peer_offer(&device.peer, other.data, other.size, (uint32_t)i + 10);
        *turn(WIRE_IMAGE) = turns[i];
        turn(WIRE_IMAGE)->cuts = 1;
        turn(WIRE_IMAGE)->cut_at = 30001;
        memset(wire.requests, 0, sizeof wire.requests);
        wire.received = 0;
        assert_true(device_run(&device, done_confirmed, 900));
        assert_requests(2, 1, 0);
        assert_in_range(wire.received, FIRMWARE_SIZE, FIRMWARE_SIZE + 4096);
        device.peer.file = NULL;
        free(other.data);
    }
}

/* A server may give less of a range than was asked for. */
static void short_ranges_add_up(void **state)
{
    (void)state;
    *turn(WIRE_IMAGE) = (struct wire_turn){.cuts = 1, .cut_at = 4097, .range_max = 5000};
    confirm(900);
    assert_int_equal(wire.received, FIRMWARE_SIZE);
    assert_requests(15, 0, 0);
}

static void a_slow_one_is_left(void **state)
{
    (void)state;
    turn(WIRE_IMAGE)->byte_ms = 10000;
    confirm(300);
    assert_requests(1, 1, 0);
    assert_int_equal(wire.received, FIRMWARE_SIZE); /* and its few bytes are kept */
}

static void all_are_slow(void **state)
{
    (void)state;
    turn_all((struct wire_turn){.byte_ms = 10000});
    fails_with(GODWIT_REASON_SLOW_SOURCE, 3600);
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_DOWNLOAD);
    assert_requests(4, 3, 3);
}

/* 4,285 bytes a minute are enough, for ever. */
static void one_that_is_just_not_slow_is_kept(void **state)
{
    (void)state;
    turn(WIRE_IMAGE)->byte_ms = 14;
    confirm(3600);
    assert_requests(1, 0, 0);
}

static void a_busy_server_waits_for_its_time_while_a_mirror_serves(void **state)
{
    (void)state;
    *turn(WIRE_IMAGE) = (struct wire_turn){.status = 503, .retry_after_s = 900};
    confirm(120);
    assert_requests(1, 1, 0);
}

static bool done_requested_image(const struct device *at)
{
    (void)at;
    return wire.requests[WIRE_IMAGE] > wanted;
}

static void a_busy_server_alone_is_called_when_it_said(void **state)
{
    (void)state;
    static const uint32_t waits_s[] = {60, 77, 900, 3000};
    device.peer.sources[0][0] = 0;
    for (wanted = 0; wanted < sizeof waits_s / sizeof *waits_s; wanted++) {
        *turn(WIRE_IMAGE) =
            (struct wire_turn){.status = wanted % 2 ? 429 : 503, .retry_after_s = waits_s[wanted]};
        uint64_t before_ms = wire.start_ms[WIRE_IMAGE];
        assert_true(device_run(&device, done_requested_image, 4000));
        uint64_t waited_ms = wire.start_ms[WIRE_IMAGE] - before_ms;
        device_run(&device, NULL, 1); /* the reply is read */
        if (wanted == 0) continue;
        assert_in_range(waited_ms, waits_s[wanted - 1] * 1000, waits_s[wanted - 1] * 1000 + 2000);
    }
    turn(WIRE_IMAGE)->status = 0;
    confirm(3700);
}

/* The peer's instructions hold an hour. */
static void an_instruction_that_ran_out_is_requested_again(void **state)
{
    (void)state;
    *turn(WIRE_IMAGE) = (struct wire_turn){.status = 503, .times = 1, .retry_after_s = 5000};
    device.peer.sources[0][0] = 0;
    device_run(&device, NULL, 3500);
    uint32_t checkins = device.peer.checkins;
    device_run(&device, NULL, 1400);
    assert_requests(1, 0, 0);
    assert_int_equal(device.peer.checkins, checkins + 1);
    confirm(300);
}

/* No more than a week is waited, and a check-in not put off by it. */
static void an_absurd_wait(void **state)
{
    (void)state;
    *turn(WIRE_IMAGE) = (struct wire_turn){.status = 503, .times = 1, .retry_after_s = UINT32_MAX};
    device.peer.sources[0][0] = 0;
    device_run(&device, NULL, 7 * 86400 - 60);
    assert_requests(1, 0, 0);
    assert_true(device.peer.checkins > 7 * 24);
    confirm(120);
}

/* The server fails more often than the mirror, but the mirror wants a day. */
static void a_mirrors_long_wait_is_not_waited_for(void **state)
{
    (void)state;
    *turn(WIRE_IMAGE) = (struct wire_turn){.status = 503, .times = 3};
    *turn(WIRE_MIRROR_1) = (struct wire_turn){.status = 429, .retry_after_s = 86400};
    device.peer.sources[1][0] = 0;
    confirm(300);
    assert_requests(4, 1, 0);
}

/* A server that offers and yet refuses: asked again and again, but not for ever, nor in a hurry. */
static void an_offer_that_is_refused_ends(void **state)
{
    (void)state;
    turn(WIRE_IMAGE)->status = 409;
    device.peer.sources[0][0] = 0;
    device_run(&device, NULL, 30);
    assert_in_range(wire.requests[WIRE_IMAGE], 2, 5);
    fails_with(GODWIT_REASON_DOWNLOAD_REFUSED, 3600);
    assert_string_equal(device.peer.outcome.detail, "status 409");
    assert_int_equal(wire.requests[WIRE_IMAGE], 11);
}

static void a_new_offer_forgives(void **state)
{
    (void)state;
    turn_all((struct wire_turn){.status = 404});
    fails_with(GODWIT_REASON_DOWNLOAD_REFUSED, 60);
    turn_all((struct wire_turn){0});
    turn(WIRE_IMAGE)->fails_start = true;
    peer_offer(&device.peer, file.data, file.size, 6);
    assert_true(device_run(&device, done_confirmed, 300));
    assert_requests(3, 2, 1);
}

/* No step erases more than one sector. */
static struct godwit_flash inner;
static uint32_t erased_max;
static godwit_err erase_and_note(void *ctx, uint32_t offset, size_t size)
{
    (void)ctx;
    erased_max += (uint32_t)size;
    return inner.erase(inner.ctx, offset, size);
}

static void a_step_erases_one_sector_at_most(void **state)
{
    (void)state;
    struct godwit_flash counting = device.flash;
    uint32_t steps = 0, total = 0;
    inner = device.flash;
    counting.erase = erase_and_note;
    device.board.agent.config.flash = &counting;
    while (device_status(&device).state != GODWIT_STATE_SWITCH) {
        erased_max = 0;
        device.now_ms = board_step(&device.board, device.now_ms);
        assert_in_range(erased_max, 0, 4096);
        total += erased_max;
        assert_true(++steps < 100000);
    }
    assert_true(total >= FIRMWARE_SIZE);
    assert_true(total <
                FIRMWARE_SIZE + 6 * 4096); /* each sector of the slot once, and the journal */
}

/* Power goes when the second sector is erased and nothing stands in it yet: that one is erased once
 * more, and none that was whole. */
static void a_reset_costs_one_erase(void **state)
{
    (void)state;
    struct godwit_flash counting = device.flash;
    inner = device.flash;
    counting.erase = erase_and_note;
    const struct godwit_agent *agent = &device.board.agent;
    while (agent->journal.install_sectors != 1 || agent->clearing == 0)
        device.now_ms = board_step(&device.board, device.now_ms);
    device_power_cycle(&device);
    while (device_status(&device).state == GODWIT_STATE_BOOT)
        device.now_ms = board_step(&device.board, device.now_ms);
    assert_int_equal(device_status(&device).progress, 4096);
    erased_max = 0;
    device.board.agent.config.flash = &counting;
    while (device_status(&device).state != GODWIT_STATE_VERIFY)
        device.now_ms = board_step(&device.board, device.now_ms);
    assert_int_equal(erased_max, FIRMWARE_SIZE - 4096);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_server_comes_first),
        TEST(one_that_refuses_is_dropped),
        TEST(nobody_has_it),
        TEST(one_that_is_away_is_left),
        TEST(breaks_with_progress_change_nothing),
        TEST(other_bytes_from_one_are_fetched_again_from_another),
        TEST(two_of_three_corrupt),
        TEST(all_are_corrupt),
        TEST(wrong_first_bytes_cost_no_erase),
        TEST(who_of_two_was_it),
        TEST(a_suspect_is_not_helped_out),
        TEST(bytes_of_an_earlier_boot_condemn_nobody),
        TEST(a_length_that_is_not_the_files),
        TEST(a_body_without_end),
        TEST(wrong_ranges_move_on_without_a_byte_lost),
        TEST(short_ranges_add_up),
        TEST(a_slow_one_is_left),
        TEST(all_are_slow),
        TEST(one_that_is_just_not_slow_is_kept),
        TEST(a_busy_server_waits_for_its_time_while_a_mirror_serves),
        TEST(a_busy_server_alone_is_called_when_it_said),
        TEST(an_instruction_that_ran_out_is_requested_again),
        TEST(an_absurd_wait),
        TEST(a_mirrors_long_wait_is_not_waited_for),
        TEST(an_offer_that_is_refused_ends),
        TEST(a_new_offer_forgives),
        TEST(a_step_erases_one_sector_at_most),
        TEST(a_reset_costs_one_erase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
