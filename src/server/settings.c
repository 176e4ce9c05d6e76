/* The settings of `godwit serve` as one table of options; a file and the environment may give them
 * too (options/options.h). */
#include "server/settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk/disk.h"
#include "fleet/gates.h"
#include "options/options.h"
#include "server/wait_rule.h"

#define FILE_MAX 65536
#define AUDIT_DAYS_MAX 36500
#define ROTATE_DAYS_MAX 3650
#define LOOPS_MAX 64

/* What others of our programs read from the environment. */
static const char *const OTHERS[] = {"GODWIT_CLAIM", "GODWIT_PASSWORD", NULL};

/* No slash at the end, for the device puts one. */
static bool is_mirror(const char *text)
{
    size_t size = strlen(text);
    const char *host = strstr(text, "://");
    return host && host[3] && size < GODWIT_SOURCE_SIZE && text[size - 1] != '/' &&
           (!strncmp(text, "https://", 8) || !strncmp(text, "http://", 7)) &&
           !strpbrk(text, " \"\\?#");
}

static int take_mirrors(const struct options *options, const struct option_list *given,
                        struct settings *out)
{
    if (given->count > GODWIT_SOURCES_MAX)
        return options_wrong(options, "--mirror is given twice at most");
    for (size_t i = 0; i < given->count; i++) {
        if (!is_mirror(given->items[i]))
            return options_wrong(options,
                                 "--mirror wants https:// or http://HOST/PATH of at most 79 bytes, "
                                 "without a slash at its end, not '%s'",
                                 given->items[i]);
        out->mirrors[i] = given->items[i];
    }
    return -1;
}

static bool is_address(const char *text)
{
    uint8_t address[16];
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* What goes over a network goes over TLS. */
static bool is_web_listen(const struct settings *settings)
{
    char address[64];
    uint16_t port;
    if (settings_listen(settings->web_listen, address, sizeof address, &port)) return false;
    return settings->web_cert || !strncmp(address, "127.", 4) || !strcmp(address, "::1");
}

static int check_device_ca(const struct options *options, const struct settings *settings)
{
    if (settings->device_ca || !(settings->device_crl || settings->device_ca_required)) return -1;
    return options_wrong(options,
                         "--device-crl and --device-ca-required are for certificates of the CAs "
                         "that --device-ca gives: give that too");
}

/* What faces people, and what devices prove. */
static int check_web(const struct options *options, const struct settings *settings)
{
    if (!settings->web_cert != !settings->web_key)
        return options_wrong(options, "--web-cert and --web-key go together: give both");
    if (settings->web_listen && !is_web_listen(settings))
        return options_wrong(options,
                             "--web-listen wants ADDRESS:PORT, and --web-cert where "
                             "that is no loopback address, not '%s'",
                             settings->web_listen);
    if (settings->trusted_proxy && !is_address(settings->trusted_proxy))
        return options_wrong(options, "--trusted-proxy wants an IP address, not '%s'",
                             settings->trusted_proxy);
    return check_device_ca(options, settings);
}

/* What no row can see alone. */
static int check(const struct options *options, const struct settings *settings)
{
    char address[64], note[160];
    struct proof_plan plan;
    uint16_t port;
    if (!*settings->data) return options_wrong(options, "--data wants the name of a directory");
    if (settings_listen(settings->listen, address, sizeof address, &port))
        return options_wrong(options, "--listen wants ADDRESS:PORT, as in 127.0.0.1:8443, not '%s'",
                             settings->listen);
    if (settings->interval_s < 1 || settings->interval_s > GODWIT_INTERVAL_MAX_S)
        return options_wrong(options, "--interval is a number from 1 to %u, not %u",
                             GODWIT_INTERVAL_MAX_S, settings->interval_s);
    if (settings->audit_days > AUDIT_DAYS_MAX)
        return options_wrong(options, "--audit-days is a number from 0 to %d, not %u",
                             AUDIT_DAYS_MAX, settings->audit_days);
    if (settings->rotate_days > ROTATE_DAYS_MAX)
        return options_wrong(options, "--rotate-days is a number from 0 to %d, not %u",
                             ROTATE_DAYS_MAX, settings->rotate_days);
    if (settings->history_days > AUDIT_DAYS_MAX)
        return options_wrong(options, "--history-days is a number from 0 to %d, not %u",
                             AUDIT_DAYS_MAX, settings->history_days);
    if (settings->wait_s > WAIT_MAX_S)
        return options_wrong(options, "--wait is a number from 0 to %d, not %u", WAIT_MAX_S,
                             settings->wait_s);
    if (settings->soak_s > SOAK_MAX_S)
        return options_wrong(options, "--soak is a number from 0 to %d, not %u", SOAK_MAX_S,
                             settings->soak_s);
    if (gates_parse(settings->gates, &plan, note, sizeof note))
        return options_wrong(options, "--gates: %s", note);
    if (settings->loops > LOOPS_MAX)
        return options_wrong(options, "--loops is a number from 0 to %d, not %u", LOOPS_MAX,
                             settings->loops);
    if (!settings->tls_cert != !settings->tls_key)
        return options_wrong(options, "--tls-cert and --tls-key go together: give both");
    if (settings->ca && !settings->tls_cert)
        return options_wrong(options,
                             "--ca is the root of a chain that --tls-cert gives: give both");
    return check_web(options, settings);
}

/* The one setting that must be known before the others: where they stand. */
static const char *file_of(int argc, char **argv)
{
    const char *file = getenv("GODWIT_SETTINGS");
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "--settings=", 11)) file = argv[i] + 11;
        if (!strcmp(argv[i], "--settings") && i + 1 < argc) file = argv[i + 1];
    }
    return file;
}

/* The text is kept as long as the program runs: settings point into it. */
static int read_file(const struct options *options, const char *path, char **text_out)
{
    uint8_t *text = NULL;
    size_t size = 0;
    *text_out = NULL;
    if (!path) return -1;
    if (disk_read(path, FILE_MAX, &text, &size))
        return options_wrong(options, "%s: %s", path, strerror(errno));
    *text_out = (char *)text;
    return -1;
}

const char *settings_data(void)
{
    const char *data = getenv("GODWIT_DATA");
    return data && *data ? data : "./godwit-data";
}

void settings_free(struct settings *settings)
{
    free(settings->file_text);
    settings->file_text = NULL;
}

static const struct settings DEFAULTS = {.data = "./godwit-data",
                                         .listen = "127.0.0.1:8443",
                                         .interval_s = 60,
                                         .wait_s = WAIT_MAX_S,
                                         .soak_s = 600,
                                         .gates = "10:30m,1%:2h",
                                         .reserve_mib = RESERVE_MIB,
                                         .audit_days = 730,
                                         .history_days = 730};

/* How devices prove who they are. */
#define DEVICE_CA_ROWS(out)                                                                      \
    {"--device-ca", OPTION_TEXT, &(out)->device_ca, "FILE",                                      \
     "CAs of makers (PEM): a device may prove its id by a certificate that one of them signed, " \
     "and joins by it without a claim"},                                                         \
        {"--device-ca-required", OPTION_FLAG, &(out)->device_ca_required, NULL,                  \
         "no device is taken without such a certificate"},                                       \
        {"--device-crl", OPTION_TEXT, &(out)->device_crl, "FILE",                                \
         "revocation lists of these CAs (PEM)"},                                                 \
    {                                                                                            \
        "--rotate-days", OPTION_NUMBER, &(out)->rotate_days, "DAYS",                             \
            "ask a device for another token when its own is so old; 0: only `godwit rotate` "    \
            "does (default 0)"                                                                   \
    }

/* How rollouts grow for which `godwit deploy` says nothing else. */
#define ROLLOUT_ROWS(out)                                                                  \
    {"--soak", OPTION_NUMBER, &(out)->soak_s, "SECONDS",                                   \
     "how long a device must run a release, after it has confirmed it, to have succeeded " \
     "(default 600)"},                                                                     \
    {                                                                                      \
        "--gates", OPTION_TEXT, &(out)->gates, "GATES",                                    \
            "where rollouts wait for proof; none: nowhere (default 10:30m,1%:2h)"          \
    }

int settings_parse(int argc, char **argv, struct settings *out)
{
    struct option_list mirrors = {0};
    const char *file = file_of(argc, argv);
    *out = DEFAULTS;
    const struct option_row rows[] = {
        {"--settings", OPTION_TEXT, &file, "FILE",
         "lines NAME = VALUE with the names of these options"},
        {"--data", OPTION_TEXT, &out->data, "DIR",
         "where everything is kept (default ./godwit-data)"},
        {"--listen", OPTION_TEXT, &out->listen, "ADDR:PORT",
         "where to listen; 0.0.0.0:8443 to be reachable from other machines (default "
         "127.0.0.1:8443)"},
        {"--name", OPTION_TEXT, &out->name, "NAME,...",
         "further names or addresses for the server's own certificate"},
        {"--tls-cert", OPTION_TEXT, &out->tls_cert, "FILE",
         "a certificate chain (PEM) instead of our own"},
        {"--tls-key", OPTION_TEXT, &out->tls_key, "FILE", "its private key"},
        {"--ca", OPTION_TEXT, &out->ca, "FILE",
         "the root of that chain (PEM), by which devices shall know this server"},
        {"--mirror", OPTION_LIST, &mirrors, "URL",
         "where devices find files too, as URL/SHA256; at most twice"},
        {"--web-listen", OPTION_TEXT, &out->web_listen, "ADDR:PORT",
         "another place to listen for people: plain HTTP on a loopback address, else by "
         "--web-cert"},
        {"--web-cert", OPTION_TEXT, &out->web_cert, "FILE",
         "a certificate chain (PEM) for people's browsers; on the port of devices for names that "
         "the certificate of devices is not for"},
        {"--web-key", OPTION_TEXT, &out->web_key, "FILE", "its private key"},
        DEVICE_CA_ROWS(out),
        {"--trusted-proxy", OPTION_TEXT, &out->trusted_proxy, "ADDR",
         "a proxy in front whose Forwarded or X-Forwarded-For is believed"},
        {"--wait", OPTION_NUMBER, &out->wait_s, "SECONDS",
         "how long the check-in of a device that asks for it is held at most, so that it hears at "
         "once; 0: never (default 3300)"},
        {"--interval", OPTION_NUMBER, &out->interval_s, "SECONDS",
         "how often devices check in (default 60)"},
        ROLLOUT_ROWS(out),
        {"--reserve", OPTION_NUMBER, &out->reserve_mib, "MIB",
         "how much of the disk uploads leave free, so that what devices report can be written; 0: "
         "nothing (default 64)"},
        {"--audit-days", OPTION_NUMBER, &out->audit_days, "DAYS",
         "how long the audit log is kept; 0: for ever (default 730)"},
        {"--history-days", OPTION_NUMBER, &out->history_days, "DAYS",
         "how long a device's history is kept, at most 200 lines; 0: for ever (default 730)"},
        {"--webhook-loopback", OPTION_FLAG, &out->webhook_loopback, NULL,
         "for tests: webhooks go to this machine alone, also by http and to any port"},
        {"--loops", OPTION_NUMBER, &out->loops, "N",
         "event loops; 0: one for each CPU (default 0)"},
    };
    const struct options options = {
        "serve",
        "[OPTION]...",
        "Runs the service until Ctrl-C. Each option is a setting: it may also stand in a file\n"
        "(interval = 30) and in the environment (GODWIT_INTERVAL=30). The command line wins over\n"
        "the environment, the environment over the file.",
        rows,
        sizeof rows / sizeof *rows,
        NULL,
        0,
        0};
    int status = read_file(&options, file, &out->file_text);
    const struct option_sources sources = {file, out->file_text, environ, OTHERS};
    if (status < 0) status = options_parse_settings(&options, &sources, argc, argv, NULL);
    if (status < 0) status = take_mirrors(&options, &mirrors, out);
    if (status < 0) status = check(&options, out);
    if (status >= 0) settings_free(out);
    return status;
}

godwit_err settings_listen(const char *listen, char *address_out, size_t size_max,
                           uint16_t *port_out)
{
    const char *colon = strrchr(listen, ':');
    if (!colon || colon == listen) return GODWIT_ERR_FORMAT;
    size_t size = (size_t)(colon - listen);
    if (listen[0] == '[' && colon[-1] == ']') listen++, size -= 2;
    char *end = NULL;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || *end || port > UINT16_MAX || size >= size_max) return GODWIT_ERR_FORMAT;
    memcpy(address_out, listen, size);
    address_out[size] = 0;
    *port_out = (uint16_t)port;
    return GODWIT_OK;
}
