/* What is said of a file that was taken: facts, then warnings in sentences, each with what to do.
 */
#include "base/text.h"
#include "fleet/override.h"
#include "fleet/upgrade_path.h"
#include "formats/chip.h"
#include "formats/name.h"
#include "server/upload.h"

static json_t *signatures_json(const struct job *job)
{
    json_t *list = json_array();
    for (size_t i = 0; i < job->check.signatures_count; i++) {
        const struct godwit_sigblock *block = &job->check.signatures[i];
        char hex[65];
        godwit_hex_encode(block->key_digest, 32, hex);
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "scheme", godwit_scheme_name(block->scheme),
                                        "key_digest", hex));
    }
    return list;
}

/* What leads devices to it that run the newest release and would refuse it. */
static const struct {
    enum godwit_reason reason;
    const char *sentence;
} CURES[] = {
    {GODWIT_REASON_UNSIGNED, "sign it and upload it again"},
    {GODWIT_REASON_SIGNATURE_KEY, "no key that it trusts signed the file; sign it with one and "
                                  "upload it again, or deploy a bridge release first"},
    {GODWIT_REASON_SIGNATURE_THRESHOLD,
     "fewer keys that it trusts signed the file than its policy needs; sign it with another one "
     "(`godwit sign`) and upload it again"},
    {GODWIT_REASON_POLICY_MISSING, "it obeys a policy and the file has none; put one in with "
                                   "`godwit policy`, sign it and upload it again"},
    {GODWIT_REASON_POLICY_ROLLBACK_FLOOR,
     "the file's policy would lower the rollback floor; give it one that is not lower"},
    {GODWIT_REASON_POLICY_KEYS, "the file's policy lists no key that it trusts; list one, or "
                                "deploy a bridge release first"},
};

static const char *cure_of(enum godwit_reason reason)
{
    for (size_t i = 0; i < sizeof CURES / sizeof *CURES; i++)
        if (CURES[i].reason == reason) return CURES[i].sentence;
    return godwit_reason_sentence(reason);
}

static void add_warning(json_t *list, const char *format, const char *one, const char *two)
{
    char sentence[400];
    snprintf(sentence, sizeof sentence, format, one, two);
    json_array_append_new(list, json_string(sentence));
}

/* What its policy does that a person must mean, in words. */
static void add_overrides(json_t *list, const struct overrides *overrides)
{
    char key[9] = "";
    if (overrides->needs[OVERRIDE_TRUST_RESET])
        add_warning(list,
                    "its policy sets trust reset: it may drop every key that devices know%s%s", "",
                    "");
    if (overrides->needs[OVERRIDE_NO_DEPLOY_KEY])
        add_warning(
            list,
            "its policy lists no deploy key: devices that run it take instructions unsigned, "
            "from whoever stands in for this server; list one with `godwit policy "
            "--from-initial` or --deploy-key%s%s",
            "", "");
    if (!overrides->needs[OVERRIDE_RETRUSTED_KEY]) return;
    godwit_hex_encode(overrides->retrusted_key, 4, key);
    add_warning(
        list,
        "its policy lists %s… again, which %s had dropped: if that key was stolen, the thief "
        "is trusted again",
        key, overrides->dropped_by->version);
}

/* What the file itself says, and what taking it did. */
static void add_file_notes(json_t *list, const struct job *job)
{
    const struct file_check *check = &job->check;
    const char *project = check->image.info.project;
    char clean[64];
    for (size_t i = 0; i < check->notes_count; i++)
        json_array_append_new(list, json_string(check->notes[i]));
    if (strcmp(project, job->product) != 0)
        add_warning(list, "taken as product %s; the project inside is called '%s'", job->product,
                    godwit_text_clean(project, clean));
    if (job->verdict.replaced)
        add_warning(list,
                    "it replaces the image that draft %s held for %s: other bytes under the same "
                    "version; raise the version, or give --version, to keep both",
                    job->upload.version, godwit_chip_by_id(job->upload.image.chip_id)->title);
}

/* What a person should know of a file that was taken, and what a deploy of it asks for. */
static void add_notes(json_t *reply, const struct job *job)
{
    struct fleet *fleet = &job->change.app->fleet;
    const struct image_trust *trust = &job->upload.image.trust;
    enum godwit_reason reason = job->verdict.reason;
    json_t *warnings = json_array(), *members = json_array();
    add_file_notes(warnings, job);
    fleet_lock(fleet);
    bool is_in_reach = !trust->has_policy ||
                       upgrade_policy_key(&fleet->catalogue, &trust->policy) != UPGRADE_KEY_NONE;
    const struct image *image =
        index_find(&fleet->catalogue.images_by_digest, job->upload.image.image_sha256);
    fleet_unlock(fleet); /* a reply runs on the writer's thread: no other changes releases */
    const struct overrides overrides = image && is_in_reach
                                           ? overrides_of(fleet, job->change.app->db, image)
                                           : (struct overrides){0};
    add_overrides(warnings, &overrides);
    if (!is_in_reach)
        add_warning(warnings,
                    "its policy lists no deploy key of this server, so it can not be rolled out: a "
                    "device that runs it would obey this server no more; list one with `godwit "
                    "policy --from-initial` or --deploy-key%s%s",
                    "", "");
    if (is_in_reach && job->verdict.result == UPLOAD_ADDED && reason)
        add_warning(warnings, "a device on the newest release would refuse it (%s): %s",
                    godwit_reason_id(reason), cure_of(reason));
    for (enum override i = 0; i < OVERRIDE_COUNT; i++)
        if (overrides.needs[i]) json_array_append_new(members, json_string(override_id(i)));
    json_object_set_new(reply, "deployable", json_boolean(is_in_reach));
    json_object_set_new(reply, "overrides", members);
    json_object_set_new(reply, "warnings", warnings);
}

json_t *upload_reply_json(const struct job *job)
{
    const struct upload *upload = &job->upload;
    const struct upload_verdict *verdict = &job->verdict;
    char file_hex[65], image_hex[65], clean[64];
    godwit_hex_encode(upload->image.file_sha256, 32, file_hex);
    godwit_hex_encode(upload->image.image_sha256, 32, image_hex);
    json_t *reply =
        json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:o, s:b, s:b, s:b}", "product",
                  upload->product, "version", upload->version, "project",
                  godwit_text_clean(job->check.image.info.project, clean), "counter",
                  (json_int_t)upload->counter, "chip",
                  godwit_chip_by_id(upload->image.chip_id)->name, "file_sha256", file_hex,
                  "image_sha256", image_hex, "size", (json_int_t)upload->image.file_size,
                  "signatures", signatures_json(job), "created_product", verdict->created,
                  "existed", verdict->result == UPLOAD_EXISTED, "replaced", verdict->replaced);
    if (verdict->replaced) {
        godwit_hex_encode(verdict->replaced_image, 32, image_hex);
        json_object_set_new(reply, "replaced_image_sha256", json_string(image_hex));
    }
    add_notes(reply, job);
    return reply;
}
