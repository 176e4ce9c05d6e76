/* An inspection for programs. What a file does not say is null, never absent. */
#include "base/text.h"
#include "cli/inspect.h"
#include "emu/behaviour.h"
#include "formats/chip.h"

static json_t *hex(const uint8_t *data, size_t size)
{
    char text[2 * 64 + 1];
    godwit_hex_encode(data, size, text);
    return json_string(text);
}

static json_t *clean(const char *text)
{
    char out[64];
    return json_string(text_clean(text, out));
}

static json_t *revision(bool is_limit, uint16_t value)
{
    return is_limit ? json_sprintf("%u.%u", value / 100u, value % 100u) : json_null();
}

static json_t *policy_json(const struct godwit_policy *policy)
{
    json_t *keys = json_array(), *flags = json_array();
    for (size_t i = 0; i < policy->image_keys_count; i++)
        json_array_append_new(keys, hex(policy->image_keys[i], 32));
    for (size_t bit = 0; policy_flag_name(bit); bit++)
        if (policy->flags >> bit & 1)
            json_array_append_new(flags, json_string(policy_flag_name(bit)));
    return json_pack("{so si sI sI sI so so si}", "product_id", hex(policy->product_id, 16),
                     "threshold", (int)policy->threshold, "hardware_mask",
                     (json_int_t)policy->hardware_mask, "counter", (json_int_t)policy->counter,
                     "floor", (json_int_t)policy->floor, "image_keys", keys, "flags", flags,
                     "deploy_keys", (int)policy->deploy_keys_count);
}

static void add_image(json_t *out, const struct inspection *inspection)
{
    const struct godwit_image_info *info = &inspection->image.info;
    const struct godwit_chip *chip = godwit_chip_by_id(info->chip_id);
    bool has_header = inspection->has_header, is_described = info->has_description;
    bool has_max = info->revision_max != 0 && info->revision_max != 65535;
    bool has_digest = info->hash_appended && info->image_size;
    json_object_set_new(out, "chip", has_header && chip ? json_string(chip->name) : json_null());
    json_object_set_new(out, "chip_id", has_header ? json_integer(info->chip_id) : json_null());
    json_object_set_new(out, "revision_min", revision(has_header, info->revision_min));
    json_object_set_new(out, "revision_max", revision(has_header && has_max, info->revision_max));
    json_object_set_new(out, "segments",
                        has_header ? json_integer(info->segment_count) : json_null());
    json_object_set_new(out, "entry", has_header ? json_integer(info->entry) : json_null());
    json_object_set_new(out, "project", is_described ? clean(info->project) : json_null());
    json_object_set_new(out, "version", is_described ? clean(info->version) : json_null());
    json_object_set_new(out, "idf_version", is_described ? clean(info->idf_version) : json_null());
    json_object_set_new(out, "secure_version",
                        is_described ? json_integer(info->secure_version) : json_null());
    json_object_set_new(out, "image_size",
                        info->image_size ? json_integer(info->image_size) : json_null());
    json_object_set_new(out, "image_sha256",
                        has_digest ? hex(info->image_sha256, 32) : json_null());
    json_object_set_new(out, "policy",
                        inspection->has_policy ? policy_json(&inspection->policy) : json_null());
}

static void add_lists(json_t *out, const struct inspection *inspection)
{
    json_t *signatures = json_array(), *problems = json_array();
    for (size_t i = 0; i < inspection->signatures_count; i++) {
        const struct godwit_sigblock *block = &inspection->signatures[i];
        json_array_append_new(signatures, json_pack("{ss so sb ss}", "scheme",
                                                    godwit_scheme_name(block->scheme), "key_digest",
                                                    hex(block->key_digest, 32), "good",
                                                    block->reason == GODWIT_REASON_NONE, "reason",
                                                    godwit_reason_id(block->reason)));
    }
    for (size_t i = 0; i < inspection->problems_count; i++)
        json_array_append_new(problems, json_pack("{ss ss}", "code",
                                                  godwit_reason_id(inspection->problems[i].reason),
                                                  "message", inspection->problems[i].message));
    json_object_set_new(out, "signatures", signatures);
    json_object_set_new(out, "problems", problems);
}

json_t *inspection_json(const struct inspection *inspection)
{
    json_t *out = json_object();
    struct behaviour behaviour = behaviour_decode(inspection->behaviour);
    json_object_set_new(out, "kind", json_string(godwit_file_kind_id(inspection->kind)));
    json_object_set_new(out, "size", json_integer((json_int_t)inspection->size));
    json_object_set_new(out, "file_sha256", hex(inspection->file_sha256, 32));
    add_image(out, inspection);
    json_object_set_new(out, "behaviour",
                        inspection->behaviour[0] ? json_string(behaviour_name(behaviour.kind))
                                                 : json_null());
    add_lists(out, inspection);
    json_object_set_new(out, "sound", json_boolean(inspection->problems_count == 0));
    return out;
}
