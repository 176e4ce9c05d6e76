/* The options of `godwit serve` as one table, from which defaults, checks and help come. */
#include "server/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum kind { TEXT, NUMBER, MIRROR };

struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *value, *preset; /* the help's word; the default, or NULL for none */
    uint32_t min, max;
    const char *sentence;
};

static const struct row ROWS[] = {
    {"--data", TEXT, offsetof(struct settings, data), "DIR", "./godwit-data", 0, 0,
     "where everything is kept"},
    {"--listen", TEXT, offsetof(struct settings, listen), "ADDR:PORT", "127.0.0.1:8443", 0, 0,
     "where to listen; 0.0.0.0:8443 to be reachable from other machines"},
    {"--name", TEXT, offsetof(struct settings, name), "NAME,...", NULL, 0, 0,
     "further names or addresses for the server's own certificate"},
    {"--tls-cert", TEXT, offsetof(struct settings, tls_cert), "FILE", NULL, 0, 0,
     "a certificate chain (PEM) instead of our own"},
    {"--tls-key", TEXT, offsetof(struct settings, tls_key), "FILE", NULL, 0, 0, "its private key"},
    {"--ca", TEXT, offsetof(struct settings, ca), "FILE", NULL, 0, 0,
     "the root of that chain (PEM), by which devices shall know this server"},
    {"--mirror", MIRROR, offsetof(struct settings, mirrors), "URL", NULL, 0, 0,
     "where devices find files too, as URL/SHA256; at most twice"},
    {"--interval", NUMBER, offsetof(struct settings, interval_s), "SECONDS", "60", 1,
     GODWIT_INTERVAL_MAX_S, "how often devices check in"},
    {"--loops", NUMBER, offsetof(struct settings, loops), "N", "0", 0, 64,
     "event loops; 0: one for each CPU"},
};
#define ROWS_COUNT (sizeof ROWS / sizeof *ROWS)

static void help(void)
{
    puts("usage: godwit serve [OPTION]...\nRuns the service until Ctrl-C.\n");
    for (size_t i = 0; i < ROWS_COUNT; i++) {
        const struct row *row = &ROWS[i];
        char left[40];
        snprintf(left, sizeof left, "%s %s", row->name, row->value);
        printf("  %-22s %s%s%s%s\n", left, row->sentence, row->preset ? " (default " : "",
               row->preset ? row->preset : "", row->preset ? ")" : "");
    }
}

static int wrong(const char *name, const char *what)
{
    fprintf(stderr, "godwit serve: %s %s; `godwit serve --help` lists the options\n", name, what);
    return 2;
}

/* No slash at the end, for the device puts one. */
static bool set_mirror(const char *text, const char **mirrors)
{
    size_t size = strlen(text);
    const char *host = strstr(text, "://");
    bool good = host && host[3] && size < GODWIT_SOURCE_SIZE && text[size - 1] != '/' &&
                (!strncmp(text, "https://", 8) || !strncmp(text, "http://", 7)) &&
                !strpbrk(text, " \"\\?#");
    size_t count = 0;
    while (count < GODWIT_SOURCES_MAX && mirrors[count])
        count++;
    if (!good || count == GODWIT_SOURCES_MAX) return false;
    mirrors[count] = text;
    return true;
}

static bool set(const struct row *row, const char *text, struct settings *out)
{
    void *place = (char *)out + row->offset;
    if (row->kind == TEXT) {
        if (!*text) return false;
        *(const char **)place = text;
        return true;
    }
    if (row->kind == MIRROR) return set_mirror(text, place);
    char *end = NULL;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || end == text || *end || value < row->min || value > row->max) return false;
    *(uint32_t *)place = (uint32_t)value;
    return true;
}

/* What no row can see alone. -1: all is well. */
static int check(const struct settings *settings)
{
    char address[64];
    uint16_t port;
    if (settings_listen(settings->listen, address, sizeof address, &port))
        return wrong("--listen", "wants ADDRESS:PORT, as in 127.0.0.1:8443");
    if (!settings->tls_cert != !settings->tls_key)
        return wrong("--tls-cert", "and --tls-key go together: give both");
    if (settings->ca && !settings->tls_cert)
        return wrong("--ca", "is the root of a chain that --tls-cert gives: give both");
    return -1;
}

/* "--name" or "--name=value". */
static const struct row *row_of(const char *argument)
{
    size_t size = strcspn(argument, "=");
    for (size_t i = 0; i < ROWS_COUNT; i++)
        if (strlen(ROWS[i].name) == size && !strncmp(ROWS[i].name, argument, size)) return &ROWS[i];
    return NULL;
}

int settings_parse(int argc, char **argv, struct settings *out)
{
    *out = (struct settings){0};
    for (size_t i = 0; i < ROWS_COUNT; i++)
        if (ROWS[i].preset) set(&ROWS[i], ROWS[i].preset, out);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            help();
            return 0;
        }
        const struct row *row = row_of(argv[i]);
        if (!row) return wrong(argv[i], "is no option");
        const char *value = strchr(argv[i], '=');
        value = value ? value + 1 : argv[++i];
        if (!value) return wrong(row->name, "wants a value");
        if (set(row, value, out)) continue;
        static const char *const WANTS[] = {"wants a value", "wants another number",
                                            "wants https:// or http://HOST/PATH of at most 79 "
                                            "bytes, without a slash at its end, and is given "
                                            "twice at most"};
        return wrong(row->name, WANTS[row->kind]);
    }
    return check(out);
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
