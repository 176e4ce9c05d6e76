/* The flash file is the device: what it runs, whether it is enrolled and what it was doing when
 * power went are all in there. Only the MAC, burnt into a real chip, comes from outside. Events are
 * found by comparing the agent's status before and after each step, so that the agent need not know
 * of anybody watching. */
#include "ports/host/host_device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/text.h"
#include "rt/clock.h"

#define WRITE_SIZE 4u
#define APP_VERSION_OFFSET (GODWIT_APP_DESC_OFFSET + 16)
#define APP_PROJECT_OFFSET (GODWIT_APP_DESC_OFFSET + 48)

/* Revisions (major * 100 + minor) as the chips are sold now; others are 0.0. */
static uint16_t chip_revision(const struct godwit_chip *chip)
{
    static const struct {
        const char *name;
        uint16_t revision;
    } SOLD[] = {{"esp32", 301}, {"esp32s2", 100}, {"esp32s3", 2}, {"esp32c3", 4}};
    for (size_t i = 0; i < sizeof SOLD / sizeof *SOLD; i++)
        if (!strcmp(chip->name, SOLD[i].name)) return SOLD[i].revision;
    return 0;
}

/* ── flash ─────────────────────────────────────────────────────────────────────────────────── */

static const char *flash_file_trouble(godwit_err err)
{
    switch (err) {
    case GODWIT_ERR_BUSY:
        return "another process runs this device; end it first";
    case GODWIT_ERR_FORMAT:
        return "it is not a flash image: its size is no multiple of 4096 bytes";
    case GODWIT_ERR_SPACE:
        return "the disk is full";
    default:
        return strerror(errno);
    }
}

static bool flash_is_fresh(const struct godwit_flash *flash)
{
    uint8_t row[32];
    if (flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, row, sizeof row)) return false;
    return godwit_all(row, sizeof row, 0xFF);
}

/* The chip that the first image in any app partition was built for. */
static const struct godwit_chip *flash_chip(const struct godwit_flash *flash)
{
    uint8_t table[GODWIT_PTABLE_SIZE], head[GODWIT_IMAGE_HEADER_SIZE];
    struct godwit_partition row;
    if (flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, table, sizeof table)) return NULL;
    for (size_t i = 0; !godwit_ptable_at(table, i, &row); i++) {
        if (row.type != GODWIT_PTYPE_APP) continue;
        if (flash->read(flash->ctx, row.offset, head, sizeof head)) return NULL;
        if (head[0] == 0xE9) return godwit_chip_by_id(godwit_load16(head + 12));
    }
    return NULL;
}

static bool flash_open(struct host_device *device, const char *path, char *why, size_t why_size)
{
    const struct host_device_options *options = device->options;
    device->is_in_ram = !path;
    if (device->is_in_ram) {
        if (flash_ram_clone(options->template, &device->ram)) {
            snprintf(why, why_size, "there is no memory for another flash");
            return false;
        }
        device->flash = flash_ram_port(&device->ram);
        return true;
    }
    uint32_t size = options->flash_size ? options->flash_size : HOST_FLASH_SIZE;
    godwit_err err = flash_file_open(&device->file, path, 0, WRITE_SIZE);
    if (err == GODWIT_ERR_MISSING && !options->image) {
        snprintf(why, why_size, "%s does not exist; make it with --image FIRST.bin", path);
        return false;
    }
    device->is_new = err == GODWIT_ERR_MISSING;
    if (device->is_new) err = flash_file_open(&device->file, path, size, WRITE_SIZE);
    if (err) {
        snprintf(why, why_size, "%s can not be opened: %s", path, flash_file_trouble(err));
        return false;
    }
    device->flash = flash_file_port(&device->file);
    return true;
}

bool host_flash_provision(const struct godwit_flash *flash,
                          const struct host_device_options *options, char *why, size_t why_size)
{
    const struct board_layout layout = {0};
    const struct godwit_chip *chip = options->chip;
    if (!chip && options->image_size >= GODWIT_IMAGE_HEADER_SIZE)
        chip = godwit_chip_by_id(godwit_load16(options->image + 12));
    if (!chip) chip = godwit_chip_by_name("esp32c3");
    if (!board_provision(flash, chip, &layout, options->image, options->image_size)) return true;
    snprintf(why, why_size, "the first image does not fit a slot of this flash");
    return false;
}

static bool flash_prepare(struct host_device *device, char *why, size_t why_size)
{
    const struct host_device_options *options = device->options;
    if (!flash_is_fresh(&device->flash)) return true;
    if (!options->image) {
        snprintf(why, why_size, "the flash is erased; give its first image with --image FIRST.bin");
        return false;
    }
    return host_flash_provision(&device->flash, options, why, why_size);
}

/* ── events ────────────────────────────────────────────────────────────────────────────────── */

static void tell(struct host_device *device, enum host_event event)
{
    if (event == HOST_FLEW_BACK) device->fly_backs++;
    if (device->options->on_event)
        device->options->on_event(device->options->on_event_ctx, device, event);
}

/* An image's own words go to a terminal: nothing in them may steer it. */
static void text_tame(char *text, size_t size)
{
    text[size - 1] = '\0';
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7F) *at = '?';
}

static void booted(struct host_device *device)
{
    const struct board *board = &device->board;
    device->boots = board->counters.boots;
    device->version[0] = device->project[0] = '\0';
    const struct godwit_flash *flash = &device->flash;
    uint32_t at = board->running.offset;
    if (flash->read(flash->ctx, at + APP_VERSION_OFFSET, (uint8_t *)device->version, 32) ||
        flash->read(flash->ctx, at + APP_PROJECT_OFFSET, (uint8_t *)device->project, 32))
        device->version[0] = device->project[0] = '\0';
    text_tame(device->version, sizeof device->version);
    text_tame(device->project, sizeof device->project);
    tell(device, HOST_BOOTED);
}

static void watch_download(struct host_device *device, const struct godwit_agent_status *before)
{
    const struct godwit_agent_status *now = &device->status;
    if (now->state != GODWIT_FETCH || !now->total) return;
    uint32_t tenth = (uint32_t)((uint64_t)now->progress * 10 / now->total);
    if (before->state == GODWIT_FETCH && tenth == device->tenth) return;
    device->tenth = tenth;
    tell(device, HOST_DOWNLOADING);
}

static void watch_state(struct host_device *device, const struct godwit_agent_status *before)
{
    const struct godwit_agent_status *now = &device->status;
    if (now->state == before->state) return;
    if (now->state == GODWIT_VERIFY) tell(device, HOST_VERIFYING);
    if (now->state == GODWIT_SWITCH) tell(device, HOST_SWITCHING);
    if (now->state == GODWIT_TRIAL) tell(device, HOST_ON_TRIAL);
    if (now->state != GODWIT_REPORT) return;
    if (before->state == GODWIT_TRIAL)
        tell(device, HOST_CONFIRMED);
    else if (now->last_reason >= GODWIT_REASON_TRIAL_RESET)
        tell(device, HOST_FLEW_BACK);
    else
        tell(device, HOST_REFUSED);
}

static void watch_contact(struct host_device *device, const struct godwit_agent_status *before)
{
    bool was_awake = before->state != GODWIT_BOOT; /* in BOOT the record is not read yet */
    if (was_awake && device->status.enrolled && !before->enrolled) tell(device, HOST_ENROLLED);
    if (was_awake && device->status.checkins > before->checkins) tell(device, HOST_CHECKED_IN);
    bool is_unanswered = device->net.failure[0];
    if (is_unanswered && !device->is_unanswered) tell(device, HOST_UNANSWERED);
    device->is_unanswered = is_unanswered;
}

void host_device_step(struct host_device *device, uint64_t now_ms)
{
    struct godwit_agent_status before = device->status;
    bool was_bricked = device->board.is_bricked;
    device->wake_ms = board_step(&device->board, now_ms);
    board_status(&device->board, &device->status);
    if (device->board.is_bricked && !was_bricked) tell(device, HOST_BRICKED);
    if (device->board.counters.boots != device->boots) booted(device);
    watch_contact(device, &before);
    watch_download(device, &before);
    watch_state(device, &before);
}

static void wake(void *ctx)
{
    struct host_device *device = ctx;
    device->wake_ms = 0;
}

/* ── open and close ────────────────────────────────────────────────────────────────────────── */

bool host_device_open(struct host_device *device, const struct host_device_options *options,
                      const char *path, const uint8_t mac[static 6], char *why, size_t why_size)
{
    memset(device, 0, sizeof *device);
    device->options = options;
    if (!flash_open(device, path, why, why_size)) return false;
    device->is_open = true;
    if (!flash_prepare(device, why, why_size)) {
        host_device_close(device);
        if (device->is_new) unlink(path);
        return false;
    }
    const struct godwit_chip *chip = options->chip ? options->chip : flash_chip(&device->flash);
    if (!chip) chip = godwit_chip_by_name("esp32c3");
    host_net_init(&device->net, options->pool);
    device->net.wake = wake;
    device->net.wake_ctx = device;
    struct board_options board = {
        .flash = &device->flash,
        .net = device->net.port,
        .bootloader = {.chip = chip,
                       .check_revision = true,
                       .revision = chip_revision(chip),
                       .has_rollback = true},
        .seed_policy = options->seed_policy,
        .claim_token = options->claim_token,
        .interval_s = options->interval_s,
        .has_true_random = true,
    };
    memcpy(board.mac, mac, 6);
    board_init(&device->board, &board);
    board_power_on(&device->board, GODWIT_RESET_POWER_ON);
    return true;
}

void host_device_close(struct host_device *device)
{
    if (!device->is_open) return;
    device->is_open = false;
    if (device->net.port.close) device->net.port.close(device->net.port.ctx);
    if (device->is_in_ram)
        flash_ram_deinit(&device->ram);
    else
        flash_file_close(&device->file);
}

/* ── names and time ────────────────────────────────────────────────────────────────────────── */

godwit_err host_mac_parse(const char *text, uint8_t mac_out[static 6])
{
    char digits[13];
    size_t size = 0;
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == ':' && i % 3 == 2) continue;
        if (size == 12) return GODWIT_ERR_FORMAT;
        digits[size++] = text[i];
    }
    return godwit_hex_decode(digits, size, mac_out, 6);
}

void host_mac_of_file(const char *path, uint8_t mac_out[static 6])
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t size = strcspn(name, ".");
    if (size == 12 && !godwit_hex_decode(name, size, mac_out, 6)) return;
    struct godwit_hash hash;
    uint8_t digest[GODWIT_SHA256_SIZE] = {0};
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, (const uint8_t *)name, strlen(name));
    if (godwit_hash_peek(&hash, digest)) digest[5] = 1;
    memcpy(mac_out, digest, 6);
    mac_out[0] = (uint8_t)((mac_out[0] & 0xFC) | 0x02); /* locally administered, one station */
}

uint64_t host_now_ms(void)
{
    return clock_now_ms(&clock_real);
}
