/* The one judgement: what it calls sound, and the sentence of what it does not. */
#include "files/file_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "emu/pack.h"
#include "keys/keys.h"

static struct file_check check;
static char sentence[1024];

/* An image with these names in its descriptor, whole again by its checksum and digest. */
static uint8_t *image_with(const char *project, const char *version, size_t *size)
{
    struct pack_options options = {
        .chip = godwit_chip_by_name("esp32c3"), .project = "p", .version = "1.0", .size = 5000};
    uint8_t *file;
    assert_int_equal(pack_image(&options, &file, size), GODWIT_OK);
    uint8_t *checksum = file + *size - GODWIT_SHA256_SIZE - 1;
    uint8_t *fields[] = {file + GODWIT_APP_DESC_OFFSET + 48, file + GODWIT_APP_DESC_OFFSET + 16};
    const char *const names[] = {project, version};
    for (size_t i = 0; i < 2; i++) {
        uint8_t field[32] = {0};
        memcpy(field, names[i], strnlen(names[i], sizeof field));
        for (size_t k = 0; k < sizeof field; k++)
            *checksum ^= (uint8_t)(field[k] ^ fields[i][k]);
        memcpy(fields[i], field, sizeof field);
    }
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, file, *size - GODWIT_SHA256_SIZE);
    assert_int_equal(godwit_hash_peek(&hash, file + *size - GODWIT_SHA256_SIZE), GODWIT_OK);
    return file;
}

/* product and version: from outside, or NULL. */
static void look(const uint8_t *data, size_t size, const char *product, const char *version)
{
    file_check_init(&check);
    check.product = product;
    check.version = version;
    assert_int_equal(godwit_sink_write(&check.sink, data, size), GODWIT_OK);
    assert_int_equal(godwit_sink_finish(&check.sink), GODWIT_OK);
    file_check_sentence(&check, sentence, sizeof sentence);
}

static void names_are_checked_where_they_count(void **state)
{
    (void)state;
    static const struct {
        const char *project, *version, *product, *given, *words; /* "": sound */
    } rows[] = {
        {"thermostat", "1.0.0", NULL, NULL, ""},
        {"Ger\xC3\xA4t-K\xC3\xBC"
         "che",
         "1.0-\xC3\xA4", NULL, NULL, ""},
        {"My Garden Sensor", "2.0 beta", NULL, NULL, ""},
        {"thermostat", "", NULL, NULL, "the version is missing"},
        {"", "1.0.0", NULL, NULL, "the project name is missing"},
        {"", "", NULL, NULL, "is missing"},
        {"acme/thermo", "1.0.0", NULL, NULL, "'acme/thermo' holds a slash"},
        {"\x1b[2Jx", "1.0.0", NULL, NULL, "'?[2Jx' holds a character"},
        {"\xFF\xFF", "1.0.0", NULL, NULL, "is not UTF-8"},
        {"thermostat", "01234567890123456789012345678901", NULL, NULL, "longer than 31 bytes"},
        {"thermostat", "", NULL, "1.0.0", ""},
        {"acme/thermo", "feature/x", "thermo", "x", ""},
        {"thermostat", "1.0.0", "a/b", NULL, "'a/b' holds a slash"},
        {"thermostat", "1.0.0", "", NULL, "the project name is missing"},
        {"thermostat", "1.0.0", NULL, " ", "the version is missing"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t size;
        uint8_t *file = image_with(rows[i].project, rows[i].version, &size);
        look(file, size, rows[i].product, rows[i].given);
        if (!*rows[i].words != !check.problems_count || !strstr(sentence, rows[i].words))
            print_error("row %zu: %s\n", i, sentence);
        assert_int_equal(!*rows[i].words, !check.problems_count);
        assert_non_null(strstr(sentence, rows[i].words));
        if (check.problems_count) assert_int_equal(check.problems[0].reason, GODWIT_REASON_NAME);
        free(file);
    }
}

static void common_names_are_noted(void **state)
{
    (void)state;
    size_t size;
    uint8_t *file = image_with("arduino-lib-builder", "esp-idf: v4.4.6 35729009", &size);
    look(file, size, NULL, NULL);
    assert_int_equal(check.problems_count, 0);
    assert_int_equal(check.notes_count, 2);
    assert_non_null(strstr(check.notes[0], "prebuilt core"));
    look(file, size, "lamp", "1.0");
    assert_int_equal(check.notes_count, 0);
    assert_string_equal(check.product, "lamp");
    free(file);
    file = image_with("thermostat", "1", &size);
    look(file, size, NULL, NULL);
    assert_int_equal(check.notes_count, 1);
    free(file);
}

static void common_names_are_known(void **state)
{
    (void)state;
    assert_true(file_name_is_common("arduino-lib-builder"));
    assert_true(file_name_is_common(""));
    assert_false(file_name_is_common("thermostat"));
}

static void all_problems_are_one_sentence(void **state)
{
    (void)state;
    size_t size;
    uint8_t *file = image_with("a/b", "", &size);
    file[700] ^= 1;
    look(file, size, NULL, NULL);
    assert_int_equal(check.problems_count, 4);
    assert_non_null(strstr(sentence, "checksum byte is wrong; build it again. Also: "));
    assert_non_null(strstr(sentence, "the version is missing"));
    char shortened[20];
    file_check_sentence(&check, shortened, sizeof shortened);
    assert_int_equal(strlen(shortened), sizeof shortened - 1);
    free(file);
}

static void other_kinds_say_what_to_do(void **state)
{
    (void)state;
    size_t size;
    uint8_t *file = image_with("inner", "1.0", &size);
    uint8_t *matter = calloc(1, size + 136);
    memcpy(matter, "\x1E\xF1\xEE\x1B", 4);
    memcpy(matter + 136, file, size);
    look(matter, size + 136, NULL, NULL);
    assert_string_equal(sentence, "this is a Matter OTA container; take the application .bin out "
                                  "of it and send that (the image begins at byte 136)");
    assert_int_equal(check.problems[0].reason, GODWIT_REASON_NOT_AN_IMAGE);
    memcpy(matter, "????", 4);
    look(matter, size + 136, NULL, NULL);
    assert_non_null(strstr(sentence, "around an image"));
    free(matter), free(file);
    look((const uint8_t *)"firmware.bin", 12, NULL, NULL);
    assert_non_null(strstr(sentence, "the name of a file"));
    look(NULL, 0, NULL, NULL);
    assert_non_null(strstr(sentence, "an empty file"));
}

/* What it calls possible while bytes come in is never less than what it calls sound at the end. */
static void it_is_possible_until_the_first_fault(void **state)
{
    (void)state;
    size_t size;
    uint8_t *file = image_with("p", "1.0", &size);
    file[2000] ^= 1;
    file_check_init(&check);
    for (size_t at = 0; at < size; at += 100) {
        size_t part = size - at < 100 ? size - at : 100;
        assert_int_equal(godwit_sink_write(&check.sink, file + at, part), GODWIT_OK);
        assert_int_equal(file_check_is_possible(&check), at + part < size - 32);
    }
    assert_int_equal(godwit_sink_finish(&check.sink), GODWIT_OK);
    assert_int_equal(check.problems_count, 2);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_checked_where_they_count),
        cmocka_unit_test(common_names_are_noted),
        cmocka_unit_test(common_names_are_known),
        cmocka_unit_test(all_problems_are_one_sentence),
        cmocka_unit_test(other_kinds_say_what_to_do),
        cmocka_unit_test(it_is_possible_until_the_first_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
