/* The order makes a backup of a running service whole without stopping it: blobs first, then one
 * moment of the database, then those blobs that came in between. A blob goes only after its row, so
 * what the database of that moment names was there before or is there after; a blob that came and
 * went in between is said, and a second run has it. The file "backup" comes last. */
#include "server/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/version.h"
#include "disk/disk.h"
#include "server/restored.h"
#include "server/text_file.h"
#include "store/store.h"

#define DATABASE "godwit.db"
#define MARK "backup"
#define MARK_FORM "godwit backup 1\n"
#define SMALL_FILE_MAX (1U << 20)
#define ROOM_SPARE (4U << 20)
/* What belongs to a running service alone, and is not copied. */
static const char *const LEFT_OUT[] = {
    "lock", DATABASE, DATABASE "-wal", DATABASE "-shm", DATABASE "-journal", "server.json", MARK};

static bool is_left_out(const char *name)
{
    for (size_t i = 0; i < sizeof LEFT_OUT / sizeof *LEFT_OUT; i++)
        if (!strcmp(LEFT_OUT[i], name)) return true;
    return false;
}

__attribute__((format(printf, 3, 4))) static godwit_err fail(struct backup_job *job, godwit_err err,
                                                             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(job->note, sizeof job->note, format, args);
    va_end(args);
    return err;
}

static void tell(const struct backup_job *job, const char *what, uint64_t done, uint64_t total)
{
    if (job->tell) job->tell(job->ctx, what, done, total);
}

/* ---- folders ---- */

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    bool empty = dir != NULL;
    for (struct dirent *entry; empty && (entry = readdir(dir));)
        empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
    if (dir) closedir(dir);
    return empty;
}

static godwit_err make_target(struct backup_job *job)
{
    if (!mkdir(job->to, 0700)) return GODWIT_OK;
    if (errno != EEXIST)
        return fail(job, GODWIT_ERR_IO, "%s can not be made: %s", job->to, strerror(errno));
    if (is_empty(job->to)) return GODWIT_OK;
    return fail(job, GODWIT_ERR_POLICY, "%s is not empty; name a new folder", job->to);
}

static godwit_err sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return disk_error(errno);
    godwit_err err = fsync(fd) ? disk_error(errno) : GODWIT_OK;
    close(fd);
    return err;
}

/* ---- small files: keys, certificates, tokens ---- */

static godwit_err copy_file(struct backup_job *job, const char *from, const char *to)
{
    uint8_t *data;
    size_t size;
    godwit_err err = disk_read(from, SMALL_FILE_MAX, &data, &size);
    if (err) return fail(job, err, "%s can not be read: %s", from, strerror(errno));
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    err = fd < 0 ? disk_error(errno) : disk_write_all(fd, data, size);
    if (!err && fsync(fd)) err = disk_error(errno);
    if (fd >= 0) close(fd);
    free(data);
    if (err) return fail(job, err, "%s can not be written: %s", to, godwit_err_sentence(err));
    job->report.files++;
    return GODWIT_OK;
}

/* All regular files of a folder that is there. */
static godwit_err copy_files(struct backup_job *job, const char *folder)
{
    char from[FILE_PATH_MAX], to[FILE_PATH_MAX], source[2 * FILE_PATH_MAX],
        target[2 * FILE_PATH_MAX];
    struct stat found;
    godwit_err err = GODWIT_OK;
    folder_path(job->from, folder, from, sizeof from);
    folder_path(job->to, folder, to, sizeof to);
    DIR *dir = opendir(from);
    if (!dir) return GODWIT_OK;
    if (mkdir(to, 0700) && errno != EEXIST)
        err = fail(job, GODWIT_ERR_IO, "%s can not be made: %s", to, strerror(errno));
    for (struct dirent *entry; !err && (entry = readdir(dir));) {
        folder_path(from, entry->d_name, source, sizeof source);
        folder_path(to, entry->d_name, target, sizeof target);
        if (is_left_out(entry->d_name) || lstat(source, &found) || !S_ISREG(found.st_mode))
            continue;
        err = copy_file(job, source, target);
    }
    closedir(dir);
    return err ? err : sync_folder(to);
}

/* ---- blobs ---- */

/* Copies one and checks that its bytes are what its name says. */
static godwit_err copy_blob(struct backup_job *job, struct blobs *to, int from_fd,
                            const uint8_t sha256[static 32])
{
    static uint8_t piece[65536];
    struct blob_writer writer;
    uint8_t digest[32];
    ssize_t got = 1;
    godwit_err err = blob_begin(to, &writer);
    while (!err && (got = read(from_fd, piece, sizeof piece)) > 0) {
        err = writer.sink.ops->write(&writer.sink, piece, (size_t)got);
        job->report.blob_bytes += (uint64_t)got;
    }
    if (!err && got < 0) err = disk_error(errno);
    if (!err) err = writer.sink.ops->finish(&writer.sink);
    if (!err) err = godwit_hash_peek(&writer.hash, digest);
    if (!err && memcmp(digest, sha256, 32) != 0) err = GODWIT_ERR_FORMAT;
    if (!err) err = blob_commit(&writer, digest);
    if (err) blob_abort(&writer);
    job->report.blobs += !err;
    return err;
}

static godwit_err copy_named(struct backup_job *job, struct blobs *to, const char *folder,
                             const char *name)
{
    uint8_t sha256[32];
    char path[2 * FILE_PATH_MAX];
    if (strlen(name) != 64 || godwit_hex_decode(name, 64, sha256, sizeof sha256)) return GODWIT_OK;
    folder_path(folder, name, path, sizeof path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? GODWIT_OK : disk_error(errno); /* it went meanwhile */
    godwit_err err = copy_blob(job, to, fd, sha256);
    close(fd);
    if (err == GODWIT_ERR_FORMAT)
        return fail(job, err,
                    "%s is damaged: its bytes are not what its name says; restore it from an older "
                    "backup, or upload the image again",
                    path);
    return err ? fail(job, err, "%s can not be copied: %s", path, godwit_err_sentence(err)) : err;
}

static godwit_err copy_blobs(struct backup_job *job, struct blobs *to)
{
    char folder[FILE_PATH_MAX];
    godwit_err err = GODWIT_OK;
    folder_path(job->from, "blobs", folder, sizeof folder);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && !err && (entry = readdir(dir));) {
        err = copy_named(job, to, folder, entry->d_name);
        tell(job, "images", job->report.blobs, 0);
    }
    if (dir) closedir(dir);
    return err;
}

/* Each file that the copied database names: there, or copied now, or told. */
static godwit_err complete_blobs(struct backup_job *job, struct blobs *to, struct db *db)
{
    struct db_rows rows;
    char folder[FILE_PATH_MAX], hex[65];
    uint8_t sha256[32];
    folder_path(job->from, "blobs", folder, sizeof folder);
    godwit_err err = db_query(db, &rows, "select distinct file_sha256 from files", NULL, 0);
    while (!err && !(err = db_next(&rows))) {
        int fd;
        uint64_t size;
        db_column_blob(&rows, 0, sha256, sizeof sha256);
        godwit_hex_encode(sha256, sizeof sha256, hex);
        err = blob_open(to, sha256, &fd, &size);
        if (err == GODWIT_ERR_MISSING && !(err = copy_named(job, to, folder, hex)))
            err = blob_open(to, sha256, &fd, &size);
        if (!err) close(fd);
    }
    db_rows_close(&rows);
    if (err == GODWIT_ERR_MISSING)
        return fail(job, err,
                    "the database names the file %s, and blobs/ does not hold it; if a release was "
                    "just deleted, run this again, else upload that image again",
                    hex);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

/* ---- the database ---- */

static void tell_pages(void *ctx, uint64_t done, uint64_t total)
{
    tell(ctx, "database", done, total);
}

static godwit_err copy_database(struct backup_job *job, struct db **db_out)
{
    char from[FILE_PATH_MAX], to[FILE_PATH_MAX], note[400];
    folder_path(job->from, DATABASE, from, sizeof from);
    folder_path(job->to, DATABASE, to, sizeof to);
    godwit_err err = db_copy(from, to, tell_pages, job, note, sizeof note);
    if (!err && chmod(to, 0600)) err = disk_error(errno);
    if (!err) err = db_open(to, false, db_out, note, sizeof note);
    if (err) return fail(job, err, "the database can not be copied: %s", note);
    err = db_check(to, note, sizeof note);
    return err ? fail(job, err, "the database %s is damaged: %s; take an older backup", from, note)
               : err;
}

/* The keys come last: without them nothing is served, so a restore that was cut is none. */
static godwit_err copy_all(struct backup_job *job, bool is_restored, struct db **db_out)
{
    struct blobs blobs;
    char path[FILE_PATH_MAX];
    folder_path(job->to, "blobs", path, sizeof path);
    godwit_err err = blobs_open(&blobs, path);
    if (err) return fail(job, err, "%s: %s", path, godwit_err_sentence(err));
    err = copy_blobs(job, &blobs);
    if (!err) err = copy_database(job, db_out);
    if (!err) err = complete_blobs(job, &blobs, *db_out);
    blobs_close(&blobs);
    char note[300];
    if (!err && is_restored && (err = restored_begin(*db_out, job, note, sizeof note)))
        return fail(job, err, "the database of the backup %s", note);
    if (!err) err = copy_files(job, ".");
    return err ? err : copy_files(job, "tls");
}

/* ---- both ways ---- */

/* A database, and the bytes that all of it may need. */
static godwit_err check_source(struct backup_job *job, const char *advice)
{
    char path[FILE_PATH_MAX];
    struct stat found;
    folder_path(job->from, DATABASE, path, sizeof path);
    if (stat(path, &found))
        return fail(job, GODWIT_ERR_MISSING, "%s holds no database of godwit; %s", job->from,
                    advice);
    if (path_has_room(job->to, (uint64_t)found.st_size + ROOM_SPARE)) return GODWIT_OK;
    return fail(job, GODWIT_ERR_SPACE, "the disk of %s has no room for a database of %lld MiB",
                job->to, (long long)found.st_size >> 20);
}

godwit_err backup_make(struct backup_job *job)
{
    struct db *db = NULL;
    char path[FILE_PATH_MAX], text[128];
    job->report = (struct backup_report){.made_with = GODWIT_VERSION, .made_s = time(NULL)};
    godwit_err err = check_source(job, "give the --data of `godwit serve`");
    if (!err) err = make_target(job);
    if (!err) err = copy_all(job, false, &db);
    db_close(db);
    if (err) return err;
    folder_path(job->to, MARK, path, sizeof path);
    snprintf(text, sizeof text, MARK_FORM "version " GODWIT_VERSION "\ntime %lld\n",
             (long long)job->report.made_s);
    err = text_file_write(path, text, 0600);
    return err ? fail(job, err, "%s: %s", path, godwit_err_sentence(err)) : err;
}

/* "name value\n" at *text, which then points behind it; false: it is not there. */
static bool take_field(const char **text, const char *name, char *out, size_t size_max)
{
    size_t size = strlen(name);
    if (strncmp(*text, name, size) != 0 || (*text)[size] != ' ') return false;
    const char *value = *text + size + 1;
    size = strcspn(value, "\n");
    if (!size || size >= size_max || !value[size]) return false;
    memcpy(out, value, size);
    out[size] = '\0';
    *text = value + size + 1;
    return true;
}

static godwit_err read_mark(struct backup_job *job)
{
    char path[FILE_PATH_MAX], text[256], time_text[24];
    const char *rest = text + strlen(MARK_FORM);
    folder_path(job->from, MARK, path, sizeof path);
    if (text_file_read(path, text, sizeof text) ||
        strncmp(text, MARK_FORM, strlen(MARK_FORM)) != 0 ||
        !take_field(&rest, "version", job->report.made_with, sizeof job->report.made_with) ||
        !take_field(&rest, "time", time_text, sizeof time_text))
        return fail(job, GODWIT_ERR_FORMAT,
                    "%s is no whole backup of `godwit backup`: its file \"backup\" is missing, "
                    "which is written last",
                    job->from);
    job->report.made_s = strtoll(time_text, NULL, 10);
    return GODWIT_OK;
}

godwit_err backup_restore(struct backup_job *job)
{
    struct db *db = NULL;
    job->report = (struct backup_report){0};
    godwit_err err = read_mark(job);
    if (!err) err = check_source(job, "take a backup of `godwit backup`");
    if (!err) err = make_target(job);
    if (!err) err = copy_all(job, true, &db);
    db_close(db);
    return err;
}
