/* What every program here does with files, written once: to read one whole within a bound, to write
 * all of a buffer, and what an errno means. On failure errno still says why, for a sentence. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* SPACE: the disk is full; MISSING: there is no such file; BUSY: another holds it; else IO. */
godwit_err disk_error(int fault);
/* Continues after each interruption; the bytes are durable only after the caller's fsync. */
GODWIT_MUST_USE godwit_err disk_write_all(int fd, const void *data, size_t size);
/* The rest of a stream, which may be a pipe, or a whole file: malloc'ed, also where it is empty,
 * with a NUL at the end that is not counted. SPACE, with errno EFBIG: more than size_max bytes. */
GODWIT_MUST_USE godwit_err disk_read_stream(FILE *file, size_t size_max, uint8_t **data_out,
                                            size_t *size_out);
GODWIT_MUST_USE godwit_err disk_read(const char *path, size_t size_max, uint8_t **data_out,
                                     size_t *size_out);
