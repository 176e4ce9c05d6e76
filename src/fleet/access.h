/* Who may do what, as one pure decision: roles of people, scopes of tokens, organisations and
 * products of objects. The gate of routes asks it, and so does each handler for the objects that
 * it touches. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A role may do all that the ones before it may. */
enum role {
    ROLE_NONE,     /* nothing */
    ROLE_VIEWER,   /* reads */
    ROLE_OPERATOR, /* deploys, halts, lets devices in, within the limits that others set */
    ROLE_RELEASER, /* uploads, freezes, deletes */
    ROLE_ADMIN,    /* people, tokens, keys, settings */
    ROLE_COUNT
};
/* "viewer" …; ROLE_NONE where the text is none of them. */
enum role role_parse(const char *text);
const char *role_name(enum role role);

/* What a token is good for, as bits; a session has all that its role allows. */
enum scope {
    SCOPE_READ = 1,
    SCOPE_UPLOAD = 2,
    SCOPE_DEPLOY = 4,
    SCOPE_DEVICES = 8, /* lets devices in, names, tags, retires */
    SCOPE_ADMIN = 16,
    SCOPE_ALL = 31
};
/* "read" …; 0 where the text is none of them. */
unsigned scope_parse(const char *text);
/* The name of the n-th scope, NULL after the last. */
const char *scope_name(unsigned n);

#define ACCESS_NAME_MAX 33 /* of an organisation, a user, a product; with its NUL */

/* Who asks. */
struct actor {
    char org[ACCESS_NAME_MAX];
    char user[ACCESS_NAME_MAX];    /* "" where it is a device */
    char product[ACCESS_NAME_MAX]; /* the only one that its token is good for; "": all */
    enum role role;
    unsigned scopes;
    bool is_session, is_machine; /* by a typed password; by the data directory's token */
    int64_t proved_s;            /* when the session's password was typed last */
};

/* What a route asks of whoever calls it. */
struct access_need {
    enum role role;  /* the least */
    unsigned scopes; /* any one of them; 0: none */
};

/* What is touched. NULL members: not known yet, or the object has none. */
struct access_object {
    const char *org, *product;
};

enum gate {
    GATE_ALLOWED,
    GATE_HIDDEN,      /* 404, as if it did not exist */
    GATE_ROLE_LOW,    /* 403 */
    GATE_SCOPE_MISSES /* 403 */
};

/* need or object may be NULL: not asked. An object of another organisation is hidden before the
 * role is looked at, so that nobody learns that it exists. */
enum gate access_check(const struct actor *actor, const struct access_need *need,
                       const struct access_object *object);
