/* One table for all secrets, so that none is treated otherwise than the next. A secret that others
 * could read is refused, not closed: it may have been read already, and only its owner knows. */
#include "server/secret_files.h"

#include <stdio.h>
#include <sys/stat.h>

#include "fleet/fleet.h"
#include "server/text_file.h"

#define READABLE 077U
#define WRITABLE 022U

/* "%d" in a name: 1 … FLEET_DEPLOY_KEYS_MAX. */
static const struct {
    const char *name, *power; /* what whoever reads it could do */
} SECRETS[] = {
    {"deploy.pem", "command every device"},         {"deploy-%d.pem", "command every device"},
    {"deploy-next.pem", "command every device"},    {"admin-token", "do all that an operator can"},
    {"tls/ca-key.pem", "pass for this server"},     {"tls/next-ca-key.pem", "pass for this server"},
    {"tls/server-key.pem", "pass for this server"},
};

static const struct {
    const char *name;
    unsigned mode;
} MADE[] = {
    {"godwit.db", 0600},
    {"godwit.db-wal", 0600},
    {"godwit.db-shm", 0600},
    {"blobs", 0700},
};

static bool is_open(const char *path, unsigned mask)
{
    struct stat found;
    return !stat(path, &found) && found.st_mode & mask;
}

static godwit_err check_file(const char *path, const char *power, char *note, size_t note_size)
{
    if (!is_open(path, READABLE)) return GODWIT_OK;
    snprintf(note, note_size,
             "%s is open to other users, who could then %s; close it with chmod 600, and replace "
             "it where one of them is not trusted",
             path, power);
    return GODWIT_ERR_POLICY;
}

/* All files of a row of the table. */
static godwit_err check_row(const char *data, const char *pattern, const char *power, char *note,
                            size_t note_size)
{
    const char *number_at = strstr(pattern, "%d");
    int count = number_at ? FLEET_DEPLOY_KEYS_MAX : 1;
    godwit_err err = GODWIT_OK;
    for (int number = 1; number <= count && !err; number++) {
        char name[64], path[FILE_PATH_MAX];
        snprintf(name, sizeof name, "%s", pattern);
        if (number_at)
            snprintf(name, sizeof name, "%.*s%d%s", (int)(number_at - pattern), pattern, number,
                     number_at + 2);
        folder_path(data, name, path, sizeof path);
        err = check_file(path, power, note, note_size);
    }
    return err;
}

godwit_err secret_files_check(const char *data, const char *tls_key, char *note_out,
                              size_t note_size)
{
    godwit_err err = GODWIT_OK;
    if (is_open(data, WRITABLE)) {
        snprintf(note_out, note_size,
                 "other users can write into the data directory %s, and so replace its keys; close "
                 "it with chmod 700",
                 data);
        return GODWIT_ERR_POLICY;
    }
    for (size_t i = 0; i < sizeof SECRETS / sizeof *SECRETS && !err; i++)
        err = check_row(data, SECRETS[i].name, SECRETS[i].power, note_out, note_size);
    if (!err && tls_key) err = check_file(tls_key, "pass for this server", note_out, note_size);
    return err;
}

bool secret_files_tighten(const char *data)
{
    for (size_t i = 0; i < sizeof MADE / sizeof *MADE; i++) {
        char path[FILE_PATH_MAX];
        folder_path(data, MADE[i].name, path, sizeof path);
        if (is_open(path, READABLE)) (void)!chmod(path, MADE[i].mode);
    }
    return is_open(data, READABLE);
}
