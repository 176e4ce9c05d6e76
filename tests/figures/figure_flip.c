/* Does any changed byte get through? A signed image of 64 KiB and its signature sector, one bit
 * flipped in each byte in turn, given to a whole emulated device each time: check-in, download,
 * read-back, switch.
 *   genuine   the instruction names the file as it was signed; all 69,632 bytes
 *   restated  the instruction is made anew for the flipped file, and the checksum byte and the
 *             appended digest inside it too, as the thief of a whole server could: only the
 *             image's signature is left to refuse. The body and the first 1,200
 *             bytes of the signature block, and those of a block of each other scheme.
 * Before each run the unflipped file must be accepted. Work is shared by two processes. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "board/board.h"
#include "emu/pack.h"
#include "peer.h"

#define BODY_SIZE 65536u
#define FILE_SIZE (BODY_SIZE + 4096u)
#define BLOCK_SIGNED 1200u /* bytes of a block that mean something */
#define PROCESSES 2u
#define STEPS_MAX 4000u

struct scene {
    struct flash_ram ram; /* of a device that has joined */
    struct peer peer;
    struct board_options options;
    uint8_t *file;
};

struct counts {
    uint32_t genuine, restated, accepted, controls;
    uint32_t reasons[GODWIT_REASON_TRIAL_NOT_BOOTED + 1];
};

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "flip: %s failed\n", what);
    exit(2);
}

static struct board *power_on(const struct scene *scene, struct flash_ram *ram, struct peer *peer,
                              struct godwit_flash *flash)
{
    static struct board board;
    struct board_options options = scene->options;
    *flash = flash_ram_port(ram);
    options.flash = flash;
    options.net = peer_port(peer);
    board_init(&board, &options);
    board_power_on(&board, GODWIT_RESET_POWER_ON);
    return &board;
}

/* A device on "1.0.0" that has claimed its place; the file on offer is "1.1.0" by the same key. */
static void prepare(struct scene *scene, enum godwit_scheme scheme)
{
    struct key *key = key_generate(scheme);
    must(key != NULL, "making an image key");
    peer_init(&scene->peer, key);
    struct pack_options pack = {.chip = godwit_chip_by_name("esp32c3"),
                                .project = PEER_PRODUCT,
                                .version = "1.0.0",
                                .size = BODY_SIZE};
    uint8_t *first;
    size_t size;
    enum godwit_reason reason;
    must(!pack_image(&pack, &first, &size), "packing");
    pack.version = "1.1.0";
    uint8_t *second;
    must(!pack_image(&pack, &second, &size) && size == BODY_SIZE, "packing");
    must(!image_sign(key, second, size, &scene->file, &size, &reason) && size == FILE_SIZE,
         "signing");
    must(!flash_ram_init(&scene->ram, 1u << 20, 4, NULL), "making flash");
    struct godwit_flash flash = flash_ram_port(&scene->ram);
    const struct board_layout layout = {.slot_size = 0x20000};
    must(!board_provision(&flash, pack.chip, &layout, first, BODY_SIZE), "provisioning");
    scene->options = (struct board_options){.bootloader = {.chip = pack.chip, .has_rollback = true},
                                            .mac = {2, 0, 0, 0, 0, 1},
                                            .initial_policy = peer_seed(&scene->peer),
                                            .claim_token = peer_claim_token()};
    struct board *board = power_on(scene, &scene->ram, &scene->peer, &flash);
    uint64_t now_ms = 0;
    for (int i = 0; i < 100 && scene->peer.checkins == 0; i++)
        now_ms = board_step(board, now_ms);
    for (int i = 0; i < 10; i++)
        now_ms = board_step(board, now_ms);
    must(scene->peer.checkins > 0, "joining");
    board_power_off(board);
    free(first);
    free(second);
    key_close(key);
}

/* One life of a device that is offered `file` under the name of `stated`; NONE: it switched. */
static enum godwit_reason try_file(const struct scene *scene, const uint8_t *stated,
                                   const uint8_t *file)
{
    struct flash_ram ram;
    struct godwit_flash flash;
    struct peer peer = scene->peer;
    must(!flash_ram_clone(&scene->ram, &ram), "cloning flash");
    peer_offer(&peer, stated, FILE_SIZE, 1);
    peer.file = file;
    struct board *board = power_on(scene, &ram, &peer, &flash);
    struct godwit_agent_status status = {0};
    uint64_t now_ms = 0;
    uint32_t steps = 0;
    while (status.last_reason == GODWIT_REASON_NONE && board->counters.restarts == 0) {
        must(++steps < STEPS_MAX, "coming to an end");
        now_ms = board_step(board, now_ms);
        board_status(board, &status);
    }
    bool is_accepted = board->counters.restarts > 0;
    board_power_off(board);
    flash_ram_deinit(&ram);
    return is_accepted ? GODWIT_REASON_NONE : (enum godwit_reason)status.last_reason;
}

/* Checksum byte and appended digest to match the bytes in front, where the segment table still
 * leads to them and the flip was not in them. */
static void repair(uint8_t *file, uint32_t flipped_at)
{
    const uint32_t digest_at = BODY_SIZE - 32, checksum_at = digest_at - 1;
    struct godwit_hash hash;
    if (flipped_at >= checksum_at) return;
    uint8_t checksum = 0xEF;
    uint64_t at = 24;
    for (uint8_t i = 0; i < file[1]; i++) {
        if (at + 8 > checksum_at) return;
        uint64_t end = at + 8 + godwit_load32(file + at + 4);
        if (end > checksum_at) return;
        for (at += 8; at < end; at++)
            checksum ^= file[at];
    }
    file[checksum_at] = checksum;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, file, digest_at);
    must(!godwit_hash_peek(&hash, file + digest_at), "hashing");
}

static void flip(const struct scene *scene, uint32_t at, bool is_restated, struct counts *counts)
{
    static uint8_t file[FILE_SIZE];
    memcpy(file, scene->file, FILE_SIZE);
    file[at] ^= (uint8_t)(1u << at % 8);
    if (is_restated) repair(file, at);
    enum godwit_reason reason = try_file(scene, is_restated ? file : scene->file, file);
    counts->reasons[reason]++;
    counts->accepted += reason == GODWIT_REASON_NONE;
    counts->genuine += !is_restated;
    counts->restated += is_restated;
    if (reason == GODWIT_REASON_NONE) printf("accepted: byte %u, restated %d\n", at, is_restated);
}

static void control(const struct scene *scene, struct counts *counts)
{
    must(try_file(scene, scene->file, scene->file) == GODWIT_REASON_NONE,
         "accepting the file as it was signed");
    counts->controls++;
}

static struct counts work(const struct scene scenes[static 3], uint32_t share)
{
    struct counts counts = {0};
    control(&scenes[0], &counts);
    for (uint32_t at = share; at < FILE_SIZE; at += PROCESSES)
        flip(&scenes[0], at, false, &counts);
    for (uint32_t at = share; at < BODY_SIZE + BLOCK_SIGNED; at += PROCESSES)
        flip(&scenes[0], at, true, &counts);
    for (int other = 1; other < 3; other++) {
        control(&scenes[other], &counts);
        for (uint32_t at = share; at < BLOCK_SIGNED; at += PROCESSES)
            flip(&scenes[other], BODY_SIZE + at, true, &counts);
    }
    return counts;
}

static void add(struct counts *total, const struct counts *part)
{
    total->genuine += part->genuine;
    total->restated += part->restated;
    total->accepted += part->accepted;
    total->controls += part->controls;
    for (size_t i = 0; i < sizeof part->reasons / sizeof *part->reasons; i++)
        total->reasons[i] += part->reasons[i];
}

int main(void)
{
    static struct scene scenes[3];
    static const enum godwit_scheme schemes[3] = {GODWIT_SCHEME_ECDSA256, GODWIT_SCHEME_RSA3072,
                                                  GODWIT_SCHEME_ECDSA384};
    struct counts total = {0};
    int pipes[PROCESSES][2];
    for (int i = 0; i < 3; i++)
        prepare(&scenes[i], schemes[i]);
    for (uint32_t share = 0; share < PROCESSES; share++) {
        must(pipe(pipes[share]) == 0, "making a pipe");
        pid_t child = fork();
        must(child >= 0, "starting a process");
        if (child > 0) continue;
        struct counts counts = work(scenes, share);
        fflush(stdout);
        _exit(write(pipes[share][1], &counts, sizeof counts) == sizeof counts ? 0 : 2);
    }
    for (uint32_t share = 0; share < PROCESSES; share++) {
        struct counts counts;
        close(pipes[share][1]);
        must(read(pipes[share][0], &counts, sizeof counts) == sizeof counts, "a process");
        add(&total, &counts);
    }
    while (wait(NULL) > 0)
        ;
    for (uint32_t i = 0; i < sizeof total.reasons / sizeof *total.reasons; i++)
        if (total.reasons[i]) printf("%8u  %s\n", total.reasons[i], godwit_reason_id(i));
    printf("controls accepted: %u\n", total.controls);
    printf("figure flip genuine=%u restated=%u accepted=%u\n", total.genuine, total.restated,
           total.accepted);
    bool is_met = total.genuine >= 69632 && total.restated >= 66736 && total.accepted == 0;
    return is_met ? 0 : 1;
}
