/* The server of a herd: the real fleet code, planner, instructions and deploy keys over a real
 * database in memory, without sockets: a request is a function call. Wall time is virtual. What
 * device_native.c, content.c and the tick of app.c do around the fleet, it does too. */
#pragma once

#include "emu/behaviour.h"
#include "fleet/account.h"
#include "fleet/device.h"
#include "fleet/event.h"
#include "fleet/release.h"
#include "fleet/rollout.h"
#include "server/deploy_keys.h"

#define HERD_PRODUCT "thermostat"
#define HERD_CHIP "esp32c3"
#define HERD_START_S 1767225600
#define HERD_FILES_MAX 32
#define HERD_TICK_S 100

/* A release as a scenario writes it. */
struct herd_release {
    const char *version;
    uint32_t counter;
    const struct key *by[2];       /* signers; NULL: none */
    const struct key *lists[2];    /* image keys of its P1 */
    const uint8_t *deploy_keys[2]; /* 64 bytes each; NULL: none */
    const char *chip;              /* NULL: HERD_CHIP */
    uint32_t secure_version, rollback_floor;
    uint32_t hardware_mask; /* 0: every board */
    struct behaviour behaviour;
    /* The server takes this key for the signer, whoever it was; NULL: it knows. */
    const struct key *believed;
};

struct herd_file {
    uint8_t *data;
    size_t size;
    struct upload upload;
    bool is_trusted; /* a key that devices trust has signed it */
};

struct herd_server {
    const char *folder; /* of its deploy keys */
    uint32_t interval_s;
    struct db *db;
    struct fleet fleet;
    struct deploy_keys keys;
    struct herd_file files[HERD_FILES_MAX];
    size_t files_count;
    uint64_t now_ms;
    uint64_t checkins, installs, bridges; /* asked; told to install; of those over a bridge */
    /* A server that was taken over: tells every device to install this file, planner or not. */
    const struct herd_file *attack;
};

/* What a check-in was answered. */
struct herd_answer {
    int status;
    size_t size; /* bytes of the reply */
    enum decision_reason reason;
    uint32_t rollout_id;          /* 0: none speaks to the device */
    const struct herd_file *file; /* that it shall install; NULL: none */
};

/* The folder outlives the server; deploy keys are made in it. */
void herd_server_open(struct herd_server *server, const char *folder, uint32_t interval_s);
void herd_server_close(struct herd_server *server);
/* Reads the fleet from the database, as a restart does. is_killed: what was not flushed is lost.
 * Pointers into the fleet are void. */
void herd_server_restart(struct herd_server *server, bool is_killed);
/* Looks for silence, writes what waits and opens gates: every HERD_TICK_S. */
void herd_server_tick(struct herd_server *server);
void herd_server_claims(struct herd_server *server, uint32_t count);
const char *herd_claim_token(void);
/* A transaction of the writer. */
void herd_server_begin(struct herd_server *server);
void herd_server_commit(struct herd_server *server);
int64_t herd_now_s(const struct herd_server *server);

/* The 328 bytes a device is built with: the first key of each kind. */
void herd_server_policy(const struct herd_server *server, const struct key *key,
                        uint8_t out[static GODWIT_POLICY_BYTES]);
/* Packs and signs; the server does not know the file yet. Stays where it is. */
const struct herd_file *herd_file_make(struct herd_server *server,
                                       const struct herd_release *release);
/* NULL: none has that SHA-256. */
const struct herd_file *herd_file_find(const struct herd_server *server,
                                       const uint8_t sha256[static 32]);
void herd_server_upload(struct herd_server *server, const struct herd_file *file);
/* To all; returns the rollout's id. */
uint32_t herd_server_deploy(struct herd_server *server, const char *version,
                            const struct proof_plan *plan);
/* A person pauses, resumes, halts or undoes it; false: it has ended, and is not brought there. */
bool herd_server_set_state(struct herd_server *server, uint32_t rollout_id,
                           enum rollout_state state);
/* A person lets the devices on which it failed try again; how many. */
uint32_t herd_server_retry(struct herd_server *server, uint32_t rollout_id);

/* One check-in as the network brings it. On 200 the reply's text is in reply_out, which has room
 * for GODWIT_CHECKIN_REPLY_MAX. */
struct herd_answer herd_server_checkin(struct herd_server *server, const char *bearer,
                                       const struct godwit_checkin *checkin, char *reply_out);
/* One image request: 200 and the file, or the status of a refusal. */
int herd_server_image(struct herd_server *server, const char *bearer, const char *hex,
                      const struct herd_file **file_out);
/* Aborts with a sentence: in a herd nothing of this can fail. */
void herd_must(bool condition, const char *what);
