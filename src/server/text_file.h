/* Small files: written whole or not at all, read with a bound. */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define FILE_PATH_MAX 512

/* folder/name; a path that does not fit is cut, and then does not exist. */
void folder_path(const char *folder, const char *name, char *out, size_t size_max);
/* Temporary name, fsync, rename. SPACE: the disk is full. */
GODWIT_MUST_USE godwit_err text_file_write(const char *path, const char *text, unsigned mode);
/* NUL-terminated. MISSING; SPACE when longer than size_max - 1. */
GODWIT_MUST_USE godwit_err text_file_read(const char *path, char *out, size_t size_max);
bool path_exists(const char *path);
/* Bytes that are left on the disk that holds the path, or will; UINT64_MAX where none can say. */
uint64_t path_room(const char *path);
/* Whether the disk that holds the path, or will, has so many bytes left; true where none can say.
 */
bool path_has_room(const char *path, uint64_t size);
