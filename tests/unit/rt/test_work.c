/* The pool and the writer, with threads and stepped inline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "case.h"
#include "rt/work.h"

/* --- pool --- */

static _Atomic unsigned ran;
static unsigned order[8], order_count;

struct numbered_job {
    struct work_job job; /* first */
    unsigned number;
};

static void run_count(struct work_job *job)
{
    (void)job;
    ran++;
}

static void run_number(struct work_job *job)
{
    order[order_count++] = ((struct numbered_job *)job)->number;
}

static void test_pool_stepped(void **state)
{
    (void)state;
    struct work_pool *pool;
    struct numbered_job jobs[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    order_count = 0;
    assert_int_equal(work_pool_open(0, 2, &pool), GODWIT_OK);
    for (size_t i = 0; i < 3; i++)
        jobs[i].job.run = run_number;
    assert_int_equal(work_pool_submit(pool, &jobs[0].job), GODWIT_OK);
    assert_int_equal(work_pool_submit(pool, &jobs[1].job), GODWIT_OK);
    assert_int_equal(work_pool_submit(pool, &jobs[2].job), GODWIT_ERR_BUSY);
    work_pool_resubmit(pool, &jobs[2].job);
    assert_int_equal(order_count, 0); /* nothing happens by itself */
    while (work_pool_step(pool)) {
    }
    assert_int_equal(order_count, 3);
    assert_true(order[0] == 1 && order[1] == 2 && order[2] == 3);
    work_pool_close(pool);
    work_pool_close(NULL);
}

static void test_pool_threads(void **state)
{
    (void)state;
    static struct work_job jobs[1000];
    struct work_pool *pool;
    ran = 0;
    assert_int_equal(work_pool_open(3, 1000, &pool), GODWIT_OK);
    for (size_t i = 0; i < 1000; i++) {
        CASE(i);
        jobs[i].run = run_count;
        assert_int_equal(work_pool_submit(pool, &jobs[i]), GODWIT_OK);
    }
    work_pool_close(pool); /* runs what still waits */
    assert_int_equal(ran, 1000);
}

/* --- writer: a trace of what happened in which order --- */

static char trace[512];
static godwit_err begin_err, commit_err;

static void trace_add(const char *text)
{
    size_t used = strlen(trace);
    snprintf(trace + used, sizeof trace - used, "%s", text);
}

static godwit_err on_begin(void *ctx)
{
    (void)ctx;
    trace_add("(");
    return begin_err;
}

static godwit_err on_commit(void *ctx)
{
    (void)ctx;
    trace_add(")");
    return commit_err;
}

static void on_abort(void *ctx, godwit_err err)
{
    (void)ctx;
    (void)err;
    trace_add("!");
}

static const struct writer_hooks hooks = {NULL, on_begin, on_commit, on_abort};

struct change {
    struct writer_job job; /* first */
    char name;
    godwit_err run_err;
    godwit_err done_err;
    unsigned done_count;
    struct writer *again;
};

static godwit_err change_run(struct writer_job *job)
{
    struct change *change = (struct change *)job;
    trace_add((char[]){change->name, '\0'});
    return change->run_err;
}

static void change_done(struct writer_job *job, godwit_err err)
{
    struct change *change = (struct change *)job;
    change->done_err = err;
    change->done_count++;
    trace_add((char[]){(char)(change->name - 'a' + 'A'), '\0'});
    if (change->again && change->done_count == 1)
        assert_int_equal(writer_submit(change->again, job), GODWIT_OK);
}

static void changes_set(struct change changes[4])
{
    for (size_t i = 0; i < 4; i++)
        changes[i] = (struct change){.job = {.run = change_run, .done = change_done},
                                     .name = (char)('a' + i),
                                     .done_err = GODWIT_ERR_END};
    trace[0] = '\0';
    begin_err = commit_err = GODWIT_OK;
}

static void test_writer_groups(void **state)
{
    (void)state;
    struct change changes[4];
    struct writer *writer;
    changes_set(changes);
    assert_int_equal(writer_open(&hooks, 0, 3, 4, &writer), GODWIT_OK);
    assert_int_equal(writer_step(writer), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(writer_submit(writer, &changes[i].job), GODWIT_OK);
    struct change fifth = changes[0];
    assert_int_equal(writer_submit(writer, &fifth.job), GODWIT_ERR_BUSY);
    assert_int_equal(writer_step(writer), 3);
    assert_string_equal(trace, "(abc)ABC"); /* done only after the commit */
    assert_int_equal(writer_step(writer), 1);
    assert_string_equal(trace, "(abc)ABC(d)D");
    writer_close(writer);
}

/* Only the guilty one fails, with its own error; the others are run again, each alone. */
static void test_writer_guilty(void **state)
{
    (void)state;
    struct change changes[4];
    struct writer *writer;
    changes_set(changes);
    assert_int_equal(writer_open(&hooks, 0, 3, 4, &writer), GODWIT_OK);
    changes[1].run_err = GODWIT_ERR_POLICY;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(writer_submit(writer, &changes[i].job), GODWIT_OK);
    writer_step(writer);
    assert_string_equal(trace, "(ab!(a)A(b!B(c)C");
    assert_int_equal(changes[0].done_err, GODWIT_OK);
    assert_int_equal(changes[1].done_err, GODWIT_ERR_POLICY);
    assert_int_equal(changes[2].done_err, GODWIT_OK);
    writer_close(writer);
}

static void test_writer_lost(void **state)
{
    (void)state;
    struct change changes[4];
    struct writer *writer;
    changes_set(changes);
    assert_int_equal(writer_open(&hooks, 0, 3, 4, &writer), GODWIT_OK);
    commit_err = GODWIT_ERR_IO;
    assert_int_equal(writer_submit(writer, &changes[0].job), GODWIT_OK);
    assert_int_equal(writer_submit(writer, &changes[1].job), GODWIT_OK);
    writer_step(writer);
    assert_string_equal(trace, "(ab)!(a)!A(b)!B");
    assert_int_equal(changes[0].done_err, GODWIT_ERR_IO);
    assert_int_equal(changes[1].done_err, GODWIT_ERR_IO);
    begin_err = GODWIT_ERR_BUSY;
    trace[0] = '\0';
    assert_int_equal(writer_submit(writer, &changes[2].job), GODWIT_OK);
    writer_step(writer);
    assert_string_equal(trace, "(C"); /* not run, but told */
    assert_int_equal(changes[2].done_err, GODWIT_ERR_BUSY);
    writer_close(writer);
}

static void test_writer_thread(void **state)
{
    (void)state;
    struct change changes[4];
    struct writer *writer;
    changes_set(changes);
    assert_int_equal(writer_open(&hooks, 1, 2, 8, &writer), GODWIT_OK);
    changes[3].again = writer;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(writer_submit(writer, &changes[i].job), GODWIT_OK);
    writer_close(writer); /* writes what still waits */
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(changes[i].done_count, i == 3 ? 2 : 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_stepped),  cmocka_unit_test(test_pool_threads),
        cmocka_unit_test(test_writer_groups), cmocka_unit_test(test_writer_guilty),
        cmocka_unit_test(test_writer_lost),   cmocka_unit_test(test_writer_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
