/* From one value to the next that differs, each by one look into an index: `select distinct` would
 * read every device. Where only one product's count, some devices of each value are looked at: a
 * value that many devices of others share may be missed, and none of theirs is ever told. */
#include "fleet/known_values.h"

#include <stdio.h>

#include "filter/version_key.h"

#define KEY_MAX 300

/* From where in the index on values are looked for. */
enum from { FROM_START, FROM_PART, FROM_UPPER, FROM_VERSION };

struct source {
    enum filter_field field;
    enum from from;
    const char *first; /* key and text of the first value at or behind the key $2 */
    const char *next;  /* behind it */
    const char *is_of; /* whether one of some devices with the key $2 is of the product $3 */
};

#define NEXT(table, key, text, op, order)                                                          \
    "select " key ", " text " from " table " where org = $1 and " key " " op " $2 order by " order \
    " limit 1"
#define BOTH(table, key, text, order) \
    NEXT(table, key, text, ">=", order), NEXT(table, key, text, ">", order)
#define OF_DEVICES(key)                                                                         \
    "select 1 from (select product_name from devices where org = $1 and " key " = $2 order by " \
    "id limit 100) as some_devices where product_name = $3 limit 1"
#define OF_TAGS                                                                               \
    "select 1 from (select device from tags where org = $1 and tag_key = $2 order by device " \
    "limit 100) as some_tags, devices where id = device and product_name = $3 limit 1"
#define OF_PRODUCTS "select 1 from products where org = $1 and name = $2 and name = $3"

static const struct source SOURCES[] = {
    {FILTER_PRODUCT, FROM_UPPER, BOTH("products", "name", "name", "name"), OF_PRODUCTS},
    {FILTER_NAME, FROM_PART, BOTH("devices", "name_key", "name", "name_key, id"),
     OF_DEVICES("name_key")},
    {FILTER_VERSION, FROM_VERSION,
     BOTH("devices", "version_key", "shown_version", "version_key, id"), OF_DEVICES("version_key")},
    {FILTER_SLOT, FROM_START, BOTH("devices", "slot", "slot", "slot, id"), OF_DEVICES("slot")},
    {FILTER_TAG, FROM_PART, BOTH("tags", "tag_key", "tag", "tag_key, device"), OF_TAGS},
};

static const struct source *source_find(enum filter_field field)
{
    for (size_t i = 0; i < sizeof SOURCES / sizeof *SOURCES; i++)
        if (SOURCES[i].field == field) return &SOURCES[i];
    return NULL;
}

/* The key of the text as typed without what ends it: "1.4" is before "1.4.1", "1.4-rc" and "1.40",
 * and "1." or "1.0" before "1". */
static void version_from(const char *part, char *out)
{
    char version[VERSION_KEY_SIZE_MAX + 1];
    snprintf(version, sizeof version, "%.*s", (int)strcspn(part, "-+"), part);
    size_t size = strlen(version);
    while (size && (version[size - 1] == '.' || version[size - 1] == '0'))
        size--;
    version[size] = '\0';
    version_key(version, out);
    out[strcspn(out, "\1")] = '\0'; /* the end of the numbers */
}

static void first_key(enum from from, const char *part, char out[static KEY_MAX])
{
    snprintf(out, KEY_MAX, "%s", from == FROM_START ? "" : part);
    if (from == FROM_VERSION) version_from(part, out);
    for (char *at = out; from == FROM_UPPER && *at; at++)
        if (*at >= 'a' && *at <= 'z') *at -= 'a' - 'A';
}

/* END: there is none. */
static godwit_err step(struct db *db, const char *sql, const char *org, char key[static KEY_MAX],
                       char text[static KEY_MAX])
{
    struct db_rows rows;
    godwit_err err = db_query(db, &rows, sql, DB_ARGS(db_text(org), db_text(key)));
    if (!err) err = db_next(&rows);
    if (!err) {
        db_column_text(&rows, 0, key, KEY_MAX);
        db_column_text(&rows, 1, text, KEY_MAX);
    }
    db_rows_close(&rows);
    return err;
}

static godwit_err is_of_product(struct db *db, const struct source *source,
                                const struct known_query *query, const char *key, bool *is_of_out)
{
    struct db_rows rows;
    *is_of_out = true;
    if (!*query->product) return GODWIT_OK;
    godwit_err err = db_query(db, &rows, source->is_of,
                              DB_ARGS(db_text(query->org), db_text(key), db_text(query->product)));
    if (!err) err = db_next(&rows);
    db_rows_close(&rows);
    *is_of_out = !err;
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

static bool is_behind(const struct source *source, const char *part, const char *key)
{
    return source->from == FROM_PART && strncmp(key, part, strlen(part)) != 0;
}

godwit_err known_values(struct db *db, const struct known_query *query, struct known_values *out)
{
    const struct source *source = source_find(query->field);
    char key[KEY_MAX], text[KEY_MAX];
    bool is_of;
    godwit_err err = GODWIT_OK;
    out->count = 0;
    if (!source) return GODWIT_OK;
    first_key(source->from, query->part, key);
    for (size_t i = 0; i < KNOWN_VALUES_MAX && !err; i++) {
        err = step(db, i ? source->next : source->first, query->org, key, text);
        if (err || is_behind(source, query->part, key)) break;
        err = is_of_product(db, source, query, key, &is_of);
        if (!err && is_of && *text && strlen(text) < sizeof out->texts[0])
            memcpy(out->texts[out->count++], text, strlen(text) + 1);
    }
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}
