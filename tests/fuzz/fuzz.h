/* What the fuzz targets share. A target takes bytes, runs one parser, and holds what came out to
 * what the header promises: a crash is one finding, a broken promise another. No target allocates,
 * and where nothing has to be changed the parser gets libFuzzer's own exact-size copy, so that a
 * read behind the end is seen. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                               \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition); \
            __builtin_trap();                                                               \
        }                                                                                   \
    } while (0)
