/* The record under cuts: whatever is torn, what is read back is a state that was written whole. */
#include "world.h"

#define RECORD_OFFSET 0x4000u

struct bench {
    struct flash_ram ram;
    struct godwit_flash inner, flash;
    struct saw saw;
    struct godwit_agent agent;
};

static void bench_begin(struct bench *bench, uint32_t write_size)
{
    memset(bench, 0, sizeof *bench);
    assert_int_equal(flash_ram_init(&bench->ram, 0x8000, write_size, NULL), GODWIT_OK);
    bench->inner = flash_ram_port(&bench->ram);
    saw_init(&bench->saw, &bench->inner);
    bench->flash = saw_port(&bench->saw);
    bench->agent.config.flash = &bench->flash;
    bench->agent.slots.record = (struct godwit_region){RECORD_OFFSET, 0x2000};
}

/* Memory is lost; what does the flash say? */
static godwit_err reload(struct bench *bench)
{
    saw_power_on(&bench->saw);
    memset(&bench->agent.record, 0xA5, sizeof bench->agent.record);
    bench->agent.marks = 77;
    return godwit_record_load(&bench->agent);
}

static void a_blank_partition_is_a_new_device(void **state)
{
    (void)state;
    struct bench bench;
    bench_begin(&bench, 4);
    assert_int_equal(reload(&bench), GODWIT_ERR_MISSING);
    assert_int_equal(bench.agent.record.outcome_id, 0);
    assert_int_equal(bench.agent.record.install_step, GODWIT_STEP_NONE);
    flash_ram_deinit(&bench.ram);
}

static void two_unreadable_sectors_are_a_lost_record(void **state)
{
    (void)state;
    struct bench bench;
    const uint8_t noise[32] = {1, 2, 3};
    bench_begin(&bench, 4);
    assert_int_equal(bench.inner.write(bench.inner.ctx, RECORD_OFFSET, noise, 32), GODWIT_OK);
    assert_int_equal(reload(&bench), GODWIT_ERR_MISSING); /* a new device's first write, cut */
    assert_int_equal(bench.inner.write(bench.inner.ctx, RECORD_OFFSET + 4096, noise, 32),
                     GODWIT_OK);
    assert_int_equal(reload(&bench), GODWIT_ERR_FORMAT);
    flash_ram_deinit(&bench.ram);
}

/* A story of 260 changes, more marks than a sector holds; the n-th write or erase is cut, in in
 * each way. Read back, it is the last finished change, or the one that was being made. */
static void cuts_leave_the_old_or_the_new(void **state)
{
    (void)state;
    static const uint32_t units[] = {4, 16, 32};
    for (size_t u = 0; u < 3; u++) {
        for (uint32_t cut_at = 1; cut_at <= 290; cut_at++) {
            /* A weak one may be there now and gone at the next reading: figure power. */
            for (int kind = 0; kind < SAW_WEAK; kind++) {
                struct bench bench;
                bench_begin(&bench, units[u]);
                (void)!reload(&bench);
                bench.agent.record.checkins = 500;
                assert_int_equal(godwit_record_commit(&bench.agent), GODWIT_OK);
                bench.saw.cut_at = bench.saw.operations + cut_at;
                bench.saw.kind = (enum saw_kind)kind;
                bench.saw.seed = cut_at;
                uint32_t done = 0;
                for (uint32_t i = 1; i <= 260 && !bench.saw.is_off; i++) {
                    godwit_err err;
                    bench.agent.record.checkins = 500 + i; /* kept by a whole write alone */
                    if (i % 9 == 0) {
                        bench.agent.record.boots = i;
                        err = godwit_record_commit(&bench.agent);
                    } else {
                        err = godwit_record_mark(&bench.agent, GODWIT_MARK_BOOTS, i);
                    }
                    if (!err) done = i;
                }
                assert_int_equal(reload(&bench), GODWIT_OK);
                uint32_t boots = bench.agent.record.boots;
                assert_true(boots == done || boots == done + 1);
                assert_true(bench.agent.record.checkins <= 500 + boots);
                /* and the next change goes through */
                assert_int_equal(godwit_record_mark(&bench.agent, GODWIT_MARK_STEP, 2), GODWIT_OK);
                assert_int_equal(godwit_record_mark(&bench.agent, GODWIT_MARK_SECTORS, 9),
                                 GODWIT_OK);
                assert_int_equal(reload(&bench), GODWIT_OK);
                assert_int_equal(bench.agent.record.install_step, 2);
                assert_int_equal(bench.agent.record.install_sectors, 9);
                assert_int_equal(bench.agent.record.boots, boots);
                assert_int_equal(bench.ram.violations, 0);
                flash_ram_deinit(&bench.ram);
            }
        }
    }
}

/* A write of the record that was cut may leave bits that read as they like: whichever record is
 * taken at the first reading stays the one, for the next change settles it. */
static void a_wavering_record_is_decided_once(void **state)
{
    (void)state;
    uint32_t taken[2] = {0, 0};
    for (uint32_t operation = 1; operation <= 3; operation++) { /* erase, record, seal */
        for (uint32_t seed = 0; seed < 400; seed++) {
            struct bench bench;
            bench_begin(&bench, 4);
            (void)!reload(&bench);
            for (uint32_t boots = 1; boots <= 3; boots++) {
                bench.agent.record.boots = boots;
                if (boots == 3) {
                    bench.saw.cut_at = bench.saw.operations + operation;
                    bench.saw.kind = SAW_WEAK;
                    bench.saw.seed = seed;
                }
                assert_int_equal(godwit_record_commit(&bench.agent),
                                 boots == 3 ? GODWIT_ERR_IO : GODWIT_OK);
            }
            assert_int_equal(reload(&bench), GODWIT_OK);
            uint32_t boots = bench.agent.record.boots;
            assert_in_range(boots, 2, 3);
            if (operation < 3) assert_int_equal(boots, 2); /* without its seal it is none */
            taken[boots - 2]++;
            assert_int_equal(godwit_record_mark(&bench.agent, GODWIT_MARK_STEP, 2), GODWIT_OK);
            for (int again = 0; again < 16; again++) {
                assert_int_equal(reload(&bench), GODWIT_OK);
                assert_int_equal(bench.agent.record.boots, boots);
                assert_int_equal(bench.agent.record.install_step, 2);
            }
            assert_int_equal(bench.ram.violations, 0);
            flash_ram_deinit(&bench.ram);
        }
    }
    assert_true(taken[0] > 0 && taken[1] > 0);
}

/* One bit of a byte that now reads as programmed and now as blank. */
static void make_waver(struct bench *bench, int which, uint32_t offset)
{
    const struct godwit_flash *flash = &bench->flash;
    const uint8_t byte[4] = {0xFE, 0xFF, 0xFF, 0xFF};
    assert_int_equal(bench->inner.write(bench->inner.ctx, offset, byte, sizeof byte), GODWIT_OK);
    for (uint64_t seed = 0; seed < 1000; seed++) {
        uint32_t blank = 0;
        bench->saw.weak[which] = (struct saw_weak){offset, 1, seed};
        for (int i = 0; i < 64; i++) {
            uint8_t read[4];
            assert_int_equal(flash->read(flash->ctx, offset, read, sizeof read), GODWIT_OK);
            blank += read[0] == 0xFF;
        }
        if (blank > 16 && blank < 48) return;
    }
    fail();
}

/* The third record is whole, and of its seal one bit that wavers. */
static void begin_with_wavering_seal(struct bench *bench, uint32_t turn)
{
    bench_begin(bench, 4);
    (void)!reload(bench);
    for (uint32_t boots = 1; boots <= 3; boots++) {
        bench->agent.record.boots = bench->agent.record.checkins = boots;
        bench->saw.cut_at = boots == 3 ? bench->saw.operations + 3 : 0;
        (void)!godwit_record_commit(&bench->agent);
    }
    saw_power_on(&bench->saw);
    make_waver(bench, 0, RECORD_OFFSET + 4096 + GODWIT_RECORD_SIZE);
    bench->saw.reads += turn;
    assert_int_equal(reload(bench), GODWIT_OK);
}

/* The seal was begun, so the record is whole; but the seal itself may be seen or not. */
static void a_wavering_seal_is_decided_once(void **state)
{
    (void)state;
    uint32_t taken[2] = {0, 0};
    for (uint32_t turn = 0; turn < 32; turn++) {
        struct bench bench;
        begin_with_wavering_seal(&bench, turn);
        uint32_t boots = bench.agent.record.boots;
        assert_in_range(boots, 2, 3);
        taken[boots - 2]++;
        assert_int_equal(godwit_record_mark(&bench.agent, GODWIT_MARK_STEP, 2), GODWIT_OK);
        for (int again = 0; again < 16; again++) {
            assert_int_equal(reload(&bench), GODWIT_OK);
            assert_int_equal(bench.agent.record.boots, boots);
        }
        flash_ram_deinit(&bench.ram);
    }
    assert_true(taken[0] > 0 && taken[1] > 0);
}

/* Its seal was seen, and the first mark behind it was cut too; the next ones are whole, and the
 * record counts whatever seal and first mark read like later. */
static void any_mark_proves_a_record(void **state)
{
    (void)state;
    uint32_t told = 0;
    for (uint32_t turn = 0; turn < 64; turn++) {
        struct bench bench;
        begin_with_wavering_seal(&bench, turn);
        if (bench.agent.record.checkins == 3) {
            bench.saw.cut_at = bench.saw.operations + 1;
            assert_int_equal(godwit_record_mark(&bench.agent, GODWIT_MARK_BOOTS, 4), GODWIT_ERR_IO);
            saw_power_on(&bench.saw);
            make_waver(&bench, 1, RECORD_OFFSET + 4096 + 512);
            bench.saw.reads += 3 * turn;
            assert_int_equal(reload(&bench), GODWIT_OK);
        }
        bool is_seen = bench.agent.record.checkins == 3 && bench.agent.marks == 1;
        told += is_seen;
        if (is_seen) assert_int_equal(godwit_record_mark(&bench.agent, GODWIT_MARK_BOOTS, 5), 0);
        for (int again = 0; is_seen && again < 32; again++) {
            assert_int_equal(reload(&bench), GODWIT_OK);
            assert_int_equal(bench.agent.record.checkins, 3);
        }
        flash_ram_deinit(&bench.ram);
    }
    assert_true(told > 0);
}

static uint32_t dead_erases;
static godwit_err dead_sector_erase(void *ctx, uint32_t offset, size_t size)
{
    dead_erases += offset == RECORD_OFFSET + 4096;
    return ((struct bench *)ctx)->inner.erase(((struct bench *)ctx)->inner.ctx, offset, size);
}

static godwit_err dead_sector_write(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    struct bench *bench = ctx;
    if (offset >= RECORD_OFFSET + 4096) return GODWIT_ERR_IO;
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
        assert_int_equal(godwit_record_commit(&bench.agent), GODWIT_OK);
    bench.flash.ctx = &bench;
    bench.flash.read = dead_sector_read;
    bench.flash.write = dead_sector_write;
    bench.flash.erase = dead_sector_erase;
    assert_int_equal(godwit_record_commit(&bench.agent), GODWIT_ERR_IO);
    for (uint32_t boots = 1; boots <= 20; boots++) {
        assert_int_equal(reload(&bench), GODWIT_OK);
        dead_erases = 0;
        assert_int_equal(godwit_record_mark(&bench.agent, GODWIT_MARK_BOOTS, boots), GODWIT_OK);
        assert_int_equal(godwit_record_mark(&bench.agent, GODWIT_MARK_STEP, 3), GODWIT_OK);
        assert_int_equal(dead_erases, 1);
        assert_int_equal(reload(&bench), GODWIT_OK);
        assert_int_equal(bench.agent.record.boots, boots);
    }
    flash_ram_deinit(&bench.ram);
}

static void a_full_sector_of_marks_moves_on(void **state)
{
    (void)state;
    struct bench bench;
    bench_begin(&bench, 32);
    (void)!reload(&bench);
    assert_int_equal(godwit_record_commit(&bench.agent), GODWIT_OK);
    assert_int_equal(godwit_record_commit(&bench.agent), GODWIT_OK); /* both sectors are sound */
    uint32_t operations = bench.saw.operations;
    for (uint32_t i = 1; i <= 300; i++) {
        assert_int_equal(godwit_record_mark(&bench.agent, GODWIT_MARK_SECTORS, i), GODWIT_OK);
        assert_int_equal(reload(&bench), GODWIT_OK);
        assert_int_equal(bench.agent.record.install_sectors, i);
    }
    /* 300 changes: 112 marks a sector, so twice an erase, a record and its seal among them */
    assert_int_equal(bench.saw.operations - operations, 300 + 2 * 2);
    assert_int_equal(bench.ram.violations, 0);
    flash_ram_deinit(&bench.ram);
}

static void marks_of_an_older_record_do_not_count(void **state)
{
    (void)state;
    struct bench bench;
    bench_begin(&bench, 4);
    (void)!reload(&bench);
    assert_int_equal(godwit_record_commit(&bench.agent), GODWIT_OK); /* number 1 */
    assert_int_equal(godwit_record_mark(&bench.agent, GODWIT_MARK_BOOTS, 5), GODWIT_OK);
    bench.agent.record.boots = 6;
    assert_int_equal(godwit_record_commit(&bench.agent), GODWIT_OK); /* number 2 */
    assert_int_equal(reload(&bench), GODWIT_OK);
    assert_int_equal(bench.agent.record.boots, 6);
    assert_int_equal(bench.agent.record.number, 2);
    flash_ram_deinit(&bench.ram);
}

/* From the second commit on the flash fails, or does nothing and says OK: not told as done, tried
 * again in the same sector, and the last good record stands in the other one. */
static void a_failing_flash_leaves_the_last_good_record(void **state)
{
    static const unsigned sorts[] = {FAULT_WRITE, FAULT_ERASE, FAULT_WRITE | FAULT_ERASE};
    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        struct bench bench;
        struct fault fault;
        bench_begin(&bench, 4);
        fault_init(&fault, &bench.inner);
        bench.saw.inner = fault_port(&fault);
        assert_int_equal(reload(&bench), GODWIT_ERR_MISSING);
        for (bench.agent.record.boots = 1; bench.agent.record.boots < 3; bench.agent.record.boots++)
            assert_int_equal(godwit_record_commit(&bench.agent), GODWIT_OK);
        fault.sorts = sorts[i / 2];
        fault.is_silent = i % 2;
        fault.lasts = true;
        fault.fail_at = 1;
        for (int tries = 0; tries < 3; tries++)
            assert_int_equal(godwit_record_commit(&bench.agent), GODWIT_ERR_IO);
        fault_clear(&fault);
        assert_int_equal(reload(&bench), GODWIT_OK);
        assert_int_equal(bench.agent.record.boots, 2);
        bench.agent.record.boots = 9;
        assert_int_equal(godwit_record_commit(&bench.agent), GODWIT_OK);
        assert_int_equal(reload(&bench), GODWIT_OK);
        assert_int_equal(bench.agent.record.boots, 9);
        flash_ram_deinit(&bench.ram);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blank_partition_is_a_new_device),
        cmocka_unit_test(two_unreadable_sectors_are_a_lost_record),
        cmocka_unit_test(cuts_leave_the_old_or_the_new),
        cmocka_unit_test(a_wavering_record_is_decided_once),
        cmocka_unit_test(a_wavering_seal_is_decided_once),
        cmocka_unit_test(any_mark_proves_a_record),
        cmocka_unit_test(a_dead_sector_does_not_stop_the_other),
        cmocka_unit_test(a_full_sector_of_marks_moves_on),
        cmocka_unit_test(marks_of_an_older_record_do_not_count),
        cmocka_unit_test(a_failing_flash_leaves_the_last_good_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
