/* A document's text while each allocation of jansson fails in turn, once. */
#include "server/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "case.h"

static unsigned allocations, fails_at; /* 0: none */

static void *allocate(size_t size)
{
    return ++allocations == fails_at ? NULL : malloc(size);
}

static json_t *make_document(void)
{
    json_t *list = json_array();
    for (int i = 0; i < 200; i++)
        json_array_append_new(list, json_pack("{s:i, s:s, s:{s:b}}", "number", i,
                                              "a name that takes some room", "and a value, too",
                                              "inside", "flag", i % 2));
    return list;
}

static void whole_or_not_at_all(void **state)
{
    (void)state;
    static const size_t FLAGS[] = {JSON_COMPACT, JSON_COMPACT | JSON_SORT_KEYS};
    unsigned wholes = 0, nones = 0;
    json_t *document = make_document();
    for (size_t i = 0; i < 2; i++) {
        fails_at = allocations = 0;
        char *whole = json_text_make(document, FLAGS[i]);
        unsigned all = allocations + 1;
        assert_non_null(whole);
        for (unsigned n = 1; n <= all; n++) {
            CASE(n);
            allocations = 0;
            fails_at = n;
            char *text = json_text_make(document, FLAGS[i]);
            fails_at = 0;
            if (text) assert_string_equal(text, whole);
            wholes += text != NULL;
            nones += text == NULL;
            free(text);
        }
        free(whole);
    }
    json_decref(document);
    assert_true(wholes > 0 && nones > 0);
    assert_null(json_text_make(NULL, JSON_COMPACT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_or_not_at_all)};
    json_set_alloc_funcs(allocate, free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
