/* What a device says, what of it is recorded, and how devices join. */
#pragma once

#include "fleet/decide.h"
#include "fleet/fleet.h"

struct device *device_find(const struct fleet *fleet, const char *org,
                           const uint8_t device_id[static 16]);
/* NULL for an unknown token and that of a retired device; the comparison takes constant time. Lock
 * held. */
struct device *device_find_by_token(const struct fleet *fleet,
                                    const uint8_t token_sha256[static 32]);
/* A check-in of the device waits (server/waiting.h): until its end the device stays in memory and
 * is not taken for silent. Lock held. */
void device_hold(struct device *device);
void device_let_go(struct device *device);
/* Also a retired one: it keeps its token from others. Lock held. */
struct device *device_with_token(const struct fleet *fleet, const uint8_t token_sha256[static 32]);
#define DEVICE_RECORDS_MAX 30 /* changes of one device that are recorded in a minute */

/* What the two halves of a check-in ask: whether it reports an outcome that is not recorded, runs
 * an image that is not, and what it says of itself, as one number. Lock held. */
bool device_is_new_outcome(const struct device *device, const struct godwit_outcome *outcome);
bool device_is_new_image(const struct device *device);
uint32_t device_attributes_crc(const struct godwit_checkin *checkin);

enum take_result {
    TAKE_DONE,    /* it can be replied to at once */
    TAKE_RECORD,  /* device_record must be committed first */
    TAKE_STALE,   /* it was held, and the device has checked in since */
    TAKE_TOO_MANY /* it reports more in a minute than is recorded; it must report again later */
};

/* Keeps what the device says of itself, and answers whether the check-in changes anything that must
 * be committed before it is answered (an outcome, a proof, another image, an offer to be made), or
 * stands on something uncommitted. Lock held. */
enum take_result device_take(struct fleet *fleet, struct device *device,
                             const struct godwit_checkin *checkin, int64_t now_s);
/* Counts a change of its record that the device (or who claims its id) causes; false: it had its
 * share of this minute. Lock held. */
bool device_may_record(struct device *device, int64_t now_s);
/* Records what the check-in changes and tells the offer, if one is due. Writer. */
GODWIT_MUST_USE godwit_err device_record(struct fleet *fleet, struct db *db, struct device *device,
                                         const struct godwit_checkin *checkin, int64_t now_s);
/* Whether the bytes are what the device's present, committed decision tells it to install. */
bool device_may_download(const struct fleet *fleet, const struct device *device,
                         const uint8_t file_sha256[static 32]);

enum claim_result {
    CLAIM_ACCEPTED,    /* new, or known with this token */
    CLAIM_PENDING,     /* known with another token; an operator decides */
    CLAIM_REJECTED,    /* so, and an operator has sent it away */
    CLAIM_TOKEN_TAKEN, /* the token is another device's, as on a cloned flash */
    CLAIM_UNKNOWN,
    CLAIM_USED_UP,
    CLAIM_EXPIRED,
    CLAIM_NO_PRODUCT /* by a certificate, and it runs nothing of a product that is known */
};

/* Who requests to join: with which claim, under which token of its own, as what. */
struct claim_request {
    const uint8_t *claim_sha256, *token_sha256; /* 32 bytes each; claim NULL: by a certificate */
    const struct godwit_checkin *checkin;
};

/* What a claim comes to as things stand; must_write_out: only after device_claim. A device that is
 * known and comes back with its token is ACCEPTED and asks for nothing new. Counts who is turned
 * away, for its operator. Lock held. */
typedef enum claim_result device_join_check(struct fleet *fleet,
                                            const struct claim_request *request, int64_t now_s,
                                            bool *must_write_out);
device_join_check device_claim_check;
/* Enrols, or keeps the token for an operator; *device_out is set where ACCEPTED. Writer. */
GODWIT_MUST_USE godwit_err device_claim(struct fleet *fleet, struct db *db,
                                        const struct claim_request *request, int64_t now_s,
                                        enum claim_result *result_out, struct device **device_out);
/* Lets a device in that the factory list names, with this very token; *device_out NULL: it does
 * not. Writer. */
GODWIT_MUST_USE godwit_err device_join_listed(struct fleet *fleet, struct db *db,
                                              const uint8_t token_sha256[static 32],
                                              const struct godwit_checkin *checkin, int64_t now_s,
                                              struct device **device_out);
/* The same for a device that has proved its id by a certificate (request->claim_sha256 NULL); it
 * joins the first organisation, and certified.h decides. Lock held. */
device_join_check device_certified_check;
/* Writer. */
GODWIT_MUST_USE godwit_err device_join_certified(struct fleet *fleet, struct db *db,
                                                 const struct claim_request *request, int64_t now_s,
                                                 enum claim_result *result_out,
                                                 struct device **device_out);
/* Writes the facts of dirty devices, at most count_max; more_out: some are left. Writer. */
GODWIT_MUST_USE godwit_err device_flush(struct fleet *fleet, struct db *db, size_t count_max,
                                        bool *more_out);

/* For the log: whether the device was answered otherwise last time, or not at all since
 * the start; remembers this reply. Lock held. */
bool device_is_news(struct device *device, const struct decision *decision);
