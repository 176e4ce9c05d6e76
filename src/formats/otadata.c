/* The boot choice, rule for rule as ESP-IDF's bootloader and esp_ota_ops make it, flaws included:
 * the sequence number compares without wrap, its CRC leaves the state uncovered, 0xFFFFFFFF is
 * always empty and 0 is a valid number. A cleverer rule here would only differ from the chip. */
#include "formats/otadata.h"

#include "base/crc.h"

#include <assert.h>

#define SEQ_EMPTY 0xFFFFFFFFu

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "an entry lies in memory as in flash");
static_assert(sizeof(struct godwit_ota_entry) == GODWIT_OTA_ENTRY_SIZE, "no padding");
static_assert(offsetof(struct godwit_ota_entry, state) == 24, "layout");

struct godwit_ota_entry godwit_ota_entry_load(const uint8_t data[static GODWIT_OTA_ENTRY_SIZE])
{
    struct godwit_ota_entry entry;
    memcpy(&entry, data, sizeof entry);
    return entry;
}

void godwit_ota_entry_store(const struct godwit_ota_entry *entry,
                            uint8_t data[static GODWIT_OTA_ENTRY_SIZE])
{
    memcpy(data, entry, sizeof *entry);
}

/* Seeded like this the register starts at 0, as in the chip's ROM: not zlib's CRC-32. */
uint32_t godwit_ota_crc(uint32_t seq)
{
    return godwit_crc32(0xFFFFFFFFu, (const uint8_t *)&seq, sizeof seq);
}

bool godwit_ota_is_unusable(const struct godwit_ota_entry *entry)
{
    return entry->seq == SEQ_EMPTY || entry->state == GODWIT_OTA_INVALID ||
           entry->state == GODWIT_OTA_ABORTED;
}

bool godwit_ota_is_valid(const struct godwit_ota_entry *entry)
{
    return !godwit_ota_is_unusable(entry) && entry->crc == godwit_ota_crc(entry->seq);
}

bool godwit_ota_is_blank(const struct godwit_ota_entry *entry)
{
    return entry->seq == SEQ_EMPTY || entry->crc != godwit_ota_crc(entry->seq);
}

int godwit_ota_active(const struct godwit_ota_entry entries[static 2])
{
    bool first = godwit_ota_is_valid(&entries[0]), second = godwit_ota_is_valid(&entries[1]);
    if (first && second) return entries[1].seq > entries[0].seq;
    return first ? 0 : second ? 1 : -1;
}

uint32_t godwit_ota_slot(uint32_t seq, uint32_t slots)
{
    return (seq - 1) % slots;
}

/* The smallest number from `active` on that names the slot; never 0, which ESP-IDF would write over
 * an active 0 although it names another slot when `slots` is no power of two. Past the end of 32
 * bits the result is the empty number: no device lives that long. */
static uint32_t next_seq(uint32_t active, uint32_t slot, uint32_t slots)
{
    uint32_t seq = slot + 1;
    if (active > seq) seq += (active - seq + slots - 1) / slots * slots;
    return seq < active ? SEQ_EMPTY : seq; /* wrapped round */
}

void godwit_ota_select(const struct godwit_ota_entry entries[static 2], uint32_t slot,
                       uint32_t slots, uint32_t state, int *sector_out,
                       struct godwit_ota_entry *entry_out)
{
    int active = godwit_ota_active(entries);
    int sector = active < 0 ? 0 : !active;
    uint32_t seq = slot + 1;
    if (active >= 0) {
        seq = entries[active].seq;
        if (godwit_ota_slot(seq, slots) == slot)
            sector = active;
        else
            seq = next_seq(seq, slot, slots);
    }
    *sector_out = sector;
    *entry_out = entries[sector];
    entry_out->seq = seq;
    entry_out->state = state;
    entry_out->crc = godwit_ota_crc(seq);
}
