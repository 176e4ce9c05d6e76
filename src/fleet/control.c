/* Silence is counted anew by each walk, for it ends by itself; crashes are counted as they are
 * reported, by the hour. Devices not seen for a day were silent before, and say nothing. */
#include "fleet/control.h"

#define SEEN_S 86400    /* who was not seen for longer was silent before */
#define HOUR_S 3600     /* crashes are counted by the hour … */
#define OUT_PER_CENT 25 /* of a product's devices */

static bool is_control(const struct device *device)
{
    const struct rollout *rollout = device_rollout(device);
    const struct member *member = rollout ? device_member(device, rollout) : NULL;
    return !member || member->state == MEMBER_SELECTED;
}

/* … and judged by the last whole one. */
static void turn_hour(struct control *control, int64_t now_s)
{
    int64_t hour = now_s / HOUR_S;
    if (hour == control->hour) return;
    bool is_next = hour == control->hour + 1;
    control->crashed_before = is_next ? control->crashed : 0;
    control->crashed = 0;
    control->hour = hour;
}

void control_crashed(struct device *device, int64_t now_s)
{
    struct control *control = &device->product->control;
    if (!is_control(device)) return;
    turn_hour(control, now_s);
    control->crashed++;
}

void control_see(struct device *device, bool is_silent, int64_t now_s)
{
    struct control *control = &device->product->control;
    if (device->is_retired || now_s - device->facts.last_seen_s > SEEN_S) return;
    turn_hour(control, now_s);
    if (!is_control(device)) return;
    control->walk_seen++;
    control->walk_silent += is_silent;
}

static void publish(struct control *control)
{
    control->silent = control->walk_silent;
    control->seen = control->walk_seen;
    if (control->seen >= CONTROL_MIN)
        control->rate = (double)(control->silent + control->crashed_before) / control->seen;
    control->walk_seen = control->walk_silent = 0;
}

void control_publish(struct catalogue *catalogue)
{
    struct product *product = catalogue->products;
    for (; product; product = product->next)
        publish(&product->control);
}

bool control_is_out(const struct control *control)
{
    return control->seen >= CONTROL_MIN &&
           control->silent > (uint64_t)control->seen * OUT_PER_CENT / 100;
}
