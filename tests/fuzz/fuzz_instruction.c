/* formats/instruction: any 256 bytes. What is taken encodes to the same bytes; without deploy keys
 * only an empty signature passes; with one, nothing that was not signed passes. One input in
 * sixteen pays for the elliptic curve. */
#include "formats/instruction.h"
#include "fuzz.h"

/* The curve's base point: a valid key whose private half (1) no input has reason to use. */
static const uint8_t base_point[64] = {
    0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5, 0x63, 0xA4, 0x40, 0xF2,
    0x77, 0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2, 0x96,
    0x4F, 0xE3, 0x42, 0xE2, 0xFE, 0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E, 0x16,
    0x2B, 0xCE, 0x33, 0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51, 0xF5,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < GODWIT_INSTRUCTION_SIZE) return 0;
    struct godwit_instruction instruction;
    if (godwit_instruction_decode(data, &instruction) == GODWIT_OK) {
        uint8_t again[GODWIT_INSTRUCTION_BODY_SIZE];
        godwit_instruction_encode(&instruction, again);
        FUZZ_CHECK(memcmp(again, data, sizeof again) == 0);
        FUZZ_CHECK(!(instruction.flags & GODWIT_INSTRUCTION_NO_UPDATE) !=
                   !(instruction.flags & GODWIT_INSTRUCTION_INSTALL));
    }
    uint32_t key_index;
    struct godwit_policy policy = {0};
    bool is_empty = godwit_all(data + GODWIT_INSTRUCTION_BODY_SIZE, 64, 0);
    godwit_err err = godwit_instruction_verify(data, &policy, &key_index);
    FUZZ_CHECK((err == GODWIT_OK) == is_empty);
    if (data[size - 1] % 16 == 0) {
        policy.deploy_keys_count = 1;
        memcpy(policy.deploy_keys[0], base_point, sizeof base_point);
        FUZZ_CHECK(godwit_instruction_verify(data, &policy, &key_index) == GODWIT_ERR_TRUST);
    }
    return 0;
}
