/* Makes the seed corpora with the real encoders: make_corpus DIR writes DIR/<target>/<name>. Run by
 * hand when a format changes (tests/fuzz/corpus/README); keys are fresh each time, so the files of
 * `sigblock` and `image` differ from run to run. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "emu/pack.h"
#include "formats/checkin.h"
#include "formats/otadata.h"
#include "formats/ptable.h"
#include "formats/sigblock.h"
#include "keys/keys.h"

static const char *root;

static void must(godwit_err err, const char *what)
{
    if (!err) return;
    fprintf(stderr, "make_corpus: %s: %s\n", what, godwit_err_sentence(err));
    exit(1);
}

static void put(const char *target, const char *name, const void *head, size_t head_size,
                const void *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, target);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", root, target, name);
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(head, 1, head_size, out) != head_size ||
        fwrite(data, 1, size, out) != size || fclose(out) != 0)
        must(GODWIT_ERR_IO, path);
}

static void put_text(const char *target, const char *name, const char *text)
{
    put(target, name, "", 0, text, strlen(text));
}

static void json(void)
{
    put_text("json", "all",
             "{\"a\":[1,-2.5e+3,true,false,null,\"x\\n\\u00e9\\ud83d\\ude00\"],"
             "\"b\":{\"a\":{}},\"h\":\"a0b1c2d3e4f5\",\"e\":\"AP+lAQ==\"}");
    put_text("json", "deep", "[[[[[[9007199254740991]]]]]]");
    put_text("json", "empty", "[]");
}

static void checkin(void)
{
    struct godwit_checkin checkin = {
        .project = "thermostat",
        .version = "1.3.2",
        .idf_version = "v5.5",
        .agent_version = "0.1.0",
        .slot = "ota_0",
        .counter = 12,
        .on_trial = true,
        .chip_id = 5,
        .flash_size = 4 << 20,
        .slot_size = 0x1A9000,
        .reset = GODWIT_RESET_PANIC,
        .has_token = true,
        .attributes = "site=berlin room=2",
        .outcome = {2, 7, GODWIT_STAGE_ROLLED_BACK, 91, {1}, "reset cause panic"},
    };
    char text[GODWIT_CHECKIN_REQUEST_MAX];
    size_t size;
    must(godwit_checkin_encode(&checkin, text, sizeof text, &size), "check-in");
    put("checkin", "request", "", 0, text, size);
    struct godwit_checkin_reply reply = {
        .interval_s = 300, .outcome_id = 2, .has_instruction = true};
    must(godwit_checkin_reply_encode(&reply, text, sizeof text, &size), "reply");
    put("checkin", "reply", "", 0, text, size);
    put_text("checkin", "pending", "{\"pending\":true,\"interval_s\":30}");
}

static struct godwit_policy sample_policy(void)
{
    struct godwit_policy policy = {.threshold = 1,
                                   .image_keys_count = 2,
                                   .deploy_keys_count = 1,
                                   .hardware_mask = 1,
                                   .counter = 5,
                                   .rollback_floor = 3,
                                   .flags = GODWIT_POLICY_REQUIRE_INSTRUCTION};
    must(godwit_product_id("default", "thermostat", policy.product_id), "product id");
    memset(policy.image_keys[0], 1, 32);
    memset(policy.image_keys[1], 2, 32);
    memset(policy.deploy_keys[0], 3, 64);
    return policy;
}

static void policy_and_instruction(void)
{
    struct godwit_policy policy = sample_policy(), open = {.flags = GODWIT_POLICY_OPEN};
    uint8_t block[GODWIT_POLICY_BYTES], order[GODWIT_INSTRUCTION_SIZE] = {0};
    godwit_policy_encode(&policy, block);
    put("policy", "signed", "", 0, block, sizeof block);
    godwit_policy_encode(&open, block);
    put("policy", "open", "", 0, block, sizeof block);
    struct godwit_instruction instruction = {.flags = GODWIT_INSTRUCTION_INSTALL,
                                             .device_id = {0xA0},
                                             .sequence = 9,
                                             .file_size = 8192,
                                             .chip_id = 5};
    godwit_instruction_encode(&instruction, order);
    put("instruction", "install", "", 0, order, sizeof order);
    instruction.flags = GODWIT_INSTRUCTION_NO_UPDATE;
    godwit_instruction_encode(&instruction, order);
    memset(order + GODWIT_INSTRUCTION_BODY_SIZE, 0x5A, 64);
    put("instruction", "no-update-signed", "", 0, order, sizeof order);
}

static void ptable(void)
{
    static const struct godwit_partition rows[] = {
        {1, 2, 0x9000, 0x4000, "nvs", 0},
        {1, 0, 0xD000, 0x2000, "otadata", 0},
        {0, 0x10, 0x10000, 0x180000, "ota_0", 0},
        {0, 0x11, 0x190000, 0x180000, "ota_1", 1},
    };
    uint8_t table[GODWIT_PTABLE_SIZE];
    must(godwit_ptable_build(rows, 4, table), "partition table");
    put("ptable", "two-slots", "\x40\x00", 2, table, 6 * 32);
    put("ptable", "forged", "\x40\x01", 2, table, 6 * 32);
    put("filekind", "ptable", "", 0, table, 64);
}

static void otadata(void)
{
    uint8_t entries[72] = {0};
    struct godwit_ota_entry entry = {.seq = 1, .state = GODWIT_OTA_VALID};
    entry.crc = godwit_ota_crc(entry.seq);
    godwit_ota_entry_store(&entry, entries);
    entry = (struct godwit_ota_entry){.seq = 2, .state = GODWIT_OTA_PENDING};
    entry.crc = godwit_ota_crc(entry.seq);
    godwit_ota_entry_store(&entry, entries + 32);
    memcpy(entries + 64, "\x00\x01\x01\x00\x00\x00\x00\x00", 8);
    put("otadata", "trial", "", 0, entries, sizeof entries);
    uint8_t whole[GODWIT_OTADATA_SIZE];
    memset(whole, 0xFF, sizeof whole);
    memcpy(whole, entries, GODWIT_OTA_ENTRY_SIZE);
    put("filekind", "otadata", "", 0, whole, sizeof whole);
    memset(entries, 0xFF, 64);
    memcpy(entries + 64, "\x03\x0F\x03\x00\xFF\xFF\xFF\xFF", 8);
    put("otadata", "blank", "", 0, entries, sizeof entries);
}

static void images(void)
{
    static const enum godwit_scheme schemes[] = {GODWIT_SCHEME_RSA3072, GODWIT_SCHEME_ECDSA256,
                                                 GODWIT_SCHEME_ECDSA384};
    struct godwit_policy policy = sample_policy();
    uint8_t block[GODWIT_POLICY_BYTES];
    godwit_policy_encode(&policy, block);
    struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                   .project = "thermostat",
                                   .version = "1.4.0",
                                   .policy = block};
    uint8_t *image, *signed_image = NULL;
    size_t size, signed_size;
    must(pack_image(&options, &image, &size), "image");
    put("image", "c3", image, size, "\x00\x00\x00\x00", 4);
    put("image", "c3-forged-pieces", image, size, "\x01\x00\x00\x05", 4);
    put("image", "c3-bootloader-pieces", image, size, "\x47\x00\x00\x09", 4);
    put("filekind", "app", "", 0, image, 64);
    /* One sector with a block of each scheme: each key signs what the one before has made. */
    for (int i = 0; i < 3; i++) {
        enum godwit_reason reason;
        struct key *key = key_generate(schemes[i]);
        must(key ? image_sign(key, image, size, &signed_image, &signed_size, &reason)
                 : GODWIT_ERR_IO,
             "signing");
        key_close(key);
        free(image);
        image = signed_image;
        size = signed_size;
    }
    const uint8_t *sector = image + size - GODWIT_SIGSECTOR_SIZE;
    put("image", "c3-signed", image, size, "\x40\x00\x00\x11", 4);
    static const char *const names[] = {"rsa3072", "ecdsa256", "ecdsa384"};
    for (int i = 0; i < 3; i++)
        put("sigblock", names[i], "\x07", 1, sector + i * GODWIT_SIGBLOCK_SIZE,
            GODWIT_SIGBLOCK_SIZE);
    free(image);
}

static void filekind(void)
{
    uint8_t merged[0x8040];
    memset(merged, 0xFF, sizeof merged);
    merged[0] = 0xE9;
    memcpy(merged + 0x8000, "\xAA\x50", 2);
    put("filekind", "merged", "", 0, merged, sizeof merged);
    put_text("filekind", "html", "<!DOCTYPE html><title>404</title>");
    put_text("filekind", "elf",
             "\x7F"
             "ELF\x01\x01\x01");
    put_text("filekind", "uf2", "UF2\n\x57\x51\x5D\x9E");
    uint8_t bootloader[80] = {0xE9, 3, [32] = 0x50, [40] = 'v', '5', '.', '2'};
    put("filekind", "bootloader", "", 0, bootloader, sizeof bootloader);
}

/* The last two bytes are the target's control bytes. */
static void http(void)
{
    put_text("http", "get",
             "GET /v1/image/ab HTTP/1.1\r\nHost: a:8443\r\nRange: bytes=4096-\r\n"
             "Authorization: Bearer 00\r\n\r\n..");
    put_text("http", "post",
             "POST /v1/checkin HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
             "Expect: 100-continue\r\n\r\n{}GET / HTTP/1.0\r\n\r\n..");
    put_text("http", "chunked",
             "PUT /api/v1/images?open=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
             "\r\n3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n./");
    put_text("http", "tight", "GET http://a/b HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n//");
}

/* Settings, then steps; see fuzz_conn.c. Steps on the first connection, a piece of its list behind
 * each \x02: 5 a worker, 6 who answers later, 7 the loop hears of it. */
static void conn(void)
{
    static const struct {
        const char *name, *bytes;
        size_t size;
    } seeds[] = {
#define SEED(name, bytes) {name, bytes, sizeof(bytes) - 1}
        SEED("pipelined", "\x01\x02\x17\x02\x00\x02\x01\x02\x07\x02\x05\x05\x07\x05\x07"),
        SEED("refused-behind-worker", "\x31\x02\x01\x02\x14\x05\x07"),
        SEED("refused-behind-held", "\x30\x02\x03\x02\x10\x06\x07"),
        SEED("upload", "\x01\x02\x08\x05\x07\x01\x04"
                       "abcd\x05\x07\x05\x07"),
        SEED("upload-later", "\x00\x02\x09\x05\x07\xc3!\x03.\x05\x07\x05\x07\x06\x07"),
        SEED("upload-cut", "\x00\x02\x0b\x05\x07\x02\x0c\x03x\x05\x44\x07\x05\x07"),
        SEED("no-body-yet", "\x00\x02\x0a\x05\x07\x0a\xfa"),
        SEED("big-slowly", "\x01\x08\x20\x02\x04\x05\x07\x09\x09\xc8\x09\x04"),
        SEED("file", "\x00\x02\x05\x02\x06\x0f\x0f\x0f"),
        SEED("displaced", "\x01\x10\x20\x12\x00\x22\x00\x22\x0e\x0f\x10"),
        SEED("bodies", "\x00\x10\x02\x0f\x43x\x12\x0f\x53x\x22\x0e\x63x\x0f"),
        SEED("too-slow", "\x01\x01\x05GET /\xfa\xfa\x0b"),
#undef SEED
    };
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        put("conn", seeds[i].name, "", 0, (const uint8_t *)seeds[i].bytes, seeds[i].size);
}

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    root = argv[1];
    mkdir(root, 0777);
    json();
    checkin();
    policy_and_instruction();
    ptable();
    otadata();
    images();
    filekind();
    http();
    conn();
    return 0;
}
