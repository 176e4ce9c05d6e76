/* Whose password is checked next. A check takes 19 MiB and tens of milliseconds, so few run at a
 * time; the others wait here, bounded, and nobody can fill the queue for the others:
 *
 *   - of one address few wait, and after a third wrong password in a row it has to pause;
 *   - of one account not all places are taken, and accounts and addresses are served in turn;
 *   - every other time the best known goes first, by the lane of login_budget.h: a browser or
 *     command line that has logged in to the account before, an address that has, this machine
 *     itself, then others without a wrong password, then the rest. Where the queue is full the
 *     worst known gives its place to a better one.
 *
 * How many of one account or address are checked in an hour at all is login_budget.h's.
 *
 * Pure: no clock, no lock, no thread; see api_login.c for those. Times are monotonic. */
#pragma once

#include "server/login_budget.h"

#define LOGIN_WAITING_MAX 64
#define LOGIN_ADDRESS_MAX 4  /* of them from one address; but of devices and this machine */
#define LOGIN_ACCOUNT_MAX 48 /* of them for one account, so */
#define LOGIN_FREE_TRIES 3   /* wrong passwords in a row before the first pause */
#define LOGIN_PAUSE_MS 1000  /* the first pause; each further one is twice as long … */
#define LOGIN_PAUSE_MAX_MS 60000
#define LOGIN_FORGET_MS (15 * 60000) /* wrong ones are forgotten after so much quiet */
#define LOGIN_ADDRESSES_MAX 512      /* remembered */

/* A network address as it counts here: IPv4 whole, IPv6 by its first 64 bits. */
struct login_address {
    uint8_t bytes[16];
    bool is_local; /* this machine itself */
};
/* "192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1" …; anything else is one address of its own. */
void login_address_parse(const char *text, struct login_address *out);

struct login_ticket { /* the caller's memory until it is taken or displaced */
    struct login_address address;
    char user[33];
    enum login_lane lane;
    /* private */
    struct login_ticket *next;
};

struct login_past { /* what is remembered of an address */
    uint8_t bytes[16];
    uint32_t wrong;   /* in a row */
    uint64_t free_ms; /* when its pause is over */
    uint64_t served;  /* number of its last turn; 0: none, the place is free */
};

struct login_queue { /* private; zeroed is empty */
    struct login_ticket *first;
    size_t waiting;
    uint64_t turn, takes;
    struct login_past pasts[LOGIN_ADDRESSES_MAX];
    struct {
        char user[33];
        uint64_t served;
    } accounts[LOGIN_WAITING_MAX];
};

enum login_entry {
    LOGIN_WAITS,
    LOGIN_PAUSES, /* *pause_s_out: when to come again */
    LOGIN_FULL
};

/* *displaced_out: a ticket that has lost its place, to be answered like LOGIN_FULL; or NULL. */
enum login_entry login_queue_add(struct login_queue *queue, struct login_ticket *ticket,
                                 uint64_t now_ms, struct login_ticket **displaced_out,
                                 unsigned *pause_s_out);
/* NULL: nobody waits. */
struct login_ticket *login_queue_take(struct login_queue *queue);
/* Remembers how it went. */
void login_queue_note(struct login_queue *queue, const struct login_ticket *ticket, bool is_good,
                      uint64_t now_ms);
