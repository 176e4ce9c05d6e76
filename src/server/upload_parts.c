/* PUT /api/v1/uploads/{sha256} with Content-Range. A part is appended as it comes, so that of a cut
 * one nothing is lost; one request at a time holds a file, by its lock. Nothing is synced before
 * the end: after a power loss the digest does not fit, and the file is sent anew. */
#include "server/upload_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "disk/disk.h"
#include "files/file_check.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/secret.h"
#include "server/upload.h"

#define NAME_SIZE (16 + 1 + 64 + 1) /* organisation, dash, file */
#define RETRY_UPLOAD_S 60

struct part {
    struct http_request *request;
    void *caller; /* what the gate left in the request */
    int fd;
    char name[NAME_SIZE];
    uint8_t sha256[32];
    uint64_t first, last, total; /* of Content-Range */
    uint64_t at;                 /* where the next byte goes */
};

/* ---- the folder ---- */

godwit_err upload_parts_open(struct app *app)
{
    char path[512];
    snprintf(path, sizeof path, "%s/uploads", app->settings->data);
    if (mkdir(path, 0700) && errno != EEXIST) return GODWIT_ERR_IO;
    app->uploads_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return app->uploads_fd < 0 ? GODWIT_ERR_IO : GODWIT_OK;
}

void upload_parts_close(struct app *app)
{
    if (app->uploads_fd > 0) close(app->uploads_fd);
}

struct walk {
    const char *prefix; /* of the organisation */
    int64_t old_s;      /* what was not touched since goes; 0: nothing */
    size_t count, org_count;
};

static void walk_one(struct app *app, struct walk *walk, const char *name)
{
    struct stat facts;
    if (*name == '.' || fstatat(app->uploads_fd, name, &facts, AT_SYMLINK_NOFOLLOW)) return;
    if (facts.st_mtime < walk->old_s) {
        (void)!unlinkat(app->uploads_fd, name, 0);
        return;
    }
    walk->count++;
    if (walk->prefix) walk->org_count += !strncmp(name, walk->prefix, strlen(walk->prefix));
}

static void walk_all(struct app *app, struct walk *walk)
{
    int fd = openat(app->uploads_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) return;
    for (struct dirent *entry; (entry = readdir(folder));)
        walk_one(app, walk, entry->d_name);
    closedir(folder);
}

void upload_parts_sweep(struct app *app)
{
    struct walk walk = {.old_s = clock_unix_s(&clock_real) - UPLOAD_PART_AGE_S};
    walk_all(app, &walk);
}

/* The organisation's name may hold anything, so its digest stands in for it. */
static void part_name(const char *org, const char *sha256, char out[static NAME_SIZE])
{
    uint8_t digest[32];
    secret_sha256(org, strlen(org), digest);
    godwit_hex_encode(digest, 8, out);
    snprintf(out + 16, NAME_SIZE - 16, "-%.64s", sha256);
    for (char *at = out; *at; at++)
        if (*at >= 'A' && *at <= 'F') *at |= 0x20;
}

static bool has_room(struct app *app, const char *name)
{
    char prefix[18];
    snprintf(prefix, sizeof prefix, "%.17s", name);
    struct walk walk = {.prefix = prefix};
    walk_all(app, &walk);
    return walk.count < UPLOAD_PARTS_MAX && walk.org_count < UPLOAD_PARTS_ORG_MAX;
}

/* ---- refusals ---- */

static void part_close(struct part *part)
{
    if (part->fd >= 0) close(part->fd);
    part->fd = -1;
}

static void refuse(struct part *part, int status, const char *type, const char *detail,
                   const char *field)
{
    part_close(part);
    problem(part->request, status, type, detail, field);
}

static void refuse_disk(struct part *part)
{
    godwit_err err = disk_error(errno);
    part_close(part);
    problem_of_error(part->request, err);
}

static void refuse_room(struct part *part)
{
    const struct app *app = part->request->app;
    part_close(part);
    problem_reserve(part->request, app->settings->reserve_mib);
}

static void refuse_offset(struct part *part, uint64_t size)
{
    char detail[160];
    snprintf(detail, sizeof detail,
             "the server has the first %" PRIu64 " bytes of this file; continue there", size);
    refuse(part, 409, "wrong-offset", detail, "Content-Range");
}

/* ---- a part begins ---- */

static bool parse_number(const char **at, char end, uint64_t *out)
{
    char *stop = NULL;
    if (**at < '0' || **at > '9') return false;
    errno = 0;
    *out = strtoull(*at, &stop, 10);
    if (errno || *stop != end) return false;
    *at = stop + (end != '\0');
    return true;
}

/* "bytes 0-65535/131072" */
static bool parse_range(const char *text, struct part *part)
{
    if (!text || strncmp(text, "bytes ", 6) != 0) return false;
    text += 6;
    return parse_number(&text, '-', &part->first) && parse_number(&text, '/', &part->last) &&
           parse_number(&text, '\0', &part->total) && part->first <= part->last &&
           part->last < part->total;
}

/* False: replied. */
static bool read_head(struct part *part)
{
    const struct http_request *request = part->request;
    const char *hex = http_param(request, "sha256");
    bool is_digest = !godwit_hex_decode(hex, strlen(hex), part->sha256, sizeof part->sha256);
    uint64_t size = 0;
    if (!is_digest)
        refuse(part, 422, "malformed", "name the file by its SHA-256, 64 hex digits", "sha256");
    else if (!parse_range(http_header(request, "Content-Range"), part))
        refuse(part, 422, "malformed", "name the part by \"Content-Range: bytes FIRST-LAST/SIZE\"",
               "Content-Range");
    else if (part->total > UPLOAD_FILE_MAX)
        refuse(part, 413, "too-large",
               "the file is larger than 16 MiB, more than any ESP32 slot holds; send the "
               "application .bin, not a whole-flash image",
               NULL);
    else if ((size = part->last - part->first + 1) != request->body_size &&
             request->body_size != UINT64_MAX)
        refuse(part, 422, "malformed", "the body is not as long as Content-Range says",
               "Content-Range");
    else
        return true;
    return false;
}

/* A new file only where there is room; errno tells the rest. */
static bool has_opened(struct app *app, struct part *part, bool *is_full_out)
{
    part->fd = openat(app->uploads_fd, part->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    *is_full_out = false;
    if (part->fd >= 0 || errno != ENOENT || part->first) return part->fd >= 0;
    *is_full_out = !has_room(app, part->name);
    if (*is_full_out) return false;
    part->fd = openat(app->uploads_fd, part->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return part->fd >= 0;
}

/* All of it had come, and a kill cut its judging: it comes again from the first byte. */
static bool begins_anew(const struct part *part, uint64_t size)
{
    return size >= part->total && part->first == 0 && !ftruncate(part->fd, 0);
}

/* Opened and locked, and as long as the part expects. False: replied. */
static bool open_file(struct part *part)
{
    struct stat facts;
    bool is_full;
    if (!has_opened(part->request->app, part, &is_full)) {
        if (is_full) http_reply_retry(part->request, RETRY_UPLOAD_S);
        if (is_full)
            refuse(part, 429, "too-many-uploads",
                   "too many uploads are unfinished; finish one, or wait: they go after a day",
                   NULL);
        else if (errno == ENOENT)
            refuse_offset(part, 0);
        else
            refuse_disk(part);
    } else if (flock(part->fd, LOCK_EX | LOCK_NB) || fstat(part->fd, &facts) || !facts.st_nlink) {
        refuse(part, 409, "upload-busy",
               "another request is sending this file; wait for it, or ask what has come", NULL);
    } else if ((uint64_t)facts.st_size != part->first &&
               !begins_anew(part, (uint64_t)facts.st_size)) {
        refuse_offset(part, (uint64_t)facts.st_size);
    } else {
        return true;
    }
    return false;
}

static void parts_begin(struct http_request *request)
{
    struct part *part = arena_zalloc(request->arena, sizeof *part);
    if (!part) {
        problem_busy(request);
        return;
    }
    part->request = request;
    part->fd = -1;
    part->caller = request->user;
    if (!read_head(part)) return;
    part_name(permission_org(request), http_param(request, "sha256"), part->name);
    if (!upload_has_room(request->app, part->total - part->first)) {
        refuse_room(part);
        return;
    }
    if (!open_file(part)) return;
    part->at = part->first;
    request->user = part;
}

/* ---- its bytes ---- */

static void parts_write(struct http_request *request, const uint8_t *data, size_t size)
{
    struct part *part = request->user;
    if (size > part->last + 1 - part->at) {
        refuse(part, 422, "malformed", "the body is longer than Content-Range says",
               "Content-Range");
        return;
    }
    if (!upload_has_room_yet(request->app, part->at, part->at + size)) {
        refuse_room(part);
        return;
    }
    while (size > 0) {
        ssize_t done = pwrite(part->fd, data, size, (off_t)part->at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) {
            refuse_disk(part);
            return;
        }
        part->at += (uint64_t)done;
        data += done;
        size -= (size_t)done;
    }
}

/* OK; TRUST: it is another file than was named. */
static godwit_err check_digest(const struct part *part)
{
    struct godwit_hash hash;
    uint8_t digest[32], piece[4096];
    ssize_t got;
    godwit_hash_init(&hash, GODWIT_SHA256);
    for (uint64_t at = 0; at < part->total; at += (uint64_t)got) {
        got = pread(part->fd, piece, sizeof piece, (off_t)at);
        if (got <= 0) return GODWIT_ERR_IO;
        godwit_hash_update(&hash, piece, (size_t)got);
    }
    if (godwit_hash_peek(&hash, digest)) return GODWIT_ERR_IO;
    return memcmp(digest, part->sha256, 32) ? GODWIT_ERR_TRUST : GODWIT_OK;
}

/* It is whole, so it is judged now, and is no unfinished one any more, however that ends. */
static void judge(struct part *part)
{
    struct app *app = part->request->app;
    godwit_err err = check_digest(part);
    (void)!unlinkat(app->uploads_fd, part->name, 0);
    if (err == GODWIT_ERR_TRUST)
        refuse(part, 422, "wrong-digest",
               "the bytes that came are not the file with this SHA-256; send it again from the "
               "first",
               "sha256");
    else if (err)
        refuse_disk(part);
    else
        upload_take_file(part->request, part->fd);
    part_close(part);
}

static void parts_finish(struct http_request *request)
{
    struct part *part = request->user;
    request->user = part->caller;
    if (part->at == part->total) {
        judge(part);
        return;
    }
    json_t *reply =
        json_pack("{s:I, s:I}", "received", (json_int_t)part->at, "size", (json_int_t)part->total);
    part_close(part);
    reply_json(request, 202, reply);
}

static void parts_abort(struct http_request *request)
{
    part_close(request->user);
}

const struct http_upload UPLOAD_PARTS = {parts_begin, parts_write, parts_finish, parts_abort};

/* ---- what has come ---- */

void handle_upload_state(struct http_request *request)
{
    struct app *app = request->app;
    struct stat facts;
    char name[NAME_SIZE];
    part_name(permission_org(request), http_param(request, "sha256"), name);
    if (strchr(name, '/') || fstatat(app->uploads_fd, name, &facts, AT_SYMLINK_NOFOLLOW))
        problem(request, 404, "no-upload", "nothing of this file has come; send it from the first",
                NULL);
    else
        reply_json(request, 200, json_pack("{s:I}", "received", (json_int_t)facts.st_size));
}
