/* godwit sign: adds a Secure Boot v2 block to an image, where the key is. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/key_file.h"
#include "formats/image.h"
#include "options/options.h"

static void explain(const char *path, godwit_err err, enum godwit_reason reason)
{
    if (err == GODWIT_ERR_BUSY)
        fprintf(stderr, "godwit sign: %s: the file already carries a signature by this key\n",
                path);
    else if (err == GODWIT_ERR_SPACE)
        fprintf(stderr,
                "godwit sign: %s: has three signatures already, there is no room for more\n", path);
    else if (err == GODWIT_ERR_FORMAT)
        fprintf(stderr, "godwit sign: %s: %s\n", path, godwit_reason_sentence(reason));
    else
        fprintf(stderr, "godwit sign: %s\n", godwit_err_sentence(err));
}

static int sign(const struct key *key, const char *in, const char *out)
{
    uint8_t *data, *signed_data, digest[32];
    size_t size, signed_size;
    enum godwit_reason reason;
    char hex[65];
    if (!key_is_private(key)) {
        fputs("godwit sign: --key names a public key; signing takes the private one\n", stderr);
        return 1;
    }
    if (!file_read("sign", in, FILE_SIZE_MAX, &data, &size)) return 1;
    godwit_err err = image_sign(key, data, size, &signed_data, &signed_size, &reason);
    free(data);
    if (!err) err = key_digest(key, digest);
    if (err) {
        explain(in, err, reason);
        return 1;
    }
    bool ok = file_write("sign", out, signed_data, signed_size);
    size_t count = godwit_sigsector_count(signed_data + signed_size - GODWIT_SIGSECTOR_SIZE);
    free(signed_data);
    if (!ok) return 1;
    godwit_hex_encode(digest, sizeof digest, hex);
    fprintf(stderr, "signed %s (%s key %.16s…, block %zu of up to 3)\n", out,
            godwit_scheme_name(key_scheme(key)), hex, count);
    return 0;
}

int cmd_sign(int argc, char **argv)
{
    const char *key_path = NULL, *arguments[2];
    const struct option_row rows[] = {
        {"--key", OPTION_TEXT, &key_path, "KEY.pem",
         "private key, made by `godwit keygen` or espsecure"},
    };
    const struct options options = {
        "sign",
        "--key KEY.pem IN OUT",
        "Signs an application image for Secure Boot v2. An image that other keys have\n"
        "signed already gets one more block (at most three).",
        rows,
        1,
        arguments,
        2,
        2};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (!key_path) return options_wrong(&options, "--key is missing");
    struct key *key = key_file_open("sign", key_path);
    status = key ? sign(key, arguments[0], arguments[1]) : 1;
    key_close(key);
    return status;
}
