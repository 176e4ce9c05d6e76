/* How long a check-in is held: what the device asks for, and what its line was seen to bear. Pure.
 *
 * Nobody tells how long a router or a proxy lets a silent connection live, so it is learnt for each
 * device: a hold that lasts to its end counts for a longer one, a connection that dies during it
 * makes the next shorter, and each death makes the next try of a longer one rarer. */
#pragma once

#include "formats/checkin.h"

#define WAIT_MAX_S GODWIT_WAIT_MAX_S

/* The N of "Prefer: wait=N" (RFC 7240), among other preferences or alone; 0: not asked for. */
uint32_t wait_rule_asked(const char *prefer);
/* Seconds that a device with this habit is held for now; 0 is the habit of one that is new. */
uint32_t wait_rule_s(uint16_t habit);
/* The habit after its connection died when it had been held for lived_s … */
uint16_t wait_rule_died(uint16_t packed, uint64_t lived_s);
/* … and after a hold that lasted to its end. */
uint16_t wait_rule_lasted(uint16_t packed);
/* In ms, up to a tenth earlier, so that those who came together do not come together again. */
uint32_t wait_rule_hold_ms(uint32_t wait_s, uint32_t chance);
