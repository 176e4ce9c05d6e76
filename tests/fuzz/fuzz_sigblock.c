/* formats/sigblock: any sector. The digests are those the first block names, so that they match;
 * in one run of eight the CRCs are set right too, and the signature is then really computed. */
#include "base/crc.h"
#include "formats/sigblock.h"
#include "fuzz.h"

static uint8_t sector[GODWIT_SIGSECTOR_SIZE];

static void check(const uint8_t *block)
{
    const struct godwit_body_digests digests = {sector + 4, sector + 4};
    struct godwit_sigblock out;
    memset(&out, 0xEE, sizeof out);
    godwit_err err = godwit_sigblock_check(block, &digests, &out);
    FUZZ_CHECK((err == GODWIT_OK) == (out.reason == GODWIT_REASON_NONE));
    FUZZ_CHECK((unsigned)out.scheme <= GODWIT_SCHEME_ECDSA192);
    FUZZ_CHECK(err != GODWIT_OK || out.scheme != GODWIT_SCHEME_NONE);
    FUZZ_CHECK(godwit_scheme_name(out.scheme)[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    bool is_forged = data[0] % 8 == 7;
    data++;
    size--;
    if (size > sizeof sector) size = sizeof sector;
    memset(sector, 0xFF, sizeof sector);
    memcpy(sector, data, size);
    for (size_t i = 0; is_forged && i < GODWIT_SIGBLOCKS_MAX; i++) {
        uint8_t *block = sector + i * GODWIT_SIGBLOCK_SIZE;
        godwit_store32(block + 1196, godwit_crc32(0, block, 1196));
    }
    size_t count = godwit_sigsector_count(sector);
    FUZZ_CHECK(count <= GODWIT_SIGBLOCKS_MAX);
    (void)godwit_sigsector_is_tidy(sector);
    for (size_t i = 0; i < count; i++)
        check(sector + i * GODWIT_SIGBLOCK_SIZE);
    if (count == 0) check(sector);
    return 0;
}
