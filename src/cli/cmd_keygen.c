/* godwit keygen: a signing key, kept where it is made. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "keys/keys.h"
#include "options/options.h"

static enum godwit_scheme scheme_by_name(const char *name)
{
    static const enum godwit_scheme SCHEMES[] = {GODWIT_SCHEME_RSA3072, GODWIT_SCHEME_ECDSA256,
                                                 GODWIT_SCHEME_ECDSA384};
    for (size_t i = 0; i < sizeof SCHEMES / sizeof *SCHEMES; i++)
        if (!strcmp(godwit_scheme_name(SCHEMES[i]), name)) return SCHEMES[i];
    return GODWIT_SCHEME_NONE;
}

static int save(const struct key *key, const char *path)
{
    uint8_t digest[32];
    char hex[65];
    godwit_err err = key_digest(key, digest);
    if (!err) err = key_save(key, path);
    if (err == GODWIT_ERR_BUSY) {
        fprintf(stderr,
                "godwit keygen: %s exists; a key is never overwritten, choose another name\n",
                path);
        return 1;
    }
    if (err) {
        fprintf(stderr, "godwit keygen: %s could not be written: %s\n", path, strerror(errno));
        return 1;
    }
    godwit_hex_encode(digest, sizeof digest, hex);
    printf("key         %s (%s; keep it secret, and a copy in a safe place)\n"
           "key digest  %s\n",
           path, godwit_scheme_name(key_scheme(key)), hex);
    return 0;
}

int cmd_keygen(int argc, char **argv)
{
    const char *scheme = "rsa3072", *path = NULL;
    const struct option_row rows[] = {
        {"--scheme", OPTION_TEXT, &scheme, "NAME",
         "rsa3072, ecdsa256 or ecdsa384 (default rsa3072)"},
    };
    const struct options options = {
        "keygen",
        "[--scheme rsa3072|ecdsa256|ecdsa384] KEY.pem",
        "Makes a private key for signing images, into a new file, and prints its digest.\n"
        "ESP32, S2, S3 and C3 take rsa3072 in hardware, C2 and C61 ecdsa256, C5 and P4 all three.",
        rows,
        1,
        &path,
        1,
        1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (scheme_by_name(scheme) == GODWIT_SCHEME_NONE)
        return options_wrong(&options, "there is no scheme '%s'", scheme);

    struct key *key = key_generate(scheme_by_name(scheme));
    if (!key) {
        fputs("godwit keygen: OpenSSL could not make the key\n", stderr);
        return 1;
    }
    status = save(key, path);
    key_close(key);
    return status;
}
