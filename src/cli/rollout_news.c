/* An event comes whenever what a list shows of a device has changed, so most say nothing new here:
 * a state that is not news (queued, halted) has no row, and one that was told is not told again. */
#include "cli/rollout_news.h"

#include <jansson.h>
#include <string.h>

#include "cli/remote.h"

/* The first that fits: a trial boot is a part of being in progress. */
static const struct {
    const char *state;
    bool is_on_trial;
    const char *words;
} ROWS[] = {
    {"in-progress", true, "boots it on trial"},
    {"in-progress", false, "is offered it"},
    {"soaking", false, "has confirmed it"},
    {"succeeded", false, "has succeeded"},
    {"failed", false, "has failed"},
    {"incompatible", false, "can not take it"},
    {"undoing", false, "is sent back"},
    {"undone", false, "is back"},
};

const struct news_item *rollout_news_at(const struct rollout_news *news, size_t i)
{
    if (i >= news->count || i >= NEWS_MAX) return NULL;
    return &news->items[(news->count - 1 - i) % NEWS_MAX];
}

static bool was_told(const struct rollout_news *news, const struct news_item *item)
{
    const struct news_item *before;
    for (size_t i = 0; (before = rollout_news_at(news, i)); i++)
        if (!strcmp(before->device_id, item->device_id)) return before->words == item->words;
    return false;
}

/* False: the event is none of the rollout's, or no news. */
static bool read_item(const json_t *event, uint32_t rollout, struct news_item *out)
{
    const char *id = json_text(event, "object"), *state = json_text(event, "rollout_state");
    bool is_on_trial = json_is_true(json_object_get(event, "on_trial"));
    size_t row = 0, rows = sizeof ROWS / sizeof *ROWS;
    if (json_number(event, "rollout_id") != rollout || strlen(id) != 12) return false;
    if (strspn(id, "0123456789abcdef") != 12) return false;
    while (row < rows &&
           (strcmp(ROWS[row].state, state) != 0 || (ROWS[row].is_on_trial && !is_on_trial)))
        row++;
    if (row == rows) return false;
    memcpy(out->device_id, id, sizeof out->device_id);
    out->state = ROWS[row].state;
    out->words = ROWS[row].words;
    return true;
}

bool rollout_news_take(struct rollout_news *news, const char *data, int64_t now_s)
{
    json_t *event = json_loads(data, 0, NULL);
    struct news_item item = {.time_s = now_s};
    bool is_news = read_item(event, news->rollout, &item) && !was_told(news, &item);
    json_decref(event);
    if (is_news) news->items[news->count++ % NEWS_MAX] = item;
    return is_news;
}
