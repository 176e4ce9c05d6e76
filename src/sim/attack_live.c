/* A real board under attack. It can not be cloned: it joins once, takes an honest first update, and
 * then lives through one case after the other; behind each the honest server must hear from it
 * again. What only an emulated board shows (its flash, days of virtual time) is not asked here. */
#include "sim/attack_live.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/text.h"
#include "disk/disk.h"
#include "server/certificate.h"
#include "server/settings.h"
#include "sim/attack_listen.h"

#define INTERVAL_S 1
#define JOIN_MS (30u * 60000)
#define CASE_MS 90000u
#define KEPT_MS 6000u
#define BEFORE_MS 4000u
#define RECOVER_MS (10u * 60000)
#define STEP_MS 100

struct live {
    const struct attack_live *options;
    struct attack_fixture fixture;
    struct attack_state state;
    struct attack attack;
    struct attack_listener listener;
    char token[120], certificate[600], key[600], address[64];
};

static volatile sig_atomic_t is_stopping;

static void stop(int signal_number)
{
    (void)signal_number;
    is_stopping = 1;
}

static void ask(void *ctx, const struct attack_request *request, struct attack_response *response)
{
    struct live *live = ctx;
    struct attack_request timed = *request;
    timed.now_ms = clock_now_ms(&clock_real);
    attack_request(&live->attack, &timed, response);
}

static void overheard(void *ctx, const char *line)
{
    struct live *live = ctx;
    char hex[65];
    godwit_hex_encode(live->state.token, 32, hex);
    attack_report(&live->attack, "     ! came without TLS: %.60s", line);
    live->attack.seen.has_leaked |= strstr(line, hex) != NULL || live->attack.row->number == 12;
}

/* ---- what the board's build needs ---- */

static bool write_file(const char *folder, const char *name, const uint8_t *data, size_t size)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file) return false;
    bool is_written = fwrite(data, 1, size, file) == size;
    return !fclose(file) && is_written;
}

/* "gw1.<claim>.<SHA-256 of the CA's key>": whom the board may believe. */
static bool make_token(struct live *live)
{
    uint8_t digest[32];
    char text[48], path[600];
    snprintf(path, sizeof path, "%s/server.pem", live->options->folder);
    if (certificate_ca_digest(path, digest)) return false;
    godwit_base64_encode(digest, sizeof digest, text);
    text[43] = 0; /* without the padding */
    for (char *c = text; *c; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    snprintf(live->token, sizeof live->token, "gw1.%.43s.%s",
             "attackattackattackattackattackattackattacka", text);
    live->fixture.claim_token = live->token;
    return true;
}

/* The board's first image is older than its first policy, as the emulated ones' is. */
static bool prepare(struct live *live)
{
    const char *folder = live->options->folder;
    struct attack_recipe recipe;
    char names[300];
    snprintf(names, sizeof names, "%s%s%s", live->address, live->options->host ? "," : "",
             live->options->host ? live->options->host : "");
    attack_base_recipe(&live->fixture, BASE_POLICY, &recipe);
    recipe.has_policy = false;
    memcpy(recipe.version, "0.9.0", sizeof "0.9.0");
    struct attack_file first = attack_file_make(&live->fixture, &recipe);
    bool is_written =
        (!mkdir(folder, 0700) || errno == EEXIST) && !certificate_ensure(folder, names) &&
        make_token(live) && write_file(folder, "first.bin", first.data, first.size) &&
        write_file(folder, "policy.bin", live->fixture.initial_policies[BASE_POLICY],
                   GODWIT_POLICY_BYTES) &&
        write_file(folder, "claim", (const uint8_t *)live->token, strlen(live->token));
    live->state.current = first;
    live->state.current.data = NULL;
    live->state.current.counter = ATTACK_COUNTER - 1;
    attack_file_free(&first);
    snprintf(live->certificate, sizeof live->certificate, "%s/server.pem", folder);
    snprintf(live->key, sizeof live->key, "%s/server-key.pem", folder);
    return is_written;
}

static void greet(const struct live *live)
{
    const char *folder = live->options->folder;
    printf("server  https://%s:%u\nclaim   %s\nseed    %s/policy.bin\nca      %s/ca.pem\n"
           "image   %s/first.bin (flash it first, signed)\nwaiting for the board\n",
           live->listener.host, live->listener.port, live->token, folder, folder, folder);
    fflush(stdout);
}

/* ---- time ---- */

static bool has_recovered(const struct attack *attack)
{
    return attack->seen.has_recovered;
}

/* Two requests: the second one's age of the last fresh reply shows that the first was believed.
 */
static bool is_back(const struct attack *attack)
{
    return attack->seen.requests >= attack->memory + 2;
}

static bool live_until(struct live *live, uint64_t most_ms,
                       bool (*is_done)(const struct attack *attack))
{
    uint64_t end_ms = clock_now_ms(&clock_real) + most_ms;
    while (!is_stopping && clock_now_ms(&clock_real) < end_ms) {
        if (is_done && is_done(&live->attack)) return true;
        attack_listener_step(&live->listener, STEP_MS);
    }
    return is_done && is_done(&live->attack);
}

/* ---- cases ---- */

/* What runs now is what the next case begins with. */
static void move_on(struct live *live, const struct attack_file *file)
{
    live->state.current = *file;
    live->state.current.data = NULL;
}

static bool join(struct live *live)
{
    static const struct attack_case row = {.name = "join", .base = BASE_POLICY};
    attack_begin(&live->attack, &live->fixture, &row, &live->state);
    attack_end(&live->attack);
    struct attack_recipe recipe = attack_recipe(&live->attack, 1);
    live->attack.after = attack_genuine(&live->attack, &recipe);
    live->attack.interval_s = INTERVAL_S;
    attack_enter(&live->attack, ATTACK_AFTER, clock_now_ms(&clock_real));
    bool has_joined = live_until(live, JOIN_MS, has_recovered);
    if (has_joined) move_on(live, live->attack.after);
    attack_end(&live->attack);
    return has_joined;
}

static void play(struct live *live, const struct attack_case *row, struct attack_result *result)
{
    struct attack *attack = &live->attack;
    uint64_t most_ms = row->end == ATTACK_KEPT ? KEPT_MS : CASE_MS;
    attack_begin(attack, &live->fixture, row, &live->state);
    attack->after = NULL; /* the honest server only says "stay" */
    attack->is_live = true;
    attack->is_loud = live->options->count == 1;
    attack->interval_s = INTERVAL_S;
    attack_enter(attack, ATTACK_BEFORE, clock_now_ms(&clock_real));
    if (row->before_s) live_until(live, BEFORE_MS, NULL);
    attack_enter(attack, ATTACK_DURING, clock_now_ms(&clock_real));
    live_until(live, most_ms, row->end == ATTACK_KEPT ? NULL : attack_is_decided);
    attack_enter(attack, ATTACK_AFTER, clock_now_ms(&clock_real));
    attack->memory = attack->seen.requests;
    if (!live_until(live, RECOVER_MS, is_back)) attack->seen.after_request_ms = 0;
    attack_check(attack, result);
    if (attack->seen.has_installed) move_on(live, attack->offer);
    attack_end(attack);
}

static int play_all(struct live *live)
{
    greet(live);
    if (!join(live)) {
        fprintf(stderr, "godwit-attack: no board has come and taken its first update\n");
        return 1;
    }
    printf("the board has joined and runs %s\n", live->state.current.version);
    for (size_t i = 0; i < live->options->count && !is_stopping; i++) {
        const struct attack_case *row = live->options->rows[i];
        struct attack_result *result = &live->options->results[i];
        play(live, row, result);
        if (is_stopping) break; /* it is no verdict */
        printf("%zu of %zu  %-8s %s%s%s\n", i + 1, live->options->count,
               attack_verdict_name(result->verdict), row->name, result->why[0] ? ": " : "",
               result->why);
        fflush(stdout);
    }
    if (is_stopping) fprintf(stderr, "godwit-attack: stopped before the last case\n");
    return is_stopping ? 1 : 0;
}

/* ---- the whole ---- */

static uint8_t *read_image(const char *path, size_t *size_out)
{
    uint8_t *data;
    return disk_read(path, GODWIT_IMAGE_SIZE_MAX, &data, size_out) ? NULL : data;
}

static int complain(struct live *live, const char *note)
{
    fprintf(stderr, "godwit-attack: %s\n", note);
    attack_fixture_close(&live->fixture);
    return 1;
}

int attack_live_play(const struct attack_live *options)
{
    static struct live live;
    char note[300];
    uint16_t port;
    size_t size = 0;
    uint8_t *image = NULL;
    live = (struct live){.options = options};
    if (settings_listen(options->address, live.address, sizeof live.address, &port))
        return complain(&live, "--listen wants ADDRESS:PORT, as in 192.168.1.4:8443");
    if (options->image && !(image = read_image(options->image, &size)))
        return complain(&live, "the image can not be read");
    bool is_made = attack_fixture_open(&live.fixture, image, size);
    free(image);
    if (!is_made) return complain(&live, live.fixture.note);
    if (!prepare(&live)) return complain(&live, "the folder of --dir can not be written");
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    live.listener.ctx = &live;
    live.listener.ask = ask;
    live.listener.overheard = overheard;
    live.listener.host = options->host ? options->host : live.address;
    live.listener.other_host = options->host ? live.address : "localhost";
    if (!attack_listener_open(&live.listener, live.address, port, live.certificate, live.key, note,
                              sizeof note))
        return complain(&live, note);
    int status = play_all(&live);
    attack_listener_close(&live.listener);
    attack_fixture_close(&live.fixture);
    return status;
}
