/* The disk, its trace, and what a power loss may leave of it. */
#include "figures/vfs_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512U

static void *must(void *memory)
{
    if (!memory) abort();
    return memory;
}

/* ---- files ---- */

void disk_free(struct disk *disk)
{
    for (size_t i = 0; i < DISK_FILES_MAX; i++)
        free(disk->files[i].data);
    memset(disk, 0, sizeof *disk);
}

void disk_copy(struct disk *to, const struct disk *from)
{
    *to = *from;
    for (size_t i = 0; i < DISK_FILES_MAX; i++) {
        struct disk_file *file = &to->files[i];
        if (!file->data) continue;
        file->room = file->size + 1;
        file->data = must(malloc(file->room));
        memcpy(file->data, from->files[i].data, file->size);
    }
}

struct disk_file *disk_find(struct disk *disk, const char *name)
{
    for (size_t i = 0; i < DISK_FILES_MAX; i++)
        if (disk->files[i].serial && !strcmp(disk->files[i].name, name)) return &disk->files[i];
    return NULL;
}

struct disk_file *disk_find_serial(struct disk *disk, unsigned serial)
{
    for (size_t i = 0; i < DISK_FILES_MAX; i++)
        if (disk->files[i].serial == serial) return &disk->files[i];
    return NULL;
}

static void drop(struct disk_file *file)
{
    free(file->data);
    memset(file, 0, sizeof *file);
}

struct disk_file *disk_add(struct disk *disk, const char *name, unsigned serial)
{
    struct disk_file *file = disk_find_serial(disk, 0);
    if (!file) abort(); /* DISK_FILES_MAX */
    memset(file, 0, sizeof *file);
    snprintf(file->name, sizeof file->name, "%s", name);
    file->serial = serial;
    file->room = SECTOR;
    file->data = must(calloc(1, file->room));
    return file;
}

void disk_put(struct disk_file *file, uint64_t at, const void *data, size_t size)
{
    size_t end = (size_t)at + size;
    if (end > file->room) {
        file->room = 2 * end;
        file->data = must(realloc(file->data, file->room));
    }
    if (at > file->size) memset(file->data + file->size, 0, (size_t)at - file->size);
    if (data)
        memcpy(file->data + at, data, size);
    else
        memset(file->data + at, 0, size);
    if (end > file->size) file->size = end;
}

void disk_cut(struct disk_file *file, uint64_t size)
{
    if (size > file->size)
        disk_put(file, file->size, NULL, (size_t)size - file->size);
    else
        file->size = (size_t)size;
}

/* ---- the trace ---- */

void trace_add(struct disk_trace *trace, enum disk_step_kind kind, unsigned serial, uint64_t at,
               const void *data, size_t size)
{
    if (!trace) return;
    if (trace->count == trace->room) {
        trace->room = trace->room ? 2 * trace->room : 1024;
        trace->steps = must(realloc(trace->steps, trace->room * sizeof *trace->steps));
    }
    struct disk_step *step = &trace->steps[trace->count++];
    *step = (struct disk_step){kind, serial, at, size, NULL};
    if (!data) return;
    step->data = must(malloc(size + 1));
    memcpy(step->data, data, size);
    step->data[size] = 0;
}

void trace_free(struct disk_trace *trace)
{
    for (size_t i = 0; i < trace->count; i++)
        free(trace->steps[i].data);
    free(trace->steps);
    memset(trace, 0, sizeof *trace);
}

/* ---- what is sure ---- */

static struct disk_file *file_of(struct disk *disk, unsigned serial)
{
    struct disk_file *file = disk_find_serial(disk, serial);
    return file ? file : disk_add(disk, "", serial);
}

static void name_file(struct disk *disk, unsigned serial, const char *name)
{
    struct disk_file *former = disk_find(disk, name);
    if (former && former->serial != serial) drop(former);
    snprintf(file_of(disk, serial)->name, DISK_NAME_MAX, "%s", name);
}

static void apply(struct disk *disk, const struct disk_step *step)
{
    struct disk_file *file;
    switch (step->kind) {
    case STEP_WRITE:
        disk_put(file_of(disk, step->serial), step->at, step->data, step->size);
        break;
    case STEP_TRUNCATE:
        disk_cut(file_of(disk, step->serial), step->at);
        break;
    case STEP_NAME:
        name_file(disk, step->serial, (const char *)step->data);
        break;
    case STEP_UNNAME:
        file = disk_find(disk, (const char *)step->data);
        if (file && file->serial == step->serial) drop(file);
        break;
    default:
        break;
    }
}

/* Whether this sync makes that step sure. */
static bool covers(const struct disk_step *sync, const struct disk_step *step)
{
    bool is_name = step->kind == STEP_NAME || step->kind == STEP_UNNAME;
    if (sync->kind == STEP_SYNC_NAMES) return is_name;
    return !is_name && step->serial == sync->serial;
}

void state_step(struct disk_state *state)
{
    const struct disk_step *steps = state->trace->steps;
    size_t at = state->at++, kept = 0;
    const struct disk_step *step = &steps[at];
    if (step->kind == STEP_ACKNOWLEDGED) return;
    if (step->kind != STEP_SYNC && step->kind != STEP_SYNC_NAMES) {
        if (state->open_count == state->open_room) {
            state->open_room = state->open_room ? 2 * state->open_room : 256;
            state->open = must(realloc(state->open, state->open_room * sizeof *state->open));
        }
        state->open[state->open_count++] = at;
        return;
    }
    for (size_t i = 0; i < state->open_count; i++) {
        size_t one = state->open[i];
        if (covers(step, &steps[one]))
            apply(&state->sure, &steps[one]);
        else
            state->open[kept++] = one;
    }
    state->open_count = kept;
}

void state_free(struct disk_state *state)
{
    disk_free(&state->sure);
    free(state->open);
}

/* ---- a power loss ---- */

static uint64_t next(uint64_t *seed)
{
    *seed += 0x9E3779B97F4A7C15ULL;
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

/* Some sectors of it, up to the end of each. */
static void apply_torn(struct disk *disk, const struct disk_step *step, uint64_t *seed)
{
    for (uint64_t at = step->at, end = step->at + step->size; at < end;) {
        uint64_t stop = (at / SECTOR + 1) * SECTOR;
        if (stop > end) stop = end;
        if (next(seed) & 1)
            disk_put(file_of(disk, step->serial), at, step->data + (at - step->at),
                     (size_t)(stop - at));
        at = stop;
    }
}

void state_lose(const struct disk_state *state, enum loss loss, uint64_t seed, struct disk *out)
{
    disk_copy(out, &state->sure);
    size_t kept = loss == LOSE_ALL ? 0 : state->open_count;
    if (loss == LOSE_LATEST && kept) kept = next(&seed) % (kept + 1);
    for (size_t i = 0; i < kept; i++) {
        const struct disk_step *step = &state->trace->steps[state->open[i]];
        if (loss == LOSE_SECTORS && step->kind == STEP_WRITE)
            apply_torn(out, step, &seed);
        else if ((loss != LOSE_WRITES && loss != LOSE_SECTORS) || (next(&seed) & 1))
            apply(out, step);
    }
    /* What has no name is gone. */
    for (size_t i = 0; i < DISK_FILES_MAX; i++)
        if (out->files[i].serial && !*out->files[i].name) drop(&out->files[i]);
}
