/* A server inside the test's own process: real codecs, a real deploy key, real signatures, and a
 * struct godwit_net instead of sockets. One device talks to it at a time.
 *
 *     peer_init → peer_seed (into board_options.initial_policy) → peer_offer → run the board
 *
 * It offers the file until a check-in says that it runs confirmed; after a failure it offers no
 * more: what power did to a trial is no failure, and the device does not report it as one. */
#pragma once

#include "formats/checkin.h"
#include "formats/policy.h"
#include "godwit_port.h"
#include "keys/keys.h"

#define PEER_PRODUCT "thermostat"

struct peer {
    /* The file on offer; the caller's memory. NULL: stay. */
    const uint8_t *file;
    size_t file_size;
    uint8_t file_sha256[32], image_sha256[32];
    uint16_t chip_id;
    uint32_t secure_version, counter, rollout_id;
    bool allow_downgrade, force_now;

    /* Turns the test may play; zero is an honest server. */
    bool is_silent;      /* every start fails with NET */
    int status;          /* answer everything with this status; 0: do not */
    int image_status;    /* … only image requests */
    uint8_t next_ca[32]; /* announced in each reply; zero: none */
    bool by_next_ca;     /* its chain ends in the next CA */
    bool offers_always;  /* also after failures */
    bool is_deaf;        /* acknowledges no outcome */
    bool is_garbled;     /* replies lack their last byte */
    char sources[GODWIT_SOURCES_MAX][GODWIT_SOURCE_SIZE]; /* mirrors, which it plays itself */
    bool withdraws; /* offer only until the device holds the file: "stay" before the switch */
    void (*tamper)(struct peer *peer, uint8_t instruction[static GODWIT_INSTRUCTION_SIZE]);

    /* What happened. */
    uint32_t checkins, claims, image_requests, offers;
    bool is_confirmed;             /* the offered file was reported running and confirmed */
    bool gave_up;                  /* a failure was reported */
    uint32_t outcomes;             /* distinct outcomes received */
    struct godwit_checkin last;    /* last check-in, decoded */
    bool rotates;                  /* asks for another token until it is used */
    uint32_t rotations;            /* tokens that were used for the first time */
    struct godwit_outcome outcome; /* last outcome received */
    uint8_t trusted[2][32];        /* what the port was told last */
    uint32_t trusts;               /* how often */

    /* private */
    struct key *deploy_key;
    uint8_t seed[GODWIT_POLICY_BYTES];
    uint64_t sequence;
    uint32_t outcome_id;
    uint8_t token[32], next_token[32]; /* zero: none was told */
    bool is_enrolled, is_open, is_queued_device;
    struct godwit_reply response;
    const uint8_t *body; /* of the open reply */
    size_t body_size, body_at;
    char reply[GODWIT_CHECKIN_REPLY_MAX];
};

/* A new deploy key and an initial policy for PEER_PRODUCT that trusts `image_key` (NULL: open
 * product). Aborts when a key can not be made: this is test code. */
void peer_init(struct peer *peer, const struct key *image_key);
void peer_deinit(struct peer *peer);
/* What the initial policy says, and another one in its place (P1s of images are made from it too).
 */
struct godwit_policy peer_policy(const struct peer *peer);
void peer_set_seed(struct peer *peer, const struct godwit_policy *policy);
/* The 328 bytes for board_options.initial_policy; live as long as the peer. */
const uint8_t *peer_seed(const struct peer *peer);
/* For board_options.claim_token; static. */
const char *peer_claim_token(void);
/* Offers a file (signed or not; any bytes): digests and chip are read from it. */
void peer_offer(struct peer *peer, const uint8_t *file, size_t size, uint32_t rollout_id);
struct godwit_net peer_port(struct peer *peer);
/* The deploy key's signature anew, after a test has changed the instruction. */
void peer_sign(struct peer *peer, uint8_t instruction[static GODWIT_INSTRUCTION_SIZE]);
