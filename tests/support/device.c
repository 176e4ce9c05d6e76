/* Wires flash, saw, server, link and board together; see device.h. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>

#include "emu/pack.h"

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "device: %s failed\n", what);
    abort();
}

struct firmware firmware_make(const char *version, struct behaviour behaviour, uint32_t size,
                              const struct key *key)
{
    const struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                         .project = PEER_PRODUCT,
                                         .version = version,
                                         .size = key ? size - GODWIT_SECTOR_SIZE : size,
                                         .seed = godwit_load32((const uint8_t *)version),
                                         .behaviour = behaviour};
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

void device_init(struct device *device, const struct board_layout *layout,
                 const struct firmware *first, const struct key *key, uint32_t write_size)
{
    static const struct board_layout two_slots = {0};
    *device = (struct device){0};
    must(!flash_ram_init(&device->ram, DEVICE_FLASH_SIZE, write_size, NULL), "memory");
    device->bare = flash_ram_port(&device->ram);
    must(!board_provision(&device->bare, device_bootloader().chip, layout ? layout : &two_slots,
                          first->data, first->size),
         "provisioning");
    saw_init(&device->saw, &device->bare);
    device->flash = saw_port(&device->saw);
    peer_init(&device->peer, key);
    struct godwit_net net = peer_port(&device->peer);
    link_init(&device->link, &net);
    const struct board_options options = {.flash = &device->flash,
                                          .net = link_port(&device->link),
                                          .bootloader = device_bootloader(),
                                          .mac = {0x7C, 0xDF, 0xA1, 0, 0, 1},
                                          .seed_policy = peer_seed(&device->peer),
                                          .claim_token = peer_claim_token(),
                                          .random_seed = 1};
    board_init(&device->board, &options);
}

void device_deinit(struct device *device)
{
    board_power_off(&device->board);
    peer_deinit(&device->peer);
    flash_ram_deinit(&device->ram);
}

void device_power_on(struct device *device, enum godwit_reset cause)
{
    saw_power_on(&device->saw);
    board_power_on(&device->board, cause);
}

bool device_step(struct device *device)
{
    uint64_t next_ms = board_step(&device->board, device->now_ms);
    if (device->saw.is_off) board_power_off(&device->board);
    if (device->saw.is_off || next_ms == UINT64_MAX) return false;
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
    struct godwit_flash flash = flash_ram_port(&copy);
    must(!bootloader_run(bootloader, &flash, &efuses, &boot), "booting");
    flash_ram_deinit(&copy);
    *partition_out = boot.partition;
    return boot.boots;
}
