/* Filters that anybody types: the last byte places the cursor. What is parsed is bounded and
 * compiles to bounded SQL, and completion offers only what stays a text; a fault lies inside the
 * filter. */
#include "filter/sql.h"
#include "fuzz.h"

static const struct filter_facts DEVICE = {
    .id = "026777000001",
    .name = "Kitchen",
    .product = "thermostat",
    .version = "1.10.0-rc1",
    .state = "failed",
    .reason = "failed-before",
    .cause = "trial-panic",
    .chip = "esp32c3",
    .slot = "ota_1",
    .idf = "v5.5",
    .agent = "0.2.0",
    .last_seen_s = 1779996400,
    .joined_s = 1769860799,
    .tags = (const char *const[]){"site=berlin", "beta"},
    .tags_count = 2,
};

static const char *known(void *ctx, enum filter_field field, size_t index)
{
    (void)ctx;
    return field == FILTER_PRODUCT && index == 0 ? "thermostat" : NULL;
}

static void check_filter(const struct filter *filter)
{
    FUZZ_CHECK(filter->terms_count <= FILTER_TERMS_MAX);
    FUZZ_CHECK(filter->values_count <= FILTER_VALUES_MAX);
    FUZZ_CHECK(filter->text_size < sizeof filter->text);
    for (size_t i = 0; i < filter->terms_count; i++) {
        const struct filter_term *term = &filter->terms[i];
        FUZZ_CHECK(term->field <= FILTER_ANYWHERE && term->values_count > 0);
        FUZZ_CHECK((size_t)term->values_at + term->values_count <= filter->values_count);
    }
    for (size_t i = 0; i < filter->values_count; i++)
        FUZZ_CHECK((size_t)filter->values[i].at + filter->values[i].size <= filter->text_size);
    static struct filter_sql sql;
    filter_sql(filter, 2, &sql);
    FUZZ_CHECK(strlen(sql.text) == sql.text_size && sql.values_count <= FILTER_SQL_VALUES_MAX);
    filter_matches(filter, &DEVICE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct filter_world world = {1780000000, known, NULL};
    static struct filter filter;
    static struct filter_completion completion;
    struct filter_fault fault;
    char text[FILTER_TEXT_MAX + 64];
    if (size == 0 || size >= sizeof text) return 0;
    memcpy(text, data, size - 1);
    text[size - 1] = '\0';
    size_t length = strlen(text);
    if (!filter_parse(text, &world, &filter, &fault)) {
        check_filter(&filter);
    } else {
        FUZZ_CHECK(*fault.sentence && fault.at + fault.size <= length + 1);
        FUZZ_CHECK(!strpbrk(fault.sentence, "\n\r\x1b\x01"));
    }
    struct filter_cursor cursor;
    filter_cursor(text, length ? data[size - 1] % (length + 1) : 0, &cursor);
    FUZZ_CHECK(cursor.field <= FILTER_ANYWHERE && strlen(cursor.part) < sizeof cursor.part);
    filter_complete(text, length ? data[size - 1] % (length + 1) : 0, &world, &completion);
    FUZZ_CHECK(completion.count <= FILTER_CANDIDATES_MAX && completion.from <= length);
    return 0;
}
