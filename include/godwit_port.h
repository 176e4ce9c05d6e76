/* What a port gives the agent (godwit.h): flash, network, system. For whoever brings the agent to a
 * board; an application with a ready port needs godwit.h alone. C and C++.
 *
 * Each is a table of functions with a context, so that a test can wrap one in another and ten
 * thousand devices can live in one process. All are called from the task that steps the agent, out
 * of godwit_agent_step, and from no other. The cryptography that a port brings too is
 * base/crypto.h. */
#pragma once

#include "godwit_types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Flash by absolute offset. erase wants whole sectors of erase_size; write only over erased bytes,
 * offset and size multiples of write_size (4, 16 with flash encryption, 32). Sizes in bytes. */
struct godwit_flash {
    void *ctx;
    uint32_t size, erase_size, write_size;
    godwit_err (*read)(void *ctx, uint32_t offset, uint8_t *data, size_t size);
    godwit_err (*write)(void *ctx, uint32_t offset, const uint8_t *data, size_t size);
    godwit_err (*erase)(void *ctx, uint32_t offset, size_t size);
};

/* A request to the server that the port was configured with (address, trusted CA). The strings and
 * the body must live until close; the port adds Host and framing. */
struct godwit_request {
    const char *method; /* "GET", "POST" */
    const char *path;   /* "/v1/checkin" */
    const char *base;   /* NULL: the server; else "https://mirror/x", to which the path is added: no
                           bearer goes there, and any certificate of a public CA will do */
    const char *bearer; /* sent as "Authorization: Bearer …"; NULL: none */
    const char *body;   /* NULL for none; JSON otherwise */
    size_t body_size;
    uint32_t range_from; /* with use_range: "Range: bytes=from-" */
    bool use_range;
    uint32_t wait_s; /* "Prefer: wait=N", and the reply may take N + 30 s; 0: neither */
    const char *if_range; /* NULL, or an entity tag without its quotes; the port adds them */
};

/* The head of a reply. The words are as the header says them, without parameters ("text/html"),
 * cut to fit, "" where it says nothing: by them an operator reads what answered instead of the
 * server. */
#define GODWIT_REPLY_WORD_SIZE 25
struct godwit_reply {
    int status;              /* 200 …; 0 while the head has not come yet */
    uint32_t retry_after_s;  /* 0: not said */
    uint32_t wait_s;         /* "Preference-Applied: wait=N"; 0: not said */
    uint32_t content_length; /* of this reply; UINT32_MAX: not said, or larger */
    uint32_t range_from;     /* first byte of a 206's Content-Range; else 0 */
    uint32_t range_total;    /* whole size named by a 206; 0: none, or "*" */
    bool is_other;           /* an ETag came that is not the if_range that was asked */
    bool by_next_ca;         /* the server's chain ends in the second of the trusted CAs */
    char content_type[GODWIT_REPLY_WORD_SIZE];
    char content_coding[GODWIT_REPLY_WORD_SIZE]; /* Content-Encoding; "" for "identity" */
};

/* One request at a time.
 *   start  begins a request, with "Accept-Encoding: identity". NET: there is no network (no link,
 *          no address); a trial that has none rolls back after ten minutes. Where there is one and
 *          the server does not answer (refused, timed out, not trusted) start is OK and read says
 *          NET: then a trial has an hour.
 *   read   0 bytes with OK: none yet, ask later; END: the reply is complete; NET: it broke.
 *          *reply is filled from the first byte of the body or END on, at the latest.
 *   close  any time, also without start; the connection itself may be kept for the next start
 *   trust  whom to believe from now on: SHA-256 of the public keys of the present and of the next
 *          CA; the first zero: as the port was built, the second zero: none. May be NULL.
 * No call blocks: the agent goes on counting time in the meantime, and takes a step that lasts over
 * ten seconds for a clock that was set. A client that blocks while it connects (esp_http_client)
 * belongs into a task of its own, with a mailbox of one request.
 * Redirects of a GET are the port's: at most GODWIT_REDIRECTS_MAX, never from https to http, never
 * with the bearer to another host; a check-in is never redirected. A redirect that the port does
 * not follow is handed on as the reply. */
#define GODWIT_REDIRECTS_MAX 3
struct godwit_net {
    void *ctx;
    godwit_err (*start)(void *ctx, const struct godwit_request *request);
    godwit_err (*read)(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                       struct godwit_reply *reply);
    void (*close)(void *ctx);
    void (*trust)(void *ctx, const uint8_t ca_sha256[2][32]);
};

/* One chip of the agent's table; NULL when the id is unknown. The id is esp_chip_id_t, which
 * ESP-IDF has as CONFIG_IDF_FIRMWARE_CHIP_ID. */
struct godwit_chip;
const struct godwit_chip *godwit_chip_by_id(uint16_t id);

/* Facts that stay while the device runs. */
struct godwit_device_facts {
    uint8_t device_id[16];
    const struct godwit_chip *chip; /* never NULL */
    uint16_t chip_revision;         /* major * 100 + minor, as esp_chip_info() gives it */
    uint16_t block_revision;        /* efuse_hal_blk_version() */
    bool no_max_revision;           /* eFuse DISABLE_WAFER_VERSION_MAJOR is programmed */
    bool no_max_block_revision;     /* eFuse DISABLE_BLK_VERSION_MAJOR is programmed */
    uint32_t hardware_revision;     /* of the board, 0–31 */
    uint32_t secure_version;        /* eFuse */
    uint32_t running_offset;        /* in flash, of the partition that executes now */
    enum godwit_reset reset;        /* why the chip started */
    bool has_secure_boot;           /* hardware Secure Boot is switched on */
};

struct godwit_system {
    void *ctx;
    void (*facts)(void *ctx, struct godwit_device_facts *out);
    godwit_err (*random)(void *ctx, uint8_t *out, size_t size); /* cryptographic */
    uint32_t (*free_heap)(void *ctx);
    /* Restarts the chip and does not return to the agent's step. An emulator may return: it notes
     * the wish, and its runner stops stepping. The reset cause becomes SOFTWARE. */
    void (*restart)(void *ctx);
    /* May an update go on now (battery, the owner, maintenance)? NULL: always. */
    bool (*may_update)(void *ctx);
    /* The application's own self-test during a trial: OK passed, BUSY not finished, else failed.
     * NULL: passed. */
    godwit_err (*self_test)(void *ctx);
};

#ifdef __cplusplus
}
#endif
