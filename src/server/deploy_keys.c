/* A device obeys the keys that its image lists, and an image that lists the new key is first
 * brought to it under the old one. So an old key is needed until the last device has that image;
 * only then may its file go. The numbers of the files only tell their order. */
#include "server/deploy_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "server/text_file.h"

#define OLD_MAX (FLEET_DEPLOY_KEYS_MAX - 1)

/* number 0: the present one */
static void key_path(const char *data, int number, char out[static FILE_PATH_MAX])
{
    char name[32] = "deploy.pem";
    if (number) snprintf(name, sizeof name, "deploy-%d.pem", number);
    folder_path(data, name, out, FILE_PATH_MAX);
}

static godwit_err read_key(const char *path, struct key **key_out, const char **fault_out)
{
    godwit_err err = key_open(path, key_out);
    if (!err && (!key_is_private(*key_out) || key_scheme(*key_out) != GODWIT_SCHEME_ECDSA256))
        err = GODWIT_ERR_FORMAT;
    if (err == GODWIT_ERR_MISSING)
        *fault_out = "is missing; put it back from a backup, for devices obey no other";
    else if (err == GODWIT_ERR_FORMAT)
        *fault_out = "is no private P-256 key (PEM) any more; put it back from a backup, for "
                     "devices obey no other";
    else if (err)
        *fault_out = "can not be read; it must be a file that belongs to the user who serves";
    return err;
}

/* The same key under two names, as a cut leaves it, counts once. */
static void take(struct deploy_keys *keys, struct key *key)
{
    struct godwit_public_key public;
    key_public(key, &public);
    for (size_t i = 0; i < keys->count; i++)
        if (!memcmp(keys->points[i], public.point, sizeof keys->points[i])) {
            key_close(key);
            return;
        }
    memcpy(keys->points[keys->count], public.point, sizeof *keys->points);
    keys->keys[keys->count++] = key;
}

static godwit_err open_one(struct deploy_keys *keys, const char *path, char *note, size_t note_size)
{
    const char *fault = NULL;
    struct key *key = NULL;
    godwit_err err = read_key(path, &key, &fault);
    if (fault) snprintf(note, note_size, "the deploy key %s %s", path, fault);
    if (!err)
        take(keys, key);
    else if (key)
        key_close(key);
    return err;
}

static godwit_err make(const char *path)
{
    struct key *key = key_generate(GODWIT_SCHEME_ECDSA256);
    godwit_err err = key ? key_save(key, path) : GODWIT_ERR_IO;
    if (key) key_close(key);
    return err;
}

godwit_err deploy_keys_open(const char *data, bool may_make, struct deploy_keys *out,
                            char *note_out, size_t note_size)
{
    char path[FILE_PATH_MAX];
    *out = (struct deploy_keys){0};
    key_path(data, 0, path);
    if (may_make && !path_exists(path) && make(path)) {
        snprintf(note_out, note_size, "the deploy key %s can not be written; is the disk full?",
                 path);
        return GODWIT_ERR_IO;
    }
    godwit_err err = open_one(out, path, note_out, note_size);
    for (int number = OLD_MAX; number >= 1 && !err; number--) {
        key_path(data, number, path);
        if (path_exists(path)) err = open_one(out, path, note_out, note_size);
    }
    return err;
}

void deploy_keys_close(struct deploy_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        key_close(keys->keys[i]);
    keys->count = 0;
}

/* Old keys move up to the numbers of those that were taken away; the next free number. */
static int close_ranks(const char *data)
{
    char from[FILE_PATH_MAX], to[FILE_PATH_MAX];
    int free_number = 1;
    for (int number = 1; number <= OLD_MAX; number++) {
        key_path(data, number, from);
        if (!path_exists(from)) continue;
        key_path(data, free_number++, to);
        if (strcmp(from, to) && rename(from, to)) return OLD_MAX + 1;
    }
    return free_number;
}

/* What was renamed must not come back with the power. */
static godwit_err keep_folder(const char *data)
{
    int fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_kept = fd >= 0 && !fsync(fd);
    if (fd >= 0) close(fd);
    return is_kept ? GODWIT_OK : GODWIT_ERR_IO;
}

/* New key aside → the old one under its number as well → the new one in its place. */
godwit_err deploy_keys_next(const char *data)
{
    char present[FILE_PATH_MAX], old[FILE_PATH_MAX], next[FILE_PATH_MAX];
    int number = close_ranks(data);
    if (number > OLD_MAX) return GODWIT_ERR_SPACE;
    key_path(data, 0, present);
    key_path(data, number, old);
    folder_path(data, "deploy-next.pem", next, sizeof next);
    unlink(next); /* of a try that was cut */
    godwit_err err = make(next);
    if (!err && link(present, old)) err = GODWIT_ERR_IO;
    if (!err) err = keep_folder(data);
    if (!err && rename(next, present)) err = GODWIT_ERR_IO;
    return err ? err : keep_folder(data);
}

godwit_err deploy_keys_sign(const struct deploy_keys *keys, const struct device_reply *device_reply,
                            uint8_t out[static GODWIT_INSTRUCTION_SIZE])
{
    uint8_t digest[32], signature[384];
    size_t size = 0;
    memset(out, 0, GODWIT_INSTRUCTION_SIZE);
    godwit_instruction_encode(&device_reply->instruction, out);
    if (device_reply->deploy_key < 0) return GODWIT_OK;
    const struct key *key = keys->keys[device_reply->deploy_key];
    godwit_err err = godwit_instruction_digest(out, digest);
    if (!err) err = key_sign(key, digest, sizeof digest, signature, &size);
    if (!err && size != 64) err = GODWIT_ERR_FORMAT;
    if (!err) memcpy(out + GODWIT_INSTRUCTION_BODY_SIZE, signature, 64);
    return err;
}
