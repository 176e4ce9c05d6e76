/* The second-stage bootloader's choice, as ESP-IDF makes it from power-on to the jump:
 *
 *   table → PENDING becomes ABORTED → first candidate → NEW becomes PENDING → walk over the images
 *
 * Method: follow the order of ESP-IDF's own steps, because each is seen from outside: NEW is
 * promoted before the image is looked at, the walk goes down to factory and then up, and a rejected
 * image runs again when nothing else does. tests/golden/bootloader-truth.csv holds boots of the
 * real one. Rejected: a pure function from entries to slot, which can not show the writes that a
 * cut falls between. Judging one image is boot_image.c; telling a person what happened is
 * boot_explain.c. */
#include "emu/boot_image.h"

#define INDEX_FACTORY (-1)
#define INDEX_NONE (-2)
#define OTADATA_SIZE_MIN GODWIT_OTADATA_SIZE

/* What the table says, by role; size 0: no such partition. Of two rows with one role the last
 * counts, and `slots_count` counts rows, so that a gap leaves its last slot out of reach. */
struct layout {
    struct godwit_partition slots[GODWIT_OTA_SLOTS_MAX], factory, test, otadata;
    uint32_t slots_count;
};

struct run {
    const struct bootloader *bootloader;
    const struct godwit_flash *flash;
    struct efuses *efuses;
    struct layout layout;
    struct godwit_ota_entry entries[2];
    bool is_first_boot; /* a slot that boots is written down as VALID */
    struct boot *out;
};

static void layout_add(struct layout *layout, const struct godwit_partition *row)
{
    if (row->type == GODWIT_PTYPE_DATA) {
        if (row->subtype == GODWIT_DATA_OTADATA) layout->otadata = *row;
        return;
    }
    if (row->type != GODWIT_PTYPE_APP) return;
    if (row->subtype == GODWIT_APP_FACTORY) layout->factory = *row;
    if (row->subtype == GODWIT_APP_TEST) layout->test = *row;
    if ((row->subtype & 0xF0) == GODWIT_APP_OTA_0) {
        layout->slots[row->subtype & 0x0F] = *row;
        layout->slots_count++;
    }
}

static godwit_err layout_load(struct run *run)
{
    uint8_t table[GODWIT_PTABLE_SIZE];
    struct godwit_partition row;
    size_t count;
    const struct godwit_flash *flash = run->flash;
    uint32_t offset = run->bootloader->table_offset;
    if (!offset) offset = GODWIT_PTABLE_OFFSET;
    if (flash->size < sizeof table || flash->size - sizeof table < offset) return GODWIT_ERR_FORMAT;
    godwit_err err = flash->read(flash->ctx, offset, table, sizeof table);
    if (!err) err = godwit_ptable_check(table, flash->size, &count);
    if (err) return err;
    for (size_t i = 0; !godwit_ptable_at(table, i, &row); i++)
        layout_add(&run->layout, &row);
    return GODWIT_OK;
}

static uint32_t sector_offset(const struct run *run, int entry)
{
    return run->layout.otadata.offset + (uint32_t)entry * FLASH_ERASE_SIZE;
}

static godwit_err entries_load(struct run *run)
{
    for (int i = 0; i < 2; i++) {
        uint8_t bytes[GODWIT_OTA_ENTRY_SIZE];
        godwit_err err =
            run->flash->read(run->flash->ctx, sector_offset(run, i), bytes, sizeof bytes);
        if (err) return err;
        run->entries[i] = godwit_ota_entry_load(bytes);
    }
    return GODWIT_OK;
}

/* A table may put otadata anywhere: the sector around it is erased, and a write that the flash
 * could not take is left out, as the chip leaves it out. */
static godwit_err entry_save(struct run *run, int entry)
{
    const struct godwit_flash *flash = run->flash;
    uint8_t bytes[GODWIT_OTA_ENTRY_SIZE];
    uint32_t offset = sector_offset(run, entry);
    godwit_ota_entry_store(&run->entries[entry], bytes);
    uint32_t sector = offset / FLASH_ERASE_SIZE * FLASH_ERASE_SIZE;
    godwit_err err = flash->erase(flash->ctx, sector, FLASH_ERASE_SIZE);
    if (err || offset % flash->write_size) return err;
    return flash->write(flash->ctx, offset, bytes, sizeof bytes);
}

/* A trial that was not confirmed before this reset has failed. Neither number nor CRC is asked. */
static godwit_err abort_pending(struct run *run)
{
    for (int i = 0; i < 2; i++) {
        if (run->entries[i].state != GODWIT_OTA_PENDING) continue;
        run->entries[i].state = GODWIT_OTA_ABORTED;
        godwit_err err = entry_save(run, i);
        if (err) return err;
    }
    return GODWIT_OK;
}

/* ---- the first candidate ---- */

static bool slot_is_too_old(const struct run *run, const struct godwit_partition *slot)
{
    uint32_t version;
    return boot_image_secure_version(run->flash, slot, &version) ||
           version < run->efuses->secure_version;
}

/* Raises the eFuse counter to the version of a slot that is confirmed. */
static void program_secure_version(struct run *run, const struct godwit_partition *slot)
{
    uint32_t version;
    if (!boot_image_secure_version(run->flash, slot, &version) &&
        version > run->efuses->secure_version)
        run->efuses->secure_version = version;
}

static int active_entry(const struct run *run)
{
    struct godwit_ota_entry seen[2] = {run->entries[0], run->entries[1]};
    if (run->bootloader->has_anti_rollback)
        for (int i = 0; i < 2; i++) {
            uint32_t slot = godwit_ota_slot(seen[i].seq, run->layout.slots_count);
            if (godwit_ota_is_valid(&seen[i]) &&
                (slot >= GODWIT_OTA_SLOTS_MAX || slot_is_too_old(run, &run->layout.slots[slot])))
                seen[i].state = GODWIT_OTA_INVALID; /* only in this copy */
        }
    return godwit_ota_active(seen);
}

static godwit_err choose_by_entry(struct run *run, int entry, int *index_out)
{
    struct godwit_ota_entry *active = &run->entries[entry];
    uint32_t slot = godwit_ota_slot(active->seq, run->layout.slots_count);
    run->out->choice = BOOT_ENTRY;
    run->out->entry = entry;
    run->out->slot = slot;
    *index_out = (int)slot;
    if (run->bootloader->has_anti_rollback && active->state == GODWIT_OTA_VALID)
        program_secure_version(run, &run->layout.slots[slot]);
    if (!run->bootloader->has_rollback || active->state != GODWIT_OTA_NEW) return GODWIT_OK;
    active->state = GODWIT_OTA_PENDING;
    return entry_save(run, entry);
}

/* Without anti-rollback two unusable entries end the choice; with it only two blank ones do. */
static bool nothing_recorded(struct run *run, int *index_out)
{
    const struct godwit_ota_entry *e = run->entries;
    bool blank = godwit_ota_is_blank(&e[0]) && godwit_ota_is_blank(&e[1]);
    bool unusable = godwit_ota_is_unusable(&e[0]) && godwit_ota_is_unusable(&e[1]);
    bool has_factory = run->layout.factory.size != 0;
    *index_out = INDEX_FACTORY;
    if (run->layout.slots_count == 0) {
        run->out->choice = BOOT_NO_SLOTS;
        return true;
    }
    if (run->bootloader->has_anti_rollback) {
        run->is_first_boot = blank;
        run->out->choice = BOOT_FIRST_BOOT;
        return blank;
    }
    if (!unusable) return false;
    run->out->choice = blank ? BOOT_FIRST_BOOT : BOOT_UNUSABLE;
    if (has_factory) return true;
    run->is_first_boot = blank;
    *index_out = 0;
    return true;
}

static godwit_err choose(struct run *run, int *index_out)
{
    *index_out = INDEX_FACTORY;
    run->out->choice = BOOT_NO_OTADATA;
    if (run->layout.otadata.offset == 0) return GODWIT_OK;
    if (run->layout.otadata.size < OTADATA_SIZE_MIN) {
        run->out->choice = BOOT_SMALL_OTADATA;
        *index_out = INDEX_NONE;
        return GODWIT_OK;
    }
    godwit_err err = entries_load(run);
    if (!err && run->bootloader->has_rollback) err = abort_pending(run);
    if (err || nothing_recorded(run, index_out)) return err;
    int entry = active_entry(run);
    if (entry >= 0) return choose_by_entry(run, entry, index_out);
    run->out->choice = BOOT_NO_VALID;
    return GODWIT_OK;
}

/* ---- the walk over the images ---- */

/* Looks at one partition; *loads_out says whether it is the one. */
static godwit_err try_partition(struct run *run, const struct godwit_partition *partition,
                                bool *loads_out)
{
    struct boot *out = run->out;
    *loads_out = false;
    if (partition->size == 0 || out->tries_count == BOOT_TRIES_MAX) return GODWIT_OK;
    struct boot_try *attempt = &out->tries[out->tries_count++];
    attempt->partition = *partition;
    godwit_err err = bootloader_finds_nothing(run->flash, partition, &attempt->is_erased);
    if (!err)
        err = bootloader_verify(run->bootloader, run->flash, run->efuses, partition, NULL,
                                &attempt->reason);
    if (err) return err;
    out->boots = attempt->reason == GODWIT_REASON_NONE;
    *loads_out = out->loaded = out->boots || attempt->reason == GODWIT_REASON_FLASH_SEGMENTS;
    if (out->loaded) out->partition = *partition;
    return GODWIT_OK;
}

/* The first boot of a blank device writes down which slot it was: at once VALID. */
static godwit_err record_first_boot(struct run *run, int index)
{
    if (!run->is_first_boot || index < 0) return GODWIT_OK;
    uint32_t seq = (uint32_t)index + 1;
    memset(&run->entries[0], 0xFF, sizeof run->entries[0]);
    run->entries[0].seq = seq;
    run->entries[0].state = GODWIT_OTA_VALID;
    run->entries[0].crc = godwit_ota_crc(seq);
    godwit_err err = entry_save(run, 0);
    if (!err && run->bootloader->has_anti_rollback)
        program_secure_version(run, &run->layout.slots[index]);
    return err;
}

/* The partition of an index of the walk; size 0 where the table has none. */
static struct godwit_partition partition_at(const struct run *run, int index)
{
    const struct layout *layout = &run->layout;
    if (index == INDEX_FACTORY) return layout->factory;
    if (index < (int)GODWIT_OTA_SLOTS_MAX && (uint32_t)index < layout->slots_count)
        return layout->slots[index];
    return (struct godwit_partition){0};
}

static godwit_err try_index(struct run *run, int index, bool *loads_out)
{
    struct godwit_partition partition = partition_at(run, index);
    godwit_err err = try_partition(run, &partition, loads_out);
    return err || !*loads_out ? err : record_first_boot(run, index);
}

/* From the chosen one down to factory, then up from behind it, then the test partition. */
static godwit_err walk(struct run *run, int chosen)
{
    bool loads = false;
    godwit_err err = GODWIT_OK;
    for (int i = chosen; i >= INDEX_FACTORY && !err && !loads; i--)
        err = try_index(run, i, &loads);
    for (int i = chosen + 1; i < (int)run->layout.slots_count && !err && !loads; i++)
        err = try_index(run, i, &loads);
    if (err || loads) return err;
    return try_partition(run, &run->layout.test, &loads);
}

godwit_err bootloader_run(const struct bootloader *bootloader, const struct godwit_flash *flash,
                          struct efuses *efuses, struct boot *out)
{
    struct run run = {.bootloader = bootloader, .flash = flash, .efuses = efuses, .out = out};
    int chosen;
    *out = (struct boot){.choice = BOOT_BAD_TABLE, .entry = -1};
    godwit_err err = layout_load(&run);
    if (err) return err == GODWIT_ERR_FORMAT ? GODWIT_OK : err;
    err = choose(&run, &chosen);
    if (err || chosen == INDEX_NONE) return err;
    return walk(&run, chosen);
}

godwit_err bootloader_run_on(const struct bootloader *bootloader, const struct godwit_flash *flash,
                             struct efuses *efuses, struct boot *out, unsigned *resets_out)
{
    godwit_err err = bootloader_run(bootloader, flash, efuses, out);
    for (*resets_out = 0; !err && out->loaded && !out->boots; ++*resets_out) {
        if (*resets_out == BOOT_RESETS_MAX) break;
        err = bootloader_run(bootloader, flash, efuses, out);
    }
    return err;
}
