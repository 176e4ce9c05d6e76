/* Names and tags, in SQL. Keys are folded once, where they are written: a filter then compares
 * bytes, on every database alike. */
#include "fleet/tags.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "filter/filter.h"
#include "fleet/event.h"
#include "fleet/memory.h"
#include "formats/name.h"

#define FILL_BATCH 512

/* ---- what may stand in them ---- */

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((uint8_t)*text & 0xC0) != 0x80;
    return count;
}

static bool is_printable(const char *text)
{
    char clean[DEVICE_NAME_MAX];
    return strlen(text) < sizeof clean && !strcmp(godwit_text_clean(text, clean), text);
}

const char *device_name_fault(const char *name)
{
    size_t size = strlen(name);
    if (size == 0) return "is empty";
    if (size >= DEVICE_NAME_MAX || characters(name) > DEVICE_NAME_CHARACTERS_MAX)
        return "is longer than 64 characters";
    if (!is_printable(name)) return "holds a character that can not be printed, or is not UTF-8";
    if (name[0] == ' ' || name[size - 1] == ' ') return "begins or ends with a space";
    if (strchr("=+-@", name[0])) return "begins with =, +, - or @, like a spreadsheet's formula";
    return NULL;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static const char *any_tag_fault(const char *tag, size_t size_max)
{
    size_t size = strlen(tag), key_size = 0;
    if (size == 0) return "is empty";
    if (size > size_max) return "is longer than 64 bytes";
    if (!is_printable(tag)) return "holds a character that can not be printed, or is not UTF-8";
    if (!is_alphanumeric(tag[0])) return "does not begin with a letter or digit of ASCII";
    while (is_alphanumeric(tag[key_size]) || (tag[key_size] && strchr("._-", tag[key_size])))
        key_size++;
    if (tag[key_size] && tag[key_size] != '=')
        return "has a key with other characters than ASCII letters, digits, '.', '_' and '-'";
    if (key_size > TAG_KEY_SIZE_MAX + sizeof ATTRIBUTE_PREFIX) return "has a key of over 32 bytes";
    if (tag[key_size] && !tag[key_size + 1]) return "has no value behind '='";
    if (strpbrk(tag + key_size, " ,\"\\*"))
        return "has a value with a space, comma, quote, backslash or '*'";
    return NULL;
}

static size_t key_size_of(const char *tag)
{
    return strcspn(tag, "=");
}

const char *tag_fault(const char *tag)
{
    const char *fault = any_tag_fault(tag, TAG_SIZE_MAX);
    if (fault) return fault;
    if (key_size_of(tag) > TAG_KEY_SIZE_MAX) return "has a key of over 32 bytes";
    char folded[TAG_SIZE_MAX + 1];
    filter_fold(folded, tag, sizeof folded);
    uint8_t zone;
    if (!strncmp(folded, "tz=", 3) && zone_parse(folded + 3, &zone))
        return "is no distance from UTC, as in tz=+02:00, by which windows of rollouts open";
    bool is_own = !strncmp(folded, ATTRIBUTE_PREFIX, sizeof ATTRIBUTE_PREFIX - 1);
    return is_own ? "begins with dev., under which a device says itself what it is" : NULL;
}

/* ---- writing ---- */

struct folded {
    char whole[TAG_SIZE_MAX + sizeof ATTRIBUTE_PREFIX];
    struct db_value name;
};

static struct folded *fold(struct folded *out, const char *tag)
{
    filter_fold(out->whole, tag, sizeof out->whole);
    out->name = (struct db_value){DB_TEXT, 0, out->whole, key_size_of(out->whole)};
    return out;
}

static godwit_err add_tag(struct db *db, int64_t id, const char *tag)
{
    struct folded folded;
    fold(&folded, tag);
    return db_run(db,
                  "insert into tags (org, device, tag_name, tag_key, tag)"
                  " values ((select org from devices where id = $1), $1, $2, $3, $4)"
                  " on conflict (device, tag_name) do update set tag_key = excluded.tag_key,"
                  " tag = excluded.tag",
                  DB_ARGS(db_int(id), folded.name, db_text(folded.whole), db_text(tag)));
}

/* A key alone removes its tag, whatever the value is. */
static godwit_err remove_tag(struct db *db, int64_t id, const char *tag)
{
    struct folded folded;
    fold(&folded, tag);
    if (!strchr(tag, '='))
        return db_run(db, "delete from tags where device = $1 and tag_name = $2",
                      DB_ARGS(db_int(id), folded.name));
    return db_run(db, "delete from tags where device = $1 and tag_key = $2",
                  DB_ARGS(db_int(id), db_text(folded.whole)));
}

static godwit_err add_event(struct db *db, const struct device *device, enum event_kind kind,
                            const char *detail, int64_t now_s)
{
    struct event event = {.time_s = now_s, .kind = kind};
    device_plain_text(event.detail, detail, sizeof event.detail);
    return event_add(db, device->id, device->device_id, &event);
}

godwit_err device_rename(struct db *db, const struct device *device, const char *name,
                         int64_t now_s)
{
    char key[DEVICE_NAME_MAX];
    filter_fold(key, name, sizeof key);
    godwit_err err = db_run(db, "update devices set name = $2, name_key = $3 where id = $1",
                            DB_ARGS(db_int(device->id), db_text(name), db_text(key)));
    return err ? err : add_event(db, device, EVENT_NAMED, name, now_s);
}

static bool has_key_of(const struct folded *a, const struct folded *b)
{
    return a->name.size == b->name.size && !memcmp(a->whole, b->whole, b->name.size);
}

/* As remove_tag does. */
static bool is_removed(const struct tag_change *change, const struct folded *tag)
{
    for (size_t i = 0; i < change->remove_count; i++) {
        struct folded gone;
        fold(&gone, change->remove[i]);
        bool is_key = !strchr(gone.whole, '=') && has_key_of(&gone, tag);
        if (is_key || !strcmp(gone.whole, tag->whole)) return true;
    }
    return false;
}

struct keys {
    struct folded keys[3 * TAGS_MAX];
    size_t count;
};

static void count_key(struct keys *keys, const struct folded *tag)
{
    for (size_t i = 0; i < keys->count; i++)
        if (has_key_of(&keys->keys[i], tag)) return;
    if (keys->count < sizeof keys->keys / sizeof *keys->keys) keys->keys[keys->count++] = *tag;
}

/* How many it will have: those that stay, and each key that is new. */
static godwit_err count_after(struct db *db, const struct device *device,
                              const struct tag_change *change, size_t *count_out)
{
    struct device_labels labels;
    struct keys keys = {.count = 0};
    struct folded tag;
    godwit_err err = device_labels(db, device->id, &labels);
    for (size_t i = 0; i < labels.tags_count && !err; i++) {
        fold(&tag, labels.tags[i]);
        bool is_own = !strncmp(tag.whole, ATTRIBUTE_PREFIX, sizeof ATTRIBUTE_PREFIX - 1);
        if (!is_own && !is_removed(change, &tag)) count_key(&keys, &tag);
    }
    for (size_t i = 0; i < change->add_count && !err; i++)
        count_key(&keys, fold(&tag, change->add[i]));
    *count_out = keys.count;
    return err;
}

/* "+site=berlin -beta" */
static void put_detail(char *out, size_t size, const struct tag_change *change)
{
    size_t used = 0;
    for (size_t i = 0; i < change->add_count + change->remove_count && used < size; i++) {
        bool is_added = i < change->add_count;
        const char *tag = is_added ? change->add[i] : change->remove[i - change->add_count];
        used += (size_t)snprintf(out + used, size - used, "%s%c%s", i ? " " : "",
                                 is_added ? '+' : '-', tag);
    }
}

godwit_err device_tag(struct db *db, const struct device *device, const struct tag_change *change,
                      int64_t now_s, enum tag_result *result_out)
{
    size_t count = 0;
    char detail[GODWIT_DETAIL_MAX] = "";
    godwit_err err = count_after(db, device, change, &count);
    *result_out = count > TAGS_MAX ? TAG_TOO_MANY : TAG_DONE;
    if (err || count > TAGS_MAX) return err;
    for (size_t i = 0; i < change->remove_count && !err; i++)
        err = remove_tag(db, device->id, change->remove[i]);
    for (size_t i = 0; i < change->add_count && !err; i++)
        err = add_tag(db, device->id, change->add[i]);
    put_detail(detail, sizeof detail, change);
    return err ? err : add_event(db, device, EVENT_TAGGED, detail, now_s);
}

/* The next of tags that are joined by spaces; "" for one that is too long. False: there is none. */
static bool next_tag(const char **tags, char out[static TAG_SIZE_MAX + 1])
{
    *tags += strspn(*tags, " ");
    size_t size = strcspn(*tags, " ");
    memset(out, 0, TAG_SIZE_MAX + 1);
    if (size <= TAG_SIZE_MAX) memcpy(out, *tags, size);
    *tags += size;
    return size > 0;
}

godwit_err device_give_tags(struct db *db, int64_t id, const char *tags)
{
    godwit_err err = GODWIT_OK;
    char tag[TAG_SIZE_MAX + 1];
    for (size_t count = 0; !err && count < TAGS_MAX && next_tag(&tags, tag);) {
        if (tag_fault(tag)) continue;
        err = add_tag(db, id, tag);
        count++;
    }
    return err;
}

godwit_err device_set_attributes(struct db *db, int64_t id, const char *attributes)
{
    godwit_err err = db_run(db, "delete from tags where device = $1 and tag_name like 'dev.%'",
                            DB_ARGS(db_int(id)));
    char attribute[TAG_SIZE_MAX + 1], tag[TAG_SIZE_MAX + sizeof ATTRIBUTE_PREFIX];
    for (size_t count = 0; !err && count < ATTRIBUTES_MAX && next_tag(&attributes, attribute);) {
        if (!strchr(attribute, '=') || any_tag_fault(attribute, TAG_SIZE_MAX)) continue;
        snprintf(tag, sizeof tag, "%s%s", ATTRIBUTE_PREFIX, attribute);
        err = add_tag(db, id, tag);
        count++;
    }
    return err;
}

/* ---- reading ---- */

godwit_err device_labels(struct db *db, int64_t id, struct device_labels *out)
{
    struct db_rows rows;
    memset(out, 0, sizeof *out);
    godwit_err err =
        db_query(db, &rows, "select name from devices where id = $1", DB_ARGS(db_int(id)));
    if (!err) err = db_next(&rows);
    if (!err) db_column_text(&rows, 0, out->name, sizeof out->name);
    db_rows_close(&rows);
    if (err) return err;
    err = db_query(db, &rows, "select tag from tags where device = $1 order by tag_name",
                   DB_ARGS(db_int(id)));
    while (!err && out->tags_count < TAGS_MAX + ATTRIBUTES_MAX && !(err = db_next(&rows)))
        db_column_text(&rows, 0, out->tags[out->tags_count++], sizeof out->tags[0]);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

/* ---- ids as text ---- */

struct unfilled {
    int64_t id;
    uint8_t device_id[16];
};

static godwit_err read_unfilled(struct db *db, struct unfilled *out, size_t *count_out)
{
    struct db_rows rows;
    *count_out = 0;
    godwit_err err =
        db_query(db, &rows, "select id, device_id from devices where id_text = '' limit $1",
                 DB_ARGS(db_int(FILL_BATCH)));
    while (!err && *count_out < FILL_BATCH && !(err = db_next(&rows))) {
        out[*count_out].id = db_column_int(&rows, 0);
        db_column_blob(&rows, 1, out[(*count_out)++].device_id, 16);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

godwit_err device_fill_id_texts(struct db *db)
{
    struct unfilled rows[FILL_BATCH];
    size_t count = 1;
    godwit_err err = db_begin(db);
    while (!err && count) {
        err = read_unfilled(db, rows, &count);
        for (size_t i = 0; i < count && !err; i++) {
            char text[13];
            device_id_text(rows[i].device_id, text);
            err = db_run(db, "update devices set id_text = $2 where id = $1",
                         DB_ARGS(db_int(rows[i].id), db_text(text)));
        }
    }
    if (!err) err = db_commit(db);
    if (err) db_rollback(db);
    return err;
}
