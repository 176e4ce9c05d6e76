/* Ids and sentences of the reasons; the table comes from the one list in reason.h. */
#include "formats/reason.h"

#include <stddef.h>

struct row {
    uint32_t number;
    const char *id, *sentence;
};

#define ROW(name, number, id, sentence) {number, id, sentence},
static const struct row rows[] = {GODWIT_REASONS(ROW)};
#undef ROW

static const struct row *row_find(uint32_t reason)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].number == reason) return &rows[i];
    return NULL;
}

const char *godwit_reason_id(uint32_t reason)
{
    const struct row *row = row_find(reason);
    return row ? row->id : "unknown";
}

const char *godwit_reason_sentence(uint32_t reason)
{
    const struct row *row = row_find(reason);
    return row ? row->sentence : "a reason that this version does not know; update godwit";
}
