/* Files of a command: read whole up to a limit, written so that nobody ever sees half of one. Both
 * print one line on stderr that names the file, the fault and what to do. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest file that a command looks at: a whole flash of 64 MiB and something more. */
#define FILE_SIZE_MAX (65u << 20)

/* *data is malloc'ed, also for an empty file; the caller frees it. "-" is standard input. */
bool file_read(const char *command, const char *path, size_t size_max, uint8_t **data,
               size_t *size);
/* Through a temporary file beside it and a rename; an old file of that name is replaced. "-" is
 * standard output; a pipe or a device is written to. */
bool file_write(const char *command, const char *path, const uint8_t *data, size_t size);
/* The same, readable by its owner alone. */
bool file_write_secret(const char *command, const char *path, const uint8_t *data, size_t size);

/* One that comes piece by piece, in the same way. */
struct file_pieces {
    int fd; /* where the pieces go */
    /* private */
    const char *command, *path;
    char temporary[4096]; /* "": there is none */
};
/* False after a printed line. */
bool file_begin(struct file_pieces *file, const char *command, const char *path);
/* Not whole: nothing is left of it, and an old file stays. False after a printed line, or where it
 * is not whole. */
bool file_end(struct file_pieces *file, bool is_whole);
