/* A rollout in words and as a picture: what is said of each, and that the picture fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "case.h"
#include "cli/rollout_next.h"
#include "cli/rollout_view.h"
#include "cli/table.h"

static json_t *load(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

/* ---- words ---- */

#define RUNNING "\"state\": \"running\", \"queued\": 20, \"in_progress\": 3, "

static const struct {
    const char *rollout, *brake, *wait, *pace;
} WORDS[] = {
    {"{" RUNNING "\"brake\": {\"failures_left\": 5}}", "halts if 5 fail in a row", "", ""},
    {"{" RUNNING "\"failed\": 1, \"brake\": {\"failures_left\": 4}}",
     "halts if 4 more fail in a row", "", ""},
    {"{" RUNNING "\"failed\": 4, \"brake\": {\"failures_left\": 1}}", "halts if the next one fails",
     "", ""},
    {"{" RUNNING "\"brake\": {\"failures_left\": 5, \"pauses_at_failure\": true}}",
     "pauses for you to look when one fails", "", ""},
    {"{" RUNNING "\"failed\": 1, \"brake\": {\"failures_left\": 5, \"pauses_at_failure\": true}}",
     "pauses for you to look when one more fails", "", ""},
    /* it needs more than are left */
    {"{\"state\": \"running\", \"queued\": 1, \"in_progress\": 2, \"soaking\": 1, \"brake\": "
     "{\"failures_left\": 5}}",
     "too few devices are left to halt it", "", ""},
    {"{\"state\": \"running\", \"queued\": 2, \"in_progress\": 2, \"soaking\": 1, \"brake\": "
     "{\"failures_left\": 5}}",
     "halts if 5 fail in a row", "", ""},
    /* nothing is promised of one that stands still, or by a server that does not say */
    {"{\"state\": \"paused\", \"queued\": 9, \"brake\": {\"failures_left\": 2}, \"waits_for\": "
     "\"paused\", \"next_gate\": {\"devices\": 10, \"soak\": \"30m\"}, \"pace\": {\"places\": 10}}",
     "", "", ""},
    {"{" RUNNING "\"failed\": 2}", "", "", ""},
    {"{" RUNNING "\"waits_for\": \"gate\", \"next_gate\": {\"devices\": 10, \"soak\": \"30m\"}}",
     "", "waits until the first 10 devices have proven it, the last for 30m", ""},
    {"{" RUNNING "\"waits_for\": null, \"next_gate\": {\"devices\": 1, \"soak\": \"2h\"}}", "",
     "stops after the first device, until it has proven it for 2h", ""},
    {"{" RUNNING "\"waits_for\": \"overdue\", \"next_gate\": {\"devices\": 1, \"soak\": \"2h\"}}",
     "", "waits for devices that are overdue, and halts if they stay silent", ""},
    /* all were offered it */
    {"{\"state\": \"running\", \"in_progress\": 3, \"waits_for\": \"gate\", \"next_gate\": "
     "{\"devices\": 10, \"soak\": \"30m\"}, \"pace\": {\"places\": 10, \"in_use\": 3}}",
     "", "", ""},
    {"{" RUNNING "\"waits_for\": null, \"pace\": {\"places\": 10, \"in_use\": 3}}", "", "",
     "3 of 10 places in use"},
    {"{" RUNNING "\"waits_for\": \"queued\", \"pace\": {\"places\": 1, \"in_use\": 1}}", "", "",
     "1 of 1 place in use; more are offered it as these succeed"},
    {"{" RUNNING "\"waits_for\": null, \"pace\": {\"places\": null, \"in_use\": 3}}", "", "", ""},
};

static void words(void **state)
{
    (void)state;
    char text[ROLLOUT_NEXT_SIZE];
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        json_t *rollout = load(WORDS[i].rollout);
        CASE(i);
        rollout_brake_text(rollout, text);
        assert_string_equal(text, WORDS[i].brake);
        rollout_wait_text(rollout, text);
        assert_string_equal(text, WORDS[i].wait);
        rollout_pace_text(rollout, text);
        assert_string_equal(text, WORDS[i].pace);
        json_decref(rollout);
    }
}

static void who_is_away_is_told_later(void **state)
{
    (void)state;
    char text[ROLLOUT_NEXT_SIZE];
    json_t *rollout = load("{\"state\": \"running\", \"not_seen\": 2}");
    json_object_set_new(rollout, "created", json_integer(time(NULL)));
    rollout_away_text(rollout, text);
    assert_string_equal(text, "");
    json_object_set_new(rollout, "created", json_integer(time(NULL) - 60));
    rollout_away_text(rollout, text);
    assert_string_equal(text, "2 not seen since it began, or for long");
    json_decref(rollout);
}

/* ---- the picture ---- */

static const char MANY[] =
    "{\"rollout_id\": 7, \"product\": \"thermostat\", \"version\": \"1.1.0\", \"state\": "
    "\"running\", \"created\": 1767225600, \"selected\": 10000, \"queued\": 9000, \"in_progress\": "
    "500, \"soaking\": 300, \"succeeded\": 193, \"failed\": 1, \"incompatible\": 6, \"waits_for\": "
    "\"gate\", \"next_gate\": {\"devices\": 1000, \"soak\": \"2h\"}, \"brake\": "
    "{\"failures_left\": "
    "4}, \"pace\": {\"places\": 900, \"in_use\": 800}}";
static const char FEW[] =
    "{\"rollout_id\": 8, \"product\": \"thermostat\", \"version\": \"1.1.0\", \"state\": "
    "\"paused\", \"state_by\": \"its failures\", \"selected\": 3, \"queued\": 1, \"failed\": 1, "
    "\"succeeded\": 1}";
static const char DEVICES[] =
    "[{\"device_id\": \"7cdfa1000001\", \"state\": \"succeeded\", \"reason\": \"up-to-date\", "
    "\"sentence\": \"it runs the release\"}, {\"device_id\": \"7cdfa1000002\", \"state\": "
    "\"failed\", \"reason\": \"trial-panic\", \"sentence\": \"the new image crashed\"}, "
    "{\"device_id\": \"7cdfa1000003\", \"state\": \"queued\", \"reason\": \"queued\", "
    "\"sentence\": "
    "\"its offer comes\"}]";
static const char NAMES[] = "{\"7cdfa1000001\": \"kitchen\", \"7cdfa1000002\": \"\"}";

static void take(struct rollout_news *news, unsigned device, const char *rollout_state)
{
    char data[200];
    snprintf(data, sizeof data,
             "{\"object\": \"7cdfa100%04x\", \"rollout_id\": 7, \"rollout_state\": \"%s\"}", device,
             rollout_state);
    assert_true(rollout_news_take(news, data, 1767225600));
}

/* The picture as text; the caller frees the canvas. */
static const char *draw(struct rollout_view *view, struct canvas *canvas)
{
    canvas_clear(canvas);
    rollout_view_draw(view, canvas);
    return canvas_text(canvas);
}

static void expect_line(const char *text, const char *line)
{
    char wanted[200];
    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    if (!strstr(text, wanted)) fail_msg("no line '%s' in\n%s", line, text);
}

static void many_are_counted(void **state)
{
    (void)state;
    struct rollout_news news = {.rollout = 7};
    struct canvas canvas = {.columns = 66, .lines_max = 40};
    json_t *rollout = load(MANY);
    struct rollout_view view = {.rollout = rollout, .news = &news};
    take(&news, 1, "succeeded");
    take(&news, 2, "failed");
    const char *text = draw(&view, &canvas);
    assert_ptr_equal(strstr(text, "thermostat 1.1.0: running, on 493 of 10000 devices"), text);
    expect_line(text, "  succeeded          193  #");
    expect_line(text, "  soaking            300  #");
    expect_line(text, "  in progress        500  #");
    expect_line(text, "  failed               1  #"); /* few of many are still seen */
    expect_line(text, "  queued            9000  ##################################");
    expect_line(text, "  incompatible         6  #");
    assert_null(strstr(text, "undo"));
    expect_line(text, "  brake  halts if 4 more fail in a row");
    expect_line(text, "  gate   waits until the first 1000 devices have proven it, the l…");
    const char *newest = strstr(text, "7cdfa1000002 has failed"),
               *before = strstr(text, "7cdfa1000001 has succeeded");
    assert_true(newest && before && newest < before);
    assert_null(strstr(text, "Ctrl-C"));
    view.is_live = true;
    assert_non_null(strstr(draw(&view, &canvas), "Ctrl-C"));
    canvas_free(&canvas);
    json_decref(rollout);
}

static void few_are_named(void **state)
{
    (void)state;
    const struct rollout_news news = {.rollout = 8};
    struct canvas canvas = {.columns = 80, .lines_max = 40};
    json_t *rollout = load(FEW), *devices = load(DEVICES), *names = load(NAMES);
    struct rollout_view view = {
        .rollout = rollout, .devices = devices, .names = names, .news = &news};
    const char *text = draw(&view, &canvas);
    assert_ptr_equal(strstr(text, "thermostat 1.1.0: paused by its failures, on 1 of 3 devices"),
                     text);
    expect_line(text, "  kitchen       succeeded");
    expect_line(text, "  7cdfa1000002  failed: the new image crashed");
    expect_line(text, "  7cdfa1000003  queued");
    assert_null(strchr(text, '#'));
    canvas_free(&canvas);
    json_decref(rollout);
    json_decref(devices);
    json_decref(names);
}

/* Nothing is wider or higher than the terminal, and without colours nothing commands it. */
static void it_fits(void **state)
{
    (void)state;
    struct rollout_news news = {.rollout = 7};
    json_t *rollouts[] = {load(MANY), load(FEW)}, *devices = load(DEVICES);
    for (unsigned i = 0; i < 20; i++)
        take(&news, i, "soaking");
    for (size_t columns = 1; columns < 160; columns += 3)
        for (size_t lines = 1; lines < 30; lines += 2)
            for (unsigned kind = 0; kind < 4; kind++) {
                struct canvas canvas = {.columns = columns, .lines_max = lines};
                struct rollout_view view = {.rollout = rollouts[kind & 1],
                                            .devices = kind & 1 ? devices : NULL,
                                            .news = &news,
                                            .is_live = true,
                                            .has_blocks = kind & 2};
                char *text = strdup(draw(&view, &canvas)), *rest = text, *line;
                CASE((columns * 100 + lines) * 10 + kind);
                assert_true(canvas_lines(&canvas) <= lines);
                assert_null(strchr(text, '\033'));
                while ((line = strsep(&rest, "\n")))
                    assert_true(shown_width(line) <= columns);
                canvas.has_colours = true;
                assert_true(columns < 5 || strchr(draw(&view, &canvas), '\033'));
                canvas_free(&canvas);
                free(text);
            }
    json_decref(rollouts[0]);
    json_decref(rollouts[1]);
    json_decref(devices);
}

/* ---- news ---- */

static const struct {
    const char *data, *words; /* NULL: no news */
} EVENTS[] = {
    {"{\"object\": \"7cdfa1000001\", \"rollout_id\": 7, \"rollout_state\": \"in-progress\", "
     "\"on_trial\": false}",
     "is offered it"},
    {"{\"object\": \"7cdfa1000001\", \"rollout_id\": 7, \"rollout_state\": \"in-progress\", "
     "\"on_trial\": false}",
     NULL}, /* something else in its row has changed */
    {"{\"object\": \"7cdfa1000002\", \"rollout_id\": 7, \"rollout_state\": \"soaking\"}",
     "has confirmed it"},
    {"{\"object\": \"7cdfa1000001\", \"rollout_id\": 7, \"rollout_state\": \"in-progress\", "
     "\"on_trial\": true}",
     "boots it on trial"},
    {"{\"object\": \"7cdfa1000001\", \"rollout_id\": 7, \"rollout_state\": \"failed\"}",
     "has failed"},
    {"{\"object\": \"7cdfa1000001\", \"rollout_id\": 7, \"rollout_state\": \"in-progress\"}",
     "is offered it"}, /* once more */
    {"{\"object\": \"7cdfa1000001\", \"rollout_id\": 6, \"rollout_state\": \"failed\"}", NULL},
    {"{\"object\": \"7cdfa1000001\", \"rollout_id\": 7, \"rollout_state\": \"queued\"}", NULL},
    {"{\"object\": \"7cdfa1000001\", \"rollout_id\": 7}", NULL},
    {"{\"object\": \"7cdfa100\\u001b[2J\", \"rollout_id\": 7, \"rollout_state\": \"failed\"}",
     NULL},
    {"{\"object\": \"7cdfa10000012\", \"rollout_id\": 7, \"rollout_state\": \"failed\"}", NULL},
    {"{\"object\": 7, \"rollout_id\": 7, \"rollout_state\": \"failed\"}", NULL},
    {"[]", NULL},
    {"", NULL},
};

static void what_is_news(void **state)
{
    (void)state;
    struct rollout_news news = {.rollout = 7};
    for (size_t i = 0; i < sizeof EVENTS / sizeof *EVENTS; i++) {
        CASE(i);
        bool is_news = rollout_news_take(&news, EVENTS[i].data, (int64_t)i);
        assert_int_equal(is_news, EVENTS[i].words != NULL);
        if (is_news) assert_string_equal(rollout_news_at(&news, 0)->words, EVENTS[i].words);
    }
    assert_int_equal(news.count, 5);
    assert_non_null(rollout_news_at(&news, 4));
    assert_null(rollout_news_at(&news, 5));
    for (unsigned i = 16; i < 16 + 2 * NEWS_MAX; i++)
        take(&news, i, "failed");
    assert_string_equal(rollout_news_at(&news, 0)->device_id, "7cdfa1000023");
    assert_string_equal(rollout_news_at(&news, NEWS_MAX - 1)->device_id, "7cdfa100001a");
    assert_null(rollout_news_at(&news, NEWS_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(who_is_away_is_told_later),
        cmocka_unit_test(many_are_counted),
        cmocka_unit_test(few_are_named),
        cmocka_unit_test(it_fits),
        cmocka_unit_test(what_is_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
