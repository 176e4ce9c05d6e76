/* What has just happened to devices of one rollout, out of the server's events; the newest few are
 * kept. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEWS_MAX 10

struct news_item {
    int64_t time_s;
    char device_id[13];
    const char *state; /* static: a name of NEWS_STATES; shown as `words` */
    const char *words; /* static */
};

struct rollout_news {
    uint32_t rollout;
    size_t count;                     /* ever; the newest are … */
    struct news_item items[NEWS_MAX]; /* … items[(count - 1) % NEWS_MAX] and those before */
};

/* data: JSON of an event of the kind device. Whether it is news: of the rollout, and of a device of
 * which the same was not the last thing that is kept. */
bool rollout_news_take(struct rollout_news *news, const char *data, int64_t now_s);
/* The i-th, 0 is the newest; NULL behind the last that is kept. */
const struct news_item *rollout_news_at(const struct rollout_news *news, size_t i);
