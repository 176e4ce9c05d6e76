/* The change of the CA: what a reply may plant, when the next becomes the present, and that every
 * cut leaves one pair or the other. */
#include "case.h"
#include "device_test.h"

#define JOURNAL_OFFSET 0x4000u

struct bench {
    struct flash_ram ram;
    struct godwit_flash inner, flash;
    struct power_cut power_cut;
    struct godwit_net net;
    struct godwit_agent agent;
    uint8_t told[2][32]; /* what the port heard last */
    uint32_t tells;
};

static void hear(void *ctx, const uint8_t ca_sha256[2][32])
{
    struct bench *bench = ctx;
    memcpy(bench->told, ca_sha256, sizeof bench->told);
    bench->tells++;
}

/* A CA is a letter here; '-' is none. */
static void name(uint8_t ca[32], char letter)
{
    memset(ca, letter == '-' ? 0 : letter, 32);
}

static void pair(uint8_t ca[2][32], const char *letters)
{
    name(ca[0], letters[0]);
    name(ca[1], letters[1]);
}

static void bench_begin(struct bench *bench, const char *letters)
{
    memset(bench, 0, sizeof *bench);
    assert_int_equal(flash_ram_init(&bench->ram, 0x8000, 4, NULL), GODWIT_OK);
    bench->inner = flash_ram_port(&bench->ram);
    power_cut_init(&bench->power_cut, &bench->inner);
    bench->flash = power_cut_port(&bench->power_cut);
    bench->net = (struct godwit_net){.ctx = bench, .trust = hear};
    bench->agent.config.flash = &bench->flash;
    bench->agent.config.net = &bench->net;
    bench->agent.slots.journal = (struct godwit_region){JOURNAL_OFFSET, 0x2000};
    assert_int_equal(godwit_journal_load(&bench->agent), GODWIT_ERR_MISSING);
    pair(bench->agent.journal.ca_sha256, letters);
    assert_int_equal(godwit_journal_commit(&bench->agent), GODWIT_OK);
}

/* A reply that announces one CA, whose instruction names one, over a chain by the next or not. */
static godwit_err note(struct bench *bench, char announced, char named, bool is_by_next_ca)
{
    uint8_t ca[32], whole[32];
    struct godwit_instruction instruction = {0};
    name(ca, announced);
    name(whole, named);
    memcpy(instruction.next_ca, whole, sizeof instruction.next_ca);
    bench->agent.is_by_next_ca = is_by_next_ca;
    return godwit_ca_note(&bench->agent, ca, &instruction);
}

/* The first two letters are the pair before, the last two the pair behind. */
static void each_reply_changes_the_pair_as_the_table_says(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        char announced, named;
        bool is_by_next_ca;
        const char *after;
        uint32_t commits;
    } rows[] = {
        {"--", '-', '-', false, "--", 0}, /* nothing is announced */
        {"--", 'b', 'b', false, "-b", 1}, /* the first change, under the port's own CA */
        {"-b", 'b', 'b', false, "-b", 0}, /* said again: no write for it */
        {"-b", '-', '-', false, "-b", 0}, /* not said any more: kept */
        {"-b", 'c', 'c', false, "-c", 1}, /* another one instead */
        {"-b", 'b', 'b', true, "b-", 1},  /* the next becomes the present */
        {"ab", '-', '-', true, "b-", 1},  /* … also unsaid */
        {"ab", 'c', 'c', true, "bc", 1},  /* … and the one after it is there: one write */
        {"b-", 'b', 'b', false, "b-", 0}, /* it is the present one already */
        {"b-", 'c', 'c', false, "bc", 1}, /* the second change */
        {"b-", '-', '-', true, "b-", 0},  /* there is no next one: nothing to come by */
        {"a-", 'x', '-', false, "a-", 0}, /* planted: the instruction names none */
        {"a-", 'x', 'b', false, "a-", 0}, /* planted: the instruction names another */
        {"ab", 'x', 'b', true, "b-", 1},  /* … the change that was under way goes on */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        struct bench bench;
        uint8_t expected[2][32];
        bench_begin(&bench, rows[i].before);
        uint32_t number = bench.agent.journal.number;
        assert_int_equal(note(&bench, rows[i].announced, rows[i].named, rows[i].is_by_next_ca),
                         GODWIT_OK);
        pair(expected, rows[i].after);
        if (memcmp(bench.agent.journal.ca_sha256, expected, 64) != 0)
            fail_msg("row %zu: not %s", i, rows[i].after);
        assert_int_equal(bench.agent.journal.number - number, rows[i].commits);
        assert_int_equal(bench.tells, rows[i].commits); /* the port hears of each change, once */
        if (bench.tells) assert_memory_equal(bench.told, expected, 64);
        flash_ram_deinit(&bench.ram);
    }
}

static void a_cut_change_leaves_one_pair_or_the_other(void **state)
{
    (void)state;
    static const enum power_cut_kind kinds[] = {POWER_CUT_BEFORE, POWER_CUT_TORN, POWER_CUT_AFTER};
    uint32_t cuts = 0;
    for (uint32_t at = 1; at <= 2; at++) /* an erase and a write */
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            CASE(k);
            struct bench bench;
            uint8_t before[2][32], after[2][32];
            bench_begin(&bench, "ab");
            pair(before, "ab");
            pair(after, "b-");
            power_cut_power_on(&bench.power_cut);
            bench.power_cut.cut_at = bench.power_cut.operations + at;
            bench.power_cut.kind = kinds[k];
            bool is_cut = note(&bench, 'b', 'b', true) != GODWIT_OK;
            cuts += is_cut;
            power_cut_power_on(&bench.power_cut);
            assert_int_equal(godwit_journal_load(&bench.agent), GODWIT_OK);
            bool is_old = !memcmp(bench.agent.journal.ca_sha256, before, 64);
            assert_true(is_old || !memcmp(bench.agent.journal.ca_sha256, after, 64));
            godwit_ca_load(&bench.agent);
            assert_memory_equal(bench.told, is_old ? before : after, 64);
            flash_ram_deinit(&bench.ram);
        }
    assert_int_equal(cuts, 6);
}

/* Flash that refuses: the port trusts the new pair at once, the next write keeps it. */
static void a_failed_write_is_said_and_made_good(void **state)
{
    (void)state;
    struct bench bench;
    uint8_t after[2][32];
    bench_begin(&bench, "ab");
    pair(after, "b-");
    bench.power_cut.cut_at = bench.power_cut.operations + 1;
    bench.power_cut.kind = POWER_CUT_BEFORE;
    assert_int_not_equal(note(&bench, 'b', 'b', true), GODWIT_OK);
    assert_memory_equal(bench.told, after, 64);
    power_cut_power_on(&bench.power_cut);
    assert_int_equal(note(&bench, 'b', 'b', true), GODWIT_OK);
    assert_memory_equal(bench.agent.journal.ca_sha256, after, 64);
    assert_int_equal(godwit_journal_commit(&bench.agent), GODWIT_OK);
    assert_int_equal(godwit_journal_load(&bench.agent), GODWIT_OK);
    assert_memory_equal(bench.agent.journal.ca_sha256, after, 64);
    flash_ram_deinit(&bench.ram);
}

static void a_port_without_trust_is_left_alone(void **state)
{
    (void)state;
    struct bench bench;
    bench_begin(&bench, "ab");
    bench.net.trust = NULL;
    godwit_ca_load(&bench.agent);
    assert_int_equal(note(&bench, 'b', 'b', true), GODWIT_OK);
    assert_int_equal(bench.tells, 0);
    flash_ram_deinit(&bench.ram);
}

/* ---- a whole device ---- */

static void check_in(struct device *device)
{
    uint32_t checkins = device->peer.checkins;
    for (int i = 0; i < 200 && device->peer.checkins == checkins; i++)
        (void)device_run(device, NULL, 5);
    assert_int_not_equal(device->peer.checkins, checkins);
    (void)device_run(device, done_checked_in, 10);
}

static void a_device_follows_its_server_to_the_next_ca(void **state)
{
    (void)state;
    struct device device;
    uint8_t expected[2][32];
    device_begin(&device);
    assert_true(device_run(&device, done_checked_in, 60));
    pair(expected, "--");
    assert_int_equal(device.peer.trusts, 1); /* at boot */
    assert_memory_equal(device.peer.trusted, expected, 64);

    name(device.peer.next_ca, 'b');
    check_in(&device);
    pair(expected, "-b");
    assert_memory_equal(device.peer.trusted, expected, 64);
    device_power_cycle(&device);
    check_in(&device);
    assert_memory_equal(device.peer.trusted, expected, 64); /* kept over the reset */

    device.peer.by_next_ca = true;
    check_in(&device);
    pair(expected, "b-");
    assert_memory_equal(device.peer.trusted, expected, 64);
    device.peer.by_next_ca = false;
    uint32_t trusts = device.peer.trusts;
    device_power_cycle(&device);
    check_in(&device);
    assert_int_equal(device.peer.trusts, trusts + 1); /* at boot, and nothing since */
    assert_memory_equal(device.peer.trusted, expected, 64);
    device_end(&device);
}

static void spoils_the_signature(struct peer *peer, uint8_t *data)
{
    (void)peer;
    data[GODWIT_INSTRUCTION_SIZE - 1] ^= 1;
}

static void names_another_ca(struct peer *peer, uint8_t *data)
{
    memset(data + 184, 'c', 8);
    peer_sign(peer, data);
}

/* The thief of a TLS key: its chain is good, its announcement is not the deploy key's. */
static void a_reply_that_is_not_fresh_plants_nothing(void **state)
{
    (void)state;
    static void (*const tampers[])(struct peer *, uint8_t *) = {spoils_the_signature,
                                                                names_another_ca};
    for (size_t i = 0; i < 2; i++) {
        struct device device;
        uint8_t expected[2][32];
        device_begin(&device);
        assert_true(device_run(&device, done_checked_in, 60));
        pair(expected, "--");
        device.peer.tamper = tampers[i];
        name(device.peer.next_ca, 'b');
        check_in(&device);
        assert_memory_equal(device.peer.trusted, expected, 64);
        assert_memory_equal(device.board.agent.journal.ca_sha256, expected, 64);

        device.peer.tamper = NULL;
        check_in(&device);
        pair(expected, "-b");
        assert_memory_equal(device.peer.trusted, expected, 64);

        device.peer.tamper = spoils_the_signature;
        device.peer.by_next_ca = true;
        check_in(&device);
        assert_memory_equal(device.peer.trusted, expected, 64); /* no promotion by it either */
        device_end(&device);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reply_changes_the_pair_as_the_table_says),
        cmocka_unit_test(a_cut_change_leaves_one_pair_or_the_other),
        cmocka_unit_test(a_failed_write_is_said_and_made_good),
        cmocka_unit_test(a_port_without_trust_is_left_alone),
        cmocka_unit_test(a_device_follows_its_server_to_the_next_ca),
        cmocka_unit_test(a_reply_that_is_not_fresh_plants_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
