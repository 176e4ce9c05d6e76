/* Which source the file is fetched from: 0 is the server, the others are agent->sources; see
 * sources.c for the rules. */
#pragma once

#include "agent/internal.h"

/* Of sources_used: what is there came we know not whence; one source alone must fetch it all. */
#define GODWIT_SOURCE_EARLIER 0x40u
#define GODWIT_SOURCES_UNSHARED 0x80u
/* An offer was accepted: takes its sources over; forgets the penalties unless it stood before. */
void godwit_sources_offer(struct godwit_agent *agent, bool is_same,
                          const struct godwit_checkin_reply *reply);
/* Takes the least penalised; false: all have been dropped. */
GODWIT_MUST_USE bool godwit_sources_choose(struct godwit_agent *agent);
/* The present one failed, or (drop) has another file or none; drop chooses the next one. */
void godwit_sources_penalise(struct godwit_agent *agent);
GODWIT_MUST_USE bool godwit_sources_drop(struct godwit_agent *agent);
/* The present one has part in the download; whether it may have, beside those that have already. */
void godwit_sources_use(struct godwit_agent *agent);
bool godwit_sources_may_go_on(const struct godwit_agent *agent);
/* The next byte is the first. */
void godwit_sources_start_over(struct godwit_agent *agent);
/* What was downloaded is not what was announced: FETCH it anew from byte 0 (true), or there is no
 * source left that could be right. */
GODWIT_MUST_USE bool godwit_sources_blame(struct godwit_agent *agent);
