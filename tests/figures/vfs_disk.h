/* A disk with a cache that power loss empties. Files live in memory; what is done to them is
 * written down, and from those lines the disk as it may be found after a power loss is made, at any
 * of them: of what was not synced yet each 512-byte sector of each write is there or not, in
 * whatever order it was written, and so is each name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_FILES_MAX 64
#define DISK_NAME_MAX 128

struct disk_file {
    char name[DISK_NAME_MAX]; /* "": it has none */
    uint8_t *data;
    size_t size, room;
    unsigned serial; /* which file it is, whatever its name */
};

struct disk {
    struct disk_file files[DISK_FILES_MAX];
};

enum disk_step_kind {
    STEP_WRITE,
    STEP_TRUNCATE,
    STEP_SYNC,       /* of a file */
    STEP_SYNC_NAMES, /* of their folder */
    STEP_NAME,       /* the file has this name from now on, whoever had it */
    STEP_UNNAME,
    STEP_ACKNOWLEDGED /* no step of the disk: somebody was told that number `at` is safe */
};

struct disk_step {
    enum disk_step_kind kind;
    unsigned serial;
    uint64_t at; /* also: the size after a truncation */
    size_t size;
    uint8_t *data; /* what is written, or the name */
};

struct disk_trace {
    struct disk_step *steps;
    size_t count, room;
};

void disk_free(struct disk *disk);
void disk_copy(struct disk *to, const struct disk *from);
/* NULL: there is none. */
struct disk_file *disk_find(struct disk *disk, const char *name);
struct disk_file *disk_find_serial(struct disk *disk, unsigned serial);
struct disk_file *disk_add(struct disk *disk, const char *name, unsigned serial);
void disk_put(struct disk_file *file, uint64_t at, const void *data, size_t size);
void disk_cut(struct disk_file *file, uint64_t size);

void trace_add(struct disk_trace *trace, enum disk_step_kind kind, unsigned serial, uint64_t at,
               const void *data, size_t size);
void trace_free(struct disk_trace *trace);

/* What is surely on the disk, and which steps after that may be. */
struct disk_state {
    struct disk sure;
    const struct disk_trace *trace;
    size_t at; /* steps that were taken */
    size_t *open;
    size_t open_count, open_room;
};

void state_step(struct disk_state *state);
void state_free(struct disk_state *state);

enum loss { LOSE_ALL, LOSE_NONE, LOSE_SECTORS, LOSE_WRITES, LOSE_LATEST, LOSS_COUNT };

/* The disk after a power loss now. seed: which of the many. The caller frees it. */
void state_lose(const struct disk_state *state, enum loss loss, uint64_t seed, struct disk *out);

/* ---- SQLite on it (vfs_sqlite.c) ---- */

/* From now on SQLite's files are on this disk, and what it does goes into the trace, which may be
 * NULL. The first call makes it SQLite's default. */
void vfs_use(struct disk *disk, struct disk_trace *trace);
/* A number for another file. */
unsigned vfs_serial(void);

/* ---- blobs in a real folder, written down (vfs_blobs.c) ---- */

void blobs_watch(struct disk_trace *trace, int dir_fd);
