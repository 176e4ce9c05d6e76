/* figure drop: the connection breaks once, at every byte of a signed image of 65,536 bytes. Each
 * time the device must resume and hold the verified file, and fetch at most one sector of it twice.
 * Every 16th case is told again with a connection that ends early instead of breaking. */
#include <stdio.h>
#include <stdlib.h>

#include "device.h"

#define FILE_SIZE 65536u
#define REFETCHED_MAX 4096u
#define EARLY_END_EVERY 16u
#define TIME_MAX_MS (3600u * 1000)

static struct device device, joined; /* static: the board points into itself */

/* Back to the moment before the offer: same memory, a fresh copy of the flash. */
static bool rewind_device(void)
{
    flash_ram_deinit(&device.ram);
    device = joined;
    return flash_ram_clone(&joined.ram, &device.ram) == GODWIT_OK;
}

static bool is_idle_after_checkin(void)
{
    struct godwit_agent_status status;
    board_status(&device.board, &status);
    return device.peer.checkins > 0 && status.state == GODWIT_STATE_IDLE;
}

/* The device says of its own accord that the inactive slot holds the file, verified. */
static bool holds_file(void)
{
    return !memcmp(device.peer.last.staged_file_sha256, device.peer.file_sha256, 32);
}

/* Steps until it is so, or within an hour it is not. */
static bool run_until(bool (*is_done)(void))
{
    uint64_t end_ms = device.now_ms + TIME_MAX_MS;
    while (!is_done())
        if (!device_step(&device) || device.now_ms > end_ms) return false;
    return true;
}

/* True when the file arrived and was fetched twice in part at most. */
static bool run_case(uint32_t drop_at, bool ends_early, uint32_t *refetched_max)
{
    if (!rewind_device()) return false;
    device.link.is_cutting = true;
    device.link.drop_at = drop_at;
    device.link.ends_early = ends_early;
    if (!run_until(holds_file) || device.link.drops != 1 || device.ram.violations ||
        device.peer.outcomes) {
        fprintf(stderr, "dropped at byte %u: not there, %llu bytes received\n", drop_at,
                (unsigned long long)device.link.received);
        return false;
    }
    uint32_t refetched = (uint32_t)(device.link.received - FILE_SIZE);
    if (refetched > *refetched_max) *refetched_max = refetched;
    return true;
}

int main(void)
{
    struct key *key = key_generate(GODWIT_SCHEME_ECDSA256);
    if (!key) return 1;
    const struct behaviour healthy = {BEHAVIOUR_HEALTHY, 0};
    struct firmware first = firmware_make("1.0.0", healthy, FILE_SIZE, key);
    struct firmware next = firmware_make("1.1.0", healthy, FILE_SIZE, key);
    device_init(&device, NULL, &first, key, 4);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    bool has_joined = run_until(is_idle_after_checkin);
    device.peer.withdraws = true; /* the download is all that is asked for here */
    peer_offer(&device.peer, next.data, next.size, 1);
    joined = device;
    has_joined = flash_ram_clone(&joined.ram, &device.ram) == GODWIT_OK && has_joined;

    uint32_t drops = 0, failed = 0, early_ends = 0, refetched_max = 0;
    for (uint32_t at = 0; has_joined && at < FILE_SIZE; at++) {
        drops++;
        if (!run_case(at, false, &refetched_max)) failed++;
        if (at % EARLY_END_EVERY) continue;
        early_ends++;
        if (!run_case(at, true, &refetched_max)) failed++;
    }
    device_deinit(&device);
    flash_ram_deinit(&joined.ram);
    free(first.data);
    free(next.data);
    key_close(key);
    printf("figure drop drops=%u failed=%u refetched_max=%u early_ends=%u\n", drops, failed,
           refetched_max, early_ends);
    return drops != FILE_SIZE || failed || refetched_max > REFETCHED_MAX;
}
