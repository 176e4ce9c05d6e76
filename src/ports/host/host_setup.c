/* Everything is read and judged before the first device powers on. */
#include "ports/host/host_setup.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "disk/disk.h"
#include "formats/policy.h"

#define SEED_FILE_MAX 65536

static volatile sig_atomic_t is_stopping;

static void stop(int number)
{
    (void)number;
    is_stopping = 1;
}

bool host_is_stopping(void)
{
    return is_stopping;
}

static void process_prepare(void)
{
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct rlimit files; /* a fleet has a flash file and a connection for each device */
    if (getrlimit(RLIMIT_NOFILE, &files)) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static int complain(const char *command, const char *path, const char *sentence)
{
    fprintf(stderr, "godwit %s: %s: %s\n", command, path, sentence);
    return 1;
}

static int initial_policy_read(struct host_setup *setup, const char *path, const char *command)
{
    uint8_t *data;
    size_t size;
    struct godwit_policy policy;
    godwit_err err = disk_read(path, SEED_FILE_MAX, &data, &size);
    if (err && err != GODWIT_ERR_SPACE) return complain(command, path, strerror(errno));
    bool is_initial =
        !err && size == GODWIT_POLICY_SIZE && !godwit_policy_decode(data, true, &policy);
    if (is_initial) memcpy(setup->initial_policy, data, sizeof setup->initial_policy);
    free(data);
    if (!is_initial)
        return complain(command, path,
                        "this is no initial policy; get it by `godwit claim policy P`");
    setup->options.first.initial_policy = setup->initial_policy;
    return -1;
}

static int image_read(struct host_setup *setup, const char *path, const char *command)
{
    size_t size_max = GODWIT_IMAGE_SIZE_MAX + GODWIT_SECTOR_SIZE;
    size_t size;
    if (disk_read(path, size_max, &setup->image, &size))
        return complain(command, path, strerror(errno));
    setup->options.first.image = setup->image;
    setup->options.first.image_size = size;
    char why[512];
    if (!host_image_check(&setup->options.first, why, sizeof why))
        return complain(command, path, why);
    if (!setup->options.first.chip)
        setup->options.first.chip = godwit_chip_by_id(godwit_load16(setup->image + 12));
    return -1;
}

static int chip_find(struct host_setup *setup, const char *name, const struct options *usage)
{
    setup->options.first.chip = godwit_chip_by_name(name);
    if (setup->options.first.chip) return -1;
    return options_wrong(usage, "there is no chip '%s' (esp32, esp32c3, …)", name);
}

/* Nobody is asked for one. */
static int no_passphrase(char *out, int size, int writes, void *ctx)
{
    (void)out, (void)size, (void)writes, (void)ctx;
    return -1;
}

static bool is_key_of(const char *certificate, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx) SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    bool is_good = ctx && SSL_CTX_use_certificate_chain_file(ctx, certificate) == 1 &&
                   SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return is_good;
}

/* By a certificate it joins without a claim, but then nothing else names the server's CA. */
static int claim_check(const struct host_flags *flags, const struct options *usage)
{
    if (flags->claim.text[0] || flags->ca) return -1;
    return options_wrong(usage, "%s is missing",
                         flags->certificate ? "--ca FILE" : "--claim @FILE");
}

static int proof_check(const struct host_flags *flags, const struct options *usage)
{
    const char *command = usage->command;
    if (!flags->certificate != !flags->key)
        return options_wrong(usage, "--cert and --key go together: give both");
    if (!flags->certificate) return -1;
    if (access(flags->certificate, R_OK))
        return complain(command, flags->certificate, strerror(errno));
    if (access(flags->key, R_OK)) return complain(command, flags->key, strerror(errno));
    if (is_key_of(flags->certificate, flags->key)) return -1;
    return complain(command, flags->key,
                    "this is not the key (PEM, without a passphrase) of the certificate in --cert");
}

static int net_open(struct host_setup *setup, const struct host_flags *flags,
                    const struct options *usage)
{
    bool has_claim = flags->claim.text[0];
    if (has_claim && host_trust_from_token(&setup->net.trust, flags->claim.text))
        return options_wrong(usage, "this is no claim token (gw1.….…)");
    if (flags->ca && access(flags->ca, R_OK))
        return complain(usage->command, flags->ca, strerror(errno));
    int status = proof_check(flags, usage);
    if (status >= 0) return status;
    setup->net.certificate = flags->certificate;
    setup->net.key = flags->key;
    setup->net.url = flags->server;
    setup->net.trust.ca_path = flags->ca;
    if (flags->ca) /* instead of the token's, as its help says */
        memset(setup->net.trust.ca_sha256, 0, sizeof setup->net.trust.ca_sha256);
    setup->options.claim_token = has_claim ? flags->claim.text : NULL;
    setup->options.pool = host_net_pool_open(&setup->net);
    if (setup->options.pool) return -1;
    return complain(usage->command, flags->server, "libcurl refuses to start");
}

int host_setup_open(struct host_setup *setup, const struct host_flags *flags,
                    const struct options *usage, uint32_t connections_max)
{
    memset(setup, 0, sizeof *setup);
    if (!flags->server) return options_wrong(usage, "--server https://HOST:PORT is missing");
    if (strncmp(flags->server, "https://", 8))
        return options_wrong(usage, "--server '%s': the address must begin with https://",
                             flags->server);
    if (claim_check(flags, usage) >= 0) return 2;
    if (!flags->initial_policy) return options_wrong(usage, "--initial-policy FILE is missing");
    if (flags->wait_s > GODWIT_WAIT_MAX_S)
        return options_wrong(usage, "--wait %u: a check-in is held for %u seconds at most",
                             flags->wait_s, GODWIT_WAIT_MAX_S);
    if (flags->attributes && strlen(flags->attributes) >= GODWIT_ATTRIBUTES_SIZE)
        return options_wrong(usage, "--attributes has %d bytes at most",
                             GODWIT_ATTRIBUTES_SIZE - 1);
    setup->net.connections_max = connections_max;
    setup->options.interval_s = flags->interval_s;
    setup->options.attributes = flags->attributes;
    setup->options.wait_s = (uint16_t)flags->wait_s;
    process_prepare();
    int status = flags->chip ? chip_find(setup, flags->chip, usage) : -1;
    setup->options.first.org = flags->org;
    if (status < 0) status = initial_policy_read(setup, flags->initial_policy, usage->command);
    if (status < 0 && flags->image) status = image_read(setup, flags->image, usage->command);
    if (status < 0) status = net_open(setup, flags, usage);
    if (status >= 0) host_setup_close(setup);
    return status;
}

void host_setup_close(struct host_setup *setup)
{
    host_net_pool_close(setup->options.pool);
    free(setup->image);
    memset(setup, 0, sizeof *setup);
}
