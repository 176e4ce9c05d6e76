/* Two tasks and one agent, under ThreadSanitizer: one steps it, through a trial and then from
 * check-in to check-in, while the other wakes and confirms. Built by tests/tool/test_tasks.py. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "board/board.h"
#include "formats/otadata.h"

#define SLOT_0 0x20000u
#define OTADATA 0xE000u
#define STEPS 20000u

static struct godwit_agent_memory memory;
static struct godwit_agent *agent;
static atomic_bool is_over;

static void facts(void *ctx, struct godwit_device_facts *out)
{
    (void)ctx;
    *out = (struct godwit_device_facts){.device_id = {2},
                                        .chip = godwit_chip_by_id(5),
                                        .running_offset = SLOT_0,
                                        .reset = GODWIT_RESET_POWER_ON};
}

static godwit_err not_so_random(void *ctx, uint8_t *out, size_t size)
{
    (void)ctx;
    memset(out, 0x55, size);
    return GODWIT_OK;
}

static uint32_t free_heap(void *ctx)
{
    (void)ctx;
    return 1;
}

static void restart(void *ctx)
{
    (void)ctx;
}

static godwit_err start(void *ctx, const struct godwit_request *request)
{
    (void)ctx, (void)request;
    return GODWIT_ERR_NET;
}

static void close_nothing(void *ctx)
{
    (void)ctx;
}

static void *other_task(void *ctx)
{
    (void)ctx;
    while (!atomic_load(&is_over)) {
        godwit_agent_wake(agent);
        godwit_agent_confirm(agent);
    }
    return NULL;
}

static bool lay_out(const struct godwit_flash *flash)
{
    const struct board_layout layout = {0};
    struct godwit_ota_entry entry = {.seq = 1, .state = GODWIT_OTA_PENDING};
    memset(entry.label, 0xFF, sizeof entry.label);
    entry.crc = godwit_ota_crc(entry.seq);
    return !board_provision(flash, godwit_chip_by_id(5), &layout, NULL, 0) &&
           !flash_put(flash, OTADATA, (const uint8_t *)&entry, sizeof entry);
}

int main(void)
{
    struct flash_ram ram;
    static uint8_t policy[328];
    if (flash_ram_init(&ram, 1u << 20, 4, NULL)) return 2;
    const struct godwit_flash flash = flash_ram_port(&ram);
    const struct godwit_net net = {.start = start, .close = close_nothing};
    const struct godwit_system system = {
        .facts = facts, .random = not_so_random, .free_heap = free_heap, .restart = restart};
    const struct godwit_agent_config config = {
        .flash = &flash, .net = &net, .system = &system, .initial_policy = policy};
    if (!lay_out(&flash)) return 2;
    agent = godwit_agent_init(&memory, &config);
    pthread_t other;
    if (pthread_create(&other, NULL, other_task, NULL)) return 2;
    uint64_t now_ms = 0;
    uint32_t seen[GODWIT_STATE_COUNT] = {0};
    struct godwit_agent_status status;
    for (uint32_t i = 0; i < STEPS; i++) {
        now_ms = godwit_agent_step(agent, now_ms);
        godwit_agent_get_status(agent, &status);
        seen[status.state]++;
    }
    atomic_store(&is_over, true);
    pthread_join(other, NULL);
    flash_ram_deinit(&ram);
    printf("trial=%u idle=%u checkin=%u\n", (unsigned)seen[GODWIT_STATE_TRIAL],
           (unsigned)seen[GODWIT_STATE_IDLE], (unsigned)seen[GODWIT_STATE_CHECKIN]);
    return seen[GODWIT_STATE_TRIAL] && seen[GODWIT_STATE_IDLE] ? 0 : 1;
}
