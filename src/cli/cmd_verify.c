/* godwit verify: is there a good signature by this very key? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/inspect.h"
#include "cli/key_file.h"
#include "options/options.h"

/* The verdict in one line; 0 when a block by the key is good. */
static int check(const struct inspection *inspection, const uint8_t digest[static 32])
{
    const char *path = inspection->path;
    char hex[65], sentence[1024];
    godwit_hex_encode(digest, 32, hex);
    const struct godwit_sigblock *bad = NULL;
    for (size_t i = 0; i < inspection->check.signatures_count; i++) {
        const struct godwit_sigblock *block = &inspection->check.signatures[i];
        if (memcmp(block->key_digest, digest, 32) != 0) continue;
        if (block->reason == GODWIT_REASON_NONE) {
            printf("good: %s, block %zu, %s key %s\n", path, i + 1,
                   godwit_scheme_name(block->scheme), hex);
            return 0;
        }
        bad = block;
    }
    if (bad)
        fprintf(stderr, "godwit verify: %s: %s\n", path, godwit_reason_sentence(bad->reason));
    else if (inspection->check.signatures_count)
        fprintf(stderr, "godwit verify: %s: is signed, but not by key %s\n", path, hex);
    else if (inspection->check.problems_count)
        fprintf(stderr, "godwit verify: %s: %s\n", path,
                file_check_sentence(&inspection->check, sentence, sizeof sentence));
    else
        fprintf(stderr, "godwit verify: %s: %s\n", path,
                godwit_reason_sentence(GODWIT_REASON_UNSIGNED));
    return 1;
}

static int verify(const struct key *key, const char *path)
{
    uint8_t *data, digest[32];
    size_t size;
    struct inspection inspection;
    if (!file_read("verify", path, FILE_SIZE_MAX, &data, &size)) return 1;
    godwit_err err = inspect(&inspection, path, data, size);
    free(data);
    if (!err) err = key_digest(key, digest);
    if (err) {
        fprintf(stderr, "godwit verify: %s\n", godwit_err_sentence(err));
        return 1;
    }
    return check(&inspection, digest);
}

int cmd_verify(int argc, char **argv)
{
    const char *key_path = NULL, *path = NULL;
    const struct option_row rows[] = {
        {"--key", OPTION_TEXT, &key_path, "KEY.pem", "the signer's key, public or private"},
    };
    const struct options options = {
        "verify",
        "--key KEY.pem FILE",
        "Checks the signatures of an image. Exit status 0 only when one by this key is good.",
        rows,
        1,
        &path,
        1,
        1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (!key_path) return options_wrong(&options, "--key is missing");
    struct key *key = key_file_open("verify", key_path);
    status = key ? verify(key, path) : 1;
    key_close(key);
    return status;
}
