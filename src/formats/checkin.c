/* The message as JSON. One table per object drives both directions, so that a member can not be
 * written one way and read another; a zero or empty member that is not required is left out and
 * read back as zero. A hand-written encoder next to a hand-written decoder was rejected: the two
 * drift, and the drift shows first in the field.
 *
 * Texts come from images that others built: control characters are written as "?", so that the
 * largest message has a known size (tests hold it under GODWIT_CHECKIN_REQUEST_MAX). */
#include "formats/checkin.h"

#include <assert.h>

#define MAC_SIZE 6
#define TEXT_MAX GODWIT_DETAIL_MAX

enum kind { MAC, HEX, TEXT, U32, U16, BOOL, RESET, STAGE };

struct member {
    const char *name;
    uint8_t kind; /* enum kind: in a byte, a third of the table */
    bool is_required;
    uint16_t offset;
    uint8_t size;
};

#define MEMBER(type, member, kind, is_required)                    \
    {                                                              \
#member, kind, is_required, offsetof(struct type, member), \
            sizeof((struct type *)0)->member                       \
    }

static const struct member checkin_members[] = {
    MEMBER(godwit_checkin, device_id, MAC, true),
    MEMBER(godwit_checkin, nonce, HEX, true),
    MEMBER(godwit_checkin, agent_version, TEXT, false),
    MEMBER(godwit_checkin, project, TEXT, true),
    MEMBER(godwit_checkin, version, TEXT, true),
    MEMBER(godwit_checkin, idf_version, TEXT, false),
    MEMBER(godwit_checkin, image_sha256, HEX, true),
    MEMBER(godwit_checkin, file_sha256, HEX, false),
    MEMBER(godwit_checkin, counter, U32, false),
    MEMBER(godwit_checkin, on_trial, BOOL, false),
    MEMBER(godwit_checkin, slot, TEXT, false),
    MEMBER(godwit_checkin, idle_file_sha256, HEX, false),
    MEMBER(godwit_checkin, progress, U32, false),
    MEMBER(godwit_checkin, chip_id, U16, true), /* 0 is a chip: it is always said */
    MEMBER(godwit_checkin, chip_revision, U16, false),
    MEMBER(godwit_checkin, flash_size, U32, false),
    MEMBER(godwit_checkin, slot_size, U32, false),
    MEMBER(godwit_checkin, free_heap, U32, false),
    MEMBER(godwit_checkin, secure_version, U32, false),
    MEMBER(godwit_checkin, hardware_revision, U32, false),
    MEMBER(godwit_checkin, checkins, U32, false),
    MEMBER(godwit_checkin, boots, U32, false),
    MEMBER(godwit_checkin, reset, RESET, false),
    MEMBER(godwit_checkin, fresh_age_s, U32, false),
    MEMBER(godwit_checkin, floor, U32, false),
    MEMBER(godwit_checkin, deploy_keys, HEX, false),
    MEMBER(godwit_checkin, unwatched, BOOL, false),
};

static const struct member outcome_members[] = {
    MEMBER(godwit_outcome, id, U32, true),           MEMBER(godwit_outcome, rollout_id, U32, false),
    MEMBER(godwit_outcome, stage, STAGE, true),      MEMBER(godwit_outcome, reason, U32, false),
    MEMBER(godwit_outcome, file_sha256, HEX, false), MEMBER(godwit_outcome, detail, TEXT, false),
};

#define COUNT(members) (sizeof(members) / sizeof(members)[0])

static const char *const reset_names[GODWIT_RESET_COUNT] = {
    "unknown", "power-on", "brown-out", "software", "panic", "watchdog", "deep-sleep",
};
static const char *const stage_names[GODWIT_STAGE_COUNT] = {
    "none", "ask", "download", "verify", "switch", "trial", "confirmed", "flown-back",
};

const char *godwit_reset_name(enum godwit_reset reset)
{
    return (unsigned)reset < GODWIT_RESET_COUNT ? reset_names[reset] : reset_names[0];
}

const char *godwit_stage_name(enum godwit_stage stage)
{
    return (unsigned)stage < GODWIT_STAGE_COUNT ? stage_names[stage] : stage_names[0];
}

/* A name that a newer device knows and we do not is read as the first: unknown, or none. */
static unsigned name_index(const char *const *names, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        size_t size = strlen(names[i]) + 1;
        if (strlen(name) + 1 == size && memcmp(names[i], name, size) == 0) return i;
    }
    return 0;
}

/* ---- writing ---- */

static void text_add(struct godwit_json_writer *writer, const char *name, const char *text,
                     size_t size)
{
    char clean[TEXT_MAX] = {0};
    for (size_t i = 0; i + 1 < size && text[i]; i++)
        clean[i] = (uint8_t)text[i] < 0x20 ? '?' : text[i];
    godwit_json_add_string(writer, name, clean);
}

static void member_add(struct godwit_json_writer *writer, const struct member *member,
                       const uint8_t *object)
{
    const uint8_t *data = object + member->offset;
    bool is_left_out = member->kind == TEXT ? data[0] == 0 : godwit_all(data, member->size, 0);
    if (is_left_out && !member->is_required) return;
    switch ((enum kind)member->kind) {
    case MAC:
        godwit_json_add_hex(writer, member->name, data, MAC_SIZE);
        break;
    case HEX:
        godwit_json_add_hex(writer, member->name, data, member->size);
        break;
    case TEXT:
        text_add(writer, member->name, (const char *)data, member->size);
        break;
    case U32:
        godwit_json_add_u64(writer, member->name, *(const uint32_t *)(const void *)data);
        break;
    case U16:
        godwit_json_add_u64(writer, member->name, *(const uint16_t *)(const void *)data);
        break;
    case BOOL:
        godwit_json_add_bool(writer, member->name, *(const bool *)data);
        break;
    case RESET:
        godwit_json_add_string(writer, member->name,
                               godwit_reset_name(*(const enum godwit_reset *)(const void *)data));
        break;
    case STAGE:
        godwit_json_add_string(writer, member->name,
                               godwit_stage_name(*(const enum godwit_stage *)(const void *)data));
        break;
    }
}

static void members_add(struct godwit_json_writer *writer, const struct member *members,
                        size_t count, const void *object)
{
    for (size_t i = 0; i < count; i++)
        member_add(writer, &members[i], object);
}

godwit_err godwit_checkin_encode(const struct godwit_checkin *checkin, char *out, size_t size_max,
                                 size_t *size_out)
{
    struct godwit_json_writer writer;
    godwit_json_writer_init(&writer, out, size_max);
    godwit_json_begin_object(&writer, NULL);
    godwit_json_add_u64(&writer, "protocol", GODWIT_CHECKIN_VERSION);
    members_add(&writer, checkin_members, COUNT(checkin_members), checkin);
    if (checkin->has_token)
        godwit_json_add_hex(&writer, "token", checkin->token, sizeof checkin->token);
    if (checkin->outcome.id != 0) {
        godwit_json_begin_object(&writer, "outcome");
        members_add(&writer, outcome_members, COUNT(outcome_members), &checkin->outcome);
        godwit_json_end_object(&writer);
    }
    godwit_json_end_object(&writer);
    return godwit_json_finish(&writer, size_out);
}

/* ---- reading ---- */

static godwit_err name_read(const struct godwit_json *json, int node, const char *const *names,
                            unsigned count, unsigned *index_out)
{
    char name[TEXT_MAX];
    godwit_err err = godwit_json_string(json, node, name, sizeof name);
    if (err) return err;
    *index_out = name_index(names, count, name);
    return GODWIT_OK;
}

static godwit_err u16_read(const struct godwit_json *json, int node, uint16_t *value_out)
{
    uint32_t value;
    godwit_err err = godwit_json_u32(json, node, &value);
    if (err) return err;
    if (value > UINT16_MAX) return GODWIT_ERR_FORMAT;
    *value_out = (uint16_t)value;
    return GODWIT_OK;
}

static godwit_err member_read(const struct godwit_json *json, int node, const struct member *member,
                              uint8_t *data)
{
    unsigned index = 0;
    godwit_err err = GODWIT_ERR_FORMAT;
    switch ((enum kind)member->kind) {
    case MAC:
        return godwit_json_hex(json, node, data, MAC_SIZE);
    case HEX:
        return godwit_json_hex(json, node, data, member->size);
    case TEXT:
        return godwit_json_string(json, node, (char *)data, member->size);
    case U32:
        return godwit_json_u32(json, node, (uint32_t *)(void *)data);
    case U16:
        return u16_read(json, node, (uint16_t *)(void *)data);
    case BOOL:
        return godwit_json_bool(json, node, (bool *)data);
    case RESET:
        err = name_read(json, node, reset_names, GODWIT_RESET_COUNT, &index);
        *(enum godwit_reset *)(void *)data = (enum godwit_reset)index;
        break;
    case STAGE:
        err = name_read(json, node, stage_names, GODWIT_STAGE_COUNT, &index);
        *(enum godwit_stage *)(void *)data = (enum godwit_stage)index;
        break;
    }
    return err;
}

static godwit_err members_read(const struct godwit_json *json, int object,
                               const struct member *members, size_t count, void *out)
{
    for (size_t i = 0; i < count; i++) {
        int node = godwit_json_member(json, object, members[i].name);
        if (node < 0 && !members[i].is_required) continue;
        if (node < 0) return GODWIT_ERR_FORMAT;
        godwit_err err = member_read(json, node, &members[i], (uint8_t *)out + members[i].offset);
        if (err) return err;
    }
    return GODWIT_OK;
}

/* The text as one object; larger than size_max is refused unread. */
static godwit_err object_parse(struct godwit_json *json, const char *text, size_t size,
                               size_t size_max, struct godwit_json_token *tokens, size_t tokens_max)
{
    if (size > size_max) return GODWIT_ERR_SPACE;
    godwit_err err = godwit_json_parse(json, text, size, tokens, tokens_max);
    if (err) return err;
    return godwit_json_is_object(json, 0) ? GODWIT_OK : GODWIT_ERR_FORMAT;
}

static godwit_err outcome_read(const struct godwit_json *json, struct godwit_outcome *out)
{
    int node = godwit_json_member(json, 0, "outcome");
    if (node < 0) return GODWIT_OK;
    godwit_err err = members_read(json, node, outcome_members, COUNT(outcome_members), out);
    if (err) return err;
    return out->id > 0 ? GODWIT_OK : GODWIT_ERR_FORMAT;
}

static godwit_err checkin_read(const struct godwit_json *json, struct godwit_checkin *out)
{
    uint32_t protocol = 0;
    godwit_err err = godwit_json_u32(json, godwit_json_member(json, 0, "protocol"), &protocol);
    if (err || protocol != GODWIT_CHECKIN_VERSION) return GODWIT_ERR_FORMAT;
    err = members_read(json, 0, checkin_members, COUNT(checkin_members), out);
    if (err) return err;
    int token = godwit_json_member(json, 0, "token");
    if (token >= 0) {
        err = godwit_json_hex(json, token, out->token, sizeof out->token);
        if (err) return err;
        out->has_token = true;
    }
    return outcome_read(json, &out->outcome);
}

godwit_err godwit_checkin_decode(const char *text, size_t size, struct godwit_json_token *tokens,
                                 size_t tokens_max, struct godwit_checkin *out)
{
    struct godwit_json json;
    *out = (struct godwit_checkin){0};
    godwit_err err =
        object_parse(&json, text, size, GODWIT_CHECKIN_REQUEST_MAX, tokens, tokens_max);
    if (!err) err = checkin_read(&json, out);
    if (err) *out = (struct godwit_checkin){0};
    return err;
}

/* ---- the reply ---- */

/* Pending and instruction exclude each other: a device without a policy could not judge one. */
static bool reply_is_sound(const struct godwit_checkin_reply *reply)
{
    return reply->pending != reply->has_instruction && reply->interval_s >= 1 &&
           reply->interval_s <= GODWIT_INTERVAL_MAX_S;
}

godwit_err godwit_checkin_reply_encode(const struct godwit_checkin_reply *reply, char *out,
                                       size_t size_max, size_t *size_out)
{
    *size_out = 0;
    if (!reply_is_sound(reply)) return GODWIT_ERR_FORMAT;
    struct godwit_json_writer writer;
    godwit_json_writer_init(&writer, out, size_max);
    godwit_json_begin_object(&writer, NULL);
    if (reply->pending) godwit_json_add_bool(&writer, "pending", true);
    godwit_json_add_u64(&writer, "interval_s", reply->interval_s);
    if (reply->outcome_id) godwit_json_add_u64(&writer, "outcome_id", reply->outcome_id);
    if (reply->has_instruction)
        godwit_json_add_base64(&writer, "instruction", reply->instruction,
                               sizeof reply->instruction);
    if (reply->sources[0][0]) godwit_json_begin_array(&writer, "sources");
    for (size_t i = 0; i < GODWIT_SOURCES_MAX && reply->sources[i][0]; i++)
        godwit_json_add_string(&writer, NULL, reply->sources[i]);
    if (reply->sources[0][0]) godwit_json_end_array(&writer);
    if (!godwit_all(reply->next_ca, sizeof reply->next_ca, 0))
        godwit_json_add_hex(&writer, "next_ca", reply->next_ca, sizeof reply->next_ca);
    godwit_json_end_object(&writer);
    return godwit_json_finish(&writer, size_out);
}

/* More sources than there is room for, or one too long for it, are left out: they are only offers.
 */
static godwit_err sources_read(const struct godwit_json *json, struct godwit_checkin_reply *out)
{
    int array = godwit_json_member(json, 0, "sources");
    size_t count = 0;
    for (size_t i = 0; count < GODWIT_SOURCES_MAX; i++) {
        char *source = out->sources[count];
        godwit_err err = godwit_json_string(json, godwit_json_element(json, array, i), source,
                                            GODWIT_SOURCE_SIZE);
        if (err == GODWIT_ERR_MISSING) break;
        if (err && err != GODWIT_ERR_SPACE) return err;
        if (err)
            source[0] = 0;
        else
            count += source[0] != 0;
    }
    godwit_err err = godwit_json_hex(json, godwit_json_member(json, 0, "next_ca"), out->next_ca,
                                     sizeof out->next_ca);
    return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
}

/* By hand, though the table could do it: a device then carries no reader of the other kinds. */
static godwit_err reply_read(const struct godwit_json *json, struct godwit_checkin_reply *out)
{
    size_t size = 0;
    godwit_err err = godwit_json_bool(json, godwit_json_member(json, 0, "pending"), &out->pending);
    if (err && err != GODWIT_ERR_MISSING) return err;
    err = godwit_json_u32(json, godwit_json_member(json, 0, "outcome_id"), &out->outcome_id);
    if (err && err != GODWIT_ERR_MISSING) return err;
    err = godwit_json_u32(json, godwit_json_member(json, 0, "interval_s"), &out->interval_s);
    if (err) return GODWIT_ERR_FORMAT;
    err = godwit_json_base64(json, godwit_json_member(json, 0, "instruction"), out->instruction,
                             sizeof out->instruction, &size);
    if (err && err != GODWIT_ERR_MISSING) return err;
    out->has_instruction = !err;
    if (out->has_instruction && size != sizeof out->instruction) return GODWIT_ERR_FORMAT;
    err = sources_read(json, out);
    if (err) return err;
    return reply_is_sound(out) ? GODWIT_OK : GODWIT_ERR_FORMAT;
}

godwit_err godwit_checkin_reply_decode(const char *text, size_t size,
                                       struct godwit_json_token *tokens, size_t tokens_max,
                                       struct godwit_checkin_reply *out)
{
    struct godwit_json json;
    *out = (struct godwit_checkin_reply){0};
    godwit_err err = object_parse(&json, text, size, GODWIT_CHECKIN_REPLY_MAX, tokens, tokens_max);
    if (!err) err = reply_read(&json, out);
    if (err) *out = (struct godwit_checkin_reply){0};
    return err;
}
