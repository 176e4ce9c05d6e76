/* What `device` and `fleet` share: their options, the files behind them, the network, Ctrl-C. */
#pragma once

#include "options/options.h"
#include "ports/host/host_device.h"

struct host_flags {
    const char *server, *initial_policy, *org, *ca, *chip, *image, *attributes;
    const char *certificate, *key; /* PEM; both or none */
    struct option_secret claim;
    uint32_t interval_s, wait_s;
};
#define HOST_ROWS(flags)                                                                           \
    {"--server", OPTION_TEXT, &(flags).server, "URL", "the server, https://HOST:PORT"},            \
        {"--claim", OPTION_SECRET, &(flags).claim, "@FILE",                                        \
         "from `godwit claim add`: lets it join, names its server; or GODWIT_CLAIM"},              \
        {"--initial-policy", OPTION_TEXT, &(flags).initial_policy, "FILE",                         \
         "initial policy, from `godwit claim policy`"},                                            \
        {"--org", OPTION_TEXT, &(flags).org, "NAME",                                               \
         "the organisation whose product it is (default: default)"},                               \
        {"--ca", OPTION_TEXT, &(flags).ca, "FILE", "trust this CA instead of the token's"},        \
        {"--image", OPTION_TEXT, &(flags).image, "FILE", "image that a new flash begins with"},    \
        {"--chip", OPTION_TEXT, &(flags).chip, "NAME", "default: the chip that the image is for"}, \
        {"--attributes", OPTION_TEXT, &(flags).attributes, "TEXT",                                 \
         "what it says of itself: \"site=berlin room=2\"; an operator finds tag:dev.site=berlin"}, \
        {"--interval", OPTION_NUMBER, &(flags).interval_s, "S",                                    \
         "seconds between check-ins until the server says (default 60)"},                          \
    {                                                                                              \
        "--wait", OPTION_NUMBER, &(flags).wait_s, "S",                                             \
            "let the server hold a check-in so long until there is something to do; at most 3300"  \
    }

struct host_setup {
    struct host_device_options options;
    /* private: what the options point to */
    struct host_net_config net;
    uint8_t initial_policy[GODWIT_POLICY_SIZE];
    uint8_t *image;
};

/* connections_max: how many of the devices may talk at a time. -1: go on; else the exit status,
 * after a printed line. SIGINT and SIGTERM from now on only set host_is_stopping. */
int host_setup_open(struct host_setup *setup, const struct host_flags *flags,
                    const struct options *usage, uint32_t connections_max);
void host_setup_close(struct host_setup *setup);
bool host_is_stopping(void);
