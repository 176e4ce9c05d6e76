/* otadata: CRC and entries against ESP-IDF's own values, a device's life step by step against the
 * partition digests of esp_ota_ops, and the rules over all pairs of interesting entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/text.h"
#include "case.h"
#include "formats/otadata.h"

static void crc_is_the_roms(void **state)
{
    static const struct {
        uint32_t seq, crc;
    } rows[] = {
        {0, 0xFFFFFFFF},          {1, 0x4743989A},          {2, 0x55F63774},
        {3, 0xED4A5011},          {4, 0x709D68A8},          {5, 0xC8210FCD},
        {6, 0xDA94A023},          {7, 0x6228C746},          {8, 0x3A4BD710},
        {9, 0x82F7B075},          {10, 0x90421F9B},         {16, 0xAFE6A860},
        {255, 0x21FAF90E},        {256, 0xFE3D95C8},        {65536, 0xE6E4CEBE},
        {0x7FFFFFFF, 0xCCFC5C3C}, {0xFFFFFFFE, 0x99F8B879}, {0xFFFFFFFF, 0x2144DF1C},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        assert_int_equal(godwit_ota_crc(rows[i].seq), rows[i].crc);
    }
}

static struct godwit_ota_entry entry(uint32_t seq, uint32_t state)
{
    struct godwit_ota_entry e = {.seq = seq, .state = state, .crc = godwit_ota_crc(seq)};
    memset(e.label, 0xFF, sizeof e.label);
    return e;
}

static struct godwit_ota_entry blank(void)
{
    struct godwit_ota_entry e;
    memset(&e, 0xFF, sizeof e);
    return e;
}

static void worked_entry_bytes(void **state)
{
    static const char want[] = "02000000ffffffffffffffffffffffffffffffffffffffff000000007437f655";
    uint8_t bytes[32];
    char hex[65];
    struct godwit_ota_entry e = entry(2, GODWIT_OTA_NEW);
    (void)state;
    godwit_ota_entry_store(&e, bytes);
    godwit_hex_encode(bytes, 32, hex);
    assert_string_equal(hex, want);
    struct godwit_ota_entry back = godwit_ota_entry_load(bytes);
    assert_memory_equal(&back, &e, sizeof e);
}

static void expect_partition(const struct godwit_ota_entry entries[static 2], const char *sha256)
{
    static uint8_t bytes[GODWIT_OTADATA_SIZE];
    uint8_t digest[32];
    char hex[65];
    struct godwit_hash hash;
    memset(bytes, 0xFF, sizeof bytes);
    godwit_ota_entry_store(&entries[0], bytes);
    godwit_ota_entry_store(&entries[1], bytes + 0x1000);
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, bytes, sizeof bytes);
    assert_int_equal(godwit_hash_peek(&hash, digest), GODWIT_OK);
    godwit_hex_encode(digest, 32, hex);
    assert_string_equal(hex, sha256);
}

static void select_slot(struct godwit_ota_entry entries[static 2], uint32_t slot, uint32_t slots)
{
    int sector;
    struct godwit_ota_entry e;
    godwit_ota_select(entries, slot, slots, GODWIT_OTA_NEW, &sector, &e);
    entries[sector] = e;
}

static void lifetime_of_an_entry(void **state)
{
    struct godwit_ota_entry e[2] = {blank(), blank()};
    (void)state;
    expect_partition(e, "7d2c7ac4888bfd75cd5f56e8d61f69595121183afc81556c876732fd3782c62f");
    e[0] = entry(1, GODWIT_OTA_VALID);
    expect_partition(e, "8ba3b110139f45443d4f268d1a3373ef99a1718b71d51664531b83ee2d4b91a3");
    select_slot(e, 1, 2);
    expect_partition(e, "8ee76b96c568c878f70d1e521eeb9ae6d57276f7fbbf92edfdf3796586765ddf");
    e[1].state = GODWIT_OTA_PENDING;
    expect_partition(e, "13b773feb4ff06bd32c19fcf96f19e48bfadcdbc750e3cbc6ddc92d77854cb8f");
    e[1].state = GODWIT_OTA_VALID;
    expect_partition(e, "b7e293bb607d3bddb99b7f38a7a45afd5823c0c61e3216e67858bbc759535282");
    e[0] = blank();
    expect_partition(e, "0a6aba7e4f6e78bc75f96f07ee02dd21bff54cd4ad3276b2adcb46c234c51f7a");
    select_slot(e, 0, 2);
    expect_partition(e, "46fa5fd90a253319db7c3344994ef6764504b834439c64d5c8da9709ad5ae330");
    e[0].state = GODWIT_OTA_PENDING;
    expect_partition(e, "ccd7a52841a16f2c9aa02ef57c91149f8b2386cde6f065b5323fa654277cae94");
    e[0].state = GODWIT_OTA_ABORTED;
    expect_partition(e, "92a68d2c0ec6ddfa07b6d6b082bdbd4e69b976492852e213a8b0f105cc488bce");
    select_slot(e, 0, 2);
    e[0].state = GODWIT_OTA_VALID;
    expect_partition(e, "3a3dd76b7b4854a8c933ae683d67bdfb1f8c223a23f1419269803db6246716bc");
}

static void choice(void **state)
{
    struct godwit_ota_entry bad_crc = entry(9, GODWIT_OTA_VALID);
    bad_crc.crc ^= 1;
    const struct {
        struct godwit_ota_entry entries[2];
        int active;
    } rows[] = {
        {{blank(), blank()}, -1},
        {{entry(1, 2), blank()}, 0},
        {{blank(), entry(1, 2)}, 1},
        {{entry(1, 2), entry(2, 0)}, 1},
        {{entry(3, 2), entry(2, 2)}, 0},
        {{entry(2, 2), entry(2, 2)}, 0}, /* a tie goes to the first */
        {{entry(3, GODWIT_OTA_ABORTED), entry(2, 2)}, 1},
        {{entry(3, GODWIT_OTA_INVALID), entry(2, GODWIT_OTA_ABORTED)}, -1},
        {{entry(1, 2), bad_crc}, 0},
        {{entry(0, 2), blank()}, 0},              /* 0 is a number like any other */
        {{entry(0xFFFFFFFE, 2), entry(1, 2)}, 0}, /* no wrap */
        {{entry(0xFFFFFFFF, 2), entry(1, 2)}, 1}, /* empty, whatever its CRC */
        {{entry(5, 0x80000000), entry(4, 2)}, 0}, /* unknown states boot */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        assert_int_equal(godwit_ota_active(rows[i].entries), rows[i].active);
    }
    assert_true(godwit_ota_is_blank(&bad_crc));
    assert_false(godwit_ota_is_unusable(&bad_crc));
    assert_int_equal(godwit_ota_slot(0, 2), 1);
    assert_int_equal(godwit_ota_slot(0, 3), 0);
    assert_int_equal(godwit_ota_slot(4, 3), 0);
}

/* Whatever stands in the two entries, a selected slot is what boots next. */
static void selected_slot_wins(void **state)
{
    static const uint32_t seqs[] = {0, 1, 2, 3, 4, 5, 17, 0x7FFFFFFF, 0xFFFFFF00, 0xFFFFFFFF};
    static const uint32_t states[] = {0, 1, 2, 3, 4, 77, GODWIT_OTA_UNDEFINED};
    enum { SEQS = sizeof seqs / sizeof *seqs, STATES = sizeof states / sizeof *states };
    (void)state;
    for (unsigned fixture = 0; fixture < SEQS * SEQS * STATES * STATES; fixture++) {
        CASE(fixture);
        unsigned w = fixture;
        uint32_t a = seqs[w % SEQS], b = seqs[w / SEQS % SEQS];
        w /= SEQS * SEQS;
        struct godwit_ota_entry before[2] = {entry(a, states[w % STATES]),
                                             entry(b, states[w / STATES])};
        for (uint32_t slots = 1; slots <= GODWIT_OTA_SLOTS_MAX; slots++) {
            CASE(slots);
            for (uint32_t slot = 0; slot < slots; slot++) {
                CASE(slot);
                struct godwit_ota_entry after[2] = {before[0], before[1]};
                select_slot(after, slot, slots);
                int active = godwit_ota_active(after);
                assert_true(active >= 0);
                assert_int_equal(godwit_ota_slot(after[active].seq, slots), slot);
                assert_int_equal(after[active].state, GODWIT_OTA_NEW);
            }
        }
    }
}

/* The running slot's record is the fallback image: selecting the other slot never touches it. */
static void fallback_is_kept(void **state)
{
    struct godwit_ota_entry e[2] = {entry(1, GODWIT_OTA_VALID), entry(2, GODWIT_OTA_ABORTED)};
    struct godwit_ota_entry kept = e[0];
    (void)state;
    select_slot(e, 1, 2);
    assert_memory_equal(&e[0], &kept, sizeof kept);
    assert_int_equal(e[1].seq, 2); /* the number of an aborted entry is used again */
    e[1].state = GODWIT_OTA_VALID;
    memset(e[1].label, 'x', sizeof e[1].label);
    select_slot(e, 1, 2); /* already active: rewritten in place, label carried over */
    assert_memory_equal(&e[0], &kept, sizeof kept);
    assert_int_equal(e[1].seq, 2);
    assert_int_equal(e[1].label[0], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_is_the_roms),      cmocka_unit_test(worked_entry_bytes),
        cmocka_unit_test(lifetime_of_an_entry), cmocka_unit_test(choice),
        cmocka_unit_test(selected_slot_wins),   cmocka_unit_test(fallback_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
