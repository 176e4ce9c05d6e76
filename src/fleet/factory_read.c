/* The lines of a factory list, as people and spreadsheets write them. Strict about what counts: an
 * id or a digest that is wrong by one digit names a device that does not exist. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "fleet/factory.h"
#include "formats/name.h"

#define FIELD_MAX 80
#define TOKEN_KEY_SIZE 8 /* by which the fleet finds a token */
#define ENCODING_MARK "\xEF\xBB\xBF"
#define MARK_SIZE (sizeof ENCODING_MARK - 1)

struct reader {
    char *note;
    uint32_t number;
};

static godwit_err refuse(const struct reader *reader, const char *what, const char *field)
{
    char clean[FIELD_MAX] = "";
    if (field) godwit_text_clean(field, clean);
    snprintf(reader->note, FACTORY_NOTE_SIZE, field ? "line %u: %s, not \"%s\"" : "line %u: %s",
             reader->number, what, clean);
    return GODWIT_ERR_FORMAT;
}

/* One field without spaces and quotes round it, cut to what can be shown; returns what follows. */
static const char *take_field(const char *at, const char *end, char out[static FIELD_MAX])
{
    const char *comma = memchr(at, ',', (size_t)(end - at));
    const char *stop = comma ? comma : end;
    const char *next = comma ? comma + 1 : end;
    while (at < stop && (*at == ' ' || *at == '\t' || *at == '"'))
        at++;
    while (stop > at &&
           (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '"' || stop[-1] == '\r'))
        stop--;
    size_t size = (size_t)(stop - at) < FIELD_MAX - 1 ? (size_t)(stop - at) : FIELD_MAX - 1;
    memcpy(out, at, size);
    out[size] = '\0';
    return next;
}

static bool is_device_id(const char *text, uint8_t out[static 16])
{
    char digits[13];
    size_t size = 0;
    memset(out, 0, 16);
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == ':' && i % 3 == 2) continue;
        if (size == 12) return false;
        digits[size++] = text[i];
    }
    return !godwit_hex_decode(digits, size, out, 6);
}

/* MISSING: nothing in it counts. */
static godwit_err read_line(const struct reader *reader, const char *at, const char *end,
                            struct factory_line *out)
{
    char id[FIELD_MAX], token[FIELD_MAX], rest[FIELD_MAX];
    const char *next = take_field(at, end, id);
    bool has_token = next < end;
    next = take_field(next, end, token);
    take_field(next, end, rest);
    if (!id[0] && !token[0] && !rest[0]) return GODWIT_ERR_MISSING;
    if (reader->number == 1 && !strcmp(id, "device_id")) return GODWIT_ERR_MISSING;
    out->number = reader->number;
    if (!is_device_id(id, out->device_id))
        return refuse(reader, "a device id is 12 hex digits", id);
    if (!has_token) return refuse(reader, "there must be a token's digest behind the id", NULL);
    if (rest[0]) return refuse(reader, "there must be nothing behind the digest", rest);
    if (godwit_hex_decode(token, strlen(token), out->token_sha256, 32))
        return refuse(reader, "a token's SHA-256 is 64 hex digits", token);
    return GODWIT_OK;
}

static int by_id(const void *a, const void *b)
{
    const struct factory_line *const *x = a, *const *y = b;
    int order = memcmp((*x)->device_id, (*y)->device_id, 16);
    return order ? order : ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

static int by_token(const void *a, const void *b)
{
    const struct factory_line *const *x = a, *const *y = b;
    int order = memcmp((*x)->token_sha256, (*y)->token_sha256, TOKEN_KEY_SIZE);
    return order ? order : ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

/* No two lines speak of one device, or give two devices one token. */
static godwit_err refuse_twice(struct reader *reader, const struct factory_line *lines,
                               size_t count)
{
    const struct factory_line *sorted[FACTORY_BATCH_MAX];
    char what[60];
    for (size_t i = 0; i < count; i++)
        sorted[i] = &lines[i];
    for (int round = 0; round < 2; round++) {
        qsort(sorted, count, sizeof *sorted, round ? by_token : by_id);
        for (size_t i = 1; i < count; i++) {
            const struct factory_line *a = sorted[i - 1], *b = sorted[i];
            if (round ? memcmp(a->token_sha256, b->token_sha256, TOKEN_KEY_SIZE)
                      : memcmp(a->device_id, b->device_id, 16))
                continue;
            snprintf(what, sizeof what, "it has the %s of line %u", round ? "token" : "device id",
                     a->number);
            reader->number = b->number;
            return refuse(reader, what, NULL);
        }
    }
    return GODWIT_OK;
}

godwit_err factory_read(const char *text, uint32_t first_line, struct factory_line *out,
                        size_t *count_out, char note_out[static FACTORY_NOTE_SIZE])
{
    struct reader reader = {note_out, first_line};
    *count_out = 0;
    if (first_line == 1 && !strncmp(text, ENCODING_MARK, MARK_SIZE)) text += MARK_SIZE;
    for (; *text; reader.number++) {
        struct factory_line line;
        size_t size = strcspn(text, "\n");
        godwit_err err = read_line(&reader, text, text + size, &line);
        if (err == GODWIT_ERR_FORMAT) return err;
        if (!err && *count_out == FACTORY_BATCH_MAX) return GODWIT_ERR_SPACE;
        if (!err) out[(*count_out)++] = line;
        text += size + (text[size] == '\n');
    }
    return refuse_twice(&reader, out, *count_out);
}
