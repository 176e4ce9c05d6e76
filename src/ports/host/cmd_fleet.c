/* Many emulated ESP32s in one process: one curl multi, one loop, one live line. Each device is a
 * few kilobytes and the sectors of its flash that differ from the first image; with --dir its flash
 * is a file named by its MAC, and a second run goes on with those files. */
#include "ports/host/host.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "ports/host/host_setup.h"

#define COUNT_MAX 100000u
#define CONNECTIONS_MAX 128u
#define WAIT_MS_MAX 200u
#define LINE_EVERY_MS 500u
#define START_EVERY_MS 2u /* between two devices' power-on */
#define VERSIONS_MAX 8u

struct fleet_run {
    struct host_setup setup;
    struct host_device *devices;
    uint64_t *macs;
    uint32_t count;
    const char *dir; /* NULL: in memory */
    struct flash_pool sectors;
    struct flash_ram template;
    char line[512]; /* shown last */
    uint64_t line_ms;
};

/* ── who they are ──────────────────────────────────────────────────────────────────────────── */

static uint64_t mac_number(const uint8_t mac[static 6])
{
    uint64_t number = 0;
    for (int i = 0; i < 6; i++)
        number = number << 8 | mac[i];
    return number;
}

static void mac_bytes(uint64_t number, uint8_t mac_out[static 6])
{
    for (int i = 5; i >= 0; i--, number >>= 8)
        mac_out[i] = (uint8_t)number;
}

/* A run of its own: locally administered, so no real device has it. */
static uint64_t mac_base_random(void)
{
    uint8_t mac[6] = {0x02};
    if (getrandom(mac + 1, 3, 0) != 3) mac[1] = 0x67;
    return mac_number(mac);
}

static int is_flash_name(const struct dirent *entry)
{
    uint8_t mac[6];
    return !strcmp(entry->d_name + strcspn(entry->d_name, "."), ".bin") &&
           !godwit_hex_decode(entry->d_name, strcspn(entry->d_name, "."), mac, 6);
}

/* The MACs of the flash files in DIR, in order, at most count; how many there are. */
static uint32_t macs_found(const char *dir, uint64_t *macs, uint32_t count)
{
    struct dirent **names;
    uint32_t found = 0;
    int names_count = scandir(dir, &names, is_flash_name, alphasort);
    for (int i = 0; i < names_count; i++) {
        uint8_t mac[6];
        host_mac_of_file(names[i]->d_name, mac);
        if (found < count) macs[found++] = mac_number(mac);
        free(names[i]);
    }
    if (names_count >= 0) free(names);
    return found;
}

static void macs_choose(struct fleet_run *fleet, const uint8_t *first)
{
    uint32_t found = fleet->dir ? macs_found(fleet->dir, fleet->macs, fleet->count) : 0;
    uint64_t next = found   ? fleet->macs[found - 1] + 1
                    : first ? mac_number(first)
                            : mac_base_random();
    for (uint32_t i = found; i < fleet->count; i++)
        fleet->macs[i] = next++;
}

/* ── the live line ─────────────────────────────────────────────────────────────────────────── */

struct tally {
    struct {
        const char *version;
        uint32_t count;
    } versions[VERSIONS_MAX];
    uint32_t versions_count, off, others, downloading, verifying, on_trial, unknown, rollbacks,
        unanswered, bricked;
};

static void tally_version(struct tally *tally, const char *version)
{
    uint32_t i = 0;
    while (i < tally->versions_count && strcmp(tally->versions[i].version, version))
        i++;
    if (i == VERSIONS_MAX) {
        tally->others++;
        return;
    }
    if (i == tally->versions_count) tally->versions_count++;
    tally->versions[i].version = version;
    tally->versions[i].count++;
}

static void tally_device(struct tally *tally, const struct host_device *device)
{
    enum godwit_state state = device->status.state;
    tally->rollbacks += device->rollbacks;
    if (device->board.is_bricked) {
        tally->bricked++;
        return;
    }
    tally->unknown += state != GODWIT_STATE_BOOT && !device->status.enrolled;
    tally->unanswered += device->net.failure[0] != '\0';
    tally->on_trial += device->status.on_trial;
    tally->downloading += state == GODWIT_STATE_FETCH;
    tally->verifying += state == GODWIT_STATE_VERIFY;
    if (device->board.counters.boots)
        tally_version(tally, device->names.version[0] ? device->names.version : "no version");
    else
        tally->off++;
}

static void part_add(struct godwit_text *text, const char *between, uint32_t count,
                     const char *arguments)
{
    if (!count) return;
    godwit_text_add(text, between);
    godwit_text_add_u32(text, count);
    godwit_text_add(text, arguments);
}

static void line_make(const struct fleet_run *fleet, char *line, size_t size_max)
{
    struct tally tally = {.off = 0};
    struct godwit_text text;
    for (uint32_t i = 0; i < fleet->count; i++)
        tally_device(&tally, &fleet->devices[i]);
    godwit_text_init(&text, line, size_max);
    godwit_text_add_u32(&text, fleet->count);
    godwit_text_add(&text, fleet->count == 1 ? " device:" : " devices:");
    for (uint32_t i = 0; i < tally.versions_count; i++) {
        part_add(&text, i ? ", " : " ", tally.versions[i].count, " on ");
        godwit_text_add(&text, tally.versions[i].version);
    }
    part_add(&text, ", ", tally.others, " on others");
    part_add(&text, tally.versions_count ? ", " : " ", tally.off, " off");
    part_add(&text, " · ", tally.unknown, " not enrolled");
    part_add(&text, " · ", tally.downloading, " downloading");
    part_add(&text, " · ", tally.verifying, " verifying");
    part_add(&text, " · ", tally.on_trial, " on trial");
    part_add(&text, " · ", tally.rollbacks, " rolled back");
    part_add(&text, " · ", tally.unanswered, " without a reply");
    bool is_first = !tally.versions_count && !tally.others && !tally.off;
    part_add(&text, is_first ? " " : " · ", tally.bricked, " BRICKED");
}

/* Cut to the terminal's width, so that it stays one line; a byte 10… goes on with a letter. */
static void line_cut(char *line)
{
    struct winsize window;
    size_t columns = 0;
    if (ioctl(1, TIOCGWINSZ, &window) || window.ws_col < 2) return;
    for (char *at = line; *at; at++) {
        if ((*at & 0xC0) != 0x80 && ++columns == window.ws_col) {
            *at = '\0';
            return;
        }
    }
}

/* In place on a terminal, else a line when it has changed. */
static void line_show(struct fleet_run *fleet, uint64_t now_ms)
{
    char line[sizeof fleet->line];
    if (now_ms - fleet->line_ms < LINE_EVERY_MS) return;
    fleet->line_ms = now_ms;
    line_make(fleet, line, sizeof line);
    if (!strcmp(line, fleet->line)) return;
    memcpy(fleet->line, line, sizeof line);
    line_cut(line);
    printf(isatty(1) ? "\r\033[K%s" : "%s\n", line);
    fflush(stdout);
}

/* ── life ──────────────────────────────────────────────────────────────────────────────────── */

static bool device_start(struct fleet_run *fleet, uint32_t index, char *why, size_t why_size)
{
    struct host_device *device = &fleet->devices[index];
    uint8_t mac[6];
    char digits[13], path[512];
    mac_bytes(fleet->macs[index], mac);
    godwit_hex_encode(mac, 6, digits);
    snprintf(path, sizeof path, "%s/%s.bin", fleet->dir ? fleet->dir : "", digits);
    if (!host_device_open(device, &fleet->setup.options, fleet->dir ? path : NULL, mac, why,
                          why_size))
        return false;
    device->wake_ms = host_now_ms() + (uint64_t)index * START_EVERY_MS;
    return true;
}

/* What every flash in memory is a copy of. */
static bool template_make(struct fleet_run *fleet, char *why, size_t why_size)
{
    const struct host_flash_options *options = &fleet->setup.options.first;
    if (!options->image) {
        snprintf(why, why_size, "devices in memory need their first image: --image FIRST.bin");
        return false;
    }
    if (flash_ram_init(&fleet->template, HOST_FLASH_SIZE, 4, &fleet->sectors)) {
        snprintf(why, why_size, "there is no memory for a flash");
        return false;
    }
    struct godwit_flash flash = flash_ram_port(&fleet->template);
    fleet->setup.options.template = &fleet->template;
    return host_flash_provision(&flash, options, why, why_size);
}

static bool fleet_start(struct fleet_run *fleet, char *why, size_t why_size)
{
    if (fleet->dir && mkdir(fleet->dir, 0777) && errno != EEXIST) {
        snprintf(why, why_size, "%s can not be made: %s", fleet->dir, strerror(errno));
        return false;
    }
    if (!fleet->dir && !template_make(fleet, why, why_size)) return false;
    for (uint32_t i = 0; i < fleet->count; i++)
        if (!device_start(fleet, i, why, why_size)) return false;
    return true;
}

static void fleet_live(struct fleet_run *fleet)
{
    while (!host_is_stopping()) {
        uint64_t now_ms = host_now_ms(), next_ms = now_ms + WAIT_MS_MAX;
        for (uint32_t i = 0; i < fleet->count; i++) {
            struct host_device *device = &fleet->devices[i];
            if (device->wake_ms <= now_ms) host_device_step(device, now_ms);
            if (device->wake_ms < next_ms) next_ms = device->wake_ms;
        }
        host_net_pool_run(fleet->setup.options.pool,
                          next_ms > now_ms ? (int)(next_ms - now_ms) : 0);
        line_show(fleet, now_ms);
    }
    if (isatty(1)) putchar('\n');
}

static void fleet_end(struct fleet_run *fleet)
{
    for (uint32_t i = 0; fleet->devices && i < fleet->count; i++)
        host_device_close(&fleet->devices[i]);
    flash_ram_deinit(&fleet->template);
    flash_pool_deinit(&fleet->sectors);
    free(fleet->devices);
    free(fleet->macs);
    host_setup_close(&fleet->setup);
}

static int fleet_run(struct fleet_run *fleet, const uint8_t *first_mac)
{
    char why[512] = "there is no memory for so many";
    fleet->devices = calloc(fleet->count, sizeof *fleet->devices);
    fleet->macs = calloc(fleet->count, sizeof *fleet->macs);
    bool is_good = fleet->devices && fleet->macs;
    if (is_good) macs_choose(fleet, first_mac);
    is_good = is_good && fleet_start(fleet, why, sizeof why);
    if (is_good)
        fleet_live(fleet);
    else
        fprintf(stderr, "godwit fleet: %s\n", why);
    fleet_end(fleet);
    return is_good ? 0 : 1;
}

int cmd_fleet(int argc, char **argv)
{
    static struct fleet_run fleet;
    struct host_flags flags = {0};
    const char *mac_text = NULL;
    uint8_t mac[6];
    const struct option_row rows[] = {
        {"--count", OPTION_NUMBER, &fleet.count, "N", "how many"},
        {"--dir", OPTION_TEXT, &fleet.dir, "DIR", "their flash files; `none`: in memory"},
        {"--mac", OPTION_TEXT, &mac_text, "MAC", "id of the first device; default: by chance"},
        HOST_ROWS(flags),
    };
    const struct options usage = {
        "fleet",
        "--count N --dir DIR|none --server URL --claim @FILE --initial-policy FILE [--image "
        "FIRST.bin]",
        "Runs many emulated ESP32s in one process until Ctrl-C, with a live line.",
        rows,
        sizeof rows / sizeof *rows,
        NULL,
        0,
        0};
    int status = options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    if (!fleet.count || fleet.count > COUNT_MAX)
        return options_wrong(&usage, "--count is 1 … %u", COUNT_MAX);
    if (!fleet.dir) return options_wrong(&usage, "--dir DIR (or none) is missing");
    if (!strcmp(fleet.dir, "none")) fleet.dir = NULL;
    if (mac_text && host_mac_parse(mac_text, mac))
        return options_wrong(&usage, "'%s' is no MAC of 12 hex digits", mac_text);
    bool is_each = flags.wait_s || fleet.count < CONNECTIONS_MAX; /* who waits keeps its own */
    status = host_setup_open(&fleet.setup, &flags, &usage, is_each ? fleet.count : CONNECTIONS_MAX);
    if (status >= 0) return status;
    return fleet_run(&fleet, mac_text ? mac : NULL);
}
