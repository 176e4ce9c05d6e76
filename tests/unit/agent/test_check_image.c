/* Checks 8 and 10–12: files that must not run, each refused with its own reason. */
#include "device_test.h"

#include "case.h"
#include "formats/sigblock.h"

struct verdict {
    enum godwit_stage stage;
    enum godwit_reason reason;
};

/* Offers a file until its outcome; the device must still run the first image. */
static struct verdict offer_to(struct device *device, const struct firmware *file)
{
    peer_offer(&device->peer, file->data, file->size, 5);
    device->peer.chip_id = 5; /* the server's word is good; the file is not */
    assert_true(device_run(device, done_outcome, 300));
    assert_int_equal(device->board.counters.boots, 1);
    return (struct verdict){device->peer.outcome.stage,
                            (enum godwit_reason)device->peer.outcome.reason};
}

static struct verdict verdict_of(struct firmware file)
{
    struct device device;
    device_begin(&device);
    struct verdict verdict = offer_to(&device, &file);
    free(file.data);
    device_end(&device);
    return verdict;
}

static void assert_verdict(struct verdict verdict, enum godwit_stage stage,
                           enum godwit_reason reason)
{
    assert_int_equal(verdict.stage, stage);
    assert_string_equal(godwit_reason_id(verdict.reason), godwit_reason_id(reason));
}

static struct firmware plain(void)
{
    struct pack_options options = firmware_options("1.1.0");
    return firmware_pack(&options);
}

/* As large as a signed file, but with nothing in its last sector. */
static struct firmware padded(void)
{
    struct firmware file = plain(), out = {malloc(FIRMWARE_SIZE), FIRMWARE_SIZE};
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
    struct firmware cut = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    cut.size -= 4096; /* the signature sector is gone */
    assert_verdict(verdict_of(cut), GODWIT_STAGE_VERIFY, GODWIT_REASON_UNSIGNED);
}

static void refuses_keys_that_are_not_trusted(void **state)
{
    (void)state;
    assert_verdict(verdict_of(firmware_sign(plain(), 1)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_SIGNATURE_KEY);
}

/* Our signer refuses to; an attacker only copies the block. */
static struct firmware repeat_block(struct firmware file)
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
        struct device device;
        struct godwit_policy policy;
        uint8_t seed[GODWIT_POLICY_BYTES];
        struct firmware file = plain();
        for (int k = 0; k < rows[i].count; k++) {
            bool is_repeated = k > 0 && rows[i].keys[k] == rows[i].keys[k - 1];
            file = is_repeated ? repeat_block(file) : firmware_sign(file, rows[i].keys[k]);
        }
        device_prepare(&device, firmware_key(0));
        assert_int_equal(godwit_policy_decode(peer_seed(&device.peer), true, &policy), GODWIT_OK);
        policy.image_keys_count = policy.threshold = 2;
        assert_int_equal(key_digest(firmware_key(1), policy.image_keys[1]), GODWIT_OK);
        godwit_policy_encode(&policy, seed);
        device.options.initial_policy = seed;
        device_start(&device);
        if (rows[i].reason == GODWIT_REASON_NONE) {
            peer_offer(&device.peer, file.data, file.size, 5);
            assert_true(device_run(&device, done_confirmed, 600));
        } else {
            assert_verdict(offer_to(&device, &file), GODWIT_STAGE_VERIFY, rows[i].reason);
        }
        free(file.data);
        device_end(&device);
    }
}

static void refuses_a_bad_block_even_beside_a_good_one(void **state)
{
    (void)state;
    struct firmware file = firmware_sign(firmware_sign(plain(), 0), 1);
    uint8_t *second = file.data + file.size - 4096 + GODWIT_SIGBLOCK_SIZE;
    second[100] ^= 1; /* its CRC is now wrong */
    assert_verdict(verdict_of(file), GODWIT_STAGE_VERIFY, GODWIT_REASON_SIGNATURE_FORMAT);
}

static void refuses_loose_bytes_in_the_signature_sector(void **state)
{
    (void)state;
    struct firmware file = firmware_sign(plain(), 0);
    file.data[file.size - 1] = 0;
    assert_verdict(verdict_of(file), GODWIT_STAGE_VERIFY, GODWIT_REASON_SIGNATURE_FORMAT);
}

/* A signature taken from another image of the same key. */
static void refuses_a_signature_for_other_bytes(void **state)
{
    (void)state;
    struct pack_options options = firmware_options("9.9.9");
    struct firmware other = firmware_sign(firmware_pack(&options), 0);
    struct firmware file = padded();
    memcpy(file.data + file.size - 4096, other.data + other.size - 4096, 4096);
    free(other.data);
    assert_verdict(verdict_of(file), GODWIT_STAGE_VERIFY, GODWIT_REASON_SIGNATURE_DIGEST);
}

static struct firmware sign_by(struct firmware file, const struct key *key)
{
    struct firmware out;
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
        struct device device;
        struct firmware file = plain();
        device_prepare(&device, firmware_key(0));
        struct godwit_policy policy = peer_policy(&device.peer);
        policy.threshold = policy.image_keys_count = 2;
        for (int k = 0; k < 2; k++) {
            keys[k] = key_generate(pairs[i / 2][k]);
            assert_int_equal(key_digest(keys[k], policy.image_keys[k]), GODWIT_OK);
            file = sign_by(file, keys[k]);
        }
        peer_set_seed(&device.peer, &policy);
        device_start(&device);
        if (i % 2 == 0) {
            peer_offer(&device.peer, file.data, file.size, 5);
            assert_true(device_run(&device, done_confirmed, 600));
        } else { /* signed, then changed */
            file.data[BEHAVIOUR_OFFSET + 64] ^= 1;
            assert_verdict(offer_to(&device, &file), GODWIT_STAGE_VERIFY,
                           GODWIT_REASON_SIGNATURE_DIGEST);
        }
        free(file.data);
        for (int k = 0; k < 2; k++)
            key_close(keys[k]);
        device_end(&device);
    }
}

/* All is right but the signature: digest, key and CRC are as they should be. */
static void refuses_a_forged_signature(void **state)
{
    (void)state;
    struct firmware file = firmware_sign(plain(), 0);
    uint8_t guess[64];
    memset(guess, 0x5A, sizeof guess);
    assert_int_equal(godwit_sigblock_commit(file.data + file.size - 4096, guess, sizeof guess),
                     GODWIT_OK);
    assert_verdict(verdict_of(file), GODWIT_STAGE_VERIFY, GODWIT_REASON_SIGNATURE_BAD);
}

static void an_open_product_needs_no_signature(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = plain();
    device_prepare(&device, NULL);
    device_start(&device);
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_confirmed, 600));
    free(file.data);
    device_end(&device);
}

static void refuses_what_does_not_fit_the_chip_before_any_erase(void **state)
{
    (void)state;
    struct pack_options options = firmware_options("1.1.0");
    options.chip = godwit_chip_by_name("esp32s3");
    assert_verdict(verdict_of(firmware_sign(firmware_pack(&options), 0)), GODWIT_STAGE_DOWNLOAD,
                   GODWIT_REASON_WRONG_CHIP);
    options = firmware_options("1.1.0");
    options.revision_min = 100;
    assert_verdict(verdict_of(firmware_sign(firmware_pack(&options), 0)), GODWIT_STAGE_DOWNLOAD,
                   GODWIT_REASON_CHIP_REVISION);
    options.revision_min = 0, options.block_revision_min = 1;
    assert_verdict(verdict_of(firmware_sign(firmware_pack(&options), 0)), GODWIT_STAGE_DOWNLOAD,
                   GODWIT_REASON_BLOCK_REVISION);
    struct firmware one = plain();
    one.data[1] = 1; /* segment: it can not have both code and constants */
    assert_verdict(verdict_of(firmware_sign_any(one, 0)), GODWIT_STAGE_DOWNLOAD,
                   GODWIT_REASON_FLASH_SEGMENTS);
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    file.data[0] = 0x7F;
    assert_verdict(verdict_of(file), GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_BODY_DIFFERS);

    struct device device;
    device_begin(&device);
    options.revision_min = 100;
    file = firmware_sign(firmware_pack(&options), 0);
    (void)offer_to(&device, &file);
    uint8_t first[16];
    assert_int_equal(
        device.flash.read(device.flash.ctx, device.board.agent.slots.inactive.offset, first, 16),
        0);
    assert_true(godwit_all(first, 16, 0xFF));
    free(file.data);
    device_end(&device);
}

/* The digest made anew behind a change of the header, which the checksum byte does not cover. */
static struct firmware firmware_resign(struct firmware file)
{
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, file.data, file.size - 32);
    assert_int_equal(godwit_hash_peek(&hash, file.data + file.size - 32), GODWIT_OK);
    return firmware_sign_any(file, 0);
}

/* Signed but unbootable; and what is not the announced file, or not signed, is called that first.
 */
static void refuses_damaged_images(void **state)
{
    (void)state;
    struct firmware file = plain();
    file.data[file.size - 33] ^= 1; /* checksum byte */
    assert_verdict(verdict_of(firmware_sign_any(file, 0)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_CHECKSUM);
    file = plain();
    file.data[file.size - 1] ^= 1; /* appended digest */
    assert_verdict(verdict_of(firmware_sign_any(file, 0)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_IMAGE_DIGEST);
    file = plain();
    godwit_store32(file.data + file.size - 48, 0x40380000); /* code in RAM … */
    godwit_store32(file.data + 4, 0x40380000);
    assert_verdict(verdict_of(firmware_resign(file)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_FLASH_SEGMENTS);
    file = plain();
    godwit_store32(file.data + 24, 0x3C000020); /* … and constants in its MMU page */
    assert_verdict(verdict_of(firmware_resign(file)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_FLASH_SEGMENTS);
    file = plain();
    file.size -= 8192;
    assert_verdict(verdict_of(firmware_sign_any(file, 0)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_TRUNCATED);
    file = plain();
    file.data = realloc(file.data, file.size + 1);
    assert_non_null(file.data);
    file.data[file.size++] = 0;
    assert_verdict(verdict_of(firmware_sign_any(file, 0)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_TRAILING_DATA);
    file = firmware_sign(plain(), 0);
    file.data[FIRMWARE_SIZE - 4096 - 33] ^= 1; /* after it was signed */
    assert_verdict(verdict_of(file), GODWIT_STAGE_VERIFY, GODWIT_REASON_SIGNATURE_DIGEST);
    file = plain();
    file.data[file.size - 33] ^= 1;
    assert_verdict(verdict_of(firmware_sign_any(file, 1)), GODWIT_STAGE_VERIFY,
                   GODWIT_REASON_SIGNATURE_KEY);

    struct device device;
    device_begin(&device);
    file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    peer_offer(&device.peer, file.data, file.size, 5);
    device.peer.file_size = file.size - 8192; /* announced, and given out, too short */
    assert_true(device_run(&device, done_outcome, 300));
    assert_string_equal(godwit_reason_id(device.peer.outcome.reason), "file-digest");
    free(file.data);
    device_end(&device);
}

/* An open product has no signature to fail first. */
static void parses_what_nobody_signed(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = plain();
    file.data[file.size - 33] ^= 1;
    device_prepare(&device, NULL);
    device_start(&device);
    assert_verdict(offer_to(&device, &file), GODWIT_STAGE_VERIFY, GODWIT_REASON_CHECKSUM);
    free(file.data);
    device_end(&device);
}

static enum godwit_reason reason_of_policy(const struct godwit_policy *policy, bool is_broken)
{
    uint8_t bytes[GODWIT_POLICY_BYTES];
    struct pack_options options = firmware_options("1.1.0");
    godwit_policy_encode(policy, bytes);
    if (is_broken) bytes[4] = 9;
    options.policy = bytes;
    struct firmware file = firmware_sign(firmware_pack(&options), 0);
    struct device device;
    device_begin(&device);
    peer_offer(&device.peer, file.data, file.size, 5);
    device.peer.counter = 4;
    device_run(&device, done_outcome, 300);
    enum godwit_reason reason = (enum godwit_reason)device.peer.outcome.reason;
    free(file.data);
    device_end(&device);
    return reason;
}

static void reads_the_policy_inside_the_image(void **state)
{
    (void)state;
    struct godwit_policy good = {
        .threshold = 1, .image_keys_count = 1, .hardware_mask = 1, .counter = 4};
    assert_int_equal(godwit_product_id("default", PEER_PRODUCT, good.product_id), GODWIT_OK);
    assert_int_equal(key_digest(firmware_key(0), good.image_keys[0]), GODWIT_OK);
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
    struct device device;
    struct firmware file = firmware_sign(plain(), 1);
    device_begin(&device);
    device.peer.offers_always = true;
    peer_offer(&device.peer, file.data, file.size, 5);
    for (uint32_t i = 1; i <= GODWIT_ATTEMPTS_MAX; i++) {
        CASE(i);
        while (device.peer.image_requests < i)
            assert_true(device_run(&device, done_verifying, 900));
        device_power_cycle(&device); /* the slot is read again, not the network */
        assert_true(device_run(&device, done_verifying, 900));
        device.peer.outcomes = 0;
        assert_true(device_run(&device, done_outcome, 900));
        assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_SIGNATURE_KEY);
        assert_int_equal(device.peer.image_requests, i);
        device_power_cycle(&device);
    }
    device_run(&device, NULL, 3600);
    assert_int_equal(device.peer.image_requests, GODWIT_ATTEMPTS_MAX);
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_QUARANTINED);
    free(file.data);
    device_end(&device);
}

/* A server that acknowledges nothing: the outcome stays the same, and the attempts count. */
static void counts_refusals_that_no_one_hears(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = firmware_sign(plain(), 1);
    device_begin(&device);
    device.peer.offers_always = device.peer.is_deaf = true;
    peer_offer(&device.peer, file.data, file.size, 5);
    for (uint32_t i = 1; i <= GODWIT_ATTEMPTS_MAX; i++) {
        CASE(i);
        while (device.peer.image_requests < i)
            assert_true(device_run(&device, done_verifying, 900));
        device.peer.checkins = 0;
        device.peer.file = NULL;
        assert_true(device_run(&device, done_checked_in, 900));
        device.peer.file = file.data;
        device_power_cycle(&device);
    }
    device_run(&device, NULL, 3600);
    assert_int_equal(device.peer.image_requests, GODWIT_ATTEMPTS_MAX);
    free(file.data);
    device_end(&device);
}

static void believes_the_flash_and_not_the_download(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device_begin(&device);
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_verifying, 300));
    /* one bit of the slot falls between download and read-back */
    uint8_t bit[4];
    uint32_t at = device.board.agent.slots.inactive.offset + 0x9000;
    assert_int_equal(device.flash.read(device.flash.ctx, at, bit, 4), GODWIT_OK);
    struct godwit_flash raw = flash_ram_port(&device.ram);
    for (int i = 0; i < 4; i++)
        bit[i] = 0;
    assert_int_equal(raw.write(raw.ctx, at, bit, 4), GODWIT_OK);
    device.ram.violations = 0;
    assert_true(device_run(&device, done_outcome, 300));
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_VERIFY);
    assert_int_equal(device.board.counters.boots, 1);
    /* what lay there is not taken for the file again: a new offer downloads anew and succeeds */
    uint32_t requests = device.peer.image_requests;
    peer_offer(&device.peer, file.data, file.size, 6);
    assert_true(device_run(&device, done_confirmed, 600));
    assert_int_equal(device.peer.image_requests, requests + 1);
    free(file.data);
    device_end(&device);
}

/* The server serves other bytes under the name it announced; both are well signed. */
static void refuses_a_good_file_that_is_not_the_one_announced(void **state)
{
    (void)state;
    struct device device;
    struct pack_options options = firmware_options("1.1.0");
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    options.seed = 99;
    struct firmware other = firmware_sign(firmware_pack(&options), 0);
    assert_int_equal(file.size, other.size);
    device_begin(&device);
    peer_offer(&device.peer, file.data, file.size, 5);
    device.peer.file = other.data;
    assert_true(device_run(&device, done_outcome, 300));
    assert_verdict(
        (struct verdict){device.peer.outcome.stage, (enum godwit_reason)device.peer.outcome.reason},
        GODWIT_STAGE_VERIFY, GODWIT_REASON_FILE_DIGEST);
    free(file.data);
    free(other.data);
    device_end(&device);
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
