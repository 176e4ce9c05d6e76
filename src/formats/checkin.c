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

enum kind { MAC, HEX, TEXT, U32, U16, BOOL, RESET, STAGE, OUTCOME, PROTOCOL, TOKEN };

struct member { /* small: a device carries the table */
    const char *name;
    uint16_t offset;
    uint8_t size;
    uint8_t kind : 7; /* enum kind */
    uint8_t is_required : 1;
};

#define MEMBER(type, member, kind, is_required)                                         \
    {                                                                                   \
#member, offsetof(struct type, member), sizeof((struct type *)0)->member, kind, \
            is_required                                                                 \
    }

static const struct member checkin_members[] = {
    {"protocol", 0, 1, PROTOCOL, true},
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
    MEMBER(godwit_checkin, token, TOKEN, false),
    MEMBER(godwit_checkin, outcome, OUTCOME, false),
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
    const void *data = object + member->offset;
    bool is_left_out =
        member->kind == TEXT ? *(const char *)data == 0 : godwit_all(data, member->size, 0);
    if (is_left_out && !member->is_required) return;
    const char *name = member->name;
    uint32_t number = 0;
    switch ((enum kind)member->kind) {
    case MAC:
        godwit_json_add_hex(writer, name, data, MAC_SIZE);
        return;
    case TOKEN:
        if (!((const struct godwit_checkin *)(const void *)object)->has_token) return;
        __attribute__((fallthrough));
    case HEX:
        godwit_json_add_hex(writer, name, data, member->size);
        return;
    case TEXT:
        text_add(writer, name, data, member->size);
        return;
    case BOOL:
        godwit_json_add_bool(writer, name, *(const bool *)data);
        return;
    case RESET:
        godwit_json_add_string(writer, name, godwit_reset_name(*(const enum godwit_reset *)data));
        return;
    case STAGE:
        godwit_json_add_string(writer, name, godwit_stage_name(*(const enum godwit_stage *)data));
        return;
    case OUTCOME: /* an object of its own, which its caller writes */
        return;
    case U32:
        number = *(const uint32_t *)data;
        break;
    case U16:
        number = *(const uint16_t *)data;
        break;
    case PROTOCOL:
        number = GODWIT_CHECKIN_VERSION;
        break;
    }
    godwit_json_add_u64(writer, name, number);
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
    members_add(&writer, checkin_members, COUNT(checkin_members), checkin);
    if (checkin->outcome.id != 0) {
        godwit_json_begin_object(&writer, "outcome");
        members_add(&writer, outcome_members, COUNT(outcome_members), &checkin->outcome);
        godwit_json_end_object(&writer);
    }
    godwit_json_end_object(&writer);
    return godwit_json_writer_finish(&writer, size_out);
}

/* ---- reading ---- */

static godwit_err name_read(struct godwit_json *json, const char *const *names, unsigned count,
                            unsigned *index_out)
{
    char name[TEXT_MAX];
    godwit_err err = godwit_json_string(json, name, sizeof name);
    if (err) return err;
    *index_out = name_index(names, count, name);
    return GODWIT_OK;
}

static godwit_err outcome_read(struct godwit_json *json, struct godwit_outcome *out);

static godwit_err member_read(struct godwit_json *json, const struct member *member, void *data)
{
    unsigned index = 0;
    uint32_t number = 0;
    godwit_err err = GODWIT_ERR_FORMAT;
    switch ((enum kind)member->kind) {
    case MAC:
        return godwit_json_hex(json, data, MAC_SIZE);
    case HEX:
    case TOKEN:
        return godwit_json_hex(json, data, member->size);
    case TEXT:
        return godwit_json_string(json, data, member->size);
    case U32:
        return godwit_json_u32(json, data);
    case BOOL:
        return godwit_json_bool(json, data);
    case OUTCOME:
        return outcome_read(json, data);
    case U16:
        err = godwit_json_u32(json, &number);
        *(uint16_t *)data = (uint16_t)number;
        return number > UINT16_MAX ? GODWIT_ERR_FORMAT : err;
    case PROTOCOL:
        err = godwit_json_u32(json, &number);
        return number != GODWIT_CHECKIN_VERSION ? GODWIT_ERR_FORMAT : err;
    case RESET:
        err = name_read(json, reset_names, GODWIT_RESET_COUNT, &index);
        *(enum godwit_reset *)data = (enum godwit_reset)index;
        break;
    case STAGE:
        err = name_read(json, stage_names, GODWIT_STAGE_COUNT, &index);
        *(enum godwit_stage *)data = (enum godwit_stage)index;
        break;
    }
    return err;
}

/* The row of that name; count for none. Members come mostly in the table's order, so the search
 * begins where the last one ended. */
static size_t find_member(const struct member *members, size_t count, size_t from,
                          const struct godwit_json_text *key)
{
    for (size_t n = 0; n < count; n++) {
        size_t i = from + n < count ? from + n : from + n - count;
        if (godwit_json_is(key, members[i].name)) return i;
    }
    return count;
}

/* One object: known members into `out`, the first of equal ones counts; the others are skipped. */
static godwit_err members_read(struct godwit_json *json, const struct member *members, size_t count,
                               void *out)
{
    uint64_t seen = 0;
    size_t next = 0;
    struct godwit_json_text key;
    godwit_err err = godwit_json_open(json, '{');
    while (!err && !(err = godwit_json_next(json, &key))) {
        size_t i = find_member(members, count, next, &key);
        if (i < count && !(seen >> i & 1)) {
            seen |= UINT64_C(1) << i;
            next = i + 1 < count ? i + 1 : 0;
            err = member_read(json, &members[i], (uint8_t *)out + members[i].offset);
        } else {
            err = godwit_json_skip(json);
        }
    }
    if (err != GODWIT_ERR_END) return err;
    for (size_t i = 0; i < count; i++)
        if (members[i].is_required && !(seen >> i & 1)) return GODWIT_ERR_FORMAT;
    return GODWIT_OK;
}

static godwit_err outcome_read(struct godwit_json *json, struct godwit_outcome *out)
{
    godwit_err err = members_read(json, outcome_members, COUNT(outcome_members), out);
    return err || out->id > 0 ? err : GODWIT_ERR_FORMAT;
}

godwit_err godwit_checkin_decode(const char *text, size_t size, struct godwit_checkin *out)
{
    struct godwit_json json;
    *out = (struct godwit_checkin){0};
    if (size > GODWIT_CHECKIN_REQUEST_MAX) return GODWIT_ERR_SPACE;
    godwit_json_init(&json, text, size);
    godwit_err err = members_read(&json, checkin_members, COUNT(checkin_members), out);
    if (!err) err = godwit_json_finish(&json);
    out->has_token = !godwit_all(out->token, sizeof out->token, 0);
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
    return godwit_json_writer_finish(&writer, size_out);
}

/* More sources than there is room for, one too long for it or spelled with escapes are left out:
 * they are only offers. */
static godwit_err sources_read(struct godwit_json *json, struct godwit_checkin_reply *out)
{
    struct godwit_json_text text;
    size_t count = 0;
    godwit_err err = godwit_json_open(json, '[');
    while (!err && !(err = godwit_json_next(json, NULL))) {
        err = godwit_json_raw(json, &text);
        if (err || count == GODWIT_SOURCES_MAX || text.size - 1 >= GODWIT_SOURCE_SIZE - 1 ||
            memchr(text.data, '\\', text.size))
            continue;
        memcpy(out->sources[count++], text.data, text.size);
    }
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

/* By hand, though the members' table could do it: a device then carries no reader of its kinds. */
enum reply_member { PENDING, INTERVAL, OUTCOME_ID, INSTRUCTION, SOURCES, NEXT_CA, REPLY_MEMBERS };
static const char reply_names[REPLY_MEMBERS][12] = {"pending",     "interval_s", "outcome_id",
                                                    "instruction", "sources",    "next_ca"};

static godwit_err reply_member_read(struct godwit_json *json, unsigned member,
                                    struct godwit_checkin_reply *out)
{
    switch (member) {
    case PENDING:
        return godwit_json_bool(json, &out->pending);
    case INTERVAL:
        return godwit_json_u32(json, &out->interval_s);
    case OUTCOME_ID:
        return godwit_json_u32(json, &out->outcome_id);
    case INSTRUCTION:
        out->has_instruction = true;
        return godwit_json_base64(json, out->instruction, sizeof out->instruction);
    case SOURCES:
        return sources_read(json, out);
    case NEXT_CA:
        return godwit_json_hex(json, out->next_ca, sizeof out->next_ca);
    default:
        return godwit_json_skip(json);
    }
}

static godwit_err reply_read(struct godwit_json *json, struct godwit_checkin_reply *out)
{
    unsigned seen = 0;
    struct godwit_json_text key;
    godwit_err err = godwit_json_open(json, '{');
    while (!err && !(err = godwit_json_next(json, &key))) {
        unsigned member = 0;
        while (member < REPLY_MEMBERS && !godwit_json_is(&key, reply_names[member]))
            member++;
        if (seen >> member & 1) member = REPLY_MEMBERS; /* the first of equal ones counts */
        seen |= 1u << member & ~(1u << REPLY_MEMBERS);
        err = reply_member_read(json, member, out);
    }
    return err == GODWIT_ERR_END ? godwit_json_finish(json) : err;
}

godwit_err godwit_checkin_reply_decode(const char *text, size_t size,
                                       struct godwit_checkin_reply *out)
{
    struct godwit_json json;
    *out = (struct godwit_checkin_reply){0};
    if (size > GODWIT_CHECKIN_REPLY_MAX) return GODWIT_ERR_SPACE;
    godwit_json_init(&json, text, size);
    godwit_err err = reply_read(&json, out);
    if (!err && !reply_is_sound(out)) err = GODWIT_ERR_FORMAT;
    if (err) *out = (struct godwit_checkin_reply){0};
    return err;
}
