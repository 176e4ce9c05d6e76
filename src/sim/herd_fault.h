/* What goes wrong on a device, drawn when it asks or is answered. */
#pragma once

#include "sim/herd.h"

/* The line of one request. */
void herd_fault_request(struct unit *unit, bool is_image);
/* Power, clock and line after a check-in was answered. */
void herd_fault_answered(struct unit *unit, const struct herd_answer *answer);
/* Once for each device. */
void herd_fault_line(struct unit *unit);
/* How long it has no power after a cut. */
uint64_t herd_fault_dark_ms(struct unit *unit);
