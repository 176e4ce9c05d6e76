/* Files of tests/golden are found by the path of the source tree, so tests run from anywhere. */
#include "support/golden.h"

#include <stdio.h>
#include <stdlib.h>

#define GOLDEN_SIZE_MAX (1u << 20)

uint8_t *golden_read(const char *name, size_t *size_out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s", GODWIT_SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    uint8_t *data = calloc(1, GOLDEN_SIZE_MAX + 1);
    if (!file || !data) {
        fprintf(stderr, "golden file %s can not be read\n", path);
        exit(1);
    }
    *size_out = fread(data, 1, GOLDEN_SIZE_MAX, file);
    fclose(file);
    return data;
}
