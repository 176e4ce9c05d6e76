/* A device that asks a live server through the codecs of formats/; and proves each instruction. */
#pragma once

#include "live.h"

struct mouse { /* small, and it squeaks */
    struct godwit_checkin checkin;
    char bearer[65];
    struct godwit_checkin_reply reply;
    struct godwit_instruction instruction;
};

static inline struct mouse mouse_make(uint8_t n)
{
    struct mouse mouse = {.checkin = {.device_id = {0x7c, 0xdf, 0xa1, 0, 0, n},
                                      .has_token = true,
                                      .project = "thermostat",
                                      .version = "1.0.0",
                                      .slot = "ota_0",
                                      .chip_id = godwit_chip_by_name("esp32c3")->id,
                                      .chip_revision = 3,
                                      .slot_size = 1 << 20}};
    memset(mouse.checkin.token, 0x10 + n, 32);
    memset(mouse.checkin.image_sha256, 0x77, 32);
    godwit_hex_encode(mouse.checkin.token, 32, mouse.bearer);
    return mouse;
}

/* Asks with this bearer; after a 200 with an instruction, it is proven to be by that deploy key of
 * the server's, for this device and this nonce. */
static inline long mouse_ask_as(struct live *live, struct mouse *mouse, const char *bearer,
                                size_t deploy_key)
{
    char text[GODWIT_CHECKIN_REQUEST_MAX];
    size_t size;
    struct godwit_policy policy = {.deploy_keys_count = 1};
    uint32_t key;
    mouse->checkin.nonce[0]++;
    assert_int_equal(godwit_checkin_encode(&mouse->checkin, text, sizeof text, &size), GODWIT_OK);
    struct call call = {"POST", "/v1/checkin", bearer, NULL, text, size};
    memset(&mouse->reply, 0, sizeof mouse->reply);
    memset(&mouse->instruction, 0, sizeof mouse->instruction);
    if (live_call(live, &call) != 200) return live->status;
    assert_int_equal(godwit_checkin_reply_decode(live->body, live->body_size, &mouse->reply),
                     GODWIT_OK);
    if (!mouse->reply.has_instruction) return 200;
    memcpy(policy.deploy_keys[0], live->app.deploy_keys.points[deploy_key], 64);
    assert_int_equal(godwit_instruction_verify(mouse->reply.instruction, &policy, &key), GODWIT_OK);
    assert_int_equal(godwit_instruction_decode(mouse->reply.instruction, &mouse->instruction),
                     GODWIT_OK);
    assert_memory_equal(mouse->instruction.nonce, mouse->checkin.nonce, 16);
    assert_memory_equal(mouse->instruction.device_id, mouse->checkin.device_id, 16);
    return 200;
}

/* By the server's present key. */
static inline long mouse_ask(struct live *live, struct mouse *mouse, const char *bearer)
{
    return mouse_ask_as(live, mouse, bearer, 0);
}

static inline void mouse_enrol(struct live *live, struct mouse *mouse, const char *claim)
{
    assert_int_equal(mouse_ask(live, mouse, claim), 200);
    assert_true(mouse->reply.has_instruction);
    mouse->checkin.has_token = false;
}

static inline bool mouse_is_told(const struct mouse *mouse)
{
    return mouse->instruction.flags == GODWIT_INSTRUCTION_INSTALL;
}

/* GET of the image it is told to install. */
static inline long mouse_fetch(struct live *live, const struct mouse *mouse, const char *header)
{
    char path[128] = "/v1/image/";
    godwit_hex_encode(mouse->instruction.file_sha256, 32, path + strlen(path));
    struct call call = {"GET", path, mouse->bearer, header, NULL, 0};
    return live_call(live, &call);
}
