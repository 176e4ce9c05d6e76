/* `godwit-attack`: a hostile server against a real agent, one case at a time.
 *
 * A case is a row: who the thief is, which keys he holds, how he bends what an honest server would
 * say, and what must come of it. The server knows no transport: a request goes in with its time, an
 * answer comes out. attack_board.c carries both to an emulated board in virtual time, attack_live.c
 * over TLS to a board on the network; one judge hears both.
 *
 *     BEFORE   an honest server, as long as the case asks
 *     DURING   the hostile one
 *     AFTER    the honest one is back, with a new release: whoever survived takes it
 *
 * So every case ends in a genuine update by the machinery that refused the thief's. */
#pragma once

#include "sim/attack_fixture.h"

#define ATTACK_RECORDING_MAX 64
#define ATTACK_SOURCES_MAX 2
#define ATTACK_WHY_MAX 200

/* ---- what goes over the wire ---- */

struct attack_request {
    const char *method, *base, *path, *bearer, *body, *if_range; /* NULL: absent; see port.h */
    size_t body_size;
    uint32_t range_from;
    bool use_range;
    uint64_t now_ms;
};

struct attack_response {
    int status;          /* 0: nobody there, the connection can not begin */
    const uint8_t *body; /* lives until the attack's next request */
    size_t body_size;
    bool has_no_length;   /* chunked, or until the connection ends */
    uint32_t stated_size; /* a Content-Length that lies; 0: the truth */
    uint32_t range_from;  /* of a 206 */
    uint32_t range_total; /* … 0: "*" */
    uint32_t retry_after_s;
    const char *etag;     /* NULL: as asked for */
    const char *location; /* of a redirect */
    bool is_silent;       /* the connection stands and nothing ever comes */
    bool is_endless;      /* the body begins anew for ever */
    bool stalls;          /* nothing comes behind stall_at bytes of the body, for ever */
    uint32_t stall_at;
    bool cuts; /* the connection breaks behind cut_at bytes of the body */
    uint32_t cut_at;
    uint32_t rate;         /* bytes in 100 s; 0: at once */
    uint32_t junk_headers; /* so many kilobytes of them in front; only on a real wire */
};

/* Another name of the same listener, and a file behind it: who is led there may take the file, but
 * must leave the token behind. */
#define ATTACK_ELSEWHERE_PATH "/elsewhere"
#define ATTACK_ELSEWHERE "https://elsewhere:9" ATTACK_ELSEWHERE_PATH

/* ---- a case ---- */

struct attack;
enum attack_end {
    ATTACK_REFUSED,   /* nothing moves, and one of the reasons is reported */
    ATTACK_KEPT,      /* nothing moves; there may be nothing to report */
    ATTACK_WHOLE,     /* the offered file is genuine: it runs whole, or nothing moves */
    ATTACK_INSTALLED, /* the offered file runs: controls, and what a thief is granted */
};
enum { ATTACK_IS_CONTROL = 1, ATTACK_IS_LIVE = 2 };

struct attack_case {
    uint8_t number;   /* of the attack, 1 … 15; 0: a negative signature */
    const char *who;  /* N network, M mirror, S server, K image key, D device; "-": nobody */
    const char *name; /* "freeze-replay" */
    const char *sentence;
    enum attack_end end;
    uint8_t reasons[4]; /* REFUSED: any of them; 0 ends the list */
    enum attack_base base;
    uint8_t flags;
    uint32_t holds;              /* KEY_BIT of each of the maker's keys that the thief has */
    uint32_t param;              /* for the functions */
    uint32_t before_s, during_s; /* 0: none, ATTACK_DURING_S */
    /* Makes files and sets what is offered; NULL: nothing is. */
    void (*begin)(struct attack *attack);
    /* Turns a genuine next release into the thief's: instead of begin. */
    void (*spoil)(struct attack *attack, struct attack_file *file);
    /* Bend the honest reply, each in its place; NULL: as it is. */
    void (*instruct)(struct attack *attack, struct godwit_instruction *instruction);
    void (*reply)(struct attack *attack, struct godwit_checkin_reply *reply);
    void (*response)(struct attack *attack, const struct attack_request *request,
                     struct attack_response *response);
    /* What else must hold in the end: NULL, or a complaint. */
    const char *(*check)(const struct attack *attack);
    bool checks_belief; /* its complaint means that the thief was believed */
};
#define ATTACK_DURING_S 1200u

/* All cases of one table; index over all tables. NULL behind the last. */
const struct attack_case *attack_case_at(size_t index);
const struct attack_case *attack_case_named(const char *name);
#define ATTACK_NUMBER_MAX 15u
extern const char *const ATTACK_TITLES[ATTACK_NUMBER_MAX + 1]; /* [0]: negative signatures */

/* ---- a case being played ---- */

enum attack_phase { ATTACK_BEFORE, ATTACK_DURING, ATTACK_AFTER };

/* A recorded answer to a request. */
struct attack_recording {
    char text[GODWIT_CHECKIN_REPLY_MAX];
    size_t size;
    bool is_install;
};

/* What the board said and did, as far as a server can see. */
struct attack_seen {
    uint32_t requests, image_requests, mirror_requests, strays, outcomes, resumed;
    uint32_t during_requests, during_images;
    uint32_t first_reason;    /* reported in DURING; 0: none */
    uint64_t reasons[2];      /* a bit for each reason that was reported in DURING */
    uint32_t fresh_age_max_s; /* in DURING and in the first request of AFTER */
    uint64_t after_begin_ms, after_request_ms; /* the latter: the first in AFTER; 0: none */
    uint64_t bytes_taken, bytes_max;           /* of bodies in DURING: all, of the longest */
    uint32_t wear; /* writes and erases of the flash in DURING; 0 where nobody can count them */
    bool has_installed; /* the offered file ran and was confirmed */
    bool has_recovered; /* the AFTER release ran and was confirmed */
    bool has_strange;   /* an image ran, or a file was held as good, that must not */
    char strange[80];
    uint8_t trusted_ca[2][32]; /* what the port was told to believe; zero where it was not */
    bool has_leaked;           /* a secret went where it must not */
    struct godwit_checkin last;
};

struct attack {
    struct attack_fixture *fixture;
    const struct attack_case *row;
    struct attack_state *state; /* of the server, kept over a board's cases */
    enum attack_phase phase;
    bool
        claim_is_gone; /* from AFTER on: the honest server has forgotten the claim, not the board */
    bool is_loud, is_live, is_polling_quickly;
    /* the plan, set by begin and the hooks */
    const struct attack_file *offer;  /* DURING: named in the instruction; NULL: stay */
    const struct attack_file *serve;  /* whose bytes go out; NULL: the offer's */
    const struct attack_file *before; /* BEFORE: an honest update */
    const struct attack_file *after;  /* AFTER: the honest update */
    enum attack_key signer, after_signer;
    uint8_t flags, after_flags; /* of the offers, besides INSTALL */
    uint32_t secure_version;    /* programmed into the board's chip, where it is emulated */
    uint32_t interval_s, memory, random; /* memory: a case's own notes */
    char sources[ATTACK_SOURCES_MAX][GODWIT_SOURCE_SIZE];
    /* what happened */
    struct attack_seen seen;
    struct attack_recording recording[ATTACK_RECORDING_MAX];
    size_t recording_count;
    uint64_t begin_ms, now_ms;
    uint32_t outcome_id;
    /* private */
    struct attack_file files[ATTACK_FILES_MAX];
    size_t files_count;
    char reply[1 << 16];
};

void attack_begin(struct attack *attack, struct attack_fixture *fixture,
                  const struct attack_case *row, struct attack_state *state);
/* Another case's plan on the same board, in the middle of DURING; false: it has none that fits. */
bool attack_change(struct attack *attack, const struct attack_case *row);
void attack_end(struct attack *attack);
void attack_enter(struct attack *attack, enum attack_phase phase, uint64_t now_ms);
/* One request of the board; answer->body lives until the next one. */
void attack_request(struct attack *attack, const struct attack_request *request,
                    struct attack_response *response);
bool attack_is_request(const struct attack_request *request);
/* Whether DURING has shown what it can. */
bool attack_is_decided(const struct attack *attack);
bool attack_has_reason(const struct attack *attack, uint32_t reason);

/* A genuine release, signed as the product asks; then the thief's, which holds nothing else. */
struct attack_recipe attack_recipe(const struct attack *attack, uint32_t ahead);
struct attack_file *attack_genuine(struct attack *attack, const struct attack_recipe *recipe);
struct attack_file *attack_forged(struct attack *attack, const struct attack_recipe *recipe);
/* A copy to spoil; attack_file_restate names it anew afterwards. */
struct attack_file *attack_copy(struct attack *attack, const struct attack_file *file);
/* I1 for the request that was heard last. */
void attack_instruct(struct attack *attack, enum attack_key signer,
                     const struct godwit_instruction *instruction,
                     uint8_t data_out[static GODWIT_INSTRUCTION_SIZE]);
/* What the hostile server would say of the offer, unsigned. */
struct godwit_instruction attack_instruction(struct attack *attack, const struct attack_file *file,
                                             uint8_t flags);
/* A line of the scenario, where it is asked for. */
void attack_report(const struct attack *attack, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A number of a fixed sequence of chance. */
uint32_t attack_chance(struct attack *attack);

/* ---- the verdict ---- */

enum attack_verdict {
    ATTACK_HELD,
    ATTACK_ACCEPTED, /* what must not run ran, or would have */
    ATTACK_FAILED, /* nothing was accepted, but it hung, crashed, kept silent or did not recover */
};
struct attack_result {
    enum attack_verdict verdict;
    char why[ATTACK_WHY_MAX]; /* "" where held */
    uint32_t requests, images, reason;
};
/* "held", "ACCEPTED", "FAILED"; static. */
const char *attack_verdict_name(enum attack_verdict verdict);
/* By what the server saw alone. */
void attack_check(const struct attack *attack, struct attack_result *result);
