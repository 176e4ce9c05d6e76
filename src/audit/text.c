/* Members by table, so that writing and reading can not differ. */
#include "audit/text.h"

#include <stdlib.h>

#include "base/text.h"

enum kind { NUMBER, WORDS, BYTES };

struct member {
    const char *name;
    enum kind kind;
    size_t offset, size;
};

#define MEMBER(of, name, kind, member)                                            \
    {                                                                             \
        name, kind, offsetof(struct of, member), sizeof(((struct of *)0)->member) \
    }

static const struct member RECORD[] = {
    MEMBER(audit_record, "sequence", NUMBER, sequence),
    MEMBER(audit_record, "time", NUMBER, time_s),
    MEMBER(audit_record, "org", WORDS, org),
    MEMBER(audit_record, "actor", WORDS, actor),
    MEMBER(audit_record, "address", WORDS, address),
    MEMBER(audit_record, "action", WORDS, action),
    MEMBER(audit_record, "object", WORDS, object),
    MEMBER(audit_record, "before", WORDS, before),
    MEMBER(audit_record, "after", WORDS, after),
    MEMBER(audit_record, "before_sha256", BYTES, before_sha256),
    MEMBER(audit_record, "after_sha256", BYTES, after_sha256),
    MEMBER(audit_record, "previous", BYTES, previous),
    MEMBER(audit_record, "hash", BYTES, hash),
};

static const struct member CHECKPOINT[] = {
    MEMBER(audit_checkpoint, "sequence", NUMBER, sequence),
    MEMBER(audit_checkpoint, "time", NUMBER, time_s),
    MEMBER(audit_checkpoint, "hash", BYTES, hash),
    MEMBER(audit_checkpoint, "key", BYTES, key),
    MEMBER(audit_checkpoint, "signature", BYTES, signature),
};

/* Zero bytes are null: there is no such digest. */
static json_t *bytes_json(const uint8_t *data, size_t size)
{
    char hex[129];
    if (godwit_all(data, size, 0)) return json_null();
    godwit_hex_encode(data, size, hex);
    return json_string(hex);
}

static json_t *write_members(const struct member *members, size_t count, const void *from)
{
    json_t *json = json_object();
    for (size_t i = 0; i < count; i++) {
        const char *at = (const char *)from + members[i].offset;
        json_t *value = NULL;
        if (members[i].kind == NUMBER) value = json_integer(*(const int64_t *)at);
        if (members[i].kind == WORDS) value = json_string(at);
        if (members[i].kind == BYTES) value = bytes_json((const uint8_t *)at, members[i].size);
        if (!json || json_object_set_new(json, members[i].name, value)) abort();
    }
    return json;
}

static bool read_member(const struct member *member, const json_t *value, char *at)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    if (member->kind == NUMBER) {
        *(int64_t *)at = json_integer_value(value);
        return json_is_integer(value);
    }
    if (member->kind == BYTES && json_is_null(value)) return true;
    if (!text) return false;
    if (member->kind == BYTES) return !godwit_hex_decode(text, size, (uint8_t *)at, member->size);
    if (size >= member->size || strlen(text) != size) return false;
    memcpy(at, text, size);
    return true;
}

static bool read_members(const struct member *members, size_t count, const json_t *json, void *out,
                         size_t out_size)
{
    memset(out, 0, out_size);
    if (!json_is_object(json) || json_object_size(json) != count) return false;
    for (size_t i = 0; i < count; i++)
        if (!read_member(&members[i], json_object_get(json, members[i].name),
                         (char *)out + members[i].offset))
            return false;
    return true;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

json_t *audit_record_json(const struct audit_record *record)
{
    return write_members(RECORD, COUNT(RECORD), record);
}

json_t *audit_checkpoint_json(const struct audit_checkpoint *checkpoint)
{
    return write_members(CHECKPOINT, COUNT(CHECKPOINT), checkpoint);
}

bool audit_record_parse(const json_t *json, struct audit_record *out)
{
    return read_members(RECORD, COUNT(RECORD), json, out, sizeof *out);
}

bool audit_checkpoint_parse(const json_t *json, struct audit_checkpoint *out)
{
    return read_members(CHECKPOINT, COUNT(CHECKPOINT), json, out, sizeof *out);
}
