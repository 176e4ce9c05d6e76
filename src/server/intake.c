/* Uploads: [limit] → [image] → [blob], judged when the last byte is there.
 *
 * The bytes pass the parser and go to a temporary file at the same time. At the first fault the
 * file is dropped and the rest of the body is read and forgotten, so that the client hears why
 * instead of a broken pipe. What remains at the end is judged by its signatures here, by what is
 * known of its product in release_add, and gets its name and its row in one transaction. */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/bridge.h"
#include "fleet/consent.h"
#include "fleet/release.h"
#include "formats/chip.h"
#include "formats/filekind.h"
#include "formats/image.h"
#include "formats/sigblock.h"
#include "server/handlers.h"
#include "server/problem.h"

#define FILE_MAX (GODWIT_IMAGE_SIZE_MAX + GODWIT_SIGSECTOR_SIZE)

struct intake {
    struct change change; /* first: a change is an intake */
    struct godwit_image image;
    struct godwit_body384 body384;
    struct blob_writer blob;
    uint64_t size;
    godwit_err blob_err, image_err;
    bool named; /* the blob has its name */
    struct godwit_sigblock blocks[GODWIT_SIGBLOCKS_MAX];
    size_t blocks_count, bad_block; /* bad_block: the first that is not good, 1 …; 0: none */
    struct upload upload;
    struct upload_verdict verdict;
    size_t head_size;
    uint8_t sector[GODWIT_SIGSECTOR_SIZE];
    uint8_t head[GODWIT_FILE_HEAD_SIZE]; /* to say what a file is that is no image */
};

/* ---- refusals ---- */

static void refuse(struct intake *intake, int status, const char *type, const char *detail)
{
    blob_abort(&intake->blob);
    LOG(INFO, "upload_refused", "reason=%s size=%llu", type, (unsigned long long)intake->size);
    problem(intake->change.request, status, type, detail, NULL);
}

/* What to do, where the sentence that devices and server share says only what is wrong. */
static const struct {
    enum godwit_reason reason;
    const char *words;
} ADVICE[] = {
    {GODWIT_REASON_WRONG_PRODUCT, "its policy block is not made for the project it names"},
    {GODWIT_REASON_TRAILING_DATA, "send it just as the build or `godwit sign` wrote it"},
    {GODWIT_REASON_SEGMENTS, "send the .bin just as the build wrote it"},
    {GODWIT_REASON_IMAGE_DIGEST, "build or fetch it again"},
    {GODWIT_REASON_NO_DESCRIPTION, "give the project a name and a version and build it again"},
    {GODWIT_REASON_UNKNOWN_CHIP, "if the chip is a new one, a newer godwit may know it"},
    {GODWIT_REASON_ALIGNMENT, "make the .bin with esptool's elf2image"},
    {GODWIT_REASON_ENTRY, "build it again"},
    {GODWIT_REASON_SIGNATURE_FORMAT, "sign the unsigned .bin anew"},
    {GODWIT_REASON_POLICY_KEYS, "list a key that devices know, or set its flag clean break"},
    {GODWIT_REASON_POLICY_FLOOR, "give it one that is not lower"},
    {GODWIT_REASON_POLICY_FORMAT, "build it again with a valid policy, or without one"},
};

static void refuse_reason(struct intake *intake, enum godwit_reason reason)
{
    char detail[256], where[32] = "";
    const char *advice = NULL;
    for (size_t i = 0; i < sizeof ADVICE / sizeof *ADVICE; i++)
        if (ADVICE[i].reason == reason) advice = ADVICE[i].words;
    if (intake->bad_block) snprintf(where, sizeof where, "block %zu: ", intake->bad_block);
    snprintf(detail, sizeof detail, "%s%s%s%s", where, godwit_reason_sentence(reason),
             advice ? "; " : "", advice ? advice : "");
    refuse(intake, reason == GODWIT_REASON_TOO_LARGE ? 413 : 422, godwit_reason_id(reason), detail);
}

/* ?product=NAME named another one. */
static void refuse_product(struct intake *intake, const char *wanted)
{
    char detail[256];
    snprintf(detail, sizeof detail,
             "the file belongs to product %s, not %.32s; send the other file, or do not name a "
             "product",
             intake->upload.product, wanted);
    refuse(intake, 422, godwit_reason_id(GODWIT_REASON_WRONG_PRODUCT), detail);
}

static void refuse_kind(struct intake *intake)
{
    char detail[256];
    enum godwit_file_kind kind = godwit_file_kind(intake->head, intake->head_size, intake->size);
    if (kind == GODWIT_FILE_APP) {
        refuse_reason(intake, intake->image.reason);
        return;
    }
    snprintf(detail, sizeof detail, "this is %s; %s", godwit_file_kind_words(kind),
             godwit_file_kind_advice(kind));
    refuse(intake, 422, godwit_reason_id(GODWIT_REASON_NOT_AN_IMAGE), detail);
}

static void refuse_size(struct intake *intake)
{
    refuse(intake, 413, godwit_reason_id(GODWIT_REASON_TOO_LARGE),
           "the file is larger than 16 MiB, more than any ESP32 slot holds; send the application "
           ".bin, not a whole-flash image");
}

static void refuse_disk(struct intake *intake)
{
    godwit_err err = intake->blob_err;
    blob_abort(&intake->blob);
    LOG(ERROR, "upload_not_stored", "error=%s", godwit_err_name(err));
    problem_of_error(intake->change.request, err);
}

/* ---- judging the file ---- */

static bool is_plain_text(const char *text)
{
    if (!*text) return false;
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7e) return false;
    return true;
}

/* The same key twice is one signer. */
static void take_key(struct image_trust *trust, const uint8_t key[static 32])
{
    for (size_t i = 0; i < trust->keys_count; i++)
        if (!memcmp(trust->keys[i], key, 32)) return;
    memcpy(trust->keys[trust->keys_count++], key, 32);
}

/* Every block must be good; the distinct keys of all of them are taken. */
static enum godwit_reason judge_signatures(struct intake *intake)
{
    const struct godwit_body_digests digests = {intake->image.body_sha256, intake->body384.digest};
    if (!intake->image.is_signed_size) return GODWIT_REASON_NONE;
    size_t count = godwit_sigsector_count(intake->sector);
    if (count == 0 || !godwit_sigsector_is_tidy(intake->sector))
        return GODWIT_REASON_SIGNATURE_FORMAT;
    for (size_t i = 0; i < count; i++) {
        struct godwit_sigblock *block = &intake->blocks[i];
        const uint8_t *bytes = intake->sector + i * GODWIT_SIGBLOCK_SIZE;
        if (godwit_sigblock_check(bytes, &digests, block)) {
            intake->bad_block = i + 1;
            return block->reason;
        }
        take_key(&intake->upload.image.trust, block->key_digest);
    }
    intake->blocks_count = count;
    return GODWIT_REASON_NONE;
}

/* The policy block inside: it must speak of the product that the descriptor names. */
static enum godwit_reason judge_policy(struct intake *intake)
{
    const struct godwit_image_info *info = &intake->image.info;
    struct upload *upload = &intake->upload;
    struct godwit_policy *policy = &upload->image.trust.policy;
    uint8_t product_id[16];
    upload->image.hardware_mask = UINT32_MAX;
    upload->image.trust.is_known = true;
    if (!info->has_policy) return GODWIT_REASON_NONE;
    if (godwit_policy_decode(info->policy, false, policy)) return GODWIT_REASON_POLICY_FORMAT;
    if (godwit_product_id(FLEET_ORG, info->project, product_id) ||
        memcmp(product_id, policy->product_id, sizeof product_id))
        return GODWIT_REASON_WRONG_PRODUCT;
    upload->image.trust.has_policy = true;
    upload->image.hardware_mask = policy->hardware_mask;
    upload->counter = policy->counter;
    return GODWIT_REASON_NONE;
}

static enum godwit_reason describe(struct intake *intake)
{
    const struct godwit_image_info *info = &intake->image.info;
    struct upload *upload = &intake->upload;
    if (!info->has_description || !is_plain_text(info->project) || !is_plain_text(info->version))
        return GODWIT_REASON_NO_DESCRIPTION;
    upload->product = info->project;
    memcpy(upload->version, info->version, sizeof upload->version);
    upload->image.chip_id = info->chip_id;
    upload->image.revision_min = info->revision_min;
    upload->image.revision_max = info->revision_max;
    upload->image.secure_version = info->secure_version;
    upload->image.file_size = intake->image.file_size;
    memcpy(upload->image.image_sha256, info->image_sha256, 32);
    memcpy(upload->image.file_sha256, intake->image.file_sha256, 32);
    enum godwit_reason reason = judge_policy(intake);
    return reason ? reason : judge_signatures(intake);
}

/* ---- recording ---- */

static json_t *signatures_json(const struct intake *intake)
{
    json_t *list = json_array();
    for (size_t i = 0; i < intake->blocks_count; i++) {
        char hex[65];
        godwit_hex_encode(intake->blocks[i].key_digest, 32, hex);
        json_array_append_new(list, json_pack("{s:s, s:s}", "scheme",
                                              godwit_scheme_name(intake->blocks[i].scheme),
                                              "key_digest", hex));
    }
    return list;
}

/* What leads devices to it that run the newest release and would refuse it. */
static const struct {
    enum godwit_reason reason;
    const char *words;
} CURES[] = {
    {GODWIT_REASON_UNSIGNED, "sign it and upload it again"},
    {GODWIT_REASON_SIGNATURE_KEY, "no key that it trusts signed the file; sign it with one and "
                                  "upload it again, or deploy a bridge release first"},
    {GODWIT_REASON_SIGNATURE_THRESHOLD,
     "fewer keys that it trusts signed the file than its policy asks for; sign it with another one "
     "(`godwit sign`) and upload it again"},
    {GODWIT_REASON_POLICY_MISSING, "it obeys a policy and the file has none; put one in with "
                                   "`godwit policy`, sign it and upload it again"},
    {GODWIT_REASON_POLICY_FLOOR,
     "the file's policy would lower the floor; give it one that is not lower"},
    {GODWIT_REASON_POLICY_KEYS, "the file's policy lists no key that it trusts; list one, or "
                                "deploy a bridge release first"},
};

static const char *cure_of(enum godwit_reason reason)
{
    for (size_t i = 0; i < sizeof CURES / sizeof *CURES; i++)
        if (CURES[i].reason == reason) return CURES[i].words;
    return godwit_reason_sentence(reason);
}

static void add_words(json_t *list, const char *format, const char *one, const char *two)
{
    char words[400];
    snprintf(words, sizeof words, format, one, two);
    json_array_append_new(list, json_string(words));
}

/* What its policy does that a person must mean, in words. */
static void add_consents(json_t *list, const struct consents *consents)
{
    char key[9] = "";
    if (consents->asks[CONSENT_CLEAN_BREAK])
        add_words(list, "its policy sets clean break: it may drop every key that devices know%s%s",
                  "", "");
    if (consents->asks[CONSENT_NO_DEPLOY_KEY])
        add_words(list,
                  "its policy lists no deploy key: devices that run it take instructions unsigned, "
                  "from whoever stands in for this server; list one with `godwit policy "
                  "--from-seed` or --deploy-key%s%s",
                  "", "");
    if (!consents->asks[CONSENT_RELISTED_KEY]) return;
    godwit_hex_encode(consents->relisted_key, 4, key);
    add_words(list,
              "its policy lists %s… again, which %s had dropped: if that key was stolen, the thief "
              "is trusted again",
              key, consents->dropped_by->version);
}

/* What a person should know of a file that was taken, and what a deploy of it asks for. */
static void add_notes(json_t *reply, const struct intake *intake)
{
    struct fleet *fleet = &intake->change.app->fleet;
    const struct image_trust *trust = &intake->upload.image.trust;
    enum godwit_reason reason = intake->verdict.reason;
    json_t *warnings = json_array(), *asks = json_array();
    fleet_lock(fleet);
    bool is_in_reach = !trust->has_policy ||
                       bridge_policy_key(&fleet->catalogue, &trust->policy) != BRIDGE_KEY_NONE;
    const struct image *image =
        index_find(&fleet->catalogue.images_by_digest, intake->upload.image.image_sha256);
    fleet_unlock(fleet); /* a reply runs on the writer's thread: no other changes releases */
    const struct consents consents =
        image && is_in_reach ? consents_of(fleet, image) : (struct consents){0};
    add_consents(warnings, &consents);
    if (!is_in_reach)
        add_words(warnings,
                  "its policy lists no deploy key of this server, so it can not be rolled out: a "
                  "device that runs it would obey this server no more; list one with `godwit "
                  "policy --from-seed` or --deploy-key%s%s",
                  "", "");
    if (is_in_reach && intake->verdict.result == UPLOAD_ADDED && reason)
        add_words(warnings, "a device on the newest release would refuse it (%s): %s",
                  godwit_reason_id(reason), cure_of(reason));
    for (size_t i = 0; i < CONSENT_COUNT; i++)
        if (consents.asks[i]) json_array_append_new(asks, json_string(consent_id(i)));
    json_object_set_new(reply, "deployable", json_boolean(is_in_reach));
    json_object_set_new(reply, "asks", asks);
    json_object_set_new(reply, "warnings", warnings);
}

static void reply_taken(struct intake *intake)
{
    const struct upload *upload = &intake->upload;
    bool already = intake->verdict.result == UPLOAD_ALREADY;
    char file_hex[65], image_hex[65];
    godwit_hex_encode(upload->image.file_sha256, 32, file_hex);
    godwit_hex_encode(upload->image.image_sha256, 32, image_hex);
    LOG(INFO, "upload_taken", "product=\"%s\" version=\"%s\" file=%s already=%d", upload->product,
        upload->version, file_hex, already);
    json_t *reply = json_pack(
        "{s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:o, s:b, s:b}", "product", upload->product, "version",
        upload->version, "counter", (json_int_t)upload->counter, "chip",
        godwit_chip_by_id(upload->image.chip_id)->name, "file_sha256", file_hex, "image_sha256",
        image_hex, "size", (json_int_t)upload->image.file_size, "signatures",
        signatures_json(intake), "created_product", intake->verdict.created, "already", already);
    add_notes(reply, intake);
    reply_json(intake->change.request, already ? 200 : 201, reply);
}

static godwit_err intake_run(struct change *change)
{
    struct intake *intake = (struct intake *)change;
    struct app *app = change->app;
    godwit_err err = release_add(&app->fleet, app->db, &intake->upload, clock_unix_s(app->clock),
                                 &intake->verdict);
    if (err || intake->verdict.result != UPLOAD_ADDED) return err;
    uint8_t digest[32];
    intake->blob_err = blob_commit(&intake->blob, digest);
    intake->named = !intake->blob_err;
    return intake->blob_err;
}

/* One version is one release: who deploys by its name must get what he means. */
static void refuse_counter(struct intake *intake)
{
    const struct upload *upload = &intake->upload;
    const struct upload_verdict *verdict = &intake->verdict;
    char detail[320];
    snprintf(
        detail, sizeof detail,
        "version %s is there with release counter %u, and this file has %u; %sraise the version "
        "and build again",
        upload->version, verdict->counter, upload->counter,
        verdict->is_frozen ? "it was rolled out, so "
                           : "delete that draft with `godwit delete`, or ");
    refuse(intake, 409, "other-counter", detail);
}

static void refuse_result(struct intake *intake)
{
    char detail[320];
    switch (intake->verdict.result) {
    case UPLOAD_REFUSED:
        refuse_reason(intake, intake->verdict.reason);
        return;
    case UPLOAD_FEWER_KEYS:
        snprintf(detail, sizeof detail,
                 "version %s was rolled out with a signature that this file lacks, and devices may "
                 "trust that key alone; add a signature to the file that is there",
                 intake->upload.version);
        refuse(intake, 409, "fewer-signatures", detail);
        return;
    case UPLOAD_OTHER_COUNTER:
        refuse_counter(intake);
        return;
    case UPLOAD_FROZEN:
        snprintf(detail, sizeof detail,
                 "version %s was rolled out and holds another image; raise the version and build "
                 "again",
                 intake->upload.version);
        refuse(intake, 409, "frozen", detail);
        return;
    default:
        snprintf(detail, sizeof detail, "a release holds at most %d images; raise the version",
                 FLEET_IMAGES_MAX);
        refuse(intake, 409, "release-full", detail);
    }
}

static void intake_reply(struct change *change, godwit_err err)
{
    struct intake *intake = (struct intake *)change;
    struct app *app = change->app;
    if (err) {
        fleet_lock(&app->fleet);
        bool known = file_find(&app->fleet.catalogue, intake->upload.image.file_sha256) != NULL;
        fleet_unlock(&app->fleet);
        if (intake->named && !known)
            (void)!blob_drop(&app->blobs, intake->upload.image.file_sha256);
        intake->blob_err = intake->blob_err ? intake->blob_err : err;
        refuse_disk(intake);
        return;
    }
    if (intake->verdict.result == UPLOAD_ADDED || intake->verdict.result == UPLOAD_ALREADY) {
        blob_abort(&intake->blob);
        reply_taken(intake);
    } else {
        refuse_result(intake);
    }
}

static void intake_abandon(struct change *change)
{
    blob_abort(&((struct intake *)change)->blob);
}

/* ---- the upload's steps ---- */

static void upload_begin(struct http_request *request)
{
    struct app *app = request->app;
    struct intake *intake = arena_alloc(request->arena, sizeof *intake);
    if (!intake) {
        problem_busy(request);
        return;
    }
    memset(intake, 0, sizeof *intake - sizeof intake->head);
    intake->change.app = app;
    intake->change.request = request;
    request->user = intake;
    const struct godwit_image_expect anything = {0};
    godwit_image_init_any(&intake->image, &anything, intake->sector);
    godwit_image_want_sha384(&intake->image, &intake->body384);
    if (request->body_size != UINT64_MAX && request->body_size > FILE_MAX) {
        intake->size = request->body_size;
        refuse_size(intake);
        return;
    }
    intake->blob_err = blob_begin(&app->blobs, &intake->blob);
    if (intake->blob_err) refuse_disk(intake);
}

static void keep_head(struct intake *intake, const uint8_t *data, size_t size)
{
    size_t room = sizeof intake->head - intake->head_size;
    size_t part = size < room ? size : room;
    memcpy(intake->head + intake->head_size, data, part);
    intake->head_size += part;
}

static void upload_write(struct http_request *request, const uint8_t *data, size_t size)
{
    struct intake *intake = request->user;
    intake->size += size;
    if (intake->size > FILE_MAX) {
        refuse_size(intake);
        return;
    }
    keep_head(intake, data, size);
    if (intake->image_err || intake->blob_err) return;
    intake->image_err = godwit_sink_write(&intake->image.sink, data, size);
    if (!intake->image_err) intake->blob_err = godwit_sink_write(&intake->blob.sink, data, size);
    if (intake->image_err || intake->blob_err) blob_abort(&intake->blob);
}

static void upload_finish(struct http_request *request)
{
    struct intake *intake = request->user;
    const char *product = http_query(request, "product");
    if (!intake->blob_err && !intake->image_err)
        intake->image_err = godwit_sink_finish(&intake->image.sink);
    if (intake->image_err) {
        refuse_kind(intake);
        return;
    }
    enum godwit_reason reason = describe(intake);
    if (reason) {
        refuse_reason(intake, reason);
        return;
    }
    if (product && strcmp(product, intake->upload.product)) {
        refuse_product(intake, product);
        return;
    }
    if (!intake->blob_err) intake->blob_err = godwit_sink_finish(&intake->blob.sink);
    if (intake->blob_err) {
        refuse_disk(intake);
        return;
    }
    intake->upload.open = http_query(request, "open") != NULL;
    intake->change.run = intake_run;
    intake->change.reply = intake_reply;
    change_submit(&intake->change, intake_abandon);
}

static void upload_abort(struct http_request *request)
{
    blob_abort(&((struct intake *)request->user)->blob);
}

const struct http_upload UPLOAD_IMAGE = {upload_begin, upload_write, upload_finish, upload_abort};
