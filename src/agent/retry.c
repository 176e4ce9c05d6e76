/* Installs that ended for no fault of the release: a captive portal or proxy in the way, a mirror
 * with another file, a flash that refuses. None of them counts towards quarantine. The device
 * checks in as ever, so that the operator reads what it saw; but the next try comes after a wait
 * that doubles from seconds to hours, for each may cost a whole download.
 *
 * The count is in the journal; the wait is measured in seconds of this boot. A device that sleeps
 * between check-ins never sees such seconds pass, so as many boots as there were failures do as
 * well. */
#include "agent/internal.h"

#define DOUBLINGS_MAX 14u /* 2^14 s: four and a half hours */

bool godwit_retry_is_due(struct godwit_agent *agent, const struct godwit_instruction *install)
{
    struct godwit_journal *journal = &agent->journal;
    bool is_other = !godwit_digest_is(install->file_sha256, journal->install.file_sha256) ||
                    install->rollout_id != journal->install_rollout;
    if (is_other || install->flags & GODWIT_INSTRUCTION_FORCE_NOW) journal->retries = 0;
    return journal->retries == 0 || agent->now_s >= agent->retry_s ||
           journal->boots - journal->retry_boot > journal->retries;
}

void godwit_retry_wait(struct godwit_agent *agent)
{
    uint32_t doublings = agent->journal.retries;
    if (doublings > DOUBLINGS_MAX) doublings = DOUBLINGS_MAX;
    uint32_t half_s = (1u << doublings) / 2;
    agent->retry_s = agent->now_s + half_s + (half_s * godwit_random16(agent) >> 16);
}

__attribute__((noinline)) void godwit_retry_later(struct godwit_agent *agent, uint8_t weight)
{
    struct godwit_journal *journal = &agent->journal;
    if (journal->retries < DOUBLINGS_MAX) journal->retries = (uint8_t)(journal->retries + weight);
    journal->retry_boot = journal->boots;
    godwit_retry_wait(agent);
}
