/* Names and sentences of the error list; both tables come from the one list in err.h. */
#include "base/err.h"

#include <stddef.h>

struct row {
    godwit_err err;
    const char *name, *sentence;
};

#define ROW(name, code, sentence) {GODWIT_ERR_##name, #name, sentence},
static const struct row rows[] = {{GODWIT_OK, "OK", "done"}, GODWIT_ERRORS(ROW)};
#undef ROW

static const struct row *row_find(godwit_err err)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].err == err) return &rows[i];
    return NULL;
}

const char *godwit_err_name(godwit_err err)
{
    const struct row *row = row_find(err);
    return row ? row->name : "?";
}

const char *godwit_err_sentence(godwit_err err)
{
    const struct row *row = row_find(err);
    return row ? row->sentence : "an error that has no name here";
}
