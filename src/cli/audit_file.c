/* One line is one object, so an export of any size needs the memory of one line. */
#include "cli/audit_file.h"

#include <stdlib.h>
#include <string.h>

#include "audit/text.h"
#include "keys/keys.h"

#define OLD_KEYS_MAX 7 /* deploy-1.pem … */

static bool feed_line(struct audit_verifier *verifier, const char *line)
{
    struct audit_record record;
    struct audit_checkpoint checkpoint;
    json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const json_t *of_record = json_object_get(json, "record"),
                 *of_checkpoint = json_object_get(json, "checkpoint");
    bool is_one = json_object_size(json) == 1;
    bool is_record = is_one && of_record && audit_record_parse(of_record, &record);
    bool is_checkpoint =
        is_one && of_checkpoint && audit_checkpoint_parse(of_checkpoint, &checkpoint);
    json_decref(json);
    if (is_record) audit_verify_record(verifier, &record);
    if (is_checkpoint) audit_verify_checkpoint(verifier, &checkpoint);
    return is_record || is_checkpoint;
}

bool audit_file_feed(FILE *file, struct audit_verifier *verifier, unsigned long *line_out)
{
    char *line = NULL;
    size_t room = 0;
    bool is_good = true;
    for (*line_out = 1; is_good && getline(&line, &room, file) > 0; ++*line_out)
        is_good = feed_line(verifier, line);
    --*line_out;
    free(line);
    return is_good && !ferror(file);
}

static bool trust(struct audit_verifier *verifier, const char *path)
{
    struct key *key;
    struct godwit_public_key public;
    if (verifier->keys_count == AUDIT_KEYS_MAX || key_open(path, &key)) return false;
    bool is_right = key_scheme(key) == GODWIT_SCHEME_ECDSA256;
    key_public(key, &public);
    key_close(key);
    if (is_right) memcpy(verifier->keys[verifier->keys_count++], public.point, 64);
    return is_right;
}

bool audit_trust_file(struct audit_verifier *verifier, const char *path)
{
    if (trust(verifier, path)) return true;
    fprintf(stderr,
            "godwit audit: %s is no P-256 key (PEM); `godwit rekey --public` prints the server's\n",
            path);
    return false;
}

bool audit_trust_data(struct audit_verifier *verifier, const char *data)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/deploy.pem", data);
    bool has_one = trust(verifier, path);
    for (int i = 1; i <= OLD_KEYS_MAX; i++) {
        snprintf(path, sizeof path, "%s/deploy-%d.pem", data, i);
        has_one |= trust(verifier, path);
    }
    return has_one;
}
