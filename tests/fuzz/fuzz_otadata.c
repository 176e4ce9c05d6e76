/* formats/otadata: any two entries, any slot. Loading and storing change nothing; what select
 * writes is what the bootloader then picks. */
#include "formats/otadata.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 72) return 0;
    struct godwit_ota_entry entries[2];
    for (int i = 0; i < 2; i++) {
        uint8_t again[GODWIT_OTA_ENTRY_SIZE];
        entries[i] = godwit_ota_entry_load(data + i * GODWIT_OTA_ENTRY_SIZE);
        godwit_ota_entry_store(&entries[i], again);
        FUZZ_CHECK(memcmp(again, data + i * GODWIT_OTA_ENTRY_SIZE, sizeof again) == 0);
        if (data[64] >> i & 1) entries[i].crc = godwit_ota_crc(entries[i].seq);
        FUZZ_CHECK(!godwit_ota_is_valid(&entries[i]) || !godwit_ota_is_blank(&entries[i]));
        FUZZ_CHECK(!godwit_ota_is_valid(&entries[i]) || !godwit_ota_is_unusable(&entries[i]));
    }
    int active = godwit_ota_active(entries);
    FUZZ_CHECK(active >= -1 && active <= 1);
    FUZZ_CHECK(active < 0 || godwit_ota_is_valid(&entries[active]));

    uint32_t slots = 1 + data[65] % GODWIT_OTA_SLOTS_MAX, slot = data[66] % slots;
    int sector;
    struct godwit_ota_entry entry;
    godwit_ota_select(entries, slot, slots, godwit_load32(data + 68), &sector, &entry);
    FUZZ_CHECK(sector == 0 || sector == 1);
    entries[sector] = entry;
    if (godwit_ota_is_unusable(&entry)) return 0; /* an unusable state was asked for */
    FUZZ_CHECK(godwit_ota_slot(entry.seq, slots) == slot);
    FUZZ_CHECK(godwit_ota_active(entries) == sector);
    return 0;
}
