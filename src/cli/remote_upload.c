/* Files to the server: whole where they are small, else in parts, so that one that is cut is
 * continued. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/crypto.h"
#include "base/text.h"
#include "cli/exchange.h"
#include "formats/image.h"

#define AT_ONCE_MAX (256 << 10) /* bytes of a file that is not worth parts */
#define TRIES_MAX 20
#define PAUSE_MAX_S 10

/* fault: errno of opening it; 0: it was opened, and is none that has a size. */
static void complain_file(const char *file, int fault)
{
    if (fault == ENOENT)
        fprintf(stderr, "godwit: there is no file %s; give the path of the .bin to upload\n", file);
    else if (fault)
        fprintf(stderr, "godwit: %s can not be read: %s\n", file, strerror(fault));
    else
        fprintf(stderr, "godwit: %s is no plain file; give the path of the .bin to upload\n", file);
}

/* "/api/v1/uploads/<SHA-256>?…"; false after a printed line. */
static bool parts_path(const char *path, FILE *file, char *out, size_t size)
{
    struct godwit_hash hash;
    uint8_t digest[32], piece[4096];
    char hex[65];
    size_t got;
    godwit_hash_init(&hash, GODWIT_SHA256);
    while ((got = fread(piece, 1, sizeof piece, file)) > 0)
        godwit_hash_update(&hash, piece, got);
    if (ferror(file) || godwit_hash_peek(&hash, digest)) {
        fprintf(stderr, "godwit: the file can not be read to its end\n");
        return false;
    }
    godwit_hex_encode(digest, sizeof digest, hex);
    const char *query = strchr(path, '?');
    snprintf(out, size, "/api/v1/uploads/%s%s", hex, query ? query : "");
    return true;
}

/* How much of it the server has; false: it did not say. */
static bool parts_ask(const struct remote *remote, const char *path, bool is_quiet,
                      struct exchange *part)
{
    struct exchange asked = {.method = "GET", .path = path, .is_asked = true, .is_quiet = is_quiet};
    part->file_from = 0;
    bool is_good = exchange_run(remote, &asked);
    json_t *reply = is_good ? json_loadb(asked.reply.data, asked.reply.size, 0, NULL) : NULL;
    if (reply) part->file_from = (curl_off_t)json_number(reply, "received");
    json_decref(reply);
    free(asked.reply.data);
    if (part->file_from >= part->file_size) part->file_from = 0;
    part->may_pass = asked.may_pass;
    return is_good || asked.status == 404;
}

/* What is cut is continued, as long as the server was reached at first. */
static bool upload_parts(const struct remote *remote, struct exchange *part, json_t **reply_out)
{
    bool is_good = false;
    part->is_part = true;
    for (unsigned tries = 0; tries <= TRIES_MAX; tries++) {
        bool is_last = tries == TRIES_MAX;
        part->is_quiet = !is_last;
        part->reply.data = NULL;
        part->reply.size = 0;
        bool is_asked = parts_ask(remote, part->path, tries > 0 && !is_last, part) &&
                        !fseeko(part->file, part->file_from, SEEK_SET);
        if (is_asked) is_good = exchange_json(remote, part, reply_out);
        if (is_good || !part->may_pass) return is_good;
        fprintf(stderr, "godwit: the upload was cut; continuing\n");
        nanosleep(&(struct timespec){.tv_sec = tries < PAUSE_MAX_S ? tries : PAUSE_MAX_S,
                                     .tv_nsec = 200000000},
                  NULL);
    }
    return false;
}

bool remote_upload(const struct remote *remote, const char *path, const char *file,
                   json_t **reply_out)
{
    struct stat facts;
    struct exchange exchange = {.method = "PUT", .path = path, .file = fopen(file, "rb")};
    if (!exchange.file || fstat(fileno(exchange.file), &facts) || !S_ISREG(facts.st_mode)) {
        complain_file(file, exchange.file ? 0 : errno);
        if (exchange.file) fclose(exchange.file);
        return false;
    }
    exchange.file_size = facts.st_size;
    char parts[600];
    bool is_large = facts.st_size > AT_ONCE_MAX && facts.st_size <= GODWIT_IMAGE_SIZE_MAX;
    bool is_good = !is_large || parts_path(path, exchange.file, parts, sizeof parts);
    if (is_large) exchange.path = parts;
    if (is_good) is_good = (is_large ? upload_parts : exchange_json)(remote, &exchange, reply_out);
    fclose(exchange.file);
    return is_good;
}
