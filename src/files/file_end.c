/* The end of a file, told by where the image ends, where the last byte is that is not 0xFF, and the
 * last bytes: that is enough for all that tools are known to leave there. */
#include "files/file_end.h"

#include <stdio.h>

#define V1_SIGNATURE_SIZE 68 /* four zero bytes of version, then an ECDSA signature */
#define DFU_SUFFIX_SIZE 16

void file_end_write(struct file_end *end, const uint8_t *data, size_t size)
{
    for (size_t i = size; i > 0; i--) {
        if (data[i - 1] == 0xFF) continue;
        end->content_end = end->size + i;
        break;
    }
    end->size += size;
    size_t part = size < FILE_TAIL_SIZE ? size : FILE_TAIL_SIZE;
    memmove(end->tail, end->tail + part, FILE_TAIL_SIZE - part);
    memcpy(end->tail + FILE_TAIL_SIZE - part, data + size - part, part);
}

static const uint8_t *last(const struct file_end *end, size_t count)
{
    return end->tail + FILE_TAIL_SIZE - count;
}

/* Where the file should end: behind a signature sector that was read whole, else the image. */
static uint64_t right_end(const struct godwit_image *image)
{
    uint64_t signed_end = (uint64_t)image->body_size + GODWIT_SECTOR_SIZE;
    return image->file_size >= signed_end ? signed_end : image->info.image_size;
}

/* Bytes of another tool, by what they are. NULL: of none that is known. */
static const char *mark(const struct file_end *end, uint64_t behind)
{
    if (behind == V1_SIGNATURE_SIZE && godwit_all(last(end, V1_SIGNATURE_SIZE), 4, 0))
        return "a Secure Boot v1 signature follows the image; only version 2 is taken here, "
               "sign the unsigned .bin with `godwit sign`";
    if (behind == DFU_SUFFIX_SIZE && !memcmp(last(end, 8), "UFD\x10", 4))
        return "a DFU suffix stands behind the image; take it off (`dfu-suffix --delete`) or send "
               "the .bin as the build wrote it";
    if (behind <= 2 && godwit_all(last(end, 1), 1, '\n'))
        return "a line end stands behind the image, so it was handled as text; send the .bin as "
               "the build wrote it";
    return NULL;
}

static enum godwit_reason explain_rest(const struct file_end *end, uint64_t from, char *out,
                                       size_t size)
{
    unsigned long long behind = end->size - from;
    const char *words = mark(end, behind);
    if (words)
        snprintf(out, size, "%s", words);
    else if (end->content_end <= from)
        snprintf(out, size,
                 "%llu byte%s of 0xFF stand%s behind the image, as in a piece of flash; send the "
                 ".bin as the build wrote it, or cut this one: `head -c %llu`",
                 behind, behind == 1 ? "" : "s", behind == 1 ? "s" : "", (unsigned long long)from);
    else
        snprintf(out, size,
                 "%llu byte%s stand%s behind the image that %s no signature sector; send it just "
                 "as the build or `godwit sign` wrote it",
                 behind, behind == 1 ? "" : "s", behind == 1 ? "s" : "",
                 behind == 1 ? "is" : "are");
    return GODWIT_REASON_TRAILING_DATA;
}

enum godwit_reason file_end_explain(const struct file_end *end, const struct godwit_image *image,
                                    char *out, size_t size)
{
    const uint32_t faults = GODWIT_IMAGE_FAULT(GODWIT_REASON_TRAILING_DATA) |
                            GODWIT_IMAGE_FAULT(GODWIT_REASON_TRUNCATED);
    if (!(image->faults & faults)) return GODWIT_REASON_NONE;
    if (image->info.image_size == 0) return GODWIT_REASON_NONE;
    bool is_cut_sector = end->size > image->body_size && !image->is_signed_size &&
                         (image->faults & GODWIT_IMAGE_FAULT(GODWIT_REASON_TRUNCATED));
    if (!is_cut_sector) return explain_rest(end, right_end(image), out, size);
    snprintf(out, size,
             "the signature sector is cut: %llu of its 4,096 bytes are there; send the file whole, "
             "or sign the unsigned .bin again",
             (unsigned long long)(end->size - image->body_size));
    return GODWIT_REASON_TRUNCATED;
}
