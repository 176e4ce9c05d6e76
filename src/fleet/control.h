/* The control group of a product's rollouts: its devices that none of them has offered anything,
 * and that were seen lately. What goes wrong among them goes wrong without the release, so a
 * release is judged by what is more than that (brake.h). Kept as devices report, and by the walk
 * that looks for silent ones. */
#pragma once

#include "fleet/model.h"

#define CONTROL_MIN 100 /* fewer devices say nothing; the last rate is kept */

/* A device that crashed, while no rollout had offered it anything. Lock held. */
void control_crashed(struct device *device, int64_t now_s);
/* One look at a device, by the walk; what a walk saw counts from control_publish on. Lock held. */
void control_see(struct device *device, bool is_silent, int64_t now_s);
void control_publish(struct catalogue *catalogue);
/* Whether so many of the product are silent at once that its line, or ours, is out. */
bool control_is_out(const struct control *control);
