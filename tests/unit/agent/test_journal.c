/* The journal under cuts: whatever is torn, what is read back is a state that was written whole. */
#include "case.h"
#include "device_test.h"

#define JOURNAL_OFFSET 0x4000u

struct bench {
    struct flash_ram ram;
    struct godwit_flash inner, flash;
    struct power_cut power_cut;
    struct godwit_agent agent;
};

static void bench_begin(struct bench *bench, uint32_t write_size)
{
    memset(bench, 0, sizeof *bench);
    assert_int_equal(flash_ram_init(&bench->ram, 0x8000, write_size, NULL), GODWIT_OK);
    bench->inner = flash_ram_port(&bench->ram);
    power_cut_init(&bench->power_cut, &bench->inner);
    bench->flash = power_cut_port(&bench->power_cut);
    bench->agent.config.flash = &bench->flash;
    bench->agent.slots.journal = (struct godwit_region){JOURNAL_OFFSET, 0x2000};
}

/* Memory is lost; what does the flash say? */
static godwit_err reload(struct bench *bench)
{
    power_cut_power_on(&bench->power_cut);
    memset(&bench->agent.journal, 0xA5, sizeof bench->agent.journal);
    bench->agent.journal_entries = 77;
    return godwit_journal_load(&bench->agent);
}

static void a_blank_partition_is_a_new_device(void **state)
{
    (void)state;
    struct bench bench;
    bench_begin(&bench, 4);
    assert_int_equal(reload(&bench), GODWIT_ERR_MISSING);
    assert_int_equal(bench.agent.journal.outcome_id, 0);
    assert_int_equal(bench.agent.journal.install_step, GODWIT_STEP_NONE);
    flash_ram_deinit(&bench.ram);
}

static void two_unreadable_sectors_are_a_lost_journal(void **state)
{
    (void)state;
    struct bench bench;
    const uint8_t noise[32] = {1, 2, 3};
    bench_begin(&bench, 4);
    assert_int_equal(bench.inner.write(bench.inner.ctx, JOURNAL_OFFSET, noise, 32), GODWIT_OK);
    assert_int_equal(reload(&bench), GODWIT_ERR_MISSING); /* a new device's first write, cut */
    assert_int_equal(bench.inner.write(bench.inner.ctx, JOURNAL_OFFSET + 4096, noise, 32),
                     GODWIT_OK);
    assert_int_equal(reload(&bench), GODWIT_ERR_FORMAT);
    flash_ram_deinit(&bench.ram);
}

/* A scenario of 260 changes, more marks than a sector holds; the n-th write or erase is cut, in in
 * each way. Read back, it is the last finished change, or the one that was being made. */
static void cuts_leave_the_old_or_the_new(void **state)
{
    (void)state;
    static const uint32_t units[] = {4, 16, 32};
    for (size_t u = 0; u < 3; u++) {
        for (uint32_t cut_at = 1; cut_at <= 290; cut_at++) {
            CASE(cut_at);
            /* A weak one may be there now and gone at the next reading: figure power. */
            for (int kind = 0; kind < POWER_CUT_UNSTABLE; kind++) {
                CASE(kind);
                struct bench bench;
                bench_begin(&bench, units[u]);
                (void)!reload(&bench);
                bench.agent.journal.checkins = 500;
                assert_int_equal(godwit_journal_commit(&bench.agent), GODWIT_OK);
                bench.power_cut.cut_at = bench.power_cut.operations + cut_at;
                bench.power_cut.kind = (enum power_cut_kind)kind;
                bench.power_cut.seed = cut_at;
                uint32_t done = 0;
                for (uint32_t i = 1; i <= 260 && !bench.power_cut.is_off; i++) {
                    godwit_err err;
                    bench.agent.journal.checkins = 500 + i; /* kept by a whole write alone */
                    if (i % 9 == 0) {
                        bench.agent.journal.boots = i;
                        err = godwit_journal_commit(&bench.agent);
                    } else {
                        err = godwit_journal_append(&bench.agent, GODWIT_ENTRY_BOOTS, i);
                    }
                    if (!err) done = i;
                }
                assert_int_equal(reload(&bench), GODWIT_OK);
                uint32_t boots = bench.agent.journal.boots;
                assert_true(boots == done || boots == done + 1);
                assert_true(bench.agent.journal.checkins <= 500 + boots);
                /* and the next change goes through */
                assert_int_equal(godwit_journal_append(&bench.agent, GODWIT_ENTRY_STEP, 2),
                                 GODWIT_OK);
                assert_int_equal(godwit_journal_append(&bench.agent, GODWIT_ENTRY_SECTORS, 9),
                                 GODWIT_OK);
                assert_int_equal(reload(&bench), GODWIT_OK);
                assert_int_equal(bench.agent.journal.install_step, 2);
                assert_int_equal(bench.agent.journal.install_sectors, 9);
                assert_int_equal(bench.agent.journal.boots, boots);
                assert_int_equal(bench.ram.violations, 0);
                flash_ram_deinit(&bench.ram);
            }
        }
    }
}

/* A write of the record that was cut may leave bits that read as they like: whichever record is
 * taken at the first reading stays the one, for the next change settles it. */
static void an_unstable_journal_is_decided_once(void **state)
{
    (void)state;
    uint32_t taken[2] = {0, 0};
    for (uint32_t operation = 1; operation <= 3; operation++) { /* erase, record, seal */
        for (uint32_t seed = 0; seed < 400; seed++) {
            CASE(seed);
            struct bench bench;
            bench_begin(&bench, 4);
            (void)!reload(&bench);
            for (uint32_t boots = 1; boots <= 3; boots++) {
                bench.agent.journal.boots = boots;
                if (boots == 3) {
                    bench.power_cut.cut_at = bench.power_cut.operations + operation;
                    bench.power_cut.kind = POWER_CUT_UNSTABLE;
                    bench.power_cut.seed = seed;
                }
                assert_int_equal(godwit_journal_commit(&bench.agent),
                                 boots == 3 ? GODWIT_ERR_IO : GODWIT_OK);
            }
            assert_int_equal(reload(&bench), GODWIT_OK);
            uint32_t boots = bench.agent.journal.boots;
            assert_in_range(boots, 2, 3);
            if (operation < 3) assert_int_equal(boots, 2); /* without its seal it is none */
            taken[boots - 2]++;
            assert_int_equal(godwit_journal_append(&bench.agent, GODWIT_ENTRY_STEP, 2), GODWIT_OK);
            for (int again = 0; again < 16; again++) {
                CASE(again);
                assert_int_equal(reload(&bench), GODWIT_OK);
                assert_int_equal(bench.agent.journal.boots, boots);
                assert_int_equal(bench.agent.journal.install_step, 2);
            }
            assert_int_equal(bench.ram.violations, 0);
            flash_ram_deinit(&bench.ram);
        }
    }
    assert_true(taken[0] > 0 && taken[1] > 0);
}

/* One bit of a byte that now reads as programmed and now as blank. */
static void make_unstable(struct bench *bench, int which, uint32_t offset)
{
    const struct godwit_flash *flash = &bench->flash;
    const uint8_t byte[4] = {0xFE, 0xFF, 0xFF, 0xFF};
    assert_int_equal(bench->inner.write(bench->inner.ctx, offset, byte, sizeof byte), GODWIT_OK);
    for (uint64_t seed = 0; seed < 1000; seed++) {
        CASE(seed);
        uint32_t blank = 0;
        bench->power_cut.unstable[which] = (struct unstable_bits){offset, 1, seed};
        for (int i = 0; i < 64; i++) {
            CASE(i);
            uint8_t read[4];
            assert_int_equal(flash->read(flash->ctx, offset, read, sizeof read), GODWIT_OK);
            blank += read[0] == 0xFF;
        }
        if (blank > 16 && blank < 48) return;
    }
    fail();
}

/* The third record is whole, and of its seal one bit that wavers. */
static void begin_with_unstable_marker(struct bench *bench, uint32_t turn)
{
    bench_begin(bench, 4);
    (void)!reload(bench);
    for (uint32_t boots = 1; boots <= 3; boots++) {
        bench->agent.journal.boots = bench->agent.journal.checkins = boots;
        bench->power_cut.cut_at = boots == 3 ? bench->power_cut.operations + 3 : 0;
        (void)!godwit_journal_commit(&bench->agent);
    }
    power_cut_power_on(&bench->power_cut);
    make_unstable(bench, 0, JOURNAL_OFFSET + 4096 + GODWIT_JOURNAL_SIZE);
    bench->power_cut.reads += turn;
    assert_int_equal(reload(bench), GODWIT_OK);
}

/* The seal was begun, so the journal is whole; but the seal itself may be seen or not. */
static void an_unstable_marker_is_decided_once(void **state)
{
    (void)state;
    uint32_t taken[2] = {0, 0};
    for (uint32_t turn = 0; turn < 32; turn++) {
        CASE(turn);
        struct bench bench;
        begin_with_unstable_marker(&bench, turn);
        uint32_t boots = bench.agent.journal.boots;
        assert_in_range(boots, 2, 3);
        taken[boots - 2]++;
        assert_int_equal(godwit_journal_append(&bench.agent, GODWIT_ENTRY_STEP, 2), GODWIT_OK);
        for (int again = 0; again < 16; again++) {
            CASE(again);
            assert_int_equal(reload(&bench), GODWIT_OK);
            assert_int_equal(bench.agent.journal.boots, boots);
        }
        flash_ram_deinit(&bench.ram);
    }
    assert_true(taken[0] > 0 && taken[1] > 0);
}

/* Its seal was seen, and the first mark behind it was cut too; the next ones are whole, and the
 * record counts whatever seal and first mark read like later. */
static void any_entry_proves_a_journal(void **state)
{
    (void)state;
    uint32_t told = 0;
    for (uint32_t turn = 0; turn < 64; turn++) {
        CASE(turn);
        struct bench bench;
        begin_with_unstable_marker(&bench, turn);
        if (bench.agent.journal.checkins == 3) {
            bench.power_cut.cut_at = bench.power_cut.operations + 1;
            assert_int_equal(godwit_journal_append(&bench.agent, GODWIT_ENTRY_BOOTS, 4),
                             GODWIT_ERR_IO);
            power_cut_power_on(&bench.power_cut);
            make_unstable(&bench, 1, JOURNAL_OFFSET + 4096 + GODWIT_JOURNAL_SIZE + 32);
            bench.power_cut.reads += 3 * turn;
            assert_int_equal(reload(&bench), GODWIT_OK);
        }
        bool is_seen = bench.agent.journal.checkins == 3 && bench.agent.journal_entries == 1;
        told += is_seen;
        if (is_seen)
            assert_int_equal(godwit_journal_append(&bench.agent, GODWIT_ENTRY_BOOTS, 5), 0);
        for (int again = 0; is_seen && again < 32; again++) {
            CASE(again);
            assert_int_equal(reload(&bench), GODWIT_OK);
            assert_int_equal(bench.agent.journal.checkins, 3);
        }
        flash_ram_deinit(&bench.ram);
    }
    assert_true(told > 0);
}

static uint32_t dead_erases;
static godwit_err dead_sector_erase(void *ctx, uint32_t offset, size_t size)
{
    dead_erases += offset == JOURNAL_OFFSET + 4096;
    return ((struct bench *)ctx)->inner.erase(((struct bench *)ctx)->inner.ctx, offset, size);
}

static godwit_err dead_sector_write(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    struct bench *bench = ctx;
    if (offset >= JOURNAL_OFFSET + 4096) return GODWIT_ERR_IO;
    return bench->inner.write(bench->inner.ctx, offset, data, size);
}

static godwit_err dead_sector_read(void *ctx, uint32_t offset, uint8_t *data, size_t size)
{
    return ((struct bench *)ctx)->inner.read(((struct bench *)ctx)->inner.ctx, offset, data, size);
}

/* The sector that is not in use takes no writes any more: the other one goes on by its marks, and
 * each boot tries the dead one once. */
static void a_dead_sector_does_not_stop_the_other(void **state)
{
    (void)state;
    struct bench bench;
    bench_begin(&bench, 4);
    (void)!reload(&bench);
    for (int times = 0; times < 2; times++)
        assert_int_equal(godwit_journal_commit(&bench.agent), GODWIT_OK);
    bench.flash.ctx = &bench;
    bench.flash.read = dead_sector_read;
    bench.flash.write = dead_sector_write;
    bench.flash.erase = dead_sector_erase;
    assert_int_equal(godwit_journal_commit(&bench.agent), GODWIT_ERR_IO);
    for (uint32_t boots = 1; boots <= 20; boots++) {
        CASE(boots);
        assert_int_equal(reload(&bench), GODWIT_OK);
        dead_erases = 0;
        assert_int_equal(godwit_journal_append(&bench.agent, GODWIT_ENTRY_BOOTS, boots), GODWIT_OK);
        assert_int_equal(godwit_journal_append(&bench.agent, GODWIT_ENTRY_STEP, 3), GODWIT_OK);
        assert_int_equal(dead_erases, 1);
        assert_int_equal(reload(&bench), GODWIT_OK);
        assert_int_equal(bench.agent.journal.boots, boots);
    }
    flash_ram_deinit(&bench.ram);
}

static void a_full_sector_of_entries_moves_on(void **state)
{
    (void)state;
    struct bench bench;
    bench_begin(&bench, 32);
    (void)!reload(&bench);
    assert_int_equal(godwit_journal_commit(&bench.agent), GODWIT_OK);
    assert_int_equal(godwit_journal_commit(&bench.agent), GODWIT_OK); /* both sectors are sound */
    uint32_t operations = bench.power_cut.operations;
    for (uint32_t i = 1; i <= 300; i++) {
        CASE(i);
        assert_int_equal(godwit_journal_append(&bench.agent, GODWIT_ENTRY_SECTORS, i), GODWIT_OK);
        assert_int_equal(reload(&bench), GODWIT_OK);
        assert_int_equal(bench.agent.journal.install_sectors, i);
    }
    /* 300 changes: 112 marks a sector, so twice an erase, a journal and its seal among them */
    assert_int_equal(bench.power_cut.operations - operations, 300 + 2 * 2);
    assert_int_equal(bench.ram.violations, 0);
    flash_ram_deinit(&bench.ram);
}

static void entries_of_an_older_journal_do_not_count(void **state)
{
    (void)state;
    struct bench bench;
    bench_begin(&bench, 4);
    (void)!reload(&bench);
    assert_int_equal(godwit_journal_commit(&bench.agent), GODWIT_OK); /* number 1 */
    assert_int_equal(godwit_journal_append(&bench.agent, GODWIT_ENTRY_BOOTS, 5), GODWIT_OK);
    bench.agent.journal.boots = 6;
    assert_int_equal(godwit_journal_commit(&bench.agent), GODWIT_OK); /* number 2 */
    assert_int_equal(reload(&bench), GODWIT_OK);
    assert_int_equal(bench.agent.journal.boots, 6);
    assert_int_equal(bench.agent.journal.number, 2);
    flash_ram_deinit(&bench.ram);
}

/* From the second commit on the flash fails, or does nothing and says OK: not told as done, tried
 * again in the same sector, and the last good record stands in the other one. */
static void a_failing_flash_leaves_the_last_good_journal(void **state)
{
    static const unsigned sorts[] = {FAULT_WRITE, FAULT_ERASE, FAULT_WRITE | FAULT_ERASE};
    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        CASE(i);
        struct bench bench;
        struct fault fault;
        bench_begin(&bench, 4);
        fault_init(&fault, &bench.inner);
        bench.power_cut.inner = fault_port(&fault);
        assert_int_equal(reload(&bench), GODWIT_ERR_MISSING);
        for (bench.agent.journal.boots = 1; bench.agent.journal.boots < 3;
             bench.agent.journal.boots++)
            assert_int_equal(godwit_journal_commit(&bench.agent), GODWIT_OK);
        fault.sorts = sorts[i / 2];
        fault.is_silent = i % 2;
        fault.lasts = true;
        fault.fail_at = 1;
        for (int tries = 0; tries < 3; tries++)
            assert_int_equal(godwit_journal_commit(&bench.agent), GODWIT_ERR_IO);
        fault_clear(&fault);
        assert_int_equal(reload(&bench), GODWIT_OK);
        assert_int_equal(bench.agent.journal.boots, 2);
        bench.agent.journal.boots = 9;
        assert_int_equal(godwit_journal_commit(&bench.agent), GODWIT_OK);
        assert_int_equal(reload(&bench), GODWIT_OK);
        assert_int_equal(bench.agent.journal.boots, 9);
        flash_ram_deinit(&bench.ram);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blank_partition_is_a_new_device),
        cmocka_unit_test(two_unreadable_sectors_are_a_lost_journal),
        cmocka_unit_test(cuts_leave_the_old_or_the_new),
        cmocka_unit_test(an_unstable_journal_is_decided_once),
        cmocka_unit_test(an_unstable_marker_is_decided_once),
        cmocka_unit_test(any_entry_proves_a_journal),
        cmocka_unit_test(a_dead_sector_does_not_stop_the_other),
        cmocka_unit_test(a_full_sector_of_entries_moves_on),
        cmocka_unit_test(entries_of_an_older_journal_do_not_count),
        cmocka_unit_test(a_failing_flash_leaves_the_last_good_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
