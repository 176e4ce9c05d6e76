/* Files of tests/golden, whole in memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* name is relative to tests/golden. Exits the test with a line when the file can not be read.
 * The caller frees. One NUL stands behind the bytes, so that texts are strings. */
uint8_t *golden_read(const char *name, size_t *size_out);
