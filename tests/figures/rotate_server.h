/* The server of the rotation drill: the real fleet code, planner, instructions and deploy keys over
 * a real database in memory, without sockets: a request is a function call. Wall time is virtual.
 */
#pragma once

#include "fleet/account.h"
#include "fleet/device.h"
#include "fleet/event.h"
#include "fleet/release.h"
#include "fleet/rollout.h"
#include "server/deploy_keys.h"

#define DRILL_PRODUCT "thermostat"
#define DRILL_CHIP "esp32c3"
#define DRILL_INTERVAL_S GODWIT_INTERVAL_MAX_S
#define DRILL_START_S 1767225600
#define DRILL_FILES_MAX 16

/* A release as the drill writes it. */
struct drill_release {
    const char *version;
    uint32_t counter;
    const struct key *by[2];       /* signers; NULL: none */
    const struct key *lists[2];    /* image keys of its P1 */
    const uint8_t *deploy_keys[2]; /* 64 bytes each; NULL: none */
};

struct drill_file {
    uint8_t *data;
    size_t size;
    struct upload upload;
};

struct drill_server {
    char folder[64]; /* deploy keys */
    struct db *db;
    struct fleet fleet;
    struct deploy_keys keys;
    struct drill_file files[DRILL_FILES_MAX];
    size_t files_count;
    uint64_t now_ms;
    uint64_t checkins, installs, bridges; /* asked; told to install; of those over a bridge */
    /* A server that was taken over: tells every device to install this file, planner or not. */
    const struct drill_file *attack;
};

void drill_server_open(struct drill_server *server);
void drill_server_close(struct drill_server *server);
/* The 328 bytes a device is built with: the first key of each kind. */
void drill_server_seed(const struct drill_server *server, const struct key *key,
                       uint8_t out[static GODWIT_POLICY_BYTES]);
/* Packs and signs; the server does not know the file yet. Stays where it is. */
const struct drill_file *drill_file_make(struct drill_server *server,
                                         const struct drill_release *release);
void drill_server_upload(struct drill_server *server, const struct drill_file *file);
void drill_server_deploy(struct drill_server *server, const char *version);
/* Flushes all facts and reads the fleet from the database, as a restart does. */
void drill_server_restart(struct drill_server *server);
void drill_server_claims(struct drill_server *server, uint32_t count);
const char *drill_claim_token(void);

/* One check-in as the network brings it: status, and on 200 the reply's text. */
int drill_server_checkin(struct drill_server *server, const char *bearer, const char *body,
                         size_t body_size, char *reply_out, size_t *size_out);
/* One image request: 200 and the file, or the status of a refusal. */
int drill_server_image(struct drill_server *server, const char *bearer, const char *hex,
                       const struct drill_file **file_out);
/* Aborts with a sentence: in a drill nothing of this can fail. */
void must(bool condition, const char *what);
