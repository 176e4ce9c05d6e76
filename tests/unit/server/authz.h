/* Who may call what, said once more, for every kind of caller. A route without a row here fails. */
#pragma once

#include "fake_device.h"
#include "fleet/account.h"
#include "fleet/org.h"
#include "server/secret.h"
#include "unit/server/authz_rows.h"

enum authz_who {
    NONE,
    GARBAGE,
    UNKNOWN,
    DEVICE,
    DEVICE_OF_OTHER,
    CLAIM, /* no people */
    VIEWER,
    OPERATOR,
    RELEASER,
    ADMIN,
    OTHER_ADMIN, /* sessions */
    UNPROVED,
    FACTORLESS, /* an admin's, with no password of late; who has to set up a factor */
    TOKEN_READ,
    TOKEN_UPLOAD,
    TOKEN_DEPLOY,
    TOKEN_DEVICES,
    TOKEN_ADMIN, /* an admin's */
    TOKEN_REVOKED,
    TOKEN_EXPIRED,
    SESSION_IDLE,
    MACHINE,
    AUTHZ_COUNT
};

static const struct {
    enum authz_who who;
    const char *org, *user;
    enum role role;
    enum token_kind kind;
    unsigned scopes;
    bool is_proved;
} AUTHZ_TOKENS[] = {
    {VIEWER, FLEET_ORG, "vera", ROLE_VIEWER, TOKEN_SESSION, SCOPE_ALL, true},
    {OPERATOR, FLEET_ORG, "otto", ROLE_OPERATOR, TOKEN_SESSION, SCOPE_ALL, true},
    {RELEASER, FLEET_ORG, "rita", ROLE_RELEASER, TOKEN_SESSION, SCOPE_ALL, true},
    {ADMIN, FLEET_ORG, "admin", ROLE_ADMIN, TOKEN_SESSION, SCOPE_ALL, true},
    {OTHER_ADMIN, "acme", "eve", ROLE_ADMIN, TOKEN_SESSION, SCOPE_ALL, true},
    {UNPROVED, FLEET_ORG, "admin", ROLE_ADMIN, TOKEN_SESSION, SCOPE_ALL, false},
    {FACTORLESS, FLEET_ORG, "admin", ROLE_ADMIN, TOKEN_SESSION, 0, true},
    {TOKEN_READ, FLEET_ORG, "admin", ROLE_ADMIN, TOKEN_API, SCOPE_READ, false},
    {TOKEN_UPLOAD, FLEET_ORG, "admin", ROLE_ADMIN, TOKEN_API, SCOPE_UPLOAD, false},
    {TOKEN_DEPLOY, FLEET_ORG, "admin", ROLE_ADMIN, TOKEN_API, SCOPE_DEPLOY, false},
    {TOKEN_DEVICES, FLEET_ORG, "admin", ROLE_ADMIN, TOKEN_API, SCOPE_DEVICES, false},
    {TOKEN_ADMIN, FLEET_ORG, "admin", ROLE_ADMIN, TOKEN_API, SCOPE_ADMIN, false},
    {TOKEN_REVOKED, FLEET_ORG, "admin", ROLE_ADMIN, TOKEN_API, SCOPE_ALL, false},
    {TOKEN_EXPIRED, FLEET_ORG, "admin", ROLE_ADMIN, TOKEN_API, SCOPE_ALL, false},
    {SESSION_IDLE, FLEET_ORG, "admin", ROLE_ADMIN, TOKEN_SESSION, SCOPE_ALL, true},
};
#define AUTHZ_TOKENS_COUNT (sizeof AUTHZ_TOKENS / sizeof *AUTHZ_TOKENS)

struct authz {
    struct live *live;
    char bearers[AUTHZ_COUNT][160];
    unsigned made, cells, wrong, leaks;
};

static inline const struct authz_row *authz_find(const struct http_route *route)
{
    for (size_t i = 0; i < sizeof AUTHZ / sizeof *AUTHZ; i++)
        if (!strcmp(AUTHZ[i].pattern, route->pattern) &&
            !strcmp(AUTHZ[i].method, http_method_name(route->method)))
            return &AUTHZ[i];
    return NULL;
}

static inline void authz_begin(struct live *live)
{
    assert_int_equal(db_begin(live->app.db), GODWIT_OK);
}

static inline void authz_commit(struct live *live)
{
    assert_int_equal(db_commit(live->app.db), GODWIT_OK);
}

static inline void authz_people(struct live *live)
{
    authz_begin(live);
    int64_t now_s = live->app.started_s;
    assert_int_equal(org_create(&live->app.fleet, live->app.db, "acme", now_s), GODWIT_OK);
    for (size_t i = 0; i < 5; i++) {
        const struct account_new made = {AUTHZ_TOKENS[i].org, AUTHZ_TOKENS[i].user, "$x$",
                                         AUTHZ_TOKENS[i].role, now_s};
        if (strcmp(made.user, "admin") != 0)
            assert_int_equal(account_create(live->app.db, &made), GODWIT_OK);
    }
    authz_commit(live);
}

static inline void authz_token(struct authz *authz, size_t row)
{
    struct app *app = &authz->live->app;
    enum authz_who who = AUTHZ_TOKENS[row].who;
    char *text = authz->bearers[who];
    uint8_t digest[32];
    int64_t now_s = clock_unix_s(app->clock);
    bool is_session = AUTHZ_TOKENS[row].kind == TOKEN_SESSION;
    snprintf(text, sizeof authz->bearers[0], "%s.%u", is_session ? "gws" : "gwa", authz->made++);
    secret_sha256(text, strlen(text), digest);
    struct token_new made = {.org = AUTHZ_TOKENS[row].org,
                             .user = AUTHZ_TOKENS[row].user,
                             .name = "",
                             .product = "",
                             .kind = AUTHZ_TOKENS[row].kind,
                             .scopes = AUTHZ_TOKENS[row].scopes,
                             .token_sha256 = digest,
                             .now_s = who == SESSION_IDLE ? now_s - SESSION_IDLE_S : now_s,
                             .expires_s = now_s + (who == TOKEN_EXPIRED ? 0 : 100000),
                             .is_proved = AUTHZ_TOKENS[row].is_proved};
    authz_begin(authz->live);
    assert_int_equal(token_end_user(&app->fleet, app->db, NULL, made.user, NULL), GODWIT_OK);
    assert_int_equal(token_add(&app->fleet, app->db, &made), GODWIT_OK);
    if (who == TOKEN_REVOKED) assert_int_equal(token_end(&app->fleet, app->db, digest), GODWIT_OK);
    authz_commit(authz->live);
}

static inline const char *authz_bearer(struct authz *authz, enum authz_who who)
{
    for (size_t i = 0; i < AUTHZ_TOKENS_COUNT; i++)
        if (AUTHZ_TOKENS[i].who == who) authz_token(authz, i);
    return who == NONE ? NULL : authz->bearers[who];
}

static inline void authz_setup(struct authz *authz, struct live *live)
{
    struct fake_device fake = fake_make(1);
    *authz = (struct authz){.live = live};
    live_release(live, "1.0.0");
    live_claim(live, 5, authz->bearers[CLAIM]);
    fake_enrol(live, &fake, authz->bearers[CLAIM]);
    snprintf(authz->bearers[GARBAGE], sizeof authz->bearers[0], "gw1.x.y");
    snprintf(authz->bearers[UNKNOWN], sizeof authz->bearers[0], "%064x", 7);
    snprintf(authz->bearers[DEVICE], sizeof authz->bearers[0], "%s", fake.bearer);
    snprintf(authz->bearers[MACHINE], sizeof authz->bearers[0], "%s", live->admin);
    authz_people(live);
}

static inline long authz_expect(const struct authz_row *row, enum authz_who who)
{
    static const enum role ROLES[AUTHZ_COUNT] = {
        [VIEWER] = ROLE_VIEWER, [OPERATOR] = ROLE_OPERATOR, [RELEASER] = ROLE_RELEASER};
    static const unsigned SCOPES[AUTHZ_COUNT] = {
        [FACTORLESS] = 0,   [TOKEN_READ] = 1,    [TOKEN_UPLOAD] = 2,
        [TOKEN_DEPLOY] = 4, [TOKEN_DEVICES] = 8, [TOKEN_ADMIN] = 16,
    };
    bool is_device = who == DEVICE || who == DEVICE_OF_OTHER;
    if (row->flags & ANY) return 200;
    if (row->flags & (DEVICES | CLAIMS))
        return is_device || (who == CLAIM && row->flags & CLAIMS) ? 200 : 401;
    bool is_known =
        who >= VIEWER && who != TOKEN_REVOKED && who != TOKEN_EXPIRED && who != SESSION_IDLE;
    if (!is_known) return 401;
    bool is_token = who >= TOKEN_READ && who <= TOKEN_ADMIN;
    enum role role = ROLES[who] ? ROLES[who] : ROLE_ADMIN;
    unsigned scopes = is_token || who == FACTORLESS ? SCOPES[who] : SCOPE_ALL;
    if (row->flags & MACHINES && who != MACHINE) return 403;
    if (row->flags & SESSIONS && (is_token || who == MACHINE)) return 403;
    if (role < row->role || (row->scopes && !(row->scopes & scopes))) return 403;
    return row->flags & DANGEROUS && who == UNPROVED ? 403 : 200;
}

/* "{id}" becomes "7cdfa1000001", which is good or wrong for a handler, but not for the gate. */
static inline void authz_path(const char *pattern, char out[static 160])
{
    size_t size = 0;
    for (const char *at = pattern; *at; at++) {
        bool is_parameter = *at == '{';
        snprintf(out + size, 13, "%s", is_parameter ? "7cdfa1000001" : at);
        size += is_parameter ? 12 : 1;
        if (is_parameter) at = strchr(at, '}');
    }
    out[size] = 0;
}

static inline void authz_cell(struct authz *authz, const struct http_route *route,
                              const struct authz_row *row, enum authz_who who)
{
    char path[160];
    authz_path(route->pattern, path);
    struct call call = {
        http_method_name(route->method), path, authz_bearer(authz, who), NULL, NULL, 0};
    if (route->body_max) call.body = "{\"no-such\":1}", call.body_size = 13;
    long status = live_call(authz->live, &call), expected = authz_expect(row, who);
    bool is_in = status != 401 && status != 403;
    authz->cells++;
    if (expected == 200 ? is_in : status == expected) return;
    authz->wrong++;
    print_message("%s %s by caller %u: %ld, expected %ld\n", call.method, path, who, status,
                  expected);
}

static inline void authz_matrix(struct authz *authz)
{
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        const struct authz_row *row = authz_find(&ROUTES[i]);
        if (!row) {
            print_message("%s %s has no row in tests/unit/server/authz_rows.h\n",
                          http_method_name(ROUTES[i].method), ROUTES[i].pattern);
            authz->wrong++;
            continue;
        }
        for (unsigned who = 0; who < AUTHZ_COUNT; who++)
            if (who != DEVICE_OF_OTHER) authz_cell(authz, &ROUTES[i], row, (enum authz_who)who);
    }
}
