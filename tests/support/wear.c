/* See wear.h. */
#include "wear.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY_S (24u * 3600)
#define SLOTS_FROM 0x20000u
#define JOURNAL_FROM 0x10000u

enum way {
    CRASHES,
    FAILS_ITS_TEST,
    IS_CORRUPT,
    IS_WITHDRAWN,
    IS_CUT,
    IS_FOR_ANOTHER,
    IS_LOST,
    WAYS
};

bool device_is_downloading(const struct device *device)
{
    struct godwit_agent_status status = device_status(device);
    return status.state == GODWIT_STATE_FETCH && status.progress >= 2 * GODWIT_SECTOR_SIZE;
}

static bool has_failed(const struct device *device)
{
    const struct peer *peer = &device->peer;
    return device_is_idle(device) && peer->outcome.rollout_id == peer->rollout_id &&
           peer->outcome.stage != GODWIT_STAGE_CONFIRMED;
}

static struct firmware make_failing(uint32_t update, enum way way, const struct key *key,
                                    uint32_t file_size)
{
    char version[16];
    struct behaviour behaviour = {BEHAVIOUR_HEALTHY, 0};
    if (way == CRASHES) behaviour.kind = BEHAVIOUR_CRASH_AT_BOOT;
    if (way == FAILS_ITS_TEST) behaviour.kind = BEHAVIOUR_WRONG_CONFIG;
    snprintf(version, sizeof version, "%u", 1000 + update);
    return firmware_make(version, behaviour, file_size, key);
}

/* Power is lost in the middle of the download, twice; then the server changes its mind. */
static bool cut_twice(struct device *device)
{
    for (int i = 0; i < 2; i++) {
        if (!device_run(device, device_is_downloading, DAY_S)) return false;
        board_power_off(&device->board);
        device_power_on(device, GODWIT_RESET_POWER_ON);
    }
    device->peer.withdraws = true;
    return device_run(device, has_failed, DAY_S);
}

/* The connection dies in the middle and comes back only after the agent has given up. */
static bool lose_connection(struct device *device)
{
    if (!device_run(device, device_is_downloading, DAY_S)) return false;
    device->peer.image_status = 500;
    device->link.is_cutting = true;
    device->link.drop_at = 0;
    bool gives_up = device_run(device, has_failed, DAY_S);
    device->peer.image_status = 0;
    device->link.is_cutting = false;
    return gives_up;
}

static bool fail_update(struct device *device, enum way way, struct firmware *file, uint32_t update)
{
    struct peer *peer = &device->peer;
    device->board.reset = GODWIT_RESET_SOFTWARE; /* a power cut of the last one is history */
    peer_offer(peer, file->data, file->size, 100 + update);
    peer->withdraws = way == IS_WITHDRAWN;
    peer->offers_always = false;
    if (way == IS_CORRUPT) file->data[0x1234] ^= 1;
    if (way == IS_FOR_ANOTHER) peer->chip_id = 9;
    if (way == IS_CUT) return cut_twice(device);
    if (way == IS_LOST) return lose_connection(device);
    return device_run(device, has_failed, DAY_S);
}

static void raise_max(uint32_t *max, uint32_t number)
{
    if (*max < number) *max = number;
}

static void weigh(struct wear *wear)
{
    for (uint32_t i = 0; i < WEAR_SECTORS; i++) {
        uint32_t offset = i * FLASH_ERASE_SIZE, erases = wear->erases[i] - wear->before[i];
        if (offset >= SLOTS_FROM) raise_max(&wear->slot_max, erases);
        if (offset < JOURNAL_FROM) raise_max(&wear->otadata_max, erases);
    }
    memcpy(wear->before, wear->erases, sizeof wear->before);
}

void wear_update(struct wear *wear, struct device *device, uint32_t update, const struct key *key,
                 uint32_t file_size)
{
    enum way way = (enum way)(update % WAYS);
    struct godwit_partition runs = device->board.running;
    struct firmware file = make_failing(update, way, key, file_size);
    bool fails =
        fail_update(device, way, &file, update) && device->board.running.offset == runs.offset;
    wear->updates++;
    wear->failed += fails;
    if (!fails)
        fprintf(stderr, "update %u (way %u) did not fail as it should: %s, heard %s %s\n", update,
                (unsigned)way, device->board.running.label,
                godwit_stage_name(device->peer.outcome.stage),
                godwit_reason_id(device->peer.outcome.reason));
    device->peer.file = NULL;
    free(file.data);
    weigh(wear);
}

double wear_per_update(const struct wear *wear, uint32_t from, uint32_t to)
{
    uint32_t most = 0;
    for (uint32_t i = from / FLASH_ERASE_SIZE; i < to / FLASH_ERASE_SIZE; i++)
        raise_max(&most, wear->erases[i]);
    return wear->updates ? (double)most / wear->updates : 0;
}
