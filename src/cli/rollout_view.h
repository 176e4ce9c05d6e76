/* A rollout as one picture on a terminal: how far it is by states, what halts it, what it waits
 * for, what has just happened. Few devices are named, many are counted. Pure. */
#pragma once

#include "cli/canvas.h"
#include "cli/rollout_news.h"

#include <jansson.h>

#define ROLLOUT_FEW 8 /* devices that are named */

struct rollout_view {
    const json_t *rollout;
    const json_t *devices; /* of a small one, as a list of the server; NULL: not known */
    const json_t *names;   /* what people call them, by id; NULL: not known */
    const struct rollout_news *news;
    bool is_live;    /* it is drawn again */
    bool has_blocks; /* the terminal shows more than ASCII */
};

/* Draws on an empty canvas. */
void rollout_view_draw(const struct rollout_view *view, struct canvas *canvas);
/* What the device is called, or its id. */
const char *rollout_view_name(const json_t *names, const char *device_id);
