/* One emulated ESP32 whose flash is a file; its life as lines. */
#include "ports/host/host.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "formats/policy.h"
#include "ports/host/host_setup.h"

#define WAIT_MS_MAX 500u

struct reporter {
    uint64_t begun_ms;
    const uint8_t *initial_policy;
    const char *org;
    char failure[HOST_FAILURE_SIZE]; /* said last */
};

static void print_line(const struct reporter *reporter, const char *text, const char *more)
{
    printf("%8.1f s  %s%s\n", (double)(host_now_ms() - reporter->begun_ms) / 1000, text, more);
    fflush(stdout); /* a reader behind a pipe sees it now */
}

/* Its own policy decides alone where the running image has one. */
static bool needs_initial_policy(const struct host_device *device)
{
    uint8_t head[4];
    const struct godwit_flash *flash = &device->flash;
    uint32_t at = device->board.running.offset + GODWIT_POLICY_OFFSET;
    return !flash->read(flash->ctx, at, head, sizeof head) && !godwit_policy_is_present(head);
}

static void print_boot(const struct reporter *reporter, const struct host_device *device)
{
    char line[160];
    const struct board *board = &device->board;
    const struct host_names *names = &device->names;
    bool has_names = names->project[0] && names->version[0];
    snprintf(line, sizeof line, "boot %u (%s): %s%s%s in %s", board->counters.boots,
             godwit_reset_name(board->reset), has_names ? names->project : "an image without name",
             has_names ? " " : "", names->version, board->running.label);
    print_line(reporter, line, "");
    if (needs_initial_policy(device) &&
        !host_initial_policy_is_of(reporter->initial_policy, reporter->org, names->project))
        print_line(reporter,
                   "the initial policy is of another product: this device takes no update under it",
                   "");
}

static void print_download(const struct reporter *reporter,
                           const struct godwit_agent_status *status)
{
    char line[96];
    snprintf(line, sizeof line, "download %3u %% of %u KiB",
             (unsigned)((uint64_t)status->progress * 100 / status->total),
             (status->total + 1023) / 1024);
    print_line(reporter, line, "");
}

static void print_reason(const struct reporter *reporter, const char *text, uint32_t reason)
{
    char line[256];
    snprintf(line, sizeof line, "%s (%s)", godwit_reason_sentence(reason),
             godwit_reason_id(reason));
    print_line(reporter, text, line);
}

/* The whole scenario once; short while it stays the same. */
static void print_unanswered(struct reporter *reporter, const struct host_device *device)
{
    bool is_same = !strcmp(reporter->failure, device->net.failure);
    print_line(reporter, is_same ? "no reply" : "no reply: ", is_same ? "" : device->net.failure);
    snprintf(reporter->failure, sizeof reporter->failure, "%s", device->net.failure);
}

static void told(void *ctx, const struct host_device *device, enum host_event event)
{
    struct reporter *reporter = ctx;
    const struct godwit_agent_status *status = &device->status;
    char line[32];
    switch (event) {
    case HOST_BOOTED:
        print_boot(reporter, device);
        break;
    case HOST_ENROLLED:
        print_line(reporter, "enrolled", "");
        break;
    case HOST_CHECKED_IN:
        snprintf(line, sizeof line, "check-in %u", status->checkins);
        print_line(reporter, line, "");
        break;
    case HOST_DOWNLOADING:
        print_download(reporter, status);
        break;
    case HOST_VERIFYING:
        print_line(reporter, "verify: read back, digest, signatures", "");
        break;
    case HOST_SWITCHING:
        print_line(reporter, "switch: restart into the other slot", "");
        break;
    case HOST_ON_TRIAL:
        print_line(reporter, "trial: the new image must prove itself", "");
        break;
    case HOST_CONFIRMED:
        print_line(reporter, "confirmed: ", device->names.version);
        break;
    case HOST_REFUSED:
        print_reason(reporter, "not installed: ", status->last_reason);
        break;
    case HOST_ROLLED_BACK:
        print_reason(reporter, "rolled back: ", status->last_reason);
        break;
    case HOST_UNANSWERED:
        print_unanswered(reporter, device);
        break;
    case HOST_ANSWERED:
        reporter->failure[0] = '\0';
        print_line(reporter, "the server replies again", "");
        break;
    case HOST_PENDING:
        print_line(reporter,
                   "pending: known under another token, or not accepted yet; waits until the ",
                   "operator lets it in");
        break;
    case HOST_BRICKED:
        print_line(
            reporter,
            "nothing in this flash boots, so the chip resets for ever; `godwit flash` says why",
            "");
        break;
    }
}

static void print_name(const struct reporter *reporter, const struct host_device *device,
                       const char *path, const char *image)
{
    char id[13], line[64];
    godwit_hex_encode(device->board.options.mac, 6, id);
    snprintf(line, sizeof line, "device %s, flash ", id);
    print_line(reporter, line, path);
    if (image && !device->is_new)
        print_line(reporter,
                   "--image is not used: that is for a new flash, and this one has images", "");
}

/* What the server's audit log must still hold when somebody looks. */
static void print_witness(const struct reporter *reporter, const struct host_device *device)
{
    char hex[2 * sizeof device->net.witness + 1];
    if (godwit_all(device->net.witness, sizeof device->net.witness, 0)) return;
    godwit_hex_encode(device->net.witness, sizeof device->net.witness, hex);
    print_line(reporter, "witness of the server's audit log: ", hex);
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
        {"--cert", OPTION_TEXT, &flags.certificate, "FILE",
         "its certificate, and the CAs in between (PEM), where the server has --device-ca: it "
         "joins "
         "by it without a claim"},
        {"--key", OPTION_TEXT, &flags.key, "FILE", "the certificate's key (PEM)"},
        HOST_ROWS(flags),
    };
    const struct options usage = {
        "device",
        "--flash FILE --server URL --claim @FILE --initial-policy FILE [--image FIRST.bin]",
        "Runs one emulated ESP32 until Ctrl-C; its flash is a file that `godwit flash` and\n"
        "esptool read, and a second run continues where the first stopped.",
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
    struct reporter reporter = {.begun_ms = host_now_ms()};
    char why[512];
    status = host_setup_open(&setup, &flags, &usage, 1);
    if (status >= 0) return status;
    setup.options.on_event = told;
    setup.options.on_event_ctx = &reporter;
    reporter.org = flags.org;
    reporter.initial_policy = setup.options.first.initial_policy;
    if (host_device_open(&device, &setup.options, path, mac, why, sizeof why)) {
        print_name(&reporter, &device, path, flags.image);
        status = device_run(&device, setup.options.pool);
        print_witness(&reporter, &device);
        host_device_close(&device);
    } else {
        fprintf(stderr, "godwit device: %s\n", why);
        status = 1;
    }
    host_setup_close(&setup);
    return status;
}
