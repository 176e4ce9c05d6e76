/* Many emulated devices on one server, in virtual time: the real agent each, flash in memory with a
 * shared pool. What happens to a device's power, line and clock follows from one seed, so that each
 * run can be played again (herd_fault.h); a scenario looks on through struct herd_watch. */
#pragma once

#include "board/board.h"
#include "sim/herd_server.h"

#define HERD_NEVER UINT64_MAX
#define HERD_SLOT_SIZE 0x10000u

struct herd;

/* What the line does to one reply. */
enum herd_trouble {
    TROUBLE_NONE,
    TROUBLE_REQUEST, /* the request never arrives */
    TROUBLE_BREAK,   /* the connection breaks at a byte of the body */
    TROUBLE_END,     /* the body ends early, and nothing says so */
    TROUBLE_FLIP,    /* a bit of the body is another one */
    TROUBLE_PAGE,    /* a captive portal answers in the server's place */
    TROUBLE_GZIP,    /* a proxy has packed the body */
    TROUBLE_COUNT
};

struct herd_line {
    uint64_t down_until_ms; /* nothing comes through before; 0: it is up */
    bool has_link;          /* down, the device sees a network all the same */
    size_t break_at;        /* the next image request breaks there, once; 0: it does not */
    uint32_t bytes_per_s;   /* 0: as many as wanted */
    /* the open request */
    struct godwit_reply response;
    const uint8_t *body;
    size_t body_size, body_at, trouble_at;
    uint64_t begun_ms;
    enum herd_trouble trouble;
    bool is_open, is_fresh; /* fresh: nothing was read of it yet */
    char reply[GODWIT_CHECKIN_REPLY_MAX];
};

struct unit {
    struct herd *herd;
    struct flash_ram ram;
    struct godwit_flash inner, flash; /* the chip; the same through the power-cut injector */
    struct power_cut cut;
    struct board board;
    struct herd_line line;
    uint64_t next_ms;
    uint64_t off_ms, on_ms;       /* power is off from … to …; HERD_NEVER: always on */
    uint64_t jump_ms, jump_by_ms; /* when its clock jumps, and how far, modulo 2^64 */
    uint32_t place;               /* in the heap */
    uint32_t draws;               /* of chance, see herd_draw */
    uint32_t boots_seen;
};

/* Called at what a scenario may want to look at; each may be NULL. */
struct herd_watch {
    void *ctx;
    /* A check-in arrives, and has been answered. */
    void (*asked)(void *ctx, struct unit *unit, const struct godwit_checkin *checkin);
    void (*answered)(void *ctx, struct unit *unit, const struct herd_answer *answer);
    /* It has asked for an image: the server hands out the file's bytes; NULL: refused. */
    void (*fetched)(void *ctx, struct unit *unit, const struct herd_file *file, uint32_t from);
    /* An image runs: board.running is where. */
    void (*booted)(void *ctx, struct unit *unit);
    void (*lost_power)(void *ctx, struct unit *unit);
};

/* Of so many per mille … Zeros: nothing ever goes wrong. */
struct herd_faults {
    uint16_t cut_install;   /* of installs: power is cut at one of the next flash operations */
    uint16_t cut_rest;      /* of other check-ins */
    uint16_t trouble_image; /* of image requests */
    uint16_t trouble_checkin;
    uint16_t jump;      /* of check-ins: the clock jumps within the hour */
    uint16_t line_down; /* of check-ins: for minutes to hours */
    uint16_t dark;      /* of check-ins: no power, for hours to days */
    uint16_t slow;      /* of devices */
};

struct herd_options {
    struct herd_server *server;
    uint32_t count;
    uint64_t random_seed;
    const struct herd_file *first;       /* what a cable flashed */
    const uint8_t *policy;               /* 328 bytes, that each is built with */
    uint32_t (*board_of)(uint32_t unit); /* its hardware revision; NULL: 0 */
    bool has_anti_rollback;              /* their bootloader */
    struct herd_watch watch;
    struct herd_faults faults;
};

struct herd {
    struct herd_server *server;
    struct herd_options options;
    struct unit *units;
    uint32_t count;
    uint32_t *heap; /* of units, the next one first */
    struct flash_pool pool;
    struct flash_ram template;
    uint8_t policy[GODWIT_POLICY_BYTES];
    bool is_calm;                                                /* no more faults begin */
    uint32_t cuts, darks, jumps, downs, troubles[TROUBLE_COUNT]; /* that there were */
};

/* Units begin with the power off and no plan. */
void herd_open(struct herd *herd, const struct herd_options *options);
void herd_close(struct herd *herd);
uint32_t herd_index(const struct unit *unit);
/* A number below `below`, made from the seed, the unit and the purpose alone. */
uint64_t herd_chance(const struct herd *herd, uint32_t unit, uint32_t purpose, uint64_t below);
/* The power of a unit comes at on_ms; once also off and on again. Before the first run. */
void herd_plan(struct herd *herd, uint32_t index, uint64_t on_ms, uint64_t off_ms,
               uint64_t on_again_ms);
/* The next thing that happens before until_ms; false: there is none, and it is until_ms. */
bool herd_step(struct herd *herd, uint64_t until_ms);
/* Everything that happens before until_ms. */
void herd_run(struct herd *herd, uint64_t until_ms);
/* Each device that has power asks at once; one of them. */
void herd_wake(struct herd *herd);
void herd_wake_one(struct unit *unit);
/* From now on nothing goes wrong, and who has no power or line gets it back within the hour. */
void herd_calm(struct herd *herd);
/* Whether the bytes of the file stand in the partition that runs. */
bool herd_runs(const struct unit *unit, const struct herd_file *file);
/* herd_net.c: the line as the board's port. */
struct godwit_net herd_net(struct unit *unit);
