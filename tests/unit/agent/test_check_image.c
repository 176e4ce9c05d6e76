/* Checks 8 and 10–12: files that must not run, each refused with its own reason. */
#include "fixture.h"

#include "case.h"
#include "formats/sigblock.h"

struct verdict {
    enum godwit_stage stage;
    enum godwit_reason reason;
};

/* Offers a file until its outcome; the device must still run the first image. */
static struct verdict offer_to(struct fixture *fixture, const struct file *file)
{
    peer_offer(&fixture->peer, file->data, file->size, 5);
    fixture->peer.chip_id = 5; /* the server's word is good; the file is not */
    assert_true(fixture_run(fixture, done_outcome, 300));
    assert_int_equal(fixture->board.counters.boots, 1);
    return (struct verdict){fixture->peer.outcome.stage,
                            (enum godwit_reason)fixture->peer.outcome.reason};
}

static struct verdict verdict_of(struct file file)
{
    struct fixture fixture;
    fixture_begin(&fixture);
    struct verdict verdict = offer_to(&fixture, &file);
    free(file.data);
    fixture_end(&fixture);
    return verdict;
}

static void assert_verdict(struct verdict verdict, enum godwit_stage stage,
                           enum godwit_reason reason)
{
    assert_int_equal(verdict.stage, stage);
    assert_string_equal(godwit_reason_id(verdict.reason), godwit_reason_id(reason));
}

static struct file plain(void)
{
    struct pack_options options = fixture_pack("1.1.0");
    return fixture_image(&options);
}

/* As large as a signed file, but with nothing in its last sector. */
static struct file padded(void)
{
    struct file file = plain(), out = {malloc(IMAGE_SIZE), IMAGE_SIZE};
    assert_non_null(out.data);
    memset(out.data, 0xFF, out.size);
    memcpy(out.data, file.data, file.size);
    free(file.data);
    return out;
}

static void refuses_unsigned_files(void **state)
{
    (void)state;
    assert_verdict(verdict_of(padded()), GODWIT_STAGE_VERIFY, GODWIT_REASON_UNSIGNED);
    struct file cut = fixture_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    cut.size -= 4096; /* the signature sector is gone */
    assert_verdict(verdict_of(cut), GODWIT_STAGE_VERIFY, GODWIT_REASON_UNSIGNED);
}

static void refuses_keys_that_are_not_trusted(void **state)
{
    (void)state;
    assert_verdict(verdict_of(fixture_sign(plain(), 1)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_SIGNATURE_KEY);
}

/* Our signer refuses to; an attacker only copies the block. */
static struct file repeat_block(struct file file)
{
    uint8_t *sector = file.data + file.size - GODWIT_SIGSECTOR_SIZE;
    memcpy(sector + GODWIT_SIGBLOCK_SIZE, sector, GODWIT_SIGBLOCK_SIZE);
    return file;
}

static void counts_distinct_keys_against_the_threshold(void **state)
{
    (void)state;
    static const struct {
        int keys[3];
        int count;
        enum godwit_reason reason;
    } rows[] = {
        {{0}, 1, GODWIT_REASON_SIGNATURE_THRESHOLD},
        {{0, 0}, 2, GODWIT_REASON_SIGNATURE_THRESHOLD}, /* twice the same */
        {{0, 2}, 2, GODWIT_REASON_SIGNATURE_THRESHOLD}, /* the second is a stranger */
        {{2}, 1, GODWIT_REASON_SIGNATURE_KEY},
        {{1, 0}, 2, GODWIT_REASON_NONE},
        {{2, 1, 0}, 3, GODWIT_REASON_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        struct fixture fixture;
        struct godwit_policy policy;
        uint8_t seed[GODWIT_POLICY_BYTES];
        struct file file = plain();
        for (int k = 0; k < rows[i].count; k++) {
            bool is_repeated = k > 0 && rows[i].keys[k] == rows[i].keys[k - 1];
            file = is_repeated ? repeat_block(file) : fixture_sign(file, rows[i].keys[k]);
        }
        fixture_init(&fixture, fixture_key(0));
        assert_int_equal(godwit_policy_decode(peer_seed(&fixture.peer), true, &policy), GODWIT_OK);
        policy.image_keys_count = policy.threshold = 2;
        assert_int_equal(key_digest(fixture_key(1), policy.image_keys[1]), GODWIT_OK);
        godwit_policy_encode(&policy, seed);
        fixture.options.initial_policy = seed;
        fixture_start(&fixture);
        if (rows[i].reason == GODWIT_REASON_NONE) {
            peer_offer(&fixture.peer, file.data, file.size, 5);
            assert_true(fixture_run(&fixture, done_confirmed, 600));
        } else {
            assert_verdict(offer_to(&fixture, &file), GODWIT_STAGE_VERIFY, rows[i].reason);
        }
        free(file.data);
        fixture_end(&fixture);
    }
}

static void refuses_a_bad_block_even_beside_a_good_one(void **state)
{
    (void)state;
    struct file file = fixture_sign(fixture_sign(plain(), 0), 1);
    uint8_t *second = file.data + file.size - 4096 + GODWIT_SIGBLOCK_SIZE;
    second[100] ^= 1; /* its CRC is now wrong */
    assert_verdict(verdict_of(file), GODWIT_STAGE_VERIFY, GODWIT_REASON_SIGNATURE_FORMAT);
}

static void refuses_loose_bytes_in_the_signature_sector(void **state)
{
    (void)state;
    struct file file = fixture_sign(plain(), 0);
    file.data[file.size - 1] = 0;
    assert_verdict(verdict_of(file), GODWIT_STAGE_VERIFY, GODWIT_REASON_SIGNATURE_FORMAT);
}

/* A signature taken from another image of the same key. */
static void refuses_a_signature_for_other_bytes(void **state)
{
    (void)state;
    struct pack_options options = fixture_pack("9.9.9");
    struct file other = fixture_sign(fixture_image(&options), 0);
    struct file file = padded();
    memcpy(file.data + file.size - 4096, other.data + other.size - 4096, 4096);
    free(other.data);
    assert_verdict(verdict_of(file), GODWIT_STAGE_VERIFY, GODWIT_REASON_SIGNATURE_DIGEST);
}

static struct file sign_by(struct file file, const struct key *key)
{
    struct file out;
    enum godwit_reason reason;
    assert_int_equal(image_sign(key, file.data, file.size, &out.data, &out.size, &reason), 0);
    free(file.data);
    return out;
}

/* Two blocks of any schemes, where both are asked for: P-384 signs the body's SHA-384. */
static void verifies_every_scheme(void **state)
{
    (void)state;
    static const enum godwit_scheme pairs[][2] = {
        {GODWIT_SCHEME_ECDSA256, GODWIT_SCHEME_ECDSA384},
        {GODWIT_SCHEME_ECDSA384, GODWIT_SCHEME_RSA3072},
    };
    for (size_t i = 0; i < 4; i++) {
        struct key *keys[2];
        struct fixture fixture;
        struct file file = plain();
        fixture_init(&fixture, fixture_key(0));
        struct godwit_policy policy = peer_policy(&fixture.peer);
        policy.threshold = policy.image_keys_count = 2;
        for (int k = 0; k < 2; k++) {
            keys[k] = key_generate(pairs[i / 2][k]);
            assert_int_equal(key_digest(keys[k], policy.image_keys[k]), GODWIT_OK);
            file = sign_by(file, keys[k]);
        }
        peer_set_seed(&fixture.peer, &policy);
        fixture_start(&fixture);
        if (i % 2 == 0) {
            peer_offer(&fixture.peer, file.data, file.size, 5);
            assert_true(fixture_run(&fixture, done_confirmed, 600));
        } else { /* signed, then changed */
            file.data[BEHAVIOUR_OFFSET + 64] ^= 1;
            assert_verdict(offer_to(&fixture, &file), GODWIT_STAGE_VERIFY,
                           GODWIT_REASON_SIGNATURE_DIGEST);
        }
        free(file.data);
        for (int k = 0; k < 2; k++)
            key_close(keys[k]);
        fixture_end(&fixture);
    }
}

/* All is right but the signature: digest, key and CRC are as they should be. */
static void refuses_a_forged_signature(void **state)
{
    (void)state;
    struct file file = fixture_sign(plain(), 0);
    uint8_t guess[64];
    memset(guess, 0x5A, sizeof guess);
    assert_int_equal(godwit_sigblock_commit(file.data + file.size - 4096, guess, sizeof guess),
                     GODWIT_OK);
    assert_verdict(verdict_of(file), GODWIT_STAGE_VERIFY, GODWIT_REASON_SIGNATURE_BAD);
}

static void an_open_product_needs_no_signature(void **state)
{
    (void)state;
    struct fixture fixture;
    struct file file = plain();
    fixture_init(&fixture, NULL);
    fixture_start(&fixture);
    peer_offer(&fixture.peer, file.data, file.size, 5);
    assert_true(fixture_run(&fixture, done_confirmed, 600));
    free(file.data);
    fixture_end(&fixture);
}

static void refuses_what_does_not_fit_the_chip_before_any_erase(void **state)
{
    (void)state;
    struct pack_options options = fixture_pack("1.1.0");
    options.chip = godwit_chip_by_name("esp32s3");
    assert_verdict(verdict_of(fixture_sign(fixture_image(&options), 0)), GODWIT_STAGE_DOWNLOAD,
                   GODWIT_REASON_WRONG_CHIP);
    options = fixture_pack("1.1.0");
    options.revision_min = 100;
    assert_verdict(verdict_of(fixture_sign(fixture_image(&options), 0)), GODWIT_STAGE_DOWNLOAD,
                   GODWIT_REASON_CHIP_REVISION);
    options.revision_min = 0, options.block_revision_min = 1;
    assert_verdict(verdict_of(fixture_sign(fixture_image(&options), 0)), GODWIT_STAGE_DOWNLOAD,
                   GODWIT_REASON_BLOCK_REVISION);
    struct file one = plain();
    one.data[1] = 1; /* segment: it can not have both code and constants */
    assert_verdict(verdict_of(fixture_sign_any(one, 0)), GODWIT_STAGE_DOWNLOAD,
                   GODWIT_REASON_FLASH_SEGMENTS);
    struct file file = fixture_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    file.data[0] = 0x7F;
    assert_verdict(verdict_of(file), GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_BODY_DIFFERS);

    struct fixture fixture;
    fixture_begin(&fixture);
    options.revision_min = 100;
    file = fixture_sign(fixture_image(&options), 0);
    (void)offer_to(&fixture, &file);
    uint8_t first[16];
    assert_int_equal(
        fixture.flash.read(fixture.flash.ctx, fixture.board.agent.slots.inactive.offset, first, 16),
        0);
    assert_true(godwit_all(first, 16, 0xFF));
    free(file.data);
    fixture_end(&fixture);
}

/* The digest made anew behind a change of the header, which the checksum byte does not cover. */
static struct file fixture_resign(struct file file)
{
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, file.data, file.size - 32);
    assert_int_equal(godwit_hash_peek(&hash, file.data + file.size - 32), GODWIT_OK);
    return fixture_sign_any(file, 0);
}

/* Signed but unbootable; and what is not the announced file, or not signed, is called that first.
 */
static void refuses_damaged_images(void **state)
{
    (void)state;
    struct file file = plain();
    file.data[file.size - 33] ^= 1; /* checksum byte */
    assert_verdict(verdict_of(fixture_sign_any(file, 0)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_CHECKSUM);
    file = plain();
    file.data[file.size - 1] ^= 1; /* appended digest */
    assert_verdict(verdict_of(fixture_sign_any(file, 0)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_IMAGE_DIGEST);
    file = plain();
    godwit_store32(file.data + file.size - 48, 0x40380000); /* code in RAM … */
    godwit_store32(file.data + 4, 0x40380000);
    assert_verdict(verdict_of(fixture_resign(file)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_FLASH_SEGMENTS);
    file = plain();
    godwit_store32(file.data + 24, 0x3C000020); /* … and constants in its MMU page */
    assert_verdict(verdict_of(fixture_resign(file)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_FLASH_SEGMENTS);
    file = plain();
    file.size -= 8192;
    assert_verdict(verdict_of(fixture_sign_any(file, 0)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_TRUNCATED);
    file = plain();
    file.data = realloc(file.data, file.size + 1);
    assert_non_null(file.data);
    file.data[file.size++] = 0;
    assert_verdict(verdict_of(fixture_sign_any(file, 0)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_TRAILING_DATA);
    file = fixture_sign(plain(), 0);
    file.data[IMAGE_SIZE - 4096 - 33] ^= 1; /* after it was signed */
    assert_verdict(verdict_of(file), GODWIT_STAGE_VERIFY, GODWIT_REASON_SIGNATURE_DIGEST);
    file = plain();
    file.data[file.size - 33] ^= 1;
    assert_verdict(verdict_of(fixture_sign_any(file, 1)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_SIGNATURE_KEY);

    struct fixture fixture;
    fixture_begin(&fixture);
    file = fixture_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    peer_offer(&fixture.peer, file.data, file.size, 5);
    fixture.peer.file_size = file.size - 8192; /* announced, and given out, too short */
    assert_true(fixture_run(&fixture, done_outcome, 300));
    assert_string_equal(godwit_reason_id(fixture.peer.outcome.reason), "file-digest");
    free(file.data);
    fixture_end(&fixture);
}

/* An open product has no signature to fail first. */
static void parses_what_nobody_signed(void **state)
{
    (void)state;
    struct fixture fixture;
    struct file file = plain();
    file.data[file.size - 33] ^= 1;
    fixture_init(&fixture, NULL);
    fixture_start(&fixture);
    assert_verdict(offer_to(&fixture, &file), GODWIT_STAGE_VERIFY, GODWIT_REASON_CHECKSUM);
    free(file.data);
    fixture_end(&fixture);
}

static enum godwit_reason reason_of_policy(const struct godwit_policy *policy, bool is_broken)
{
    uint8_t bytes[GODWIT_POLICY_BYTES];
    struct pack_options options = fixture_pack("1.1.0");
    godwit_policy_encode(policy, bytes);
    if (is_broken) bytes[4] = 9;
    options.policy = bytes;
    struct file file = fixture_sign(fixture_image(&options), 0);
    struct fixture fixture;
    fixture_begin(&fixture);
    peer_offer(&fixture.peer, file.data, file.size, 5);
    fixture.peer.counter = 4;
    fixture_run(&fixture, done_outcome, 300);
    enum godwit_reason reason = (enum godwit_reason)fixture.peer.outcome.reason;
    free(file.data);
    fixture_end(&fixture);
    return reason;
}

static void reads_the_policy_inside_the_image(void **state)
{
    (void)state;
    struct godwit_policy good = {
        .threshold = 1, .image_keys_count = 1, .hardware_mask = 1, .counter = 4};
    assert_int_equal(godwit_product_id("default", PEER_PRODUCT, good.product_id), GODWIT_OK);
    assert_int_equal(key_digest(fixture_key(0), good.image_keys[0]), GODWIT_OK);
    assert_int_equal(reason_of_policy(&good, false), GODWIT_REASON_NONE);
    assert_int_equal(reason_of_policy(&good, true), GODWIT_REASON_POLICY_FORMAT);
    struct godwit_policy bad = good;
    bad.product_id[0] ^= 1;
    assert_int_equal(reason_of_policy(&bad, false), GODWIT_REASON_WRONG_PRODUCT);
    bad = good;
    bad.counter = 5;
    assert_int_equal(reason_of_policy(&bad, false), GODWIT_REASON_COUNTER_DIFFERS);
    bad = good;
    bad.hardware_mask = 2; /* this board is revision 0 */
    assert_int_equal(reason_of_policy(&bad, false), GODWIT_REASON_HARDWARE);
}

/* Each file that verification refuses counts, over resets too; power cuts do not. */
static void quarantines_a_file_after_three_refusals(void **state)
{
    (void)state;
    struct fixture fixture;
    struct file file = fixture_sign(plain(), 1);
    fixture_begin(&fixture);
    fixture.peer.offers_always = true;
    peer_offer(&fixture.peer, file.data, file.size, 5);
    for (uint32_t i = 1; i <= GODWIT_ATTEMPTS_MAX; i++) {
        CASE(i);
        while (fixture.peer.image_requests < i)
            assert_true(fixture_run(&fixture, done_verifying, 900));
        fixture_power_cycle(&fixture); /* the slot is read again, not the network */
        assert_true(fixture_run(&fixture, done_verifying, 900));
        fixture.peer.outcomes = 0;
        assert_true(fixture_run(&fixture, done_outcome, 900));
        assert_int_equal(fixture.peer.outcome.reason, GODWIT_REASON_SIGNATURE_KEY);
        assert_int_equal(fixture.peer.image_requests, i);
        fixture_power_cycle(&fixture);
    }
    fixture_run(&fixture, NULL, 3600);
    assert_int_equal(fixture.peer.image_requests, GODWIT_ATTEMPTS_MAX);
    assert_int_equal(fixture.peer.outcome.reason, GODWIT_REASON_QUARANTINED);
    free(file.data);
    fixture_end(&fixture);
}

/* A server that acknowledges nothing: the outcome stays the same, and the attempts count. */
static void counts_refusals_that_no_one_hears(void **state)
{
    (void)state;
    struct fixture fixture;
    struct file file = fixture_sign(plain(), 1);
    fixture_begin(&fixture);
    fixture.peer.offers_always = fixture.peer.is_deaf = true;
    peer_offer(&fixture.peer, file.data, file.size, 5);
    for (uint32_t i = 1; i <= GODWIT_ATTEMPTS_MAX; i++) {
        CASE(i);
        while (fixture.peer.image_requests < i)
            assert_true(fixture_run(&fixture, done_verifying, 900));
        fixture.peer.checkins = 0;
        fixture.peer.file = NULL;
        assert_true(fixture_run(&fixture, done_checked_in, 900));
        fixture.peer.file = file.data;
        fixture_power_cycle(&fixture);
    }
    fixture_run(&fixture, NULL, 3600);
    assert_int_equal(fixture.peer.image_requests, GODWIT_ATTEMPTS_MAX);
    free(file.data);
    fixture_end(&fixture);
}

static void believes_the_flash_and_not_the_download(void **state)
{
    (void)state;
    struct fixture fixture;
    struct file file = fixture_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    fixture_begin(&fixture);
    peer_offer(&fixture.peer, file.data, file.size, 5);
    assert_true(fixture_run(&fixture, done_verifying, 300));
    /* one bit of the slot falls between download and read-back */
    uint8_t bit[4];
    uint32_t at = fixture.board.agent.slots.inactive.offset + 0x9000;
    assert_int_equal(fixture.flash.read(fixture.flash.ctx, at, bit, 4), GODWIT_OK);
    struct godwit_flash raw = flash_ram_port(&fixture.ram);
    for (int i = 0; i < 4; i++)
        bit[i] = 0;
    assert_int_equal(raw.write(raw.ctx, at, bit, 4), GODWIT_OK);
    fixture.ram.violations = 0;
    assert_true(fixture_run(&fixture, done_outcome, 300));
    assert_int_equal(fixture.peer.outcome.stage, GODWIT_STAGE_VERIFY);
    assert_int_equal(fixture.board.counters.boots, 1);
    /* what lay there is not taken for the file again: a new offer downloads anew and succeeds */
    uint32_t requests = fixture.peer.image_requests;
    peer_offer(&fixture.peer, file.data, file.size, 6);
    assert_true(fixture_run(&fixture, done_confirmed, 600));
    assert_int_equal(fixture.peer.image_requests, requests + 1);
    free(file.data);
    fixture_end(&fixture);
}

/* The server serves other bytes under the name it announced; both are well signed. */
static void refuses_a_good_file_that_is_not_the_one_announced(void **state)
{
    (void)state;
    struct fixture fixture;
    struct pack_options options = fixture_pack("1.1.0");
    struct file file = fixture_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    options.seed = 99;
    struct file other = fixture_sign(fixture_image(&options), 0);
    assert_int_equal(file.size, other.size);
    fixture_begin(&fixture);
    peer_offer(&fixture.peer, file.data, file.size, 5);
    fixture.peer.file = other.data;
    assert_true(fixture_run(&fixture, done_outcome, 300));
    assert_verdict((struct verdict){fixture.peer.outcome.stage,
                                    (enum godwit_reason)fixture.peer.outcome.reason},
                   GODWIT_STAGE_VERIFY, GODWIT_REASON_FILE_DIGEST);
    free(file.data);
    free(other.data);
    fixture_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_unsigned_files),
        cmocka_unit_test(refuses_keys_that_are_not_trusted),
        cmocka_unit_test(counts_distinct_keys_against_the_threshold),
        cmocka_unit_test(refuses_a_bad_block_even_beside_a_good_one),
        cmocka_unit_test(refuses_loose_bytes_in_the_signature_sector),
        cmocka_unit_test(refuses_a_signature_for_other_bytes),
        cmocka_unit_test(verifies_every_scheme),
        cmocka_unit_test(refuses_a_forged_signature),
        cmocka_unit_test(an_open_product_needs_no_signature),
        cmocka_unit_test(refuses_what_does_not_fit_the_chip_before_any_erase),
        cmocka_unit_test(refuses_damaged_images),
        cmocka_unit_test(parses_what_nobody_signed),
        cmocka_unit_test(reads_the_policy_inside_the_image),
        cmocka_unit_test(quarantines_a_file_after_three_refusals),
        cmocka_unit_test(counts_refusals_that_no_one_hears),
        cmocka_unit_test(believes_the_flash_and_not_the_download),
        cmocka_unit_test(refuses_a_good_file_that_is_not_the_one_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
