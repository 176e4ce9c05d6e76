/* A rollout on a fleet of light devices, in virtual time: who checks in when, and what the release
 * does on each. All that decides is the real code of fleet/, over a real database in memory; only
 * the devices are a model, so that a hundred thousand of them take seconds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a bad release does on the devices on which it fails. */
#define MODEL_FAULTS(X)                                                          \
    X(CRASH, "crash", "crashes in its trial boot, and is rolled back")           \
    X(HANG, "hang", "hangs in its trial boot until the watchdog bites")          \
    X(NO_NETWORK, "no-network", "does not reach the server, and is rolled back") \
    X(LATE_CRASH, "late-crash", "crashes within hours after it was confirmed")   \
    X(SILENCE, "silence", "is never heard of again")                             \
    X(REVISION, "revision",                                                      \
      "crashes on one hardware revision, which so many have, and works "         \
      "on the others")
#define MODEL_FAULT_ENUM(name, id, sentence) MODEL_##name,
enum model_fault { MODEL_FAULTS(MODEL_FAULT_ENUM) MODEL_FAULTS_COUNT };
#undef MODEL_FAULT_ENUM

const char *model_fault_id(enum model_fault fault);

struct model_fleet;

/* Enrolled and seen once; aborts where that fails. Each device checks in by an interval of its own,
 * from ten minutes to six hours. */
struct model_fleet *model_fleet_open(uint32_t devices);
void model_fleet_close(struct model_fleet *model);

/* A rollout to all, without a run; and so many decisions about each device in turn: returns how
 * many were an offer. */
void model_fleet_deploy(struct model_fleet *model);
uint64_t model_fleet_decide(struct model_fleet *model, uint32_t rounds);

struct model_run {
    enum model_fault fault;
    double share;              /* of devices on which the release fails: 0 … 1 */
    uint64_t seed, first_seed; /* the first of several; model_runs adds to it */
    uint32_t soak_s;
    uint32_t offered_max; /* the run ends there; 0: at the end of the rollout */
    double cut_share;     /* of devices whose line breaks for an hour, after one hour */
};

struct model_end {
    bool is_halted, is_finished;
    bool is_halted_in_part;              /* for a stratum; the rest continued */
    uint32_t offered, succeeded, failed; /* offered: of that stratum, where there is one */
    int64_t halted_s;                    /* since the deploy */
    int64_t stop_s; /* from the report that decides to the halt, or to the end of a run without */
    int64_t reached_s[3]; /* 50, 95 and 99 % have succeeded; 0: not reached */
};

/* Plays one rollout to all. A fleet plays one only: a caller that plays many forks for each. */
struct model_end model_fleet_run(struct model_fleet *model, const struct model_run *run);
