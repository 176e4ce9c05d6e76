/* The flash file is the device: what it runs, whether it is enrolled and what it was doing when
 * power went are all in there. Only the MAC, programmed into a real chip, comes from outside.
 * Events are found by comparing the agent's status before and after each step, so that the agent
 * need not know of anybody watching. */
#include "ports/host/host_device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/text.h"
#include "rt/clock.h"

#define WRITE_SIZE 4u

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

/* Wholly erased: nothing that is in a file already is ever laid over. */
static bool flash_is_fresh(const struct godwit_flash *flash)
{
    uint8_t sector[FLASH_ERASE_SIZE];
    for (uint32_t at = 0; at < flash->size; at += sizeof sector)
        if (flash->read(flash->ctx, at, sector, sizeof sector) ||
            !godwit_all(sector, sizeof sector, 0xFF))
            return false;
    return true;
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
    uint32_t size = options->first.flash_size ? options->first.flash_size : HOST_FLASH_SIZE;
    godwit_err err = flash_file_open(&device->file, path, 0, WRITE_SIZE);
    if (err == GODWIT_ERR_MISSING && !options->first.image) {
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

static bool flash_prepare(struct host_device *device, const char *path, char *why, size_t why_size)
{
    const struct host_device_options *options = device->options;
    char sentence[256];
    if (device->is_in_ram) return true;
    if (!flash_is_fresh(&device->flash)) {
        if (host_flash_check(&device->flash, &options->first, sentence, sizeof sentence))
            return true;
        snprintf(why, why_size, "%s %s", path, sentence);
        return false;
    }
    if (!options->first.image) {
        snprintf(why, why_size, "the flash is erased; give its first image with --image FIRST.bin");
        return false;
    }
    if (!host_flash_provision(&device->flash, &options->first, why, why_size)) return false;
    device->is_new = true;
    return true;
}

/* ── events ────────────────────────────────────────────────────────────────────────────────── */

static void report(struct host_device *device, enum host_event event)
{
    if (event == HOST_ROLLED_BACK) device->rollbacks++;
    if (device->options->on_event)
        device->options->on_event(device->options->on_event_ctx, device, event);
}

static void booted(struct host_device *device)
{
    struct board *board = &device->board;
    device->boots = board->counters.boots;
    host_names_read(&device->flash, board->running.offset, &device->names);
    host_text_tame(board->running.label);
    report(device, HOST_BOOTED);
}

static void watch_download(struct host_device *device, const struct godwit_agent_status *before)
{
    const struct godwit_agent_status *now = &device->status;
    if (now->state != GODWIT_STATE_FETCH || !now->total) return;
    uint32_t tenth = (uint32_t)((uint64_t)now->progress * 10 / now->total);
    if (before->state == GODWIT_STATE_FETCH && tenth == device->tenth) return;
    device->tenth = tenth;
    report(device, HOST_DOWNLOADING);
}

static void watch_state(struct host_device *device, const struct godwit_agent_status *before)
{
    const struct godwit_agent_status *now = &device->status;
    if (now->state == before->state) return;
    if (now->state == GODWIT_STATE_VERIFY) report(device, HOST_VERIFYING);
    if (now->state == GODWIT_STATE_SWITCH) report(device, HOST_SWITCHING);
    if (now->state == GODWIT_STATE_TRIAL) report(device, HOST_ON_TRIAL);
    if (now->state != GODWIT_STATE_REPORT) return;
    if (before->state == GODWIT_STATE_TRIAL)
        report(device, HOST_CONFIRMED);
    else if (now->last_reason >= GODWIT_REASON_TRIAL_RESET)
        report(device, HOST_ROLLED_BACK);
    else
        report(device, HOST_REFUSED);
}

static void watch_contact(struct host_device *device, const struct godwit_agent_status *before)
{
    bool was_awake = before->state != GODWIT_STATE_BOOT; /* in BOOT the journal is not read yet */
    if (was_awake && device->status.enrolled && !before->enrolled) report(device, HOST_ENROLLED);
    if (was_awake && device->status.checkins > before->checkins) report(device, HOST_CHECKED_IN);
    if (device->status.is_pending && !before->is_pending) report(device, HOST_PENDING);
    const struct host_net *net = &device->net;
    bool was_unanswered = device->is_unanswered;
    if (net->failures != device->failures) {
        device->is_unanswered = true;
        report(device, HOST_UNANSWERED);
    } else if (net->replies != device->replies) {
        device->is_unanswered = false;
        if (was_unanswered) report(device, HOST_ANSWERED);
    }
    device->failures = net->failures;
    device->replies = net->replies;
}

void host_device_step(struct host_device *device, uint64_t now_ms)
{
    struct godwit_agent_status before = device->status;
    bool was_bricked = device->board.is_bricked;
    device->wake_ms = board_step(&device->board, now_ms);
    board_status(&device->board, &device->status);
    if (device->board.is_bricked && !was_bricked) report(device, HOST_BRICKED);
    if (device->board.is_bricked) return; /* nothing that runs could tell more */
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
    if (!flash_prepare(device, path, why, why_size)) {
        host_device_close(device);
        if (device->is_new) unlink(path);
        return false;
    }
    const struct godwit_chip *chip = host_flash_chip(&device->flash);
    if (!chip) chip = options->first.chip;
    if (!chip) chip = godwit_chip_by_name("esp32c3");
    host_net_init(&device->net, options->pool);
    device->net.wake = wake;
    device->net.wake_ctx = device;
    struct board_options board = {
        .flash = &device->flash,
        .net = device->net.port,
        .bootloader = host_bootloader(chip),
        .initial_policy = options->first.initial_policy,
        .claim_token = options->claim_token,
        .interval_s = options->interval_s,
        .wait_s = options->wait_s,
        .attributes = options->attributes,
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
