/* Completion of filters: what can stand at the cursor, by the rules and the table of fields that
 * read a filter, with the values that devices have. */
#include <stdlib.h>

#include "fleet/decision_reason.h"
#include "fleet/known_values.h"
#include "formats/name.h"
#include "server/app.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"

struct known {
    enum filter_field field; /* whose values are there */
    struct known_values values;
};

static const char *known_at(void *ctx, enum filter_field field, size_t index)
{
    const struct known *known = ctx;
    if (field == FILTER_REASON && index < DECISION_REASON_COUNT)
        return decision_reason_id((enum decision_reason)index);
    if (field != known->field || index >= known->values.count) return NULL;
    return known->values.texts[index];
}

static bool is_clean(const char *text)
{
    char clean[FILTER_TEXT_MAX + 1];
    return strlen(text) < sizeof clean && !strcmp(godwit_text_clean(text, clean), text);
}

/* A byte of the text, or its end, where a character begins. False: answered with 422. */
static bool read_cursor(struct http_request *request, const char *text, size_t *cursor_out)
{
    const char *digits = http_query(request, "cursor");
    size_t size = strlen(text);
    char *end = NULL;
    *cursor_out = digits ? strtoul(digits, &end, 10) : size;
    bool is_number = !digits || (*digits >= '0' && *digits <= '9' && !*end);
    if (is_number && *cursor_out <= size && ((uint8_t)text[*cursor_out] & 0xC0) != 0x80)
        return true;
    problem(request, 422, "malformed",
            "`cursor` is no place in `text`: it counts the bytes before it, at most all", "cursor");
    return false;
}

static godwit_err look_up(struct http_request *request, const struct filter_cursor *cursor,
                          struct known *known)
{
    struct app *app = request->app;
    const struct known_query query = {permission_org(request), permission_actor(request)->product,
                                      cursor->field, cursor->part};
    known->field = cursor->field;
    known->values.count = 0;
    if (cursor->field == FILTER_ANYWHERE) return GODWIT_OK;
    struct db *db = app_reader_take(app);
    if (!db) return GODWIT_ERR_IO;
    godwit_err err = known_values(db, &query, &known->values);
    app_reader_give(app, db);
    return err;
}

static json_t *view_completion(const struct filter_completion *completion, size_t to)
{
    json_t *candidates = json_array();
    for (size_t i = 0; i < completion->count; i++)
        json_array_append_new(candidates,
                              json_pack("{s:s, s:s}", "text", completion->candidates[i].text,
                                        "sentence", completion->candidates[i].sentence));
    return json_pack("{s:I, s:I, s:o}", "from", (json_int_t)completion->from, "to", (json_int_t)to,
                     "candidates", candidates);
}

void handle_filter_complete(struct http_request *request)
{
    const char *text = http_query(request, "text");
    size_t at;
    if (!text) text = "";
    if (!is_clean(text)) {
        problem(request, 422, "malformed",
                "`text` is longer than a filter, or holds what can not be printed", "text");
        return;
    }
    if (!read_cursor(request, text, &at)) return;
    struct known *known = arena_alloc(request->arena, sizeof *known);
    struct filter_completion *completion = arena_alloc(request->arena, sizeof *completion);
    if (!known || !completion) {
        problem_busy(request);
        return;
    }
    struct filter_cursor cursor;
    filter_cursor(text, at, &cursor);
    godwit_err err = look_up(request, &cursor, known);
    if (err) {
        problem_of_error(request, err);
        return;
    }
    const struct filter_world world = {
        .now_s = clock_unix_s(request->clock), .known = known_at, .ctx = known};
    filter_complete(text, at, &world, completion);
    reply_json(request, 200, view_completion(completion, at));
}
