/* The message as JSON. One table per object drives both directions, so that a member can not be
 * written one way and read another; a zero or empty member that is not required is left out and
 * read back as zero. A hand-written encoder next to a hand-written decoder was rejected: the two
 * drift, and the drift shows first in the field.
 *
 * Texts come from images that others built: control characters are written as "?", so that the
 * largest message has a known size (tests hold it under GODWIT_CHECKIN_REQUEST_MAX). */
#include "formats/checkin.h"

#include <assert.h>

#include "base/text.h"

#define MAC_SIZE 6
#define TEXT_MAX GODWIT_DETAIL_MAX

enum kind { HEX, TEXT, NUMBER, BOOL, RESET, STAGE, OUTCOME, PROTOCOL };

/* A row of 4 bytes, for a device carries the tables; the names stand apart, one behind the other.
 */
struct member {
    uint16_t offset;
    uint8_t size;
    uint8_t is_required : 1;
    uint8_t kind : 7; /* enum kind */
};

#define CHECKIN(X)                                                \
    X(nonce, HEX, true)                                           \
    X(agent_version, TEXT, false)                                 \
    X(project, TEXT, true)                                        \
    X(version, TEXT, true)                                        \
    X(idf_version, TEXT, false)                                   \
    X(image_sha256, HEX, true)                                    \
    X(file_sha256, HEX, false)                                    \
    X(counter, NUMBER, false)                                     \
    X(on_trial, BOOL, false)                                      \
    X(slot, TEXT, false)                                          \
    X(staged_file_sha256, HEX, false)                             \
    X(progress, NUMBER, false)                                    \
    X(chip_id, NUMBER, true) /* 0 is a chip: it is always said */ \
    X(chip_revision, NUMBER, false)                               \
    X(block_revision, NUMBER, false)                              \
    X(no_max, NUMBER, false)                                      \
    X(mmu_page_log2, NUMBER, false)                               \
    X(flash_mode, NUMBER, false)                                  \
    X(flash_size, NUMBER, false)                                  \
    X(slot_size, NUMBER, false)                                   \
    X(free_heap, NUMBER, false)                                   \
    X(secure_version, NUMBER, false)                              \
    X(hardware_revision, NUMBER, false)                           \
    X(checkins, NUMBER, false)                                    \
    X(boots, NUMBER, false)                                       \
    X(reset, RESET, false)                                        \
    X(fresh_age_s, NUMBER, false)                                 \
    X(rollback_floor, NUMBER, false)                              \
    X(deploy_keys, HEX, false)                                    \
    X(unwatched, BOOL, false)                                     \
    X(attributes, TEXT, false)                                    \
    X(outcome, OUTCOME, false)                                    \
    X(token, HEX, false) /* stays last: only where has_token */

#define OUTCOME_OF(X)            \
    X(id, NUMBER, true)          \
    X(rollout_id, NUMBER, false) \
    X(stage, STAGE, true)        \
    X(reason, NUMBER, false)     \
    X(file_sha256, HEX, false)   \
    X(detail, TEXT, false)

#define NAME(member, kind, is_required) #member "\0"
#define CHECKIN_ROW(member, kind, is_required) \
    {offsetof(struct godwit_checkin, member), SIZE(godwit_checkin, member), is_required, kind},
#define OUTCOME_ROW(member, kind, is_required) \
    {offsetof(struct godwit_outcome, member), SIZE(godwit_outcome, member), is_required, kind},
#define SIZE(type, member) sizeof((struct type *)0)->member

static const char checkin_names[] = "protocol\0device_id\0" CHECKIN(NAME);
static const struct member checkin_members[] = {
    {0, 1, true, PROTOCOL},
    {offsetof(struct godwit_checkin, device_id), MAC_SIZE, true, HEX},
    CHECKIN(CHECKIN_ROW)};
static const char outcome_names[] = OUTCOME_OF(NAME);
static const struct member outcome_members[] = {OUTCOME_OF(OUTCOME_ROW)};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a short number begins a long one");
static_assert(sizeof(enum godwit_reset) == sizeof(unsigned), "names are read as unsigned");
static_assert(sizeof(enum godwit_stage) == sizeof(unsigned), "names are read as unsigned");
#define COUNT(members) (sizeof(members) / sizeof(members)[0])

static const char reset_names[] = "unknown\0power-on\0brown-out\0software\0panic\0watchdog\0"
                                  "deep-sleep\0";
static const char stage_names[] = "none\0ask\0download\0verify\0switch\0trial\0confirmed\0"
                                  "rolled-back\0";

/* The index-th name of a RESET or STAGE; the first for an index too large. */
static const char *name_at(enum kind kind, unsigned index)
{
    const char *names = kind == RESET ? reset_names : stage_names;
    unsigned count = kind == RESET ? GODWIT_RESET_COUNT : GODWIT_STAGE_COUNT;
    return godwit_text_at(names, index < count ? index : 0);
}

const char *godwit_reset_name(enum godwit_reset reset)
{
    return name_at(RESET, reset);
}

const char *godwit_stage_name(enum godwit_stage stage)
{
    return name_at(STAGE, stage);
}

/* A name that a newer device knows and we do not is read as the first: unknown, or none. */
static unsigned name_index(enum kind kind, const char *name)
{
    unsigned count = kind == RESET ? GODWIT_RESET_COUNT : GODWIT_STAGE_COUNT;
    for (unsigned i = 0; i < count; i++)
        if (strcmp(name_at(kind, i), name) == 0) return i;
    return 0;
}

/* ---- writing ---- */

static void member_add(struct godwit_json_writer *writer, const struct member *member,
                       const char *name, const uint8_t *object)
{
    const void *data = object + member->offset;
    size_t size = member->kind == TEXT ? 1 : member->size; /* a text ends at its first zero */
    if (!member->is_required && godwit_all(data, size, 0)) return;
    uint32_t number = 0;
    switch ((enum kind)member->kind) {
    case HEX:
        godwit_json_add_hex(writer, name, data, member->size);
        return;
    case TEXT:
        godwit_json_add_string(writer, name, data);
        return;
    case BOOL:
        godwit_json_add_bool(writer, name, *(const bool *)data);
        return;
    case RESET:
    case STAGE:
        godwit_json_add_string(writer, name, name_at(member->kind, *(const unsigned *)data));
        return;
    case OUTCOME: /* an object of its own, which its caller writes */
        return;
    case NUMBER:
        memcpy(&number, data, member->size);
        break;
    case PROTOCOL:
        number = GODWIT_CHECKIN_VERSION;
        break;
    }
    godwit_json_add_u32(writer, name, number);
}

static void members_add(struct godwit_json_writer *writer, const struct member *members,
                        size_t count, const char *names, const void *object)
{
    for (size_t i = 0; i < count; i++, names += strlen(names) + 1)
        member_add(writer, &members[i], names, object);
}

godwit_err godwit_checkin_encode(const struct godwit_checkin *checkin, char *out, size_t size_max,
                                 size_t *size_out)
{
    struct godwit_json_writer writer;
    godwit_json_writer_init(&writer, out, size_max);
    godwit_json_begin_object(&writer, NULL);
    size_t count = COUNT(checkin_members) - !checkin->has_token;
    members_add(&writer, checkin_members, count, checkin_names, checkin);
    if (checkin->outcome.id != 0) {
        godwit_json_begin_object(&writer, "outcome");
        members_add(&writer, outcome_members, COUNT(outcome_members), outcome_names,
                    &checkin->outcome);
        godwit_json_end_object(&writer);
    }
    godwit_json_end_object(&writer);
    return godwit_json_writer_finish(&writer, size_out);
}

/* ---- reading ---- */

static godwit_err name_read(struct godwit_json *json, enum kind kind, unsigned *index_out)
{
    char name[TEXT_MAX];
    godwit_err err = godwit_json_string(json, name, sizeof name);
    *index_out = err ? 0 : name_index(kind, name);
    return err;
}

static godwit_err outcome_read(struct godwit_json *json, struct godwit_outcome *out);

static godwit_err member_read(struct godwit_json *json, const struct member *member, void *data)
{
    uint32_t number = 0;
    godwit_err err;
    switch ((enum kind)member->kind) {
    case HEX:
        return godwit_json_hex(json, data, member->size);
    case TEXT:
        return godwit_json_string(json, data, member->size);
    case BOOL:
        return godwit_json_bool(json, data);
    case OUTCOME:
        return outcome_read(json, data);
    case NUMBER:
        err = godwit_json_u32(json, &number);
        memcpy(data, &number, member->size);
        return number > UINT32_MAX >> (32 - 8 * member->size) ? GODWIT_ERR_FORMAT : err;
    case PROTOCOL:
        err = godwit_json_u32(json, &number);
        return number != GODWIT_CHECKIN_VERSION ? GODWIT_ERR_FORMAT : err;
    case RESET:
    case STAGE:
        break;
    }
    return name_read(json, member->kind, data);
}

/* The row of that name; count for none. */
static size_t find_member(const char *names, size_t count, const struct godwit_json_text *key)
{
    size_t i = 0;
    for (; i < count && !godwit_json_is(key, names); i++)
        names += strlen(names) + 1;
    return i;
}

/* The same, begun after the row that was found last: members come in the table's order, some left
 * out, so that a server compares one or two names instead of half the table. */
struct place {
    const char *name;
    size_t index;
};

static size_t find_member_after(const char *names, size_t count, const struct godwit_json_text *key,
                                struct place *place)
{
    for (size_t tried = 0; tried < count; tried++) {
        size_t index = place->index, size = strlen(place->name);
        bool is_found = size == key->size && memcmp(place->name, key->data, size) == 0;
        bool is_last = index + 1 == count;
        *place = (struct place){is_last ? names : place->name + size + 1, is_last ? 0 : index + 1};
        if (is_found) return index;
    }
    return count;
}

/* One object: known members into `out`, the first of equal ones counts; the others are skipped. */
static godwit_err members_read(struct godwit_json *json, const struct member *members, size_t count,
                               const char *names, void *out)
{
    uint64_t seen = 0;
    struct place place = {names, 0};
    struct godwit_json_text key;
    godwit_err err = godwit_json_open(json, '{');
    while (!err && !(err = godwit_json_next(json, &key))) {
        size_t i = find_member_after(names, count, &key, &place);
        if (i < count && !(seen >> i & 1)) {
            seen |= UINT64_C(1) << i;
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
    godwit_err err =
        members_read(json, outcome_members, COUNT(outcome_members), outcome_names, out);
    return err || out->id > 0 ? err : GODWIT_ERR_FORMAT;
}

godwit_err godwit_checkin_decode(const char *text, size_t size, struct godwit_checkin *out)
{
    struct godwit_json json;
    *out = (struct godwit_checkin){0};
    if (size > GODWIT_CHECKIN_REQUEST_MAX) return GODWIT_ERR_SPACE;
    godwit_json_init(&json, text, size);
    godwit_err err =
        members_read(&json, checkin_members, COUNT(checkin_members), checkin_names, out);
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
    if (reply->rotate) godwit_json_add_bool(&writer, "rotate", true);
    godwit_json_add_u32(&writer, "interval_s", reply->interval_s);
    if (reply->outcome_id) godwit_json_add_u32(&writer, "outcome_id", reply->outcome_id);
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
enum reply_member {
    PENDING,
    ROTATE,
    INTERVAL,
    OUTCOME_ID,
    INSTRUCTION,
    SOURCES,
    NEXT_CA,
    REPLY_MEMBERS
};
static const char reply_names[] =
    "pending\0rotate\0interval_s\0outcome_id\0instruction\0sources\0next_ca\0";

static godwit_err reply_member_read(struct godwit_json *json, size_t member,
                                    struct godwit_checkin_reply *out)
{
    switch (member) {
    case PENDING:
    case ROTATE:
        return godwit_json_bool(json, member == PENDING ? &out->pending : &out->rotate);
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
        size_t member = find_member(reply_names, REPLY_MEMBERS, &key);
        if (seen >> member & 1) member = REPLY_MEMBERS; /* the first of equal ones counts */
        seen |= 1u << member;
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
