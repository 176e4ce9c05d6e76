/* Cases of attacks 1, 6, 7 and 9: other code, other parts, the wrong code. */
#include "sim/attack_rows.h"

void attack_offer_next(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    attack->offer = attack_genuine(attack, &recipe);
}

void attack_offer_forged(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    recipe.signers = attack->row->param;
    attack->offer = attack_forged(attack, &recipe);
}

/* ---- 1: arbitrary software ---- */

/* The mirror turns one bit of what the instruction names. */
static void flip_served(struct attack *attack)
{
    attack_offer_next(attack);
    struct attack_file *served = attack_copy(attack, attack->offer);
    uint32_t at = attack->row->param;
    served->data[at < 0x80000000u ? at : served->size - (0xFFFFFFFFu - at) - 1] ^= 1;
    attack_file_restate(served);
    attack->serve = served;
}

/* When the mirror is gone, the same genuine file is still to be had. Where its bad bytes were read
 * three times to the end the file is quarantined, so that they do not wear out the flash, and the
 * honest server has to say "force now". */
static void poison(struct attack *attack)
{
    flip_served(attack);
    attack->after = attack->offer;
    bool is_head = attack->row->param < 4096;
    if (!is_head) attack->after_flags = GODWIT_INSTRUCTION_FORCE_NOW;
}

/* Another build of the same release, as genuine as the named one. */
static void other_build(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    attack_offer_next(attack);
    memcpy(recipe.version, "1.1.0-debug", sizeof "1.1.0-debug");
    attack->serve = attack_genuine(attack, &recipe);
}

/* The thief's own code in the maker's release; checksum and digest are made to match. */
static void flip_restated(struct attack *attack, struct attack_file *file)
{
    file->data[attack->row->param] ^= 1;
    attack_file_repair(file);
}

static void no_image(struct attack *attack, struct attack_file *file)
{
    static const char elf[] = "\x7f"
                              "ELF";
    memset(file->data, 0x55, file->size);
    memcpy(file->data, attack->row->param ? "<html><body>404" : elf, sizeof elf);
}

static void wrong_digest(struct attack *attack, struct attack_file *file)
{
    (void)attack;
    file->data[4096] ^= 1; /* and nothing repaired */
}

static void flip_instruction(struct attack *attack, struct godwit_checkin_reply *reply)
{
    reply->instruction[attack->row->param] ^= 1;
}

static void no_instruction_signature(struct attack *attack, struct godwit_checkin_reply *reply)
{
    (void)attack;
    memset(reply->instruction + GODWIT_INSTRUCTION_BODY_SIZE, 0, 64);
}

static void own_deploy_key(struct attack *attack)
{
    attack_offer_next(attack);
    attack->signer = KEY_THIEF_DEPLOY;
}

static void own_everything(struct attack *attack)
{
    attack_offer_forged(attack);
    attack->signer = KEY_THIEF_DEPLOY;
}

/* ---- 6 and 7: parts ---- */

/* Head of one release and the rest of another, by a mirror that has both. */
static void stitch(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 2);
    attack_offer_next(attack);
    const struct attack_file *other = attack_genuine(attack, &recipe);
    struct attack_file *served = attack_copy(attack, attack->offer);
    uint32_t at = attack->row->param;
    memcpy(served->data + at, other->data + at, served->size - at);
    attack_file_restate(served);
    attack->serve = served;
}

/* The same, and the instruction names what is served. */
static void stitch_restated(struct attack *attack)
{
    stitch(attack);
    attack->offer = attack->serve;
}

/* The connection breaks; whoever asks for the rest gets another file's. */
static void other_rest(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 2);
    attack_offer_next(attack);
    attack->serve = attack_genuine(attack, &recipe);
}

static void cut_then_other(struct attack *attack, const struct attack_request *request,
                           struct attack_response *response)
{
    if (attack_is_request(request) || response->status == 404) return;
    if (request->use_range) {
        response->etag = attack->row->param & 1 ? "0" : NULL; /* … and says so, or not */
        return;
    }
    response->body = attack->offer->data;
    response->cuts = true;
    response->cut_at = 6000;
}

/* A reply to a range that starts elsewhere, or speaks of another size, or is the whole file. */
static void wrong_range(struct attack *attack, const struct attack_request *request,
                        struct attack_response *response)
{
    if (attack_is_request(request) || response->status == 404) return;
    response->cuts = attack->memory++ < 6;
    response->cut_at = 5000;
    if (!request->use_range) return;
    uint32_t kind = attack->row->param;
    if (kind == 0) response->range_from -= 4096;
    if (kind == 1) response->range_from += 1;
    if (kind == 2) response->range_total += 4096;
    if (kind == 3) response->range_from = response->range_total = 0;
    if (kind > 3) return;
    response->cuts = false;
}

static void whole_for_range(struct attack *attack, const struct attack_request *request,
                            struct attack_response *response)
{
    if (attack_is_request(request) || !request->use_range) {
        if (!attack_is_request(request) && attack->memory++ == 0)
            response->cuts = true, response->cut_at = 5000;
        return;
    }
    response->status = 200;
    response->body = attack->offer->data;
    response->body_size = attack->offer->size;
    response->range_from = response->range_total = 0;
}

/* Never more than the first bytes, however often it is asked. */
static void cut_always(struct attack *attack, const struct attack_request *request,
                       struct attack_response *response)
{
    if (attack_is_request(request)) return;
    uint32_t stop = attack->row->param;
    response->cuts = true;
    response->cut_at = request->use_range && request->range_from < stop ? stop - request->range_from
                       : request->use_range                             ? 0
                                                                        : stop;
}

/* ---- 9: the wrong software ---- */

static const char *const CHIPS[] = {"esp32",   "esp32s2",  "esp32s3",  "esp32c2", "esp32c6",
                                    "esp32h2", "esp32p4",  "esp32c61", "esp32c5", "esp32h21",
                                    "esp32h4", "esp32e22", "esp32s31"};
#define LIES 0x100u

static void other_chip(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    recipe.chip = godwit_chip_by_name(CHIPS[attack->row->param & 0xFF]);
    struct attack_file *file = attack_genuine(attack, &recipe);
    if (attack->row->param & LIES) file->chip_id = attack->fixture->chip->id;
    attack->offer = file;
}

static void other_product(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    recipe.policy.product_id[0] ^= 1; /* the same maker's, the same keys */
    struct attack_file *file = attack_genuine(attack, &recipe);
    if (!(attack->row->param & LIES)) memcpy(file->product_id, recipe.policy.product_id, 16);
    attack->offer = file;
}

static void other_board(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    recipe.policy.hardware_mask = attack->row->param;
    attack->offer = attack_genuine(attack, &recipe);
}

static void other_revision(struct attack *attack, struct attack_file *file)
{
    godwit_store16(file->data + 15, 9900); /* from chip revision 99.0 on */
    attack_file_repair(file);
    attack_file_sign(attack->fixture, file, 0, KEY_FIRST); /* the maker's own, for a later chip */
}

static void other_device(struct attack *attack, struct godwit_instruction *instruction)
{
    instruction->device_id[attack->row->param] ^= 1;
}

static void too_large(struct attack *attack, struct godwit_instruction *instruction)
{
    instruction->file_size = attack->row->param;
}

#define CHIP_ROWS(name, index)                                                           \
    {9,                                                                                  \
     "SI",                                                                               \
     "chip-" name,                                                                       \
     "a genuine release for an " name,                                                   \
     REFUSED(R(WRONG_CHIP)),                                                             \
     SERVER,                                                                             \
     .param = (index),                                                                   \
     .begin = other_chip},                                                               \
    {                                                                                    \
        9, "S", "chip-lie-" name, "a release for an " name ", said to be for this chip", \
            REFUSED(R(WRONG_CHIP), R(CHIP_REVISION)), SERVER, .param = (index) | LIES,   \
                                                              .begin = other_chip        \
    }

/* clang-format off */
const struct attack_case ATTACK_CODE[] = {
    {1, "-", "honest-update", "nobody attacks: the next release is installed", INSTALLED,
     LIVE_CONTROL, .begin = attack_offer_next},
    {1, "S", "code-unsigned", "the thief's image without a signature sector",
     REFUSED(R(UNSIGNED)), LIVE, SERVER, .begin = attack_offer_forged},
    {1, "S", "code-own-key", "the thief's image, signed with his own key",
     REFUSED(R(SIGNATURE_KEY)), LIVE, SERVER, .param = KEY_BIT(KEY_THIEF),
     .begin = attack_offer_forged},
    {1, "S", "code-own-keys", "… with three keys of his own", REFUSED(R(SIGNATURE_KEY)), SERVER,
     .param = KEY_BIT(KEY_THIEF) | KEY_BIT(KEY_THIEF_OTHER) | KEY_BIT(KEY_THIEF_RSA),
     .begin = attack_offer_forged},
    {1, "S", "code-own-rsa", "… with an RSA key of his own", REFUSED(R(SIGNATURE_KEY)), SERVER,
     .param = KEY_BIT(KEY_THIEF_RSA), .begin = attack_offer_forged},
    {1, "S", "code-own-p384", "… with a P-384 key of his own", REFUSED(R(SIGNATURE_KEY)), SERVER,
     .param = KEY_BIT(KEY_THIEF_P384), .begin = attack_offer_forged},
    {1, "S", "code-changed-first", "the first byte of code changed in a signed release",
     REFUSED(R(SIGNATURE_DIGEST)), LIVE, SERVER, .param = 0x280, .spoil = flip_restated},
    {1, "S", "code-changed-middle", "a byte in its middle changed", REFUSED(R(SIGNATURE_DIGEST)),
     SERVER, .param = 8192, .spoil = flip_restated},
    {1, "S", "code-changed-version", "its version text changed", REFUSED(R(SIGNATURE_DIGEST)),
     SERVER, .param = 0x31, .spoil = flip_restated},
    {1, "S", "code-changed-entry", "its entry address changed",
     REFUSED(R(SIGNATURE_DIGEST), R(ENTRY)), SERVER, .param = 5, .spoil = flip_restated},
    {1, "S", "code-digest-left", "a byte of code changed, the appended digest left",
     REFUSED(R(IMAGE_DIGEST), R(CHECKSUM), R(SIGNATURE_DIGEST)), SERVER, .spoil = wrong_digest},
    {1, "S", "code-elf", "a program for another machine", REFUSED(R(BODY_DIFFERS)), SERVER,
     .spoil = no_image},
    {1, "S", "code-html", "an error page with a digest of its own", REFUSED(R(BODY_DIFFERS)),
     SERVER, .param = 1, .spoil = no_image},
    {1, "M", "mirror-flips-header", "the mirror flips a bit in the image header",
     REFUSED(R(SEGMENTS), R(BODY_DIFFERS)), .begin = flip_served},
    {1, "M", "mirror-flips-chip", "… in the chip id", REFUSED(R(WRONG_CHIP), R(BODY_DIFFERS)),
     .param = 12, .begin = flip_served},
    {1, "M", "mirror-flips-policy", "… in the policy's release counter",
     REFUSED(R(COUNTER_DIFFERS), R(BODY_DIFFERS)), .param = 0x120 + 28, .begin = flip_served},
    {1, "M", "mirror-flips-code", "… in the code",
     REFUSED(R(FILE_DIGEST), R(CHECKSUM), R(IMAGE_DIGEST)), LIVE, .param = 9000,
     .begin = flip_served},
    {1, "M", "mirror-flips-signature", "… in the signature", REFUSED(R(FILE_DIGEST)),
     .param = 20480 + 110, .begin = flip_served},
    {1, "M", "mirror-flips-last", "… in the last byte",
     REFUSED(R(FILE_DIGEST), R(SIGNATURE_FORMAT)), .param = 0xFFFFFFFF, .begin = flip_served},
    {1, "M", "mirror-other-build", "the mirror sends another genuine build of the release",
     REFUSED(R(FILE_DIGEST)), LIVE, .begin = other_build},
    {1, "M", "mirror-poisons", "a flipped bit for hours; then the genuine file, by force-now",
     REFUSED(R(FILE_DIGEST)), .during_s = 6 * 3600, .param = 9000, .begin = poison},
    {1, "M", "mirror-poisons-head", "… in the first bytes; then the genuine file, without a word",
     REFUSED(R(COUNTER_DIFFERS), R(BODY_DIFFERS)), .during_s = 6 * 3600, .param = 0x120 + 28,
     .begin = poison},
    {1, "N", "instruction-unsigned", "a genuine instruction, its signature zeroed",
     REFUSED(R(INSTRUCTION_SIGNATURE)), LIVE, .begin = attack_offer_next,
     .reply = no_instruction_signature},
    {1, "N", "instruction-own-key", "an instruction by the thief's own deploy key",
     REFUSED(R(INSTRUCTION_SIGNATURE)), LIVE, .begin = own_deploy_key},
    {1, "N", "instruction-own-all", "his own instruction for his own image",
     REFUSED(R(INSTRUCTION_SIGNATURE)), LIVE, .param = KEY_BIT(KEY_THIEF), .begin = own_everything},
    {1, "N", "instruction-flip-flags", "a flag flipped in a genuine instruction",
     REFUSED(R(INSTRUCTION_SIGNATURE)), .param = 5, .begin = attack_offer_next,
     .reply = flip_instruction},
    {1, "N", "instruction-flip-size", "the file size flipped",
     REFUSED(R(INSTRUCTION_SIGNATURE)), .param = 61, .begin = attack_offer_next,
     .reply = flip_instruction},
    {1, "N", "instruction-flip-digest", "the file digest flipped",
     REFUSED(R(INSTRUCTION_SIGNATURE)), .param = 64, .begin = attack_offer_next,
     .reply = flip_instruction},
    {1, "N", "instruction-flip-counter", "the release counter flipped",
     REFUSED(R(INSTRUCTION_SIGNATURE)), .param = 96, .begin = attack_offer_next,
     .reply = flip_instruction},
    {1, "N", "instruction-flip-magic", "the magic flipped", REFUSED(R(INSTRUCTION_SIGNATURE)),
     .begin = attack_offer_next, .reply = flip_instruction},
    {1, "N", "instruction-flip-signature", "a bit of the signature flipped",
     REFUSED(R(INSTRUCTION_SIGNATURE)), .param = 255, .begin = attack_offer_next,
     .reply = flip_instruction},

    {6, "M", "stitch-at-4096", "the first sector of one release, the rest of another",
     REFUSED(R(FILE_DIGEST), R(CHECKSUM), R(IMAGE_DIGEST)), LIVE, .param = 4096, .begin = stitch},
    {6, "M", "stitch-at-8192", "two sectors of one, the rest of another",
     REFUSED(R(FILE_DIGEST), R(CHECKSUM), R(IMAGE_DIGEST)), .param = 8192, .begin = stitch},
    {6, "M", "stitch-signature", "one release with the signature sector of another",
     REFUSED(R(FILE_DIGEST)), .param = 20480, .begin = stitch},
    {6, "S", "stitch-restated", "the same, and the instruction names the mixture",
     REFUSED(R(SIGNATURE_DIGEST)), LIVE, SERVER, .param = 20480, .begin = stitch_restated},
    {6, "S", "stitch-code-restated", "two releases mixed in their code, and named so",
     REFUSED(R(CHECKSUM), R(IMAGE_DIGEST), R(SIGNATURE_DIGEST)), SERVER, .param = 8192,
     .begin = stitch_restated},
    {6, "M", "rest-of-other", "the connection breaks, and the rest is another release's",
     REFUSED(R(FILE_DIGEST), R(CHECKSUM), R(IMAGE_DIGEST)), LIVE, .begin = other_rest,
     .response = cut_then_other},
    {6, "M", "rest-of-other-tag", "… under its own entity tag", KEPT, .param = 1,
     .begin = other_rest, .response = cut_then_other},
    {6, "M", "range-before", "a reply that starts a sector before what was asked", WHOLE,
     .begin = attack_offer_next, .response = wrong_range},
    {6, "M", "range-behind", "… a byte behind it", WHOLE, .param = 1, .begin = attack_offer_next,
     .response = wrong_range},
    {6, "M", "range-other-total", "… of a file of another size", WHOLE, .param = 2,
     .begin = attack_offer_next, .response = wrong_range},
    {6, "M", "range-unsaid", "… that does not say where it starts", WHOLE, .param = 3,
     .begin = attack_offer_next, .response = wrong_range},
    {6, "-", "range-honest", "the connection breaks six times, each rest is genuine", INSTALLED,
     LIVE_CONTROL, .param = 4, .begin = attack_offer_next, .response = wrong_range},
    {6, "-", "range-whole", "the whole genuine file instead of its rest: begun anew", INSTALLED,
     CONTROL, .begin = attack_offer_next, .response = whole_for_range},
    {7, "N", "part-head", "the first 100 bytes, and never more", KEPT, .param = 100,
     .begin = attack_offer_next, .response = cut_always},
    {7, "N", "part-1-sector", "one sector, and never more", KEPT, .param = 4096,
     .begin = attack_offer_next, .response = cut_always},
    {7, "N", "part-body", "everything but the signature sector", KEPT, .param = 20480,
     .begin = attack_offer_next, .response = cut_always},
    {7, "N", "part-but-one", "everything but the last byte", KEPT, .param = 24575,
     .begin = attack_offer_next, .response = cut_always},
    {7, "-", "part-none", "nobody attacks: nothing is missing", INSTALLED, CONTROL,
     .begin = attack_offer_next},

    CHIP_ROWS("esp32", 0), CHIP_ROWS("esp32s2", 1), CHIP_ROWS("esp32s3", 2),
    CHIP_ROWS("esp32c2", 3), CHIP_ROWS("esp32c6", 4), CHIP_ROWS("esp32h2", 5),
    CHIP_ROWS("esp32p4", 6), CHIP_ROWS("esp32c61", 7), CHIP_ROWS("esp32c5", 8),
    CHIP_ROWS("esp32h21", 9), CHIP_ROWS("esp32h4", 10), CHIP_ROWS("esp32e22", 11),
    CHIP_ROWS("esp32s31", 12),
    {9, "SI", "product-other", "a release of the same maker's other product",
     REFUSED(R(WRONG_PRODUCT)), LIVE, SERVER, .begin = other_product},
    {9, "S", "product-lie", "… said to be of this product", REFUSED(R(WRONG_PRODUCT)), LIVE, SERVER,
     .param = LIES, .begin = other_product},
    {9, "SI", "hardware-other", "a release for board revisions that this one is not",
     REFUSED(R(HARDWARE), R(CHIP_REVISION)), SERVER, .param = 0xFFFFFFFE, .begin = other_board},
    {9, "-", "hardware-this", "nobody attacks: a release for this board revision among others",
     INSTALLED, CONTROL, .param = 0x00000003, .begin = other_board},
    {9, "SI", "chip-later", "a release for a later revision of the chip", REFUSED(R(CHIP_REVISION)),
     SERVER, .spoil = other_revision},
    {9, "S", "device-other", "an instruction made for another device",
     REFUSED(R(INSTRUCTION_DEVICE)), LIVE, SERVER, .param = 5, .begin = attack_offer_next,
     .instruct = other_device},
    {9, "S", "device-longer", "… whose id is the same in its first six bytes",
     REFUSED(R(INSTRUCTION_DEVICE)), SERVER, .param = 15, .begin = attack_offer_next,
     .instruct = other_device},
    {9, "S", "size-slot", "a file larger than the slot", REFUSED(R(TOO_LARGE)), SERVER,
     .param = 0x7FFFF000, .begin = attack_offer_next, .instruct = too_large},
    {9, "S", "size-zero", "a file of no bytes", REFUSED(R(TOO_LARGE)), SERVER,
     .begin = attack_offer_next, .instruct = too_large},
    {0}};
/* clang-format on */
