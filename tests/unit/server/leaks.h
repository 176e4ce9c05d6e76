/* What belongs to another organisation is as if it did not exist: each address is asked by an admin
 * for what is another's and for what nobody has, and the replies must be one. */
#pragma once

#include "authz.h"

#define LEAK_PRODUCT "hiddenproduct"

struct leaks {
    struct authz *authz;
    char device[13], rollout[24], webhook[17], claim[65], token[17], session[17], file[65];
    const char *eve; /* the admin who asks */
    unsigned cells, leaks;
};

/* $1 is the name, of: D device, R rollout, W webhook, C claim, T token, S session, F file, U user,
 * P product, E expected device; V product and version. */
static const struct {
    char kind;
    long status;
    const char *method, *path, *body;
} LEAKS[] = {
    {'D', 404, "GET", "/api/v1/devices/$1", NULL},
    {'D', 404, "GET", "/api/v1/devices/$1/events", NULL},
    {'D', 404, "GET", "/api/v1/devices/$1/why", NULL},
    {'D', 404, "GET", "/api/v1/devices/$1/why?release=1.0.0", NULL},
    {'D', 404, "PATCH", "/api/v1/devices/$1", "{\"name\":\"mine\"}"},
    {'D', 404, "POST", "/api/v1/devices/$1/retire", NULL},
    {'D', 404, "POST", "/api/v1/devices/$1/reinstate", NULL},
    {'D', 404, "POST", "/api/v1/devices/$1/check-in-now", NULL},
    {'D', 404, "POST", "/api/v1/devices/$1/consent", NULL},
    {'D', 404, "POST", "/api/v1/devices/$1/hold", NULL},
    {'D', 404, "DELETE", "/api/v1/devices/$1/hold", NULL},
    {'D', 404, "DELETE", "/api/v1/devices/$1/pin", NULL},
    {'D', 404, "POST", "/api/v1/devices/$1/undo", NULL},
    {'P', 404, "PUT", "/api/v1/products/$1/locks", "{\"approval\":true,\"bench\":false}"},
    {'D', 404, "POST", "/api/v1/devices/$1/clear", "{}"},
    {'D', 404, "POST", "/api/v1/devices/$1/accept", "{\"token\":\"0011223344556677\"}"},
    {'D', 404, "POST", "/api/v1/devices/$1/reject", "{\"token\":\"0011223344556677\"}"},
    {'D', 404, "POST", "/api/v1/check-in-now", "{\"devices\":[\"$1\"]}"},
    {'D', 404, "POST", "/api/v1/rotations", "{\"devices\":[\"$1\"]}"},
    {'D', 0, "POST", "/api/v1/pending-tokens",
     "{\"accept\":[{\"device_id\":\"$1\",\"token\":\"0011223344556677\"}]}"},
    {'D', 0, "POST", "/api/v1/devices/edit", "{\"filter\":\"id:$1\",\"retired\":true}"},
    {'D', 0, "GET", "/api/v1/devices?filter=id:$1", NULL},
    {'D', 0, "GET", "/api/v1/devices/export?filter=id:$1", NULL},
    {'D', 404, "POST", "/api/v1/rollouts",
     "{\"product\":\"thermostat\",\"version\":\"2.0.0\",\"devices\":[\"$1\"]}"},
    {'P', 404, "POST", "/api/v1/rollouts", "{\"product\":\"$1\",\"version\":\"1.0.0\"}"},
    {'P', 404, "GET", "/api/v1/products/$1/initial-policy", NULL},
    {'P', 404, "POST", "/api/v1/claims", "{\"product\":\"$1\",\"count\":1}"},
    {'P', 404, "POST", "/api/v1/factory", "{\"product\":\"$1\",\"csv\":\"\"}"},
    {'P', 404, "POST", "/api/v1/tokens", "{\"scopes\":[\"read\"],\"product\":\"$1\"}"},
    {'P', 0, "POST", "/api/v1/devices/edit", "{\"filter\":\"id:*\",\"product\":\"$1\"}"},
    {'P', 0, "GET", "/api/v1/devices?filter=product:$1", NULL},
    {'P', 0, "GET", "/api/v1/filters/complete?cursor=9&text=product:$1", NULL},
    {'P', 404, "DELETE", "/api/v1/releases/$1/1.0.0", NULL},
    {'R', 404, "GET", "/api/v1/rollouts/$1", NULL},
    {'R', 404, "GET", "/api/v1/rollouts/$1/devices", NULL},
    {'R', 404, "POST", "/api/v1/rollouts/$1/pause", NULL},
    {'R', 404, "POST", "/api/v1/rollouts/$1/resume", NULL},
    {'R', 404, "POST", "/api/v1/rollouts/$1/halt", NULL},
    {'R', 404, "POST", "/api/v1/rollouts/$1/undo", NULL},
    {'R', 404, "POST", "/api/v1/rollouts/$1/skip", NULL},
    {'R', 404, "POST", "/api/v1/rollouts/$1/retry", NULL},
    {'R', 404, "POST", "/api/v1/rollouts/$1/approve", NULL},
    {'R', 404, "PUT", "/api/v1/rollouts/$1/priority", "{\"priority\":\"high\"}"},
    {'W', 404, "GET", "/api/v1/webhooks/$1", NULL},
    {'W', 404, "PATCH", "/api/v1/webhooks/$1", "{\"paused\":true}"},
    {'W', 404, "DELETE", "/api/v1/webhooks/$1", NULL},
    {'W', 404, "POST", "/api/v1/webhooks/$1/test", "{}"},
    {'W', 404, "GET", "/api/v1/webhooks/$1/deliveries", NULL},
    {'C', 404, "DELETE", "/api/v1/claims/$1", NULL},
    {'E', 404, "DELETE", "/api/v1/factory/$1", NULL},
    {'T', 404, "DELETE", "/api/v1/tokens/$1", NULL},
    {'S', 404, "DELETE", "/api/v1/sessions/$1", NULL},
    {'F', 404, "GET", "/api/v1/uploads/$1", NULL},
    {'U', 404, "PUT", "/api/v1/users/$1/role", "{\"role\":\"viewer\"}"},
    {'U', 404, "PUT", "/api/v1/users/$1/password", "{}"},
    {'U', 404, "DELETE", "/api/v1/users/$1/second-factor", NULL},
    {'U', 404, "DELETE", "/api/v1/users/$1", NULL},
};
#define LEAKS_COUNT (sizeof LEAKS / sizeof *LEAKS)

static const char *const LEAK_LISTS[] = {
    "/api/v1/devices",
    "/api/v1/releases",
    "/api/v1/rollouts",
    "/api/v1/pending",
    "/api/v1/claims",
    "/api/v1/factory",
    "/api/v1/webhooks",
    "/api/v1/tokens",
    "/api/v1/sessions",
    "/api/v1/users",
    "/api/v1/status",
    "/api/v1/audit",
    "/metrics",
    "/api/v1/session",
    "/api/v1/filters/complete?text=product:",
    "/api/v1/filters/complete?text=version:",
};

static inline const char *leak_name(const struct leaks *leaks, char kind)
{
    switch (kind) {
    case 'D':
        return leaks->device;
    case 'R':
        return leaks->rollout;
    case 'W':
        return leaks->webhook;
    case 'C':
        return leaks->claim;
    case 'T':
        return leaks->token;
    case 'S':
        return leaks->session;
    case 'F':
        return leaks->file;
    case 'E':
        return "7cdfa10000ee";
    case 'U':
        return "vera";
    default:
        return LEAK_PRODUCT;
    }
}

/* Of the same form, and nobody's. */
static inline void leak_nobody(const struct leaks *leaks, char kind, uint32_t seed,
                               char out[static 65])
{
    const char *name = leak_name(leaks, kind);
    size_t size = strlen(name);
    memcpy(out, name, size + 1);
    if (kind == 'R')
        snprintf(out, 24, "%u", 100000 + seed % 100000);
    else if (kind == 'U' || kind == 'P')
        snprintf(out, 65, "nobody%u", seed);
    else
        snprintf(out + size - 8, 9, "%08x", seed | 0x80000000U);
}

static inline void leak_fill(const char *format, const char *name, char out[static 300])
{
    const char *at = format ? strstr(format, "$1") : NULL;
    snprintf(out, 300, "%.*s%s%s", at ? (int)(at - format) : 300, format ? format : "",
             at ? name : "", at ? at + 2 : "");
}

/* What she is told, without the name that she asked for. */
static inline long leak_ask(struct leaks *leaks, size_t row, const char *name,
                            char said[static 400])
{
    struct live *live = leaks->authz->live;
    char path[300], body[300];
    leak_fill(LEAKS[row].path, name, path);
    leak_fill(LEAKS[row].body, name, body);
    struct call call = {LEAKS[row].method,
                        path,
                        leaks->eve,
                        NULL,
                        LEAKS[row].body ? body : NULL,
                        LEAKS[row].body ? strlen(body) : 0};
    long status = live_call(live, &call);
    snprintf(said, 400, "%s", live->body ? live->body : "");
    for (char *at = strstr(said, name); at; at = strstr(at, name))
        memset(at, '?', strlen(name)),
            memmove(at + 1, at + strlen(name), strlen(at + strlen(name)) + 1);
    return status;
}

static inline void leak_cell(struct leaks *leaks, size_t row, uint32_t seed)
{
    char theirs[400], nobodys[400], nobody[65];
    leak_nobody(leaks, LEAKS[row].kind, seed, nobody);
    long status = leak_ask(leaks, row, leak_name(leaks, LEAKS[row].kind), theirs);
    long other = leak_ask(leaks, row, nobody, nobodys);
    leaks->cells++;
    if (status == other && !strcmp(theirs, nobodys) &&
        (!LEAKS[row].status || status == LEAKS[row].status))
        return;
    leaks->leaks++;
    print_message("%s %s: of another organisation %ld %s, of nobody %ld %s\n", LEAKS[row].method,
                  LEAKS[row].path, status, theirs, other, nobodys);
}

static inline void leak_list(struct leaks *leaks, const char *path)
{
    struct live *live = leaks->authz->live;
    struct call call = {"GET", path, leaks->eve, NULL, NULL, 0};
    const char *const HIDDEN[] = {leaks->device, leaks->webhook, leaks->claim, leaks->token,
                                  leaks->file,   "vera",         LEAK_PRODUCT, "7cdfa10000ee"};
    leaks->cells++;
    assert_int_equal(live_call(live, &call), 200);
    for (size_t i = 0; i < sizeof HIDDEN / sizeof *HIDDEN; i++)
        if (strstr(live->body, HIDDEN[i])) {
            leaks->leaks++;
            print_message("GET %s holds %s of another organisation\n", path, HIDDEN[i]);
        }
}

static inline void leak_keep(struct live *live, const char *method, const char *path,
                             const char *body, const char *member, char *out, size_t size)
{
    long status = live_request(live, method, path, body);
    if (status / 100 != 2) print_message("%s %s: %ld %s\n", method, path, status, live->body);
    assert_int_equal(status / 100, 2);
    const json_t *value = json_object_get(live->json, member);
    if (json_is_integer(value))
        snprintf(out, size, "%lld", (long long)json_integer_value(value));
    else
        snprintf(out, size, "%s", json_string_value(value));
    assert_true(*out);
}

/* One of everything; the device is the one that authz_setup has let in. */
static inline void leaks_setup(struct leaks *leaks, struct authz *authz)
{
    struct live *live = authz->live;
    uint8_t digest[32];
    char expected[200];
    *leaks = (struct leaks){.authz = authz, .device = "7cdfa1000001"};
    struct bytes hidden = live_image(LEAK_PRODUCT, "1.0.0", live->key);
    assert_int_equal(live_upload(live, "", hidden.data, hidden.size), 201);
    secret_sha256(hidden.data, hidden.size, digest);
    godwit_hex_encode(digest, 32, leaks->file);
    free(hidden.data);
    struct bytes own = live_image("thermostat", "2.0.0", live->key);
    struct call upload = {"PUT",    "/api/v1/images", live->admin, "Godwit-Org: acme",
                          own.data, own.size};
    assert_int_equal(live_call(live, &upload), 201); /* what she has herself */
    free(own.data);
    leak_keep(live, "POST", "/api/v1/rollouts",
              "{\"product\":\"thermostat\",\"version\":\"1.0.0\"}", "rollout", leaks->rollout,
              sizeof leaks->rollout);
    leak_keep(live, "POST", "/api/v1/webhooks",
              "{\"url\":\"https://hooks.example.org/" LEAK_PRODUCT "\"}", "webhook", leaks->webhook,
              sizeof leaks->webhook);
    leak_keep(live, "POST", "/api/v1/claims", "{\"product\":\"" LEAK_PRODUCT "\",\"count\":3}",
              "claim", leaks->claim, sizeof leaks->claim);
    leak_keep(live, "POST", "/api/v1/tokens",
              "{\"scopes\":[\"read\"],\"user\":\"vera\",\"name\":\"" LEAK_PRODUCT "\"}", "id",
              leaks->token, sizeof leaks->token);
    snprintf(expected, sizeof expected,
             "{\"product\":\"" LEAK_PRODUCT "\",\"csv\":\"7cdfa10000ee,%064x\"}", 0xee);
    assert_int_equal(live_request(live, "POST", "/api/v1/factory", expected), 200);
    leaks->eve = authz_bearer(authz, OTHER_ADMIN);
    secret_sha256(authz_bearer(authz, ADMIN), strlen(authz->bearers[ADMIN]), digest);
    godwit_hex_encode(digest, 8, leaks->session);
}

/* Afterwards all is there still, as it was. */
static inline void leaks_check_whole(struct leaks *leaks)
{
    struct live *live = leaks->authz->live;
    char path[100];
    snprintf(path, sizeof path, "/api/v1/devices/%s", leaks->device);
    assert_int_equal(live_request(live, "GET", path, NULL), 200);
    assert_string_not_equal(live_text(live, "state"), "retired");
    assert_int_equal(live_count(live, "select count(*) from webhooks"), 1);
    assert_int_equal(live_count(live, "select count(*) from users where name = 'vera'"), 1);
    assert_int_equal(live_count(live, "select count(*) from factory"), 1);
    assert_int_equal(live_count(live, "select count(*) from claims where revoked > 0"), 0);
}

static inline void leaks_all(struct leaks *leaks, unsigned rounds)
{
    /* First, for what she asks for below stands in her own audit log. */
    for (size_t i = 0; i < sizeof LEAK_LISTS / sizeof *LEAK_LISTS; i++)
        leak_list(leaks, LEAK_LISTS[i]);
    for (unsigned round = 0; round < rounds; round++)
        for (size_t row = 0; row < LEAKS_COUNT; row++)
            leak_cell(leaks, row, round * 7919 + (unsigned)row);
    leaks_check_whole(leaks);
}

/* Each route whose path names something has a row above. */
static inline unsigned leaks_missing(void)
{
    unsigned missing = 0;
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        const char *pattern = ROUTES[i].pattern, *brace = strchr(pattern, '{');
        bool is_found = !brace || strncmp(pattern, "/api/", 5) != 0;
        for (size_t row = 0; row < LEAKS_COUNT && !is_found; row++) {
            const char *tail = strchr(brace, '}') + 1, *own = strstr(LEAKS[row].path, "$1");
            is_found = !strcmp(LEAKS[row].method, http_method_name(ROUTES[i].method)) && own &&
                       !strncmp(LEAKS[row].path, pattern, (size_t)(brace - pattern)) &&
                       own == LEAKS[row].path + (brace - pattern) &&
                       (!strcmp(own + 2, tail) || strchr(tail, '{'));
        }
        if (!is_found && ROUTES[i].upload) is_found = true; /* a file names itself */
        if (is_found) continue;
        missing++;
        print_message("%s %s has no row in tests/unit/server/leaks.h\n",
                      http_method_name(ROUTES[i].method), pattern);
    }
    return missing;
}
