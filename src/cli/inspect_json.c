/* An inspection for programs. What a file does not say is null, never absent. */
#include "base/text.h"
#include "cli/inspect.h"
#include "emu/behaviour.h"
#include "formats/chip.h"
#include "formats/name.h"

static json_t *hex(const uint8_t *data, size_t size)
{
    char text[2 * 64 + 1];
    godwit_hex_encode(data, size, text);
    return json_string(text);
}

static json_t *clean(const char *text)
{
    char out[64];
    return json_string(godwit_text_clean(text, out));
}

static json_t *revision(uint16_t value)
{
    return json_sprintf("%u.%u", value / 100u, value % 100u);
}

static json_t *boards_json(uint32_t mask)
{
    json_t *list = json_array();
    for (int board = 0; board < 32; board++)
        if (mask >> board & 1) json_array_append_new(list, json_integer(board));
    return list;
}

static json_t *policy_json(const struct inspection *inspection)
{
    const struct godwit_policy *policy = &inspection->check.policy;
    json_t *keys = json_array(), *signers = json_array(), *deploy_keys = json_array();
    json_t *flags = json_array();
    for (size_t i = 0; i < policy->image_keys_count; i++) {
        json_array_append_new(keys, hex(policy->image_keys[i], 32));
        if (inspection_is_signed_by(inspection, policy->image_keys[i]))
            json_array_append_new(signers, hex(policy->image_keys[i], 32));
    }
    for (size_t i = 0; i < policy->deploy_keys_count; i++)
        json_array_append_new(deploy_keys, hex(policy->deploy_keys[i], 64));
    for (size_t bit = 0; policy_flag_name(bit); bit++)
        if (policy->flags >> bit & 1)
            json_array_append_new(flags, json_string(policy_flag_name(bit)));
    json_t *out = json_pack(
        "{so si sI sI sI so so so so so}", "product_id", hex(policy->product_id, 16), "threshold",
        (int)policy->threshold, "hardware_mask", (json_int_t)policy->hardware_mask, "counter",
        (json_int_t)policy->counter, "rollback_floor", (json_int_t)policy->rollback_floor,
        "image_keys", keys, "signed_by", signers, "deploy_keys", deploy_keys, "flags", flags,
        "boards", boards_json(policy->hardware_mask));
    bool is_named = policy_is_of_project(inspection);
    json_object_set_new(out, "product",
                        is_named ? clean(inspection->check.image.info.project) : json_null());
    return out;
}

/* "policy", "placeholder", or null where there is no room for one. */
static json_t *place_json(const struct inspection *inspection)
{
    if (inspection->check.kind != GODWIT_FILE_APP) return json_null();
    if (inspection->place == POLICY_PLACE_FILLED) return json_string("policy");
    return inspection->place == POLICY_PLACE_EMPTY ? json_string("placeholder") : json_null();
}

static void add_header(json_t *out, const struct godwit_image_info *info)
{
    const struct godwit_chip *chip = godwit_chip_by_id(info->chip_id);
    bool has_max = info->revision_max != 0 && info->revision_max != 65535;
    if (chip) json_object_set_new(out, "chip", json_string(chip->name));
    json_object_set_new(out, "chip_id", json_integer(info->chip_id));
    json_object_set_new(out, "revision_min", revision(info->revision_min));
    if (has_max) json_object_set_new(out, "revision_max", revision(info->revision_max));
    json_object_set_new(out, "revision_min_legacy", json_integer(info->revision_min_legacy));
    json_object_set_new(out, "flash_size", json_integer(godwit_image_flash_size(info)));
    json_object_set_new(out, "flash_mode", json_string(godwit_flash_mode_name(info->flash_mode)));
    json_object_set_new(out, "segments", json_integer(info->segment_count));
    json_object_set_new(out, "entry", json_integer(info->entry));
}

static void add_description(json_t *out, const struct godwit_image_info *info)
{
    json_object_set_new(out, "project", clean(info->project));
    json_object_set_new(out, "version", clean(info->version));
    json_object_set_new(out, "idf_version", clean(info->idf_version));
    json_object_set_new(out, "secure_version", json_integer(info->secure_version));
    json_object_set_new(out, "block_revision_min", revision(info->block_revision_min));
    if (info->block_revision_max != 0 && info->block_revision_max != 65535)
        json_object_set_new(out, "block_revision_max", revision(info->block_revision_max));
    if (info->mmu_page_log2)
        json_object_set_new(out, "mmu_page",
                            json_integer(UINT32_C(1) << (info->mmu_page_log2 & 31)));
}

static void add_image(json_t *out, const struct inspection *inspection)
{
    static const char *const MEMBERS[] = {
        "chip",
        "chip_id",
        "revision_min",
        "revision_max",
        "segments",
        "entry",
        "project",
        "version",
        "idf_version",
        "secure_version",
        "image_size",
        "image_sha256",
        "policy",
        "behaviour",
        "flash_size",
        "flash_mode",
        "revision_min_legacy",
        "block_revision_min",
        "block_revision_max",
        "mmu_page",
    };
    const struct godwit_image_info *info = &inspection->check.image.info;
    struct behaviour behaviour = behaviour_decode(inspection->behaviour);
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++)
        json_object_set_new(out, MEMBERS[i], json_null());
    if (inspection->has_header) add_header(out, info);
    if (info->has_description) add_description(out, info);
    if (info->image_size) json_object_set_new(out, "image_size", json_integer(info->image_size));
    if (info->image_size && info->hash_appended)
        json_object_set_new(out, "image_sha256", hex(info->image_sha256, 32));
    if (inspection->check.has_policy) json_object_set_new(out, "policy", policy_json(inspection));
    json_object_set_new(out, "policy_place", place_json(inspection));
    if (inspection->has_behaviour)
        json_object_set_new(out, "behaviour", json_string(behaviour_name(behaviour.kind)));
}

static void add_lists(json_t *out, const struct inspection *inspection)
{
    json_t *signatures = json_array(), *problems = json_array(), *warnings = json_array();
    for (size_t i = 0; i < inspection->check.signatures_count; i++) {
        const struct godwit_sigblock *block = &inspection->check.signatures[i];
        json_array_append_new(signatures, json_pack("{ss so sb ss}", "scheme",
                                                    godwit_scheme_name(block->scheme), "key_digest",
                                                    hex(block->key_digest, 32), "good",
                                                    block->reason == GODWIT_REASON_NONE, "reason",
                                                    godwit_reason_id(block->reason)));
    }
    for (size_t i = 0; i < inspection->check.problems_count; i++)
        json_array_append_new(problems,
                              json_pack("{ss ss}", "code",
                                        godwit_reason_id(inspection->check.problems[i].reason),
                                        "message", inspection->check.problems[i].message));
    for (size_t i = 0; i < inspection->check.notes_count; i++)
        json_array_append_new(warnings, json_string(inspection->check.notes[i]));
    json_object_set_new(out, "signatures", signatures);
    json_object_set_new(out, "warnings", warnings);
    json_object_set_new(out, "problems", problems);
}

json_t *inspection_json(const struct inspection *inspection)
{
    json_t *out = json_object();
    json_object_set_new(out, "kind", json_string(godwit_file_kind_id(inspection->check.kind)));
    json_object_set_new(out, "size", json_integer((json_int_t)inspection->check.size));
    json_object_set_new(out, "file_sha256", hex(inspection->file_sha256, 32));
    add_image(out, inspection);
    add_lists(out, inspection);
    json_object_set_new(out, "sound", json_boolean(inspection->check.problems_count == 0));
    return out;
}
