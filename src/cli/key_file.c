/* One line for each way in which a key file can be wrong. */
#include "cli/key_file.h"

#include <stdio.h>

struct key *key_file_open(const char *command, const char *path)
{
    struct key *key = NULL;
    godwit_err err = key_open(path, &key);
    if (err == GODWIT_ERR_MISSING)
        fprintf(stderr, "godwit %s: %s: no such file; `godwit keygen` makes a key\n", command,
                path);
    else if (err == GODWIT_ERR_FORMAT)
        fprintf(stderr,
                "godwit %s: %s: not an unencrypted PEM key of RSA-3072, ECDSA P-256 or P-384\n",
                command, path);
    else if (err)
        fprintf(stderr, "godwit %s: %s: could not be read\n", command, path);
    return key;
}
