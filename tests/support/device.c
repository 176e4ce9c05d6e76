/* Wires flash, saw, server, link and board together; see device.h. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>

/* Where board_provision puts them. */
#define OTADATA_OFFSET 0xE000u
#define JOURNAL_OFFSET 0x10000u
#define RECORD_SIZE 0x2000u
#define OTA_0_OFFSET 0x20000u
#define WRITE_SIZE_PLAIN 4u

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "device: %s failed\n", what);
    abort();
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
    device->options = (struct board_options){.flash = &device->flash,
                                             .net = link_port(&device->link),
                                             .bootloader = bootloader,
                                             .mac = {0x7C, 0xDF, 0xA1, 0, 0, 1},
                                             .initial_policy = peer_seed(&device->peer),
                                             .claim_token = peer_claim_token(),
                                             .random_seed = 1};
    board_init(&device->board, &device->options);
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
    free(device->first.data);
}

void device_power_on(struct device *device, enum godwit_reset cause)
{
    power_cut_power_on(&device->power_cut);
    board_power_on(&device->board, cause);
}

void device_power_cycle(struct device *device)
{
    board_power_off(&device->board);
    device_power_on(device, GODWIT_RESET_POWER_ON);
}

void device_prepare(struct device *device, const struct key *trusted)
{
    struct firmware first = firmware_signed("1.0.0", BEHAVIOUR_HEALTHY, 0);
    const struct device_options options = {.layout = {.slot_size = DEVICE_SLOT_SIZE},
                                           .first = first,
                                           .key = trusted,
                                           .write_size = WRITE_SIZE_PLAIN};
    device_open(device, &options);
    device->first = first;
}

void device_comes_with(struct device *device, struct firmware file)
{
    free(device->first.data);
    device->first = file;
    must(!flash_put(&device->bare, OTA_0_OFFSET, file.data, file.size), "writing the first image");
}

void device_start(struct device *device)
{
    board_init(&device->board, &device->options);
    device_power_on(device, GODWIT_RESET_POWER_ON);
}

void device_begin(struct device *device)
{
    device_prepare(device, firmware_key(0));
    device_start(device);
}

bool device_step(struct device *device)
{
    uint64_t next_ms = board_step(&device->board, device->now_ms);
    if (device->power_cut.is_off) board_power_off(&device->board);
    if (device->power_cut.is_off || next_ms == UINT64_MAX) return false;
    if (next_ms > device->now_ms) device->now_ms = next_ms;
    return true;
}

bool device_run(struct device *device, device_done *done, uint32_t seconds)
{
    uint64_t end_ms = device->now_ms + (uint64_t)seconds * 1000, time_ms = device->now_ms;
    for (uint32_t steps = 0; !done || !done(device); steps++) {
        if (device->now_ms != time_ms) steps = 0, time_ms = device->now_ms;
        if (steps > DEVICE_STEPS_MAX || !device_step(device)) return false;
        if (device->now_ms <= end_ms) continue;
        device->now_ms = end_ms; /* the board is asked again before it wanted to be */
        return done && done(device);
    }
    return true;
}

struct godwit_agent_status device_status(const struct device *device)
{
    struct godwit_agent_status status;
    board_status(&device->board, &status);
    return status;
}

struct godwit_policy device_policy(const struct device *device, uint32_t counter)
{
    struct godwit_policy policy = peer_policy(&device->peer);
    policy.counter = counter;
    return policy;
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
