/* Lines that fit, whatever is put on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <string.h>

#include "cli/canvas.h"

static void what_does_not_fit_is_cut(void **state)
{
    (void)state;
    struct canvas canvas = {.columns = 8, .lines_max = 2};
    canvas_put(&canvas, COLOUR_RED, "abcdefgh");
    canvas_put(&canvas, COLOUR_NONE, "i");
    canvas_end_line(&canvas);
    canvas_put(&canvas, COLOUR_NONE, "ab");
    canvas_pad(&canvas, 4);
    canvas_put(&canvas, COLOUR_NONE, "温度計");
    canvas_end_line(&canvas);
    canvas_put(&canvas, COLOUR_NONE, "a third line");
    canvas_end_line(&canvas);
    assert_string_equal(canvas_text(&canvas), "abcdefgh\nab  温…\n");
    assert_int_equal(canvas_lines(&canvas), 2);
    canvas_clear(&canvas);
    assert_string_equal(canvas_text(&canvas), "");
    canvas_put_cut(&canvas, COLOUR_NONE, "abcd", 3);
    canvas_pad(&canvas, 2); /* it is there already */
    canvas_put_cut(&canvas, COLOUR_NONE, "xyz", 3);
    canvas_end_line(&canvas);
    assert_string_equal(canvas_text(&canvas), "ab…xyz\n");
    canvas_free(&canvas);
}

/* It ends with its text, cut or not. */
static void a_colour_ends(void **state)
{
    (void)state;
    struct canvas canvas = {.columns = 4, .lines_max = 9, .has_colours = true};
    canvas_put(&canvas, COLOUR_RED, "ab");
    canvas_put(&canvas, COLOUR_NONE, "c");
    canvas_put(&canvas, COLOUR_GREEN, "de");
    canvas_put(&canvas, COLOUR_GREEN, "f");
    canvas_end_line(&canvas);
    assert_string_equal(canvas_text(&canvas), "\033[31mab\033[0mc\033[32m…\033[0m\n");
    canvas_free(&canvas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_is_cut),
        cmocka_unit_test(a_colour_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
