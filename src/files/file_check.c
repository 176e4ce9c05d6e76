/* Method: the parser runs over all bytes with all_faults, so that it goes on behind each fault that
 * leaves the rest readable; the head is kept for the kind, the end is watched. finish then looks at
 * the kind, the parser's faults, the names, the policy and the signature blocks, in this order, and
 * each adds its problems. A file without problems is one that the parser found no fault in. */
#include "files/file_check.h"

#include <stdarg.h>
#include <stdio.h>

#include "formats/name.h"

/* What to do, where the sentence that devices and server share says only what is wrong. */
static const struct {
    enum godwit_reason reason;
    const char *words;
} ADVICE[] = {
    {GODWIT_REASON_SEGMENTS, "send the .bin just as the build wrote it"},
    {GODWIT_REASON_TOO_LARGE, "no slot of an ESP32 holds more than 16 MiB"},
    {GODWIT_REASON_IMAGE_DIGEST, "build or fetch it again"},
    {GODWIT_REASON_NO_DESCRIPTION, "build it with ESP-IDF 4.0 or later"},
    {GODWIT_REASON_UNKNOWN_CHIP, "if the chip is a new one, a newer godwit may know it"},
    {GODWIT_REASON_ALIGNMENT, "make the .bin with esptool's elf2image"},
    {GODWIT_REASON_ENTRY, "build it again"},
    {GODWIT_REASON_SIGNATURE_FORMAT, "sign the unsigned .bin again"},
    {GODWIT_REASON_POLICY_FORMAT, "build it again with a valid policy, or without one"},
};

/* Names that not the maker chose but a prebuilt library, or nobody changed. */
static const struct {
    const char *name, *origin;
} COMMON_NAMES[] = {
    {"arduino-lib-builder", "Arduino's and PlatformIO's prebuilt core writes"},
    {"libespidf", "Rust's esp-idf-sys writes"},
    {"esp-idf", "a build without a project of its own has"},
    {"micropython", "every MicroPython has"},
    {"circuitpython", "every CircuitPython has"},
    {"hello_fixture", "an example of ESP-IDF has"},
    {"hello-world", "an example of ESP-IDF has"},
    {"app-template", "ESP-IDF's template has"},
    {"sample_project", "ESP-IDF's template has"},
    {"main", "a template has"},
};

static void __attribute__((format(printf, 3, 4)))
add_problem(struct file_check *check, enum godwit_reason reason, const char *format, ...)
{
    if (check->problems_count == FILE_PROBLEMS_MAX) return;
    struct file_problem *problem = &check->problems[check->problems_count++];
    va_list args;
    va_start(args, format);
    problem->reason = reason;
    vsnprintf(problem->message, sizeof problem->message, format, args);
    va_end(args);
}

static void __attribute__((format(printf, 2, 3)))
add_note(struct file_check *check, const char *format, ...)
{
    if (check->notes_count == FILE_NOTES_MAX) return;
    va_list args;
    va_start(args, format);
    vsnprintf(check->notes[check->notes_count++], FILE_SENTENCE_SIZE, format, args);
    va_end(args);
}

/* The shared sentence with its advice; where: in front of it, or "". */
static void add_reason(struct file_check *check, enum godwit_reason reason, const char *where)
{
    const char *advice = "";
    for (size_t i = 0; i < sizeof ADVICE / sizeof *ADVICE; i++)
        if (ADVICE[i].reason == reason) advice = ADVICE[i].words;
    add_problem(check, reason, "%s%s%s%s", where, godwit_reason_sentence(reason),
                *advice ? "; " : "", advice);
}

/* ---- what is no application ---- */

static void check_kind(struct file_check *check)
{
    const char *words = godwit_file_kind_sentence(check->kind);
    const char *advice = godwit_file_kind_advice(check->kind);
    size_t app = godwit_file_find_app(check->head, check->head_size);
    bool is_inside = app > 0 && app < check->head_size && check->kind != GODWIT_FILE_MERGED;
    if (is_inside)
        add_problem(check, GODWIT_REASON_NOT_AN_IMAGE,
                    "this is %s; %s (the image begins at byte %zu)", words, advice, app);
    else
        add_problem(check, GODWIT_REASON_NOT_AN_IMAGE, "this is %s; %s", words, advice);
}

/* ---- the parser's faults ---- */

static void check_faults(struct file_check *check)
{
    char words[FILE_SENTENCE_SIZE];
    enum godwit_reason end = file_end_explain(&check->end, &check->image, words, sizeof words);
    for (uint32_t bit = 0; bit < 32; bit++) {
        enum godwit_reason reason = (enum godwit_reason)(GODWIT_REASON_NOT_AN_IMAGE + bit);
        bool is_end = reason == GODWIT_REASON_TRAILING_DATA || reason == GODWIT_REASON_TRUNCATED;
        if (!(check->image.faults & GODWIT_IMAGE_FAULT(reason))) continue;
        if (is_end && end)
            add_problem(check, end, "%s", words);
        else
            add_reason(check, reason, "");
    }
}

/* ---- names ---- */

static void check_name(struct file_check *check, const char *what, const char *name,
                       const char *option)
{
    enum godwit_name_fault fault = godwit_name_check(name);
    char clean[GODWIT_APP_DESC_SIZE];
    if (fault == GODWIT_NAME_NONE) return;
    if (fault == GODWIT_NAME_MISSING)
        add_problem(
            check, GODWIT_REASON_NAME,
            "the %s is missing; set it in the project and build again, or give %s on upload", what,
            option);
    else
        add_problem(check, GODWIT_REASON_NAME,
                    "the %s '%.31s' %s; change it in the project and build again, or give %s on "
                    "upload",
                    what, godwit_text_clean(name, clean), godwit_name_fault_words(fault), option);
}

/* Who gives that name to projects of anybody; NULL: nobody is known to. */
static const char *origin_of(const char *project)
{
    if (!*project) return "nobody gave";
    for (size_t i = 0; i < sizeof COMMON_NAMES / sizeof *COMMON_NAMES; i++)
        if (!strcmp(project, COMMON_NAMES[i].name)) return COMMON_NAMES[i].origin;
    return NULL;
}

bool file_name_is_common(const char *project)
{
    return origin_of(project) != NULL;
}

static void note_common_names(struct file_check *check, bool has_product, bool has_version)
{
    const char *project = check->image.info.project, *version = check->image.info.version;
    const char *origin = origin_of(project);
    if (origin && *project && !has_product)
        add_note(check,
                 "the project name '%s' is one that %s: all such firmware looks like one product; "
                 "give its own name with --product on upload",
                 project, origin);
    if (!has_version && !strncmp(version, "esp-idf: ", 9))
        add_note(check,
                 "the version '%s' is that of the prebuilt core, not of this firmware; give "
                 "its own with --version on upload",
                 version);
    if (!has_version && !strcmp(version, "1"))
        add_note(check, "the version '1' is ESP-IDF's default; set PROJECT_VER, or give --version "
                        "on upload");
}

static void check_names(struct file_check *check)
{
    const struct godwit_image_info *info = &check->image.info;
    bool has_product = check->product != NULL, has_version = check->version != NULL;
    if (!has_product) check->product = info->project;
    if (!has_version) check->version = info->version;
    if (!info->has_description) return; /* which is a fault already */
    check_name(check, "project name", check->product, "--product");
    check_name(check, "version", check->version, "--version");
    note_common_names(check, has_product, has_version);
}

/* ---- policy and signatures ---- */

static godwit_err check_policy(struct file_check *check, bool is_product_given)
{
    const struct godwit_image_info *info = &check->image.info;
    uint8_t product_id[16];
    if (!info->has_policy) return GODWIT_OK;
    check->has_policy = !godwit_policy_decode(info->policy, false, &check->policy);
    if (!check->has_policy) {
        add_reason(check, GODWIT_REASON_POLICY_FORMAT, "");
        return GODWIT_OK;
    }
    godwit_err err =
        godwit_product_id(check->org ? check->org : GODWIT_ORG, check->product, product_id);
    if (err) return err;
    check->is_other_product = memcmp(product_id, check->policy.product_id, 16) != 0;
    char clean[GODWIT_APP_DESC_SIZE];
    if (check->is_other_product && is_product_given)
        add_problem(check, GODWIT_REASON_WRONG_PRODUCT,
                    "its policy is made for another product than '%.31s'; give the product that "
                    "`godwit policy` was told, or make the policy anew",
                    godwit_text_clean(check->product, clean));
    else if (check->is_other_product)
        add_note(check, "its policy is made for another product than the project's name: give the "
                        "product's with --product on upload");
    return GODWIT_OK;
}

static godwit_err check_signature(struct file_check *check, size_t index)
{
    const struct godwit_body_digests digests = {check->image.body_sha256, check->body384.digest};
    struct godwit_sigblock *block = &check->signatures[index];
    const uint8_t *bytes = check->sector + index * GODWIT_SIGBLOCK_SIZE;
    godwit_err err = godwit_sigblock_check(bytes, &digests, block);
    char where[32] = "";
    if (check->signatures_count > 1) snprintf(where, sizeof where, "block %zu: ", index + 1);
    if (err == GODWIT_ERR_IO) return err;
    if (block->scheme == GODWIT_SCHEME_ECDSA192 && block->reason == GODWIT_REASON_SIGNATURE_BAD)
        add_problem(check, block->reason,
                    "%sa signature is of ECDSA P-192, which is no longer checked by anyone; sign "
                    "with P-256",
                    where);
    else if (err)
        add_reason(check, block->reason, where);
    return GODWIT_OK;
}

static godwit_err check_signatures(struct file_check *check)
{
    if (!check->image.is_signed_size) return GODWIT_OK;
    check->signatures_count = godwit_sigsector_count(check->sector);
    if (check->signatures_count == 0) add_reason(check, GODWIT_REASON_SIGNATURE_FORMAT, "");
    for (size_t i = 0; i < check->signatures_count; i++) {
        godwit_err err = check_signature(check, i);
        if (err) return err;
    }
    if (!godwit_sigsector_is_tidy(check->sector))
        add_problem(check, GODWIT_REASON_SIGNATURE_FORMAT,
                    "bytes of the signature sector that must be empty are not; sign the unsigned "
                    ".bin anew");
    return GODWIT_OK;
}

/* ---- the sink ---- */

static void keep_head(struct file_check *check, const uint8_t *data, size_t size)
{
    size_t room = sizeof check->head - check->head_size;
    size_t part = size < room ? size : room;
    memcpy(check->head + check->head_size, data, part);
    check->head_size += part;
}

static godwit_err check_write(struct godwit_sink *sink, const uint8_t *data, size_t size)
{
    struct file_check *check = (struct file_check *)sink;
    if (!size) return GODWIT_OK; /* an empty file is one empty piece, without an address */
    keep_head(check, data, size);
    file_end_write(&check->end, data, size);
    check->size += size;
    godwit_err err = godwit_sink_write(&check->image.sink, data, size);
    return err == GODWIT_ERR_FORMAT ? GODWIT_OK : err;
}

static godwit_err check_finish(struct godwit_sink *sink)
{
    struct file_check *check = (struct file_check *)sink;
    bool is_product_given = check->product != NULL;
    godwit_err err = godwit_sink_finish(&check->image.sink);
    if (err && err != GODWIT_ERR_FORMAT) return err;
    check->kind = godwit_file_kind(check->head, check->head_size, check->size);
    if (check->kind != GODWIT_FILE_APP) {
        check_kind(check);
        return GODWIT_OK;
    }
    check_faults(check);
    check_names(check);
    err = check_policy(check, is_product_given);
    return err ? err : check_signatures(check);
}

void file_check_init(struct file_check *check)
{
    static const struct godwit_sink_ops OPS = {check_write, check_finish, NULL};
    static const struct godwit_image_expect EVERYTHING = {.all_faults = true};
    memset(check, 0, sizeof *check - sizeof check->head);
    check->sink.ops = &OPS;
    godwit_image_init_any(&check->image, &EVERYTHING, check->sector);
    godwit_image_want_sha384(&check->image, &check->body384);
}

bool file_check_is_possible(const struct file_check *check)
{
    return check->image.reason == GODWIT_REASON_NONE;
}

const char *file_check_sentence(const struct file_check *check, char *out, size_t size)
{
    size_t at = 0;
    if (!check->problems_count)
        snprintf(out, size, "%s",
                 check->signatures_count ? "a signed application image"
                                         : "an application image, unsigned");
    for (size_t i = 0; i < check->problems_count && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ". Also: " : "",
                               check->problems[i].message);
    return out;
}

godwit_err file_check_bytes(struct file_check *check, const uint8_t *data, size_t size)
{
    file_check_init(check);
    godwit_err err = godwit_sink_write(&check->sink, data, size);
    return err ? err : godwit_sink_finish(&check->sink);
}
