/* godwit sign: adds a Secure Boot v2 block to an image, where the key is. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/key_file.h"
#include "files/file_check.h"
#include "options/options.h"

static void explain(const char *path, godwit_err err, const struct file_check *check)
{
    char sentence[1024];
    if (err == GODWIT_ERR_BUSY)
        fprintf(stderr, "godwit sign: %s: the file already carries a signature by this key\n",
                path);
    else if (err == GODWIT_ERR_SPACE)
        fprintf(stderr,
                "godwit sign: %s: has three signatures already, there is no room for more\n", path);
    else if (err == GODWIT_ERR_FORMAT)
        fprintf(stderr, "godwit sign: %s: %s\n", path,
                file_check_sentence(check, sentence, sizeof sentence));
    else
        fprintf(stderr, "godwit sign: %s\n", godwit_err_sentence(err));
}

/* A name can be given on upload, and image_sign looks at the signatures by itself; whatever else is
 * wrong is wrong for good once it is signed. */
static bool can_be_signed(const struct file_check *check)
{
    for (size_t i = 0; i < check->problems_count; i++) {
        enum godwit_reason reason = check->problems[i].reason;
        bool is_of_signature =
            reason >= GODWIT_REASON_SIGNATURE_FORMAT && reason <= GODWIT_REASON_SIGNATURE_BAD;
        if (reason != GODWIT_REASON_NAME && !is_of_signature) return false;
    }
    return true;
}

static void print_notes(const struct file_check *check)
{
    for (size_t i = 0; i < check->problems_count; i++)
        if (check->problems[i].reason == GODWIT_REASON_NAME)
            fprintf(stderr, "note: %s\n", check->problems[i].message);
    for (size_t i = 0; i < check->notes_count; i++)
        fprintf(stderr, "note: %s\n", check->notes[i]);
}

static godwit_err sign_bytes(const struct key *key, const uint8_t *data, size_t size,
                             struct file_check *check, uint8_t **out, size_t *size_out)
{
    enum godwit_reason reason;
    godwit_err err = file_check_bytes(check, data, size);
    if (err) return err;
    return can_be_signed(check) ? image_sign(key, data, size, out, size_out, &reason)
                                : GODWIT_ERR_FORMAT;
}

static int sign(const struct key *key, const char *in, const char *out)
{
    struct file_check check;
    uint8_t *data, *signed_data, digest[32];
    size_t size, signed_size;
    char hex[65];
    if (!key_is_private(key)) {
        fputs("godwit sign: --key names a public key; signing takes the private one\n", stderr);
        return 1;
    }
    if (!file_read("sign", in, FILE_SIZE_MAX, &data, &size)) return 1;
    godwit_err err = sign_bytes(key, data, size, &check, &signed_data, &signed_size);
    free(data);
    if (!err) err = key_digest(key, digest);
    if (err) {
        explain(in, err, &check);
        return 1;
    }
    bool ok = file_write("sign", out, signed_data, signed_size);
    size_t count = godwit_sigsector_count(signed_data + signed_size - GODWIT_SIGSECTOR_SIZE);
    free(signed_data);
    if (!ok) return 1;
    godwit_hex_encode(digest, sizeof digest, hex);
    fprintf(stderr, "signed %s (%s key %.16s…, block %zu of up to 3)\n", out,
            godwit_scheme_name(key_scheme(key)), hex, count);
    print_notes(&check);
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
