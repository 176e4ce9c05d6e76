/* Power lost during an update and during a fly-back: a sample of figure cut for every test run, one
 * write unit and one way to tear an operation; and the judges themselves, shown a dead device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cut.h"

#define FILE_SIZE (64u * 1024 + 3 * 4096)

static struct key *key;
static struct firmware first, healthy, crashing;

static int setup(void **state)
{
    (void)state;
    key = key_generate(GODWIT_SCHEME_ECDSA256);
    assert_non_null(key);
    first = firmware_make("1.0.0", (struct behaviour){BEHAVIOUR_HEALTHY, 0}, FILE_SIZE, key);
    healthy = firmware_make("1.1.0", (struct behaviour){BEHAVIOUR_HEALTHY, 0}, FILE_SIZE, key);
    crashing =
        firmware_make("1.1.1", (struct behaviour){BEHAVIOUR_CRASH_AT_BOOT, 0}, FILE_SIZE, key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(first.data);
    free(healthy.data);
    free(crashing.data);
    key_close(key);
    return 0;
}

static void each_operation_cut(const struct cut_story *story, uint32_t write_size)
{
    struct cut_case c = {.write_size = write_size, .seed = 1};
    uint32_t operations, ignored;
    enum saw_kind kinds = story->flies_back ? SAW_SUFFIX : SAW_KINDS_COUNT; /* see figure cut */
    assert_int_equal(cut_run(story, &c, &operations), CUT_FINISHED);
    assert_true(operations > 30);
    c.cause = GODWIT_RESET_BROWN_OUT;
    for (c.cut_at = 1; c.cut_at <= operations; c.cut_at++)
        for (c.kind = SAW_BEFORE; c.kind < kinds; c.kind++)
            if (cut_run(story, &c, &ignored) != CUT_FINISHED)
                fail_msg("%s: cut %s operation %u", story->name, saw_kind_name(c.kind), c.cut_at);
}

static void update_survives(void **state)
{
    const struct cut_story story = {
        .name = "update", .key = key, .first = first, .offered = healthy};
    (void)state;
    each_operation_cut(&story, 16);
}

static void fly_back_survives(void **state)
{
    const struct cut_story story = {
        .name = "return", .key = key, .first = first, .offered = crashing, .flies_back = true};
    (void)state;
    each_operation_cut(&story, 4);
}

/* A file that crashes is not an update that ends well: the judge must say so. */
static void judge_sees_an_unfinished_story(void **state)
{
    const struct cut_story story = {
        .name = "update", .key = key, .first = first, .offered = crashing};
    const struct cut_case c = {.write_size = 4};
    uint32_t ignored;
    (void)state;
    assert_int_equal(cut_run(&story, &c, &ignored), CUT_UNFINISHED);
}

/* A device whose only image is damaged is dead, and the judge must say so. */
static void judge_sees_a_brick(void **state)
{
    struct cut_story story = {.name = "update", .key = key, .first = first, .offered = healthy};
    const struct cut_case c = {.write_size = 4};
    uint32_t ignored;
    (void)state;
    story.first.data = malloc(FILE_SIZE);
    assert_non_null(story.first.data);
    memcpy(story.first.data, first.data, FILE_SIZE);
    story.first.data[0x2000] ^= 1;
    assert_int_equal(cut_run(&story, &c, &ignored), CUT_BRICKED);
    free(story.first.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update_survives),
        cmocka_unit_test(fly_back_survives),
        cmocka_unit_test(judge_sees_an_unfinished_story),
        cmocka_unit_test(judge_sees_a_brick),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
