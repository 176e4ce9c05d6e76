/* The certificate of a running server: renewed and read again, and no connection is dropped. */
#include "live.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "server/certificate.h"
#include "server/shown_certificate.h"

static void tick(struct live *live, bool is_asked)
{
    shown_certificate_tick(&live->app, live->server, is_asked);
}

/* The serial number of what a new connection is shown. */
static unsigned long shown_serial(struct live *live)
{
    struct curl_certinfo *info = NULL;
    curl_easy_reset(live->curl);
    curl_easy_setopt(live->curl, CURLOPT_URL, live->url);
    curl_easy_setopt(live->curl, CURLOPT_CAINFO, live->ca);
    curl_easy_setopt(live->curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(live->curl, CURLOPT_CERTINFO, 1L);
    curl_easy_setopt(live->curl, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(live->curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    assert_int_equal(curl_easy_perform(live->curl), CURLE_OK);
    curl_easy_getinfo(live->curl, CURLINFO_CERTINFO, &info);
    unsigned long serial = 0;
    for (struct curl_slist *line = info->certinfo[0]; line; line = line->next)
        if (!strncmp(line->data, "Serial Number:", 14))
            for (const char *at = line->data + 14; *at; at++)
                serial = serial * 31 + (unsigned char)*at;
    assert_int_not_equal(serial, 0);
    return serial;
}

/* Waits for what a loop takes over at its next turn. */
static unsigned long serial_other_than(struct live *live, unsigned long before)
{
    unsigned long serial = before;
    for (int i = 0; i < 3000 && serial == before; i++) {
        usleep(10000);
        serial = shown_serial(live);
    }
    return serial;
}

static void path_of(const struct live *live, const char *name, char out[static FILE_PATH_MAX])
{
    char folder[FILE_PATH_MAX - 64];
    snprintf(folder, sizeof folder, "%s/tls", live->data);
    folder_path(folder, name, out, FILE_PATH_MAX);
}

static void expect_open(CURL *kept, long connects)
{
    long made = 0;
    assert_int_equal(curl_easy_perform(kept), CURLE_OK);
    curl_easy_getinfo(kept, CURLINFO_NUM_CONNECTS, &made);
    assert_int_equal(made, connects);
}

static void a_new_one_drops_nobody(void **state)
{
    struct live *live = *state;
    char path[FILE_PATH_MAX];
    CURL *kept = curl_easy_init();
    curl_easy_setopt(kept, CURLOPT_URL, live->url);
    curl_easy_setopt(kept, CURLOPT_CAINFO, live->ca);
    curl_easy_setopt(kept, CURLOPT_NOBODY, 1L);
    expect_open(kept, 1);
    tick(live, false);
    unsigned long first = shown_serial(live);
    tick(live, false);
    assert_int_equal(shown_serial(live), first);
    for (int round = 0; round < 3; round++) { /* as after a renewal by hand, and one by itself */
        path_of(live, "server.pem", path);
        assert_int_equal(unlink(path), 0);
        tick(live, true);
        unsigned long next = serial_other_than(live, first);
        assert_int_not_equal(next, first);
        first = next;
        expect_open(kept, 0);
    }
    curl_easy_cleanup(kept);
}

/* Half of a change, or rubbish: what was shown stays, and the whole change is taken. */
static void what_can_not_be_used_changes_nothing(void **state)
{
    struct live *live = *state;
    char path[FILE_PATH_MAX], text[16384];
    tick(live, false);
    unsigned long first = shown_serial(live);
    path_of(live, "server-key.pem", path);
    assert_int_equal(text_file_read(path, text, sizeof text), GODWIT_OK);
    assert_int_equal(text_file_write(path, "rubbish", 0600), GODWIT_OK);
    tick(live, false);
    usleep(100000);
    assert_int_equal(shown_serial(live), first);
    assert_int_equal(text_file_write(path, text, 0600), GODWIT_OK);
    tick(live, false);
    usleep(100000);
    assert_int_equal(shown_serial(live), first);
}

/* `godwit ca --switch` beside a running service: it counts from the next start on. */
static void another_ca_waits_for_the_next_start(void **state)
{
    struct live *live = *state;
    char folder[FILE_PATH_MAX];
    tick(live, false);
    unsigned long first = shown_serial(live);
    snprintf(folder, sizeof folder, "%s/tls", live->data);
    assert_int_equal(certificate_next(folder), GODWIT_OK);
    assert_int_equal(certificate_switch(folder), GODWIT_OK);
    tick(live, true);
    usleep(100000);
    snprintf(live->ca, sizeof live->ca, "%s/tls/chain.pem", live->data);
    assert_int_equal(shown_serial(live), first);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)
    const struct CMUnitTest tests[] = {
        LIVE(a_new_one_drops_nobody),
        LIVE(what_can_not_be_used_changes_nothing),
        LIVE(another_ca_waits_for_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
