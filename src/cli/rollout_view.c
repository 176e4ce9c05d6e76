/* Lines come in the order of what a person must know: where the terminal is too low for all, the
 * last are missing. Bars of many devices are to one scale, all that are selected, and a state that
 * only few are in still has a bar. */
#include "cli/rollout_view.h"

#include <string.h>
#include <time.h>

#include "cli/remote.h"
#include "cli/rollout_next.h"
#include "cli/rollout_text.h"
#include "cli/table.h"

#define LABEL_END 17 /* columns of "  incompatible   " */
#define COUNT_END 26 /* and of the number behind it */
#define NEXT_END 9   /* and of "  brake  " */
#define NAME_MAX_COLUMNS 28
#define BAR_MAX 60
#define NEWS_SHOWN 6

static const struct row {
    const char *member, *label; /* of the rollout */
    const char *state;          /* of a device in its list */
    enum colour colour;
    bool is_always; /* so that lines do not come and go as the rollout begins */
} ROWS[] = {
    {"succeeded", "succeeded", "succeeded", COLOUR_GREEN, true},
    {"soaking", "soaking", "soaking", COLOUR_CYAN, false},
    {"in_progress", "in progress", "in-progress", COLOUR_BLUE, true},
    {"failed", "failed", "failed", COLOUR_RED, true},
    {"queued", "queued", "queued", COLOUR_DIM, true},
    {"incompatible", "incompatible", "incompatible", COLOUR_YELLOW, false},
    {"undoing", "undoing", "undoing", COLOUR_MAGENTA, false},
    {"undone", "undone", "undone", COLOUR_MAGENTA, false},
    {"up_to_date", "up to date", "up-to-date", COLOUR_GREEN, false},
    {"halted", "not offered", "halted", COLOUR_DIM, false},
    {"superseded", "superseded", "superseded", COLOUR_DIM, false},
};

static const struct row *row_of(const char *state)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (!strcmp(ROWS[i].state, state)) return &ROWS[i];
    return NULL;
}

/* ---- head ---- */

static void draw_head(const struct rollout_view *view, struct canvas *canvas)
{
    char ago[32];
    const json_t *rollout = view->rollout;
    unsigned long long selected = json_number(rollout, "selected"),
                       confirmed = json_number(rollout, "succeeded") +
                                   json_number(rollout, "soaking") +
                                   json_number(rollout, "up_to_date");
    const char *state = json_text(rollout, "state");
    canvas_putf(canvas, COLOUR_BOLD, "%s %s", json_text(rollout, "product"),
                json_text(rollout, "version"));
    canvas_put(canvas, COLOUR_NONE, ": ");
    canvas_put(canvas, rollout_is_stopped(rollout) ? COLOUR_RED : COLOUR_BOLD, state);
    if (rollout_is_stopped(rollout))
        canvas_putf(canvas, COLOUR_NONE, " by %s", json_text(rollout, "state_by"));
    canvas_putf(canvas, COLOUR_NONE, ", on %llu of %llu device%s", confirmed, selected,
                selected == 1 ? "" : "s");
    canvas_putf(canvas, COLOUR_DIM, "  (rollout %llu, made %s)", json_number(rollout, "rollout_id"),
                ago_text(json_number(rollout, "created"), ago, sizeof ago));
    canvas_end_line(canvas);
    canvas_end_line(canvas);
}

/* ---- many: bars ---- */

static void draw_bar(const struct rollout_view *view, struct canvas *canvas, enum colour colour,
                     unsigned long long count, unsigned long long selected)
{
    size_t room = canvas->columns > COUNT_END + 2 ? canvas->columns - COUNT_END - 2 : 0;
    if (room > BAR_MAX) room = BAR_MAX;
    size_t filled = selected ? (size_t)(count * room / selected) : 0;
    if (count && !filled) filled = 1;
    for (size_t i = 0; i < filled && i < room; i++)
        canvas_put(canvas, colour, view->has_blocks ? "█" : "#");
}

static void draw_bars(const struct rollout_view *view, struct canvas *canvas)
{
    unsigned long long selected = json_number(view->rollout, "selected");
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        unsigned long long count = json_number(view->rollout, ROWS[i].member);
        if (!count && !ROWS[i].is_always) continue;
        canvas_putf(canvas, count ? ROWS[i].colour : COLOUR_DIM, "  %s", ROWS[i].label);
        canvas_pad(canvas, LABEL_END);
        canvas_putf(canvas, COLOUR_NONE, "%7llu", count);
        if (count) canvas_pad(canvas, COUNT_END);
        draw_bar(view, canvas, ROWS[i].colour, count, selected);
        canvas_end_line(canvas);
    }
}

/* ---- few: each by its name ---- */

const char *rollout_view_name(const json_t *names, const char *device_id)
{
    const char *name = json_text(names, device_id);
    return *name ? name : device_id;
}

static size_t name_columns(const struct rollout_view *view)
{
    size_t index, widest = 0;
    json_t *device;
    json_array_foreach(view->devices, index, device)
    {
        const char *name = rollout_view_name(view->names, json_text(device, "device_id"));
        size_t width = shown_width(name);
        if (width > widest) widest = width;
    }
    return widest < NAME_MAX_COLUMNS ? widest : NAME_MAX_COLUMNS;
}

/* What its state or the lines below say already is not said again. */
static const char *device_sentence(const json_t *device)
{
    static const struct {
        const char *reason, *sentence;
    } SHORT[] = {{"offered", ""},    {"queued", ""},
                 {"gate", ""},       {"overdue", ""},
                 {"up-to-date", ""}, {"undone", ""},
                 {"halted", ""},     {"stratum", ""},
                 {"paused", ""},     {"on-trial", "boots it on trial"}};
    for (size_t i = 0; i < sizeof SHORT / sizeof *SHORT; i++)
        if (!strcmp(SHORT[i].reason, json_text(device, "reason"))) return SHORT[i].sentence;
    return json_text(device, "sentence");
}

static void draw_devices(const struct rollout_view *view, struct canvas *canvas)
{
    size_t index, names = name_columns(view);
    json_t *device;
    json_array_foreach(view->devices, index, device)
    {
        const char *state = json_text(device, "state");
        const struct row *row = row_of(state);
        const char *sentence = device_sentence(device);
        canvas_put(canvas, COLOUR_NONE, "  ");
        canvas_put_cut(canvas, COLOUR_NONE,
                       rollout_view_name(view->names, json_text(device, "device_id")), names);
        canvas_pad(canvas, names + 4);
        canvas_put(canvas, row ? row->colour : COLOUR_NONE, row ? row->label : state);
        if (*sentence) canvas_putf(canvas, COLOUR_NONE, ": %s", sentence);
        canvas_end_line(canvas);
    }
}

/* ---- what is next, and what was ---- */

static void draw_next(const struct rollout_view *view, struct canvas *canvas)
{
    static const struct {
        const char *label;
        void (*text)(const json_t *rollout, char *out);
    } NEXT[] = {{"brake", rollout_brake_text},
                {"strata", rollout_strata_text},
                {"gate", rollout_wait_text},
                {"pace", rollout_pace_text},
                {"away", rollout_away_text}};
    char text[ROLLOUT_NEXT_SIZE];
    bool is_first = true;
    for (size_t i = 0; i < sizeof NEXT / sizeof *NEXT; i++) {
        NEXT[i].text(view->rollout, text);
        if (!*text) continue;
        if (is_first) canvas_end_line(canvas);
        is_first = false;
        canvas_putf(canvas, COLOUR_DIM, "  %s", NEXT[i].label);
        canvas_pad(canvas, NEXT_END);
        canvas_put(canvas, COLOUR_NONE, text);
        canvas_end_line(canvas);
    }
}

static void draw_news(const struct rollout_view *view, struct canvas *canvas)
{
    const struct news_item *item;
    for (size_t i = 0; i < NEWS_SHOWN && (item = rollout_news_at(view->news, i)); i++) {
        char when[16] = "";
        struct tm local;
        time_t at = (time_t)item->time_s;
        const struct row *row = row_of(item->state);
        if (localtime_r(&at, &local)) strftime(when, sizeof when, "%H:%M:%S", &local);
        if (i == 0) canvas_end_line(canvas);
        canvas_putf(canvas, COLOUR_DIM, "  %s  ", when);
        canvas_put_cut(canvas, COLOUR_NONE, rollout_view_name(view->names, item->device_id),
                       NAME_MAX_COLUMNS);
        canvas_putf(canvas, row ? row->colour : COLOUR_NONE, " %s", item->words);
        canvas_end_line(canvas);
    }
}

void rollout_view_draw(const struct rollout_view *view, struct canvas *canvas)
{
    draw_head(view, canvas);
    if (json_array_size(view->devices))
        draw_devices(view, canvas);
    else
        draw_bars(view, canvas);
    draw_next(view, canvas);
    draw_news(view, canvas);
    if (!view->is_live) return;
    canvas_end_line(canvas);
    canvas_put(canvas, COLOUR_DIM, "Ctrl-C ends the view, and not the rollout");
    canvas_end_line(canvas);
}
