/* Godwit's device agent for an application: it keeps a device up to date from a Godwit server, and
 * rolls an image back that does not prove itself. C and C++.
 *
 * One task steps the agent and sleeps until the agent wants the next step. The agent itself never
 * sleeps, allocates, starts a task or reads a clock; all its memory is the caller's. What it needs
 * of the chip (flash, network, system) comes from a port: godwit_port.h.
 *
 *     static struct godwit_agent_memory memory;
 *     static struct godwit_agent *agent;
 *
 *     void update_task(const struct godwit_agent_config *config)
 *     {
 *         agent = godwit_agent_init(&memory, config);
 *         for (;;)
 *             sleep_until_ms(godwit_agent_step(agent, clock_ms()));
 *     }
 *
 * Which call from which task:
 *   init, step, get_status   the one task that steps
 *   wake, confirm        any task or interrupt, at any time after init; they only set a flag, which
 *                        the next step reads. Whoever calls wake also ends the sleep of that task.
 *   state_name           anywhere
 *
 * The states, as godwit_agent_get_status tells them:
 *
 *   BOOT → IDLE → CHECKIN → FETCH → VERIFY → CHECKIN → SWITCH → (restart)
 *   BOOT → TRIAL → REPORT → CHECKIN → IDLE …
 *              └→ ROLLBACK → (restart) */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct godwit_flash;
struct godwit_net;
struct godwit_system;
struct godwit_agent;

/* The agent's memory. Only its size is public: 6 KiB where pointers have 32 bits. */
#define GODWIT_AGENT_SIZE (sizeof(void *) == 4 ? 6144 : 6272)
struct godwit_agent_memory {
    uint64_t private_[GODWIT_AGENT_SIZE / sizeof(uint64_t)];
};

struct godwit_agent_config {
    const struct godwit_flash *flash;
    const struct godwit_net *net;
    const struct godwit_system *system;
    /* 328 bytes, used while the running image has no policy; must outlive the agent. */
    const uint8_t *initial_policy;
    /* "gw1.<claim>.<spki>", or NULL once enrolled; must outlive the agent. */
    const char *claim_token;
    /* What the device says of itself, so that an operator finds it by `tag:dev.site=berlin`: up to
     * 8 "key=value" joined by spaces, 254 bytes together, "site=berlin room=2"; or NULL. Read at
     * each check-in, so it may change between two steps; must outlive the agent. */
    const char *attributes;
    uint32_t interval_s; /* between check-ins until the server gives one; 0: 60 */
    uint16_t health_s;   /* a new image runs at least so long before it is confirmed; 0: 10 */
    uint16_t wait_s;     /* the server may hold a reply so long, until there is something to do, and
                            the device hears at once; 0: it asks by its interval alone. For a device
                            that is awake all the time; up to 3300 */
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
    bool is_pending;          /* the server knows the device, and an operator has to accept it */
    uint32_t progress, total; /* bytes of the download that are in flash; 0, 0 while none */
    uint32_t last_reason;     /* godwit_reason of the last failure */
    uint32_t boots, checkins;
    char slot[17]; /* label of the running partition */
};

/* The config is copied, what it points to is not. No flash is touched before the first step. Never
 * fails; the agent lives in `memory`, which must not move. */
struct godwit_agent *godwit_agent_init(struct godwit_agent_memory *memory,
                                       const struct godwit_agent_config *config);
/* One bounded piece of work (at most one sector, one erase or one network read); returns the time
 * in ms at which to call again, not before now_ms. A now_ms that leaps, forward or back, does no
 * harm. */
uint64_t godwit_agent_step(struct godwit_agent *agent, uint64_t now_ms);
void godwit_agent_get_status(const struct godwit_agent *agent, struct godwit_agent_status *out);
/* Checks in at the next step instead of waiting for the interval; while the server holds a reply,
 * right after it. From any task. */
void godwit_agent_wake(struct godwit_agent *agent);
/* The application itself confirms this boot: ends a trial's self-test and health time early. From
 * any task. */
void godwit_agent_confirm(struct godwit_agent *agent);
/* "idle", "fetch" …; static. */
const char *godwit_state_name(enum godwit_state state);

#ifdef __cplusplus
}
#endif
