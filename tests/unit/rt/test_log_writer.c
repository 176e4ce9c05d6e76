/* The log's thread: lines come out whole and in order, nobody waits for a reader, one event can not
 * crowd the others out, and what was left out is told. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "case.h"
#include "rt/log_writer.h"

struct fixture {
    struct clock_set set;
    struct clock clock;
    struct log_writer *writer;
    int read_fd, write_fd;
    char *text;
};

#define TEXT_MAX (1U << 20)

static void open_writer(struct fixture *fixture, unsigned threads)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    *fixture = (struct fixture){.set = {1000, 1700000000}, .read_fd = fds[0], .write_fd = fds[1]};
    fixture->clock = clock_set_view(&fixture->set);
    fixture->text = calloc(1, TEXT_MAX);
    assert_int_equal(
        log_writer_open(fds[1], GODWIT_LOG_INFO, &fixture->clock, threads, &fixture->writer),
        GODWIT_OK);
    godwit_log_set(log_writer_add, fixture->writer);
}

/* What stands in the pipe until size bytes are there, or to its end. */
static const char *read_text(struct fixture *fixture, size_t size)
{
    size_t at = 0;
    memset(fixture->text, 0, TEXT_MAX);
    while (at < size) {
        ssize_t got = read(fixture->read_fd, fixture->text + at, TEXT_MAX - 1 - at);
        if (got <= 0) break;
        at += (size_t)got;
    }
    return fixture->text;
}

static void close_writer(struct fixture *fixture)
{
    godwit_log_set(NULL, NULL);
    log_writer_close(fixture->writer);
    close(fixture->read_fd);
    close(fixture->write_fd);
    free(fixture->text);
}

static unsigned lines_with(const char *text, const char *part)
{
    unsigned count = 0;
    while ((text = strstr(text, part)))
        count++, text++;
    return count;
}

static void test_lines(void **state)
{
    (void)state;
    struct fixture fixture;
    open_writer(&fixture, 0);
    GODWIT_LOG(INFO, "first", "product=\"%s\"", "x\" y\nz");
    GODWIT_LOG(DEBUG, "never", "a=%d", 1);
    GODWIT_LOG(ERROR, "second", "a=%d", 2);
    assert_true(log_writer_step(fixture.writer));
    assert_false(log_writer_step(fixture.writer));
    assert_string_equal(
        read_text(&fixture, 1),
        "time=2023-11-14T22:13:20.000Z level=info event=first product=\"x\\\" y\\nz\"\n"
        "time=2023-11-14T22:13:20.000Z level=error event=second a=2\n");
    close_writer(&fixture);
}

static void test_one_event_is_limited(void **state)
{
    (void)state;
    struct fixture fixture;
    open_writer(&fixture, 0);
    fcntl(fixture.write_fd, F_SETPIPE_SZ, 1 << 20);
    for (unsigned i = 0; i < LOG_WRITER_BURST + 1000; i++)
        GODWIT_LOG(WARN, "flood", "i=%u", i);
    GODWIT_LOG(INFO, "other", "a=%d", 1);
    log_writer_step(fixture.writer);
    const char *text = read_text(&fixture, 1);
    assert_int_equal(lines_with(text, "event=flood"), LOG_WRITER_BURST);
    assert_int_equal(lines_with(text, "event=other"), 1);
    fixture.set.now_ms += LOG_WRITER_SAY_MS; /* told once, and new lines have grown */
    for (unsigned i = 0; i < 1000; i++)
        GODWIT_LOG(WARN, "flood", "i=%u", i);
    while (log_writer_step(fixture.writer)) {
    }
    text = read_text(&fixture, 1);
    assert_int_equal(lines_with(text, "event=flood"), LOG_WRITER_SAY_MS / 1000 * LOG_WRITER_PER_S);
    assert_int_equal(lines_with(text, "event=log_lines_left_out name=flood lines="), 1);
    close_writer(&fixture);
}

/* A reader that stands still: the callers go on, and the lines that found no room are counted. */
static void test_nobody_waits(void **state)
{
    (void)state;
    struct fixture fixture;
    static char names[64][8];
    open_writer(&fixture, 1);
    for (unsigned i = 0; i < 64; i++)
        snprintf(names[i], sizeof names[i], "e%u", i);
    for (unsigned i = 0; i < 64 * LOG_WRITER_BURST; i++) /* 2 MB: pipe and buffers hold 580 KB */
        GODWIT_LOG(INFO, names[i % 64], "i=%06u padding=%s", i, "xxxxxxxxxxxxxxxxxxxxxxxx");
    fixture.set.now_ms += LOG_WRITER_SAY_MS;
    const char *end = NULL;
    char *all = calloc(1, 4 * TEXT_MAX);
    for (size_t at = 0; !end;) {
        CASE(at);
        ssize_t got = read(fixture.read_fd, all + at, 4 * TEXT_MAX - 1 - at);
        assert_true(got > 0); /* the count comes, or the test's own time limit */
        at += (size_t)got;
        end = strstr(all, "event=log_lines_left_out name=buffer lines=");
    }
    for (const char *line = all; *line && line < end;) { /* whole lines only */
        assert_memory_equal(line, "time=", 5);
        line += strcspn(line, "\n");
        if (*line) line++;
    }
    free(all);
    close_writer(&fixture);
}

static void test_flush(void **state)
{
    (void)state;
    struct fixture fixture;
    open_writer(&fixture, 1);
    GODWIT_LOG(ERROR, "last", "a=%d", 1);
    log_writer_flush(fixture.writer);
    fcntl(fixture.read_fd, F_SETFL, O_NONBLOCK);
    assert_non_null(strstr(read_text(&fixture, 1), "event=last"));
    close_writer(&fixture);
}

static atomic_size_t late_size;

static void *read_late(void *fd)
{
    char text[4096];
    usleep(100000);
    for (ssize_t got; (got = read(*(int *)fd, text, sizeof text)) > 0;)
        late_size += (size_t)got;
    return NULL;
}

/* A reader that is late, and not gone, gets all: what a pipe has no room for is written before the
 * end. */
static void test_close_waits(void **state)
{
    (void)state;
    struct fixture fixture;
    pthread_t reader;
    static char names[64][8];
    open_writer(&fixture, 1);
    for (unsigned i = 0; i < 64 * 30; i++) { /* some 180 KB: a pipe holds 64 KB */
        snprintf(names[i % 64], sizeof names[0], "e%u", i % 64);
        GODWIT_LOG(INFO, names[i % 64], "i=%06u padding=%s", i, "xxxxxxxxxxxxxxxxxxxxxxxx");
    }
    assert_int_equal(pthread_create(&reader, NULL, read_late, &fixture.read_fd), 0);
    godwit_log_set(NULL, NULL);
    log_writer_close(fixture.writer);
    assert_true(late_size > 0);
    close(fixture.write_fd);
    pthread_join(reader, NULL);
    close(fixture.read_fd);
    free(fixture.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),        cmocka_unit_test(test_one_event_is_limited),
        cmocka_unit_test(test_nobody_waits), cmocka_unit_test(test_flush),
        cmocka_unit_test(test_close_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
