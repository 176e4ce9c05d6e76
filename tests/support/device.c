/* Wires flash, saw, server, link and board together; see device.h. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>

#include "emu/pack.h"

/* Where board_provision puts them. */
#define OTADATA_OFFSET 0xE000u
#define JOURNAL_OFFSET 0x10000u
#define RECORD_SIZE 0x2000u
#define WRITE_SIZE_PLAIN 4u

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "device: %s failed\n", what);
    abort();
}

struct firmware firmware_make(const char *version, struct behaviour behaviour, uint32_t size,
                              const struct key *key)
{
    return firmware_make_ruled(version, behaviour, size, key, NULL);
}

struct firmware firmware_make_ruled(const char *version, struct behaviour behaviour, uint32_t size,
                                    const struct key *key, const struct godwit_policy *policy)
{
    uint8_t block[GODWIT_POLICY_BYTES];
    if (policy) godwit_policy_encode(policy, block);
    const struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                         .project = PEER_PRODUCT,
                                         .version = version,
                                         .size = key ? size - GODWIT_SECTOR_SIZE : size,
                                         .seed = godwit_load32((const uint8_t *)version),
                                         .behaviour = behaviour,
                                         .policy = policy ? block : NULL};
    struct firmware plain, signed_file;
    enum godwit_reason reason;
    must(!pack_image(&options, &plain.data, &plain.size), "packing");
    if (!key) return plain;
    must(!image_sign(key, plain.data, plain.size, &signed_file.data, &signed_file.size, &reason),
         "signing");
    free(plain.data);
    return signed_file;
}

static struct bootloader device_bootloader(void)
{
    return (struct bootloader){.chip = godwit_chip_by_name("esp32c3"),
                               .check_revision = true,
                               .revision = 3,
                               .has_rollback = true};
}

static void encrypt(struct device *device)
{
    flash_cipher_init(&device->bare_cipher, &device->chip, JOURNAL_OFFSET, RECORD_SIZE);
    flash_cipher_init(&device->cipher, &device->flash, JOURNAL_OFFSET, RECORD_SIZE);
    device->bare = flash_cipher_port(&device->bare_cipher);
    device->flash = flash_cipher_port(&device->cipher);
}

/* The bootloader encrypts a blank otadata with the rest, so it reads as blank. */
static void blank_otadata(struct device *device)
{
    static uint8_t blank[2 * FLASH_ERASE_SIZE];
    memset(blank, 0xFF, sizeof blank);
    must(!flash_put(&device->bare, OTADATA_OFFSET, blank, sizeof blank), "blank otadata");
}

void device_open(struct device *device, const struct device_options *options)
{
    uint32_t flash_size = options->flash_size ? options->flash_size : DEVICE_FLASH_SIZE;
    struct bootloader bootloader = device_bootloader();
    bootloader.has_rollback = !options->is_unwatched;
    *device = (struct device){0};
    must(!flash_ram_init(&device->ram, flash_size, options->write_size, NULL), "memory");
    device->chip = device->bare = flash_ram_port(&device->ram);
    power_cut_init(&device->power_cut, &device->chip);
    device->flash = power_cut_port(&device->power_cut);
    if (options->write_size > WRITE_SIZE_PLAIN) encrypt(device);
    must(!board_provision(&device->bare, bootloader.chip, &options->layout, options->first.data,
                          options->first.size),
         "provisioning");
    if (options->write_size > WRITE_SIZE_PLAIN) blank_otadata(device);
    peer_init(&device->peer, options->key);
    struct godwit_net net = peer_port(&device->peer);
    link_init(&device->link, &net);
    const struct board_options board = {.flash = &device->flash,
                                        .net = link_port(&device->link),
                                        .bootloader = bootloader,
                                        .mac = {0x7C, 0xDF, 0xA1, 0, 0, 1},
                                        .initial_policy = peer_seed(&device->peer),
                                        .claim_token = peer_claim_token(),
                                        .random_seed = 1};
    board_init(&device->board, &board);
}

void device_init(struct device *device, const struct board_layout *layout,
                 const struct firmware *first, const struct key *key, uint32_t write_size)
{
    struct device_options options = {.first = *first, .key = key, .write_size = write_size};
    if (layout) options.layout = *layout;
    device_open(device, &options);
}

void device_deinit(struct device *device)
{
    board_power_off(&device->board);
    peer_deinit(&device->peer);
    flash_ram_deinit(&device->ram);
}

void device_power_on(struct device *device, enum godwit_reset cause)
{
    power_cut_power_on(&device->power_cut);
    board_power_on(&device->board, cause);
}

bool device_step(struct device *device)
{
    uint64_t next_ms = board_step(&device->board, device->now_ms);
    if (device->power_cut.is_off) board_power_off(&device->board);
    if (device->power_cut.is_off || next_ms == UINT64_MAX) return false;
    if (next_ms > device->now_ms) device->now_ms = next_ms;
    return true;
}

bool device_holds(const struct device *device, const struct godwit_partition *partition,
                  const struct firmware *file)
{
    static uint8_t bytes[DEVICE_FILE_SIZE_MAX];
    must(file->size <= sizeof bytes, "a file that fits");
    must(!device->bare.read(device->bare.ctx, partition->offset, bytes, file->size), "reading");
    return !memcmp(bytes, file->data, file->size);
}

bool device_runs(const struct device *device, const struct firmware *file)
{
    return device->board.is_started && device_holds(device, &device->board.running, file);
}

bool device_would_boot(const struct device *device, struct godwit_partition *partition_out)
{
    const struct bootloader *bootloader = &device->board.options.bootloader;
    struct efuses efuses = device->board.efuses;
    struct flash_ram copy;
    struct boot boot;
    must(!flash_ram_clone(&device->ram, &copy), "memory");
    struct godwit_flash inner = flash_ram_port(&copy);
    struct power_cut power_cut = device->power_cut; /* what wavers goes on doing so */
    power_cut.inner = inner;
    power_cut_power_on(&power_cut);
    struct godwit_flash flash = power_cut_port(&power_cut);
    struct flash_cipher cipher = device->cipher;
    if (cipher.inner.ctx) {
        cipher.inner = flash;
        flash = flash_cipher_port(&cipher);
    }
    must(!bootloader_run(bootloader, &flash, &efuses, &boot), "booting");
    flash_ram_deinit(&copy);
    *partition_out = boot.partition;
    return boot.boots;
}

bool device_read_entries(const struct godwit_flash *flash, struct godwit_ota_entry entries_out[2])
{
    uint8_t table[GODWIT_PTABLE_SIZE], bytes[GODWIT_OTA_ENTRY_SIZE];
    struct godwit_partition otadata;
    if (flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, table, sizeof table) ||
        godwit_ptable_find(table, GODWIT_PTYPE_DATA, GODWIT_DATA_OTADATA, NULL, &otadata))
        return false;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t offset = otadata.offset + i * FLASH_ERASE_SIZE;
        if (flash->read(flash->ctx, offset, bytes, sizeof bytes)) return false;
        entries_out[i] = godwit_ota_entry_load(bytes);
    }
    return true;
}

bool device_active_entry(const struct godwit_flash *flash, struct godwit_ota_entry *out)
{
    struct godwit_ota_entry entries[2];
    int active = device_read_entries(flash, entries) ? godwit_ota_active(entries) : -1;
    if (active >= 0) *out = entries[active];
    return active >= 0;
}
