/* The update agent: a state table stepped from outside. It never sleeps, allocates or reads a
 * clock; all memory is in struct godwit_agent, the caller's. One task steps it.
 *
 *   BOOT → IDLE → ASK → FETCH → VERIFY → ASK → SWITCH → (restart) BOOT → TRIAL → REPORT → ASK …
 *                                                                    └→ RETURN → (restart)
 * Each row of the table is one line in agent.c. Trust: docs/PROTOCOL.md, 4. */
#pragma once

#include "agent/port.h"

struct godwit_agent;

struct godwit_agent_config {
    const struct godwit_flash *flash;
    const struct godwit_net *net;
    const struct godwit_system *system;
    /* 328 bytes, used while the running image has no policy; must outlive the agent. */
    const uint8_t *initial_policy;
    /* "gw1.<claim>.<spki>", or NULL once enrolled; must outlive the agent. */
    const char *claim_token;
    uint32_t interval_s; /* until the server gives one; 0: 60 */
    uint32_t health_s;   /* a new image runs at least so long before it is confirmed; 0: 10 */
};

enum godwit_state {
    GODWIT_STATE_BOOT,
    GODWIT_STATE_IDLE,
    GODWIT_STATE_CHECKIN,
    GODWIT_STATE_FETCH,
    GODWIT_STATE_VERIFY,
    GODWIT_STATE_SWITCH,
    GODWIT_STATE_TRIAL,
    GODWIT_STATE_ROLLBACK,
    GODWIT_STATE_REPORT,
    GODWIT_STATE_COUNT
};

struct godwit_agent_status {
    enum godwit_state state;
    bool enrolled, on_trial;
    bool is_pending;          /* the server knows us, and lets us wait for the operator */
    uint32_t progress, total; /* bytes of the download that are in flash; 0, 0 while none */
    uint32_t last_reason;     /* godwit_reason of the last failure */
    uint32_t boots, checkins;
    char slot[17]; /* label of the running partition */
};

/* config is copied, what it points to is not. No flash is touched before the first step. */
void godwit_agent_init(struct godwit_agent *agent, const struct godwit_agent_config *config);
/* One bounded piece of work (at most one sector, one erase or one network read); returns the time
 * in ms at which to call again, not before now_ms. A now_ms that leaps, forward or back, does no
 * harm. */
uint64_t godwit_agent_step(struct godwit_agent *agent, uint64_t now_ms);
/* Ask the server at the next step instead of waiting for the interval. */
void godwit_agent_wake(struct godwit_agent *agent);
/* The application itself vouches for this boot: ends a trial's self-test wait early. */
void godwit_agent_confirm(struct godwit_agent *agent);
void godwit_agent_status(const struct godwit_agent *agent, struct godwit_agent_status *out);
/* "idle", "fetch" …; static. */
const char *godwit_state_name(enum godwit_state state);

#include "agent/internal.h" /* struct godwit_agent, so that a caller can give it memory */
