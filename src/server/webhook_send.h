/* One delivery of a webhook: a signed POST, to an address that was checked. It blocks for as long
 * as the other side takes, HOLD_MS at most: never on a loop, a worker or the writer. */
#pragma once

#include <stdatomic.h>

#include "server/webhook_target.h"

#define WEBHOOK_HOLD_MS 10000
#define WEBHOOK_ANSWER_MAX 4096 /* bytes of the answer that are read; none is kept */
#define WEBHOOK_SECRET_SIZE 32

struct webhook_delivery {
    const char *url, *id, *event; /* the id is the same at each try */
    const char *body;             /* JSON */
    const uint8_t *secret;        /* WEBHOOK_SECRET_SIZE bytes */
    const uint8_t *former_secret; /* signs too; NULL: there is none */
    int64_t now_s;                /* goes into what is signed, so that a copy sent later shows */
    bool may_loopback;
    webhook_resolver *resolve;
    const atomic_bool *is_ending; /* once true it is given up; NULL: never */
};

struct webhook_outcome {
    bool is_delivered;
    bool is_final;  /* another try can not help: the URL itself is refused */
    int status;     /* of the answer; 0: there was none */
    char note[128]; /* what went wrong, for a person; "" */
};

void webhook_send(const struct webhook_delivery *delivery, struct webhook_outcome *out);
/* "v1=" and the hex of HMAC-SHA256 over "<time>.<body>". */
void webhook_signature(const uint8_t secret[static WEBHOOK_SECRET_SIZE], int64_t now_s,
                       const char *body, char out[static 68]);
