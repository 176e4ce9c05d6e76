/* Where the file is fetched: the server, and the mirrors that its reply names. Each fault of a
 * source is a penalty, and the least penalised one is taken, so nothing needs to be known about a
 * source but how it has behaved. A source that is proven to have another file is not asked again
 * while the offer stands. Proof needs a download that is its alone: when one that several sources
 * (or an earlier boot) had part in fails, nobody is blamed, and the next is not shared. */
#include "agent/sources.h"

#define BLAMED UINT8_MAX
#define USED_ANY ((1u << (GODWIT_SOURCES_MAX + 1)) - 1)

_Static_assert(!(USED_ANY & GODWIT_SOURCES_UNSHARED) && !(USED_ANY & GODWIT_SOURCE_EARLIER),
               "one byte");

static bool is_listed(const struct godwit_agent *agent, unsigned source)
{
    return source == 0 || (source <= GODWIT_SOURCES_MAX && agent->sources[source - 1][0]);
}

bool godwit_sources_choose(struct godwit_agent *agent)
{
    uint8_t best = 0;
    for (uint8_t i = 1; is_listed(agent, i); i++)
        if (agent->penalties[i] < agent->penalties[best]) best = i;
    agent->source = best;
    return agent->penalties[best] != BLAMED;
}

void godwit_sources_penalise(struct godwit_agent *agent)
{
    if (agent->penalties[agent->source] < BLAMED - 1) agent->penalties[agent->source]++;
}

__attribute__((noinline)) bool godwit_sources_drop(struct godwit_agent *agent)
{
    agent->penalties[agent->source] = BLAMED;
    return godwit_sources_choose(agent);
}

void godwit_sources_use(struct godwit_agent *agent)
{
    agent->sources_used |= (uint8_t)(1u << agent->source);
}

bool godwit_sources_may_go_on(const struct godwit_agent *agent)
{
    unsigned others = agent->sources_used & USED_ANY & ~(1u << agent->source);
    return !(agent->sources_used & GODWIT_SOURCES_UNSHARED) || !others;
}

__attribute__((noinline)) void godwit_sources_start_over(struct godwit_agent *agent)
{
    agent->journal.install_step = GODWIT_STEP_FETCHING;
    agent->journal.install_sectors = 0;
    agent->offset = 0;
    agent->sources_used &= GODWIT_SOURCES_UNSHARED;
}

void godwit_sources_offer(struct godwit_agent *agent, bool is_same,
                          const struct godwit_checkin_reply *reply)
{
    bool is_new = !agent->is_underway || !is_same ||
                  memcmp(agent->sources, reply->sources, sizeof agent->sources) != 0;
    if (!is_new) return;
    agent->sources_used = is_same ? GODWIT_SOURCE_EARLIER : 0;
    memcpy(agent->sources, reply->sources, sizeof agent->sources);
    memset(agent->penalties, 0, sizeof agent->penalties);
    memset(agent->busy_until_s, 0, sizeof agent->busy_until_s);
    agent->tries = 0;
}

__attribute__((noinline)) bool godwit_sources_blame(struct godwit_agent *agent)
{
    if (!agent->is_underway) return false;
    unsigned used = agent->sources_used;
    bool is_shared = (used & USED_ANY & ((used & USED_ANY) - 1)) != 0;
    for (uint8_t i = 0; i <= GODWIT_SOURCES_MAX; i++) {
        if (used & GODWIT_SOURCE_EARLIER || !(used & 1u << i)) continue;
        agent->source = i;
        if (is_shared)
            godwit_sources_penalise(agent);
        else
            agent->penalties[i] = BLAMED;
    }
    if (is_shared) agent->sources_used |= GODWIT_SOURCES_UNSHARED;
    godwit_sources_start_over(agent);
    agent->best_offset = 0;
    agent->tries = 0;
    return godwit_sources_choose(agent);
}
