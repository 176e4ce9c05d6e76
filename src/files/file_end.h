/* What stands behind an application image: padding, a piece of flash, the mark of another tool, or
 * less than a signature sector. The parser of formats/image.h says only that it is wrong. */
#pragma once

#include "formats/image.h"

#define FILE_TAIL_SIZE 80

/* Watches a file go by. */
struct file_end {
    uint64_t size;        /* of the file */
    uint64_t content_end; /* behind its last byte that is not 0xFF */
    uint8_t tail[FILE_TAIL_SIZE];
};

void file_end_write(struct file_end *end, const uint8_t *data, size_t size);
/* Says into out what stands behind the image, or what is missing, and what to do. Gives the reason
 * to book it under: NONE where the end is as it should be or the image itself is not whole. */
enum godwit_reason file_end_explain(const struct file_end *end, const struct godwit_image *image,
                                    char *out, size_t size);
