/* The time that decisions go by: the fleet's catalogue has it, so that they read no clock. When a
 * minute begins, who waits for a window is looked at, for it may have opened. */
#include "server/app.h"

#define WINDOW_PRODUCTS_MAX 64 /* looked at in a minute; others hear at the end of their wait */

void decision_clock_tick(struct app *app)
{
    int64_t now_s = clock_unix_s(app->clock), waits[WINDOW_PRODUCTS_MAX];
    size_t count = 0;
    fleet_lock(&app->fleet);
    struct catalogue *catalogue = &app->fleet.catalogue;
    bool is_next = now_s / 60 != catalogue->now_s / 60;
    catalogue->now_s = now_s;
    for (const struct rollout *rollout = catalogue->rollouts;
         rollout && is_next && count < WINDOW_PRODUCTS_MAX; rollout = rollout->next)
        if (rollout->guards.windows_count && rollout->state == ROLLOUT_RUNNING)
            waits[count++] = rollout->release->product->id;
    fleet_unlock(&app->fleet);
    for (size_t i = 0; i < count; i++)
        waiting_wake(app->waiting, waits[i]);
}
