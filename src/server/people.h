/* Changes of people, sessions and tokens: what their handlers have in common. A handler fills in a
 * `struct people` and submits it; what is done, what is replied and how refusals read is a constant
 * row. */
#pragma once

#include <jansson.h>

#include "fleet/account.h"
#include "server/app.h"
#include "server/audit_log.h"
#include "server/permission.h"
#include "server/secret.h"

struct people;

struct people_refusal {
    int status; /* 0: can not be */
    const char *type, *detail, *field;
};

struct people_operation {
    const char *event;                        /* in the log */
    enum audit_action action;                 /* in the audit log */
    godwit_err (*run)(struct people *people); /* in the writer; MISSING and POLICY are refusals */
    json_t *(*view)(const struct people *people);
    int status; /* of the reply where it is well */
    struct people_refusal missing, policy;
};

struct people {
    struct change change; /* first: a change is one of people */
    const struct people_operation *operation;
    godwit_err refusal; /* MISSING, POLICY or OK */
    struct fleet *fleet;
    struct db *db;
    struct actor actor; /* who asks */
    /* by operation */
    char org[ACCESS_NAME_MAX], user[ACCESS_NAME_MAX], product[ACCESS_NAME_MAX], name[65];
    enum role role;
    enum token_kind kind;
    unsigned scopes;
    bool is_all, is_on;
    char password[32]; /* that was made, to be shown once; "": none was */
    char hash[SECRET_HASH_MAX];
    char token[80];
    uint8_t digest[32], mark[TOKEN_MARK_SIZE];
    uint8_t secret[ACCOUNT_TOTP_SIZE];
    char codes[ACCOUNT_RECOVERY_CODES][20];
    uint8_t codes_sha256[ACCOUNT_RECOVERY_CODES][32];
    int64_t step, now_s, expires_s;
};

/* In the request's arena, with who asks, its organisation and the time; NULL: answered. */
struct people *people_make(struct http_request *request, const struct people_operation *operation);
void people_submit(struct people *people);

/* "gwa." and 256 bits, with their digest. False: answered. */
bool people_make_token(struct people *people);
/* The hash of a password that is given (NULL: one is made, and shown once). False: answered. A
 * worker thread; one at a time. */
bool people_hash(struct people *people, const char *password);
/* A user's name from the path or a body. False: answered. */
bool people_take_user(struct people *people, const char *name);
/* The {id} of the path: a mark. False: answered. */
bool people_take_mark(struct people *people, const char *type);
/* 200 {"done": true} for what has nothing to say. */
json_t *people_view_done(const struct people *people);
/* The rows that a list shows, for all handlers of lists of people. */
#define PEOPLE_LIST_MAX 500
