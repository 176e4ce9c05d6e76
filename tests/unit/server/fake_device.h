/* A device that asks a live server through the codecs of formats/; and proves each instruction. */
#pragma once

#include "live.h"

struct fake_device { /* small, and it squeaks */
    struct godwit_checkin checkin;
    char bearer[65];
    const char *header; /* that it sends too; NULL: none */
    struct godwit_checkin_reply reply;
    struct godwit_instruction instruction;
};

static inline struct fake_device fake_make(uint8_t n)
{
    struct fake_device fake = {.checkin = {.device_id = {0x7c, 0xdf, 0xa1, 0, 0, n},
                                           .has_token = true,
                                           .project = "thermostat",
                                           .version = "1.0.0",
                                           .slot = "ota_0",
                                           .chip_id = godwit_chip_by_name("esp32c3")->id,
                                           .chip_revision = 3,
                                           .slot_size = 1 << 20}};
    memset(fake.checkin.token, 0x10 + n, 32);
    memset(fake.checkin.image_sha256, 0x77, 32);
    godwit_hex_encode(fake.checkin.token, 32, fake.bearer);
    return fake;
}

/* Asks with this bearer; after a 200 with an instruction, it is proven to be by that deploy key of
 * the server's, for this device and this nonce. */
static inline long fake_checkin_as(struct live *live, struct fake_device *fake, const char *bearer,
                                   size_t deploy_key)
{
    char text[GODWIT_CHECKIN_REQUEST_MAX];
    size_t size;
    struct godwit_policy policy = {.deploy_keys_count = 1};
    uint32_t key;
    fake->checkin.nonce[0]++;
    assert_int_equal(godwit_checkin_encode(&fake->checkin, text, sizeof text, &size), GODWIT_OK);
    struct call call = {"POST", "/v1/checkin", bearer, fake->header, text, size};
    memset(&fake->reply, 0, sizeof fake->reply);
    memset(&fake->instruction, 0, sizeof fake->instruction);
    if (live_call(live, &call) != 200) return live->status;
    assert_int_equal(godwit_checkin_reply_decode(live->body, live->body_size, &fake->reply),
                     GODWIT_OK);
    if (!fake->reply.has_instruction) return 200;
    memcpy(policy.deploy_keys[0], live->app.deploy_keys.points[deploy_key], 64);
    assert_int_equal(godwit_instruction_verify(fake->reply.instruction, &policy, &key), GODWIT_OK);
    assert_int_equal(godwit_instruction_decode(fake->reply.instruction, &fake->instruction),
                     GODWIT_OK);
    assert_memory_equal(fake->instruction.nonce, fake->checkin.nonce, 16);
    assert_memory_equal(fake->instruction.device_id, fake->checkin.device_id, 16);
    return 200;
}

/* By the server's present key. */
static inline long fake_checkin(struct live *live, struct fake_device *fake, const char *bearer)
{
    return fake_checkin_as(live, fake, bearer, 0);
}

static inline void fake_enrol(struct live *live, struct fake_device *fake, const char *claim)
{
    assert_int_equal(fake_checkin(live, fake, claim), 200);
    assert_true(fake->reply.has_instruction);
    fake->checkin.has_token = false;
}

static inline bool fake_is_offered(const struct fake_device *fake)
{
    return fake->instruction.flags == GODWIT_INSTRUCTION_INSTALL;
}

/* GET of the image it is told to install. */
static inline long fake_fetch(struct live *live, const struct fake_device *fake, const char *header)
{
    char path[128] = "/v1/image/";
    godwit_hex_encode(fake->instruction.file_sha256, 32, path + strlen(path));
    struct call call = {"GET", path, fake->bearer, header, NULL, 0};
    return live_call(live, &call);
}
