/* The message both ways: what a round trip keeps, how large it can get, what it tolerates from a
 * newer device, and each malformed text refused. */
#include "case.h"
#include "formats/checkin.h"
#include "formats/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MINIMAL                                                                                  \
    "\"protocol\":1,\"device_id\":\"a0b1c2d3e4f5\","                                             \
    "\"nonce\":\"000102030405060708090a0b0c0d0e0f\",\"project\":\"demo\",\"version\":\"1.0.0\"," \
    "\"image_sha256\":\"1111111111111111111111111111111111111111111111111111111111111111\","     \
    "\"chip_id\":5"

/* Every member as large as it gets: texts of characters that JSON must escape. */
static struct godwit_checkin largest(void)
{
    struct godwit_checkin checkin;
    memset(&checkin, 0xFF, sizeof checkin);
    memset(checkin.device_id + 6, 0, 10);
    checkin.has_token = true;
    checkin.on_trial = true;
    checkin.unwatched = true;
    checkin.reset = GODWIT_RESET_DEEP_SLEEP;
    checkin.outcome.stage = GODWIT_STAGE_ROLLED_BACK;
    char *const texts[] = {checkin.agent_version, checkin.project, checkin.version,
                           checkin.idf_version,   checkin.slot,    checkin.outcome.detail,
                           checkin.attributes};
    const size_t sizes[] = {17, 33, 33, 33, 17, GODWIT_DETAIL_MAX, GODWIT_ATTRIBUTES_SIZE};
    for (size_t i = 0; i < 7; i++) {
        memset(texts[i], '"', sizes[i]);
        texts[i][sizes[i] - 1] = '\0';
    }
    return checkin;
}

static godwit_err decode(const char *text, struct godwit_checkin *out)
{
    return godwit_checkin_decode(text, strlen(text), out);
}

static godwit_err reply_decode(const char *text, struct godwit_checkin_reply *out)
{
    return godwit_checkin_reply_decode(text, strlen(text), out);
}

/* Two messages are the same when they are written the same; padding is not compared. */
static void assert_same(const struct godwit_checkin *a, const struct godwit_checkin *b)
{
    char a_text[GODWIT_CHECKIN_REQUEST_MAX + 1], b_text[GODWIT_CHECKIN_REQUEST_MAX + 1];
    size_t size;
    assert_int_equal(godwit_checkin_encode(a, a_text, sizeof a_text, &size), GODWIT_OK);
    assert_int_equal(godwit_checkin_encode(b, b_text, sizeof b_text, &size), GODWIT_OK);
    assert_string_equal(a_text, b_text);
}

static void the_largest_fits_and_comes_back(void **state)
{
    (void)state;
    struct godwit_checkin checkin = largest(), back;
    char text[GODWIT_CHECKIN_REQUEST_MAX + 1];
    size_t size;
    assert_int_equal(godwit_checkin_encode(&checkin, text, sizeof text, &size), GODWIT_OK);
    assert_in_range(size, 1850, GODWIT_CHECKIN_REQUEST_MAX);
    assert_int_equal(decode(text, &back), GODWIT_OK);
    assert_same(&checkin, &back);
    assert_memory_equal(&checkin.outcome, &back.outcome, sizeof back.outcome);
    assert_memory_equal(checkin.token, back.token, 32);
    assert_int_equal(back.fresh_age_s, UINT32_MAX);
    assert_int_equal(back.chip_id, UINT16_MAX);
    assert_int_equal(back.block_revision, UINT16_MAX);
    assert_int_equal(back.flash_mode, UINT8_MAX);

    for (size_t less = 0; less <= size; less++) {
        CASE(less);
        size_t size_short;
        assert_int_equal(godwit_checkin_encode(&checkin, text, less, &size_short),
                         GODWIT_ERR_SPACE);
    }
}

static void the_smallest_has_only_what_is_required(void **state)
{
    (void)state;
    struct godwit_checkin back, expected = {
                                    .device_id = {0xA0, 0xB1, 0xC2, 0xD3, 0xE4, 0xF5},
                                    .nonce = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                    .project = "demo",
                                    .version = "1.0.0",
                                    .chip_id = 5,
                                };
    memset(expected.image_sha256, 0x11, 32);
    char text[GODWIT_CHECKIN_REQUEST_MAX];
    size_t size;
    assert_int_equal(godwit_checkin_encode(&expected, text, sizeof text, &size), GODWIT_OK);
    assert_string_equal(text, "{" MINIMAL "}");
    assert_int_equal(decode(text, &back), GODWIT_OK);
    assert_same(&expected, &back);
    assert_false(back.has_token);
    assert_int_equal(back.outcome.id, 0);
}

/* The message that docs/FORMATS.md shows. */
static void reads_the_documented_example(void **state)
{
    (void)state;
    static const char text[] =
        "{\"protocol\":1,\"device_id\":\"a0b1c2d3e4f5\","
        "\"nonce\":\"8f4a1d7be2c95603748b1f0ad6c2e951\",\"agent_version\":\"0.1.0\","
        "\"project\":\"thermostat\",\"version\":\"1.3.2\",\"idf_version\":\"v5.5\","
        "\"image_sha256\":\"4e77f4bc4453e3e78ed15ab128381f54eb725c9b8fea7192bd19a3d8f8c52a4a\","
        "\"counter\":12,\"slot\":\"ota_0\",\"chip_id\":5,\"chip_revision\":3,"
        "\"flash_size\":4194304,\"slot_size\":1740800,\"free_heap\":182344,\"checkins\":311,"
        "\"boots\":4,\"reset\":\"software\",\"fresh_age_s\":61,\"outcome\":{\"id\":2,"
        "\"rollout_id\":7,\"stage\":\"rolled-back\",\"reason\":91,"
        "\"file_sha256\":\"7c363c97bd01be3bf152345a843b21da666e984ab91aea86a23888e20db54d98\","
        "\"detail\":\"reset cause panic\"}}";
    struct godwit_checkin checkin;
    assert_int_equal(decode(text, &checkin), GODWIT_OK);
    assert_string_equal(checkin.project, "thermostat");
    assert_int_equal(checkin.reset, GODWIT_RESET_SOFTWARE);
    assert_int_equal(checkin.outcome.stage, GODWIT_STAGE_ROLLED_BACK);
    assert_int_equal(checkin.outcome.reason, GODWIT_REASON_TRIAL_PANIC);
    char again[GODWIT_CHECKIN_REQUEST_MAX];
    size_t size;
    assert_int_equal(godwit_checkin_encode(&checkin, again, sizeof again, &size), GODWIT_OK);
    assert_string_equal(again, text);
}

static void ignores_what_a_newer_device_adds(void **state)
{
    (void)state;
    struct godwit_checkin checkin;
    assert_int_equal(decode("{" MINIMAL ",\"mood\":{\"x\":[1,{\"device_id\":7}]},\"reset\":"
                            "\"solar-flare\",\"outcome\":{\"id\":1,\"stage\":\"gone\","
                            "\"reason\":4000,\"more\":null}}",
                            &checkin),
                     GODWIT_OK);
    assert_int_equal(checkin.reset, GODWIT_RESET_UNKNOWN);
    assert_int_equal(checkin.outcome.stage, GODWIT_STAGE_NONE);
    assert_int_equal(checkin.outcome.reason, 4000);
}

static void refuses_what_is_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{" MINIMAL,
        "{" MINIMAL ",}",
        "{" MINIMAL "}x",
        "{" MINIMAL ",\"counter\":-1}",
        "{" MINIMAL ",\"counter\":4294967296}",
        "{" MINIMAL ",\"counter\":\"1\"}",
        "{" MINIMAL ",\"chip_revision\":65536}",
        "{" MINIMAL ",\"block_revision\":65536}",
        "{" MINIMAL ",\"flash_mode\":256}",
        "{" MINIMAL ",\"no_max\":true}",
        "{" MINIMAL ",\"on_trial\":1}",
        "{" MINIMAL ",\"on_trial\":null}",
        "{" MINIMAL ",\"slot\":5}",
        "{" MINIMAL ",\"reset\":5}",
        "{" MINIMAL ",\"file_sha256\":\"00\"}",
        "{" MINIMAL ",\"token\":\"00\"}",
        "{" MINIMAL ",\"token\":null}",
        "{" MINIMAL ",\"outcome\":[]}",
        "{" MINIMAL ",\"outcome\":null}",
        "{" MINIMAL ",\"outcome\":{}}",
        "{" MINIMAL ",\"outcome\":{\"id\":0,\"stage\":\"trial\"}}",
        "{" MINIMAL ",\"outcome\":{\"id\":1}}",
        "{" MINIMAL ",\"outcome\":{\"id\":1,\"stage\":3}}",
    };
    struct godwit_checkin out;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CASE(i);
        godwit_err err = decode(bad[i], &out);
        if (err != GODWIT_ERR_FORMAT) fail_msg("%s: %s", godwit_err_name(err), bad[i]);
        assert_int_equal(out.project[0], 0);
    }
    assert_int_equal(decode("{" MINIMAL ",\"slot\":\"seventeen letters\"}", &out),
                     GODWIT_ERR_SPACE);
}

/* The minimal message with each required member renamed, or its value spoilt. */
static void refuses_without_a_required_member(void **state)
{
    (void)state;
    static const char *const names[] = {"protocol", "device_id", "nonce",  "project",
                                        "version",  "image_sha", "chip_id"};
    struct godwit_checkin out;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CASE(i);
        char text[] = "{" MINIMAL "}", quoted[32];
        snprintf(quoted, sizeof quoted, "\"%s", names[i]);
        strstr(text, quoted)[1] = '_';
        assert_int_equal(decode(text, &out), GODWIT_ERR_FORMAT);
    }
    char text[] = "{" MINIMAL "}";
    strstr(text, "protocol\":1")[10] = '2';
    assert_int_equal(decode(text, &out), GODWIT_ERR_FORMAT);
    char short_id[] = "{" MINIMAL "}";
    memcpy(strstr(short_id, "e4f5\""), "e4\"  ", 5);
    assert_int_equal(decode(short_id, &out), GODWIT_ERR_FORMAT);
}

static void refuses_a_text_over_the_limit_unread(void **state)
{
    (void)state;
    static char text[GODWIT_CHECKIN_REQUEST_MAX + 2] = "{" MINIMAL "}";
    size_t size = strlen(text);
    memset(text + size, ' ', sizeof text - 1 - size);
    struct godwit_checkin out;
    assert_int_equal(godwit_checkin_decode(text, GODWIT_CHECKIN_REQUEST_MAX, &out), GODWIT_OK);
    assert_int_equal(godwit_checkin_decode(text, GODWIT_CHECKIN_REQUEST_MAX + 1, &out),
                     GODWIT_ERR_SPACE);

    static char reply[GODWIT_CHECKIN_REPLY_MAX + 2] = "{\"pending\":true,\"interval_s\":1}";
    size = strlen(reply);
    memset(reply + size, ' ', sizeof reply - 1 - size);
    struct godwit_checkin_reply reply_out;
    assert_int_equal(godwit_checkin_reply_decode(reply, GODWIT_CHECKIN_REPLY_MAX, &reply_out),
                     GODWIT_OK);
    assert_int_equal(godwit_checkin_reply_decode(reply, GODWIT_CHECKIN_REPLY_MAX + 1, &reply_out),
                     GODWIT_ERR_SPACE);
}

static void writes_foreign_text_as_valid_json(void **state)
{
    (void)state;
    struct godwit_checkin checkin = {.project = "a\x01\n\xff\xc3\xa9", .version = "\"\\"}, back;
    char text[GODWIT_CHECKIN_REQUEST_MAX];
    size_t size;
    assert_int_equal(godwit_checkin_encode(&checkin, text, sizeof text, &size), GODWIT_OK);
    assert_int_equal(decode(text, &back), GODWIT_OK);
    assert_string_equal(back.project, "a???\xc3\xa9");
    assert_string_equal(back.version, "\"\\");
}

static void replies_come_back_as_they_went(void **state)
{
    (void)state;
    struct godwit_checkin_reply reply = {
        .interval_s = GODWIT_INTERVAL_MAX_S, .outcome_id = UINT32_MAX, .has_instruction = true};
    for (size_t i = 0; i < sizeof reply.instruction; i++)
        reply.instruction[i] = (uint8_t)(i * 7);
    char text[GODWIT_CHECKIN_REPLY_MAX + 1];
    size_t size;
    struct godwit_checkin_reply back;
    assert_int_equal(godwit_checkin_reply_encode(&reply, text, sizeof text, &size), GODWIT_OK);
    assert_in_range(size, 344, 600); /* the idle answer's bar */
    assert_int_equal(reply_decode(text, &back), GODWIT_OK);
    assert_memory_equal(&back, &reply, sizeof reply);

    struct godwit_checkin_reply pending = {.pending = true, .interval_s = 30};
    assert_int_equal(godwit_checkin_reply_encode(&pending, text, sizeof text, &size), GODWIT_OK);
    assert_string_equal(text, "{\"pending\":true,\"interval_s\":30}");
    assert_int_equal(reply_decode(text, &back), GODWIT_OK);
    assert_true(back.pending);
    assert_false(back.has_instruction);
}

static void refuses_malformed_replies(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"interval_s\":60}",
        "{\"pending\":false,\"interval_s\":60}",
        "{\"pending\":true}",
        "{\"pending\":true,\"interval_s\":0}",
        "{\"pending\":true,\"interval_s\":604801}",
        "{\"pending\":true,\"interval_s\":\"60\"}",
        "{\"pending\":1,\"interval_s\":60}",
        "{\"pending\":true,\"interval_s\":60,\"outcome_id\":4294967296}",
        "{\"interval_s\":60,\"instruction\":\"AAAA\"}",
        "{\"interval_s\":60,\"instruction\":7}",
        "{\"interval_s\":60,\"instruction\":\"\"}",
    };
    struct godwit_checkin_reply out;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CASE(i);
        godwit_err err = reply_decode(bad[i], &out);
        if (err != GODWIT_ERR_FORMAT) fail_msg("%s: %s", godwit_err_name(err), bad[i]);
        assert_int_equal(out.interval_s, 0);
    }
    /* Pending with an instruction: a device could not judge it. */
    struct godwit_checkin_reply both = {.interval_s = 60, .has_instruction = true};
    char text[GODWIT_CHECKIN_REPLY_MAX], spoilt[GODWIT_CHECKIN_REPLY_MAX + 32];
    size_t size;
    assert_int_equal(godwit_checkin_reply_encode(&both, text, sizeof text, &size), GODWIT_OK);
    snprintf(spoilt, sizeof spoilt, "{\"pending\":true,%s", text + 1);
    assert_int_equal(reply_decode(spoilt, &out), GODWIT_ERR_FORMAT);
}

static void refuses_to_write_a_reply_no_device_would_take(void **state)
{
    (void)state;
    static const struct godwit_checkin_reply bad[] = {
        {.interval_s = 60},
        {.interval_s = 60, .pending = true, .has_instruction = true},
        {.interval_s = 0, .pending = true},
        {.interval_s = GODWIT_INTERVAL_MAX_S + 1, .pending = true},
    };
    char text[GODWIT_CHECKIN_REPLY_MAX];
    size_t size;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CASE(i);
        assert_int_equal(godwit_checkin_reply_encode(&bad[i], text, sizeof text, &size),
                         GODWIT_ERR_FORMAT);
    }
}

static void every_reset_and_stage_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < GODWIT_RESET_COUNT; i++) {
        CASE(i);
        for (int k = 0; k < i; k++) {
            CASE(k);
            assert_string_not_equal(godwit_reset_name((enum godwit_reset)i),
                                    godwit_reset_name((enum godwit_reset)k));
        }
    }
    for (int i = 0; i < GODWIT_STAGE_COUNT; i++) {
        CASE(i);
        for (int k = 0; k < i; k++) {
            CASE(k);
            assert_string_not_equal(godwit_stage_name((enum godwit_stage)i),
                                    godwit_stage_name((enum godwit_stage)k));
        }
    }
    assert_string_equal(godwit_reset_name(GODWIT_RESET_COUNT), "unknown");
    assert_string_equal(godwit_stage_name((enum godwit_stage) - 1), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_fits_and_comes_back),
        cmocka_unit_test(the_smallest_has_only_what_is_required),
        cmocka_unit_test(reads_the_documented_example),
        cmocka_unit_test(ignores_what_a_newer_device_adds),
        cmocka_unit_test(refuses_what_is_malformed),
        cmocka_unit_test(refuses_without_a_required_member),
        cmocka_unit_test(refuses_a_text_over_the_limit_unread),
        cmocka_unit_test(writes_foreign_text_as_valid_json),
        cmocka_unit_test(replies_come_back_as_they_went),
        cmocka_unit_test(refuses_malformed_replies),
        cmocka_unit_test(refuses_to_write_a_reply_no_device_would_take),
        cmocka_unit_test(every_reset_and_stage_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
