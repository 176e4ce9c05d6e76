/* One emulated ESP32 whose flash is a file; its life as lines. */
#include "ports/host/host.h"

#include <stdio.h>
#include <string.h>

#include "ports/host/host_setup.h"

#define WAIT_MS_MAX 500u

struct teller {
    uint64_t begun_ms;
};

static void say(const struct teller *teller, const char *words, const char *more)
{
    printf("%8.1f s  %s%s\n", (double)(host_now_ms() - teller->begun_ms) / 1000, words, more);
    fflush(stdout); /* a reader behind a pipe sees it now */
}

static void say_boot(const struct teller *teller, const struct host_device *device)
{
    char line[160];
    const struct board *board = &device->board;
    snprintf(line, sizeof line, "boot %u (%s): %s %s in %s", board->counters.boots,
             godwit_reset_name(board->reset), device->project, device->version,
             board->running.label);
    say(teller, line, "");
}

static void say_download(const struct teller *teller, const struct godwit_agent_status *status)
{
    char line[96];
    snprintf(line, sizeof line, "download %3u %% of %u KiB",
             (unsigned)((uint64_t)status->progress * 100 / status->total),
             (status->total + 1023) / 1024);
    say(teller, line, "");
}

static void say_reason(const struct teller *teller, const char *words, uint32_t reason)
{
    char line[256];
    snprintf(line, sizeof line, "%s (%s)", godwit_reason_sentence(reason),
             godwit_reason_id(reason));
    say(teller, words, line);
}

static void told(void *ctx, const struct host_device *device, enum host_event event)
{
    const struct teller *teller = ctx;
    const struct godwit_agent_status *status = &device->status;
    char line[32];
    switch (event) {
    case HOST_BOOTED:
        say_boot(teller, device);
        break;
    case HOST_ENROLLED:
        say(teller, "enrolled", "");
        break;
    case HOST_CHECKED_IN:
        snprintf(line, sizeof line, "check-in %u", status->checkins);
        say(teller, line, "");
        break;
    case HOST_DOWNLOADING:
        say_download(teller, status);
        break;
    case HOST_VERIFYING:
        say(teller, "verify: read back, digest, signatures", "");
        break;
    case HOST_SWITCHING:
        say(teller, "switch: restart into the other slot", "");
        break;
    case HOST_ON_TRIAL:
        say(teller, "trial: the new image must prove itself", "");
        break;
    case HOST_CONFIRMED:
        say(teller, "confirmed: ", device->version);
        break;
    case HOST_REFUSED:
        say_reason(teller, "not installed: ", status->last_reason);
        break;
    case HOST_FLEW_BACK:
        say_reason(teller, "flew back: ", status->last_reason);
        break;
    case HOST_UNANSWERED:
        say(teller, "no answer: ", device->net.failure);
        break;
    case HOST_BRICKED:
        say(teller, "nothing in this flash boots; the chip resets for ever", "");
        break;
    }
}

static int device_run(struct host_device *device, struct host_net_pool *pool)
{
    while (!host_is_stopping() && !device->board.is_bricked) {
        uint64_t now_ms = host_now_ms(), wait_ms = 0;
        if (device->wake_ms <= now_ms)
            host_device_step(device, now_ms);
        else
            wait_ms = device->wake_ms - now_ms;
        host_net_pool_run(pool, (int)(wait_ms > WAIT_MS_MAX ? WAIT_MS_MAX : wait_ms));
    }
    return device->board.is_bricked ? 1 : 0;
}

int cmd_device(int argc, char **argv)
{
    struct host_flags flags = {0};
    const char *path = NULL, *mac_text = NULL;
    const struct option_row rows[] = {
        {"--flash", OPTION_TEXT, &path, "FILE", "its flash; made when it does not exist (4 MB)"},
        {"--mac", OPTION_TEXT, &mac_text, "MAC",
         "its id; default: made from the flash file's name"},
        HOST_ROWS(flags),
    };
    const struct options usage = {
        "device",
        "--flash FILE --server URL --claim TOKEN --seed FILE [--image FIRST.bin]",
        "Runs one emulated ESP32 until Ctrl-C; its flash is a file that `godwit flash` and\n"
        "esptool read, and a second run goes on where the first was cut.",
        rows,
        sizeof rows / sizeof *rows,
        NULL,
        0,
        0};
    int status = options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    uint8_t mac[6];
    if (!path) return options_wrong(&usage, "--flash FILE is missing");
    host_mac_of_file(path, mac);
    if (mac_text && host_mac_parse(mac_text, mac))
        return options_wrong(&usage, "'%s' is no MAC of 12 hex digits", mac_text);

    static struct host_setup setup;
    static struct host_device device;
    struct teller teller = {host_now_ms()};
    char why[512];
    status = host_setup_open(&setup, &flags, &usage, 1);
    if (status >= 0) return status;
    setup.options.on_event = told;
    setup.options.on_event_ctx = &teller;
    if (host_device_open(&device, &setup.options, path, mac, why, sizeof why)) {
        status = device_run(&device, setup.options.pool);
        host_device_close(&device);
    } else {
        fprintf(stderr, "godwit device: %s\n", why);
        status = 1;
    }
    host_setup_close(&setup);
    return status;
}
