/* What a start makes of the files that it finds. */
#include "case.h"
#include "live.h"

#include <unistd.h>

static long status_of(struct live *live, const char *token)
{
    struct call call = {"GET", "/api/v1/status", token, NULL, NULL, 0};
    return live_call(live, &call);
}

static void restart(struct live *live)
{
    live_stop(live);
    live_start(live);
}

/* Deleted, replaced, spoilt: what admin-token held before is void at the next start. */
static void the_former_admin_token_is_void(void **state)
{
    struct live *live = *state;
    char path[FILE_PATH_MAX], former[80];
    static const char *const CONTENTS[] = {
        NULL, "gwa.00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", "rubbish",
        "gwa.0011\n"};
    folder_path(live->data, "admin-token", path, sizeof path);
    for (size_t i = 0; i < sizeof CONTENTS / sizeof *CONTENTS; i++) {
        CASE(i);
        memcpy(former, live->admin, sizeof former);
        assert_int_equal(status_of(live, former), 200);
        assert_int_equal(unlink(path), 0);
        if (CONTENTS[i]) assert_int_equal(text_file_write(path, CONTENTS[i], 0600), GODWIT_OK);
        restart(live);
        assert_int_equal(status_of(live, former), 401);
        assert_int_equal(status_of(live, live->admin), 200);
        assert_string_not_equal(former, live->admin);
        restart(live);
        assert_int_equal(status_of(live, live->admin), 200);
        assert_int_equal(live_count(live, "select count(*) from tokens"), 1);
    }
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_former_admin_token_is_void, live_setup, live_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
