/* How many passwords are checked for one account in an hour: at most 100, whoever asks and from
 * wherever. They are shared out in lanes, so that unknown places, which may be thousands, never use
 * up what is left for the places from which the account has logged in before:
 *
 *     lane       who                                          at once  an hour more
 *     device     a browser or command line by its own secret     10        10
 *     address    an address from which it has logged in          10        10
 *     local      this machine itself                             10        10
 *      unknown    everybody, those above too                      20        20
 *
 * Besides that an address has 30 at once and 60 an hour more, for all accounts together, and of the
 * lane of addresses 4 at once and 4 an hour more: who guesses behind the address of somebody's
 * office leaves the lane to that person's other addresses. A right password is given back. Nobody
 * learns from it whether there is such an account.
 *
 * Pure: no clock, no lock. A row is a number: the time at which all of it will be back. It is found
 * by a hash that nobody can aim, so there is nothing to grow and nothing to push out; two accounts
 * that meet in a row share it. */
#pragma once

#include "base/span.h"
#include "rt/siphash.h"

enum login_lane { LOGIN_DEVICE, LOGIN_ADDRESS, LOGIN_LOCAL, LOGIN_UNKNOWN, LOGIN_LANES };

#define LOGIN_HOUR_MS 3600000U
#define LOGIN_ROWS 32768 /* a lane */
#define LOGIN_ACCOUNT_HOUR_MAX 100

struct login_budget { /* private; login_budget_init */
    struct siphash_seed seed;
    uint64_t free_ms[LOGIN_LANES + 2][LOGIN_ROWS];
};

struct login_claim { /* what a request has taken: one of each of these rows */
    enum login_lane lane;
    unsigned count;
    struct login_row {
        unsigned table;
        uint32_t row;
    } rows[3];
};

/* Of zeroed memory, most of which is never touched then: it is a megabyte and a half. */
void login_budget_init(struct login_budget *budget);
/* One check for this account, by the best of the lanes (bits 1 << lane) that has one left. network
 * NULL: the address does not count, as of a device or of this machine. False: none is left;
 * *wait_s_out says when one will be. */
bool login_budget_take(struct login_budget *budget, const char *user, unsigned lanes,
                       const uint8_t *network, uint64_t now_ms, struct login_claim *claim_out,
                       unsigned *wait_s_out);
/* The password was right, or was not checked. */
void login_budget_give(struct login_budget *budget, const struct login_claim *claim);
