/* One emulated ESP32 on this computer's network: flash in a file or in memory, the board around
 * it, libcurl under it, and its life told as events. */
#pragma once

#include "board/board.h"
#include "ports/host/host_image.h"
#include "ports/host/host_net.h"

/* What happened; the fields of struct host_device say the rest. */
enum host_event {
    HOST_BOOTED, /* board.reset, board.running, names */
    HOST_ENROLLED,
    HOST_CHECKED_IN,
    HOST_DOWNLOADING, /* status.progress of status.total; at its begin and at each tenth */
    HOST_VERIFYING,
    HOST_SWITCHING,
    HOST_ON_TRIAL,
    HOST_CONFIRMED,
    HOST_REFUSED,     /* an install ended before the switch: status.last_reason */
    HOST_ROLLED_BACK, /* status.last_reason */
    HOST_UNANSWERED,  /* net.failure; at each request that is not answered well */
    HOST_ANSWERED,    /* the first that is again */
    HOST_PENDING,     /* the server knows it and has not let it in: once until it says more */
    HOST_BRICKED,
};

struct host_device;
typedef void host_event_fn(void *ctx, const struct host_device *device, enum host_event event);

/* The same for all devices of a process. */
struct host_device_options {
    struct host_flash_options first; /* its chip NULL: of the image in flash, else ESP32-C3 */
    const char *claim_token;
    uint32_t interval_s; /* 0: the agent's */
    const char *attributes;
    uint16_t wait_s; /* as the agent's */
    struct host_net_pool *pool;
    const struct flash_ram *template; /* what each flash in memory starts as; NULL: files */
    host_event_fn *on_event;          /* or NULL */
    void *on_event_ctx;
};

struct host_device {
    struct board board;
    struct host_net net;
    struct godwit_agent_status status; /* as of the last step */
    struct host_names names;           /* of the running image */
    uint64_t wake_ms;                  /* when to step next */
    bool is_new;                       /* its flash was laid out now, with the first image */
    uint32_t rollbacks;
    /* private */
    const struct host_device_options *options;
    struct godwit_flash flash;
    struct flash_file file;
    struct flash_ram ram;
    uint32_t boots, tenth, failures, replies;
    bool is_in_ram, is_open, is_unanswered;
};

/* path NULL: in memory, from the template. On failure false and words in why. The device stays
 * where it is in memory until closed, and the options outlive it. */
bool host_device_open(struct host_device *device, const struct host_device_options *options,
                      const char *path, const uint8_t mac[static 6], char *why, size_t why_size);
void host_device_close(struct host_device *device);
/* One piece of work, and the events it made. */
void host_device_step(struct host_device *device, uint64_t now_ms);

/* "02:67:77:00:00:01" or "026777000001"; FORMAT otherwise. */
GODWIT_MUST_USE godwit_err host_mac_parse(const char *text, uint8_t mac_out[static 6]);
/* A flash file named by a MAC (026777000001.bin) has that MAC, any other one made of its name. */
void host_mac_of_file(const char *path, uint8_t mac_out[static 6]);
/* Monotonic. */
uint64_t host_now_ms(void);
