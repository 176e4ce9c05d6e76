/* The parts of figure fleetsim: thirty days of a herd, and what is watched of them. */
#pragma once

#include "sim/herd.h"

#define DAY_MS (UINT64_C(24) * 3600 * 1000)
#define FLEETSIM_CHAPTERS 11
#define FLEETSIM_MISFIT 2 /* the hardware revision that no release is for */

/* A release of the thirty days. */
struct chapter {
    const char *id;
    struct behaviour behaviour;
    const char *chip, *gates; /* NULL: the herd's; none */
    bool is_bad, is_forged;   /* it must be halted; the server is deceived about who signed it */
    enum rollout_state verb;  /* that a person says after some hours; RUNNING: none */
    const struct chapter *repeats; /* whose file is deployed once more; NULL: it has its own */
};

/* What broke its promise, by device and in all. */
struct fleetsim_result {
    uint32_t bricked, unsigned_runs, limits_broken, unfinished;
    uint32_t unhalted;    /* bad releases that were not halted */
    uint32_t false_halts; /* good ones that were */
    uint32_t exposed_max; /* devices that were offered a bad release, at most */
    uint32_t restarts;
    uint32_t
        retried; /* devices on which the last release failed, and a person let them try again */
};

/* One device's part of the watch. */
struct watched {
    uint64_t asked_ms;
    uint32_t failed_files; /* a bit for each file that has failed there */
    uint32_t last_outcome;
    uint8_t state; /* enum member_state in the present rollout; MEMBER_STATE_COUNT: in none */
    bool is_away;
};

struct fleetsim;

struct fleetsim_watch {
    struct fleetsim *sim;
    struct watched *devices;
    uint32_t open, succeeded; /* of the present rollout, counted from its members */
    int64_t confirmed_s;
    uint32_t open_before; /* without the device that asks */
    uint32_t trace;       /* of everything that was seen: equal runs have equal ones */
    uint32_t show;        /* the device whose history is printed; UINT32_MAX: none */
};

struct fleetsim {
    char folder[64];
    uint64_t seed;
    uint32_t count;
    const char *control; /* what was taken away, for a line of how to replay; "": nothing */
    struct herd_server server;
    struct herd herd;
    struct fleetsim_watch watch;
    struct key *maker, *thief;
    uint8_t deploy_key[64];
    const struct chapter *chapters[FLEETSIM_CHAPTERS]; /* in the order of this seed */
    const struct herd_file *first, *files[FLEETSIM_CHAPTERS];
    uint32_t rollouts[FLEETSIM_CHAPTERS];
    unsigned published; /* of them */
    struct fleetsim_result result;
};

/* fleetsim_story.c */
void fleetsim_play(struct fleetsim *sim);

/* fleetsim_watch.c */
struct herd_watch fleetsim_watch(struct fleetsim *sim);
/* A rollout begins. */
void fleetsim_watch_rollout(struct fleetsim_watch *watch);
/* Whether the device has said that the file failed on it. */
bool fleetsim_has_failed(const struct fleetsim_watch *watch, uint32_t unit,
                         const struct herd_file *file);
/* A person lets all devices try the file again. */
void fleetsim_watch_retry(struct fleetsim_watch *watch, const struct herd_file *file);
/* After a tick: members that it has moved. */
void fleetsim_watch_tick(struct fleetsim_watch *watch);
/* One line of a broken promise, with how to replay it; few are printed. */
void fleetsim_blame(struct fleetsim *sim, uint32_t unit, const char *what);
bool fleetsim_fits(const struct unit *unit);

/* fleetsim_random.c: keys and signatures follow from the seed, too. */
void fleetsim_random(uint64_t seed);
