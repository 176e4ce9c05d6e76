/* godwit policy: puts P1 into an image before it is signed, or says what stands there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/policy_make.h"

static int refuse(const char *path, const char *sentence)
{
    fprintf(stderr, "godwit policy: %s: %s\n", path, sentence);
    return 1;
}

static int refuse_place(const char *path, enum policy_place place)
{
    return refuse(path, place == POLICY_PLACE_SHORT
                            ? "has no placeholder: its first segment ends before 0x268; reserve "
                              "328 zero bytes after the application descriptor, as "
                              "examples/minimal does"
                            : "has no placeholder: other bytes are at 0x120; reserve 328 zero "
                              "bytes there, after the application descriptor, as "
                              "examples/minimal does");
}

static int refuse_kind(const struct inspection *inspection)
{
    fprintf(stderr, "godwit policy: %s: is %s, not an application image\n", inspection->path,
            godwit_file_kind_sentence(inspection->check.kind));
    return 1;
}

/* Status 0 only where a policy or its placeholder stands. */
static int show(const struct inspection *inspection)
{
    if (inspection->check.kind != GODWIT_FILE_APP) return refuse_kind(inspection);
    if (inspection->place == POLICY_PLACE_OTHER || inspection->place == POLICY_PLACE_SHORT)
        return refuse_place(inspection->path, inspection->place);
    if (inspection->place == POLICY_PLACE_FILLED && !inspection->check.has_policy)
        return refuse(inspection->path, godwit_reason_sentence(GODWIT_REASON_POLICY_FORMAT));
    policy_print(inspection);
    return 0;
}

static void explain(const char *path, godwit_err err, enum godwit_reason reason,
                    enum policy_place place)
{
    if (err == GODWIT_ERR_BUSY)
        refuse(path, "is signed already, and a policy is made before signing; take the unsigned "
                     ".bin, then `godwit sign`");
    else if (err == GODWIT_ERR_MISSING)
        refuse_place(path, place);
    else
        refuse(path, reason ? godwit_reason_sentence(reason) : godwit_err_sentence(err));
}

static int put(const struct policy_request *wanted, const struct inspection *inspection,
               uint8_t *data, const char *out)
{
    const struct godwit_image_info *info = &inspection->check.image.info;
    uint8_t bytes[GODWIT_POLICY_BYTES];
    struct godwit_policy policy;
    enum godwit_reason reason;
    if (inspection->check.kind != GODWIT_FILE_APP) return refuse_kind(inspection);
    if (!info->has_description)
        return refuse(wanted->path, godwit_reason_sentence(GODWIT_REASON_NO_DESCRIPTION));
    if (inspection->check.image.is_signed_size) {
        explain(wanted->path, GODWIT_ERR_BUSY, GODWIT_REASON_NONE, inspection->place);
        return 1;
    }
    if (!policy_make(wanted, info->project, &policy)) return 1;
    godwit_policy_encode(&policy, bytes);
    godwit_err err = image_put_policy(bytes, data, inspection->check.size, &reason);
    if (err) {
        explain(wanted->path, err, reason, inspection->place);
        return 1;
    }
    if (!file_write("policy", out, data, inspection->check.size)) return 1;
    fprintf(stderr,
            "policy put into %s: release counter %" PRIu32
            ", %u of %u image key%s must sign the next image; now sign this one\n",
            out, policy.counter, policy.threshold, policy.image_keys_count,
            policy.image_keys_count == 1 ? "" : "s");
    return 0;
}

static int run(const struct policy_request *wanted, bool wants_put, const char *out)
{
    uint8_t *data;
    size_t size;
    struct inspection inspection;
    if (!file_read("policy", wanted->path, FILE_SIZE_MAX, &data, &size)) return 1;
    godwit_err err = inspect(&inspection, wanted->path, data, size);
    int status = 1;
    if (err)
        refuse(wanted->path, godwit_err_sentence(err));
    else
        status = wants_put ? put(wanted, &inspection, data, out ? out : wanted->path)
                           : show(&inspection);
    free(data);
    return status;
}

int cmd_policy(int argc, char **argv)
{
    struct policy_request wanted = {
        .counter = UINT32_MAX, .rollback_floor = UINT32_MAX, .threshold = UINT32_MAX};
    const char *out = NULL;
    const struct option_row rows[] = {
        {"--counter", OPTION_NUMBER, &wanted.counter, "N",
         "release counter, higher in each release"},
        {"--from-initial", OPTION_TEXT, &wanted.initial_policy, "FILE",
         "begin with an initial policy's keys (`godwit claim policy`): the first policy"},
        {"--from-image", OPTION_TEXT, &wanted.image, "FILE",
         "begin with the policy of the release that is out now: every later one"},
        {"--key", OPTION_LIST, &wanted.keys, "PEM|DIGEST",
         "may sign the next image; up to 5 of them, those it begins with included"},
        {"--deploy-key", OPTION_LIST, &wanted.deploy_keys, "PEM",
         "a server's key that may deploy (`godwit rekey --public`); up to 2 of them"},
        {"--drop", OPTION_LIST, &wanted.drops, "PEM|DIGEST",
         "leave out a key, or a flag by its name, that it begins with"},
        {"--no-deploy-key", OPTION_FLAG, &wanted.no_deploy_key, NULL,
         "list none: devices that run this take instructions unsigned"},
        {"--threshold", OPTION_NUMBER, &wanted.threshold, "M",
         "how many of the keys must sign (default 1)"},
        {"--rollback-floor", OPTION_NUMBER, &wanted.rollback_floor, "N",
         "lowest counter that may follow; never lower than in releases before (default 0)"},
        {"--hardware", OPTION_TEXT, &wanted.hardware, "LIST",
         "board revisions that it runs on, such as 0,2,5 (default any)"},
        {"--product", OPTION_TEXT, &wanted.product, "NAME",
         "the product, where the project inside is called otherwise"},
        {"--org", OPTION_TEXT, &wanted.org, "NAME",
         "the organisation whose product it is (`godwit session show`); default: default"},
        {"--require-instruction", OPTION_FLAG, &wanted.require_instruction, NULL,
         "install by a signed deploy instruction only"},
        {"--require-secure-boot", OPTION_FLAG, &wanted.require_secure_boot, NULL,
         "run only where the chip's Secure Boot is on"},
        {"--allow-plain-hawkbit", OPTION_FLAG, &wanted.allow_plain_hawkbit, NULL,
         "plain hawkBit servers may deploy"},
        {"--allow-lan-push", OPTION_FLAG, &wanted.allow_lan_push, NULL,
         "images may be pushed over the local network"},
        {"--trust-reset", OPTION_FLAG, &wanted.trust_reset, NULL,
         "no key in common with the release before is meant so"},
        {"--out", OPTION_TEXT, &out, "FILE", "write there (default: FILE itself)"},
    };
    const struct options options = {
        "policy",
        "FILE [--counter N [OPTION]…]",
        "Puts a policy, which says whom a device obeys once it runs this image, into the\n"
        "328-byte placeholder of an image, before it is signed. Without options: prints it.",
        rows,
        sizeof rows / sizeof *rows,
        &wanted.path,
        1,
        1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    bool wants_put = argc > 2; /* more than the file's name */
    if (wanted.initial_policy && wanted.image)
        return options_wrong(&options, "--from-initial and --from-image: a policy begins with one");
    if (wants_put && wanted.counter == UINT32_MAX)
        return options_wrong(&options, "--counter is missing");
    return run(&wanted, wants_put, out);
}
